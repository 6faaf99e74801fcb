"""Cutting calls off in time, at a fraction of what `asyncio.timeout` costs.

Most calls end long before their time is over, so what costs is to set an alarm and take it back. Here the calls under
way in a loop stand in one dictionary, and the loop has one alarm, for the earliest end it has heard of. To begin a call
is to enter it, and to end it to leave; the alarm stays where it is. When it rings, those whose time is over are cut
off, and it is set to the earliest end of those that are left, which takes a look at all of them. Since the alarm then
stands about a whole time limit away, that look is rare: as often as the limits come round, not as often as the calls.
Calls whose time ends soon after are cut off together with it, so that even a loop full of calls that all hang is looked
through some 256 times a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf, isnan
from typing import Any, TypeVar, TypeVarTuple

from postopt.errors import shown

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_EARLY = 1 / 256
"""The share of its time by which a call may be cut off early; arbitrary."""


class TimeUpError(TimeoutError):
    """The time that a call had is over; a TimeoutError of the call itself is another one."""


class Timeout:
    """Cuts calls off after so many seconds of the loop's time; at most a 256th of them early.

    A call that puts its cancellation off, or does not heed it, is waited for: nobody can end it but itself.

    Any number of calls, tasks, event loops and threads may use one object at the same time.
    """

    def __init__(self) -> None:
        self._latest = _Calls(None)
        self._loops: dict[int, _Calls] = {}

    async def acall(self, seconds: float, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        """Return `await function(*args)`, called in the caller's own task.

        A cancellation from outside that comes together with the end of the time is a cancellation.

        Raises:
            TimeUpError: the time was over, and the call has been cancelled; or there was none, and it was not made.
            ValueError: `seconds` is NaN.
        """
        if not seconds > 0:
            if isnan(seconds):
                raise ValueError(f"seconds is {shown(seconds)}; a number is needed")
            raise TimeUpError("there was no time left for the call")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has one
        loop = task.get_loop()
        calls = self._latest
        if calls.loop is not loop:
            calls = self._calls_in(loop)
        end = loop.time() + seconds
        if end < calls.alarm_at:
            calls.set_alarm(end)
        cancelling = task.cancelling()
        call = (end, end - seconds * _EARLY, task)
        calls.under_way[id(call)] = call
        try:
            result = await function(*args)
        except BaseException as error:
            # As `asyncio.timeout` tells our cancellation from others.
            if calls.has_cut(call) and task.uncancel() <= cancelling and isinstance(error, asyncio.CancelledError):
                raise TimeUpError(f"the call was cut off after {seconds:.3g} s") from error
            raise
        if calls.has_cut(call):  # and it did not care
            task.uncancel()
        return result

    def _calls_in(self, loop: asyncio.AbstractEventLoop) -> _Calls:
        calls = self._loops.get(id(loop))
        if calls is None or calls.loop is not loop:
            for name, others in list(self._loops.items()):
                if others.loop is None or others.loop.is_closed():
                    self._loops.pop(name, None)
            calls = self._loops[id(loop)] = _Calls(loop)
        self._latest = calls
        return calls


class _Calls:
    """The calls under way in one loop, each with its end, its earliest end, and its task."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.under_way: dict[int, tuple[float, float, asyncio.Task[Any]]] = {}
        self.alarm_at = inf
        self._alarm: asyncio.TimerHandle | None = None

    def set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self.alarm_at = at
        assert self.loop is not None  # noqa: S101 - there are no calls in none
        self._alarm = self.loop.call_at(at, self._ring)

    def has_cut(self, call: tuple[float, float, asyncio.Task[Any]]) -> bool:
        """Let a call leave, and say whether it was cut."""
        return self.under_way.pop(id(call), None) is None

    def _ring(self) -> None:
        # Not the loop's time: its clock may be coarser than the alarm's, which would ring again and again.
        now = self.alarm_at
        self.alarm_at, self._alarm = inf, None
        for name, (_, early, task) in list(self.under_way.items()):
            if early <= now:
                del self.under_way[name]
                task.cancel()
        if self.under_way:
            self.set_alarm(min(end for end, _, _ in self.under_way.values()))
