"""Both tables, and memory stores upon each of them."""

from __future__ import annotations

import importlib
import sys

import pytest

import postopt.caching
from postopt.caching.memory import MemoryStore
from postopt.caching.table import PythonTable, Table

UPON_THE_TABLE = ("table", "entries", "shelf", "memory")

needs_compiled = pytest.mark.skipif(Table is PythonTable, reason="the table is not compiled here")


def store_upon_python():
    """Return the class of memory stores as it is where the table is not compiled."""
    names = [f"postopt.caching.{name}" for name in UPON_THE_TABLE]
    known = {name: sys.modules[name] for name in names}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "postopt.caching._table", None)
            # The package keeps what it has loaded as an attribute, and `from` takes that.
            patch.delattr(postopt.caching, "_table", raising=False)
            for name in names:
                del sys.modules[name]
            return importlib.import_module("postopt.caching.memory").MemoryStore
    finally:
        sys.modules.update(known)
        for name in UPON_THE_TABLE:
            setattr(postopt.caching, name, known[f"postopt.caching.{name}"])


STORES = [
    pytest.param(MemoryStore, id="compiled", marks=needs_compiled),
    pytest.param(store_upon_python(), id="python"),
]
TABLES = [pytest.param(Table, id="compiled", marks=needs_compiled), pytest.param(PythonTable, id="python")]


@pytest.fixture(scope="session", params=TABLES)
def table(request):
    """The class of a table."""
    return request.param


@pytest.fixture(scope="session", params=STORES)
def store(request):
    """The class of memory stores, upon either table."""
    return request.param
