"""Each post says which prompt and model it was written with, and its readers' answer finds the way back."""

import asyncio
from dataclasses import dataclass
from itertools import count

import pytest

from postopt import blocking
from postopt.errors import ExperimentStoreError, NoCandidateError, OutcomeError, OverloadedError
from postopt.generation import choosing
from postopt.generation.choosing import Chooser
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import Fallback, Routed
from postopt.testing import ScriptedGenerator
from postopt.types import Brief, Completion, Feedback, Post, Trace
from postopt.writer import PostWriter

BRIEF = Brief(topic="Fresh bread")


@dataclass(frozen=True)
class Prompted:
    id: str
    text: str = "Write of {topic}."
    system: str = "Be brief."
    version: str = "v1"
    arm: str = "warm"
    propensity: float = 0.5


@dataclass(frozen=True)
class Selected:
    id: str
    model: str = "small"
    reasons: tuple[str, ...] = ("cheap enough",)
    propensity: float = 0.8


class Source:
    """Chooses in a row, and keeps what it is told."""

    def __init__(self, *choices, own="", store=None):
        self.choices = iter(choices)
        self.own = own
        self.units = []
        self.learned = []
        self.store = store

    def choose(self, brief, unit, variant=0):
        self.units.append(unit)
        choice = next(self.choices)
        if isinstance(choice, Exception):
            raise choice
        return choice

    def select(self, context):
        return self.choose(context, "")

    def learn(self, decision_id, feedback):
        if not decision_id.startswith(self.own):
            return False
        self.learned.append((decision_id, feedback))
        return True


class Links:
    def __init__(self, error=None):
        self.pairs = {}
        self.error = error

    def link(self, post_id, decision_id):
        if self.error:
            raise self.error
        self.pairs.setdefault(post_id, []).append(decision_id)

    def linked(self, post_id):
        return self.pairs.get(post_id, [])


class Echo:
    name = "echo"

    def __init__(self):
        self.prompts = []

    async def generate(self, prompt):
        self.prompts.append(prompt)
        text = f"Post {len(self.prompts)} about bread"
        return Completion(text=text, generator=self.name, trace=Trace(tier="local", model=prompt.model or "own"))


def write(writer, n=1):
    return asyncio.run(writer.write(BRIEF, n))


def post(number):
    trace = Trace(tier="local", model="m", decisions=(f"p{number}",))
    return Post(id=str(number), text="t", brief=BRIEF, generator="g", seed=None, index=0, trace=trace)


class TestThePost:
    def test_carries_arm_model_probability_and_reasons(self):
        echo = Echo()
        writer = PostWriter(echo, prompts=Source(Prompted("p1")), selector=Source(Selected("s1")))
        (written,) = write(writer)
        assert (written.arm, written.model, written.propensity) == ("warm", "small", pytest.approx(0.4))
        assert written.why == ("prompt v1", "cheap enough")
        assert written.trace.decisions == ("p1", "s1")
        (prompt,) = echo.prompts
        assert (prompt.text, prompt.system, prompt.model) == ("Write of {topic}.", "Be brief.", "small")
        assert "arm warm | chosen with probability 0.4 | prompt v1 | cheap enough" in written.trace.summary()
        assert "cheap enough" in written.trace._repr_html_()

    def test_says_nothing_of_choices_where_none_were_made(self):
        (written,) = write(PostWriter(Echo()))
        assert (written.arm, written.propensity, written.why, written.trace.decisions) == ("", 1.0, (), ())

    def test_of_no_experiment_has_no_decision(self):
        (written,) = write(PostWriter(Echo(), prompts=Source(Prompted("", arm="", propensity=1.0))))
        assert written.trace.decisions == ()

    def test_each_has_a_unit_of_its_own(self):
        prompts = Source(*(Prompted(f"p{number}") for number in range(3)))
        names = map(str, count())
        write(PostWriter(Echo(), prompts=prompts, new_unit=lambda: next(names), concurrency=1), 3)
        assert prompts.units == ["0", "1", "2"]


class TestWhatFails:
    def test_a_store_that_fails_costs_no_post(self):
        writer = PostWriter(Echo(), prompts=Source(ExperimentStoreError("disk full")))
        (written,) = write(writer)
        assert written.arm == ""
        assert writer.failed_choices == 1

    def test_a_selector_whose_store_fails_costs_no_post(self):
        writer = PostWriter(Echo(), selector=Source(ExperimentStoreError("disk full")))
        (written,) = write(writer)
        assert (written.model, writer.failed_choices) == ("own", 1)

    def test_a_note_that_fails_costs_no_post_and_feedback_still_arrives(self):
        prompts = Source(Prompted("p1"), store=Links(ExperimentStoreError("disk full")))
        writer = PostWriter(Echo(), prompts=prompts)
        (written,) = write(writer)
        assert writer.failed_choices == 1
        assert asyncio.run(writer.feedback(written.id, impressions=10, clicks=1))

    def test_no_model_to_choose_from_is_an_error_of_the_call(self):
        with pytest.raises(NoCandidateError):
            write(PostWriter(Echo(), selector=Source(NoCandidateError("all circuits are open"))))


