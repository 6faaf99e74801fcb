"""Defects of spaces, marks and brackets, and words written twice: the same in every language unless said otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postopt.quality.rules.defects import Defect, quoted

_DOUBLED_SPACE = re.compile(r"(?<=[\w,;])[ \u00a0]{2,}(?=\w)")
# Not after a hashtag, an account or a link, where the space keeps the mark out of it, nor in a spaced ellipsis.
_SPACE_BEFORE = re.compile(r"(?<=\w)[ \u00a0]+([,.;:!?])(?=\s|$)(?! ?\.)")
_LONGEST_TAG = 100  # arbitrary, longer than any hashtag in use
_FRENCH_MARKS = ";:!?"
# And what opens them in Spanish: with "!!!" mended alone, "¡¡¡Ven!!!" would not close as it opens.
_REPEATED = re.compile(r"[!?]{3,}|,{2,}|[¡¿]{3,}|[¡¿]{2}(?=[^!?¡¿\n]{1,300}[!?]{3})")

# Function words only: others are doubled on purpose ("so so", "muy muy", names), or end a verb ("moving in in May").
# The second one is in lower case, for titles begin with an article ("the The Late Late Show").
_DOUBLED = {
    "en": "the a an of to and for are with at from or be your we our",
    "es": "de el los las que en y un una con por para se es su del al",
}
_DOUBLED_WORD = {
    language: re.compile(rf"(?<![\w'’-])({'|'.join(words.split())})[ \u00a0]+(\1)(?![\w'’-])", re.IGNORECASE)
    for language, words in _DOUBLED.items()
}

# ":)", "8-)", "(:", and "a)" or "1)" at the start of a line or a word.
_NO_BRACKET = re.compile(r"(?<!\w)[:;=8xX][-'^o]?[()\[\]]+|(?<!\S)[()]+[-'^o]?[:;=]|(?<!\S)(?:\d{1,3}|[^\W\d_])\)")
_BRACKET = re.compile(r"[()\[\]]")
_OPENING = {")": "(", "]": "["}
_INCHES = re.compile(r"(?<=\d)\"")


def spaces(text: str, language: str) -> Iterator[Defect]:
    """Yield doubled spaces within a sentence, and spaces before a mark; French has those before ; : ! and ?."""
    for found in _DOUBLED_SPACE.finditer(text):
        yield Defect("correctness.doubled_space", *found.span(), " ", "More than one space between two words.")
    for found in _SPACE_BEFORE.finditer(text):
        mark = found[1]
        if language in ("fr", "") and mark in _FRENCH_MARKS:
            continue
        word = text[max(0, found.start() - _LONGEST_TAG) : found.start()].rsplit(maxsplit=1)[-1]
        if word[0] not in "#@" and "/" not in word:
            yield Defect("correctness.space_before_mark", *found.span(), mark, f"A space before {quoted(mark)}.")


def repeated_marks(text: str, _: str) -> Iterator[Defect]:
    """Yield three or more exclamation or question marks, and two or more commas."""
    for found in _REPEATED.finditer(text):
        marks = found[0]
        once = marks[0] if len(set(marks)) == 1 else "¡¿" if marks[0] in "¡¿" else "?!"
        message = f"{quoted(marks)} says no more than {quoted(once)}."
        yield Defect("correctness.repeated_marks", *found.span(), once, message)


def doubled_words(text: str, language: str) -> Iterator[Defect]:
    """Yield function words written twice, in English and Spanish."""
    pattern = _DOUBLED_WORD.get(language)
    if pattern is None:
        return
    for found in pattern.finditer(text):
        if found[2].islower():
            message = f"{quoted(found[0])} has a word twice."
            yield Defect("correctness.doubled_word", *found.span(), found[1], message)


def unbalanced(text: str, _: str) -> Iterator[Defect]:
    """Yield brackets that are opened or closed alone, and the first of an odd number of straight quotation marks.

    A quotation of several paragraphs opens each of them and is closed once: such texts are left alone.
    """
    opened: list[re.Match[str]] = []
    alone: list[re.Match[str]] = []
    for found in _BRACKET.finditer(text):
        if found[0] in "([":
            opened.append(found)
        elif opened and opened[-1][0] == _OPENING[found[0]]:
            opened.pop()
        else:
            alone.append(found)
    alone += opened
    meant = {place for found in _NO_BRACKET.finditer(text) for place in range(*found.span())} if alone else set()
    for found in alone:
        if found.start() not in meant:
            message = f"The bracket {quoted(found[0])} has no other half."
            yield Defect("correctness.unbalanced", *found.span(), None, message)
    quotes = [found.start() for found in re.finditer('"', _INCHES.sub(" ", text))] if '"' in text else []
    if len(quotes) % 2 and text.count('\n"') + text.startswith('"') < 2:
        place = quotes[0]
        yield Defect("correctness.unbalanced", place, place + 1, None, "A quotation mark has no other half.")
