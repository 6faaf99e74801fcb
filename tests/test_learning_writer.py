"""From a brief to a post, to its readers, and back to the next post: all parts together, on one store."""

from __future__ import annotations

import asyncio
import random
import threading

from postopt.experiments import ExperimentStore
from postopt.generation.wrappers import Routed
from postopt.learning import LearningLoop
from postopt.prompts import PromptOptimizer
from postopt.selection import Candidate, ModelSelector
from postopt.testing import ScriptedClock
from postopt.types import Brief, Completion, Trace
from postopt.writer import PostWriter

BRIEF = Brief(topic="Fresh bread", facts={"price": "€3.50"})
DAY = 86_400.0


class Model:
    """Writes a post from any prompt, each time another one, and lets out how it was asked."""

    def __init__(self, name):
        self.name = name
        self.asked = []

    async def generate(self, prompt):
        self.asked.append(prompt)
        number = " ".join("abcdefghij"[int(digit)] for digit in str(len(self.asked)))
        text = f"Fresh bread for €3.50, batch {number} of {self.name}"
        return Completion(text=text, generator=self.name, trace=Trace(tier="remote", model=self.name))


def parts(path, clock):
    store = ExperimentStore(path, clock=clock)
    optimizer = PromptOptimizer(store=store, clock=clock, posts=400)
    selector = ModelSelector([Candidate("small", 0.001), Candidate("large", 0.01)], store=store, clock=clock)
    loop = LearningLoop(store, [optimizer, selector], clock=clock)
    names = random.Random(repr(clock()))
    writer = PostWriter(
        Routed({"small": Model("small"), "large": Model("large")}),
        prompts=optimizer,
        selector=selector,
        learning=loop,
        wall_clock=clock,
        new_unit=lambda: names.randbytes(8).hex(),
    )
    return store, optimizer, selector, loop, writer


def write(writer, n=1):
    return list(asyncio.run(writer.write(BRIEF, n)))


def report(writer, post, impressions, clicks):
    assert asyncio.run(writer.feedback(post.id, impressions=impressions, clicks=clicks))


def test_a_post_says_what_it_was_written_with(tmp_path):
    store, optimizer, selector, _, writer = parts(tmp_path / "learning.db", ScriptedClock(0.0))
    selector.warm_start([({"platform": "facebook"}, {"small": 0.5, "large": 0.9})] * 20)
    (post,) = write(writer)
    assert post.model == "large"
    assert post.propensity == 1.0
    assert any("large" in reason or "quality" in reason for reason in post.why)
    assert optimizer.production.version[:6] in " ".join(post.why)
    assert post.text.startswith("Fresh bread for €3.50")
    store.close()


def test_a_store_that_is_busy_holds_up_no_post(tmp_path):
    """A learning step has the store for as long as it takes; posts are written meanwhile, in no experiment."""
    store, optimizer, selector, _, writer = parts(tmp_path / "learning.db", ScriptedClock(0.0))
    selector.warm_start([({"platform": "facebook"}, {"small": 0.5, "large": 0.9})] * 20)
    optimizer.offer(optimizer.production.template.text + "\nBegin with a number.", by="a person", now=0.0)
    optimizer.step(0.0)
    busy, written = threading.Event(), threading.Event()

    def hold():
        with store.transaction():
            busy.set()
            written.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    busy.wait(60)
    try:
        (post,) = write(writer)
    finally:
        written.set()
        thread.join(60)
    assert (post.arm, post.trace.decisions) == ("", ())
    assert writer.failed_choices >= 1
    (post,) = write(writer)
    assert post.trace.decisions
    store.close()


def test_readers_decide_which_prompt_becomes_production(tmp_path):
    """A prompt whose posts earn twice the clicks wins test and re-check; a restart in between changes nothing."""
    clock = ScriptedClock(0.0)
    store, optimizer, selector, loop, writer = parts(tmp_path / "learning.db", clock)
    selector.warm_start([({"platform": "facebook"}, {"small": 0.5, "large": 0.5})] * 20)
    before = optimizer.production.version
    optimizer.offer(optimizer.production.template.text + "\nBegin with a number.", by="a person", now=clock())
    rng = random.Random(5)
    words = []
    for day in range(1, 60):
        clock.advance(DAY)
        if day == 10:  # the process is restarted
            store.close()
            store, optimizer, selector, loop, writer = parts(tmp_path / "learning.db", clock)
            selector.warm_start([({"platform": "facebook"}, {"small": 0.5, "large": 0.5})] * 20)
        for post in write(writer, 20):
            better = post.arm != before[: len(post.arm)]
            clicks = sum(rng.random() < (0.08 if better else 0.04) for _ in range(200))
            report(writer, post, 200, clicks)
        words.append(str(loop.step()))
        if optimizer.production.version != before:
            break
    assert optimizer.production.version != before
    assert optimizer.changes()[-1].version == optimizer.production.version
    assert "promote" in words[-1] or "production" in words[-1]
    assert writer.failed_choices == 0
    assert store.audit() == []
    store.close()
