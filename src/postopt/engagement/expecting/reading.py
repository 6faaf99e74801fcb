"""A post as the hashes that the words' model reads: its words, and the circumstances under which it is published."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.expecting.spaces import Places, Shape, shape_of
from postopt.engagement.ngrams import MASK, ODD, Hashes, Indices
from postopt.engagement.posts import Columns, Row
from postopt.quality.counting.scan import normal, scan
from postopt.quality.counting.tokens import token_hash
from postopt.quality.features import FeatureBatch, FeatureSet

# What is remembered: hashes of tokens and circumstances; shapes, of posts that are not longer than so many tokens. All
# arbitrary.
_MOST_KEPT = 100_000
_MOST_SHAPES, _LONGEST_SHAPE = 2_000, 300

# Odd, from xxHash.
_FIRST, _SECOND, _ALL = 0x9E3779B1, 0x85EBCA77, 0xFFFFFFFF

# Numbers of words are told apart up to this power of two.
_LONGEST = 9

# Page, type, language, hour and weekday.
_Where: TypeAlias = tuple[str, str, str, int, int]


class Reading(NamedTuple):
    """One post, as columns of the table of weights.

    Attributes:
        tokens: of text, then of title, as written.
        shape: how many there are, and what follows from that.
        columns: in the order of the shape.
    """

    tokens: list[str]
    shape: Shape
    columns: Places


class Readings(NamedTuple):
    """Many posts, in hashes: the tokens one after another, circumstances a row for each post."""

    text: Hashes
    text_offsets: Indices
    title: Hashes
    title_offsets: Indices
    pages: Hashes
    types: Hashes
    circumstances: Hashes

    def take(self, first: int, last: int) -> Readings:
        """Return the posts from `first` to before `last`."""
        text, title = self.text_offsets[first : last + 1], self.title_offsets[first : last + 1]
        return Readings(
            self.text[text[0] : text[-1]], text - text[0], self.title[title[0] : title[-1]], title - title[0],
            self.pages[first:last], self.types[first:last], self.circumstances[first:last],
        )  # fmt: skip


class _Hashes(dict[str, int]):
    """The lowest bits of each token's hash and, 32 bits above, of what it is as the first of a pair.

    Both are computed when they are first asked for.
    """

    def __missing__(self, token: str) -> int:
        if len(self) >= _MOST_KEPT:
            self.clear()
        found = token_hash(token)
        found = self[token] = (found & MASK) | (found * ODD & MASK) << 32
        return found


class _Circumstances(NamedTuple):
    """What of a post depends neither on its text nor on its title.

    Attributes:
        page: hash of the page.
        type: hash of the type.
        crossed: what tokens are crossed with in turn: nothing, type, and page.
        others: the hashes of `spaces.CIRCUMSTANCES`, but for lengths.
    """

    page: int
    type: int
    crossed: Places
    others: Places


class Reader:
    """Reads posts, one or many, with equal hashes; what it remembers is bounded and changes none.

    Args:
        features: reads the texts of many.
    """

    def __init__(self, features: FeatureSet) -> None:
        self._features = features
        self._hashes = _Hashes()
        self._known: dict[_Where, _Circumstances] = {}
        self._lengths: dict[tuple[int, int, int, int], Places] = {}
        self._shapes: dict[tuple[int, int], Shape] = {}

    def one(self, row: Row) -> Reading:
        """Return one post's columns."""
        text, title = _scanned(row.text), _scanned(row.title)
        n, m = len(text), len(title)
        spoken = text + title
        hashes = np.fromiter(map(self._hashes.__getitem__, spoken), "<i8", n + m).view("<i4")
        tokens, firsts = hashes[::2], hashes[1::2]
        where = (row.page, row.type, row.language, row.hour, row.weekday)
        page, kind, crossed, others = self._known.get(where) or self._met(where)
        lengths = (page, kind, n.bit_length(), m.bit_length())
        measured = self._lengths.get(lengths)
        shape = self._shapes.get((n, m)) or self._shaped(n, m)
        columns = np.concatenate((
            (tokens ^ crossed).ravel(), tokens[1:] ^ firsts[:-1], others,
            self._measured(lengths) if measured is None else measured,
        ))  # fmt: skip
        columns ^= shape.keys
        return Reading(spoken, shape, columns)

    def _shaped(self, text: int, title: int) -> Shape:
        shape = shape_of(text, title)
        if text + title <= _LONGEST_SHAPE:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            self._shapes[text, title] = shape
        return shape

    def _measured(self, sizes: tuple[int, int, int, int]) -> Places:
        """Return the hashes of a post's lengths: on its page, of its text, and of its title."""
        if len(self._lengths) >= _MOST_KEPT:
            self._lengths.clear()
        page, kind, *lengths = sizes
        long, longer = (min(length, _LONGEST) for length in lengths)
        found = _columns([_mixed(page, 900 + long), _mixed(kind, 700 + long), _mixed(kind, 800 + longer)])
        self._lengths[sizes] = found
        return found

    def _met(self, where: _Where) -> _Circumstances:
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        page, kind, language = (key_of(name) for name in where[:3])
        hour, weekday = where[3:]
        others = _columns([
            _mixed(kind, 3), _mixed(language, 300 + hour), _mixed(hour + 1, 400 + weekday), _mixed(hour + 1, 500),
            page, _mixed(page, 1), _mixed(page ^ kind, 2), _mixed(page, 100 + hour // 3), _mixed(page, 200 + weekday),
        ])  # fmt: skip
        crossed = _columns([0, kind, page]).reshape(3, 1)
        known = self._known[where] = _Circumstances(page, kind, crossed, others)
        return known

    def many(self, columns: Columns, texts: FeatureBatch | None = None) -> Readings:
        """Return many posts' hashes.

        Args:
            columns: the posts.
            texts: what a `FeatureSet` read of their texts, if one did already.
        """
        text, text_offsets = self._tokens(columns.texts) if texts is None else (texts.tokens, texts.offsets)
        title, title_offsets = self._tokens(columns.titles)
        pages, kinds, languages = _keys(columns.pages), _keys(columns.types), _keys(columns.languages)
        long, longer = _length(text_offsets), _length(title_offsets)
        hours, weekdays = columns.hours, columns.weekdays
        circumstances = [
            _mixed_many(kinds, 3), _mixed_many(languages, 300 + hours), _mixed_many(hours + 1, 400 + weekdays),
            _mixed_many(hours + 1, 500), pages.astype(np.uint32), _mixed_many(pages, 1), _mixed_many(pages ^ kinds, 2),
            _mixed_many(pages, 100 + hours // 3), _mixed_many(pages, 200 + weekdays), _mixed_many(pages, 900 + long),
            _mixed_many(kinds, 700 + long), _mixed_many(kinds, 800 + longer),
        ]  # fmt: skip
        return Readings(
            text, text_offsets, title, title_offsets, pages.astype(np.uint32), kinds.astype(np.uint32),
            np.column_stack(circumstances),
        )  # fmt: skip

    def _tokens(self, texts: list[str]) -> tuple[Hashes, Indices]:
        """Return the tokens of texts; one that is there more than once, as titles are, is read once."""
        place = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        tokens, offsets = self._features.tokens(list(place))
        if len(place) == len(texts):
            return tokens, offsets
        chosen = np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
        sizes = np.diff(offsets)[chosen]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        return tokens[np.repeat(offsets[:-1][chosen] - ends[:-1], sizes) + np.arange(ends[-1])], ends


def _columns(hashes: list[int]) -> Places:
    return np.array([number & MASK for number in hashes], dtype=np.int32)


def _scanned(text: str) -> list[str]:
    return scan(normal(text)) if text else []


def key_of(name: str) -> int:
    """Return a stable 32-bit hash of a name."""
    return crc32(name.encode("utf-8", "surrogatepass"))


def _keys(names: list[str]) -> Indices:
    keys = {name: key_of(name) for name in set(names)}
    return np.array([keys[name] for name in names], dtype=np.int64)


def _length(offsets: Indices) -> Indices:
    """Return the bit length of each row's size, at most `_LONGEST`."""
    return np.minimum(np.frexp(np.diff(offsets).astype(np.float64))[1], _LONGEST).astype(np.int64)


def _mixed(key: int, code: int) -> int:
    mixed = (key * _FIRST + code * _SECOND) & _ALL
    return mixed ^ (mixed >> 15)


def _mixed_many(keys: Indices, codes: Indices | int) -> NDArray[np.uint32]:
    mixed = keys.astype(np.uint64) * np.uint64(_FIRST) + np.asarray(codes).astype(np.uint64) * np.uint64(_SECOND)
    low = mixed.astype(np.uint32)
    return np.asarray(low ^ (low >> np.uint32(15)), dtype=np.uint32)
