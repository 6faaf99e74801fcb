"""Edits that apply themselves: each changes a text by a rule, or returns it as it is where no rule is safe.

Nothing within a quotation, a link, an address, a hashtag or a fact is ever changed. Nor is what a text says: a question
becomes a statement only where it is one with a question mark, and goes only where it says nothing. An exclamation
becomes a statement only where it states something: a greeting, a wish, a shout and a name keep their mark. Where one
place must stay as it is, the whole text does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from postopt.quality.lexicon import FUNCTION_WORD_SETS, FUNCTION_WORDS, WORDS
from postopt.quality.spans import Span, occurrences, overlap

Rewrite: TypeAlias = Callable[[str, Sequence[str], str], str]
"""A text, what must stay in it as it is, and its language ("en", "es"), to the text as edited."""

# Marks are searched from their opening ones, which the inside has none of, so that no text takes quadratic time.
_KEPT = re.compile(
    r"(?:https?://|www\.)\S+"  # links
    r"|(?<!\S)[^\s@]+@\S+"  # addresses
    r"|[#@]\w+"
    r"|\"[^\"\n]*\"|“[^“”\n]*”|«[^«»\n]*»|‘[^‘’\n]*’|(?<!\w)'[^'\n]*'(?!\w)"
    # the best-known names with the mark
    r"|\b(?:Yahoo|Jeopardy|Wham|Oklahoma|Airplane|Mamma Mia|Chips Ahoy|Panic|Moulin Rouge|"
    r"Godspeed You|Hello,? Dolly|E)!"
)

# Before the end, a new line, a link, or what begins a sentence; a closing mark may come first.
_AT_END = r"(?=[\"”’»)\]]{0,3}(?:\s*$|\s*\n|\s+(?:https?://|www\.|[^\sa-zß-öø-ÿ])))"

_DOUBT = re.compile(r"\?!+[?!]*|(?<!!)!+\?[?!]*")
# What a bracket or a quotation closes behind may be an aside or somebody's words.
_EXCLAMATION = re.compile(r"(?P<before>[^!\s])!+(?=\s*$|\s*\n|\s+(?:https?://|www\.|[^\sa-zß-öø-ÿ]))")
_STATEMENT_END = re.compile(r"[.!?…¡¿\n]")
_WORD = re.compile(r"[#@]?[^\W\d_][\w'’-]*")

# One word is a shout, and so are a few with a pause ("Air, people!"). Arbitrary, as the next two are.
_FEWEST_STATED = 2
_FEWEST_WITH_PAUSE = 5
# Code points back to which the line of a mark is looked for.
_LOOK_BACK = 300
# Words behind "How" that are a clause at least.
_FEWEST_NAMED = 3

# Words of greetings, thanks, wishes, calls and feelings, whose mark is meant; of both languages, for many posts are.
_FELT = frozenset(
    "happy merry congrats congratulations thank thanks welcome cheers bravo hooray hurrah yay woohoo love loved loves "
    "miss missed enjoy luck bye goodbye farewell hello hi hey please wow oh ooh oooh omg whoa yikes ugh wait wish "
    "wishes wishing god lord bless blessed pray prayers proud safe sorry hope hopefully go goal stop let's lets such "
    "yes yeah huh oops aww haha hahaha lol lmao birthday anniversary easter christmas thanksgiving halloween eid "
    "feliz felices felicidades felicitaciones enhorabuena gracias bienvenido bienvenida bienvenidos bienvenidas hola "
    "adiós salud fuerza buenos buenas viva vivan vamos olé ánimo suerte qué cuánto cuánta cuántos cuántas ojalá ay "
    "favor besos abrazo abrazos amo amor quiero queremos orgullo orgullosos dios ven venid gol sí jaja".split()
)
# What opens an exclamation that states nothing, or what would be a question.
_EXCLAIMS = frozenset(
    "what how oh no well way gee so who why where do does did is are was were can could will would have has".split()
)

# What takes assent for granted. ", right?" may doubt what stands before it, and stays.
_ASSENT = {
    "en": r"(?:is|are|was|were|do|does|did|has|have|can|could|will|would|should)n['’]t "
    r"(?:it|he|she|they|we|you|that)|don['’]t you (?:think|agree)",
    "es": r"verdad|a que sí|no crees|no creen|no cree",
}
_WONDER = {"en": r"(?:I|We) wonder|I['’]m wondering", "es": "Me pregunto|Nos preguntamos"}
_EMPTY = {
    "en": r"Ready|Curious|Interested|Sound familiar|Guess what|Who knew|Want to know more|Want to see more",
    "es": r"¿(?:Listos|Listas|Curiosidad|Te interesa|Te suena|Adivina qué|Quién lo diría|Quieres saber más|"
    r"Quieren saber más)",
}
_ASSENTS = {tag: re.compile(rf",\s*¿?(?i:{words})\?+{_AT_END}") for tag, words in _ASSENT.items()}
_WONDERS = {
    tag: re.compile(rf"((?:^|(?<=[.!?…]\s)|(?<=\n))(?:{words})\b[^.!?¿…\n]*)\?+{_AT_END}")
    for tag, words in _WONDER.items()
}
_EMPTIES = {
    tag: re.compile(rf"(?:^|(?<=[.!?…]\s)|(?<=\n))(?:{words})\?+(?:\s+|$)", re.IGNORECASE)
    for tag, words in _EMPTY.items()
}

_SHOUTED = re.compile(r"\b[A-ZÀ-ÖØ-Þ]{3,}\b")
# Words of the lists that in capitals may be something else.
_ABBREVIATIONS = frozenset("its was are has who how may can los las una del por con ver fue ama vas van lot".split())
_COMMON = {
    tag: frozenset(" ".join([function, *(lists.get(tag, "") for lists in WORDS.values())]).split()) - _ABBREVIATIONS
    for tag, function in FUNCTION_WORDS.items()
}

_NUMBERS = {
    "en": dict(zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True)),
    "es": dict(zip("dos tres cuatro cinco seis siete ocho nueve diez once doce".split(), range(2, 13), strict=True)),
}
# Before a noun in the plural. In capitals that may be a name ("Five Guys"), after "the" another ("the three kings").
_COUNTED = {
    tag: re.compile(
        rf"(?<![\w'’-])(?<!\b[Tt]he )(?<!\b[Ll][ao]s )(?i:({'|'.join(numbers)}))"
        r"(?= ([a-zà-öø-ÿ]{2,}[^\Wsiu]s)\b(?!['’-]))"
    )
    for tag, numbers in _NUMBERS.items()
}
_NO_NOUNS = frozenset(
    "was has does less always perhaps thirds fourths fifths sixths eighths tenths quarters "
    "más menos nos los las tercios cuartos quintos".split()
)

# What a post shows: only of that "this" may be said without having spoken of it, and only where it is the subject.
_SHOWN = re.compile(
    r"^(?P<article>[Aa]n?) (?P<subject>(?:[\w'’-]+ ){0,3}(?i:video|clip|film|trailer|ad|commercial|documentary|cartoon|"
    r"comic|song|map|chart|graph|infographic|photo|picture|animation|sketch))"
    r"(?= (?:\w+ly |just )?(?i:shows|reveals|explains|proves|captures|reminds|explores|documents|compares|imagines|"
    r"demonstrates|illustrates|nails|shines|gives|makes|takes)\b)"
)

_CLAUSE = (
    r"(?P<word>(?i:how)(?= (?i:to|I|you|we|he|she|they|it|an?|the|my|your|our|his|her|their|one|some|people|being)\b"
    r"(?! (?i:wish|miss|love|loved|hate|long|hell|heck)\b))"
    r"|(?i:why)(?= (?i:I|you|we|he|she|they|it)\b)"
    r"|(?i:what (?:happens|happened))(?= (?i:when|if|after)\b))"
)
_NAMED = re.compile(rf"^{_CLAUSE}(?=(?P<rest>[^.!?…\n]*)(?:[.\n]|$))(?![^?]*\?)")
# Only what happens when something does: behind "Why you should?" may stand doubt.
_HAPPENING = re.compile(rf"^(?=(?i:what)){_CLAUSE}(?P<rest>[^.!?…\n]*)\?(?=\s|$)")

# "How to read is taught": the clause is a subject, unless the verb is that of one within it ("how to tell if it is").
_SUBJECT = re.compile(
    r"^ to (?:(?!\b(?:if|whether|when|while|that|which|who|what|why|how|where|because|than|as|before|after|until)\b).)"
    r"*?\b(?:is|are|was|were|isn['’]t|aren['’]t|wasn['’]t|weren['’]t|has|hasn['’]t|will|won['’]t|can|could|should|does)\b",
    re.IGNORECASE,
)


def without_exclamation(text: str, kept: Sequence[str], language: str) -> str:  # noqa: ARG001 - every rule's arguments
    """Let statements end with a full stop; the text stays as it is if any mark of it is meant, or part of a name."""
    if text.count('"') % 2 or text.count("“") != text.count("”"):
        return text  # who speaks is not known
    edited = _replaced(_DOUBT, lambda _: "?", text, kept)
    edited = _replaced(_EXCLAMATION, _stopped, edited, kept)
    edited = _replaced(re.compile("¡"), lambda _: "", edited, kept)
    # One that is left would stand alone, or without its inverted mark.
    left = _replaced(re.compile("!"), lambda _: "", edited, kept) != edited
    return text if left else edited


def without_question(text: str, kept: Sequence[str], language: str) -> str:
    """Turn what is a statement with a question mark into one, and drop questions that say nothing ("Ready?").

    "What happens when it rains?" announces that this is said, and becomes "This is what happens when it rains."
    """
    edited = _replaced(_ASSENTS[language], lambda _: ".", text, kept)
    if language == "en":
        edited = _replaced(_HAPPENING, lambda match: f"{_this_is(match)}{match['rest']}.", edited, kept)
    edited = _replaced(_WONDERS[language], lambda match: f"{match[1]}.", edited, kept)
    dropped, before = _replaced(_EMPTIES[language], lambda _: "", edited, kept).rstrip(), edited
    while dropped != before:  # one that stood behind another may begin the line now
        dropped, before = _replaced(_EMPTIES[language], lambda _: "", dropped, kept).rstrip(), dropped
    # Nothing that says anything would be left.
    return dropped if dropped != edited.rstrip() and len(dropped.split()) >= 3 else edited


def without_capitals(text: str, kept: Sequence[str], language: str) -> str:
    """Write common words that are all in capitals as others are; what may be an abbreviation or a name stays."""

    def lowered(match: re.Match[str]) -> str:
        word = match[0].casefold()
        if word not in _COMMON[language]:
            return match[0]
        before = match.string[: match.start()].rstrip(" \"“'‘«¿¡(")
        return word.capitalize() if not before or before[-1] in ".!?…:\n" else word

    return _replaced(_SHOUTED, lowered, text, kept)


def in_digits(text: str, kept: Sequence[str], language: str) -> str:
    """Write numbers from two to twelve before a noun in digits."""

    def written(match: re.Match[str]) -> str:
        number = _NUMBERS[language].get(match[1].casefold())  # None of a word with a Turkish i
        return match[0] if number is None or match[2] in _NO_NOUNS else str(number)

    return _replaced(_COUNTED[language], written, text, kept)


def pointing(text: str, kept: Sequence[str], language: str) -> str:
    """Open with "This video shows" instead of "A video shows", or with "This is how" where "How" asks nothing."""
    if language != "en":
        return text
    return _replaced(_SHOWN, _this_one, _replaced(_NAMED, _this_is, text, kept), kept)


REWRITES: Mapping[tuple[str, bool], Rewrite] = MappingProxyType(
    {
        ("exclamation", False): without_exclamation,
        ("question", False): without_question,
        ("emphasis", False): without_capitals,
        ("number", True): in_digits,
        ("pointing", True): pointing,
    }
)
"""By what an edit is about (the advice's group, or the trait), and whether it is wanted."""


def _stopped(match: re.Match[str]) -> str:
    before = match["before"]
    if not _states(match.string[max(0, match.end("before") - _LOOK_BACK) : match.end("before")]):
        return match[0]
    # After a mark or an emoji no full stop is due.
    return f"{before}." if before.isalnum() or before in tuple("'\"”’»)]%$€£") else before


def _states(before: str) -> bool:
    """Whether the sentence at the end of `before` states something: no shout, no greeting, no name that has a mark."""
    sentence = _STATEMENT_END.split(before.rstrip("…"))[-1]
    words = [word for word in _WORD.findall(sentence) if word[0] not in "#@"]
    fewest = _FEWEST_WITH_PAUSE if re.search("[,;:—–]", sentence) else _FEWEST_STATED
    if len(words) < fewest or 2 * sum(word.isupper() for word in words) > len(words):
        return False
    line = (word.replace("’", "'") for word in _WORD.findall(before[before.rfind("\n") + 1 :].casefold()))
    if words[0].casefold() in _EXCLAIMS or not _FELT.isdisjoint(line):
        return False
    return not (words[-1].istitle() and words[-2].islower())


def _this_is(match: re.Match[str]) -> str:
    """Return "This is" and what opens a clause, in capitals where most of its words have them."""
    words = re.findall(r"[^\W\d_]+", match["rest"])
    titled = 2 * sum(word[0].isupper() for word in words) > len(words)
    opening = words[1:2] if words[:1] in (["to"], ["To"]) else [word for word in words[:1] if word != "I"]
    # A lone capital and a colon are signs of a title: "How to Get Away with Murder", "Why We Run: part 2".
    named = not titled and any(word[0].isupper() for word in opening)
    subject = _SUBJECT.match(match["rest"][:_LOOK_BACK])
    if len(words) < _FEWEST_NAMED or named or subject or ":" in match["rest"].replace("://", ""):
        return match[0]
    return f"This Is {match['word'].title()}" if titled else f"This is {match['word'].lower()}"


def _this_one(match: re.Match[str]) -> str:
    """Return the subject with "This", unless a word of it joins two things ("A map of a film")."""
    joins = not FUNCTION_WORD_SETS["en"].isdisjoint(match["subject"].casefold().split())
    return match[0] if joins else f"This {match['subject']}"


def _replaced(pattern: re.Pattern[str], new: Callable[[re.Match[str]], str], text: str, kept: Sequence[str]) -> str:
    """Return the text with each match replaced that touches nothing that must stay."""
    places = _places(text, kept)

    def one(match: re.Match[str]) -> str:
        return match[0] if any(overlap(match.span(), place) for place in places) else new(match)

    return pattern.sub(one, text)


def _places(text: str, kept: Sequence[str]) -> list[Span]:
    places = [match.span() for match in _KEPT.finditer(text)]
    return places + [place for value in kept for place in occurrences(text, value)]
