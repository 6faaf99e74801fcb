"""Tokens found by compiled code: those of the texts in Latin letters, nine posts in ten.

The rules are those of `scan` for Latin letters; a property test compares the two. Emoji and other scripts are read by
`scan`, with the words around them. Compiled at the first call, which takes several seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from postopt._optional import needs
from postopt.quality.counting.scan import TITLES, is_latin, pieces
from postopt.quality.counting.table import WIDTH, Scanned, TokenTable

with needs("numba"):
    import numba

# What a character is: a letter, a decimal digit, white space, or an underscore.
_LETTER, _DIGIT, _SPACE, _UNDERSCORE = 1, 2, 4, 8
_ALNUM, _WORD = 3, 11
_CLASSES: Final = np.array(
    [
        _SPACE * c.isspace() or _DIGIT * c.isdecimal() or _LETTER * c.isalnum() or _UNDERSCORE * (c == "_")
        for c in map(chr, range(0x2123))  # beyond is what the rules for Latin letters do not read
    ],
    np.uint8,
)
_TITLES: Final = np.array(sorted({int.from_bytes(title.encode("utf-16-le"), "little") for title in TITLES}), np.int64)


@numba.njit
def _is_letter(code: Any) -> Any:  # pragma: no cover  # runs compiled only
    return 65 <= code <= 90 or 97 <= code <= 122


@numba.njit
def _is_plain_alnum(code: Any) -> Any:  # pragma: no cover
    return _is_letter(code) or 48 <= code <= 57


@numba.njit
def _ends_sentence(code: Any) -> Any:  # pragma: no cover
    return code in (46, 33, 63, 0x2026)  # . ! ? …


@numba.njit
def _closes(code: Any) -> Any:  # pragma: no cover
    return code in (34, 39, 0x201D, 0x2019, 0xBB, 41, 93)  # " ' ” ’ » ) ]


@numba.njit
def _word_end(codes: Any, start: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the word at i ends."""
    j = i + 1
    while j < end and _CLASSES[codes[j]] & _ALNUM:
        j += 1
    while j + 1 < end and codes[j] == 39 and _CLASSES[codes[j + 1]] & _ALNUM:
        j += 2
        while j < end and _CLASSES[codes[j]] & _ALNUM:
            j += 1
    # An acronym, from its second letter on.
    alone = j - 2 < start or not _CLASSES[codes[j - 2]] & _WORD
    if alone and _is_letter(codes[j - 1]) and j + 1 < end and codes[j] == 46 and _is_letter(codes[j + 1]):
        p = j + 2
        while p + 1 < end and codes[p] == 46 and _is_letter(codes[p + 1]):
            p += 2
        if p == end or not _CLASSES[codes[p]] & _ALNUM:
            return p + 1 if p < end and codes[p] == 46 else p
    return j


@numba.njit
def _address_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the last character before white space ends that may end a link, or i if there is none."""
    last = i
    while i < end and not _CLASSES[codes[i]] & _SPACE:
        code = codes[i]
        i += 1
        if not (_ends_sentence(code) or _closes(code) or code in (44, 59, 58)):  # , ; :
            last = i
    return last


@numba.njit
def _scheme_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where "http://", "https://" or "www." at i ends, or i if neither is there."""
    if i + 4 > end:
        return i
    a, b, c, d = codes[i], codes[i + 1], codes[i + 2], codes[i + 3]
    if d == 46 and b == c and ((a == 119 and b == 119) or (a == 87 and b in (87, 119))):
        return i + 4
    if a | 32 != 104 or b | 32 != 116 or c | 32 != 116 or d | 32 != 112:
        return i
    p = i + 4
    if p < end and codes[p] | 32 == 115:
        p += 1
    return p + 3 if p + 3 <= end and codes[p] == 58 and codes[p + 1] == 47 and codes[p + 2] == 47 else i


