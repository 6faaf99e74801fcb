"""14. No statistic without its n and interval; no winner by a rule that peeking breaks; no learner promotes itself."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from postopt.experiments import Arm, Experiment, ExperimentStore
from postopt.experiments.decision import State
from postopt.experiments.offpolicy import snips
from postopt.prompts import PatternMiner, PromptOptimizer
from postopt.testing import ScriptedClock


def test_a_decision_has_n_and_interval_from_the_start():
    experiment = Experiment("new", ["a", "b"])
    for n, clicks in ((0, 0), (1000, 20)):
        if n:
            experiment.observe("a", n, clicks)
            experiment.observe("b", n, clicks + 5)
        decision = experiment.decide()
        assert decision.n == 2 * n
        assert decision.interval.low <= decision.lift <= decision.interval.high


def test_looking_after_each_report_names_few_winners_among_equals():
    """At most 5 % in the long run; of 60, more than 8 would be a chance of 1 in 200."""
    rng = np.random.default_rng(14)
    named = 0
    for _ in range(60):
        experiment = Experiment("equals", ["a", "b"], design_effect=1.0)
        for clicks in rng.binomial(400, 0.02, size=(20, 2)):
            for arm, successes in zip("ab", clicks, strict=True):
                experiment.observe(arm, 400, int(successes))
            if experiment.decide().winner is not None:
                named += 1
                break
    assert named <= 8


def test_a_split_that_is_not_the_planned_one_has_no_winner():
    clock = ScriptedClock(0.0)
    experiment = Experiment("skewed", ["a", "b"], clock=clock)
    chosen = [experiment.assign(unit) for unit in range(3000)]
    kept = [one for one in chosen if one.arm == "a" or one.id[-1] in "01234567"]  # half of b's readers are lost
    experiment.record_many([one.id for one in kept], [float(one.arm == "b") for one in kept])
    decision = experiment.decide()
    assert (decision.state, decision.winner) == (State.INVALID, None)


def test_earning_claims_nothing():
    experiment = Experiment("earn", [Arm("a"), Arm("b")], mode="earn")
    experiment.observe("a", 10_000, 400)
    experiment.observe("b", 10_000, 100)
    decision = experiment.decide()
    assert (decision.state, decision.winner) == (State.EARNING, None)


def test_patterns_and_estimates_have_n_and_interval():
    breads = ["".join(sounds) for sounds in product("bdfgklmn", "aeiou", "rst")]
    groups = [[(f"7 ways to bake {bread}", 5000, 110), (f"Ways to bake {bread}", 5000, 70)] for bread in breads]
    patterns = PatternMiner().fit(groups).patterns
    assert patterns
    for pattern in patterns:
        assert pattern.n > 0
        assert pattern.interval.low < pattern.lift < pattern.interval.high
    estimate = snips([1.0, 0.0, 1.0, 0.0], [0.5] * 4, [0.5] * 4)
    assert estimate.n == 4
    assert estimate.interval.low <= estimate.value <= estimate.interval.high


@pytest.mark.parametrize("steps", [1, 50])
def test_a_prompt_that_only_its_own_score_speaks_for_is_never_promoted(steps):
    clock = ScriptedClock(0.0)
    optimizer = PromptOptimizer(store=ExperimentStore(clock=clock), clock=clock)
    before = optimizer.production
    system = before.template.text + "\nWrite the best post there can be."
    optimizer.offer(system, by="somebody who is sure of it", now=0.0)
    for day in range(steps):
        optimizer.step(day * 86_400.0)
    assert optimizer.production == before
