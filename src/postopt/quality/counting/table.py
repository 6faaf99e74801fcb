"""What is remembered of tokens between texts."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from postopt.quality.counting.columns import CATEGORIES, LANES
from postopt.quality.counting.scan import scan
from postopt.quality.counting.tokens import categories, row, token_hash
from postopt.quality.lexicon import LANGUAGES

WIDTH: Final = -(-len(LANES) // 4)
"""Words of 64 bits in a row, each with four lanes of 16 bits."""

FIRST_CATEGORY: Final = 4 * WIDTH
"""The field of a packed row where the categories begin."""

_ROW = struct.Struct(f"<{len(LANES)}H{8 * WIDTH - 2 * len(LANES)}x")
_ROW_MASK = (1 << 64 * WIDTH) - 1


# What is repeated is short: an emoji at the end, a call to action. Characters, and texts remembered; both arbitrary.
_SHORT = 40
_scan_short = lru_cache(maxsize=8192)(scan)


class Scanned(NamedTuple):
    """The tokens of n texts.

    Attributes:
        numbers: (total,) their numbers, text by text.
        lengths: (n,) how many there are of each text.
        distinct: (n,) how many of them are distinct.
    """

    numbers: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]
    distinct: npt.NDArray[np.int64]


class Arrays(NamedTuple):
    """What the tokens of a table count for, by number; longer than there are tokens.

    Attributes:
        rows: (capacity, WIDTH) uint64, 16 bits for each of `LANES`, least significant first.
        hashes: (capacity,) uint32, the hashes.
        places: (capacity,) int32, number of the word in `LISTED`, or 0.
    """

    rows: npt.NDArray[np.uint64]
    hashes: npt.NDArray[np.uint32]
    places: npt.NDArray[np.int32]


class TokenTable(dict[str, int]):
    """Tokens, numbered in the order in which they are first looked up: `table[token]` reads one that is new.

    What a token counts for is kept twice: packed into one int, whose sums are taken for a single text, and as a row of
    an array, for a batch. A field of a sum has room for every text (`scan.MOST_CHARACTERS`).

    Not for two threads at once. It grows without bound: whoever owns it replaces it when it is large.

    Attributes:
        packed: 16 bits for each of `LANES`, filled up to `WIDTH` words of 64; then 16 for each of `CATEGORIES`,
            language by language.
        hashed: the hashes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.packed: list[int] = []
        self.hashed: list[int] = []
        self._places: list[int] = []
        # Of a hundred tokens one counts for something that none before it did; the others share its int.
        self._rows: dict[int, int] = {}
        self._arrays = Arrays(np.zeros((0, WIDTH), "<u8"), np.zeros(0, np.uint32), np.zeros(0, np.int32))
        self._filled = 0

    def __missing__(self, token: str) -> int:
        number = len(self.packed)
        place = LISTED.number(token.casefold())
        packed = int.from_bytes(_ROW.pack(*row(token)), "little") | LISTED.packed[place]
        self.packed.append(self._rows.setdefault(packed, packed))
        self.hashed.append(token_hash(token))
        self._places.append(place)
        self[token] = number
        return number

    def read(self, texts: Sequence[str]) -> Scanned:
        """Return the tokens of normal texts, by number."""
        found = [_scan_short(text) if len(text) <= _SHORT else scan(text) for text in texts]
        lengths = np.array([len(tokens) for tokens in found], np.int64)
        numbers = np.fromiter(map(self.__getitem__, chain.from_iterable(found)), np.int32, int(lengths.sum()))
        return Scanned(numbers, lengths, np.array([len(set(tokens)) for tokens in found], np.int64))

    def sums(self, numbers: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """Return the sum of the rows of each text's tokens, (n, WIDTH); those of text i begin at `offsets[i]`."""
        sums = np.zeros((len(offsets) - 1, WIDTH), "<u8")
        filled = np.flatnonzero(np.diff(offsets))
        if len(filled):
            # reduceat has no sum of nothing, so texts without tokens are left out.
            sums[filled] = np.add.reduceat(self.arrays().rows[numbers], offsets[filled], axis=0)
        return sums

    def arrays(self) -> Arrays:
        """Return what the tokens count for, for a batch; valid until another token is looked up."""
        start, end = self._filled, len(self.packed)
        if end > len(self._arrays.hashes):
            self._arrays = Arrays(*(_longer(array, 2 * end) for array in self._arrays))
        if start < end:
            rows = [(packed & _ROW_MASK).to_bytes(_ROW.size, "little") for packed in self.packed[start:]]
            self._arrays.rows[start:end] = np.frombuffer(b"".join(rows), "<u8").reshape(-1, WIDTH)
            self._arrays.hashes[start:end] = self.hashed[start:]
            self._arrays.places[start:end] = self._places[start:]
            self._filled = end
        return self._arrays


def _longer(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    longer = np.zeros((size, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


class _Listed:
    """The words that are on lists, numbered from 1, and the categories of each in each language.

    Attributes:
        stride: how many there are, and one for no word.
        starts: (languages * stride + 1,) where the categories of a word begin in `columns`; those of the next end them.
        columns: places in `CATEGORIES`.
        packed: by number, the fields of the categories in a packed row.
    """

    def __init__(self) -> None:
        words = sorted({word for language in LANGUAGES for word in categories(language)})
        found = [[categories(language).get(word, ()) for word in ("", *words)] for language in LANGUAGES]
        self._numbers = {word: number for number, word in enumerate(words, 1)}
        self.stride = len(words) + 1
        self.starts = np.array([0, *accumulate(map(len, chain.from_iterable(found)))], np.int64)
        self.columns = np.array(list(chain.from_iterable(chain.from_iterable(found))), np.int64)
        self.packed = [
            sum(
                1 << 16 * (FIRST_CATEGORY + language * len(CATEGORIES) + place)
                for language, each in enumerate(found)
                for place in each[number]
            )
            for number in range(self.stride)
        ]

    def number(self, folded: str) -> int:
        return self._numbers.get(folded, 0)


LISTED: Final = _Listed()