@numba.njit
def _host_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where a host with its slash at i ends, or i if there is none."""
    p, labels = i, 0
    while labels < 5 and p < end and _is_plain_alnum(codes[p]):
        q = p + 1
        while q < end and q < p + 63 and (_is_plain_alnum(codes[q]) or codes[q] == 45):
            q += 1
        if q == end or codes[q] != 46:
            break
        p = q + 1
        labels += 1
    q = p
    while q < end and _is_letter(codes[q]):
        q += 1
    return q + 1 if labels and 2 <= q - p <= 24 and q < end and codes[q] == 47 else i


@numba.njit
def _mail_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where an e-mail address at i ends, or i if there is none."""
    p = i + 1
    while p < end and p < i + 64 and (_CLASSES[codes[p]] & _WORD or codes[p] in (46, 43, 45)):
        p += 1
    if p == end or codes[p] != 64:
        return i
    last, labels = p, 0
    while last < end and (labels == 0 or codes[last] == 46):
        q = last + 1
        while q < end and (_CLASSES[codes[q]] & _WORD or codes[q] == 45):
            q += 1
        if q == last + 1:
            break
        last = q
        labels += 1
    return last if labels > 1 else i


@numba.njit
def _link_end(codes: Any, i: Any, end: Any, slashes: Any, ats: Any) -> Any:  # pragma: no cover
    """Return where a link or e-mail address at i ends, or i if there is none."""
    p = _scheme_end(codes, i, end)
    if p > i:
        last = _address_end(codes, p, end)
        if last > p:
            return last
    if slashes and _is_plain_alnum(codes[i]):
        p = _host_end(codes, i, end)
        if p > i:
            return _address_end(codes, p, end)
    if ats and _is_plain_alnum(codes[i]):
        return _mail_end(codes, i, end)
    return i


@numba.njit
def _number_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    j = i + 1
    while j < end and _CLASSES[codes[j]] & _DIGIT:
        j += 1
    while j + 1 < end and codes[j] in (46, 44, 58, 39, 0xA0, 0x202F) and _CLASSES[codes[j + 1]] & _DIGIT:
        j += 2
        while j < end and _CLASSES[codes[j]] & _DIGIT:
            j += 1
    while j < end and _CLASSES[codes[j]] & _ALNUM:
        j += 1
    return j


