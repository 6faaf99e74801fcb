"""Threads that have a result."""

from __future__ import annotations

import threading

import pytest

PATIENCE = 60
"""Seconds after which something counts as hanging."""


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
