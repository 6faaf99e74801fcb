"""The backends under test, by role.

Tests of a contract run for each backend whose library is installed; the golden vectors run for all, and report each
library that is not as one skipped test.
"""

from __future__ import annotations

import importlib
import importlib.util

import pytest

BACKENDS = {
    "json": ("json:JSON", "orjson:JSON", "msgspec:JSON"),
    "hash": ("hashing:SHA256", "hashing:BLAKE2B", "blake3:HASH"),
    "fingerprint": ("hashing:FINGERPRINT", "xxhash:FINGERPRINT"),
    "compression": (
        "compression:ZLIB_SPEED",
        "compression:ZLIB_SIZE",
        "lz4:SPEED",
        "lz4:SIZE",
        "zstandard:SPEED",
        "zstandard:SIZE",
    ),
    "scoring": ("scoring:NUMPY", "numba:SCORING", "torch:SCORING", "onnxruntime:SCORING"),
    "loop": ("uvloop:LOOP",),
}
OURS = ("json", "hashing", "compression", "scoring")  # files without a library of that name to install


def library(target):
    module = target.partition(":")[0]
    return "" if module in OURS else module


def installed(target):
    return not library(target) or importlib.util.find_spec(library(target)) is not None


def load(target):
    module, attribute = target.split(":")
    return getattr(importlib.import_module(f"postopt.backends.{module}"), attribute)


def pytest_generate_tests(metafunc):
    for role, targets in BACKENDS.items():
        if f"{role}_target" in metafunc.fixturenames:
            present = [target for target in targets if installed(target)]
            metafunc.parametrize(f"{role}_target", present, scope="session")
    if "target" in metafunc.fixturenames:
        metafunc.parametrize(
            ("role", "target"), [(role, target) for role, targets in BACKENDS.items() for target in targets]
        )


@pytest.fixture(scope="session")
def json_backend(json_target):
    return load(json_target)


@pytest.fixture(scope="session")
def hash_backend(hash_target):
    return load(hash_target)


@pytest.fixture(scope="session")
def fingerprint_backend(fingerprint_target):
    return load(fingerprint_target)


@pytest.fixture(scope="session")
def compression_backend(compression_target):
    return load(compression_target)


@pytest.fixture(scope="session")
def scoring_backend(scoring_target):
    return load(scoring_target)


@pytest.fixture
def any_backend(target):
    pytest.importorskip(library(target) or "json")
    return load(target)


@pytest.fixture(scope="session")
def json_backends():
    """All JSON backends that are installed, the standard library's first."""
    found = [load(target) for target in BACKENDS["json"] if installed(target)]
    if len(found) == 1:
        pytest.skip("only one JSON backend is installed: there is nothing to compare it with")
    return found