@numba.njit
def _is_short(codes: Any, start: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return whether the dot at i follows a title or an initial, and precedes a capital."""
    p = i + 1
    while p < end and _CLASSES[codes[p]] & _SPACE:
        p += 1
    if p == i + 1 or p == end or not 65 <= codes[p] <= 90:
        return False
    word, length, b = 0, 0, i
    while b > start and _CLASSES[codes[b - 1]] & _WORD:
        if length == 4:  # longer than any title
            return False
        b -= 1
        length += 1
        word = word * 65536 + codes[b]
    if length == 1:
        return 65 <= word <= 90 and word != 73  # I is a word
    for title in _TITLES:  # noqa: SIM110  # any() of a generator does not compile
        if title == word:
            return True
    return False


@numba.njit
def _tag_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the hashtag or mention at i ends, or the mark if it is neither."""
    p, last = i + 1, i + 1
    if codes[i] == 35:
        while p < end and _CLASSES[codes[p]] & _DIGIT:
            p += 1
        if p == end or not _CLASSES[codes[p]] & _WORD:
            return last
    while True:
        while p < end and _CLASSES[codes[p]] & _WORD:
            p += 1
        if codes[p - 1] in (46, 64):  # a dot, or the mark itself, with no name behind it
            return last
        last = p
        if codes[i] == 35 or p == end or codes[p] != 46:
            return last
        p += 1


@numba.njit
def _mark_end(codes: Any, start: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    code = codes[i]
    if code in (35, 64) and (i == start or not _CLASSES[codes[i - 1]] & _WORD):  # # @
        return _tag_end(codes, i, end)
    if code == 46 and _is_short(codes, start, i, end):
        return i + 1
    j = i + 1
    if _ends_sentence(code):
        while j < end and _ends_sentence(codes[j]):
            j += 1
        p = j
        while p < end and _closes(codes[p]):
            p += 1
        return p + 1 if p < end and _CLASSES[codes[p]] & _SPACE else j
    if code in (45, 0x2013, 0x2014):  # dashes
        while j < end and codes[j] in (45, 0x2013, 0x2014):
            j += 1
        return j + 1 if j < end and _CLASSES[codes[j]] & _SPACE else j
    return j


@numba.njit
def _slot_of(codes: Any, i: Any, j: Any, slots: Any) -> Any:  # pragma: no cover
    h = np.uint64(j - i)
    for p in range(i, j):
        h = (h ^ np.uint64(codes[p])) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((h ^ (h >> np.uint64(32))) & np.uint64(len(slots) - 1))


@numba.njit
def _number_of(codes: Any, i: Any, j: Any, slots: Any, places: Any, letters: Any) -> Any:  # pragma: no cover
    """Return the number of the token from i to j, a new one if it was not seen before."""
    slot = _slot_of(codes, i, j, slots)
    while slots[slot] >= 0:
        number = slots[slot]
        begin = places[number + 1]
        if places[number + 2] - begin == j - i:
            p = 0
            while p < j - i and letters[begin + p] == codes[i + p]:
                p += 1
            if p == j - i:
                return number
        slot = (slot + 1) & (len(slots) - 1)
    number = places[0]
    begin = places[number + 1]
    for p in range(j - i):
        letters[begin + p] = codes[i + p]
    slots[slot] = number
    places[0] += 1
    places[number + 2] = begin + j - i
    return number


@numba.njit
def _fill(slots: Any, places: Any, letters: Any) -> Any:  # pragma: no cover
    """Enter all tokens into empty slots."""
    for number in range(places[0]):
        slot = _slot_of(letters, places[number + 1], places[number + 2], slots)
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = number


@numba.njit
def _scan(
    codes: Any, ends: Any, slots: Any, places: Any, letters: Any, seen: Any, numbers: Any, lengths: Any, distinct: Any
) -> Any:  # pragma: no cover
    """Write the numbers of the tokens of all texts, how many each has, and how many of them are distinct.

    seen: for each token 1 + the number of the text it was last seen in; texts are counted on in seen[0].
    """
    total, start = 0, 0
    for text in range(len(ends)):
        end = ends[text]
        seen[0] += 1
        slashes, ats = False, False
        for i in range(start, end):
            slashes |= codes[i] == 47
            ats |= codes[i] == 64
        i, first = start, total
        while i < end:
            kind = _CLASSES[codes[i]]
            if kind & _SPACE:
                i += 1
                continue
            j = _link_end(codes, i, end, slashes, ats) if kind & _ALNUM else _mark_end(codes, start, i, end)
            if j == i:
                j = _word_end(codes, start, i, end) if kind & _LETTER else _number_end(codes, i, end)
            number = _number_of(codes, i, j, slots, places, letters)
            if seen[number + 1] != seen[0]:
                seen[number + 1] = seen[0]
                distinct[text] += 1
            numbers[total] = number
            total += 1
            i = j
        lengths[text] = total - first
        start = end
    return total


@numba.njit
def _sum(rows: Any, numbers: Any, offsets: Any, sums: Any) -> Any:  # pragma: no cover
    for text in range(len(sums)):
        for i in range(offsets[text], offsets[text + 1]):
            for word in range(rows.shape[1]):
                sums[text, word] += rows[numbers[i], word]


class NumbaTable(TokenTable):
    """Tokens that are mostly found by compiled code; the same tokens, in an order of numbers of its own.

    Compiled code numbers the tokens it finds on its own, by what they are made of: it keeps their letters one after
    another, and looks them up by open addressing. `_known` has the number of each in the table.
    """

    def __init__(self) -> None:
        super().__init__()
        self._slots = np.zeros(0, np.int32)  # own numbers, -1 for none; always a power of two, at most half full
        self._begins = np.zeros(2, np.int64)  # how many tokens, then where the letters of each begin, and the end
        self._letters = np.zeros(0, np.uint16)
        self._seen = np.zeros(1, np.int64)
        self._known = np.zeros(0, np.int32)

    def read(self, texts: Sequence[str]) -> Scanned:
        """Return the tokens of normal texts, by number."""
        mixed = [place for place, text in enumerate(texts) if not is_latin(text)]
        if not mixed:
            return self._compiled(texts)
        parts: tuple[list[str], list[str]] = ([], [])
        latin: list[bool] = []
        counts = np.ones(len(texts), np.int64)
        before = 0
        for place in mixed:
            parts[True].extend(texts[before:place])
            latin += [True] * (place - before)
            for is_plain, piece in pieces(texts[place]):
                parts[is_plain].append(piece)
                latin.append(is_plain)
                counts[place] += 1
            counts[place] -= 1
            before = place + 1
        parts[True].extend(texts[before:])
        latin += [True] * (len(texts) - before)
        scanned = self._merged(np.array(latin, np.bool_), self._compiled(parts[True]), super().read(parts[False]))
        first = np.cumsum(counts) - counts
        lengths, distinct = np.add.reduceat(scanned.lengths, first), scanned.distinct[first]
        ends = np.cumsum(lengths)
        for place in mixed:
            numbers = scanned.numbers[ends[place] - lengths[place] : ends[place]]
            distinct[place] = len(set(numbers.tolist()))
        return Scanned(scanned.numbers, lengths, distinct)

    def sums(self, numbers: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """Return the sum of the rows of each text's tokens."""
        sums = np.zeros((len(offsets) - 1, WIDTH), "<u8")
        _sum(self.arrays().rows, numbers, offsets, sums)
        return sums

    @staticmethod
    def _merged(plain: npt.NDArray[np.bool_], found: Scanned, rest: Scanned) -> Scanned:
        """Return the tokens of texts that were read apart, by whether they are plain."""
        lengths, distinct = np.empty((2, len(plain)), np.int64)
        lengths[plain], lengths[~plain] = found.lengths, rest.lengths
        distinct[plain], distinct[~plain] = found.distinct, rest.distinct
        numbers = np.empty(len(found.numbers) + len(rest.numbers), np.int32)
        from_compiled = np.repeat(plain, lengths)
        numbers[from_compiled], numbers[~from_compiled] = found.numbers, rest.numbers
        return Scanned(numbers, lengths, distinct)

    def _compiled(self, texts: Sequence[str]) -> Scanned:
        codes = np.frombuffer(" ".join([*texts, ""]).encode("utf-16-le"), "<u2")
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
        self._make_room(len(codes))
        numbers = np.empty(len(codes), np.int32)
        lengths, distinct = np.zeros((2, len(texts)), np.int64)
        total = _scan(codes, ends, self._slots, self._begins, self._letters, self._seen, numbers, lengths, distinct)
        begins = self._begins[len(self._known) + 1 : self._begins[0] + 2]
        new = [self[self._letters[a:b].tobytes().decode("utf-16-le")] for a, b in pairwise(begins.tolist())]
        self._known = np.concatenate([self._known, np.array(new, np.int32)])
        return Scanned(self._known[numbers[:total]], lengths, distinct)

    def _make_room(self, size: int) -> None:
        """Make room for as many new tokens and letters as there may be in so many characters."""
        count = len(self._known)
        self._begins = _grown(self._begins, count + size + 2)
        self._seen = _grown(self._seen, count + size + 1)
        self._letters = _grown(self._letters, int(self._begins[count + 1]) + size)
        if len(self._slots) < 2 * (count + size):
            self._slots = np.full(1 << (2 * (count + size)).bit_length(), -1, np.int32)
            _fill(self._slots, self._begins, self._letters)


def _grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return the array, or a copy with zeros at its end if it is shorter than that."""
    if len(array) >= size:
        return array
    longer = np.zeros(2 * size, array.dtype)
    longer[: len(array)] = array
    return longer
