"""Reports on readers, which are on a scale of their own."""

import asyncio
import random

import pytest

from postopt import Brief
from postopt.errors import OutcomeError
from postopt.experiments.store import ExperimentStore
from postopt.generation.wrappers.routed import Routed
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector
from postopt.testing import ScriptedGenerator
from postopt.types import Feedback
from postopt.writer import PostWriter

HEADLINE, AD = {"task": "headline"}, {"task": "ad"}
WARM = [(HEADLINE, {"small": 0.81, "large": 0.84})] * 30 + [(AD, {"small": 0.42, "large": 0.77})] * 30


def warm(store=None, rows=WARM, **arguments):
    selector = ModelSelector([Candidate("small", 0.001), Candidate("large", 0.01)], store=store, **arguments)
    selector.warm_start(rows)
    return selector


def report(clicks, impressions=100):
    return Feedback("report", "post", impressions, clicks, 0.0)


def readers(selector, rates, calls, task="headline", seed=0):
    """Let readers click at rates of their own; return how often each model was chosen in the last half."""
    draw = random.Random(seed)
    chosen = dict.fromkeys(rates, 0)
    for call in range(calls):
        choice = selector.select({"task": task})
        clicks = sum(draw.random() < rates[choice.model] for _ in range(400))
        selector.learn(choice.id, report(clicks, 400))
        chosen[choice.model] += 2 * call >= calls
    return chosen


@pytest.mark.parametrize("store", [False, True])
class TestClickRates:
    def test_200_equal_ones_do_not_lower_a_model_against_one_that_was_not_used(self, store):
        selector = warm(ExperimentStore() if store else None, explore=0.0)
        before = selector.select(HEADLINE).scores
        for _ in range(200):
            choice = selector.select(HEADLINE)
            assert choice.model == "large"
            assert selector.learn(choice.id, report(3))
        assert selector.select(HEADLINE).scores == pytest.approx(before, abs=0.005)
        assert selector.select(AD).scores == pytest.approx({"small": 0.42, "large": 0.77}, abs=0.03)

    def test_a_task_that_is_clicked_less_does_not_look_badly_served(self, store):
        selector = warm(ExperimentStore() if store else None)
        for _ in range(100):
            for context, clicks in ((HEADLINE, 9), (AD, 1)):
                selector.learn(selector.select(context), report(clicks))
        assert selector.select(AD).scores["large"] > selector.select(AD).scores["small"] + 0.2

    def test_a_report_counts_once_and_one_without_impressions_not_yet(self, store):
        selector = warm(ExperimentStore() if store else None, explore=0.0)
        choice = selector.select(HEADLINE)
        assert selector.learn("of another", report(5)) is False
        assert selector.learn(choice.id, report(0, impressions=0)) is True
        assert selector.state()["rewards"] == {}
        for clicks in (20, 30):
            assert selector.learn(choice.id, report(clicks)) is True
        assert selector.state()["rewards"] == {'[["task","headline"]]': {"large": [1.0, 0.2]}}
        assert selector.learn(choice.id, 0.5) is False

    def test_are_known_again(self, store):
        store = ExperimentStore() if store else None
        one = warm(store)
        readers(one, {"small": 0.05, "large": 0.03}, 60)
        other = warm(store)
        other.restore(one.state())
        assert other.state() == one.state()
        assert other.select(HEADLINE).scores == pytest.approx(one.select(HEADLINE).scores, abs=1e-4)

    def test_counts_that_nobody_took_change_nothing(self, store):
        selector = warm(ExperimentStore() if store else None)
        choice = selector.select(HEADLINE)
        assert selector.learn(choice.id, Feedback("r", "post", 100, 3, 0.0, reactions=None, hides=None, revenue=None))


class TestRelativeEffects:
    def test_the_model_that_readers_click_a_half_more_is_found_whatever_their_rate(self):
        for level in (0.01, 0.1):
            chosen = readers(warm(explore=0.3), {"small": 1.5 * level, "large": level}, 1_500)
            assert chosen["small"] > 3 * chosen["large"]

    def test_a_lead_of_a_fifth_moves_the_score_up(self):
        selector = warm(rows=[(HEADLINE, {"small": 0.8, "large": 0.8})] * 30, explore=1.0)
        before = selector.select(HEADLINE).scores
        while sum(n for n, _ in selector.state()["rewards"].get('[["task","headline"]]', {}).values()) < 300:
            choice = selector.select(HEADLINE)
            selector.learn(choice, report(36 if choice.model == "large" else 30, 1_000))
        scores = selector.select(HEADLINE).scores
        assert scores["large"] > before["large"] + 0.005
        assert scores["small"] < before["small"] - 0.005

    def test_a_candidate_that_is_gone_is_left_out(self):
        store = ExperimentStore()
        selector = warm(store)
        choices = [selector.select(HEADLINE), selector.select(HEADLINE)]
        selector.learn(choices[0], report(3))
        left = ModelSelector([Candidate("small", 0.001)], store=store)
        assert left.learn(choices[1].id, report(5))
        assert left.state() == {"learned": {}, "rewards": {'[["task","headline"]]': {"large": [2.0, 0.08]}}}
        assert left.select(HEADLINE).scores == pytest.approx({"small": 0.81}, abs=0.03)


def test_a_writer_without_a_store_teaches_its_selector():
    selector = warm()
    routed = Routed({"small": ScriptedGenerator(["Bread!"]), "large": ScriptedGenerator(["Warm bread."])})
    writer = PostWriter(routed, selector=selector)

    async def write():
        (post,) = await writer.write(Brief(topic="fresh bread"), n=1)
        return await writer.feedback(post.id, impressions=100, clicks=3)

    assert asyncio.run(write())
    ((rewards,),) = [models.values() for models in selector.state()["rewards"].values()]
    assert rewards == [1.0, 0.03]


class TestReward:
    def test_of_ones_own_is_an_outcome_on_the_scale_of_the_warm_start(self):
        selector = warm(reward=lambda report: min(report.clicks / report.impressions * 20, 1.0))
        choice = selector.select(HEADLINE)
        assert selector.learn(choice.id, report(3))
        assert selector.state() == {"learned": {'[["task","headline"]]': {"large": [1.0, 0.6]}}, "rewards": {}}

    def test_out_of_range_is_refused(self):
        selector = warm(reward=lambda report: report.clicks)
        with pytest.raises(OutcomeError, match="reward"):
            selector.learn(selector.select(HEADLINE).id, report(20))

    def test_may_use_what_nobody_counted_only_if_it_looks(self):
        selector = warm(reward=lambda report: (report.revenue or 0.0) / 100)
        assert selector.learn(selector.select(HEADLINE).id, report(3))
