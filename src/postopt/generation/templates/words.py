"""Small facts about words and characters that composing and ranking share."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W\d_]{4,}")

# Pictographs, dingbats and symbols that phones draw in colour; flags count as two letters, hence the halving of
# regional indicators is left out: no clause of ours holds a flag.
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff]")

# A full stop would look odd behind these, of whatever script they are.
_ENDS = frozenset(".!?…,;:؟。！？।")

# Frequent words of both languages that may well stand twice in a post.
_COMMON = frozenset(
    "about also because been before being both does each from have here into just more most much only other over same"
    " some such than that their them then there these they this those through very what when where which while will"
    " with without would your como cada cual cuando desde donde ella ellas ellos entre esta estas este esto estos hasta"
    " haya más mucho muy nada otra otro para pero porque puede quien quienes según sino sobre solo también tanto tiene"
    " todo todos una unas unos vosotros ustedes usted".split()
)


def fold(text: str) -> str:
    """Return `text` without case and accents, for comparing words (not for showing)."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def stems(text: str) -> frozenset[str]:
    """Return the content words of `text`, cut to five letters.

    Five letters join "detail" and "details", "pregunta" and "preguntas"; a real stemmer would gain little for the
    one question asked of it: does a word return too soon?
    """
    words = (word for word in _WORD.findall(text.casefold()) if word not in _COMMON)
    return frozenset(fold(word)[:5] for word in words)


def count_emoji(text: str) -> int:
    """Count the emoji in `text`; joined sequences count once per picture in them."""
    return len(_EMOJI.findall(text))


def ends_sentence(text: str) -> bool:
    """Say whether `text` takes no full stop after it: it ends in one, in a like mark, or in an emoji."""
    last = text.rstrip("\ufe0f\u200d\u00bb\"'”’)")[-1:]
    return last in _ENDS or bool(_EMOJI.match(last)) or text.endswith(("\ufe0f", "\U0001f3fb"))


def capitalise(text: str) -> str:
    """Return `text` with an upper-case first letter, unless its first word is written in a way of its own.

    "price" becomes "Price"; "iPhone", "eBay" and "https://..." stay.
    """
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    plain = first == first.lower() and not re.search(r"[@/_]|\w\.\w", first)
    capital = text[:1].upper()
    return capital + text[1:] if plain and capital.lower() == text[:1] else text
