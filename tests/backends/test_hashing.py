"""Digests against what their designers published, and the laws of the role."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

PATTERN = bytes(i % 251 for i in range(102_400))

# FIPS 180-4 examples; RFC 7693 for BLAKE2 (32 and 16 bytes of it as its reference code prints them); the test
# vectors of the BLAKE3 repository; the sanity test of xxHash.
PUBLISHED = {
    ("sha256", 32): {
        b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        b"a" * 1_000_000: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    },
    ("blake2b", 32): {
        b"": "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
        b"abc": "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
    },
    ("blake2b", 16): {
        b"": "cae66941d9efbd404e4d88758ea67670",
        b"abc": "cf4ab791c62b8d2b2109c90275287816",
    },
    ("blake3", 32): {
        b"": "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        PATTERN[:1]: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
        PATTERN[:1025]: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
        PATTERN: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
    },
    ("xxh3", 16): {
        b"": "99aa06d3014798d86001c324468d497f",
        b"\x00": "a6cd5e9392000f6ac44bdff4074eecdb",
        b"abc": "06b05ab6733a618578af5f94892f3950",
    },
}


def _check_published(backend, size):
    for data, expected in PUBLISHED[backend.name, size].items():
        assert backend.digest(data).hex() == expected


def _check_kinds_of_bytes(backend, size, data):
    digest = backend.digest(data)
    assert type(digest) is bytes
    assert len(digest) == size
    assert backend.digest(bytearray(data)) == backend.digest(memoryview(data)) == digest


def test_published_hashes(hash_backend):
    _check_published(hash_backend, 32)


def test_published_fingerprints(fingerprint_backend):
    _check_published(fingerprint_backend, 16)


@given(data=st.binary(max_size=300))
def test_hash_of_all_kinds_of_bytes(hash_backend, data):
    _check_kinds_of_bytes(hash_backend, 32, data)


@given(data=st.binary(max_size=300))
def test_fingerprint_of_all_kinds_of_bytes(fingerprint_backend, data):
    _check_kinds_of_bytes(fingerprint_backend, 16, data)


def test_a_hash_of_text_is_refused(hash_backend):
    with pytest.raises(TypeError):
        hash_backend.digest("text")
