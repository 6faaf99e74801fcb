"""How near a text is to what was published lately.

Two texts are compared by their shingles, the runs of `WORDS` words in a row: the share of all their shingles that both
have (Jaccard's index). Every recent text that shares one is found in an index from shingle to texts, so the greatest
similarity is exact; MinHash (`postopt.caching.minhash`) would miss three in four texts that share a half.

Source: A. Z. Broder, "On the resemblance and containment of documents", SEQUENCES 1997, 21-29.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from postopt._checks import check_count, check_items
from postopt.errors import shown
from postopt.judgement import Finding
from postopt.quality.rules.defects import quoted

AXIS: Final = "novelty"

WORDS: Final = 3
"""Words of a shingle: pairs are common to any two posts of a page, and four let a changed word hide too much."""

NEAR: Final = 0.5
"""Similarity from which a text is a near duplicate: half of all shingles in common; arbitrary."""

MOST: Final = 1_000
"""Recent texts that are kept, at most; arbitrary, a year of three posts a day."""

# What comes after it is not compared: it bounds the memory, at .7 MB for a text that long. A usual post takes 4 kB.
_MOST_CHARACTERS = 10_000

# Where a shingle stands more often than that in one text, further places are not looked at.
_MOST_PLACES = 16

# Ideographs, kana, Thai and other scripts without spaces: each character is a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_]+)*")


class Match(NamedTuple):
    """The recent text that is nearest to another one.

    Attributes:
        similarity: the share of shingles in common, from 0 to 1; 1 where both have the same ones.
        text: the recent text, or its first 10,000 characters; "" if none shares a shingle.
        span: the longest passage that both have, in the text that was compared.
    """

    similarity: float
    text: str = ""
    span: tuple[int, int] | None = None


class _Shingled(NamedTuple):
    text: str
    shingles: dict[int, list[int]]  # hash of a shingle -> the numbers of the words it begins with
    ends: list[tuple[int, int]]  # where each word begins and ends


class RecentPosts:
    """The last texts of a page, against which new ones are compared. Thread-safe.

    A text that is added again moves to the newest place and counts once. Texts without a word (emoji alone) are the
    same only if they are equal. Spaces, marks, case and what comes after 10,000 characters do not count.

    Args:
        texts: the oldest first.
        most: how many are kept; older ones are forgotten.

    Raises:
        ValueError: `most` is below 1, or a text is no str.
    """

    def __init__(self, texts: Iterable[str] = (), *, most: int = MOST) -> None:
        self._most = check_count("most", most)
        self._lock = threading.Lock()
        self._next = 0
        self._kept: OrderedDict[int, _Shingled] = OrderedDict()
        self._index: dict[int, tuple[int, ...]] = {}
        for text in check_items("recent", texts, "texts"):
            self.add(text)

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> tuple[partial[RecentPosts], tuple[list[str]]]:
        """Give the texts alone to other processes: locks and hashes of words hold in this one."""
        with self._lock:
            return partial(type(self), most=self._most), ([kept.text for kept in self._kept.values()],)

    def add(self, text: str) -> None:
        """Take a text as the newest."""
        new = _shingled(text, "a recent text")
        with self._lock:
            self._forget(next((key for key, old in self._kept.items() if old.text == new.text), None))
            key, self._next = self._next, self._next + 1
            self._kept[key] = new
            for shingle in new.shingles:
                self._index[shingle] = (*self._index.get(shingle, ()), key)
            if len(self._kept) > self._most:
                self._forget(next(iter(self._kept)))

    def _forget(self, key: int | None) -> None:
        if key is None:
            return
        for shingle in self._kept.pop(key).shingles:
            left = tuple([other for other in self._index[shingle] if other != key])
            if left:
                self._index[shingle] = left
            else:
                del self._index[shingle]

    def nearest(self, text: str, *, beside_itself: bool = False) -> Match:
        """Return the most similar recent text; of equally similar ones, the newest.

        `beside_itself` leaves out the very same text: for one that was published and added since.
        """
        new = _shingled(text)
        shared: Counter[int] = Counter()
        with self._lock:
            for shingle in new.shingles:
                shared.update(self._index.get(shingle, ()))
            nearest, similarity = None, 0.0
            for key, count in shared.items():
                old = self._kept[key]
                if beside_itself and old.text == new.text:
                    continue
                jaccard = count / (len(new.shingles) + len(old.shingles) - count)
                if (jaccard, key) > (similarity, -1 if nearest is None else nearest):
                    nearest, similarity = key, jaccard
            found = None if nearest is None else self._kept[nearest]
        return Match(0.0) if found is None else Match(similarity, found.text, _longest_shared(new, found))


def check(text: str, recent: RecentPosts, *, beside_itself: bool = False) -> tuple[float, list[Finding]]:
    """Return one minus the greatest similarity to a recent text, and a finding if it is a duplicate or nearly one."""
    match = recent.nearest(text, beside_itself=beside_itself)
    if match.similarity < NEAR or match.span is None:
        return 1 - match.similarity, []
    same = match.similarity == 1
    what = "says the same as" if same else f"shares {match.similarity:.0%} of its runs of {WORDS} words with"
    message = f"The text {what} a recent one: {quoted(match.text)} Say it otherwise."
    rule = f"{AXIS}.{'duplicate' if same else 'near_duplicate'}"
    return 1 - match.similarity, [Finding(rule=rule, axis=AXIS, message=message, span=match.span, source="host")]


def _shingled(text: str, name: str = "text") -> _Shingled:
    if not isinstance(text, str):
        raise ValueError(f"{name} is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
    text = text[:_MOST_CHARACTERS]
    folded = text.casefold()
    # Some characters have more than one in lower case ("İ", "ß"): then places in the two texts differ.
    found = list(_WORD.finditer(folded if len(folded) == len(text) else text))
    words = [word[0].casefold() for word in found]
    ends = [word.span() for word in found]
    if not words:
        words, ends = [text], [(0, len(text))]
    width = min(WORDS, len(words))
    places: dict[int, list[int]] = {}
    for number in range(len(words) - width + 1):
        # Hashes of 64 bits that are never kept beyond the process.
        starts = places.setdefault(hash(tuple(words[number : number + width])), [])
        if len(starts) < _MOST_PLACES:
            starts.append(number)
    return _Shingled(text, places, ends)


def _longest_shared(new: _Shingled, old: _Shingled) -> tuple[int, int]:
    """Return where the longest run of shared shingles stands in `new`; they share at least one."""
    starts = sorted((number, shingle) for shingle, numbers in new.shingles.items() for number in numbers)
    width = min(WORDS, len(new.ends))
    before: dict[int, int] = {}
    longest, end = 0, 0
    last = -1
    for number, shingle in starts:
        reached = before if number == last + 1 else {}
        before = {place: reached.get(place - 1, 0) + 1 for place in old.shingles.get(shingle, ())}
        last = number
        if before and (run := max(before.values())) > longest:
            longest, end = run, number
    return new.ends[end - longest + 1][0], new.ends[end + width - 1][1]
