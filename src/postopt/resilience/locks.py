"""Locks that nobody holds in the child of a fork, and what they guard is whole there."""

from __future__ import annotations

import os
from _thread import LockType
from threading import Lock
from weakref import WeakSet

_one_at_a_time = Lock()
_outer: WeakSet[LockType] = WeakSet()
_locks: WeakSet[LockType] = WeakSet()
_held: list[LockType] = []


def new_lock(*, outer: bool = False) -> LockType:
    """Return a lock for what is done in a moment: a fork waits until nobody holds it.

    Whoever holds one must not wait for another, nor make one; but an `outer` one may be held while waiting for one that
    is not.
    """
    lock = Lock()
    with _one_at_a_time:
        (_outer if outer else _locks).add(lock)
    return lock


def _before_fork() -> None:
    _one_at_a_time.acquire()
    for lock in [*_outer, *_locks]:
        lock.acquire()
        _held.append(lock)


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    _one_at_a_time.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
