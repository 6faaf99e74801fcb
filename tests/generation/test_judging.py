from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from postopt import blocking
from postopt.errors import DeadlineExceededError, ModelError, NotFittedError
from postopt.generation.judging import Judge
from postopt.judgement import Axis, Finding, Prediction, QualityReport
from postopt.testing import run_scripted
from postopt.types import Brief, Completion, Post, Posts, Trace
from postopt.writer import PostWriter

BRIEF = Brief(topic="Fresh bread", facts={"price": "€5"})
TRACE = Trace(tier="local", model="m1")


def post(index, text):
    return Post(id=str(index), text=text, brief=BRIEF, generator="g", seed=None, index=index, trace=TRACE)


def posts(*texts):
    return Posts(BRIEF, [post(index, text) for index, text in enumerate(texts)])


def prediction(p):
    return Prediction(
        median=10, low=1, high=100, p_above_baseline=p, baseline=10, coverage_target=0.9, coverage_recent=0.9, basis="b"
    )


def report(value, *, hard=False):
    finding = Finding(rule="r", axis="policy", message="m", hard=hard)
    return QualityReport(axes={"policy": Axis(name="policy", value=value, findings=(finding,))})


class Scorer:
    """Finds the texts the better the longer they are, and says what it was told of each."""

    def __init__(self, error=None, fails_for=()):
        self.error = error
        self.fails_for = fails_for
        self.predictions = []

    def score(self, scored, *, prediction):
        self.predictions.append(prediction)
        if scored.text in self.fails_for:
            raise ModelError("not this one")
        return report(len(scored.text))

    def rank(self, reports):
        if self.error:
            raise self.error
        return sorted(range(len(reports)), key=lambda place: -reports[place].axes["policy"].value)


class Predictor:
    """Predicts the better the shorter a text is."""

    def __init__(self, error=None):
        self.error = error

    def predict(self, asked):
        if self.error:
            raise self.error
        return prediction(1 / len(asked.text))


class TestJudge:
    def test_nobody_judging_gives_the_same_posts(self):
        given = posts("a", "b")
        assert Judge()(given) is given

    def test_the_best_comes_first_and_carries_what_was_said_of_it(self):
        judged = Judge(scorer=Scorer())(posts("a", "ccc", "bb"))
        assert [one.text for one in judged] == ["ccc", "bb", "a"]
        assert judged[0].report == report(3)
        assert judged[0].prediction is None

    def test_without_a_scorer_the_predictor_ranks_and_equals_stay_in_order(self):
        judged = Judge(predictor=Predictor())(posts("aaa", "b", "ccc", "dd"))
        assert [one.text for one in judged] == ["b", "dd", "aaa", "ccc"]
        assert judged[0].prediction == prediction(1)

    def test_the_scorer_is_told_the_prediction_and_ranks(self):
        scorer = Scorer()
        judged = Judge(scorer, Predictor())(posts("a", "bb"))
        assert [one.text for one in judged] == ["bb", "a"]
        assert scorer.predictions == [prediction(1), prediction(0.5)]

    def test_rejections_and_brief_stay(self):
        given = Posts(BRIEF, [post(0, "a")], ())
        assert Judge(scorer=Scorer())(given).brief is BRIEF
        assert Judge(scorer=Scorer())(given).rejections == given.rejections

    def test_a_predictor_that_has_not_learned_costs_no_post(self):
        judge = Judge(scorer=Scorer(), predictor=Predictor(NotFittedError("nothing learned")))
        judged = judge(posts("a", "bb"))
        assert [(one.text, one.prediction) for one in judged] == [("bb", None), ("a", None)]
        assert judge.failed == 2

    def test_a_post_that_cannot_be_scored_stands_behind_the_others(self):
        judge = Judge(scorer=Scorer(fails_for={"ccc"}))
        judged = judge(posts("ccc", "a", "bb"))
        assert [one.text for one in judged] == ["bb", "a", "ccc"]
        assert judged[2].report is None
        assert judge.failed == 1

    def test_a_ranking_that_fails_leaves_the_order(self):
        judge = Judge(scorer=Scorer(error=ModelError("no order")))
        assert [one.text for one in judge(posts("a", "bb"))] == ["a", "bb"]
        assert judge.failed == 1

    def test_a_bug_of_a_scorer_is_not_hidden(self):
        with pytest.raises(ZeroDivisionError):
            Judge(scorer=Scorer(error=ZeroDivisionError()))(posts("a"))


