"""What is said, when, and with how much certainty."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from postopt.events.records import ExperimentDecided
from postopt.experiments.decision import State
from postopt.experiments.experiment import Experiment
from postopt.experiments.records import Arm, Metric


class Sink:
    """Keeps what is published."""

    def __init__(self):
        self.events = []

    def publish_nowait(self, event):
        self.events.append(event)


class Broken:
    def publish_nowait(self, event):
        raise RuntimeError("no room")


def planted(experiment, rates, looks=40, n=500):
    """Report exactly these rates, look after look, until something is settled."""
    for _ in range(looks):
        for arm, rate in rates.items():
            experiment.observe(arm, n, round(n * rate))
        decision = experiment.decide()
        if decision.state is not State.RUNNING:
            break
    return decision


class TestFind:
    def test_before_the_first_outcome_n_and_interval_are_there(self, make):
        decision = make().decide()
        assert (decision.state, decision.winner, decision.n, decision.lift) == (State.RUNNING, None, 0, 0.0)
        assert (decision.interval.low, decision.interval.high, decision.interval.n) == (-1.0, math.inf, 0)
        assert decision.reasons[0] == "no outcomes yet"

    def test_a_planted_winner_is_found(self, make):
        decision = planted(make(), {"a": 0.02, "b": 0.03})
        assert (decision.state, decision.winner) == (State.WINNER, "b")
        assert isinstance(decision.winner, Arm)
        assert decision.interval.low > 0
        assert decision.lift == pytest.approx(0.5)
        assert decision.n < 40_000
        assert any(re.match(r"expect \+[1-4]\d\.\d% from now on", reason) for reason in decision.reasons)

    def test_the_control_can_win(self, make):
        decision = planted(make(), {"a": 0.03, "b": 0.02})
        assert (decision.winner, decision.against) == ("a", "b")

    def test_a_winner_beats_all_others(self, make):
        decision = planted(make(arms=("a", "b", "c")), {"a": 0.02, "b": 0.03, "c": 0.0299})
        assert (decision.state, decision.winner, decision.against) == (State.RUNNING, None, "c")

    def test_of_equal_arms_there_is_none(self, make):
        assert planted(make(), {"a": 0.02, "b": 0.02}).state is State.RUNNING

    def test_says_what_it_would_take(self, make):
        reasons = planted(make(), {"a": 0.02, "b": 0.026}, looks=4).reasons
        assert reasons[0] == "b does not beat a yet"
        assert re.match(r"if the true lift is \+1\d\.\d%, about \d{2}0,000 more outcomes find it", reasons[1])

    def test_says_that_it_would_take_too_much(self, make):
        reasons = planted(make(), {"a": 0.02, "b": 0.022}, looks=2).reasons
        assert "no realistic number of outcomes finds it" in reasons[1]

    def test_of_a_control_without_a_success(self, make):
        experiment = make(design_effect=1.0)
        for _ in range(20):
            experiment.observe("a", 500, 0)
            experiment.observe("b", 500, 20)
        for decision in (experiment.decide(), make(design_effect=1.0).decide()):
            assert (decision.winner, decision.lift) == ("b", math.inf)
            assert "unbounded" in str(decision)

    def test_less_can_be_better(self, make):
        decision = planted(make(metric=Metric("hides", lower_is_better=True)), {"a": 0.03, "b": 0.02})
        assert (decision.winner, decision.lift) == ("b", pytest.approx(1 / 3))
        assert 0 < decision.interval.low < decision.lift < decision.interval.high < 1

    def test_of_a_mean(self, make, world):
        experiment = make(metric=Metric("revenue", kind="mean"), design_effect=1.0)
        for _ in range(10):
            ids = experiment.assign_many(range(world.units, world.units + 400))
            world.units += 400
            values = [world.rng.exponential(2.0 if a.arm == "b" else 1.0) for a in ids]
            experiment.record_many([a.id for a in ids], values)
        assert experiment.decide().winner == "b"

    @pytest.mark.parametrize("successes", [0, 500])
    def test_a_constant_metric_says_nothing(self, make, successes):
        experiment = make()
        for arm in ("a", "b"):
            experiment.observe(arm, 500, successes)
        decision = experiment.decide()
        assert (decision.state, decision.reasons[0]) == (State.RUNNING, "all outcomes are equal")
        assert (decision.interval.low, decision.interval.high) == (-1.0, math.inf)

    def test_one_arm_has_nothing_to_beat(self, make):
        experiment = make(arms=("a",))
        experiment.record(experiment.assign("anna").id, 1)
        assert experiment.decide().state is State.NO_WINNER

    def test_a_given_design_effect_widens_the_interval(self, make):
        one, two = (
            planted(make(f"effect {effect}", design_effect=effect), {"a": 0.02, "b": 0.022}, looks=2)
            for effect in (1, 2)
        )
        assert one.interval.high < two.interval.high
        assert "intervals are widened for outcomes that are not independent: design effect 2, as given" in two.reasons

    def test_auto_learns_the_design_effect_from_reports(self, make):
        rng = np.random.default_rng(7)
        experiment = make()
        for _ in range(60):
            for arm in ("a", "b"):
                experiment.observe(arm, 1_000, rng.binomial(1_000, 0.05))
        reasons = " ".join(experiment.decide().reasons)
        assert "from buckets of arm and day (59 degrees of freedom)" in reasons
        assert reasons == " ".join(make().decide().reasons)

    def test_horizon_over_without_a_winner(self, make):
        decision = planted(make(horizon=8_000), {"a": 0.02, "b": 0.0201})
        assert (decision.state, decision.winner, decision.n) == (State.NO_WINNER, None, 8_000)
        assert "horizon of 8,000" in decision.reasons[0]


class TestSettled:
    def test_a_winner_stays_found_also_when_reopened(self, make):
        experiment = make()
        found = planted(experiment, {"a": 0.02, "b": 0.03})
        for _ in range(20):
            experiment.observe("a", 500, 25)
            experiment.observe("b", 500, 5)
        for again in (experiment.decide(), make().decide()):
            assert (again.state, again.winner) == (State.WINNER, "b")
            assert (again.lift, again.interval) == (found.lift, found.interval)
            assert again.n == found.n + 20_000

    def test_is_told_once(self, make):
        sink = Sink()
        experiment = make(events=sink)
        planted(experiment, {"a": 0.02, "b": 0.03})
        experiment.decide()
        (event,) = sink.events
        assert isinstance(event, ExperimentDecided)
        assert (event.experiment, event.state, event.winner) == ("test", "WINNER", "b")

    def test_a_sink_that_fails_is_counted(self, make):
        experiment = make(events=Broken())
        assert planted(experiment, {"a": 0.02, "b": 0.03}).state is State.WINNER
        assert experiment.events_failed == 1

    def test_what_a_transaction_undoes_is_not_told(self, make, store):
        sink = Sink()
        experiment = make(events=sink)
        for _ in range(40):
            experiment.observe("a", 500, 10)
            experiment.observe("b", 500, 15)
        with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012 - what fails is the transaction
            assert experiment.decide().state is State.WINNER
            raise ZeroDivisionError
        experiment.restore(experiment.state())
        assert sink.events == []
        assert experiment.decide().state is State.WINNER
        assert len(sink.events) == 1

    def test_two_processes_settle_one_thing(self, make):
        one, other = make(), make()
        for _ in range(40):
            one.observe("a", 500, 10)
            one.observe("b", 500, 15)
        assert one.decide().winner == "b"
        other.stop("enough")
        assert other.decide().state is State.WINNER

    def test_stopped_by_hand_all_see_the_leader(self, make):
        experiment = make()
        planted(experiment, {"a": 0.02, "b": 0.022}, looks=2)
        experiment.stop("the campaign is over")
        decision = experiment.decide()
        assert (decision.state, decision.winner, decision.leader) == (State.STOPPED, None, "b")
        assert decision.reasons[0] == "the campaign is over"
        assert {(a.arm, a.propensity) for a in experiment.assign_many(range(50))} == {("b", 1.0)}

    def test_what_is_over_becomes_the_past(self, make, store):
        planted(make(arms=[Arm("a", "one"), Arm("b", "two")]), {"a": 0.02, "b": 0.03})
        ((one, two),) = store.past()
        assert (one[0], two[0]) == ("one", "two")


class TestRatio:
    def test_reports_that_are_not_split_as_planned(self, make):
        experiment = make()
        experiment.observe("a", 10_000, 200)
        experiment.observe("b", 9_000, 270)
        decision = experiment.decide()
        assert (decision.state, decision.winner) == (State.INVALID, None)
        assert "outcomes were reported (a: 10,000, b: 9,000)" in decision.reasons[0]

    def test_a_report_that_is_still_to_come_puts_it_right(self, make):
        experiment = make()
        experiment.observe("a", 10_000, 200)
        assert experiment.decide().state is State.INVALID
        experiment.observe("b", 10_000, 200)
        assert experiment.decide().state is State.RUNNING

    def test_by_weights(self, make):
        experiment = make(weights=[9, 1])
        experiment.observe("a", 9_000, 180)
        experiment.observe("b", 1_000, 20)
        assert experiment.decide().state is State.RUNNING

    def test_outcomes_that_get_lost_for_one_arm(self, make):
        experiment = make()
        dealt = experiment.assign_many(range(6_000))
        kept = [a.id for index, a in enumerate(dealt) if a.arm == "a" or index % 4]
        experiment.record_many(kept, [index % 20 == 0 for index in range(len(kept))])
        decision = experiment.decide()
        assert (decision.state, decision.winner) == (State.INVALID, None)
        assert "some get lost" in decision.reasons[0]

    def test_units_that_are_dealt_wrongly_stay_so(self, make, monkeypatch):
        experiment = make()
        log_deal = experiment._desk.standing._store.log_deal

        def lose(deal):
            kept = [n for n, each in enumerate(deal.ids) if deal.places[n] == 0 or int(each, 16) % 2]
            log_deal(deal._replace(**{column: [getattr(deal, column)[n] for n in kept] for column in deal._fields[:3]}))

        monkeypatch.setattr(experiment._desk.standing._store, "log_deal", lose)
        experiment.assign_many(range(4_000))
        assert experiment.decide().state is State.INVALID
        assert "units were assigned" in experiment.decide().reasons[0]
        assert make().decide().state is State.INVALID

    def test_earn_is_checked_against_its_propensities(self, make):
        experiment = make(mode="earn")
        experiment.assign_many(range(4_000))
        assert experiment.decide().state is State.EARNING
        experiment._desk.standing.dealt += [300, -300]
        decision = experiment.decide()
        assert decision.state is State.INVALID
        assert "not by the propensities" in decision.reasons[0]

    def test_arms_that_were_paused_stay_out_of_it(self, make):
        experiment = make(arms=("a", "b", "c"))
        experiment.assign_many(range(2_000))
        experiment.pause("b", "a typing error")
        experiment.assign_many(range(2_000, 8_000))
        experiment.resume("b")
        experiment.assign_many(range(8_000, 9_000))
        assert experiment.decide().state is State.RUNNING


class TestDrift:
    """Good days with many units of one arm do not make it a good arm."""

    def test_days_are_compared_with_themselves(self, make, clock):
        experiment = make(weights=[1, 1])
        for day, (a, b, rate) in enumerate([(4_000, 4_000, 0.02), (500, 7_500, 0.06)]):
            at = clock() + day * 86_400
            experiment.observe("a", a, round(a * rate), at)
            experiment.observe("b", b, round(b * rate), at)
        b = experiment.decide().arms[1]
        assert b.mean > 1.5 * experiment.decide().arms[0].mean
        assert b.lift == pytest.approx(0.0, abs=0.01)
        assert b.interval.low < 0 < b.interval.high


class TestWords:
    def test_state_n_and_interval_are_in_the_first_line(self, make):
        text = str(planted(make(), {"a": 0.02, "b": 0.03}))
        first = text.splitlines()[0]
        assert first.startswith("test: WINNER: b; b against a +50.0%, 95% interval [+")
        assert "n = " in first
        assert "- b beats each other arm, at all looks together" in text

    def test_nothing_known_is_said(self, make):
        assert "a against b +0.0%, 95% interval [-100%, unbounded], n = 0" in str(make().decide())

    def test_html_escapes_names_and_reasons(self, make):
        experiment = make("<b>", arms=("<script>", "b"))
        experiment.pause("<script>", "<i>")
        html = experiment._repr_html_()
        assert "<script>" not in html
        assert "<i>" not in html
        assert "&lt;script&gt;" in html

    def test_html_of_many_arms_is_short(self, make):
        html = make(arms=[f"arm {number}" for number in range(200)])._repr_html_()
        assert "and 150 more arms" in html


def test_decides_as_of_a_moment(make, clock):
    experiment = make(metric=Metric("clicks", window=3_600))
    experiment.assign_many(range(10))
    assert experiment.decide(clock() + 4_000).n == 10
    assert experiment.decide().n == 0


def test_a_run_without_a_store_needs_none(clock):
    assert Experiment("test", ["a", "b"], clock=clock).decide().state is State.RUNNING
