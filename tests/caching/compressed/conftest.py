"""Stores with and without optional libraries, and posts that resemble each other within an era."""

from __future__ import annotations

import contextlib
import sys
from random import Random

import pytest

from postopt.caching import CompressedStore

PATIENCE = 60
"""Seconds after which something counts as hanging."""

LETTERS = "abcdefghijklmnoprstuvy"


@contextlib.contextmanager
def without(*libraries):
    """Hide optional libraries from whoever looks for them meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for library in libraries:
            for name in list(sys.modules):
                if name.partition(".")[0] == library or name == f"postopt.caching.{library}":
                    patch.delitem(sys.modules, name)
            patch.setitem(sys.modules, library, None)
        yield


@pytest.fixture(scope="session")
def hidden():
    return without


@pytest.fixture(scope="session", params=["zstandard and lz4", "neither"])
def make(request):
    """Return what makes a store, where both libraries are installed and where neither is; it trains at once."""
    hides = ("zstandard", "lz4") if request.param == "neither" else ()
    if not hides:
        pytest.importorskip("zstandard")
        pytest.importorskip("lz4")

    def make(**options):
        with without(*hides):
            return CompressedStore(**{"start": lambda work: work(), **options})

    make.library = "zlib" if hides else "zstandard"
    return make


@pytest.fixture(scope="session")
def make_post():
    """Return a function that makes posts of about 1 KB; those of one era share their words."""
    words = {}

    def make_post(number, era="bread"):
        if era not in words:
            draw = Random(era)
            words[era] = ["".join(draw.choices(LETTERS, k=draw.randint(2, 9))) for _ in range(300)]
        draw = Random(f"{era}/{number}")
        text = " ".join(draw.choices(words[era], k=140))
        return {"text": text, "trace": {"tier": "remote", f"cost of {era}": number / 1000, "notes": []}, "seed": None}

    return make_post


@pytest.fixture(scope="session")
def fill(make_post):
    """Return a function that sets so many posts of an era, and says under which keys."""

    def fill(store, count, era="bread", **options):
        keys = [f"{era} {number}" for number in range(count)]
        for number, key in enumerate(keys):
            store.set_nowait(key, make_post(number, era), **options)
        return keys

    return fill


@pytest.fixture(scope="session")
def packed():
    """Return a function that says as which bytes a store keeps a value."""
    return lambda store, key: store._store.get_nowait(key)


@pytest.fixture(scope="session")
def taken():
    """Return a function that says how many bytes a store takes, dictionaries included."""
    return lambda store: store._store.stats().bytes + store._dictionaries.weight
