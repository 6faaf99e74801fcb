"""The race, driven by scripted times: no test depends on how fast this machine is."""

from __future__ import annotations

import gc
import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engine.race import MEASURE, PATIENT, TIE, cost, costs, deciding_bursts, pick, race, smallest, winner
from postopt.engine.records import Cell, Timing

COST = st.floats(min_value=1e-7, max_value=1e-3)


class Machine:
    """Two clocks that only scripted functions move."""

    def __init__(self):
        self.wall = self.cpu = 0.0
        self.log = []

    def function(self, name, seconds, *, cpu=1.0):
        """A call that takes `seconds` (one number, or an iterator of them) and `cpu` times that of processor time."""
        series = iter(seconds) if hasattr(seconds, "__next__") else itertools.repeat(seconds)

        def call():
            taken = next(series)
            self.wall += taken
            self.cpu += taken * cpu
            self.log.append(name)

        return call

    def race(self, functions, *, order=None, rules=MEASURE, seed=0):
        return race(
            functions,
            order=list(functions) if order is None else order,
            clock=lambda: self.wall,
            cpu_clock=lambda: self.cpu,
            rng=random.Random(seed),
            rules=rules,
        )


def run(seconds, **settings):
    machine = Machine()
    return machine.race({name: machine.function(name, value) for name, value in seconds.items()}, **settings)


def timing(*seconds, cpu=None):
    return Timing(seconds, seconds if cpu is None else cpu)


@given(st.lists(COST, min_size=1, max_size=5), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_without_noise_the_first_within_the_tie_of_the_cheapest_wins(values, seed):
    seconds = {f"c{i}": value for i, value in enumerate(values)}
    outcome = run(seconds, seed=seed)
    limit = min(values) * (1 + TIE)
    assert seconds[outcome.winner] <= limit * (1 + 1e-9)
    earlier = list(seconds)[: list(seconds).index(outcome.winner)]
    assert all(seconds[name] > limit * (1 - 1e-9) for name in earlier)


@given(st.lists(COST, min_size=2, max_size=5), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_the_cheapest_never_leaves_early(values, seed):
    seconds = {f"c{i}": value for i, value in enumerate(values)}
    outcome = run(seconds, seed=seed)
    cheapest = [name for name in seconds if seconds[name] <= min(values) * (1 + 1e-9)]
    most = max(len(t.wall) for t in outcome.timings.values())
    assert most in {len(outcome.timings[name].wall) for name in cheapest}


@given(st.permutations(["a", "b", "c"]), st.sampled_from([MEASURE, PATIENT]))
@settings(max_examples=30, deadline=None)
def test_the_order_decides_between_equals(order, rules):
    assert run({"a": 1e-6, "b": 1e-6, "c": 1e-6}, order=order, rules=rules).winner == order[0]


@pytest.mark.parametrize(("ratio", "expected"), [(0.90, "later"), (0.97, "first"), (1.0, "first"), (1.10, "first")])
def test_a_later_contender_has_to_be_faster_by_more_than_the_tie(ratio, expected):
    assert run({"first": 1e-6, "later": ratio * 1e-6}).winner == expected


@pytest.mark.parametrize("seed", range(20))
def test_disturbances_do_not_decide(seed):
    """Three of ten bursts take 2 to 40 times as long, as on a crowded machine; the true gap is a quarter."""
    noise = random.Random(seed)

    def disturbed(seconds):
        while True:
            yield seconds * (noise.uniform(2, 40) if noise.random() < 0.3 else noise.uniform(1, 1.03))

    assert run({"slow": disturbed(5e-4), "fast": disturbed(4e-4)}, seed=seed).winner == "fast"


def test_who_is_hopeless_leaves_after_three_rounds():
    outcome = run({"slow": 5e-4, "fast": 1e-4})
    assert len(outcome.timings["slow"].wall) == 3
    assert len(outcome.timings["fast"].wall) == MEASURE.shown_rounds


def test_an_undecided_race_ends_at_its_last_round():
    flip = itertools.cycle([1e-4, 1.6e-4])
    flop = itertools.cycle([1.6e-4, 1e-4])
    outcome = run({"a": flip, "b": flop}, rules=replace(MEASURE, settle_rounds=32))
    assert {len(t.wall) for t in outcome.timings.values()} == {MEASURE.most_rounds}


def test_no_round_starts_once_the_time_is_over():
    outcome = run({"a": 0.1, "b": 0.11}, rules=replace(MEASURE, sign_rounds=99))
    assert len(outcome.timings["a"].wall) == 3


def test_patience_takes_more_rounds():
    assert len(run({"a": 1e-4}, rules=PATIENT).timings["a"].wall) > len(run({"a": 1e-4}).timings["a"].wall)


def test_bursts_hold_as_many_calls_as_fill_them():
    machine = Machine()
    machine.race({"a": machine.function("a", 1e-6)}, rules=replace(MEASURE, shown_rounds=1, most_rounds=1))
    search = 1 + sum(2**k for k in range(6))  # one untimed, then 1, 2, 4 ... 32 calls until 25 us have passed
    assert len(machine.log) == search + 100


def test_a_round_runs_everybody_once_in_changing_order():
    machine = Machine()
    names = ["a", "b", "c"]
    machine.race({name: machine.function(name, 1e-4) for name in names})
    bursts = machine.log[2 * len(names) :]  # after one untimed and one timed call each
    rounds = [tuple(bursts[i : i + 3]) for i in range(0, 12, 3)]
    assert {tuple(sorted(r)) for r in rounds} == {("a", "b", "c")}
    assert len(set(rounds)) > 1


def test_the_same_seed_gives_the_same_race():
    assert run({"a": 1e-4, "b": 1.02e-4}, seed=5) == run({"a": 1e-4, "b": 1.02e-4}, seed=5)


def test_the_collector_rests_during_the_race_and_works_after_it():
    seen = []
    machine = Machine()
    tick = machine.function("a", 1e-4)
    machine.race({"a": lambda: (seen.append(gc.isenabled()), tick())})
    assert set(seen) == {False}
    assert gc.isenabled()


def test_what_a_function_raises_is_passed_on_and_the_collector_works_again():
    def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Machine().race({"a": fails})
    assert gc.isenabled()


class TestClocks:
    def test_processor_time_decides_where_both_agree(self):
        timings = {"a": timing(1.0, 9.0, 1.0, cpu=(1.0, 1.1, 1.0)), "b": timing(2.0, 2.0, 2.0)}
        assert deciding_bursts(timings)["a"] == (1.0, 1.1, 1.0)

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.9], ids=["coarse clock", "waits", "threads"])
    def test_wall_time_decides_where_they_disagree(self, share):
        timings = {"a": timing(1.0, 1.0, cpu=(share, share)), "b": timing(2.0, 2.0)}
        assert deciding_bursts(timings) == {"a": (1.0, 1.0), "b": (2.0, 2.0)}

    def test_a_clock_that_stands_still_during_a_burst_does_not_decide(self):
        timings = {"a": timing(1.0, 1.0, 1.0, cpu=(0.0, 1.0, 1.0)), "b": timing(2.0, 2.0, 2.0)}
        assert deciding_bursts(timings)["a"] == (1.0, 1.0, 1.0)
        assert costs(timings)["a"] == 1.0

    def test_own_threads_do_not_look_expensive_nor_sleep_cheap(self):
        machine = Machine()
        outcome = machine.race({
            "threads": machine.function("threads", 1e-4, cpu=4.0),
            "alone": machine.function("alone", 2e-4),
            "waits": machine.function("waits", 3e-4, cpu=0.01),
        })  # fmt: skip
        assert outcome.winner == "threads"

    def test_a_neighbour_on_the_core_does_not_change_the_pick(self):
        """Wall time of "fast" is disturbed in four bursts of ten; its processor time is not."""
        machine = Machine()
        noise = random.Random(1)

        def fast():
            machine.cpu += 1e-4
            machine.wall += 1e-4 * (8 if noise.random() < 0.4 else 1)

        assert machine.race({"slow": machine.function("slow", 1.2e-4), "fast": fast}).winner == "fast"


