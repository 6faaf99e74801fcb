"""An event loop in which waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ScriptedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody waits, and then at once.

    A timeout of an hour costs a test nothing and happens at the same moment in every run. Give `loop.time` as the
    clock of what is under test. Not for tests that wait for a socket, a thread or another process: those take real
    time, and this loop's would run ahead of it.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the seconds that have passed since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, as a computation does that holds up the loop."""
        self._now += seconds


class _Selector(selectors.DefaultSelector):
    """Waits for events as long as the loop says, without waiting."""

    def __init__(self, loop: ScriptedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # nobody waits for a time; a thread may call
            return super().select(None)
        events = super().select(0)
        if not events:
            self._loop.advance(max(0.0, timeout))
        return events


def run_scripted(main: Coroutine[Any, Any, T]) -> T:
    """Return what `main` returns, run by a `ScriptedLoop` of its own."""
    with asyncio.Runner(loop_factory=ScriptedLoop) as runner:
        return runner.run(main)