class TestFeedback:
    def test_reaches_who_chose(self):
        prompts, selector = Source(Prompted("p1"), own="p"), Source(Selected("s1"), own="s")
        writer = PostWriter(Echo(), prompts=prompts, selector=selector, wall_clock=lambda: 50.0)
        (written,) = write(writer)
        assert asyncio.run(writer.feedback(written.id, impressions=100, clicks=7, report_id="r1"))
        expected = Feedback("r1", written.id, 100, 7, 50.0)
        assert (prompts.learned, selector.learned) == ([("p1", expected)], [("s1", expected)])

    def test_of_a_post_that_nobody_knows_says_so(self):
        assert not asyncio.run(PostWriter(Echo(), prompts=Source()).feedback("?", impressions=1, clicks=0))

    def test_that_cannot_be_is_refused(self):
        with pytest.raises(OutcomeError, match="11 clicks of 10 impressions"):
            asyncio.run(PostWriter(Echo()).feedback("p", impressions=10, clicks=11))

    def test_goes_to_the_loop_where_there_is_one(self):
        class Loop(list):
            ingest = list.append

        loop, prompts = Loop(), Source(Prompted("p1"))
        writer = PostWriter(Echo(), prompts=prompts, learning=loop)
        (written,) = write(writer)
        assert asyncio.run(writer.feedback(written.id, impressions=100, clicks=7, at=1.0))
        assert [(report.post_id, report.clicks, report.at) for report in loop] == [(written.id, 7, 1.0)]
        assert prompts.learned == []

    def test_after_a_restart_the_store_knows_the_post(self):
        links = Links()
        (written,) = write(PostWriter(Echo(), prompts=Source(Prompted("p1"), store=links)))
        prompts = Source(store=links)
        assert asyncio.run(PostWriter(Echo(), prompts=prompts).feedback(written.id, impressions=2, clicks=1))
        assert [decision for decision, _ in prompts.learned] == ["p1"]

    def test_works_without_awaiting(self):
        prompts = Source(Prompted("p1"))
        with blocking.PostWriter(Echo(), prompts=prompts) as writer:
            (written,) = writer.write(BRIEF, 1)
            assert writer.feedback(written.id, impressions=3, clicks=1, hides=2, at=5.0)
        ((_, report),) = prompts.learned
        assert (report.impressions, report.hides, report.reactions, report.at) == (3, 2, None, 5.0)

    def test_what_is_remembered_is_bounded(self, monkeypatch):
        monkeypatch.setattr(choosing, "REMEMBERED", 2)
        chooser = Chooser(Source())
        for number in range(3):
            chooser.wrote(post(number))
        assert [chooser.report(str(number), 10, 1) for number in range(3)] == [False, True, True]


class TestCredit:
    def test_templates_that_stand_in_are_no_outcome_of_any_choice(self):
        prompts, selector = Source(Prompted("p1")), Source(Selected("s1"))
        broken = ScriptedGenerator([OverloadedError("down")] * 9)
        writer = PostWriter(Fallback(broken, TemplateGenerator()), prompts=prompts, selector=selector)
        (written,) = write(writer)
        assert (written.arm, written.propensity, written.trace.decisions) == ("", 1.0, ())
        assert not asyncio.run(writer.feedback(written.id, impressions=1000, clicks=900))
        assert prompts.learned == selector.learned == []

    def test_another_provider_used_the_prompt_but_is_not_the_model(self):
        broken = ScriptedGenerator([OverloadedError("down")] * 9)
        writer = PostWriter(Fallback(broken, Echo()), prompts=Source(Prompted("p1")), selector=Source(Selected("s1")))
        (written,) = write(writer)
        assert written.trace.source == "other provider"
        assert written.trace.decisions == ("p1",)

    def test_the_same_text_again_is_another_post(self):
        """A cache, or a template, gives one text for two decisions; a report is about one of them."""
        prompts = Source(Prompted("p1"), Prompted("p2", arm="cold"))
        writer = PostWriter(ScriptedGenerator(["Bread"] * 2), prompts=prompts)
        (first,), (second,) = write(writer), write(writer)
        assert (first.text, second.text) == ("Bread", "Bread")
        assert first.id != second.id
        asyncio.run(writer.feedback(second.id, impressions=10, clicks=1))
        assert [decision for decision, _ in prompts.learned] == ["p2"]

    def test_what_was_not_decided_is_not_brought_to_a_loop(self):
        class Loop(list):
            ingest = list.append

        loop = Loop()
        writer = PostWriter(Echo(), prompts=Source(Prompted("", arm="")), learning=loop)
        (written,) = write(writer)
        assert not asyncio.run(writer.feedback(written.id, impressions=10, clicks=1))
        assert loop == []


class TestRoutedBySelector:
    def test_the_chosen_model_writes(self):
        small, big = Echo(), Echo()
        writer = PostWriter(Routed({"big": big, "small": small}), selector=Source(Selected("s1")))
        (written,) = write(writer)
        assert (len(small.prompts), len(big.prompts)) == (1, 0)
        assert small.prompts[0].model is None
        assert written.generator == "echo"
