"""A post as the hashes that the words' model reads: its words, and the circumstances under which it is published."""

from __future__ import annotations

from itertools import chain
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.ngrams import WIDEST, Hashes, Indices
from postopt.engagement.posts import Columns, Row
from postopt.quality.counting.scan import normal, scan
from postopt.quality.counting.tokens import token_hash
from postopt.quality.features import FeatureBatch, FeatureSet

MOST_CHARACTERS: Final = 5_000
"""What comes after it in a text or a title is not read; arbitrary, above 99.9 % of posts."""

# Tokens whose hashes are remembered, and circumstances; arbitrary.
_MOST_KEPT = 100_000

# Odd, from xxHash.
_FIRST, _SECOND, _ALL = 0x9E3779B1, 0x85EBCA77, 0xFFFFFFFF

# Of a hash of a single post these bits are kept.
_LOWEST = WIDEST - 1

# Numbers of words are told apart up to this power of two.
_LONGEST = 9


class Reading(NamedTuple):
    """One post, in hashes: as many bits of them as there are columns in the widest space.

    Attributes:
        tokens: of text, then of title, as written.
        text: of the text's tokens.
        title: of the title's tokens.
        page: of the page.
        type: of the type.
        own: of its circumstances on its page: the page, its type, hour, weekday and length, in this order.
        common: of them on any page: type, hour by language, hour by weekday, hour, length, the title's length.
    """

    tokens: list[str]
    text: list[int]
    title: list[int]
    page: int
    type: int
    own: list[int]
    common: list[int]


class Readings(NamedTuple):
    """Many posts: `Reading` for each, but some hashes have all 32 bits; the columns are the same.

    The tokens are one after another, circumstances a row for each post.
    """

    text: Hashes
    text_offsets: Indices
    title: Hashes
    title_offsets: Indices
    pages: Hashes
    types: Hashes
    own: Hashes
    common: Hashes


class _Hashes(dict[str, int]):
    """The hash of each token, computed when it is first asked for."""

    def __missing__(self, token: str) -> int:
        if len(self) >= _MOST_KEPT:
            self.clear()
        found = self[token] = token_hash(token) & _LOWEST
        return found


class _Circumstances(NamedTuple):
    """The hashes of a post that depend neither on its text nor on its title."""

    page: int
    type: int
    own: list[int]
    common: list[int]


