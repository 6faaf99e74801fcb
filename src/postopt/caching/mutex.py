"""The lock of what lives in memory: its own thread cannot wait for it, and no fork leaves it held."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Any

from postopt.errors import ReentrantError


class Mutex:
    """Admits one thread at a time.

    While a store changes, any code may run in the same thread: the comparison of two keys, or the finalizer of an
    object that is collected just then. If that uses the store again, it would wait for itself, so it gets an error.

    A fork waits until nobody is inside: a thread that is would not be there in the child to come out.

    Attributes:
        released: objects that those inside have let go of. They are freed outside, because their finalizers may use
            the store.
    """

    __slots__ = ("__weakref__", "_lock", "_owner", "released")

    def __init__(self) -> None:
        self.released: list[Any] = []
        self._lock = threading.Lock()
        self._owner = 0
        _mutexes[id(self)] = self

    def __enter__(self) -> None:
        """Wait until nobody is inside.

        Raises:
            ReentrantError: the caller is.
        """
        if self.is_mine():
            raise ReentrantError("a store is used by a key or a finalizer that runs while the store changes")
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        released = self.released.copy()
        self.released.clear()
        self._owner = 0
        self._lock.release()
        del released  # now that finalizers may use the store

    def is_mine(self) -> bool:
        """Say whether the calling thread is inside."""
        return self._owner == threading.get_ident()

    def hold(self) -> None:
        """Wait until nobody is inside, and let nobody in until `free`."""
        self._lock.acquire()

    def free(self) -> None:
        """Let others in again."""
        self._lock.release()


_mutexes: weakref.WeakValueDictionary[int, Mutex] = weakref.WeakValueDictionary()  # by id
_held: list[Mutex] = []
_forking = threading.Lock()  # of two threads that fork, one at a time holds them all


def _hold_all() -> None:
    _forking.acquire()
    for reference in _mutexes.valuerefs():  # a copy made at once: other threads go on making stores
        mutex = reference()
        if mutex is not None and not mutex.is_mine():
            mutex.hold()
            _held.append(mutex)


def _free_all() -> None:
    while _held:
        _held.pop().free()
    _forking.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_hold_all, after_in_parent=_free_all, after_in_child=_free_all)
