"""What belongs to an event loop, for objects that outlive one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar


class Cancellable(Protocol):
    """Something that can be told to end, in its loop, without waiting for it."""

    def cancel(self) -> None:
        """End soon."""
        ...


T = TypeVar("T", bound=Cancellable)

# What a fork copied from its parent stays for ever: if it were collected, it would close its connection, and that would
# take the parent's out of the parent's selector, which both share.
_inherited: list[object] = []


class PerLoop(Generic[T]):
    """Makes a new object for each event loop and process it is used in, and lets the last one go."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._value: T | None = None
        self._pid = 0

    @property
    def value(self) -> T | None:
        """The object of the running loop, if there is one."""
        return self._value if self._loop is asyncio.get_running_loop() else None

    def get(self) -> T:
        """Return the object of the running loop, made now if there is none."""
        loop = asyncio.get_running_loop()
        if self._value is None or self._loop is not loop:
            self.let_go()
            self._value, self._loop, self._pid = self._make(), loop, os.getpid()
        return self._value

    def let_go(self) -> None:
        """Tell the object to end; the next `get` makes another."""
        value, loop = self._value, self._loop
        self._value = self._loop = None
        if value is None or loop is None:
            return
        if self._pid != os.getpid():
            _inherited.append((value, loop))
            return
        with suppress(RuntimeError):  # the loop is closed, and what was in it ended with it
            loop.call_soon_threadsafe(value.cancel)
