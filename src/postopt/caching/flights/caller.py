"""One who waits for a key: a task in an event loop, or a thread.

Whatever belongs to a loop is held weakly here, and by the loop (see `anchor`), so that a loop can still be collected as
garbage.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Literal, TypeAlias

from postopt.caching.flights.flight import Flight, blocked
from postopt.caching.flights.outcome import Outcome

LoopRef: TypeAlias = weakref.ref[asyncio.AbstractEventLoop]

current: ContextVar[Caller | None] = ContextVar("postopt.caching.current_caller", default=None)
"""The caller whose run the code is part of, as far as context variables are handed on."""

_NOWHERE = Flight(None)


class Caller(ABC):
    """One call of `Coalescer.run` or `run_sync`; as far as it can be said here, one of a thread.

    Attributes:
        loop: the event loop it waits in, None if it blocks a thread.
        thread: where it was made.
        part_of: the caller whose run made it, if one did.
        flight: where it waits, or waited last.
        begun: whether its own run has begun.
        run: that run, if it is a task.
        waits: the callers in that run that wait for flights.
        outcome: what it has been told.
    """

    __slots__ = ("begun", "flight", "outcome", "part_of", "run", "thread", "waits")

    loop: LoopRef | None

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        part_of = current.get()
        # A task that outlives the run that started it is no part of it any more.
        self.part_of = part_of if part_of is not None and part_of.leads else None
        self.flight = _NOWHERE
        self.begun = False
        self.run: TaskRun | None = None
        self.waits: set[Caller] = set()
        self.outcome: Outcome | None = None

    @property
    def leads(self) -> bool:
        """Whether the others wait for its run."""
        return self.flight.leader is self and self.flight.outcome is None

    @abstractmethod
    def wake(self) -> None:
        """Let it look what has changed. In its loop's thread, if it has a loop; twice does no harm."""

    def can_begin(self) -> Literal["now", "later", "never"]:
        """Say when it would begin if it led now."""
        return "now"

    def is_stopped(self) -> bool:
        """Say whether its run stands still now, and perhaps for ever."""
        return False

    def needs_itself(self, leader: Caller) -> bool:
        """Say whether `leader`'s run can end only after this call."""
        return leader is self.part_of


class TaskCaller(Caller):
    """Waits in an event loop; its run is a task of its own there."""

    __slots__ = ("_begin", "_told", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop: LoopRef = weakref.ref(loop)

    def expect(self, told: asyncio.Future[None], begin: Callable[[], object]) -> None:
        """Set what it waits for, and what begins its run; it is not in a flight before that."""
        self._told = weakref.ref(told)
        self._begin = weakref.ref(begin)

    def wake(self) -> None:
        """See `Caller`."""
        told = self._told()
        if told is not None and not told.done():
            told.set_result(None)

    def begin(self) -> Callable[[], object] | None:
        """Return what begins its run, None if it does not wait any more."""
        told = self._told()
        return None if told is None or told.done() else self._begin()

    def can_begin(self) -> Literal["now", "later", "never"]:
        """Say the same: later if its loop stands still or waits for this very flight, never if it is closed."""
        loop = self.loop()
        if loop is None or loop.is_closed():
            return "never"
        held_up = blocked.get(self.thread)
        waits_for_itself = held_up is not None and self.flight in held_up.needs()
        return "later" if waits_for_itself or not loop.is_running() else "now"

    def is_stopped(self) -> bool:
        """Say whether its loop does not run now."""
        loop = self.loop()
        return loop is None or not loop.is_running()


class ThreadCaller(Caller):
    """Blocks a thread; its run goes on in that thread."""

    __slots__ = ("_gate",)

    loop = None

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(self) -> None:
        """Block until `wake`."""
        self._gate.acquire()

    def wake(self) -> None:
        """See `Caller`."""
        with suppress(RuntimeError):  # it is awake
            self._gate.release()

    def needs_itself(self, leader: Caller) -> bool:
        """Say the same, or whether `leader`'s run goes on in the thread that this call blocks."""
        return leader is self.part_of or leader.thread == self.thread


class TaskRun:
    """A run in a task of its own."""

    __slots__ = ("_loop", "_task")

    def __init__(self, loop: LoopRef, task: asyncio.Task[Outcome]) -> None:
        self._loop = loop
        self._task = weakref.ref(task)

    def cancel(self, here: LoopRef | None) -> None:
        """Cancel the task; `here` is the loop that this thread runs, if it is known."""
        task = self._task()
        if task is None:
            return
        if self._loop is here:
            task.cancel()
        else:
            call_in(self._loop, task.cancel)


def call_in(loop: LoopRef, action: Callable[[], object]) -> None:
    """Let a loop do `action` soon; from any thread. It is dropped if the loop has ended."""
    running = loop()
    if running is not None:
        with suppress(RuntimeError):  # it was closed
            running.call_soon_threadsafe(action)
