"""Both tables, stores upon each of them, and threads that have a result."""

from __future__ import annotations

import importlib
import sys
import threading

import pytest

import postopt.caching
from postopt.caching.memory import MemoryStore
from postopt.caching.table import PythonTable, Table

PATIENCE = 60
"""Seconds after which something counts as hanging."""

UPON_THE_TABLE = ("table", "entries", "shelf", "memory")

needs_compiled = pytest.mark.skipif(Table is PythonTable, reason="the table is not compiled here")


def store_upon_python():
    """Return the class of memory stores as it is where the table is not compiled."""
    names = [f"postopt.caching.{name}" for name in UPON_THE_TABLE]
    known = {name: sys.modules[name] for name in names}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "postopt.caching._table", None)
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


@pytest.fixture(params=TABLES)
def table(request):
    """The class of a table."""
    return request.param


@pytest.fixture(params=STORES)
def store(request):
    """The class of memory stores, upon either table."""
    return request.param


class Thread(threading.Thread):
    """A thread that has a result."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)  # one that hangs must not hold up the end of the tests
        self._call = function, arguments
        self._result = None
        self._error = None
        self.start()

    def run(self):
        function, arguments = self._call
        try:
            self._result = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is asked for
            self._error = error

    def outcome(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "a thread hangs"
        if self._error is not None:
            raise self._error
        return self._result


@pytest.fixture(scope="session")
def thread():
    return Thread


@pytest.fixture
def busy_switching():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
