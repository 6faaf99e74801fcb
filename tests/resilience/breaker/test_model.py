"""A breaker against a table of what it should do, in whatever order calls begin and end and time passes.

Each call is a `with` block in a context of its own, so that the machine decides when it begins and when and how it
ends. The table remembers all calls of its epoch and judges them anew each time; it shares no code with the breaker.
"""

import asyncio
from collections import Counter
from contextvars import Context
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postopt.errors import CircuitOpenError
from postopt.resilience.breaker import CircuitBreaker
from postopt.testing import ScriptedClock

SETTINGS = [
    {"failure_threshold": 2},
    {"failure_threshold": None, "failure_rate": 0.5, "minimum_calls": 4, "window": 6},
    {"failure_threshold": 3, "failure_rate": 0.75, "minimum_calls": 3, "window": 4, "half_open_probes": 2,
     "successes_to_close": 2},
    {"failure_threshold": None, "slow_call_seconds": 5.0, "slow_rate": 0.5, "minimum_calls": 2, "window": 5,
     "open_backoff": 2.0},
    {"failure_threshold": 2, "slow_call_seconds": 5.0, "half_open_probes": 3, "successes_to_close": 2},
    {"failure_threshold": 2, "open_backoff": 3.0, "half_open_probes": 2, "probe_lease_seconds": 3.0},
]  # fmt: skip
DEFAULTS = {
    "failure_rate": None, "minimum_calls": 10, "window": 20, "slow_call_seconds": None, "slow_rate": None,
    "open_seconds": 8.0, "open_backoff": 1.0, "max_open_seconds": 20.0, "half_open_probes": 1, "successes_to_close": 1,
    "probe_lease_seconds": 12.0,
}  # fmt: skip


class DownError(Exception):
    def __init__(self, retry_after):
        super().__init__("down")
        self.retry_after = retry_after


@dataclass(eq=False)
class Call:
    began: float
    epoch: int
    context: Context = field(default_factory=Context)


class Table:
    """What a breaker should do."""

    def __init__(self, given):
        self.__dict__.update(DEFAULTS | given)
        self.state = "closed"
        self.epoch = 0
        self.kinds = []
        self.until = 0.0
        self.asked = 0.0
        self.reopened = 0
        self.probes = []
        self.good = 0
        self.counts = Counter()

    def become(self, state):
        self.state = state
        self.epoch += 1
        self.kinds, self.probes, self.good = [], [], 0

    def open(self, now):
        if self.state == "metrics_only":
            self.become("metrics_only")
            return
        self.until = max(now + min(self.open_seconds * self.open_backoff**self.reopened, 20.0), self.asked)
        self.reopened += 1
        self.become("open")

    def close(self, state="closed"):
        self.reopened, self.asked = 0, 0.0
        self.become(state)

    def seen_at(self, now):
        return "half_open" if self.state == "open" and now >= self.until else self.state

    def admits(self, now):
        if self.seen_at(now) != self.state:
            self.become("half_open")
        if self.state == "half_open":
            self.probes = [probe for probe in self.probes if now < probe.began + self.probe_lease_seconds]
            return len(self.probes) < self.half_open_probes
        return self.state not in ("open", "forced_open")

    def end(self, call, now, kind, retry_after=0.0):
        if kind == "success" and self.slow_call_seconds is not None and now - call.began > self.slow_call_seconds:
            kind = "slow"
        self.counts[kind] += 1
        if kind == "failure":
            self.asked = max(self.asked, now + min(retry_after, self.max_open_seconds))
        if call.epoch != self.epoch or (self.state == "half_open" and call not in self.probes):
            self.counts["stale"] += 1
            if self.state == "open":
                self.until = max(self.until, self.asked)
        elif self.state == "half_open":
            self.probes.remove(call)
            self.end_probe(now, kind)
        elif kind in ("success", "failure", "slow") and self.state in ("closed", "metrics_only"):
            self.kinds.append(kind)
            if self.trips():
                self.open(now)

    def end_probe(self, now, kind):
        if kind in ("failure", "slow"):
            self.open(now)
        elif kind == "success":
            self.good += 1
            if self.good == self.successes_to_close:
                self.close()

    def trips(self):
        kinds = self.kinds if self.slow_rate else ["failure" if kind == "slow" else kind for kind in self.kinds]
        last = kinds[-self.window :]
        row = 0
        for kind in kinds:
            row = {"failure": row + 1, "success": 0, "slow": row}[kind]
        enough = len(last) >= self.minimum_calls
        return (
            (self.failure_threshold is not None and row >= self.failure_threshold)
            or (enough and self.failure_rate is not None and last.count("failure") / len(last) >= self.failure_rate)
            or (enough and self.slow_rate is not None and last.count("slow") / len(last) >= self.slow_rate)
        )


