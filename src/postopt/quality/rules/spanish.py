"""The opening marks of Spanish questions and exclamations, and telling Spanish from its neighbours.

Source: Real Academia Española, Ortografía de la lengua española (2010), chapter III, 3.4.9: the opening marks are
obligatory, and stand where the question or exclamation begins: after a greeting, somebody's name or whatever else is
said before ("Hola, ¿vienes?"), and before what only asks for agreement ("Es bueno, ¿verdad?"). As many marks open as
close; one of each is put where several of a kind close. Where it is not certain at which comma a question begins,
it is found and not mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from postopt.quality.lexicon import FUNCTION_WORDS, WORDS
from postopt.quality.rules.defects import Defect, quoted
from postopt.quality.rules.ends import MIDDLE, ends_only

_WORD = re.compile(r"[^\W\d_]+")
_END = re.compile(r"[.…\n]+|[!?]+")
_ENGLISH = frozenset(FUNCTION_WORDS["en"].split()) | set("i am im me my happy love thank thanks good day".split())
_SPANISH = (
    (
        frozenset(FUNCTION_WORDS["es"].split())
        | frozenset(word for both in WORDS.values() for word in both["es"].split())
    )
    - frozenset(word for both in WORDS.values() for word in both.get("en", "").split())
    - _ENGLISH
) | frozenset(
    "esta hay vamos tiene eso ese todo todos ven venid vengan venga ven hola buenas buenos gracias felicidades feliz "
    "enhorabuena bienvenido bienvenida bienvenidos bienvenidas apúntate apuntas apuntamos quieres conoces vienes eres "
    "estamos tenemos queremos abrimos abierto abierta nueva nuevo gran llega llegan vuelve vuelven corre corran "
    "anímate entra entren participa participen gana disfruta disfruten cuéntanos dinos verdad mañana siempre".split()
)
_ACCENTED = re.compile("[áéíóúñü]")
# Of the frequent ones, those that its neighbours do not have.
_OWN = frozenset(
    "el los las y muy pero hay está están ustedes usted hoy ya sus nuestro nuestra nuestros nuestras fue qué cómo "
    "cuándo quién hasta también siempre es su tu más tus aquí yo eres soy somos tiene tienen".split()
)
_OPENS = str.maketrans("?!", "¿¡")
_FOREIGN = frozenset("ãõçêèàâôûîœ")
# Frequent in French, Portuguese, Italian or Catalan, and no words of Spanish.
NEIGHBOURS = frozenset(
    "le les et est du des une pour avec dans sur vous nous ce cette au aux qui ne pas je il ils elle "
    "não uma em os do da dos das você vocês ao na nas nos pela pelo seu sua com foi mais isso quem "
    "il di che è per non gli sono della dei nel alla anche più i amb els és dels".split()
)
_ASKING = re.compile(
    r"(?:\b(?:y|pero|o|entonces)\s+)?(?:\b(?:por|para|de|a|en|con|desde|hasta)\s+)?"
    r"\b(?:qué|cómo|cuándo|dónde|adónde|quién|quiénes|cuál|cuáles|cuánto|cuánta|cuántos|cuántas)\b"
    # As many write it, before a verb that makes a question of it.
    r"|\b(?:a |y )?(?:que|como|cuando|donde|quien|cual|cuantos)\s+"
    r"(?:esper|opin|piens|cre[eo]|hac[eé]s|dic[eé]s|tal\b|est[aá]s?\b|prefier|prefer|elig|eleg|quier|vien|te parec)",
    re.IGNORECASE,
)
_AGREED = re.compile(
    r"(?:verdad(?: que sí)?|eh|ok|vale|cierto|sí|o no|a que sí|o sí|no crees|no creen|no es cierto|no te parece"
    r"|no les parece|no)\Z",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:hola|buenas|buen[oa]s (?:días|tardes|noches)|hey|ey|oye|oíd|oigan?|bueno|pues|por cierto|perdón|perdona"
    r"|disculpa|amig[oa]s?|chic[oa]s|familia|gente|señor(?:a|as|es)?|querid[oa]s)(?:,? [^\W\d_]+){0,2},\s*",
    re.IGNORECASE,
)
# Begins a question, whatever commas follow.
_BEGINS = re.compile(
    r"(?:y |pero |o |ya |aún |todavía |no )*(?:te|os|le|les|se|sab[eé]s|sabías|sabíais|sabían|quier[eo]n?s?|querés|"
    r"conoc[eé]s|conocías|ten[eé]s|tien[eo]n?s?|pued[eo]n?s?|podés|has|han|habéis|eres|sos|sois|son|est[aá]s?|están|"
    r"estáis|hay|cre[eo]n?s?|prefier[eo]n?s?|necesitas?|buscas?|vienes|vas|vamos|imaginas?|recuerdas?|recuerdan)\b",
    re.IGNORECASE,
)
_SPACED = re.compile(rf"{MIDDLE}\s+\Z")
_FIRST = re.compile(r"[\w#@\"“«']")


def inverted_marks(text: str, language: str) -> Iterator[Defect]:
    """Yield questions and exclamations that a Spanish sentence closes and does not open; others are left alone.

    A text in Spanish may quote a sentence in another language: the sentence itself must speak for Spanish. The span is
    the sentence with its mark.
    """
    if language != "es" or not ("?" in text or "!" in text):
        return
    covered = ends_only(text)
    start = closed = 0  # where the sentence begins, and where the last question or exclamation ended
    for end in _END.finditer(covered):
        sentence = covered[start : end.start()]
        if end[0][0] not in "?!":
            start = end.end()
            continue
        # What was opened may go on after an ellipsis, an abbreviation or the end of a line.
        opened = covered.find("¿", closed, end.start()) >= 0 or covered.find("¡", closed, end.start()) >= 0
        # An abbreviation and a space before the mark: nobody can tell what it closes.
        if not opened and _is_spanish(sentence) and not _SPACED.search(sentence):
            yield _unopened(text, sentence, start, end.span())
        start = closed = end.end()


def _unopened(text: str, sentence: str, start: int, marks: tuple[int, int]) -> Defect:
    closing = text[slice(*marks)]
    asks = "?" in closing
    opening = _question_opening(sentence) if asks else 0
    place = start + (opening or 0)
    first = _FIRST.search(text, place, marks[0])
    place = first.start() if first else place
    once = closing[0] if len(set(closing)) == 1 else "?!"
    mended = once.translate(_OPENS)[::-1] + text[place : marks[0]] + once
    message = (
        f"The {'question' if asks else 'exclamation'} {quoted(text[place : marks[1]])} lacks its "
        f"{quoted('¿' if asks else '¡')}."
    )
    return Defect("correctness.inverted_mark", place, marks[1], None if opening is None else mended, message)


def _question_opening(sentence: str) -> int | None:
    """Return where in a sentence its question begins, or None where only its writer can tell."""
    for found in _ASKING.finditer(sentence):
        if sentence[: found.start()].rstrip()[-1:] in (",", ":", ";", "-", "—"):
            return found.start()
    comma = sentence.rfind(",")
    if comma >= 0 and _AGREED.match(sentence[comma + 1 :].strip()):
        return comma + 1
    clause = max(sentence.rfind(mark) for mark in ":;") + 1
    first = _FIRST.search(sentence, clause)
    begin = first.start() if first else clause
    if before := _BEFORE.match(sentence, begin):
        begin = before.end()
    if "," not in sentence[begin:] or _BEGINS.match(sentence, begin) or _ASKING.match(sentence, begin):
        return begin
    after = _FIRST.search(sentence, comma)
    alone = sentence.count(",", begin) == 1 and after is not None and _BEGINS.match(sentence, after.start())
    return comma + 1 if alone else None


def _is_spanish(sentence: str) -> bool:
    words = _WORD.findall(sentence.casefold())
    others = sum(word in _ENGLISH or (word in NEIGHBOURS and word not in _SPANISH) for word in words)
    return sum(word in _SPANISH or _ACCENTED.search(word) is not None for word in words) > others


def lead(words: Sequence[str]) -> int:
    """Return by how many words, in lower case, Spanish is ahead of French, Portuguese, Italian and Catalan."""
    foreign = sum(word in NEIGHBOURS or not _FOREIGN.isdisjoint(word) for word in words)
    return sum(word in _OWN for word in words) - foreign
