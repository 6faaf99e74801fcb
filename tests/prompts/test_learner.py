"""A prompt optimizer keeps the laws of a learner in a learning loop."""

from postopt.prompts.edits import Edits
from postopt.prompts.optimizer import PromptOptimizer
from postopt.prompts.stages import Stage
from postopt.prompts.template import PromptTemplate
from postopt.testing.learner_contract import LearnerContract
from postopt.types import Brief

BETTER = PromptTemplate("Write about {topic} as of an old friend.")


class TestPromptOptimizer(LearnerContract):
    def make(self, store, clock):
        optimizer = PromptOptimizer("Write about {topic}.", store=store, clock=clock, posts=10)
        if len(optimizer.history()) == 1:
            optimizer.offer(BETTER, by="Ana")
            optimizer.step(clock())
        return optimizer

    def decide(self, learner, n):
        return [learner.choose(Brief(topic="bread"), f"unit {number}").id for number in range(n)]


def test_a_loop_drives_it_from_patterns_to_the_next_test(store, sentences, pattern, miner):
    from postopt.learning.loop import LearningLoop
    from postopt.types import Feedback

    now = [1_700_000_000.0]
    optimizer = PromptOptimizer(
        "Write about {topic}.",
        store=store,
        clock=lambda: now[0],
        posts=60,
        miner=miner(pattern("we")),
        edits=Edits(instructions=sentences),
    )
    loop = LearningLoop(store, [optimizer], clock=lambda: now[0])
    loop.step(now[0])
    assert [one.template.instructions for one in optimizer.candidates] == [("Say we.",)]
    for number in range(80):
        now[0] += 3600.0
        choice = optimizer.choose(Brief(topic="bread"), f"post {number}")
        if choice.id:
            loop.ingest(Feedback(f"f{number}", choice.id, 1000, 20 + number % 3, now[0]))
        now[0] += 90_000.0
        loop.step(now[0])
    assert optimizer.state()["progress"]["stage"] == Stage.IDLE
    assert len(optimizer.state()["progress"]["tried"]) == 1


def test_what_a_miner_confirmed_becomes_an_instruction(store):
    from postopt.prompts.patterns import PatternMiner

    def groups(numbers):
        return [
            [
                (f"Fresh bread number w{place}", 8000, 160 + place % 5),
                (f"Fresh bread number w{place}?", 8000, 110 + place % 7),
            ]
            for place in numbers
        ]

    miner = PatternMiner().fit(groups(range(60)))
    miner.confirm(groups(range(60, 120)))
    optimizer = PromptOptimizer(store=store, miner=miner)
    optimizer.step(1_700_000_000.0)
    lines = {line for candidate in optimizer.candidates for line in candidate.template.instructions}
    assert lines
    assert lines <= {"Ask no questions; state things.", "Do not end with a question."}
    assert any(seen.n > 0 and seen.lift < 0 for candidate in optimizer.candidates for seen in candidate.evidence)
