"""Answers to texts that say the same in other words.

A text is looked up exactly; then without regard to compatibility forms (NFKC), case and white space; then among texts
with similar content (MinHash); then, if the host brings an embedder, among texts with a similar vector. What the last
two find are candidates and no more: the gate decides (see `gate`), and whatever it does not understand is a miss.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

from postopt.backends.json import canonical
from postopt.caching.gate.amounts import AMOUNTS
from postopt.caching.gate.compare import passes
from postopt.caching.gate.meaning import Meaning, read
from postopt.caching.gate.tokens import normalise
from postopt.caching.keys import JSONValue, cache_key
from postopt.caching.minhash import bands, sign
from postopt.errors import CacheValueError
from postopt.types import Prompt

if TYPE_CHECKING:
    from postopt.caching.vectors import Embedder, Vector

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

How: TypeAlias = Literal["exact", "normalised", "similar", "embedding"]
Context: TypeAlias = Mapping[str, JSONValue]

MAX_CANDIDATES = 32
"""Texts that one band keeps, the newest: what bounds a look-up among a hundred thousand texts that are all alike."""

# Measured with tracemalloc on texts of 60 to 600 characters (docs/how-to/near-duplicates.md): what an entry takes
# beside its text, and what a word of its content does.
_ENTRY_BYTES = 3000
_WORD_BYTES = 260


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """What was found.

    Attributes:
        value: what was added with the text.
        text: the text that was found.
        how: by which step.
        similarity: 1 if exact or normalised; the share of content words in common (Jaccard); or the cosine.
    """

    value: T
    text: str
    how: How
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NearStats:
    """Counts since the beginning, but for `entries` and `bytes`, which are held now.

    `refused` are look-ups that had candidates, of which none passed the gate; `embedder_failures` are calls that raised
    or returned no vector.
    """

    entries: int
    bytes: int
    exact: int
    normalised: int
    similar: int
    embedding: int
    misses: int
    refused: int
    evicted: int
    embedder_failures: int


@dataclass(slots=True)
class _Item(Generic[T]):
    text: str
    value: T
    context: bytes
    normal: tuple[bytes, tuple[str, ...]]
    weight: int
    meaning: Meaning | None
    bands: tuple[bytes, ...]
    bucket: bytes


class NearDuplicates(Generic[T]):
    """Texts with values, found again by texts that say the same. Nothing in the library uses it unless a host does.

    Laws:
        - A text is found only if it is equal, normalises to the same, or passes the gate: same language, numbers,
          names, negations, manner and content words, in one order but for phrases that may stand at either end.
        - Texts of different contexts never find each other.
        - Neither the order of additions nor the process changes what the gate lets pass.
        - At most `max_entries` texts and about `max_bytes` bytes are held, values not counted; the least recently used
          go first.
        - Any text is taken: what cannot be read is found exactly or normalised only.
        - An embedder that fails is a miss, and counted.

    Threads may share it. A look-up takes a fraction of a millisecond, and the embedder's time where there is one.

    Args:
        max_entries: most texts held (10,000 is arbitrary).
        max_bytes: most bytes for texts and index, by a measured estimate (64 MiB is arbitrary).
        embedder: finds candidates in other words, for which the loose lists count as well.
        min_cosine: from which cosine on the embedder's candidates go to the gate. The threshold of GPTCache, 0.8: the
            gate does the work.

    Raises:
        CacheValueError: a limit is less than 1, or `min_cosine` not within -1 and 1.
    """

    def __init__(
        self,
        *,
        max_entries: int = 10_000,
        max_bytes: int = 64 * 2**20,
        embedder: Embedder | None = None,
        min_cosine: float = 0.8,
    ) -> None:
        if max_entries < 1 or max_bytes < 1:
            raise CacheValueError(f"limits are {max_entries!r} entries and {max_bytes!r} bytes; at least 1 is needed")
        if not -1 <= min_cosine <= 1:
            raise CacheValueError(f"min_cosine is {min_cosine!r}; a cosine from -1 to 1 is needed")
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._min_cosine = min_cosine
        self._vectors = None
        if embedder is not None:
            # Only whoever brings an embedder needs numpy.
            from postopt.caching.vectors import Vectors  # noqa: PLC0415

            self._vectors = Vectors(embedder)
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(("exact", "normalised", "similar", "embedding", "misses", "refused", "evicted",
                                      "embedder_failures"), 0)  # fmt: skip
        self._next = 0
        self._reset()

    def add(self, text: str, value: T, *, context: Context | None = None) -> None:
        """Keep `value` for `text` and for what says the same; the same text again replaces its value.

        Args:
            text: what was asked.
            value: what was answered, or its key.
            context: everything else the answer depends on: brand, tone, language, forbidden words, tenant. Compared as
                a whole, for equality. Its "language", if it has one, is what the text is read in.

        Raises:
            CacheValueError: the context holds what JSON cannot.
        """
        item = self._item(text, value, context)
        vector = self._embed(text) if item.meaning is not None else None
        with self._lock:
            self._drop_exact(item.context, text)
            number, self._next = self._next, self._next + 1
            self._items[number] = item
            self._bytes += item.weight
            self._by_text[item.context, text] = number
            self._by_normal.setdefault(item.normal, {})[number] = None
            for band in item.bands:
                self._by_band.setdefault(band, {})[number] = None
                if len(self._by_band[band]) > MAX_CANDIDATES:
                    del self._by_band[band][next(iter(self._by_band[band]))]
            if self._vectors is not None and vector is not None:
                self._vectors.add(number, item.bucket, vector)
            while len(self._items) > self._max_entries or self._bytes > self._max_bytes:
                self._drop(next(iter(self._items)))
                self._counts["evicted"] += 1

    def find(self, text: str, *, context: Context | None = None) -> Match[T] | None:
        """Return what was added with this text or one that says the same, or None.

        Raises:
            CacheValueError: the context holds what JSON cannot.
        """
        digest = _digest(context)
        with self._lock:
            number = self._by_text.get((digest, text))
            if number is not None:
                return self._found(number, "exact", 1.0)
        normal = (digest, normalise(text))
        with self._lock:
            if same := self._by_normal.get(normal):
                return self._found(next(reversed(same)), "normalised", 1.0)
        meaning = read(text, _language(context))
        found = self._find_similar(meaning, digest) if meaning is not None else None
        if found is None and meaning is not None and self._vectors is not None:
            found = self._find_by_vector(text, meaning, digest)
        if found is None:
            with self._lock:
                self._counts["misses"] += 1
        return found

    def remove(self, text: str, *, context: Context | None = None) -> bool:
        """Forget exactly this text; say whether it was there.

        Raises:
            CacheValueError: the context holds what JSON cannot.
        """
        with self._lock:
            return self._drop_exact(_digest(context), text)

    def clear(self) -> None:
        """Forget all texts; counts stay."""
        with self._lock:
            for number in list(self._items):
                self._drop(number)

    def __len__(self) -> int:
        return len(self._items)

    def stats(self) -> NearStats:
        """Return the counts, all of one moment."""
        with self._lock:
            return NearStats(entries=len(self._items), bytes=self._bytes, **self._counts)

    def _reset(self) -> None:
        self._bytes = 0
        self._items: OrderedDict[int, _Item[T]] = OrderedDict()  # least recently used first
        self._by_text: dict[tuple[bytes, str], int] = {}
        # Numbers in order of addition; dicts, because order and quick removal are both needed.
        self._by_normal: dict[tuple[bytes, tuple[str, ...]], dict[int, None]] = {}
        self._by_band: dict[bytes, dict[int, None]] = {}

    def _item(self, text: str, value: T, context: Context | None) -> _Item[T]:
        digest = _digest(context)
        meaning = read(text, _language(context))
        bucket = _bucket(meaning, digest) if meaning is not None else b""
        keys = bands(sign(_features(meaning)), bucket) if meaning is not None else ()
        words = len(meaning.words) + len(meaning.manner) if meaning is not None else 0
        weight = _ENTRY_BYTES + _WORD_BYTES * words + 3 * len(text.encode("utf-8", "surrogatepass"))
        return _Item(text, value, digest, (digest, normalise(text)), weight, meaning, keys, bucket)

    def _find_similar(self, meaning: Meaning, context: bytes) -> Match[T] | None:
        keys = bands(sign(_features(meaning)), _bucket(meaning, context))
        with self._lock:
            candidates = {number for key in keys for number in self._by_band.get(key, ())}
            for number in sorted(candidates, reverse=True):
                other = self._items[number].meaning
                if other is not None and passes(meaning, other):
                    return self._found(number, "similar", _jaccard(meaning, other))
            self._counts["refused"] += bool(candidates)
        return None

    def _find_by_vector(self, text: str, meaning: Meaning, context: bytes) -> Match[T] | None:
        vector = self._embed(text)
        if vector is None or self._vectors is None:
            return None
        with self._lock:
            for cosine, number in self._vectors.nearest(_bucket(meaning, context), vector, self._min_cosine):
                other = self._items[number].meaning
                if other is not None and passes(meaning, other, loose=True):
                    return self._found(number, "embedding", cosine)
        return None

    def _embed(self, text: str) -> Vector | None:
        if self._vectors is None:
            return None
        try:
            return self._vectors.embed(text)
        except Exception:  # noqa: BLE001 - the host's code: whatever it raises is a miss
            with self._lock:
                self._counts["embedder_failures"] += 1
            return None

    def _found(self, number: int, how: How, similarity: float) -> Match[T]:
        self._items.move_to_end(number)
        self._counts[how] += 1
        item = self._items[number]
        return Match(item.value, item.text, how, similarity)

    def _drop_exact(self, context: bytes, text: str) -> bool:
        number = self._by_text.get((context, text))
        if number is not None:
            self._drop(number)
        return number is not None

    def _drop(self, number: int) -> None:
        item = self._items.pop(number)
        self._bytes -= item.weight
        del self._by_text[item.context, item.text]
        _forget(self._by_normal, item.normal, number)
        for band in item.bands:
            _forget(self._by_band, band, number)
        if self._vectors is not None:
            self._vectors.remove(number, item.bucket)


def _forget(index: dict[K, dict[int, None]], key: K, number: int) -> None:
    numbers = index.get(key, {})
    numbers.pop(number, None)
    if not numbers:
        index.pop(key, None)


def split_prompt(
    prompt: Prompt, *, generator: str = "", extra: Mapping[str, JSONValue] | None = None
) -> tuple[str, Context]:
    """Return the part of a prompt that may be said in other words, and the context that holds all the rest.

    The first is the topic and the prompt's own text. The second covers what `cache_key` does, tenant and variant
    included: facts, brand, tone, audience and all other fields have to be equal.

    Raises:
        CacheValueError: as for `cache_key`.
    """
    text = f"{prompt.brief.topic}\n{prompt.text}" if prompt.text else prompt.brief.topic
    rest = replace(prompt, text="", brief=replace(prompt.brief, topic="-"))
    return text, {"language": prompt.brief.language, "rest": cache_key(rest, generator=generator, extra=extra)}


def _digest(context: Context | None) -> bytes:
    if not context:
        return b""
    try:
        return blake2b(canonical(dict(context)), digest_size=16).digest()
    except TypeError as error:
        raise CacheValueError(f"this context cannot be compared: {error}") from error


def _language(context: Context | None) -> str:
    language = context.get("language") if context else None
    return language if isinstance(language, str) else ""


def _bucket(meaning: Meaning, context: bytes) -> bytes:
    """Return what two texts share if the gate may let them pass: context, request, numbers, and how many words."""
    amounts = sorted(f"{word.kind} {word.text}" for word in meaning.words if word.kind in AMOUNTS)
    shared = "\n".join((meaning.language, meaning.request, str(len(meaning.words)), str(len(meaning.manner)), *amounts))
    return blake2b(shared.encode("utf-8", "surrogatepass"), key=context, digest_size=16).digest()


def _features(meaning: Meaning) -> set[str]:
    return {word.key for word in (*meaning.manner, *meaning.words)} or {""}


def _jaccard(first: Meaning, second: Meaning) -> float:
    mine, theirs = ({word.text for word in (*meaning.manner, *meaning.words)} for meaning in (first, second))
    return len(mine & theirs) / len(mine | theirs)
