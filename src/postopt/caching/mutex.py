"""The lock of what lives in memory: its own thread cannot wait for it, and no fork leaves it held."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from postopt.errors import ReentrantError

P = ParamSpec("P")
T = TypeVar("T")


class Mutex:
    """Admits one thread at a time, to a function or a block.

    While a store changes, any code may run in the same thread: the comparison of two keys, or the finalizer of an
    object that is collected just then. If that uses the store again, it would wait for itself, so it gets an error.

    A fork waits until no other thread is inside: it would not be there in the child to come out.

    Attributes:
        released: objects that a function has let go of. They are freed outside, because their finalizers may use the
            store.
    """

    __slots__ = ("__weakref__", "_inside", "_lock", "released")

    def __init__(self) -> None:
        self.released: list[Any] = []
        self._lock = threading.RLock()
        self._inside = False
        _mutexes[id(self)] = self

    def __enter__(self) -> None:
        """Wait until nobody is inside.

        Raises:
            ReentrantError: the caller is.
        """
        self._lock.acquire()
        if self._inside:
            self._lock.release()
            raise ReentrantError(_REENTERED)
        self._inside = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inside = False
        self._lock.release()

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function returns, which is called when nobody is inside.

        Unlike a `with` of this object, it is never left locked by an interrupt (control-C), which may come between any
        two lines of Python: the lock is entered and left in one step.

        Raises:
            ReentrantError: the caller is inside.
        """
        with self._lock:
            if self._inside:
                raise ReentrantError(_REENTERED)
            self._inside = True
            try:
                result = function(*args, **kwargs)
            finally:
                self._inside = False
                released = self.released.copy()
                self.released.clear()
        del released  # now that finalizers may use the store
        return result

    def hold(self) -> None:
        """Wait until no other thread is inside, and let none in until `free`."""
        self._lock.acquire()

    def free(self) -> None:
        """Let others in again."""
        self._lock.release()


_REENTERED = "a store is used by a key or a finalizer that runs while the store changes"

_mutexes: weakref.WeakValueDictionary[int, Mutex] = weakref.WeakValueDictionary()  # by id
_held: list[Mutex] = []
_forking = threading.Lock()  # of two threads that fork, one at a time holds them all


def _hold_all() -> None:
    _forking.acquire()
    for reference in _mutexes.valuerefs():  # a copy made at once: other threads go on making stores
        mutex = reference()
        if mutex is not None:
            mutex.hold()
            _held.append(mutex)


def _free_all() -> None:
    while _held:
        _held.pop().free()
    _forking.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_hold_all, after_in_parent=_free_all, after_in_child=_free_all)
