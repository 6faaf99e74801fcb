"""A post as the hashes that the words' model reads: its words, and the circumstances under which it is published."""

from __future__ import annotations

from itertools import chain
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.ngrams import Hashes, Indices
from postopt.engagement.posts import Columns, Row
from postopt.quality.features import FeatureBatch, FeatureSet
from postopt.quality.scan import normal, scan
from postopt.quality.tokens import token_hash

MOST_CHARACTERS: Final = 5_000
"""What comes after it in a text or a title is not read; arbitrary, above 99.9 % of posts."""

# Tokens whose hashes are remembered, and circumstances; arbitrary.
_MOST_KEPT = 100_000

# Odd, from xxHash.
_FIRST, _SECOND, _ALL = 0x9E3779B1, 0x85EBCA77, 0xFFFFFFFF

# Numbers of words are told apart up to this power of two.
_LONGEST = 9


class Reading(NamedTuple):
    """One post, in 32-bit hashes.

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
    """Many posts: `Reading` for each, the tokens one after another, circumstances a row for each post."""

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
        found = self[token] = token_hash(token)
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

    def one(self, row: Row) -> Reading:
        """Return one post's hashes."""
        hash_of = self._hashes.__getitem__
        spoken, titled = _scanned(row.text), _scanned(row.title)
        text, title = list(map(hash_of, spoken)), list(map(hash_of, titled))
        where = (row.page, row.type, row.language, row.hour, row.weekday)
        known = self._known.get(where) or self._met(where)
        long, longer = min(len(text).bit_length(), _LONGEST), min(len(title).bit_length(), _LONGEST)
        own = [*known.own, _mixed(known.page, 900 + long)]
        common = [*known.common, _mixed(known.type, 700 + long), _mixed(known.type, 800 + longer)]
        return Reading(spoken + titled, text, title, known.page, known.type, own, common)

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
        if self._features is not None:
            batch = self._features.many([text[:MOST_CHARACTERS] for text in texts])
            return batch.tokens, batch.offsets
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
    return mixed ^ (mixed >> 15)


def _mixed_many(keys: Indices, codes: Indices | int) -> NDArray[np.uint32]:
    mixed = keys.astype(np.uint64) * np.uint64(_FIRST) + np.asarray(codes).astype(np.uint64) * np.uint64(_SECOND)
    low = mixed.astype(np.uint32)
    return np.asarray(low ^ (low >> np.uint32(15)), dtype=np.uint32)
