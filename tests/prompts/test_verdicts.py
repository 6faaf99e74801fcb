"""What follows from an experiment: who beat the prompt in production, and in which words it is said."""

import numpy as np
import pytest

from postopt.experiments.decision import ArmResult, Decision, State
from postopt.experiments.experiment import Experiment
from postopt.experiments.records import Arm, Metric
from postopt.experiments.store import ExperimentStore
from postopt.prompts.comparing import compared, needed
from postopt.prompts.stages import Progress, Stage, Waiting
from postopt.prompts.verdicts import follow
from postopt.stats.interval import Interval

NAMES = ["base", "one", "two", "three"]
TEST = Progress(production="base").with_waiting(map(Waiting, NAMES[1:])).tested(NAMES[1:], 0.0)
NOTHING = (-1.0, float("inf"))


def decision(
    *intervals,
    state=State.RUNNING,
    winner=None,
    paused=(),
    n=100,
    control=100,
    reasons=(),
    leader="one",
    against="base",
):
    """Return a decision in which each candidate has an interval of its lift over the control."""
    arms = [ArmResult(Arm("base"), "active", control, 0.02, control, 0.2, 0.0, Interval(*NOTHING, 0.98, 0))]
    for name, (low, high) in zip(NAMES[1:], intervals, strict=False):
        lift = 0.0 if (low, high) == NOTHING else (low + high) / 2
        status = "paused" if name in paused else "active"
        arms.append(ArmResult(Arm(name), status, n, 0.02, n, 0.2, lift, Interval(low, high, 0.98, n + control)))
    won = None if winner is None else Arm(winner)
    figures = (0.0, Interval(*NOTHING, 0.95, 0), n)
    return Decision("prompts/1/test", state, won, Arm(leader), Arm(against), *figures, tuple(reasons), tuple(arms), 1.0)


def after(*intervals, **settings):
    verdict = follow(TEST, decision(*intervals, **settings), 2.0)
    return None if verdict is None else verdict.progress


class TestWhoIsChecked:
    def test_the_best_of_those_that_beat_production_when_the_test_is_over(self):
        progress = after((0.1, 0.5), (0.2, 0.6), (-0.4, 0.9), state=State.NO_WINNER)
        assert (progress.stage, progress.arms) == (Stage.CHECK, ("base", "two"))
        assert progress.tried == ("one", "three")

    def test_sooner_once_no_other_could_be_better_without_beating_production(self):
        assert after((0.1, 0.5), (0.2, 0.6), (-0.4, 0.1)).arms == ("base", "two")
        assert after((0.1, 0.5), (0.2, 0.6), (0.1, 0.3)).arms == ("base", "two")
        assert after((0.1, 0.5), (0.2, 0.6), (-0.4, 0.3)) is None
        assert after((0.1, 0.5), NOTHING, NOTHING) is None

    def test_the_experiment_s_own_winner_before_all(self):
        assert after((0.1, 0.5), (-0.01, 0.4), (0, 1), state=State.WINNER, winner="two").arms == ("base", "two")

    def test_nobody_who_did_not_beat_production(self):
        progress = after((-0.1, 0.5), (-0.5, -0.1), NOTHING, state=State.NO_WINNER)
        assert (progress.stage, progress.refused, progress.tried) == (Stage.IDLE, ("two",), ("one", "three"))
        assert after((-0.1, 0.5), (-0.2, 0.4), NOTHING) is None

    def test_nobody_who_was_paused(self):
        progress = after((0.3, 0.9), (0.1, 0.5), (-0.5, 0.0), paused=["one"])
        assert (progress.arms, progress.refused) == (("base", "two"), ("one",))
        progress = after((0.3, 0.9), (0.1, 0.5), (-0.5, 0.0), state=State.WINNER, winner="one", paused=["one"])
        assert progress.arms == ("base", "two")

    @pytest.mark.parametrize("state", [State.INVALID, State.STOPPED])
    def test_nobody_where_nothing_can_be_claimed(self, state):
        progress = after((0.3, 0.9), (0.1, 0.5), (-0.5, -0.2), state=state)
        assert (progress.stage, progress.refused, progress.tried) == (Stage.IDLE, (), ("one", "two", "three"))


@pytest.mark.long
def test_equal_candidates_win_no_more_often_than_alpha():
    # By design at most alpha * 3 / 4 of all tests; with .15 of 100, more than 26 have a probability of 0.1 %.
    random = np.random.default_rng(5)
    won = 0
    for run in range(100):
        with ExperimentStore(salt=str(run).encode()) as store:
            settings = {"alpha": 0.2, "horizon": 240, "design_effect": 1.0, "store": store, "clock": lambda: 1.0}
            trial = Experiment("t", NAMES, metric=Metric("click_rate", kind="mean"), **settings)
            verdict, posts = None, 0
            while verdict is None:
                ids = [one.id for one in trial.assign_many(range(posts, posts + 30))]
                trial.record_many(ids, random.poisson(500 * 0.02 * random.lognormal(-0.045, 0.3, 30)) / 500)
                posts += 30
                verdict = follow(TEST, trial.decide(), 1.0)
            won += verdict.progress.stage is Stage.CHECK
    assert won <= 26


class TestWords:
    def test_are_said_from_the_candidate_s_side(self):
        lines = compared(decision((-0.3, -0.1), leader="base"))
        assert lines[0] == "Prompt one against base: -20.0%, 98% interval [-30.0%, -10.0%], n = 100 and 100 posts"

    def test_no_lift_is_invented_where_nothing_is_known(self):
        [line] = compared(decision(NOTHING, n=0, control=1))
        assert line == "Prompt one against base: nothing can be said yet, n = 0 and 1 posts"

    def test_who_has_no_outcomes_is_named(self):
        assert needed(decision(NOTHING, n=0, control=1, reasons=["no outcomes yet"])) == (
            "no posts with readers yet of prompt one",
        )

    def test_what_is_said_of_the_leader_is_left_out_where_that_is_production(self):
        reasons = ("base does not beat one yet", "expect +1.0% from now on: who leads was lucky, too, on average")
        assert needed(decision((-0.3, 0.1), leader="base", against="one", reasons=reasons)) == (
            "it is open whether a candidate is better",
        )
        reasons = ("one does not beat base yet", reasons[1], "intervals are widened: design effect 1", "else")
        assert needed(decision((-0.3, 0.1), reasons=reasons)) == (reasons[0], f"one: {reasons[1]}", "else")

    def test_two_candidates_beside_each_other_are_said_to_be(self):
        told = needed(decision((0.1, 0.3), (0.1, 0.2), against="two", reasons=["one does not beat two yet"]))
        assert told == ("it is open which of one and two is better",)
