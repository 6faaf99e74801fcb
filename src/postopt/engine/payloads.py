"""What the race measures on: synthetic posts of each size class, or the caller's own objects if they are passed.

The posts are English and Spanish, with accents, emoji, prices and floats, put together from clauses by a seeded
generator: the same bytes in every process, and nobody's text. Their share of repeated words lies between that of
one post and that of a feed, so read compression ratios as an order, not as a promise.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from postopt.engine.records import SIZES

LARGEST = 1 << 20
"""Objects of the caller that encode to more bytes than this are not measured: one call would take the budget."""

# Few large payloads, more small ones: each class measures some 16 to 64 KB of distinct data.
_COUNTS = {256: 8, 4096: 4, 65536: 1}

_ENGLISH = {
    "openings": """
Mornings are short; breakfast should not be.
Your garden called: it wants a drink 🌿
We fixed the zip everybody complained about.
Three years of waiting lists end today.
Ever tried to fold a fitted sheet in the dark?
Our bakers get up at 3:40 so that you do not have to.
New in the workshop: a chair that forgives bad posture.
Half the weight, twice the pockets.
What would you do with one more hour on Friday?
The kettle that asks no questions ☕
Rain on Saturday, sun on Sunday, discounts on both.
You asked for larger sizes – here they are.
A dentist, a drummer and a deep-sea diver walk into our café…
Winter tyres, summer price.
This is the last newsletter before the move!
Small studio, big windows, no landlord stories.""",
    "bodies": """
It runs for {n} hours on one charge and weighs less than a paperback.
Every batch is tasted by people who were told to be rude about it.
Booking takes {m} minutes, cancelling takes one.
From {price} including delivery, and the box becomes a bird house 🐦
Made within {n} km of the shop, by four people and one very old machine.
{n} teachers tested it for a term; {m} of them refused to give it back.
We publish what we pay for coffee, milk and rent, so you know where {price} goes.
The oak comes from storm wood, so no two tables look alike.
It works with the phone you have, not with the one you are told to buy.
Spare parts stay in stock for {n} years – that is a promise in writing.
Our evening course starts with a blank page and ends with a short film 🎬
Guests rated the night train 4.{m} out of 5 and slept through the best part.
There are {n} places left, and the guide speaks English, Spanish and Basque.
Free for schools, {price} a month for everybody else.
You will not need an app, an account or a manual.
The filter catches what a cough leaves behind, as tests by two laboratories show.""",
    "calls": """
Come by on Thursday, the first cup is on us.
Reserve yours before the {n}th.
Ask us anything below 👇
Read the small print first; it fits on a postcard.
Tag somebody who still uses the old one 😄
Send us a photo and we will quote within {m} days.
See all colours at example.com/new
Try it for {n} days, keep it only if you miss it.""",
    "tags": "local handmade weekend slowfood repair training winter2025 sale cycling family remote design",
}
_SPANISH = {
    "openings": """
¿Y si este año el jardín se riega solo? 🌿
Madrugamos a las {m} para que el pan llegue caliente.
Llevas tiempo pidiéndolo: ya está aquí.
Se acabó pelearse con la cremallera.
Menos peso, más bolsillos, el mismo precio.
El sábado llueve; nosotros ponemos el café ☕
¡Última semana antes de la mudanza!
Tu abuela tenía razón sobre las sartenes de hierro.
Una silla que perdona las malas posturas.
Diseñamos la mochila que nos habría gustado llevar al colegio.
Hay mañanas que merecen dos desayunos.
Neumáticos de invierno, precio de verano.
Pequeño taller, grandes ventanas, ninguna prisa.
¿Cuántas pestañas tienes abiertas ahora mismo?
Lo probó un dentista, un batería y una bióloga marina…
Por fin, tallas grandes sin pedir disculpas.""",
    "bodies": """
Aguanta {n} horas con una sola carga y pesa menos que una novela.
Cada lote lo catan personas a las que pedimos que fueran sinceras.
Reservar lleva {m} minutos; anular, uno.
Desde {price} con envío incluido, y la caja se convierte en casita para pájaros 🐦
Hecho a menos de {n} km de la tienda, con una máquina que tiene más años que nosotros.
{n} maestras lo usaron durante un trimestre y {m} no quisieron devolverlo.
Publicamos lo que pagamos por el café, la leche y el alquiler: así sabes adónde van tus {price}.
La madera viene de árboles caídos, así que no hay dos mesas iguales.
Funciona con el móvil que ya tienes, no con el que te quieren vender.
Guardamos repuestos durante {n} años, y lo firmamos.
El curso empieza con una página en blanco y termina con un corto 🎬
Los viajeros puntúan el tren nocturno con un 4,{m} y se duermen en lo mejor.
Quedan {n} plazas, y la guía habla español, inglés y euskera.
Gratis para los colegios; para los demás, {price} al mes.
No hace falta aplicación, ni cuenta, ni manual de instrucciones.
El filtro retiene lo que deja una tos, según dos laboratorios independientes.""",
    "calls": """