ends = st.sampled_from(["success", "success", "success", "failure", "failure", "failure", "ignored", "cancelled"])


class BreakerMachine(RuleBasedStateMachine):
    @initialize(given=st.sampled_from(SETTINGS))
    def start(self, given):
        self.clock = ScriptedClock(50.0)
        self.heard = []
        self.breaker = CircuitBreaker(
            "b", clock=self.clock, ignore=KeyError, listeners=[self.heard.append], **DEFAULTS | given
        )
        self.table = Table(given)
        self.calls = []
        self.now = 50.0

    @rule()
    def begin(self):
        self.is_let_through()

    def is_let_through(self):
        """Begin a call."""
        call = Call(self.now, 0)
        admitted = self.table.admits(self.now)
        call.epoch = self.table.epoch
        if admitted:
            call.context.run(self.breaker.__enter__)
            self.calls.append(call)
            if self.table.state == "half_open":
                self.table.probes.append(call)
        else:
            with pytest.raises(CircuitOpenError) as caught:
                call.context.run(self.breaker.__enter__)
            forced = self.table.state == "forced_open"
            assert caught.value.retry_after == (None if forced else pytest.approx(self.wait()))
            self.table.counts["rejected"] += 1
        return admitted

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), end=ends, retry_after=st.sampled_from([0.0, 0.0, 9.0, 1e9]))
    def end(self, data, end, retry_after):
        self.end_of(self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1))), end, retry_after)

    @rule(several=st.lists(ends, min_size=1, max_size=8), seconds=st.sampled_from([0.0, 0.0, 6.0]))
    def call_in_turn(self, several, seconds):
        for end in several:
            if self.is_let_through():
                self.pass_time(seconds)
                self.end_of(self.calls.pop(), end, 0.0)
            self.agrees()

    def end_of(self, call, end, retry_after):
        error = {"success": None, "failure": DownError(retry_after), "ignored": KeyError(),
                 "cancelled": asyncio.CancelledError()}[end]  # fmt: skip
        call.context.run(self.breaker.__exit__, None if error is None else type(error), error, None)
        self.table.end(call, self.now, end, retry_after)

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0, 8.0, 21.0]))
    def pass_time(self, seconds):
        self.clock.advance(seconds)
        self.now += seconds

    @rule(seconds=st.sampled_from([0.1, 3.0, 1e6]))
    def put_the_clock_back(self, seconds):
        """No time has passed; the calls that are under way seem younger, but not their leases."""
        if self.calls and self.breaker._circuit.rules.slow_call_seconds:
            return  # how long those took is what the clock says
        assert self.breaker.state == self.table.seen_at(self.now)  # a look at the clock before it is put back
        self.clock.set(self.clock() - seconds)

    @precondition(lambda self: self.table.state in ("forced_open", "disabled", "metrics_only"))
    @rule()
    def leave_what_was_decided_by_hand(self):
        self.decide_by_hand("reset")

    @rule(how=st.sampled_from(["reset", "force_open", "disable", "observe"]))
    def decide_by_hand(self, how):
        getattr(self.breaker, how)()
        states = {"reset": "closed", "force_open": "forced_open", "disable": "disabled", "observe": "metrics_only"}
        self.table.close(states[how])

    def wait(self):
        table = self.table
        if table.state == "half_open" and len(table.probes) >= table.half_open_probes:
            return max(0.0, table.probes[0].began + table.probe_lease_seconds - self.now)
        return max(0.0, table.until - self.now) if table.state == "open" else 0.0

    @invariant()
    def agrees(self):
        assert self.breaker.state == self.table.seen_at(self.now)
        expected = None if self.table.state == "forced_open" else pytest.approx(self.wait())
        assert self.breaker.retry_after == expected
        metrics = self.breaker.metrics
        assert {kind: getattr(metrics, kind) for kind in KINDS} == {kind: self.table.counts[kind] for kind in KINDS}

    @invariant()
    def tells_each_change_once_and_in_order(self):
        assert [change.before for change in self.heard] == ["closed", *(change.after for change in self.heard)][
            :-1
        ] or (not self.heard)
        assert (self.heard[-1].after if self.heard else "closed") == self.table.state


KINDS = ("success", "failure", "slow", "ignored", "cancelled", "rejected", "stale")

BreakerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestBreakerAgainstItsTable = pytest.mark.long(BreakerMachine.TestCase)
