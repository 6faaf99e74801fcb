"""Tokens found, numbered and summed by compiled code; compiled at the first call, which takes several seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from postopt._optional import needs
from postopt.quality.counting.endings import CLASSES, SPACE, token_end
from postopt.quality.counting.table import WIDTH, Scanned, TokenTable

with needs("numba"):
    import numba

# A slot holds a token: its key, what the key is of, its own number, and the number of the text it was last seen in.
# What the key is of: how many letters (0 in an empty slot), whether the key is a hash, and where the letters begin.
_KEY, _OF, _NUMBER, _SEEN = range(4)
_HASHED: Final = 1 << 20  # above the most letters that a token may have
_BEGIN: Final = 21  # bits to the right of where letters begin
_WHICH: Final = (1 << _BEGIN) - 1


@numba.njit
def _key_of(codes: Any, i: Any, j: Any) -> Any:  # pragma: no cover  # runs compiled only
    """Return the key of the token from i to j and what it is of: a short one in Latin-1 whole, else a hash."""
    key, all_bits = np.uint64(0), np.uint32(0)
    if j - i <= 8:
        for p in range(i, j):
            key = key << np.uint64(8) | np.uint64(codes[p])
            all_bits |= codes[p]
        if all_bits < 256:
            return key, j - i
    key = np.uint64(0)
    for p in range(i, j):
        key = (key ^ np.uint64(codes[p])) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    return key, (j - i) | _HASHED


@numba.njit
def _slot_of(key: Any, slots: Any) -> Any:  # pragma: no cover
    """Return where a token with this key is looked for first."""
    mixed = (key ^ key >> np.uint64(32)) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(32)) & (len(slots) - 1)


@numba.njit
def _find(codes: Any, i: Any, j: Any, slots: Any, letters: Any) -> Any:  # pragma: no cover
    """Return the slot of the token from i to j, or the empty one that is to hold it; its key, and what that is of."""
    key, which = _key_of(codes, i, j)
    slot = _slot_of(key, slots)
    while slots[slot, _OF]:
        if slots[slot, _KEY] == np.int64(key) and slots[slot, _OF] & _WHICH == which:
            begin, p = slots[slot, _OF] >> _BEGIN, 0
            if not which & _HASHED:
                break
            while p < j - i and letters[begin + p] == codes[i + p]:
                p += 1
            if p == j - i:
                break
        slot = (slot + 1) & (len(slots) - 1)
    return slot, key, which


@numba.njit
def _move(slots: Any, others: Any) -> Any:  # pragma: no cover
    """Enter the tokens into slots that are empty."""
    for old in range(len(slots)):
        if slots[old, _OF]:
            slot = _slot_of(np.uint64(slots[old, _KEY]), others)
            while others[slot, _OF]:
                slot = (slot + 1) & (len(others) - 1)
            others[slot] = slots[old]


@numba.njit
def _scan(
    codes: Any, classes: Any, ends: Any, text: Any, slots: Any, counts: Any, begins: Any, letters: Any,
    numbers: Any, sizes: Any,
) -> Any:  # pragma: no cover  # fmt: skip
    """Read texts from number `text` on, and return the number of the first for whose tokens there may be no room.

    Args:
        codes: the texts, one after another, each with white space at its end.
        classes: what each code point is.
        ends: where each text ends.
        text: number of the first to be read.
        slots: (a power of two, 4) the tokens by key, at most half of them full.
        counts: how many tokens there are, how many texts were read by these slots, and how many tokens `numbers` has.
        begins: where the letters of each token begin, and the end.
        letters: of the tokens.
        numbers: filled with the tokens' own numbers, text by text.
        sizes: filled with how many of them each text has, and how many are distinct.
    """
    kinds = np.empty(len(codes), np.uint8)
    while text < len(ends):
        start, end = (ends[text - 1] if text else 0), ends[text]
        if 2 * (counts[0] + end - start) > len(slots) or begins[counts[0]] + end - start > len(letters):
            break
        counts[1] += 1
        slashes, ats, different, first = False, False, 0, counts[2]
        for i in range(start, end):
            kinds[i] = classes[codes[i]]
            slashes |= codes[i] == 47
            ats |= codes[i] == 64
        i, total = start, first
        while i < end:
            if kinds[i] & SPACE:
                i += 1
                continue
            j = token_end(codes, kinds, start, i, end, slashes, ats)
            slot, key, which = _find(codes, i, j, slots, letters)
            if not slots[slot, _OF]:
                begin = begins[counts[0]]
                letters[begin : begin + j - i] = codes[i:j]
                slots[slot, _KEY] = np.int64(key)
                slots[slot, _OF] = which | begin << _BEGIN
                slots[slot, _NUMBER] = counts[0]
                counts[0] += 1
                begins[counts[0]] = begin + j - i
            if slots[slot, _SEEN] != counts[1]:
                slots[slot, _SEEN] = counts[1]
                different += 1
            numbers[total] = slots[slot, _NUMBER]
            total += 1
            i = j
        sizes[0, text], sizes[1, text], counts[2] = total - first, different, total
        text += 1
    return text


@numba.njit
def _sum(rows: Any, numbers: Any, offsets: Any, sums: Any) -> Any:  # pragma: no cover
    for text in range(len(sums)):
        for i in range(offsets[text], offsets[text + 1]):
            for word in range(rows.shape[1]):
                sums[text, word] += rows[numbers[i], word]


class NumbaTable(TokenTable):
    """Tokens that are found by compiled code; the same tokens as `scan` finds.

    Compiled code numbers the tokens it finds on its own, by what they are made of: it keeps their letters one after
    another, and looks them up by open addressing. `_known` has the number of each in the table.
    """

    def __init__(self) -> None:
        super().__init__()
        self._slots = np.zeros((2, 4), np.int64)
        self._counts = np.zeros(3, np.int64)
        self._begins = np.zeros(2, np.int64)
        self._letters = np.zeros(0, np.uint32)
        self._known = np.zeros(0, np.int32)

    def read(self, texts: Sequence[str]) -> Scanned:
        """Return the tokens of normal texts, by number."""
        codes = np.frombuffer(" ".join([*texts, ""]).encode("utf-32-le", "surrogatepass"), "<u4")
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
        numbers = np.empty(len(codes), np.int32)
        sizes = np.zeros((2, len(texts)), np.int64)
        self._counts[2] = text = 0
        while text < len(texts):
            self._make_room(len(texts[text]) + 1)
            text = _scan(
                codes, CLASSES, ends, text, self._slots, self._counts, self._begins, self._letters, numbers, sizes
            )
        self._number()
        return Scanned(self._known[numbers[: self._counts[2]]], *sizes)

    def sums(self, numbers: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """Return the sum of the rows of each text's tokens."""
        sums = np.zeros((len(offsets) - 1, WIDTH), "<u8")
        _sum(self.arrays().rows, numbers, offsets, sums)
        return sums

    def _number(self) -> None:
        """Look up the tokens that are new."""
        first = len(self._known)
        begins = self._begins[first : self._counts[0] + 1]
        letters = self._letters[begins[0] : begins[-1]].tobytes().decode("utf-32-le", "surrogatepass")
        places = (begins - begins[0]).tolist()
        new = [self[letters[begin:end]] for begin, end in pairwise(places)]
        self._known = np.concatenate([self._known, np.array(new, np.int32)])

    def _make_room(self, size: int) -> None:
        """Make room for as many new tokens and letters as there may be in so many characters."""
        count = int(self._counts[0])
        self._letters = _grown(self._letters, int(self._begins[count]) + size)
        if len(self._slots) < 2 * (count + size):
            slots = np.zeros((1 << (2 * (count + size)).bit_length(), 4), np.int64)
            _move(self._slots, slots)
            self._slots = slots
            self._begins = _grown(self._begins, len(slots) // 2 + 1)


def _grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return the array, or a copy with zeros at its end if it is shorter than that."""
    if len(array) >= size:
        return array
    longer = np.zeros(2 * size, array.dtype)
    longer[: len(array)] = array
    return longer
