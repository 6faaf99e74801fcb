"""Where the token that begins at a place ends: the rules of `scan`, compiled.

A property test compares the two. A text is an array of code points, with one of what each is (`CLASSES`). Each rule
returns where its token ends, or the place itself if none begins there; none looks past the end of the text, which is
white space.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from postopt._optional import needs
from postopt.quality.counting.scan import ASKED, DRAWN, TITLES, UNSPACED, combining

with needs("numba"):
    import numba

# What a character is. One that writes no spaces is a letter too, if it is one.
_LETTER, _DIGIT, SPACE, _UNDERSCORE, _MARK, _UNSPACED, _DRAWN, _ASKED = (1 << bit for bit in range(8))
ALNUM: Final = _LETTER | _DIGIT
_WORD: Final = ALNUM | _UNDERSCORE
_SPACED: Final = ALNUM | _UNSPACED
_EMOJI: Final = _DRAWN | _ASKED

_TITLES: Final = np.array(sorted({int.from_bytes(title.encode("utf-16-le"), "little") for title in TITLES}), np.int64)


def _classes() -> npt.NDArray[np.uint8]:
    """Return what each code point is."""
    classes = np.zeros(0x110000, np.uint8)
    # All letters, digits, white space and marks of Unicode; the planes between and beyond have none.
    for start, end in ((0, 0x40000), (0xE0000, 0xE0200)):
        classes[start:end] = [
            SPACE * c.isspace() or _DIGIT * c.isdecimal() or _LETTER * c.isalnum() or _UNDERSCORE * (c == "_")
            for c in map(chr, range(start, end))
        ]
        text = "".join(map(chr, range(start, end)))
        for kind, some in (
            (_MARK, combining()),
            (_UNSPACED, f"[{UNSPACED}]"),
            (_DRAWN, f"[{DRAWN}]"),
            (_ASKED, f"[{ASKED}]"),
        ):
            classes[[start + found.start() for found in re.finditer(some, text)]] |= kind
    return classes


CLASSES: Final = _classes()


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
def _is_spaced(kind: Any) -> Any:  # pragma: no cover
    """Return whether that is a letter or digit of a script that writes spaces."""
    return 0 < kind & _SPACED < _UNSPACED


@numba.njit
def _rest_end(kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where letters, digits and marks end that begin at i."""
    while i < end and (_is_spaced(kinds[i]) or kinds[i] & _MARK):
        i += 1
    return i


