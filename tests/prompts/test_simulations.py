"""Planted truth: what readers like is known here, and the optimizer has to find out. All seeds are fixed.

Click rates differ from post to post by a log-normal factor of standard deviation 0.3, and each post has about 500
readers. Real spread is larger still; these are simulations, not figures.
"""

import asyncio

import numpy as np
import pytest

from postopt.experiments.guardrails import Guardrail
from postopt.experiments.store import ExperimentStore
from postopt.prompts.lineage import Version
from postopt.prompts.optimizer import HIDE_RATE, PromptOptimizer
from postopt.prompts.screening import Screened
from postopt.prompts.stages import Stage
from postopt.prompts.template import PromptTemplate
from postopt.testing import ScriptedClock
from postopt.types import Brief, Feedback

pytestmark = pytest.mark.long

BRIEF = Brief(topic="bread")
BASE = PromptTemplate("Write about {topic}.")
OTHERS = [PromptTemplate(f"Write about {{topic}} like a {who}.") for who in ("baker", "poet", "clerk")]


class World:
    """Readers with a rate of clicks and of hides for each prompt."""

    def __init__(self, seed, clicks, hides=None, others=OTHERS, **settings):
        self.random = np.random.default_rng(seed)
        self.clicks, self.hides = clicks, hides or {}
        self.clock = ScriptedClock(1_700_000_000.0)
        self.store = ExperimentStore(salt=str(seed).encode(), clock=self.clock)
        self.optimizer = PromptOptimizer(BASE, store=self.store, clock=self.clock, **{"guardrails": (), **settings})
        self.posts = 0
        for other in others:
            self.optimizer.offer(other, by="test")

    def live(self, posts, every=50):
        """Publish posts until nothing is tested any more, so many at most; return the words of all steps."""
        words = []
        for number in range(posts):
            if number % every == 0:
                words += self.optimizer.step(self.clock())
                if self.posts and self.optimizer.state()["progress"]["stage"] == Stage.IDLE:
                    break
            self.publish()
        return words

    def publish(self):
        self.clock.advance(300.0)
        self.posts += 1
        choice = self.optimizer.choose(BRIEF, f"post {self.posts}")
        if not choice.id:
            return
        rate = self.clicks.get(choice.version, 0.02) * np.exp(self.random.normal(-0.045, 0.3))
        shown = int(self.random.poisson(500))
        clicks, hides = (
            int(self.random.binomial(shown, min(1.0, share))) for share in (rate, self.hides.get(choice.version, 0.01))
        )
        self.optimizer.learn(choice.id, Feedback(f"f{self.posts}", choice.id, shown, clicks, self.clock(), hides=hides))

    @property
    def promoted(self):
        return [change.version for change in self.optimizer.changes() if change.kind == "promoted"]


def test_what_is_no_better_is_not_promoted_more_often_than_alpha():
    # 16 rounds of three candidates that equal the base: with a probability of .2 for each, more than six promotions
    # have one of 3 %. By design they have .04 at most: to win a test and the re-check after it.
    worlds = [World(seed, {}, alpha=0.2, posts=120) for seed in range(16)]
    for world in worlds:
        world.live(300)
    assert sum(len(world.promoted) for world in worlds) <= 6


def test_a_candidate_that_only_looks_good_on_its_own_score_is_not_promoted():
    worse = OTHERS[0]

    class Flatterer:
        name = "flatterer"

        async def propose(self, present, patterns, limit):
            return [Version(template=worse, proposer=self.name)]

        async def screen(self, candidates, present):
            return [Screened(one.version, 100.0, 10) for one in candidates]

    for seed in range(5):
        flatterer = Flatterer()
        world = World(seed, {worse.version: 0.018}, posts=200, screen=flatterer, proposers=[flatterer], others=())
        asyncio.run(world.optimizer.propose(world.clock()))
        assert [one.template for one in world.optimizer.candidates] == [worse]
        world.live(600)
        assert world.promoted == []
        assert world.optimizer.production.template == BASE


def test_a_better_one_is_found_among_others_and_promoted():
    better = OTHERS[1]
    for seed in range(2):
        world = World(seed, {better.version: 0.03}, posts=1000)
        words = world.live(1500)
        assert world.promoted == [better.version], words
        assert world.optimizer.production.template == better


def test_one_that_does_harm_once_it_is_in_production_is_rolled_back():
    better = OTHERS[1]
    world = World(7, {better.version: 0.035}, posts=1000, others=[better], guardrails=[Guardrail(HIDE_RATE)])
    while world.optimizer.production.template == BASE and world.posts < 1500:
        world.optimizer.step(world.clock())
        for _ in range(50):
            world.publish()
    assert world.promoted == [better.version]
    world.hides[better.version] = 0.06
    words = world.live(400, every=25)
    assert world.optimizer.production.template == BASE
    assert "was rolled back" in words[-1]
    assert world.optimizer.changes()[-1].kind == "guardrail"
