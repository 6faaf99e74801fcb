"""Words that a sentence can do without: what is left still reads, and still says what it said.

A describing word can go where it stands before what it describes ("our cheap bread"), in Spanish also behind it
("nuestro pan barato"), with an article or the like in front. Careful on purpose: where the sentence says with it what
something is ("is a cheap shop"), after "not", "like a" or "one of the", beside another describing word, within a name,
before what may be a verb, and for superlatives, ordinals and whatever tells one thing from others ("the first time",
"the big names"), nobody but a writer can tell, and the word stays. Each of these was wrong in posts of public pages.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from postopt.quality.lexicon import FUNCTION_WORD_SETS
from postopt.quality.spans import Span

_ENOUGH: Final = 4  # words that are left of a sentence that begins with the one that goes; arbitrary
_REACH: Final = 200  # characters of a sentence that are looked at on either side; arbitrary


class Cut(NamedTuple):
    """A place, and what is to stand there instead."""

    start: int
    end: int
    instead: str


_HASHTAGS_BEFORE = re.compile(r"(?:\A|[.!?…\n]|#\w+)\s*\Z")
_HASHTAGS_AFTER = re.compile(r"\s*(?:#\w|\Z|\n)")
_SENTENCE_BEFORE = re.compile(r"[^.!?…\n]*\Z")
_SENTENCE_AFTER = re.compile(r"[^.!?…\n]*")
_STARTS = re.compile(r"[^\w,;:()\"“«'‘]*\Z")
_NEXT = re.compile(r" (?P<word>[^\W\d_]{3,})(?![\w'’-])")

_ENGLISH_BEFORE = re.compile(
    r"(?<![\w'’-])(?P<word>the|our|your|my|his|her|its|their|this|these|those|an?|\d+) \Z", re.IGNORECASE
)
_MORE = re.compile(r" (?:of|for|from|with|that|which|in|on|at|to|by|[^\W\d_]{4,})\b")
_IS = re.compile(
    r"(?:\b(?:is|are|was|were|be|been|being|am|become|becomes|became|es|son|era|eran|fue|fueron|ser|será|serán|sea|soy|eres"
    r"|somos|sois|está|están|parece|parecen)|['’](?:s|re|m)) (?:\w+ ){0,2}\Z",
    re.IGNORECASE,
)
_ENGLISH_TURNS = re.compile(r"\b(?:not|no|never|without|nor|neither|cannot|less)\b|n['’]t\b", re.IGNORECASE)
_ENGLISH_LEANS = re.compile(
    r"\b(?:like|than|as|so|too|how|such|what|quite|rather|one of)\b[^,;:]{0,12}\Z", re.IGNORECASE
)
_ENGLISH_ADJECTIVE = re.compile(
    r"(?:cheap|free|best|new|easy|big|good|great|simple|young|old|luxury|scary|secret|instant|premium|bargain"
    r"|dirt cheap|low[- ]cost|.*(?:y|ive|ful|less|al|ous|able|ible|ic|ed|est|free|friendly|ant|ent|ary|ish|proof))",
    re.IGNORECASE | re.DOTALL,
)
_TELLS_APART = re.compile(
    r"(?:best|worst|more .*|most .*|less .*|least .*|(?!honest|modest).*est|first|second|third|last|next|only|same"
    r"|final|latest|early|late|other|own|main|real|right|wrong|favou?rite|big|little|small|old|young|long|short|high|low"
    r"|(?:el |la |l[oa]s )?(?:mejor|peor|mayor|menor|primer|segund|tercer|últim|únic|mism|próxim|principal|viej|joven)"
    r".*)",
    re.IGNORECASE | re.DOTALL,
)
# What may follow and is described by nothing before it: verbs, adverbs; and what says little alone.
_ENGLISH_NO_NOUN: Final = FUNCTION_WORD_SETS["en"] | frozenset(
    "and nor yet than then too only ever never also just here there now today tonight tomorrow again away back down "
    "off over under into onto until before after since during between while because may might must shall should does "
    "did comes goes gets makes takes gives keeps sells costs starts ends works runs means matters helps feels looks "
    "lasts begins happens sounds tastes smells says stays needs wants brings meets wins beats opens closes always "
    "often enough alike anyway anymore everywhere price prices cost costs rate rates quality value deal deals one "
    "ones way ways thing things time times place places day days kind home job life start look part level".split()
)
_SPANISH_NO_NOUN: Final = FUNCTION_WORD_SETS["es"] | frozenset(
    "precio precios coste manera maneras forma formas modo cosa cosas vez veces lugar lugares día días vida casa "
    "calidad oferta ofertas sangre etapa nivel parte".split()
)
_SPANISH_DETERMINER = (
    "el|la|los|las|un|una|unos|unas|nuestr[oa]s?|vuestr[oa]s?|sus?|tus?|mis?|est[eao]s?|es[eao]s?|cada|todos? los|"
    "todas? las"
)
_SPANISH_NOUN = re.compile(
    rf"(?<!\w)(?:(?:{_SPANISH_DETERMINER})|(?P<preposition>con|de|en|para|por)) (?P<noun>[^\W\d_]{{3,}}) \Z",
    re.IGNORECASE,
)
_SPANISH_BEFORE = re.compile(rf"(?<!\w)(?<!, )(?:{_SPANISH_DETERMINER}) \Z", re.IGNORECASE)
_SPANISH_TURNS = re.compile(r"\b(?:no|ni|sin|nunca|jamás|tampoco|nada|menos)\b", re.IGNORECASE)
_SPANISH_LEANS = re.compile(r"\b(?:como|tan|más|muy|qué|vaya|un[oa] de)\b[^,;:]{0,14}\Z", re.IGNORECASE)
_SPANISH_BEHIND = re.compile(r"(?:\Z|[.!?…;:)»”\n]| (?:de|del|en|con|para|por|al|a|desde|hasta|que)\b)", re.IGNORECASE)
_SPANISH_IN_FRONT = re.compile(
    r"(?:gran|nuev[oa]s?|auténtic[oa]s?|verdader[oa]s?|increíbles?"
    r"|maravillos[oa]s?|exclusiv[oa]s?|perfect[oa]s?|excelentes?|buen(?:[oa]s?)?|revolucionari[oa]s?|exótic[oa]s?)",
    re.IGNORECASE,
)
_SPANISH_ADJECTIVE = re.compile(
    r"(?:(?:barat|car|vegan|rar|gord|ric|buen|perfect|segur)[oa]s?|gratis|gourmet|light|low cost|vintage"
    r"|fácil(?:es)?|premium|100 % segur[oa]s?|sin (?:riesgos?|errores|dolor)"
    r"|.*(?:[aií]d[oa]|os[oa]|iv[oa]|ic[oa]|[aáií]ble|al|[ae]nte|ari[oa]|ísim[oa])(?:e?s)?)",
    re.IGNORECASE | re.DOTALL,
)
_INFINITIVE = re.compile(r".*(?:[aeií]r(?:l[oea]s?|te|se|nos|me)?)", re.IGNORECASE)

_GREETING = re.compile(
    r"(?:\A|[.!?…\n]\s*)[¡¿\W]*(?:(?P<plain>hi|hello|hey|good (?:morning|evening|afternoon)|hola|buen[oa]s (?:días"
    r"|tardes|noches))|dear|querid[oa]s?|estimad[oa]s?) \Z",
    re.IGNORECASE,
)
_VOWEL = re.compile(r"(?!uni|use|usu|euro?|one\b|once\b)[aeiou]|hour|honest|heir", re.IGNORECASE)


def cut(text: str, span: Span, language: str) -> Cut | None:
    """Return what to cut so that the words at a place are gone and the rest reads, or None if that cannot be told."""
    start, end = span
    before, after = text[max(0, start - _REACH) : start], text[end : end + _REACH]
    if text[start : start + 1] == "#" and _HASHTAGS_BEFORE.search(before) and _HASHTAGS_AFTER.match(after):
        return Cut(start, end, "")
    sentence = _SENTENCE_BEFORE.search(before)
    lead = sentence[0] if sentence else before
    following = _NEXT.match(after)
    if _TELLS_APART.fullmatch(text, start, end) or _IS.search(lead) or _in_name(text[start:end], lead, following):
        return None
    if language == "en" and following is not None:
        return _english(text, span, lead, following["word"], after)
    return _spanish(text, span, lead, following["word"] if following else "", after) if language == "es" else None


def _in_name(word: str, lead: str, following: re.Match[str] | None) -> bool:
    """Whether a word may be part of a name: it or the next one has a capital that no start of a sentence gave it."""
    starts = _STARTS.fullmatch(lead) is not None
    return (word[:1].isupper() and not starts) or (following is not None and following["word"][0].isupper())


def greeted(text: str, span: Span) -> Cut | None:
    """Return what to cut where a name to fill in is only greeted ("Hi {name},"), or None."""
    start, end = span
    found = _GREETING.search(text[max(0, start - 40) : start])
    if found is None:
        return None
    if found["plain"]:
        return Cut(start - 1, end, "") if text[end : end + 1] in (",", "!", "\n") else None
    comma = re.compile(r"[,:!]\s+(?=\w)").match(text, end)  # "Dear" greets nobody without a name
    if comma is None:
        return None
    head = start - len(re.split(r"[.!?…\n]\s*", text[max(0, start - 40) : start])[-1])
    return _capital(text, Cut(head, comma.end(), ""))


def _english(text: str, span: Span, lead: str, following: str, after: str) -> Cut | None:
    start, end = span
    describes = _ENGLISH_ADJECTIVE.fullmatch(text, start, end) is not None
    if following.casefold() in _ENGLISH_NO_NOUN or following.endswith("ly"):
        return None
    if _ENGLISH_TURNS.search(lead) or _ENGLISH_LEANS.search(lead):
        return None
    # What may be a noun may be what the next word, a verb, speaks of: "the circus comes".
    if not describes and following.endswith(("s", "ed", "ing")):
        return None
    before = _ENGLISH_BEFORE.search(lead)
    if before is None:
        rest = _SENTENCE_AFTER.match(after)
        says_enough = rest is not None and len(rest[0].split()) >= _ENOUGH
        alone = _STARTS.fullmatch(lead) and describes and says_enough and not following.endswith("s")
        return _capital(text, Cut(start, end + 1, "")) if alone else None
    article = before["word"].casefold()
    if article in ("a", "an", "the") and not _MORE.match(after, 1 + len(following)):
        return None  # "has a special edition": the word that goes is what is said
    if article not in ("a", "an"):
        return Cut(start, end + 1, "")
    article = before["word"][0] + ("n" if _VOWEL.match(following) else "")
    return Cut(start - len(before[0]), end + 1, f"{article} ")


def _spanish(text: str, span: Span, lead: str, following: str, after: str) -> Cut | None:
    start, end = span
    if _SPANISH_TURNS.search(lead) or _SPANISH_LEANS.search(lead):
        return None
    noun = _SPANISH_NOUN.search(lead)
    if noun and _SPANISH_ADJECTIVE.fullmatch(text, start, end) and _SPANISH_BEHIND.match(after):
        infinitive = noun["preposition"] and _INFINITIVE.fullmatch(noun["noun"])
        if not infinitive and noun["noun"].casefold() not in _SPANISH_NO_NOUN:
            return Cut(start - 1, end, "")
    described = following and following.casefold() not in _SPANISH_NO_NOUN
    if described and _SPANISH_IN_FRONT.fullmatch(text, start, end) and _SPANISH_BEFORE.search(lead):
        return Cut(start, end + 1, "")
    return None


def _capital(text: str, cut: Cut) -> Cut:
    """Return a cut at the start of a sentence with the capital that what follows begins with then."""
    following = text[cut.end : cut.end + 1]
    if text[cut.start : cut.start + 1].isupper() and following.islower():
        return Cut(cut.start, cut.end + 1, following.upper())
    return cut
