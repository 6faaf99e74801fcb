"""Where a text ascribes a personal attribute to its reader, in English and Spanish.

Naming an attribute is allowed ("a service for people with diabetes"), addressing the reader is allowed ("your table is
waiting"); saying or asking of the reader, or of the reader's family, that they have it is not. So each mention of an
attribute is looked at with the sentence around it: does what stands before it ("are you a", "your", "other"), or after
it ("like you"), tie it to the reader; or is it a question without a subject ("Broke?")? Both languages are read
whatever the text's own, since their words of address hardly occur in each other's texts.

It sees words, not meanings: what it cannot see is what is said without any of its words, in other languages, or with
letters replaced or hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.quality.rules.attributes import DID, HAS, IS, NAMES
from postopt.quality.rules.spreading import spread
from postopt.quality.spans import Span

# Code points of a sentence that are read on either side of a mention.
_REACH: Final = 120
_ENDS = re.compile(r"[.!?…\n\0]+")
# "Seniors, claim your discount": whom a request is put to; not the first of a list ("Seniors, students and children").
_REQUEST: Final = {
    "en": r", (?:claim|get|join|come|save|enjoy|discover|meet|try|apply|call|find|this (?:\w+ )?is|you|your)(?!\w)",
    "es": r", (?:ven|venid|vengan|pide|llama|únete|consigue|aprovecha|conoce|descubre|est[aeo] (?:\w+ )?es|tu|tú|"
    r"te)(?!\w)",
}
# "Debt is keeping you awake": what somebody has does something to the reader.
_DOES: Final = {
    "en": r" (?:(?:is|are|that|to|just|still|can|will|won't|shouldn't|don't|doesn't) )?(?:keep|hold|stop|ruin|weigh|"
    r"bring|get|cost|steal|control|leav|crush|mak|rul|hurt|slow)\w{0,4} (?:\w+ )?your?(?!\w)",
    "es": r" (?:no |ya )?(?:te|os) \w+",
}
_ANY_ADDRESS = re.compile(
    r"(?<!\w)(?:you|your|yours|yourself|u|other|fellow|hey|hi|hello|dear|attention|calling|tus?|te|ti|tú|vos|"
    r"usted(?:es)?|vuestr[oa]s?|eres|sos|sois|estás|estáis|otr[oa]s|hola|atención|querid[oa]s|tienes|tenés|tenéis|"
    r"vives|vivís|convives|luchas|lidias|padeces|sufres|puedes|podés|sabes|mereces|necesitas|quieres)(?!\w)|[?¿]|"
    + "|".join(_REQUEST.values()),
    re.IGNORECASE,
)


_FAMILY: Final = {
    "en": r"(?:son|daughter|child|kid|children|kids|baby|teen|mother|mom|mum|father|dad|parents?|husband|wife|partner|"
    r"brother|sister|grand\w+|family|loved ones?)",
    "es": r"(?:hij[oa]s?|niñ[oa]s?|bebé|madre|mamá|padre|papá|padres|marido|mujer|espos[oa]|pareja|herman[oa]s?|"
    r"abuel[oa]s?|familia|familiar)",
}
# "Your Jewish heritage": what somebody has who is something. In Spanish the noun comes first, and is in the mention.
_HERITAGE: Final = r"heritage|roots|ancestry|descent|origins?|upbringing|faith|beliefs|skin"
_PERSON: Final = {
    "en": r"(?:singles?|people|persons?|m[ea]n|wom[ea]n|moms?|mums?|dads?|mothers?|fathers?|parents?|couples?|families|"
    r"folks?|guys|girls|ladies|professionals|students|adults|users|voters|friends)",
    "es": r"(?:solter[oa]s|personas?|gente|hombres?|mujer(?:es)?|madres?|padres?|parejas?|familias|chic[oa]s|"
    r"amig[oa]s)",
}
_FILLED: Final = {
    "en": r"(?:(?:a|an|the|all|still|currently|really|newly|recently|also|so|too|very|already|secretly|openly|any|"
    r"some|one|of|those|own|single|young|older|old|proud|practi[sc]ing|devout|chronic|severe|mild|type [12]|much|"
    r"many|lots|lot|families|parents|more|bad|high|constant|daily|painful|stubborn|unpaid|feeling|getting|becoming|"
    r"suffering from|struggling with|living with|\w+ (?:weeks|months)|woman|m[ae]n|women|person|people|someone|"
    r"somebody|who(?: is| are|"
    r"'s)?|legally|clinically|severely|morbidly|from|in) ){0,5}",
    "es": r"(?:(?:un|una|unos|unas|el|la|los|las|muy|todavía|aún|ya|también|más|algun[oa]s?|algún|muchas?|muchos|"
    r"tantas?|mujer(?:es)?|hombres?|chic[oa]s?|familias?|persona|personas|gente|madre|padre|solter[oa]s?|joven|"
    r"jóvenes|de|con|que tiene[ns]?|crónic[oa]s?|graves?|alguien|practicantes?|buen|buena|cerca) ){0,4}",
}
_BE: Final = {
    "en": r"(?:(?:are|aren't|were) (?:you|u)|you(?:'re| are| aren't|'re not| were|'ve been| have been| feel| seem|"
    r" look)|do you (?:feel|identify as)|you identify as)",
    "es": r"(?:eres|sos|es usted|usted es|sois|son ustedes|ustedes son|estás|está usted|usted está|estáis|"
    r"están ustedes|te sientes|te sentís|te consideras|te identificas como)",
}
_HAVE: Final = {
    "en": r"(?:do you (?:have|suffer from|live with|struggle with|fight|battle|face|experience|need help with)|"
    r"you(?:'re|'ve| are| have| (?:don't|do not|shouldn't|needn't) have to)? ?(?:have|had|got|"
    r"suffer(?:ing)?(?: from)?|liv(?:e|ing) with|struggl(?:e|ing) with|deal(?:ing)? with|battl(?:e|ing)|"
    r"fight(?:ing)?|fac(?:e|ing)|been diagnosed with|cop(?:e|ing) with|worried about|tired of)|"
    r"are you (?:suffering from|living with|struggling with|dealing with|battling|facing|worried about|tired of|in)|"
    r"have you (?:got|had))",
    "es": r"(?:tienes|tenés|tiene usted|usted tiene|tenéis|tienen ustedes|padeces(?: de)?|padecés(?: de)?|"
    r"padece usted|usted (?:padece|sufre)(?: de)?|sufres(?: de)?|sufrís(?: de)?|sufre usted(?: de)?|vives con|"
    r"vivís con|convives con|luchas (?:con|contra)|lidias con|te agobian?|te preocupan?|te cuesta vivir con)",
}
_YOUR: Final = {"en": r"your", "es": r"(?:tus?|vuestr[oa]s?)"}
_OTHER: Final = {"en": r"(?:other|fellow)", "es": r"(?:otr[oa]s|demás)"}
_CALLED: Final = {
    "en": r"(?:hey|hi|hello|dear|attention|calling all|calling|listen up),?",
    "es": r"(?:hola|atención|querid[oa]s|oye|ey),?",
}
_LIKE: Final = {
    "en": r"(?: [\w'-]+){0,3} like (?:you|yourself|yours)(?!\w)",
    "es": r"(?: \w+){0,3} como (?:tú|tu|vos|usted|ustedes|vosotr[oa]s|(?:el|la) tuy[oa]|las? de tu)(?!\w)",
}
_AS: Final = {"en": r"(?:as|being) ", "es": r"(?:como|siendo) "}
_THEN_YOU: Final = {
    "en": r"[^?:;\"]*(?<!\w)you(?:r|'re|'ve|'ll)?(?!\w)",
    "es": r"[^?:;\"]*(?<!\w)(?:tú|tu|tus|te|ti|vos|usted|tienes|tenés|puedes|podés|sabes|mereces|necesitas|"
    r"quieres)(?!\w)",
}
# What begins a question that asks about a thing, or about what the reader wants, not about the reader.
_OF_THINGS: Final = re.compile(
    r"\W*(?:what|why|how|when|where|who|which|whose|is|does|do|did|can|could|should|will|would|has|have|looking|"
    r"searching|want|wanna|need|know|interested|ready|heard|hungry|any|qué|por qué|cómo|cuándo|dónde|quién|"
    r"quiénes|cuál|cuáles|cuánt[oa]s?|buscas|buscás|busca|quieres|querés|necesitas|necesitás|conoces|conocés|sabías|"
    r"sabes|puede|hay|existe|tienes|tenés|tiene|te gustan?|llevas|usas|prefieres)(?!\w)",
    re.IGNORECASE,
)
_ENDS_ASKING = re.compile(
    r"(?: (?:and|or|y|o|u) [\w' -]{1,30}| (?:lately|again|too|right now|at night|últimamente|otra vez|"
    r"también))?[!\s]*\?(?!!)",  # "PREGNANT?!" is a headline about somebody
    re.IGNORECASE,
)
_ASKED_FOR = re.compile(r" (?:do|did|are|have|would) you(?!\w)", re.IGNORECASE)
# What may stand before it in a question without a subject: "Still broke?" is about the reader, "Screen broke?" is not.
_ONLY_BEFORE: Final = {
    "age": re.compile(
        r"\W*(?:(?:still|already|turning|women|men|woman|man|mujeres|hombres|¿ ?tiene) )?$", re.IGNORECASE
    ),
    "trait": re.compile(
        r"\W*(?:(?:\w+ (?:weeks|months)|still|feeling|getting|newly|always|too|a|an|the|are|and|or|young|proud|"
        r"recently|single|es|está|"
        r"están|son|siempre|todavía|mujer|hombre|y|o) )*$",
        re.IGNORECASE,
    ),
    "condition": re.compile(
        r"(?!.*(?<!\w)(?:for|about|against|para|sobre|contra) (?:el |la |las |los )?$)", re.IGNORECASE
    ),
}


def _named(kinds: dict[str, str]) -> re.Pattern[str]:
    groups = "|".join(f"(?P<{name}>{spread(words)})" for name, words in kinds.items())
    return re.compile(rf"(?<![\w#@])(?:{groups})(?!\w)", re.IGNORECASE)


def _before(*ways: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(ways)})$", re.IGNORECASE)


_LANGUAGES: Final = ("en", "es")
_MENTIONS: Final = {
    language: (_named(IS[language]), _named(HAS[language]), _named(DID[language])) for language in _LANGUAGES
}
_TIES: Final = {
    language: (
        _before(
            rf"{_BE[language]} {_FILLED[language]}",
            rf"{_YOUR[language]} (?:own )?{_FAMILY[language]}(?:'s|,)? (?:\w+ (?:from |with )?)?{_FILLED[language]}",
            rf"(?:^|[.!?¡¿\n]\W*){_CALLED[language]} {_FILLED[language]}",
        ),
        _before(
            rf"{_HAVE[language]} {_FILLED[language]}",
            rf"{_YOUR[language]} {_FILLED[language]}",
            rf"{_YOUR[language]} (?:own )?{_FAMILY[language]}(?:'s|,)? (?:\w+ (?:from |with )?)?{_FILLED[language]}",
        ),
    )
    for language in _LANGUAGES
}
_OTHERS: Final = {language: _before(rf"{_OTHER[language]} {_FILLED[language]}") for language in _LANGUAGES}
_REQUESTED: Final = {language: re.compile(_REQUEST[language], re.IGNORECASE) for language in _LANGUAGES}
_ACTING: Final = {language: re.compile(_DOES[language], re.IGNORECASE) for language in _LANGUAGES}
_IN_A_ROLE: Final = {language: _before(rf"{_AS[language]}{_FILLED[language]}") for language in _LANGUAGES}
_YOURS: Final = {language: _before(rf"{_YOUR[language]} {_FILLED[language]}") for language in _LANGUAGES}
_LIKE_YOU: Final = {language: re.compile(_LIKE[language], re.IGNORECASE) for language in _LANGUAGES}
_PEOPLE_NEXT: Final = {language: re.compile(rf" {_PERSON[language]}(?!\w)", re.IGNORECASE) for language in _LANGUAGES}
_OWN_NEXT: Final = {
    language: re.compile(rf" (?:{_FAMILY[language]}|{_HERITAGE})(?!\w)", re.IGNORECASE) for language in _LANGUAGES
}
_YOU_NEXT: Final = {language: re.compile(_THEN_YOU[language], re.IGNORECASE) for language in _LANGUAGES}
_BY_NAME = re.compile(
    rf"(?:^|(?<=[.!?¡¿\n] )|(?<=[.!?¡¿\n]))(?:(?:[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear|[Hh]ola|[Qq]uerid[oa]|[Oo]ye),? "
    rf"(?:{NAMES})(?= ?[,!.:])|(?:{NAMES})(?: [A-Z]\w+)?(?=, [^.!?\n]{{0,80}}(?<!\w)(?:your?|tus?|te|ti)(?!\w)))"
)


def ascribed(text: str) -> Iterator[tuple[str, Span]]:
    """Yield each attribute that a text ascribes to its reader, and the place where it does.

    Args:
        text: in NFC, with plain spaces and straight apostrophes.
    """
    yield from (("name", match.span()) for match in _BY_NAME.finditer(text))
    for language in _LANGUAGES:
        for match in _MENTIONS[language][2].finditer(text):
            # Names are told by their capitals, which this expression does not look at.
            if match.lastgroup != "name" or match[0].split()[-1][0].isupper():
                yield match.lastgroup or "", match.span()
    if not _ANY_ADDRESS.search(text):
        return
    for language in _LANGUAGES:
        for mentions, ascribing in zip(_MENTIONS[language], (_of_trait, _of_condition), strict=False):
            for match in mentions.finditer(text):
                span = ascribing(text, match, language)
                if span is not None:
                    yield match.lastgroup or "", span


def _of_trait(text: str, mention: re.Match[str], language: str) -> Span | None:
    """Return where the reader is said to be something, if so."""
    before, after = _around(text, mention)
    several = mention[0][-1] in "sS" or " " in mention[0] or _PEOPLE_NEXT[language].match(after) is not None
    if several and not before.strip(" ¡¿") and _REQUESTED[language].match(after):
        return mention.span()
    tie = _TIES[language][0].search(before)
    if tie is None and several:
        tie = _OTHERS[language].search(before)
    if tie is None and _YOU_NEXT[language].match(after):
        tie = _IN_A_ROLE[language].search(before)
    if tie is None and _OWN_NEXT[language].match(after):
        tie = _YOURS[language].search(before)
    return _tied(mention, before, after, tie, language, "trait")


def _of_condition(text: str, mention: re.Match[str], language: str) -> Span | None:
    """Return where the reader is said to have something, if so."""
    before, after = _around(text, mention)
    tie = _TIES[language][1].search(before)
    told = _ASKED_FOR.match(after) or _ACTING[language].match(after)  # "What illness do you have?"
    if tie is None and told is not None:
        return mention.start(), mention.end() + told.end()
    return _tied(mention, before, after, tie, language, "condition")


def _tied(
    mention: re.Match[str], before: str, after: str, tie: re.Match[str] | None, language: str, kind: str
) -> Span | None:
    """Return the place from the words that tie a mention to the reader to those that do so after it, if any do."""
    start, end = mention.span()
    if tie is not None:
        return start - len(before) + tie.start(), end
    like = _LIKE_YOU[language].match(after)
    if like is not None:
        return start, end + like.end()
    asked = _ENDS_ASKING.match(after)
    if asked is None or len(before.split()) > 4 or _OF_THINGS.match(before):
        return None
    if not _ONLY_BEFORE["age" if mention.lastgroup == "age" else kind].match(before):
        return None
    return start - len(before.lstrip(" ¿")), end + asked.end()


def _around(text: str, mention: re.Match[str]) -> tuple[str, str]:
    """Return what stands in the sentence before a mention and after it, its mark at the end included."""
    start, end = mention.span()
    before = text[max(0, start - _REACH) : start]
    last = max((match.end() for match in _ENDS.finditer(before)), default=0)
    after = text[end : end + _REACH]
    first = _ENDS.search(after)
    return before[last:], after[: first.end()] if first else after