class Reader:
    """Reads posts, one or many, with equal hashes; what it remembers is bounded and changes none.

    Args:
        features: reads many texts sooner than one after another does, if it has a scan of its own.
    """

    def __init__(self, features: FeatureSet | None = None) -> None:
        self._features = features
        self._hashes = _Hashes()
        self._known: dict[tuple[str, str, str, int, int], _Circumstances] = {}
        self._lengths: dict[tuple[int, int, int, int], tuple[int, int, int]] = {}

    def one(self, row: Row) -> Reading:
        """Return one post's hashes."""
        hash_of = self._hashes.__getitem__
        spoken, titled = _scanned(row.text), _scanned(row.title)
        text, title = list(map(hash_of, spoken)), list(map(hash_of, titled))
        where = (row.page, row.type, row.language, row.hour, row.weekday)
        known = self._known.get(where) or self._met(where)
        page, kind, own, common = known
        sizes = (page, kind, len(text).bit_length(), len(title).bit_length())
        of_page, of_text, of_title = self._lengths.get(sizes) or self._measured(sizes)
        return Reading(
            spoken + titled, text, title, page & _LOWEST, kind & _LOWEST, [*own, of_page], [*common, of_text, of_title]
        )

    def _measured(self, sizes: tuple[int, int, int, int]) -> tuple[int, int, int]:
        """Return the hashes of a post's lengths: on its page, of its text, and of its title."""
        if len(self._lengths) >= _MOST_KEPT:
            self._lengths.clear()
        page, kind, *lengths = sizes
        long, longer = (min(length, _LONGEST) for length in lengths)
        found = _mixed(page, 900 + long), _mixed(kind, 700 + long), _mixed(kind, 800 + longer)
        self._lengths[sizes] = found
        return found

    def _met(self, where: tuple[str, str, str, int, int]) -> _Circumstances:
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        page, kind, language = (key_of(name) for name in where[:3])
        hour, weekday = where[3:]
        own = [_mixed(page, 1), _mixed(page ^ kind, 2), _mixed(page, 100 + hour // 3), _mixed(page, 200 + weekday)]
        common = [
            _mixed(kind, 3), _mixed(language, 300 + hour), _mixed(hour + 1, 400 + weekday), _mixed(hour + 1, 500)
        ]  # fmt: skip
        known = self._known[where] = _Circumstances(page, kind, own, common)
        return known

    def many(self, columns: Columns, texts: FeatureBatch | None = None) -> Readings:
        """Return many posts' hashes.

        Args:
            columns: the posts.
            texts: what a `FeatureSet` read of their texts, if one did already.
        """
        if texts is None or max(map(len, columns.texts), default=0) > MOST_CHARACTERS:
            text, text_offsets = self._tokens(columns.texts)
        else:
            text, text_offsets = texts.tokens, texts.offsets
        title, title_offsets = self._tokens(columns.titles)
        pages, kinds, languages = _keys(columns.pages), _keys(columns.types), _keys(columns.languages)
        long, longer = _length(text_offsets), _length(title_offsets)
        hours, weekdays = columns.hours, columns.weekdays
        own = [
            _mixed_many(pages, 1), _mixed_many(pages ^ kinds, 2), _mixed_many(pages, 100 + hours // 3),
            _mixed_many(pages, 200 + weekdays), _mixed_many(pages, 900 + long),
        ]  # fmt: skip
        common = [
            _mixed_many(kinds, 3), _mixed_many(languages, 300 + hours), _mixed_many(hours + 1, 400 + weekdays),
            _mixed_many(hours + 1, 500), _mixed_many(kinds, 700 + long), _mixed_many(kinds, 800 + longer),
        ]  # fmt: skip
        return Readings(
            text, text_offsets, title, title_offsets, pages.astype(np.uint32),
            kinds.astype(np.uint32), np.column_stack(own), np.column_stack(common),
        )  # fmt: skip

    def _tokens(self, texts: list[str]) -> tuple[Hashes, Indices]:
        """Return the tokens of texts; one that is there more than once, as titles are, is read once."""
        place = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        tokens, offsets = self._found(list(place))
        if len(place) == len(texts):
            return tokens, offsets
        chosen = np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
        sizes = np.diff(offsets)[chosen]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        return tokens[np.repeat(offsets[:-1][chosen] - ends[:-1], sizes) + np.arange(ends[-1])], ends

    def _found(self, texts: list[str]) -> tuple[Hashes, Indices]:
        if self._features is not None:
            return self._features.tokens([text[:MOST_CHARACTERS] for text in texts])
        scanned = [_scanned(text) for text in texts]
        sizes = np.fromiter(map(len, scanned), np.int64, len(scanned))
        hashes = map(self._hashes.__getitem__, chain.from_iterable(scanned))
        return np.fromiter(hashes, np.uint32, int(sizes.sum())), np.concatenate([[0], np.cumsum(sizes)])


def _scanned(text: str) -> list[str]:
    return scan(normal(text[:MOST_CHARACTERS])) if text else []


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
    return (mixed ^ (mixed >> 15)) & _LOWEST


def _mixed_many(keys: Indices, codes: Indices | int) -> NDArray[np.uint32]:
    mixed = keys.astype(np.uint64) * np.uint64(_FIRST) + np.asarray(codes).astype(np.uint64) * np.uint64(_SECOND)
    low = mixed.astype(np.uint32)
    return np.asarray(low ^ (low >> np.uint32(15)), dtype=np.uint32)
