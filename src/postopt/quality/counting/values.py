"""From what was counted to the values of the columns: for one text and for a batch, with equal results.

Both divide and add in the same order, in 64 bits, and round to 32 at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from postopt.errors import shown
from postopt.quality.counting.columns import CATEGORIES, COLUMNS, LANES, OF_TOKENS
from postopt.quality.counting.table import FIRST_CATEGORY, LISTED, WIDTH, TokenTable
from postopt.quality.lexicon import LANGUAGES, primary
from postopt.quality.readability import FLESCH, SZIGRISZT_PAZOS, Formula

Float32s: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.NDArray[np.int32]
Places: TypeAlias = npt.NDArray[np.int8]
Flags: TypeAlias = npt.NDArray[np.bool_]
Fields: TypeAlias = npt.NDArray[np.uint16]

NEITHER: Final = len(LANGUAGES)
"""The place of a language that has no lists."""

_EASE = {"en": FLESCH, "es": SZIGRISZT_PAZOS}
# By place of the language; what has no lists has no syllables either, and so 0.
_FORMULAS = (*(_EASE[language] for language in LANGUAGES), Formula(0.0, 0.0, 0.0))

_LANE = {lane: place for place, lane in enumerate(LANES)}
_FUNCTION_WORDS = tuple(_LANE[f"function_words_{language}"] for language in LANGUAGES)
_SYLLABLES = tuple(_LANE[f"syllables_{language}"] for language in LANGUAGES)
_QUESTION_WORD = CATEGORIES.index("question_word")

_TOTAL = struct.Struct(f"<{FIRST_CATEGORY + len(LANGUAGES) * len(CATEGORIES)}H")
_VALUES = struct.Struct(f"<{len(COLUMNS)}f")
_NO_CATEGORIES = (0,) * len(CATEGORIES)

# Fields of a packed row, to be asked for with &.
_FIELD = {lane: 0xFFFF << 16 * place for lane, place in _LANE.items()}
_ASKS = tuple(0xFFFF << 16 * (FIRST_CATEGORY + place * len(CATEGORIES) + _QUESTION_WORD) for place in range(NEITHER))
_OPENS_QUESTION = tuple(_FIELD["inverted_marks"] | asks for asks in (*_ASKS, 0))
_STARTS = ("numbers", "quotation_marks")
_ENDS = ("questions", "exclamations", "ellipses", "colons", "links")


class Sizes(NamedTuple):
    """What is counted of a text apart from what its tokens count for."""

    chars: int
    line_ends: int
    tokens: int
    distinct: int


def place_of(language: str) -> int:
    """Return the place in `LANGUAGES` of a tag such as "es-MX", or `NEITHER`.

    Raises:
        ValueError: it is no str.
    """
    if not isinstance(language, str):
        raise ValueError(f"language is {shown(language)}; a tag such as 'en', or None, is needed")  # noqa: TRY004 - as all others
    return _place_of(language)


@lru_cache(maxsize=256)
def _place_of(language: str) -> int:
    tag = primary(language)
    return LANGUAGES.index(tag) if tag in LANGUAGES else NEITHER


def values_of_one(
    table: TokenTable, numbers: Sequence[int], sizes: Sizes, language: int | None
) -> tuple[tuple[float, ...], int]:
    """Return the values of a text whose tokens have these numbers, and the place of its language, told if not given."""
    packed = [table.packed[number] for number in numbers]
    total = _TOTAL.unpack(sum(packed).to_bytes(_TOTAL.size, "little"))
    if language is None:
        language = _told(*(total[place] for place in (_LANE["spanish_marks"], *_FUNCTION_WORDS)))
    first, last = (packed[0], packed[-1]) if packed else (0, 0)
    sentences = total[_LANE["sentence_ends"]] + bool(packed and not last & _FIELD["sentence_ends"])
    where = FIRST_CATEGORY + language * len(CATEGORIES)
    values = _VALUES.pack(
        sizes.chars,
        sizes.line_ends + 1 if sizes.chars else 0,
        sentences,
        *total[: len(OF_TOKENS)],
        *[first & _FIELD[lane] != 0 for lane in _STARTS],
        first & _OPENS_QUESTION[language] != 0,
        *[last & _FIELD[lane] != 0 for lane in _ENDS],
        language == 0,
        language == 1,
        *_shares(total, sentences, sizes, language),
        *(total[where : where + len(CATEGORIES)] or _NO_CATEGORIES),
    )
    return _VALUES.unpack(values), language


def _told(spanish_marks: int, english: int, spanish: int) -> int:
    """Return the place of the language that a text speaks for, by the rule of `readable.language_of`."""
    if spanish_marks:
        return 1
    return NEITHER if not english and not spanish else int(spanish > english)


def _shares(total: Sequence[int], sentences: int, sizes: Sizes, language: int) -> tuple[float, ...]:
    words, letters = total[_LANE["words"]], total[_LANE["letters"]]
    read = words + total[_LANE["numbers"]]
    known = read if language != NEITHER else 0
    syllables = total[_SYLLABLES[language]] / known if known else 0.0
    length = read / sentences if sentences else 0.0
    formula = _FORMULAS[language]
    return (
        letters / words if words else 0.0,
        length,
        total[_LANE["capitals"]] / letters if letters else 0.0,
        total[_LANE["initials"]] / words if words else 0.0,
        sizes.distinct / sizes.tokens if sizes.tokens else 0.0,
        total[_FUNCTION_WORDS[language]] / words if language != NEITHER and words else 0.0,
        syllables,
        formula.constant - formula.syllables * syllables - formula.words * length if known else 0.0,
    )


def values_of_batch(
    table: TokenTable, numbers: Numbers, offsets: Integers, sizes: Integers, languages: Places
) -> tuple[Float32s, Places]:
    """Return the values of many texts, and the place of the language of each.

    Args:
        table: what tokens count for.
        numbers: (total,) the tokens, by number, text by text.
        offsets: (n + 1,) where those of each text begin, and the end.
        sizes: (4, n) the `Sizes`.
        languages: (n,) places of their languages, -1 where it is to be told.
    """
    n = len(offsets) - 1
    filled = np.flatnonzero(np.diff(offsets))
    rows, sums = table.arrays().rows, table.sums(numbers, offsets)
    first, last = np.zeros((2, n, WIDTH), "<u8")
    first[filled] = rows[numbers[offsets[filled]]]
    last[filled] = rows[numbers[offsets[filled + 1] - 1]]
    total, first, last = (fields.view("<u2") for fields in (sums, first, last))
    places = np.where(languages < 0, _told_each(total), languages)
    said, asks = _categories(table, numbers, offsets, places)
    asks[filled] |= first[filled, _LANE["inverted_marks"]] > 0
    sentences = total[:, _LANE["sentence_ends"]] + (np.diff(offsets) > 0) - (last[:, _LANE["sentence_ends"]] > 0)
    columns = [
        sizes[0],
        np.where(sizes[0] > 0, sizes[1] + 1, 0),
        sentences,
        total[:, : len(OF_TOKENS)],
        *(first[:, _LANE[lane]] > 0 for lane in _STARTS),
        asks,
        *(last[:, _LANE[lane]] > 0 for lane in _ENDS),
        places == 0,
        places == 1,
        *_shares_each(total, sentences, sizes, places),
        said,
    ]
    values = np.empty((n, len(COLUMNS)), np.float32)
    place = 0
    for some in columns:
        end = place + (some.shape[1] if some.ndim == 2 else 1)
        values[:, place:end] = some.reshape(n, end - place)
        place = end
    return values, places


def _told_each(total: Fields) -> Places:
    english, spanish = (total[:, place] for place in _FUNCTION_WORDS)
    told = np.where((english > 0) | (spanish > 0), spanish > english, NEITHER)
    return np.where(total[:, _LANE["spanish_marks"]] > 0, 1, told).astype(np.int8)


def _categories(table: TokenTable, numbers: Numbers, offsets: Integers, places: Places) -> tuple[Integers, Flags]:
    """Return how many words of each list the texts have, (n, categories), and which begin with a question word."""
    n = len(places)
    listed = table.arrays().places[numbers]
    at = np.flatnonzero(listed)
    text = np.searchsorted(offsets, at, side="right") - 1
    known = places[text] != NEITHER
    at, text = at[known], text[known]
    word = listed[at] + places[text].astype(np.int64) * LISTED.stride
    count = LISTED.starts[word + 1] - LISTED.starts[word]
    # The categories of all words, one after another: word i has count[i] of them, from starts[word[i]] on.
    ends = np.cumsum(count)
    flat = np.arange(ends[-1] if len(ends) else 0) + np.repeat(LISTED.starts[word] - (ends - count), count)
    column, text, at = LISTED.columns[flat], np.repeat(text, count), np.repeat(at, count)
    said = np.bincount(text * len(CATEGORIES) + column, minlength=n * len(CATEGORIES)).reshape(n, len(CATEGORIES))
    asks = np.zeros(n, np.bool_)
    asks[text[(column == _QUESTION_WORD) & (at == offsets[text])]] = True
    return said, asks


def _shares_each(total: Fields, sentences: Integers, sizes: Integers, places: Places) -> list[Floats]:
    words, letters = total[:, _LANE["words"]], total[:, _LANE["letters"]]
    read = words.astype(np.int64) + total[:, _LANE["numbers"]]
    known = np.where(places == NEITHER, 0, read)
    row = np.arange(len(places))
    spoken = np.minimum(places, NEITHER - 1)  # of the others nothing is used
    function_words = total[row, np.array(_FUNCTION_WORDS)[spoken]]
    syllables = _ratio(total[row, np.array(_SYLLABLES)[spoken]], known)
    length = _ratio(read, sentences)
    constant, a, b = np.array(_FORMULAS)[places].T
    return [
        _ratio(letters, words),
        length,
        _ratio(total[:, _LANE["capitals"]], letters),
        _ratio(total[:, _LANE["initials"]], words),
        _ratio(sizes[3], sizes[2]),
        _ratio(function_words, np.where(places == NEITHER, 0, words)),
        syllables,
        np.where(known > 0, constant - a * syllables - b * length, 0.0),
    ]


def _ratio(part: npt.NDArray[np.integer], whole: npt.NDArray[np.integer]) -> Floats:
    ratio = np.zeros(len(whole))
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
