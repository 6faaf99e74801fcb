r"""Entries as bytes that say what they are.

The form, version 1; numbers are little-endian::

    4  magic        9b 70 6f 01: "po" between a byte that no text begins with and the version
    4  length       bytes between this field and the checksum
    1  kind         of the value: 0 JSON, 1 bytes, 2 text
    1  compression  0 none, 1 zlib, 2 zstandard
    8  dictionary   id of the dictionary that the value was compressed with, or 0
    4  size         bytes of the value before compression
    8  weight
    8  cost
    8  expires_at
    8  stale_until
    8  compute_seconds
    1  priority
    2  tags         how many; then each as two bytes of length and UTF-8
       value        JSON and text as UTF-8 (text may hold lone surrogates)
    8  checksum     BLAKE2b of all before it

Everything here comes with Python, so the same entry gives the same bytes whatever is installed (compressed ones of one
zlib: another gives others, which decompress to the same) and every process can read them; zstandard is used only where
a host asks for it. Another version gets another last byte of the magic and a reader of its own, and this one stays.
Bytes are data: nothing in them names code.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b, sha256
from typing import Any, Literal, Protocol, TypeAlias, get_args

from postopt.backends.base import Bytes, JSONBackend
from postopt.backends.json import JSON
from postopt.backends.strict import compact, is_plain
from postopt.caching.base import Entry
from postopt.caching.zlib import Zlib
from postopt.errors import CacheValueError, CorruptDataError, MissingDependencyError, shown

Compression: TypeAlias = Literal["none", "zlib", "zstandard"]
Reason: TypeAlias = Literal[
    "foreign", "version", "truncated", "checksum", "compression", "dictionary", "too large", "malformed"
]

MIN_COMPRESSED = 200
"""Bytes from which on a value is compressed: below, zlib saves a tenth at most (measured on posts as JSON)."""

MAX_BYTES = 2**30
"""Most of `Codec(max_bytes=...)`: a value and its tags must together fit into a length of 32 bits."""

_MAGIC = b"\x9bpo\x01"
_UNCOUNTED = 8  # bytes up to the length, which does not count them
_HEADER = struct.Struct("<4sIBBQIQddddBH")
_TAG = struct.Struct("<H")
_CHECKSUM = 8
_JSON, _BYTES, _TEXT = 0, 1, 2
_NAMES = get_args(Compression)


class Compressor(Protocol):
    """A pair of inverse functions whose output is bounded; `Zlib` and `Zstandard` are two."""

    def compress(self, data: Bytes) -> bytes:
        """Return what `decompress` reads."""
        ...

    def decompress(self, data: Bytes, size: int) -> bytes:
        """Return the `size` bytes that were compressed; raises CorruptDataError if there are more or fewer."""
        ...


class Codec:
    """Encodes entries to bytes and reads them back, by the form that this module describes.

    A value comes back equal and of the same types, or is refused: None, bool, int (64 bits), float, str, bytes, and
    lists and dicts (with text keys) of these but bytes, at most 254 levels deep.

    Bytes that cannot be read are no error but a miss, which `unreadable` counts by reason: "foreign", "version",
    "truncated", "checksum", "compression" (a library that is not installed here), "dictionary", "too large",
    "malformed". Any thread may call any method.

    Args:
        compression: for what is written; "zlib" is in every Python, "zstandard" is quicker and smaller but its entries
            are misses where it is not installed. Whatever does not shrink stays as it is.
        dictionary: bytes that values are likely to repeat. Entries written with it are misses to a codec without it.
        dictionaries: older ones, for entries that are still around.
        max_bytes: largest value, before compression, that is written or read (64 MiB is arbitrary); and as many bytes
            may its tags have.
        json: reads JSON; any backend under the contract of `postopt.backends.json` reads the same.

    Raises:
        CacheValueError: there is no such compression, zstandard cannot use the dictionary, or `max_bytes` is no int
            from 1 to 2**30.
        MissingDependencyError: zstandard is asked for and not installed.
    """

    def __init__(
        self,
        *,
        compression: Compression = "zlib",
        dictionary: bytes = b"",
        dictionaries: Iterable[bytes] = (),
        max_bytes: int = 64 * 2**20,
        json: JSONBackend = JSON,
    ) -> None:
        if compression not in _NAMES:
            raise CacheValueError(f"compression is {compression!r}; allowed: {', '.join(_NAMES)}")
        if type(max_bytes) is not int or not 1 <= max_bytes <= MAX_BYTES:
            raise CacheValueError(f"max_bytes is {max_bytes!r}; an int from 1 to {MAX_BYTES} is needed")
        self.unreadable: Counter[Reason] = Counter(dict.fromkeys(get_args(Reason), 0))
        self.max_bytes = max_bytes
        self._loads = json.loads
        self._dictionaries = {_dictionary_id(known): known for known in (*dictionaries, dictionary) if known}
        self._compressors: dict[tuple[int, int], Compressor | None] = {}  # None where the library is not installed
        self._compression = _NAMES.index(compression)
        self._dictionary_id = _dictionary_id(dictionary) if dictionary and self._compression else 0
        self._compressor = _make_compressor(self._compression, dictionary)

    def encode(self, entry: Entry) -> bytes:
        """Return the entry as bytes.

        Raises:
            CacheValueError: the value, or a tag, is none that comes back as it was, or too large.
        """
        kind, plain = self.plain(entry.value)
        compression, dictionary, value = 0, 0, plain
        if self._compressor is not None and len(plain) >= MIN_COMPRESSED:
            shrunk = self._compressor.compress(plain)
            if len(shrunk) < len(plain):
                compression, dictionary, value = self._compression, self._dictionary_id, shrunk
        tags = _tag_bytes(entry.tags)
        if len(tags) > self.max_bytes:
            raise CacheValueError(f"tags of {len(tags)} bytes are too large; this codec takes {self.max_bytes}")
        header = _HEADER.pack(
            _MAGIC,
            _HEADER.size - _UNCOUNTED + len(tags) + len(value),
            kind,
            compression,
            dictionary,
            len(plain),
            entry.weight,
            entry.cost,
            entry.expires_at,
            entry.stale_until,
            entry.compute_seconds,
            entry.priority,
            len(entry.tags),
        )
        body = b"".join((header, tags, value))
        return body + blake2b(body, digest_size=_CHECKSUM).digest()

    def decode(self, data: Bytes) -> Entry | None:
        """Return the entry that `encode` was given, or None if these bytes are none that this codec can read."""
        try:
            return self._read(bytes(data))
        except _UnreadableError as error:
            self.unreadable[error.reason] += 1
            return None

    def plain(self, value: object) -> tuple[int, bytes]:
        """Return a value's kind and its bytes before compression; `value_of` is the inverse.

        Raises:
            CacheValueError: the value is none that comes back as it was, or too large.
        """
        if type(value) is bytes:
            kind, plain = _BYTES, value
        elif type(value) is str:
            kind, plain = _TEXT, value.encode("utf-8", "surrogatepass")
        else:
            kind, plain = _JSON, _json_bytes(value)
        if len(plain) > self.max_bytes:
            raise CacheValueError(f"a value of {len(plain)} bytes is too large; this codec takes {self.max_bytes}")
        return kind, plain

    def value_of(self, kind: int, plain: bytes) -> Any:
        """Return the value that `plain` was given; raises ValueError for bytes that are of no such kind."""
        if kind == _BYTES:
            return plain
        if kind == _TEXT:
            return plain.decode("utf-8", "surrogatepass")
        if kind == _JSON:
            return self._loads(plain)
        raise ValueError(f"{kind} is no kind of value")

    def _read(self, data: bytes) -> Entry:
        end = len(data) - _CHECKSUM
        if data[: len(_MAGIC)] != _MAGIC or end < _HEADER.size:
            raise _UnreadableError(_reason_at_sight(data))
        (
            _, length, kind, compression, dictionary, size,
            weight, cost, expires_at, stale_until, compute_seconds, priority, tag_count,
        ) = _HEADER.unpack_from(data)  # fmt: skip
        if length != end - _UNCOUNTED:
            raise _UnreadableError("truncated")
        body = data[:end]
        if blake2b(body, digest_size=_CHECKSUM).digest() != data[end:]:
            raise _UnreadableError("checksum")
        try:
            tags, value_at = _read_tags(body, tag_count) if tag_count else ((), _HEADER.size)
            value = self.value_of(kind, self._plain_bytes(body[value_at:], compression, dictionary, size))
            return Entry(
                value=value,
                weight=weight,
                cost=cost,
                priority=priority,
                tags=tags,
                expires_at=expires_at,
                stale_until=stale_until,
                compute_seconds=compute_seconds,
            )
        except (ValueError, struct.error) as error:  # of ours, CacheValueError and CorruptDataError are ValueErrors
            raise _UnreadableError("malformed") from error

    def _plain_bytes(self, value: bytes, compression: int, dictionary: int, size: int) -> bytes:
        if size > self.max_bytes:
            raise _UnreadableError("too large")
        if compression:
            return self._find_compressor(compression, dictionary).decompress(value, size)
        if len(value) != size:
            raise CorruptDataError(f"{len(value)} bytes say that they are {size}")
        return value

    def _find_compressor(self, compression: int, dictionary: int) -> Compressor:
        try:
            found = self._compressors[compression, dictionary]
        except KeyError:
            if dictionary and dictionary not in self._dictionaries:
                raise _UnreadableError("dictionary") from None
            try:
                found = _make_compressor(compression, self._dictionaries.get(dictionary, b""))
            except MissingDependencyError:
                found = None  # kept: looking for a library that is not there costs a hundred hits
            self._compressors[compression, dictionary] = found
        if found is None:
            raise _UnreadableError("compression")
        return found


class _UnreadableError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def _reason_at_sight(data: bytes) -> Reason:
    """Return why bytes are no entry of this version that come without its magic, or are too short for its header."""
    if data[:3] != _MAGIC[:3]:
        return "foreign"
    return "version" if len(data) > 3 and data[3:4] != _MAGIC[3:] else "truncated"


def _make_compressor(compression: int, dictionary: bytes) -> Compressor | None:
    """Return None for a compression that is none, or that this version does not know."""
    if compression == _NAMES.index("zlib"):
        return Zlib(dictionary)
    if compression == _NAMES.index("zstandard"):
        # Only whoever writes or reads it needs the library.
        from postopt.caching.zstandard import Zstandard  # noqa: PLC0415

        return Zstandard(dictionary)
    return None


def _dictionary_id(dictionary: bytes) -> int:
    """Return 1 to 2**64 - 1, from the content, so that processes agree without being told.

    zstandard would not notice a wrong dictionary, so this is as long as the checksum: the one fails as rarely.
    """
    return int.from_bytes(sha256(dictionary).digest()[:8], "little") or 1


def _json_bytes(value: object) -> bytes:
    if not is_plain(value, tuples=False):
        raise CacheValueError(
            f"a {type(value).__name__} cannot be kept as bytes",
            hint="JSON's types and bytes can, at most 254 levels deep and with integers of 64 bits",
        )
    try:
        return compact(value).encode()
    except (ValueError, RecursionError) as error:  # NaN, a lone surrogate; or the stack is nearly full
        raise CacheValueError(f"a {type(value).__name__} cannot be kept as bytes: {error}") from error


def _tag_bytes(tags: tuple[str, ...]) -> bytes:
    if len(tags) > 0xFFFF:
        raise CacheValueError(f"{len(tags)} tags are too many; 65,535 is the most")
    parts: list[bytes] = []
    for tag in tags:
        data = tag.encode("utf-8", "surrogatepass")
        if len(data) > 0xFFFF:
            raise CacheValueError(f"a tag of {len(data)} bytes is too long; 65,535 is the most")
        parts += (_TAG.pack(len(data)), data)
    return b"".join(parts)


def _read_tags(body: bytes, count: int) -> tuple[tuple[str, ...], int]:
    """Return the tags behind the header, and where they end."""
    tags = []
    at = _HEADER.size
    for _ in range(count):
        start = at + _TAG.size
        at = start + _TAG.unpack_from(body, at)[0]
        tags.append(body[start:at].decode("utf-8", "surrogatepass"))
    if at > len(body):
        raise CorruptDataError("tags that do not end")
    return tuple(tags), at


def check_codec(codec: object) -> None:
    """Raise CacheValueError unless `codec` is one, or None."""
    if not isinstance(codec, Codec | None):
        raise CacheValueError(f"codec is {shown(codec)}; a Codec is needed")
