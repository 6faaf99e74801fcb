"""Spanish morphology: as much as fact names and lists need.

Gender and number come from a list of nouns that name facts, then from endings that are safe; a noun of unknown
gender is never put behind an article, so nothing is guessed wrong. Rules and exceptions follow the RAE's *Nueva
gramatica* and *Ortografia*: el before stressed a (el agua), del / al before the article but not before a name that
begins with El, e before the sound i (but not before hie-, hia-), u before the sound o.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from postopt.generation.templates.words import fold

Gender = Literal["m", "f"]

# Nouns that name facts. Endings alone decide too little: "cierra", "empieza" and "nunca" end as "tarifa" does.
_MASCULINE = frozenset(
    "acceso aforo ahorro alcance almuerzo alquiler alto ancho aniversario aparcamiento aviso año boleto bono "
    "calendario canje carné caudal centro certificado cierre concierto concurso consumo contacto correo coste "
    "costo cupo curso código dato depósito descuento destino diámetro documento domicilio día ejemplo embarque "
    "encargo enlace ensayo envase envío episodio espacio estado estante estreno estudio evento examen formato "
    "formulario garaje gasto grosor grupo horario idioma importe impuesto ingreso inicio interés kilo largo lema "
    "local lote lugar límite maridaje material menú mercado mes modelo modo monto máximo mínimo nivel nombre "
    "número objetivo pago paquete par pase pedido peso piso plan plato plazo portal precio premio producto "
    "programa proyecto puesto puntaje punto ramo recargo recital recorrido reembolso regalo registro reparto "
    "requisito retiro rollo ruido salario salón sector seguro seminario servicio sitio sorteo sueldo taller "
    "tamaño taxi teléfono tema tiempo tipo torneo traslado turno título valor volumen".split()
)
_FEMININE = frozenset(
    "agenda agua altura anchura apertura asistencia aula autonomía autopista ayuda batería bebida bodega bolsa "
    "cabina cafetería caja calle cama camiseta carga carrera carta cata cena charla cita clase clave cobertura "
    "comida compra consulta cosecha cuenta cuota demora dosis entrada entrega entrevista escala escuela espera "
    "etapa etiqueta fase fecha fianza ficha fila firma forma foto franja frase fuente función garantía gira guía "
    "hora humedad imagen jornada labor lectura lista llave llegada luz línea mano marca matriz matrícula medida "
    "memoria mensualidad merienda mesa meta miel mitad muestra multa música noche norma nota obra oferta orden "
    "orquesta parada parte partida película pista planta plaza posada potencia prima promesa propina prueba "
    "puerta puntería página pérdida ración raíz receta red referencia regla renta reserva respuesta revista ronda "
    "ruta sal sala salida sede semana serie señal suite superficie tarde tarifa tarjeta taza tela temperatura "
    "temporada tienda tinta tonelada torre vacuna velada velocidad venta ventana visita vista votación voz vuelta "
    "web zona área".split()
)
# Endings that only nouns of one gender have.
_FEMININE_ENDING = re.compile(r"(ción|sión|dad|tad|tud|encia|ancia)$")
_MASCULINE_ENDING = re.compile(r"(miento|aje)$")
_UNSAFE_LAST = frozenset("desde hasta antes después por para de del en con sin a y o que no".split())
_STRESSED_A = re.compile(r"(agua|área|aula|águila|alma|arma|hambre|habla|ala|ancla|acta|alta|aria)$")


class Noun(NamedTuple):
    """What agreement needs to know about a noun phrase."""

    gender: Gender
    plural: bool
    stressed_a: bool


def noun(label: str) -> Noun | None:
    """Return gender and number of the noun that begins `label`, or None if they are not known for sure.

    A label is taken for a noun phrase only if it reads as one: "fecha límite", "precio por persona", but not
    "precio desde" (no value can follow its article) nor "no cubre" (a verb).
    """
    words = label.split()
    if not words or words[-1].casefold() in _UNSAFE_LAST or not words[0].isalpha():
        return None
    head = words[0].casefold()
    for singular, plural in _singulars(head):
        gender = _gender(singular)
        if gender:
            return Noun(gender, plural, bool(_STRESSED_A.match(singular)))
    return None


def article(of: Noun) -> str:
    """Return the definite article: el, la, los or las (el agua, but las aguas)."""
    if of.plural:
        return "los" if of.gender == "m" else "las"
    return "el" if of.gender == "m" or of.stressed_a else "la"


def contract(preposition: str, phrase: str) -> str:
    """Join "a" or "de" with a phrase: al público, del barrio, but de El Molino (a name keeps its article)."""
    if phrase.startswith("el "):
        return ("al " if preposition == "a" else "del ") + phrase[3:]
    return f"{preposition} {phrase}"


def conjunction(following: str, *, or_: bool = False) -> str:
    """Return y or e, o or u, whichever the sound of the following word asks for."""
    word = fold(following.lstrip("¿¡«\"'(").split(maxsplit=1)[0] if following.strip() else "")
    if or_:
        return "u" if re.match(r"h?o|8|11(\D|$)|11\.?000", word) else "o"
    # The glide of hie- and hia- (hielo, hiato) is no vowel i: y hielo; io- and iu- are (Iordania is not Spanish).
    return "e" if re.match(r"h?i(?!e|a)|hidr", word) or re.match(r"i", word) else "y"


def join(items: Sequence[str], *, or_: bool = False) -> str:
    """Return items as a list in words: a, b y c."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction(items[-1], or_=or_)} {items[-1]}"


def _singulars(head: str) -> list[tuple[str, bool]]:
    """Return the singulars that `head` may be a form of, each with whether `head` is then a plural."""
    if head in _MASCULINE or head in _FEMININE or not head.endswith("s"):
        return [(head, False)]
    forms = [(head[:-1], True)]
    if head.endswith("ces"):
        forms.append((head[:-3] + "z", True))
    if head.endswith("es"):
        # -ones and -enes lose or move their accent: inscripciones, sesiones, exámenes.
        forms += [(head[:-2], True), (re.sub("on$", "ón", head[:-2]), True)]
    return forms


def _gender(singular: str) -> Gender | None:
    if singular in _MASCULINE or _MASCULINE_ENDING.search(singular):
        return "m"
    if singular in _FEMININE or _FEMININE_ENDING.search(singular):
        return "f"
    return None