@numba.njit
def _word_end(codes: Any, kinds: Any, start: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the word at i ends."""
    j = _rest_end(kinds, i + 1, end)
    while j + 1 < end and codes[j] == 39 and _is_spaced(kinds[j + 1]):
        j = _rest_end(kinds, j + 2, end)
    # An acronym, from its second letter on.
    alone = j - 2 < start or not kinds[j - 2] & _WORD
    if alone and _is_letter(codes[j - 1]) and j + 1 < end and codes[j] == 46 and _is_letter(codes[j + 1]):
        p = j + 2
        while p + 1 < end and codes[p] == 46 and _is_letter(codes[p + 1]):
            p += 2
        if p == end or not kinds[p] & ALNUM:
            return p + 1 if p < end and codes[p] == 46 else p
    return j


@numba.njit
def _address_end(codes: Any, kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the last character before white space ends that may end a link, or i if there is none."""
    last = i
    while i < end and not kinds[i] & SPACE:
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
def _mail_end(codes: Any, kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where an e-mail address at i ends, or i if there is none."""
    p = i + 1
    while p < end and p < i + 64 and (kinds[p] & _WORD or codes[p] in (46, 43, 45)):
        p += 1
    if p == end or codes[p] != 64:
        return i
    last, labels = p, 0
    while last < end and (labels == 0 or codes[last] == 46):
        q = last + 1
        while q < end and (kinds[q] & _WORD or codes[q] == 45):
            q += 1
        if q == last + 1:
            break
        last = q
        labels += 1
    return last if labels > 1 else i


@numba.njit
def _link_end(codes: Any, kinds: Any, i: Any, end: Any, slashes: Any, ats: Any) -> Any:  # pragma: no cover
    """Return where a link or e-mail address at i ends, or i if there is none."""
    p = _scheme_end(codes, i, end)
    if p > i:
        last = _address_end(codes, kinds, p, end)
        if last > p:
            return last
    if slashes and _is_plain_alnum(codes[i]):
        p = _host_end(codes, i, end)
        if p > i:
            return _address_end(codes, kinds, p, end)
    if ats and _is_plain_alnum(codes[i]):
        return _mail_end(codes, kinds, i, end)
    return i


@numba.njit
def _number_end(codes: Any, kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    j = i + 1
    while j < end and kinds[j] & _DIGIT:
        j += 1
    while j + 1 < end and codes[j] in (46, 44, 58, 39, 0xA0, 0x202F) and kinds[j + 1] & _DIGIT:
        j += 2
        while j < end and kinds[j] & _DIGIT:
            j += 1
    while j < end and kinds[j] & ALNUM:
        j += 1
    return j


@numba.njit
def _is_short(codes: Any, kinds: Any, start: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return whether the dot at i follows a title or an initial, and precedes a capital."""
    p = i + 1
    while p < end and kinds[p] & SPACE:
        p += 1
    if p == i + 1 or p == end or not 65 <= codes[p] <= 90:
        return False
    word, length, b = 0, 0, i
    while b > start and kinds[b - 1] & _WORD:
        if length == 4 or codes[b - 1] > 127:  # longer than any title, or none
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
def _tag_end(codes: Any, kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the hashtag or mention at i ends, or the mark if it is neither."""
    p, last = i + 1, i + 1
    if codes[i] == 35:
        while p < end and kinds[p] & _DIGIT:
            p += 1
        if p == end or not kinds[p] & _WORD:
            return last
    while True:
        while p < end and (kinds[p] & _WORD or (codes[i] == 35 and kinds[p] & _MARK)):
            p += 1
        if codes[p - 1] in (46, 64):  # a dot, or the mark itself, with no name behind it
            return last
        last = p
        if codes[i] == 35 or p == end or codes[p] != 46:
            return last
        p += 1


@numba.njit
def _keycap_end(codes: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    code, p = codes[i], i + 1
    if not (48 <= code <= 57 or code in (35, 42)):  # digits, #, *
        return i
    if p < end and codes[p] == 0xFE0F:
        p += 1
    return p + 1 if p < end and codes[p] == 0x20E3 else i


@numba.njit
def _is_flag(code: Any) -> Any:  # pragma: no cover
    """Return whether that is half a flag."""
    return 0x1F1E6 <= code <= 0x1F1FF


@numba.njit
def _picture_end(codes: Any, kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where an emoji at i ends that is not joined to others, or i if there is none."""
    p = i + 1
    if _is_flag(codes[i]) and p < end and _is_flag(codes[p]):
        return p + 1
    asked = p < end and codes[p] == 0xFE0F
    if not kinds[i] & _DRAWN and not (kinds[i] & _ASKED and asked):
        return i
    if asked:
        p += 1
    if p < end and 0x1F3FB <= codes[p] <= 0x1F3FF:  # skin
        p += 1
    while p < end and 0xE0020 <= codes[p] <= 0xE007F:  # tags
        p += 1
    return p


@numba.njit
def _emoji_end(codes: Any, kinds: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    """Return where the emoji at i ends, or i if there is none."""
    j = _picture_end(codes, kinds, i, end)
    while i < j < end - 1 and codes[j] == 0x200D:
        p = _picture_end(codes, kinds, j + 1, end)
        if p == j + 1:
            if not 0x2190 <= codes[p] <= 0x2BFF:  # no arrow or the like
                return j
            p += 1
            if p < end and codes[p] == 0xFE0F:
                p += 1
        j = p
    return j


@numba.njit
def _mark_end(codes: Any, kinds: Any, start: Any, i: Any, end: Any) -> Any:  # pragma: no cover
    code = codes[i]
    if code in (35, 64) and (i == start or not kinds[i - 1] & _WORD):  # # @
        return _tag_end(codes, kinds, i, end)
    if code == 46 and _is_short(codes, kinds, start, i, end):
        return i + 1
    j = i + 1
    if _ends_sentence(code):
        while j < end and _ends_sentence(codes[j]):
            j += 1
        p = j
        while p < end and _closes(codes[p]):
            p += 1
        return p + 1 if p < end and kinds[p] & SPACE else j
    if code in (45, 0x2013, 0x2014):  # dashes
        while j < end and codes[j] in (45, 0x2013, 0x2014):
            j += 1
        return j + 1 if j < end and kinds[j] & SPACE else j
    if kinds[i] & _EMOJI:
        j = max(j, _emoji_end(codes, kinds, i, end))
    while kinds[i] & _UNSPACED and kinds[j] & _MARK:
        j += 1
    return j


@numba.njit
def token_end(codes: Any, kinds: Any, start: Any, i: Any, end: Any, slashes: Any, ats: Any) -> Any:  # pragma: no cover
    """Return where the token at i ends.

    Args:
        codes: (characters,) the code points of texts, each with white space at its end.
        kinds: (characters,) what each is, of `CLASSES`.
        start: where the text begins.
        i: where the token begins; no white space.
        end: where the text ends.
        slashes: whether the text has any.
        ats: whether it has any @.
    """
    kind = kinds[i]
    if kind & ALNUM:
        j = _link_end(codes, kinds, i, end, slashes, ats)
        if j > i:
            return j
    if codes[i] < 58:
        j = _keycap_end(codes, i, end)
        if j > i:
            return j
    if kind & _DIGIT:
        return _number_end(codes, kinds, i, end)
    if kind & _SPACED == _LETTER:
        return _word_end(codes, kinds, start, i, end)
    return _mark_end(codes, kinds, start, i, end)
