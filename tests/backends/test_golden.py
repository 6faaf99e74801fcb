"""The golden vectors pass every backend of ours, and reject fakes that are wrong in ways libraries have been."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
import json
import zlib

import numpy as np
import pytest

from postopt.backends.base import HashFunctions, LoopFunctions
from postopt.backends.compression import ZLIB_SPEED
from postopt.backends.golden import ContractError, check
from postopt.backends.hashing import FINGERPRINT, SHA256
from postopt.backends.json import JSON
from postopt.backends.scoring import NUMPY
from postopt.errors import CorruptDataError

ASYNCIO = LoopFunctions("asyncio", "3", asyncio.new_event_loop)


def test_our_backends_pass(role, target, any_backend):
    assert check(role, any_backend) is None


def test_the_loop_of_the_standard_library_passes():
    check("loop", ASYNCIO)


def test_an_unknown_name_is_held_to_the_laws_only():
    check("hash", HashFunctions("third party", "1", lambda data: hashlib.sha3_256(data).digest()))


def _mojibake(data):
    """What yyjson 4.0.6 did: right for ASCII, each byte of UTF-8 a character of its own."""
    raw = data.encode() if isinstance(data, str) else bytes(data)
    JSON.loads(raw)
    return json.loads(raw.decode("latin-1"))


def _loads(**options):
    return lambda data: json.loads(bytes(data) if isinstance(data, memoryview) else data, **options)


def _doubles_only(data):
    return json.loads(json.dumps(JSON.loads(data)), parse_int=float)


def _first_of_duplicates(data):
    value = JSON.loads(data)
    return {"a": 1, "b": 2} if value == {"a": 3, "b": 2} else value


WRONG_JSON = {
    "mojibake": {"loads": _mojibake},
    "the standard library as it is": {"loads": _loads()},
    "integers become floats": {"loads": _doubles_only},
    "the first of duplicate keys": {"loads": _first_of_duplicates},
    "errors of another type": {"loads": lambda data: _raise(RuntimeError("bad"))},
    "no depth limit": {"loads": lambda data: 1 if len(data) > 50_000 else JSON.loads(data)},
    "text out": {"dumps": lambda value: JSON.dumps(value).decode()},
    "NaN": {"dumps": lambda value: json.dumps(value, ensure_ascii=False).encode()},
    "escapes surrogates": {"dumps": lambda value: json.dumps(value).encode() if _is_text(value) else JSON.dumps(value)},
    "any key": {"dumps": lambda value: JSON.dumps(_str_keys(value))},
    "bytes as text": {"dumps": lambda value: JSON.dumps("a" if value == b"a" else value)},
    "UTC as Z": {"dumps": lambda value: JSON.dumps(value).replace(b"+00:00", b"Z")},
    "rounded floats": {"dumps": lambda value: JSON.dumps(round(value, 15) if isinstance(value, float) else value)},
    "slashes": {"dumps": lambda value: JSON.dumps(value).replace(b"</", rb"<\/\/")},
    "no function": {"dumps": None},
}


def _raise(error):
    raise error


def _is_text(value):
    return isinstance(value, str)


def _str_keys(value):
    return {str(key): member for key, member in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("name", WRONG_JSON)
def test_wrong_json_is_rejected(name):
    with pytest.raises(ContractError) as caught:
        check("json", dataclasses.replace(JSON, **WRONG_JSON[name]))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_message_names_the_vector():
    with pytest.raises(ContractError, match=r"^loads of dumps of '\\xf1.* gives .*\\xc3\\xb1.*, not .*\\xf1"):
        check("json", dataclasses.replace(JSON, loads=_mojibake))


COUNTER = itertools.count()
WRONG_HASHES = {
    "another algorithm under a known name": lambda data: hashlib.blake2s(data).digest(),
    "too short": lambda data: SHA256.digest(data)[:31],
    "text": lambda data: hashlib.sha256(data).hexdigest(),
    "not deterministic": lambda data: SHA256.digest(b"%d" % next(COUNTER)),
    "raises": lambda data: _raise(OSError("no entropy")),
}
WEAK_HASHES = {
    "first bytes only": lambda data: SHA256.digest(bytes(data)[:32]),
    "checksum": lambda data: zlib.crc32(data).to_bytes(32, "big"),
    "length ignored": lambda data: SHA256.digest(bytes(data).rstrip(b"\x00")),
    "bytes only": lambda data: SHA256.digest(data) if isinstance(data, bytes) else SHA256.digest(b"x"),
}


@pytest.mark.parametrize("name", WRONG_HASHES)
def test_wrong_hashes_are_rejected(name):
    with pytest.raises(ContractError):
        check("hash", HashFunctions("sha256", "1", WRONG_HASHES[name]))


@pytest.mark.parametrize("name", WEAK_HASHES)
def test_weak_hashes_are_rejected_whatever_they_are_called(name):
    with pytest.raises(ContractError):
        check("hash", HashFunctions("third party", "1", WEAK_HASHES[name]))


def test_a_fingerprint_of_another_size_is_rejected():
    with pytest.raises(ContractError, match="16 bytes"):
        check("fingerprint", HashFunctions("third party", "1", SHA256.digest))
    check("fingerprint", FINGERPRINT)


def _bare(data):
    """Decompress without a checksum: raw deflate."""
    try:
        return zlib.decompress(data, -15)
    except zlib.error as error:
        raise CorruptDataError("cannot decompress") from error


def _deflate(data):
    stream = zlib.compressobj(6, wbits=-15)
    return stream.compress(data) + stream.flush()


def _measure(data):
    return len(data).to_bytes(4, "big") + _deflate(data)


def _measured(data):
    """Decompress without a checksum, but check all lengths."""
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(data[4:])
    except zlib.error as error:
        raise CorruptDataError("cannot decompress") from error
    if not stream.eof or stream.unused_data or len(plain) != int.from_bytes(data[:4], "big"):
        raise CorruptDataError("wrong length")
    return plain


def _or_empty(data):
    try:
        return ZLIB_SPEED.decompress(data)
    except CorruptDataError:
        return b""


WRONG_COMPRESSION = {
    "stores": {"compress": bytes, "decompress": bytes},
    "no checksum": {"compress": _deflate, "decompress": _bare},
    "no checksum, but lengths": {"compress": _measure, "decompress": _measured},
    "an error of its own": {"decompress": zlib.decompress},
    "loses the end": {"compress": lambda data: ZLIB_SPEED.compress(bytes(data)[:65_536])},
    "empty is refused": {"compress": lambda data: ZLIB_SPEED.compress(data) if data else _raise(ValueError("empty"))},
    "bytearray out": {"compress": lambda data: bytearray(ZLIB_SPEED.compress(data))},
    "damage is empty": {"decompress": _or_empty},
}


@pytest.mark.parametrize("name", WRONG_COMPRESSION)
def test_wrong_compression_is_rejected(name):
    with pytest.raises(ContractError):
        check("compression", dataclasses.replace(ZLIB_SPEED, **WRONG_COMPRESSION[name]))


WRONG_SCORING = {
    "no bias": {"linear": lambda weights, bias: NUMPY.linear(weights, 0.0)},
    "float64": {"linear": lambda weights, bias: lambda rows: NUMPY.linear(weights, bias)(rows).astype(np.float64)},
    "columns": {"mlp": lambda layers: lambda rows: NUMPY.mlp(layers)(rows)[:, None]},
    "no ReLU": {
        "mlp": lambda layers: lambda rows: ((rows @ layers[0][0] + layers[0][1]) @ layers[1][0] + layers[1][1])[:, 0]
    },
    "half precision": {
        "linear": lambda weights, bias: (
            lambda rows: (rows.astype(np.float16) @ weights.astype(np.float16)).astype(np.float32) + np.float32(bias)
        )
    },
    "one row at least": {
        "linear": lambda weights, bias: lambda rows: NUMPY.linear(weights, bias)(rows) if len(rows) else None
    },
}


@pytest.mark.parametrize("name", WRONG_SCORING)
def test_wrong_scoring_is_rejected(name):
    with pytest.raises(ContractError):
        check("scoring", dataclasses.replace(NUMPY, **WRONG_SCORING[name]))


def test_a_loop_that_cannot_run_is_rejected():
    def closed():
        loop = asyncio.new_event_loop()
        loop.close()
        return loop

    with pytest.raises(ContractError, match="closed"):
        check("loop", dataclasses.replace(ASYNCIO, new_event_loop=closed))


def test_a_backend_without_a_name_is_rejected():
    with pytest.raises(ContractError, match="name"):
        check("json", object())
    with pytest.raises(ContractError, match="version"):
        check("json", dataclasses.replace(JSON, version=None))
