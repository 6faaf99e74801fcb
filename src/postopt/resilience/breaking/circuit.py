"""A circuit in use: clocks, threads, forks and listeners around its decisions."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from postopt.clock import Clock
from postopt.errors import CircuitOpenError
from postopt.resilience.breaking.change import Change, Listeners
from postopt.resilience.breaking.elapsed import Elapsed
from postopt.resilience.breaking.judge import Judge
from postopt.resilience.breaking.machine import Counts, Machine, Probing, State, Ticket
from postopt.resilience.breaking.metrics import BreakerMetrics
from postopt.resilience.breaking.open_time import OpenTime
from postopt.resilience.breaking.rules import Rules
from postopt.resilience.breaking.sharing import Report, SharedState
from postopt.resilience.breaking.shut import Shut, forced, tried
from postopt.resilience.breaking.tally import Tally
from postopt.resilience.breaking.turns import Turns
from postopt.resilience.breaking.windows import CountWindow, TimeWindow
from postopt.resilience.outcome import Outcome, Phase, of_error, of_result

_SUCCESS = Outcome(kind="success")
_CANCELLED = Outcome(kind="cancelled")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a circuit is made from, and made from anew in a forked process."""

    rules: Rules
    open_time: OpenTime
    probing: Probing
    judge: Judge
    listeners: Listeners
    clock: Clock