@dataclass
class Enhanced:
    text: str
    rules: tuple[str, ...] = ()
    cost_usd: float = 0.0
    left: tuple[str, ...] = ()


class Repairer:
    """Puts the fact in where it is missing."""

    def __init__(self, error=None, *, hangs=False):
        self.error = error
        self.hangs = hangs

    async def enhance(self, text, brief):
        if self.error:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        if "€5" in text:
            return Enhanced(text)
        return Enhanced(f"{text} €5", ("facts.missing",), 0.25)


class Generator:
    name = "script"

    async def generate(self, prompt):
        text = ("Bread", "Bread for €5")[prompt.variant]
        return Completion(text=text, generator=self.name, trace=replace(TRACE, cost_usd=0.5))


def write(**parts):
    with_deadline = {"deadline": parts.pop("deadline")} if "deadline" in parts else {}
    return asyncio.run(PostWriter(Generator(), **parts).write(BRIEF, 2, **with_deadline))


class TestWriter:
    def test_a_text_is_repaired_before_it_is_checked(self):
        assert len(write()) == 1
        written = write(enhancer=Repairer())
        assert [one.text for one in written] == ["Bread €5", "Bread for €5"]
        assert not written.rejections

    def test_what_was_repaired_and_what_it_cost_is_in_the_trace(self):
        first, second = write(enhancer=Repairer())
        assert first.trace.notes == ("enhanced: facts.missing",)
        assert first.trace.cost_usd == 0.75
        assert (second.trace.notes, second.trace.cost_usd) == ((), 0.5)

    def test_a_text_that_may_not_be_published_even_so_is_a_rejection(self):
        class Strict(Repairer):
            async def enhance(self, text, brief):
                found = await super().enhance(text, brief)
                return replace(found, left=("correctness.model_talk",) if found.rules else ())

        assert len(write(enhancer=Strict(), scorer=Scorer())) == 2  # whose reports say so
        written = write(enhancer=Strict())
        assert [one.text for one in written] == ["Bread for €5"]
        (rejection,) = written.rejections
        assert rejection.variant == 0
        assert rejection.reasons == ("It may not be published: correctness.model_talk.",)

    def test_an_enhancer_that_has_no_time_left_costs_no_post(self):
        async def hurried():
            clock = asyncio.get_running_loop().time
            return await PostWriter(Generator(), enhancer=Repairer(hangs=True), clock=clock).write(BRIEF, 2, deadline=5)

        written = run_scripted(hurried())
        assert [one.text for one in written] == ["Bread for €5"]
        assert written[0].trace.notes == ("not enhanced: no time left",)
        assert [rejection.variant for rejection in written.rejections] == [0]

    def test_an_enhancer_that_says_its_time_is_over_costs_no_post(self):
        written = write(enhancer=Repairer(DeadlineExceededError("late")), deadline=5)
        assert [one.text for one in written] == ["Bread for €5"]

    def test_posts_come_ranked_and_judged(self):
        parts = {"enhancer": Repairer(), "scorer": Scorer(), "predictor": Predictor()}
        written = write(**parts)
        assert [one.text for one in written] == ["Bread for €5", "Bread €5"]
        assert [one.report.axes["policy"].value for one in written] == [12, 8]
        assert [one.prediction.p_above_baseline for one in written] == [1 / 12, 1 / 8]

    def test_failures_are_counted(self):
        writer = blocking.PostWriter(Generator(), predictor=Predictor(NotFittedError("nothing learned")))
        assert len(writer.write(BRIEF, 2)) == 1
        assert writer.failed_judgements == 1


def test_a_report_says_what_forbids_publishing():
    good, bad = report(0.5), report(0.5, hard=True)
    assert good.fit
    assert not good.hard_failures
    assert not bad.fit
    assert bad.hard_failures == bad.findings
