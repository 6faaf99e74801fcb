"""How a Spanish brief addresses its reader, read from its own words.

A post that says "Mira" above a call to action that says "Pidan" reads as a mistake. The call to action and the topic
show which form the brief uses; where they do not (or use vos, for which the banks have no form), only clauses that
do not address the reader are used.
"""

from __future__ import annotations

import re

from postopt.generation.templates.clause import ADDRESSES
from postopt.types import Brief

_VOS = re.compile(r"vos|\w{2,}[áéí](te|nos|me)?|(?=[^áéíóú]*$)\w{3,}(ate|ete|ite|ala|alo|ela|elo)")
_VOSOTROS = re.compile(r"(?<!\w)(?!salud$|verdad$|ciudad$|red$|pared$|edad$)\w{2,}(ad|ed|id|aos|eos|íos)$")
_USTEDES = re.compile(r"(?<!\w)\w{3,}(en|an|ense|anse|enlo|enla|anlo|anla)$")
_TU_VERBS = frozenset(
    "abre actualiza acércate agenda anota apunta apúntate aparta aprende baja busca calienta cambia cena compara "
    "compra comparte confirma consulta contacta conoce corre cotiza crea cuéntanos cuelga descarga descubre deja "
    "elige empieza encarga entra envía envíanos escribe escríbenos escucha estudia haz habla inscríbete jálate "
    "lee llama llámanos llega lleva manda matricúlate mira monta mueve ofrece pasa pásate pide pon pregunta "
    "prepara prueba reserva revisa sal saca separa sigue solicita suma súmate sube ten toma trae ve ven "
    "visita vota vuelve únete".split()
)
_USTED_VERBS = frozenset(
    "abra actualice acérquese agende anote apunte aparte aprenda baje busque cambie compare compre comparta "
    "confirme consulte contacte conozca cotice cree cuéntenos cuelgue descargue descubra deje elija empiece "
    "encargue entre envíe envíenos escriba escríbanos escuche haga hable inscríbase lea llame llámenos llegue "
    "lleve mande matricúlese mire pase pida ponga pregunte prepare pruebe reserve revise saque separe siga "
    "solicite sume súmese suba tenga tome traiga vea venga visite vote vuelva únase".split()
)
_TU_WORDS = re.compile(r"\b(tú|tu|tus|te|ti|contigo|tuyo|tuya|tuyos|tuyas)\b", re.IGNORECASE)
_VOSOTROS_WORDS = re.compile(r"\b(vosotros|vosotras|vuestr[oa]s?|os)\b", re.IGNORECASE)
_USTED_WORDS = re.compile(r"\busted\b", re.IGNORECASE)
_USTEDES_WORDS = re.compile(r"\bustedes\b", re.IGNORECASE)


def infer(brief: Brief) -> int | None:
    """Return the index into `ADDRESSES` of the form this brief uses, or None if it shows none that we have."""
    call = (brief.call_to_action or "").casefold()
    words = re.findall(r"\w+", call)
    first = words[1] if words[:1] == ["no"] and len(words) > 1 else (words[0] if words else "")
    if brief.language.casefold() in {"es-ar", "es-uy", "es-py"} or (_VOS.fullmatch(first) and first not in _TU_VERBS):
        return None
    if first in _TU_VERBS:
        return ADDRESSES.index("tu")
    if first in _USTED_VERBS:
        return ADDRESSES.index("usted")
    if _VOSOTROS.search(first):
        return ADDRESSES.index("vosotros")
    if _USTEDES.search(first):
        return ADDRESSES.index("ustedes")
    return _from_pronouns(f"{call} {brief.topic}")


def _from_pronouns(text: str) -> int | None:
    for name, pattern in (
        ("ustedes", _USTEDES_WORDS),
        ("usted", _USTED_WORDS),
        ("vosotros", _VOSOTROS_WORDS),
        ("tu", _TU_WORDS),
    ):
        if pattern.search(text):
            return ADDRESSES.index(name)
    return None