class Circuit:
    """Lets calls through and takes their results, from any thread and any event loop.

    Attributes:
        name: as errors and listeners are told it.
        rules: when it opens.
        clock: as the host passed it.
        plain: the window in which calls need nothing but a tick when they succeed: while the circuit lets all through,
            and neither their time nor their results matter. Else None.
    """

    def __init__(self, name: str, settings: Settings, shared: SharedState | None) -> None:
        self.name = name
        self.rules = settings.rules
        self.clock = settings.clock
        self.plain: CountWindow | None = None
        self._window: CountWindow | TimeWindow | None = None
        self._settings = settings
        self._shut: Shut | None = None
        self._unwatched = not settings.rules.timed and not settings.judge.looks
        self._shared = shared
        self._machine = Machine(settings.rules, settings.open_time, settings.probing)
        self._begin()
        _circuits.add(self)

    def enter(self) -> Ticket | CountWindow:
        """Let a call through for which there is no `plain` window.

        Raises:
            CircuitOpenError: no call is let through just now.
        """
        if not self._joined:
            self._turns.tell(self._join)
        now = self.clock()
        shut = self._shut
        if shut is not None and shut.since <= now < shut.until:
            self._refused.tick()
            raise shut.error(now)
        window = self._window
        if window is not None:
            return Ticket(window.epoch, now, self.clock)
        ticket: Ticket | None = self._turns.ask(self._decide, self._machine.admit, now, self.clock)
        if self._machine.changes:
            self._tell()
        if ticket is None:
            self._refused.tick()
            raise self._refusal(self.retry_after())
        return ticket

    def check(self) -> None:
        """Raise what `enter` would raise now, and count it; let nothing through.

        Raises:
            CircuitOpenError: no call is let through just now.
        """
        if self._window is not None:
            return
        shut = self._shut
        if shut is not None and shut.since <= (now := self.clock()) < shut.until:
            self._refused.tick()
            raise shut.error(now)
        seconds = self.retry_after()
        if seconds != 0:
            self._refused.tick()
            raise self._refusal(seconds)

    def hear(
        self,
        ticket: Ticket | CountWindow,
        ended: float,
        result: object,
        *,
        slow: bool | None = None,
        phase: Phase = "",
    ) -> None:
        """Take what a call returned.

        Args:
            ticket: what it was let through with.
            ended: what its `end` has given.
            result: what it returned.
            slow: whether it was too slow; None if its seconds say that.
            phase: how far it came.
        """
        if isinstance(ticket, CountWindow):
            self._hear_numbered(ticket, ended, of_result(result, phase=phase))
            return
        seconds = max(0.0, ended - ticket.started)
        try:
            kind = self._settings.judge.judge(None, result, seconds, slow=slow)
        except BaseException:
            self.lose(ticket)
            raise
        window = self._window
        if kind == "success" and isinstance(window, CountWindow) and ticket.epoch == window.epoch:
            number = window.end()
            if window.watch:
                self._hear_numbered(window, number, of_result(result, phase=phase, seconds=seconds))
            return
        if kind == "success" and window is not None:
            outcome = _SUCCESS  # it closes nothing, so nobody asks how long it took
        else:
            outcome = of_result(result, kind=kind, phase=phase, seconds=seconds)
        self._settle(ticket, outcome)

    def fail(self, ticket: Ticket | CountWindow, cause: BaseException, *, phase: Phase = "", ours: bool = True) -> None:
        """Take what a call raised; it is not `ours` if the caller has thrown it in."""
        seconds = 0.0 if isinstance(ticket, CountWindow) else max(0.0, self.clock() - ticket.started)
        try:
            kind = self._settings.judge.judge(cause, None, seconds) if ours else "cancelled"
        except BaseException:
            self.lose(ticket)
            raise
        self._settle(ticket, of_error(cause, kind=kind, phase=phase, seconds=seconds))

    def lose(self, ticket: Ticket | CountWindow) -> None:
        """Take that nobody will say how a call ended, or that an interrupt came while it was judged."""
        self._settle(ticket, _CANCELLED)

    def _hear_numbered(self, window: CountWindow, number: float, outcome: Outcome) -> None:
        self._turns.tell(self._decide, self._machine.settle_numbered, window, number, outcome)
        if self._machine.changes:
            self._tell()

    def _settle(self, ticket: Ticket | CountWindow, outcome: Outcome) -> None:
        self._turns.tell(self._decide, self._machine.settle, ticket, outcome)
        if self._machine.changes:
            self._tell()

    def turn(self, state: State) -> None:
        """Take a state by the host's will."""
        self._turns.tell(self._decide, self._machine.turn, state)
        self._tell()

    def state(self) -> State:
        """Return the state as the next call will find it."""
        return self._turns.look(lambda: self._machine.state_at(self._now()))

    def retry_after(self) -> float | None:
        """Return the seconds until a call is let through at the latest, or None if nobody knows."""
        return self._turns.look(lambda: self._machine.retry_after(self._now()))

    def metrics(self) -> BreakerMetrics:
        """Return what has happened so far."""
        return self._turns.look(self._metrics)

    def report(self) -> Report:
        """Return what others should know that has happened since this was asked last."""
        return self._turns.look(self._report)

    def open_for(self, seconds: float) -> None:
        """Stay open at least so long, because others have seen failures."""
        self._turns.tell(self._decide, self._machine.open_for, seconds)
        self._tell()

    def close(self) -> None:
        """Close, if open, because others' probes have succeeded."""
        self._turns.tell(self._decide, self._machine.close_with_others)
        self._tell()

    def begin_in_child(self) -> None:
        """Start closed, because the process was copied: its calls go on elsewhere, and its locks may be held.

        What the host has decided by hand stays.
        """
        settings = self._settings
        settings.open_time.draw_anew()
        settings.judge.errors = Tally()
        settings.listeners.errors = Tally()
        self._machine.begin_anew()
        self._begin()

    def _begin(self) -> None:
        self._turns = Turns()
        self._elapsed = Elapsed(self.clock)
        self._refused = Tally()
        self._refused_before = 0
        self._joined = self._shared is None
        self._show()

    def _join(self) -> None:
        """Hear from other processes from now on; the first call is early enough, and nothing starts before."""
        if self._shared is not None and not self._joined:
            self._joined = True
            self._machine.probe_wait = self._shared.join(self)
            self._show()

    def _decide(self, decision: Callable[[float, *Ts], T], *args: *Ts) -> T:
        result = decision(self._now(), *args)
        if self._shown != self._machine.epoch or self._shut is not None:
            self._show()
        return result

    def _now(self) -> float:
        before = self._elapsed.offset
        now = self._elapsed()
        if self._elapsed.offset != before:
            self._show()
        return now

    def _show(self) -> None:
        """Make known what the next calls can do without a lock."""
        machine = self._machine
        window = machine.window if self._joined else None
        self._shown = machine.epoch
        self._window = window
        self.plain = window if self._unwatched and isinstance(window, CountWindow) else None
        if machine.state == "open":
            self._shut = Shut(self.name, self._elapsed.last, self._elapsed.offset + machine.open_until)
        elif machine.state == "forced_open":
            self._shut = Shut(self.name, -math.inf, math.inf)
        else:
            self._shut = None

    def _refusal(self, seconds: float | None) -> CircuitOpenError:
        return forced(self.name) if seconds is None else tried(self.name, seconds)

    def _metrics(self) -> BreakerMetrics:
        settings = self._settings
        machine = self._machine
        counts = {name: getattr(machine.counts, name) for name in Counts.__slots__}
        return BreakerMetrics(
            **counts | {"success": machine.successes(), "rejected": self._refused.read()},
            state=machine.state_at(self._now()),
            listener_errors=settings.listeners.errors.read(),
            classifier_errors=settings.judge.errors.read(),
        )

    def _report(self) -> Report:
        machine = self._machine
        refused = self._refused.read()
        wanted = refused > self._refused_before or bool(machine.probes)
        self._refused_before = refused
        return Report(
            news=machine.take_news(),
            state=machine.state,
            open_seconds=max(0.0, machine.open_until - self._now()),
            wanted=wanted,
            lease_seconds=self._settings.probing.lease,
        )

    def _tell(self) -> None:
        """Tell listeners of what has changed, outside of every decision."""
        changes = self._machine.changes
        while not self._turns.inside:
            try:
                before, after, outcome, seconds = changes.pop(0)
            except IndexError:  # another thread has told them
                return
            self._settings.listeners.tell(
                Change(name=self.name, before=before, after=after, outcome=outcome, retry_after=seconds)
            )


_circuits: weakref.WeakSet[Circuit] = weakref.WeakSet()


def _begin_in_child() -> None:
    for circuit in list(_circuits):
        circuit.begin_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_begin_in_child)