Pásate el jueves: invitamos nosotros.
Reserva la tuya antes del día {n}.
Pregúntanos lo que quieras 👇
Lee la letra pequeña; cabe en una postal.
Etiqueta a quien todavía usa la de antes 😄
Mándanos una foto y te damos precio en {m} días.
Mira todos los colores en example.com/es/nuevo
Pruébala {n} días y quédatela solo si la echas de menos.""",
    "tags": "barrio hechoamano findesemana comidalenta reparación otoño rebajas bici familia teletrabajo diseño niños",
}
_BANKS = {
    language: {slot: [line for line in (text.split() if slot == "tags" else text.splitlines()) if line]
               for slot, text in bank.items()}
    for language, bank in (("en", _ENGLISH), ("es", _SPANISH))
}  # fmt: skip


def synthetic(size: int) -> list[Any]:
    """Return objects that each encode to about `size` bytes of JSON, one of `SIZES`; the same on every call."""
    rng = random.Random(size)  # noqa: S311  # repeatable on purpose
    languages = ("en", "es")
    return [_payload(rng, size, languages[i % 2]) for i in range(_COUNTS[size])]


class Payloads(NamedTuple):
    """What one size class is measured on: objects, and the same as JSON bytes."""

    objects: list[Any]
    encoded: list[bytes]


def choose(objects: Iterable[Any]) -> dict[int, Payloads]:
    """Return the first few objects of each size class; a class that none belongs to is missing.

    An object belongs to the nearest of `SIZES` on a logarithmic scale; those above `LARGEST` bytes are left out.

    Raises:
        TypeError: an object is not made of JSON's types.
        ValueError: an object holds NaN, an infinity, a lone surrogate or a cycle.
    """
    chosen: dict[int, Payloads] = {}
    for obj in objects:
        blob = encode(obj)
        size = min(SIZES, key=lambda size: abs(math.log(len(blob) / size)))
        payloads = chosen.setdefault(size, Payloads([], []))
        if len(blob) <= LARGEST and len(payloads.objects) < _COUNTS[size]:
            payloads.objects.append(obj)
            payloads.encoded.append(blob)
    return {size: payloads for size, payloads in chosen.items() if payloads.objects}


def complete(chosen: Mapping[int, Payloads]) -> dict[int, Payloads]:
    """Return payloads for each of `SIZES`: the chosen ones, and synthetic ones for classes that are missing."""
    missing = [size for size in SIZES if size not in chosen]
    return {**chosen, **{size: _payloads(synthetic(size)) for size in missing}}


def _payloads(objects: list[Any]) -> Payloads:
    return Payloads(objects, [encode(obj) for obj in objects])


def encode(obj: Any) -> bytes:
    """Return the object as compact UTF-8 JSON: what loads, hashes and compression are measured on."""
    return json.dumps(obj, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _payload(rng: random.Random, size: int, language: str) -> Any:
    if size <= min(SIZES):
        return {"id": f"p{rng.getrandbits(32):08x}", "text": _text(rng, language, 1), "score": rng.random()}
    posts: list[Any] = []
    whole = {"brand": "Taller Ñandú & Sons", "language": language, "page": rng.randrange(10**9), "posts": posts}
    remaining = size - len(encode(whole))
    while remaining > 0:
        posts.append(_post(rng, language if size < max(SIZES) else rng.choice(("en", "es"))))
        remaining -= len(encode(posts[-1])) + 1
    return whole


def _post(rng: random.Random, language: str) -> dict[str, Any]:
    impressions = int(rng.lognormvariate(7.5, 1.3))
    clicks = int(impressions * rng.betavariate(2, 60))
    return {
        "id": f"p{rng.getrandbits(64):016x}",
        "text": _text(rng, language, rng.randint(1, 3)),
        "language": language,
        "tone": rng.choice(("professional", "urgent", "technical", "creative", "friendly", "playful")),
        "created": f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:30:00+00:00",
        "hashtags": [f"#{tag}" for tag in rng.sample(_BANKS[language]["tags"], rng.randint(0, 3))],
        "metrics": {"impressions": impressions, "clicks": clicks, "rate": clicks / max(impressions, 1)},
        "published": rng.random() < 0.8,
        "parent": None,
    }


def _text(rng: random.Random, language: str, sentences: int) -> str:
    bank = _BANKS[language]
    parts = [rng.choice(bank["openings"]), *rng.sample(bank["bodies"], sentences), rng.choice(bank["calls"])]
    price = f"{rng.randint(3, 899)}{rng.choice(('.00', '.50', '.90'))}"
    price = f"${price}" if language == "en" else f"{price.replace('.', ',')} €"
    return " ".join(parts).format(n=rng.randint(2, 48), m=rng.randint(2, 9), price=price)
