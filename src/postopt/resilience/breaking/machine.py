"""The states of a circuit, and what leads from one to the next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from postopt._checks import check_count, check_positive
from postopt.clock import Clock
from postopt.resilience.breaking.open_time import OpenTime
from postopt.resilience.breaking.rules import Rules
from postopt.resilience.breaking.windows import CountWindow, TimeWindow
from postopt.resilience.outcome import Kind, Outcome

State: TypeAlias = Literal["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"]
"""What a breaker does with calls.

- "closed": it lets all through and counts; too many failures open it.
- "open": it refuses all until its time is over.
- "half_open": it lets a few through, the probes, and decides by them whether to close or to open again.
- "forced_open": it refuses all until the host says otherwise.
- "disabled": it lets all through and judges none.
- "metrics_only": it lets all through and counts, and counts how often it would have opened.
"""


BY_HAND: tuple[State, ...] = ("forced_open", "disabled", "metrics_only")
"""The states that only the host begins and ends."""

News: TypeAlias = Literal["open", "closed", ""]
"""What a circuit has become by what happened here, and nobody else knows yet; "" for nothing."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How an open circuit is tried.

    Attributes:
        most: probes that are under way at a time, at most.
        successes: probes that have to succeed, from the opening on, for the circuit to close.
        lease: seconds after which a probe counts as lost, and its place is free.
    """

    most: int
    successes: int
    lease: float

    def __post_init__(self) -> None:
        check_count("half_open_probes", self.most)
        check_count("successes_to_close", self.successes)
        check_positive("probe_lease_seconds", self.lease, "seconds")


class Ticket:
    """What a call is let through with, and ends with. While a circuit lets all through, its window may stand for it.

    Attributes:
        epoch: the circuit's, when the call was let through. If it is another by the end, the result is stale.
        started: what the breaker's clock said then.
        end: marks the end of a call that returned: the breaker's clock.
        watch: whether the circuit has to hear of it.
    """

    __slots__ = ("end", "epoch", "started")

    watch = True

    def __init__(self, epoch: int, started: float, clock: Clock) -> None:
        self.epoch = epoch
        self.started = started
        self.end = clock


@dataclass(slots=True)
class Counts:
    """How often something has happened to calls that took a lock, and to the circuit."""

    success: int = 0
    failure: int = 0
    slow: int = 0
    ignored: int = 0
    cancelled: int = 0
    rejected: int = 0
    stale: int = 0
    lost: int = 0
    withheld: int = 0
    opened: int = 0
    closed: int = 0

    def add(self, kind: Kind) -> None:
        """Count a call of this kind."""
        setattr(self, kind, getattr(self, kind) + 1)


class Machine:
    """A circuit: pure decisions, one at a time, at times that never go back.

    Law: a call's result counts only in the epoch that let it through. Each change of state begins another epoch. A
    result of an earlier one changes nothing, but that a `Retry-After` makes an open circuit stay open longer.

    Args:
        rules: when it opens.
        open_time: for how long.
        probing: how it closes again.

    Attributes:
        epoch: changes with every change of state.
        state: as it is decided; whether an open circuit's time is over is seen by `state_at`.
        window: the last calls while it is closed or "metrics_only".
        open_until: when an open circuit may be tried.
        probe_wait: asked for how many seconds others are to try the circuit instead, once its time is over; unless
            set, for none.
        probes: the calls that try it, each with the time when it counts as lost.
        changes: (before, after, outcome that led there, seconds until it may be tried) of changes nobody was told of.
        counts: of what happened.
    """

    def __init__(self, rules: Rules, open_time: OpenTime, probing: Probing) -> None:
        self.state: State = "closed"
        self.window: CountWindow | TimeWindow | None = None
        self.open_until = -math.inf
        self.changes: list[tuple[State, State, Outcome | None, float]] = []
        self.counts = Counts()
        self.probe_wait: Callable[[], float] = float
        self.probes: dict[Ticket, float] = {}
        self._rules = rules
        self._open_time = open_time
        self._probing = probing
        self.epoch = 0
        self._asked_until = -math.inf  # before when the provider asked to be left alone
        self._successes = 0
        self._news: News = ""
        self._begin_window()

    def begin_anew(self) -> None:
        """Begin as a circuit that nothing has happened to, in another epoch; what the host has decided stays."""
        self.turn(0.0, self.state if self.state in BY_HAND else "closed")
        self.changes = []
        self.counts = Counts()
        self.probe_wait = float
        self._news = ""

    def admit(self, now: float, started: float, clock: Clock) -> Ticket | None:
        """Let a call through, or refuse it."""
        if self.state == "open" and now >= self.open_until and not self.probe_wait():
            self._become("half_open")
        if self.state == "half_open":
            return self._admit_probe(now, started, clock)
        if self.state in ("open", "forced_open"):
            return None
        return Ticket(self.epoch, started, clock)

    def settle(self, now: float, ticket: Ticket | CountWindow, outcome: Outcome) -> None:
        """Take the result of a call that was let through."""
        kind = outcome.kind
        self.counts.add(kind)
        if kind == "failure":
            self._asked_until = max(self._asked_until, now + min(seconds_asked(outcome), self._open_time.longest))
        if ticket.epoch != self.epoch:
            self._take_stale()
        elif self.state == "half_open":
            self._settle_probe(now, ticket, outcome)
        elif self.window is not None and kind in ("success", "failure", "slow") and self.window.take(kind, now):
            self._open(now, outcome)

    def settle_numbered(self, now: float, window: CountWindow, number: int, outcome: Outcome) -> None:
        """Take a success that has its number in `window`, which is watched."""
        if window is self.window:
            if window.take_numbered(number):
                self._open(now, outcome)
        elif window.came_late(number):
            self.counts.success += 1
            self._take_stale()

    def turn(self, now: float, state: State) -> None:  # noqa: ARG002 - as every decision
        """Take a state by the host's will; there is nothing left of what was before."""
        self._open_time.restart()
        self._asked_until = self.open_until = -math.inf
        self._become(state)
        self._news = "closed" if state == "closed" else ""

    def open_for(self, now: float, seconds: float) -> None:
        """Be open at least so long, because others have seen failures; half open, our own probes decide."""
        seconds = min(seconds, self._open_time.longest)
        if self.state == "closed" and self._news != "closed":  # else they have not heard yet that we have closed it
            self.open_until = now + seconds
            self._become("open", seconds=seconds)
        elif self.state == "open":
            self.open_until = max(self.open_until, now + seconds)

    def close_with_others(self, now: float) -> None:  # noqa: ARG002 - as every decision
        """Close, if open, because others' probes have succeeded."""
        if self.state == "open" and self._news != "open":  # else they have not heard yet that we have opened it
            self._close(None)

    def take_news(self) -> News:
        """Return whether it has opened or closed by what happened here, since this was asked last."""
        news, self._news = self._news, ""
        return news

    def state_at(self, now: float) -> State:
        """Return the state as the next call will find it."""
        if self.state == "open" and now >= self.open_until and not self.probe_wait():
            return "half_open"
        return self.state

    def retry_after(self, now: float) -> float | None:
        """Return the seconds until a call is let through at the latest, or None if nobody knows."""
        if self.state == "forced_open":
            return None
        if self.state == "open":
            return self.open_until - now if now < self.open_until else self.probe_wait()
        if self.state == "half_open":
            full = len(self.probes) >= self._probing.most
            return max(min(self.probes.values()) - now if full else 0.0, self.probe_wait())
        return 0.0

    def successes(self) -> int:
        """Return how many calls have succeeded."""
        window = self.window
        return self.counts.success + (window.unlocked() if isinstance(window, CountWindow) else 0)

    def _admit_probe(self, now: float, started: float, clock: Clock) -> Ticket | None:
        for lost in [probe for probe, until in self.probes.items() if until <= now]:
            del self.probes[lost]
            self.counts.lost += 1
        if len(self.probes) >= self._probing.most or self.probe_wait():
            return None
        probe = Ticket(self.epoch, started, clock)
        self.probes[probe] = now + self._probing.lease
        return probe

    def _settle_probe(self, now: float, probe: Ticket | CountWindow, outcome: Outcome) -> None:
        if not isinstance(probe, Ticket) or self.probes.pop(probe, None) is None:
            self._take_stale()
        elif outcome.kind in ("failure", "slow"):
            self._open(now, outcome)
        elif outcome.kind == "success":
            self._successes += 1
            if self._successes >= self._probing.successes:
                self._close(outcome)
                self._news = "closed"

    def _close(self, outcome: Outcome | None) -> None:
        self._open_time.restart()
        self._asked_until = self.open_until = -math.inf
        self._become("closed", outcome)

    def _take_stale(self) -> None:
        self.counts.stale += 1
        if self.state == "open":
            self.open_until = max(self.open_until, self._asked_until)

    def _open(self, now: float, outcome: Outcome) -> None:
        if self.state == "metrics_only":
            self.counts.withheld += 1
            self._begin_window()
            return
        self.open_until = max(now + self._open_time.take(), self._asked_until)
        self._become("open", outcome, self.open_until - now)
        self._news = "open"

    def _become(self, state: State, outcome: Outcome | None = None, seconds: float = 0.0) -> None:
        if state != self.state:
            self.changes.append((self.state, state, outcome, seconds))
            self.counts.opened += state == "open"
            self.counts.closed += state == "closed"
        self.state = state
        self._successes = 0
        self.probes = {}
        self._begin_window()

    def _begin_window(self) -> None:
        if isinstance(self.window, CountWindow):
            self.counts.success += self.window.close()
        self.epoch += 1
        if self.state not in ("closed", "metrics_only"):
            self.window = None
        elif self._rules.window_seconds is None:
            self.window = CountWindow(self._rules, self.epoch)
        else:
            self.window = TimeWindow(self._rules, self.epoch, self._rules.window_seconds)


def seconds_asked(outcome: Outcome) -> float:
    """Return how long whoever was called asked to be left alone; 0 for nothing, or nonsense."""
    try:
        seconds = outcome.retry_after
    except Exception:  # noqa: BLE001 - a property of an error that is not ours
        return 0.0
    return seconds if isinstance(seconds, int | float) and seconds > 0 else 0.0