class TestCosts:
    def test_the_fastest_third_counts(self):
        assert cost([3.0, 1.0, 9.0, 2.0, 9.0, 9.0]) == 1.5
        assert cost([7.0]) == 7.0
        assert cost([7.0, 5.0]) == 5.0

    def test_who_left_early_is_compared_with_the_leaders_first_rounds(self):
        """The machine became twice as fast after round 3: "early" is still three times the leader's cost."""
        early, leader = timing(3.0, 3.0, 3.0), timing(1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5)
        assert costs({"early": early, "leader": leader}) == {"early": 1.5, "leader": 0.5}

    def test_the_pick_follows_the_order_within_the_tie(self):
        timings = {"a": timing(1.0), "b": timing(0.97), "c": timing(0.9)}
        assert pick({"a": timings["a"], "b": timings["b"]}, ["a", "b"]) == "a"
        assert pick(timings, ["a", "b", "c"]) == "c"


class TestSizeGoal:
    CELL = Cell("compression", "size", 4096)

    def test_the_smallest_output_wins_however_slow(self):
        timings = {"quick": replace(timing(1.0), bytes_out=1060), "small": replace(timing(9.0), bytes_out=1000)}
        assert winner(self.CELL, timings, ["quick", "small"]) == "small"

    def test_time_decides_between_outputs_within_five_percent(self):
        timings = {"slow": replace(timing(9.0), bytes_out=1000), "quick": replace(timing(1.0), bytes_out=1040)}
        assert winner(self.CELL, timings, ["slow", "quick"]) == "quick"
        assert winner(self.CELL._replace(goal="speed"), timings, ["slow", "quick"]) == "quick"

    def test_nothing_is_smallest_of_nothing(self):
        assert smallest({}) == []
