"""One set of numbers about a post, the same for one post and for a million.

Marks and lengths are counted in every language; words are looked up in lists for English and Spanish (`lexicon`). No
number is fitted to data. `columns.COLUMNS` says what each counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from postopt._checks import check_callable, check_items
from postopt.errors import shown
from postopt.quality.counting.columns import COLUMNS
from postopt.quality.counting.race import sooner
from postopt.quality.counting.scan import normal, scan
from postopt.quality.counting.table import TokenTable
from postopt.quality.counting.values import Float32s, Integers, Places, Sizes, place_of, values_of_batch, values_of_one
from postopt.quality.lexicon import LANGUAGES

FEATURES_VERSION: Final = 1
"""Raised whenever a value or a token hash of any text changes."""

FEATURE_NAMES: Final = tuple(column.name for column in COLUMNS)

# Arbitrary: distinct tokens that are remembered between calls, at some 400 bytes each; calls that may go on at once
# before one starts with an empty memory; and characters of a batch that are read at once.
_MOST_TOKENS = 200_000
_MOST_TABLES = 4
_CHUNK = 500_000

_TAGS = (*LANGUAGES, "")


class Features(NamedTuple):
    """What `FeatureSet.one` reads of a post.

    Attributes:
        values: a number for each of `FEATURE_NAMES`; each is exact in 32 bits.
        tokens: the 32-bit hash of each token, in order.
        language: as given, or "en", "es" or "" as told from its words.
    """

    values: tuple[float, ...]
    tokens: tuple[int, ...]
    language: str


class FeatureBatch(NamedTuple):
    """What `FeatureSet.many` reads of n posts.

    Attributes:
        values: (n, d) float32, a column for each of `FEATURE_NAMES`.
        tokens: (total,) uint32, the hashes of all tokens, post by post.
        offsets: (n + 1,) int64; those of post i are `tokens[offsets[i]:offsets[i + 1]]`.
        languages: as given, or "en", "es" or "" as told from their words.
    """

    values: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    languages: tuple[str, ...]


class FeatureSet:
    """Reads posts.

    A text is read up to 65,535 characters, composed (NFC); Facebook takes 63,206. Anything that is a str has features.

    Idea: a text is cut into tokens (`scan`), a token that was seen before is not read again (`table`), and what all
    tokens of a text count for is one sum of integers with 16 bits for each count (`values`).

    Args:
        scan: makes an empty table of tokens, such as `numba.NumbaTable`, which reads batches sooner; None for
            `TokenTable`, until `race` measures which is.

    Laws:
        - `one` and `many` give equal values and tokens, whatever was read before, and so does every `scan`.
        - A text in neither English nor Spanish, or in a language that its words do not tell, has 0 in every column that
          needs one, and in `english` and `spanish`.
        - The hash of a token depends on the token alone, and on `FEATURES_VERSION`.

    Any number of threads may use it, and it survives a fork: a call takes a memory of tokens that no other call is
    using, or begins a new one. What is remembered is bounded, and changes no result.
    """

    def __init__(self, *, scan: Callable[[], TokenTable] | None = None) -> None:
        if scan is not None:
            check_callable(
                "scan", scan, "returns an empty table of tokens, such as postopt.quality.counting.numba.NumbaTable"
            )
        self._new = TokenTable if scan is None else scan
        self._chosen = scan is not None
        self._idle: list[TokenTable] = []

    def __getstate__(self) -> dict[str, Any]:  # Any: as `pickle` wants it
        """Give a worker how it reads, and not what it remembers."""
        return {**vars(self), "_idle": []}

    def race(self, texts: Sequence[str]) -> None:
        """Measure by which scan texts like these are read sooner, and read by that one from now on.

        It takes seconds, most of them to compile, and other threads read on meanwhile. Nothing happens where a scan was
        given, and without numba.

        Raises:
            ValueError: a text is no str.
        """
        if not self._chosen:
            self._new = sooner([_checked(text) for text in texts])
            self._idle = []

    def one(self, text: str, language: str | None = None) -> Features:
        """Return the features of one post.

        Args:
            text: the post.
            language: a tag such as "es" or "en-GB"; None to tell it from the words.

        Raises:
            ValueError: `text` or `language` is no str.
        """
        given = None if language is None else place_of(language)
        text = normal(_checked(text))
        found = scan(text)
        table = self._table(idle := self._idle)
        numbers = [table[token] for token in found]
        sizes = Sizes(len(text), text.count("\n"), len(found), len(set(found)))
        values, place = values_of_one(table, numbers, sizes, given)
        hashed = table.hashed
        tokens = tuple([hashed[number] for number in numbers])
        self._give_back(table, idle)
        return Features(values, tokens, _TAGS[place] if language is None else language)

    def many(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> FeatureBatch:
        """Return the features of many posts, in their order.

        Args:
            texts: the posts.
            languages: a tag or None for each, or None if no language is known.

        Raises:
            ValueError: a text or language is no str, or there are not as many languages as texts.
        """
        texts = _checked_all(check_items("texts", texts, "texts"))
        given = _places(languages, len(texts))
        parts = [self._part(texts[start:end], given[start:end]) for start, end in _cut(texts)]
        values, tokens, lengths, places = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        tags = [_TAGS[place] for place in places.tolist()]
        if languages is not None:
            tags = [tag if language is None else language for tag, language in zip(tags, languages, strict=True)]
        return FeatureBatch(values, tokens, np.concatenate([[0], np.cumsum(lengths)]), tuple(tags))

    def tokens(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.uint32], Integers]:
        """Return the `tokens` and `offsets` that `many` finds, without the values, in half the time.

        Raises:
            ValueError: a text is no str.
        """
        texts = [normal(text) for text in _checked_all(texts)]
        table = self._table(idle := self._idle)
        parts = [table.read(texts[start:end]) for start, end in _cut(texts)]
        numbers = np.concatenate([part.numbers for part in parts])
        lengths = np.concatenate([part.lengths for part in parts])
        tokens = table.arrays().hashes[numbers]
        self._give_back(table, idle)
        return tokens, np.concatenate([[0], np.cumsum(lengths)])

    def _part(self, texts: Sequence[str], given: Places) -> tuple[Float32s, npt.NDArray[np.uint32], Integers, Places]:
        texts = [normal(text) for text in texts]
        table = self._table(idle := self._idle)
        numbers, lengths, distinct = table.read(texts)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        lines = [text.count("\n") for text in texts]
        sizes = np.array([list(map(len, texts)), lines, lengths, distinct])
        values, places = values_of_batch(table, numbers, offsets, sizes, given)
        tokens = table.arrays().hashes[numbers]
        self._give_back(table, idle)
        return values, tokens, lengths, places

    def _table(self, idle: list[TokenTable]) -> TokenTable:
        try:
            return idle.pop()
        except IndexError:
            return self._new()

    @staticmethod
    def _give_back(table: TokenTable, idle: list[TokenTable]) -> None:
        """Keep a table for the next call, if it is small; after a race, `idle` is no longer in use."""
        if len(table) <= _MOST_TOKENS and len(idle) < _MOST_TABLES:
            idle.append(table)


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
    return text


def _checked_all(texts: Sequence[str]) -> Sequence[str]:
    return texts if set(map(type, texts)) == {str} else [_checked(text) for text in texts]


def _places(languages: Sequence[str | None] | None, n: int) -> Places:
    if languages is None:
        return np.full(n, -1, np.int8)
    tags = check_items("languages", languages, "tags")
    if len(tags) != n:
        raise ValueError(f"languages has {len(tags)} items; one for each of {n} texts is needed")
    return np.array([-1 if tag is None else place_of(tag) for tag in tags], np.int8)


def _cut(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where parts of about `_CHUNK` characters begin and end; one, and empty, if there are no texts."""
    start = size = 0
    if sum(map(len, texts)) < _CHUNK:
        yield 0, len(texts)
        return
    for end, text in enumerate(texts):
        size += len(text)
        if size >= _CHUNK:
            yield start, end + 1
            start, size = end + 1, 0
    if start < len(texts):
        yield start, len(texts)
