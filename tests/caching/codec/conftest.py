"""Entries of every kind, bytes that lie, and a codec that says why it refused."""

from __future__ import annotations

import importlib
import math
import struct
from hashlib import blake2b

import pytest

from postopt.caching import Codec, Entry

POST = {
    "text": "Fresh bread for €3.50, from 7:30. " * 12,
    "trace": {"tier": "remote", "cost_usd": 0.00123, "attempts": 1, "notes": []},
    "seed": None,
}


HEADER = {
    "kind": 0,
    "compression": 0,
    "dictionary": 0,
    "size": 0,
    "weight": 0,
    "cost": 0.0,
    "expires_at": math.inf,
    "stale_until": -math.inf,
    "compute_seconds": 0.0,
    "priority": 0,
    "count": 0,
}


@pytest.fixture(scope="session", params=["json", "orjson", "msgspec"])
def json_backend(request):
    """Each reader of JSON whose library is installed."""
    pytest.importorskip(request.param)
    return importlib.import_module(f"postopt.backends.{request.param}").JSON


@pytest.fixture(scope="session")
def post():
    """A value that is worth compressing."""
    return POST


@pytest.fixture(scope="session")
def reason():
    """Return a function that decodes what nobody can, and says why that was so: counted once, and no exception."""

    def reason(codec: Codec, data: bytes) -> str:
        before = codec.unreadable.copy()
        assert codec.decode(data) is None
        [(reason, times)] = (codec.unreadable - before).items()
        assert times == 1
        return reason

    return reason


@pytest.fixture(scope="session")
def sealed():
    """Return a function that puts length and checksum of a header and what follows in place: whole, true or not."""

    def sealed(rest: bytes, magic: bytes = b"\x9bpo\x01") -> bytes:
        body = magic + struct.pack("<I", len(rest)) + rest
        return body + blake2b(body, digest_size=8).digest()

    return sealed


@pytest.fixture(scope="session")
def forged(sealed):
    """Return a function that makes an entry of the form which the codec's docstring describes, of any numbers."""

    def forged(value=b"1", tags=b"", **numbers):
        header = HEADER | {"size": len(value)} | numbers
        assert len(header) == len(HEADER)
        return sealed(struct.pack("<BBQIQddddBH", *header.values()) + tags + value)

    return forged


def known(value=None) -> Entry:
    return Entry(
        value=value,
        weight=7,
        cost=0.25,
        priority=3,
        tags=("a", "ñ"),
        expires_at=1.8e9,
        stale_until=1.9e9,
        compute_seconds=1.5,
    )


@pytest.fixture(scope="session")
def entry():
    """Return a function that makes an entry about which everything is known."""
    return known
