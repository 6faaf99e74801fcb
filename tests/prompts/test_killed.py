"""A process that is killed (kill -9) at any write leaves a store from which the next one goes on exactly."""

import os
import subprocess
import sys

import pytest

STORY = """
import itertools, os, signal, sys, tempfile
from pathlib import Path
from postopt.experiments.store import ExperimentStore
from postopt.prompts.optimizer import PromptOptimizer
from postopt.prompts.stages import Progress, Stage
from postopt.prompts.template import PromptTemplate
from postopt.types import Brief, Feedback

BRIEF, BASE = Brief(topic="bread"), PromptTemplate("Write about {topic}.")
BETTER = PromptTemplate("Write about {topic} as of an old friend.")

class Killed(ExperimentStore):
    left, after = None, False

    def put(self, *arguments):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                if self.after:
                    super().put(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
        super().put(*arguments)

def live(path, number, left=None, after=False):
    '''Post and step until the better prompt is in production and was rolled back; die at a write.'''
    with Killed(path, salt=b"s") as store:
        store.left, store.after = left, after
        now = [1_700_000_000.0 + 100_000 * number]
        optimizer = PromptOptimizer(BASE, store=store, clock=lambda: now[0], posts=400, guardrails=())
        known = {version.version for version in optimizer.history()}
        if BETTER.version not in known:
            optimizer.offer(BETTER, by="Ana")
        for unit in range(400):
            now[0] += 60
            if unit % 20 == 0:
                optimizer.step(now[0])
                if optimizer.changes() and len(optimizer.changes()) == 1:
                    optimizer.rollback("enough")
                    return
            choice = optimizer.choose(BRIEF, f"{number} {unit}")
            if choice.id:
                clicks = (30 if choice.version == BETTER.version else 20) + unit % 3
                optimizer.learn(choice.id, Feedback(f"{number} {unit}", choice.id, 1000, clicks, now[0]))
        raise AssertionError("it never ended: " + optimizer.explain())

def consistent(path):
    with ExperimentStore(path, salt=b"s") as store:
        optimizer = PromptOptimizer(BASE, store=store)
        state = optimizer.state()
        progress = Progress.from_mapping(state["progress"])
        assert store.audit() == []
        assert progress.changes == len(optimizer.changes()), state
        versions = {version.version for version in optimizer.history()}
        assert versions >= {progress.production, *progress.past, *progress.arms, *progress.refused}, state
        if progress.stage is not Stage.IDLE:
            assert len(store.arms(progress.experiment("prompts"))) == len(progress.arms)

folder = Path(tempfile.mkdtemp())
deaths = 0
for left, after in itertools.product(range(0, 100, 2), (False, True)):
    path = folder / f"{left} {after}.db"
    if (child := os.fork()) == 0:
        live(path, 0, left, after)
        os._exit(0)
    died = os.waitpid(child, 0)[1]
    assert died in (0, signal.SIGKILL), died
    deaths += bool(died)
    if path.exists():
        consistent(path)
    if left % 6 == 0:
        live(path, 1)
        consistent(path)
        with ExperimentStore(path, salt=b"s") as store:
            optimizer = PromptOptimizer(BASE, store=store)
            assert [change.kind for change in optimizer.changes()] == ["promoted", "by_hand"]
            assert optimizer.production.template == BASE
    if not died:
        break
print(deaths, "deaths")
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_every_write_may_be_the_last_one():
    answer = subprocess.run([sys.executable, "-c", STORY], capture_output=True, text=True, check=False, timeout=240)
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout.split()[0]) > 10
