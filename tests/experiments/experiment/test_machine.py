"""Whatever is done in whichever order, an experiment agrees with a model that keeps everything."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postopt.experiments.decision import State
from postopt.experiments.experiment import Experiment
from postopt.experiments.store import ExperimentStore
from postopt.testing import ScriptedClock

ARMS = ("a", "b", "c")


class Machine(RuleBasedStateMachine):
    @initialize(mode=st.sampled_from(["find", "earn"]))
    def begin(self, mode):
        self.clock = ScriptedClock(1.7e9)
        self.store = ExperimentStore(clock=self.clock, salt=b"salt")
        self.mode = mode
        self.units, self.outcomes, self.paused, self.removed = {}, {}, set(), set()
        self.observed, self.stopped = dict.fromkeys(ARMS, (0, 0)), None
        self.open()

    def open(self):
        self.experiment = Experiment("test", ARMS, mode=self.mode, store=self.store, clock=self.clock)

    @rule(units=st.lists(st.integers(0, 60), min_size=1, max_size=20))
    def assign(self, units):
        off = self.paused | self.removed
        for unit, given in zip(units, self.experiment.assign_many(units), strict=True):
            known = self.units.setdefault(unit, given)
            assert given == known
            assert 0 < given.propensity <= 1
            if known is given and self.stopped is None and len(off) < len(ARMS):
                assert given.arm not in off

    @precondition(lambda self: self.units)
    @rule(data=st.data(), value=st.sampled_from([0, 1, 0.5]))
    def record(self, data, value):
        unit = data.draw(st.sampled_from(sorted(self.units)))
        counts = self.experiment.record(self.units[unit].id, value)
        assert counts == (unit not in self.outcomes)
        self.outcomes.setdefault(unit, value)

    @rule(arm=st.sampled_from(ARMS), n=st.integers(0, 50), share=st.floats(0, 1))
    def observe(self, arm, n, share):
        successes = int(n * share)
        assert self.experiment.observe(arm, n, successes)
        was = self.observed[arm]
        self.observed[arm] = (was[0] + n, was[1] + successes)

    @rule(arm=st.sampled_from(ARMS), what=st.sampled_from(["pause", "resume", "remove"]))
    def change(self, arm, what):
        if arm in self.removed:
            return
        getattr(self.experiment, what)(arm, "why")
        self.paused.discard(arm)
        if what != "resume":
            (self.paused if what == "pause" else self.removed).add(arm)

    @rule(seconds=st.sampled_from([-100_000, -1, 0.5, 2, 90_000]))
    def pass_time(self, seconds):
        self.clock.set(self.clock() + seconds)

    @rule()
    def reopen(self):
        state = self.experiment.state()
        self.open()
        assert self.experiment.state() == state

    @rule()
    def flush(self):
        self.store.flush()
        assert self.store.audit() == []

    @precondition(lambda self: self.stopped is None)
    @rule()
    def stop(self):
        before = self.experiment.decide().state
        self.experiment.stop("enough")
        after = self.experiment.decide().state
        self.stopped = after
        assert after in (before, State.STOPPED)

    @invariant()
    def agrees(self):
        if not hasattr(self, "experiment"):
            return
        decision = self.experiment.decide()
        assert decision.n == len(self.outcomes) + sum(n for n, _ in self.observed.values())
        for result in decision.arms:
            values = [value for unit, value in self.outcomes.items() if self.units[unit].arm == result.arm]
            n, successes = self.observed[result.arm]
            assert result.n == len(values) + n
            assert abs(result.mean * result.n - sum(values) - successes) < 1e-6
            assert result.assigned == sum(given.arm == result.arm for given in self.units.values())
            expected = "removed" if result.arm in self.removed else "paused" if result.arm in self.paused else "active"
            assert result.status == expected
        assert abs(sum(result.share for result in decision.arms) - 1) < 1e-9
        assert (decision.winner is not None) == (decision.state is State.WINNER)
        assert decision.interval.low <= decision.interval.high
        if self.stopped is not None:
            assert decision.state is self.stopped

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=15, stateful_step_count=15)
