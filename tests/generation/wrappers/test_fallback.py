"""Somebody answers, in time, and the answer says who and why."""

import asyncio

import pytest

from postopt.errors import (
    ContextLengthError,
    EmptyAnswerError,
    GenerationError,
    OverloadedError,
    PostRejectedError,
    QuotaError,
    RefusedError,
)
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import Fallback, Timed
from postopt.generation.wrappers.order import bound_of
from postopt.resilience.deadline import within
from postopt.testing import FaultPlan, GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

PROMPT = Prompt(brief=Brief(topic="fresh bread", facts={"price": "$3.50"}))
GOOD = "Fresh bread for $3.50."


def scripted(*script, name="big"):
    return ScriptedGenerator(script, name=name)


def hanging(name="big"):
    return FaultPlan(ScriptedGenerator([GOOD] * 9, name=name), ["hang"] * 9)


def paid(text, cost):
    return Completion(text=text, generator="big", trace=Trace(tier="remote", model="m", cost_usd=cost))


def ask(generator, deadline=None, prompt=PROMPT):
    async def main():
        loop = asyncio.get_running_loop()
        with within(deadline, clock=loop.time):
            try:
                return await generator.generate(prompt), loop.time()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                return error, loop.time()

    return run_scripted(main())


class TestFallback(GeneratorContract):
    def make(self):
        return Fallback(scripted(*[OverloadedError("busy")] * 4), TemplateGenerator())


class TestWhoAnswers:
    def test_the_first_one_if_it_can(self):
        second = scripted(GOOD, name="small")
        answer, _ = ask(Fallback(scripted(GOOD), second))
        assert (answer.text, answer.generator, answer.trace.source) == (GOOD, "big", "primary")
        assert (answer.trace.fallbacks, answer.trace.attempts, second.prompts) == ((), 1, [])

    def test_the_next_one_if_it_cannot(self):
        answer, _ = ask(Fallback(scripted(OverloadedError("busy")), scripted(GOOD, name="small")))
        assert (answer.generator, answer.trace.source) == ("small", "other provider")
        assert (answer.trace.fallbacks, answer.trace.attempts) == (("big: overloaded",), 2)

    def test_the_templates_if_nobody_can(self):
        generator = Fallback(
            scripted(QuotaError("empty")), scripted(ContextLengthError("long"), name="small"), TemplateGenerator()
        )
        answer, _ = ask(generator)
        assert (answer.trace.tier, answer.trace.source, answer.trace.attempts) == ("template", "templates", 3)
        assert answer.trace.fallbacks == ("big: quota", "small: context length")
        assert "$3.50" in answer.text

    def test_an_error_that_is_not_ours_counts_too(self):
        answer, _ = ask(Fallback(scripted(ZeroDivisionError()), TemplateGenerator()))
        assert answer.trace.fallbacks == ("big: zero division",)

    def test_the_last_error_if_all_fail(self):
        first = OverloadedError("busy", cost_usd=0.5)
        error, _ = ask(Fallback(scripted(first), scripted(EmptyAnswerError("nothing", cost_usd=0.25), name="small")))
        assert isinstance(error, EmptyAnswerError)
        assert (error.cost_usd, error.attempts) == (0.75, 2)
        assert "before that, big: overloaded" in error.__notes__

    def test_an_error_of_the_last_that_is_not_ours_is_raised_as_it_is(self):
        error, _ = ask(Fallback(scripted(OverloadedError("busy")), scripted(ZeroDivisionError("bug"), name="small")))
        assert isinstance(error, ZeroDivisionError)


class TestRefusals:
    def test_nobody_walks_round_one(self):
        templates = scripted(GOOD, name="small")
        error, _ = ask(Fallback(scripted(RefusedError("no")), templates))
        assert isinstance(error, RefusedError)
        assert templates.prompts == []

    def test_of_the_second_is_final_too_and_tells_what_the_first_cost(self):
        generator = Fallback(
            scripted(OverloadedError("busy", cost_usd=0.5)), scripted(RefusedError("no"), name="b"), scripted(GOOD)
        )
        error, _ = ask(generator)
        assert isinstance(error, RefusedError)
        assert (error.cost_usd, error.attempts, error.__notes__) == (0.5, 2, ["before that, big: overloaded"])


class TestLies:
    @pytest.mark.parametrize("text", ["Fresh bread for $3.49.", "Fresh bread."])
    def test_a_text_that_breaks_the_brief_is_no_answer(self, text):
        answer, _ = ask(Fallback(scripted(paid(text, 0.5)), TemplateGenerator()))
        assert (answer.trace.source, answer.trace.cost_usd) == ("templates", 0.5)
        assert answer.trace.fallbacks == ("big: its text broke the brief in 1 way",)

    @pytest.mark.parametrize("text", ["", "  \n"])
    def test_nor_is_an_empty_one(self, text):
        answer, _ = ask(Fallback(scripted(paid(text, 0.0)), TemplateGenerator()))
        assert answer.trace.fallbacks == ("big: empty answer",)

    def test_the_last_ones_text_is_the_writers_to_judge(self):
        answer, _ = ask(Fallback(scripted(OverloadedError("busy")), scripted("Fresh bread.", name="small")))
        assert answer.text == "Fresh bread."

    def test_who_wants_no_check_gets_none(self):
        answer, _ = ask(Fallback(scripted("Fresh bread."), TemplateGenerator(), keep_brief=False))
        assert answer.text == "Fresh bread."

    def test_no_text_is_quoted(self):
        secret = Prompt(brief=Brief(topic="the secret sauce", facts={"price": "$99.99"}, forbidden=("cheap",)))
        answer, _ = ask(
            Fallback(scripted("cheap"), scripted(PostRejectedError(("the secret $99.99",))), TemplateGenerator()),
            prompt=secret,
        )
        assert answer.trace.fallbacks == ("big: its text broke the brief in 2 ways", "big: post rejected")
        assert "99.99" not in answer.trace.summary()


class TestDeadlines:
    def test_without_one_nobody_is_cut_off(self):
        answer, at = ask(Fallback(Timed(hanging(), 30.0), TemplateGenerator()))
        assert (answer.trace.fallbacks, at) == (("big: provider timeout",), 30.0)

    @pytest.mark.parametrize("timed", [True, False])
    def test_the_last_answers_before_it(self, timed):
        first = Timed(hanging(), 30.0) if timed else hanging()
        answer, at = ask(Fallback(first, TemplateGenerator()), deadline=2.0)
        assert answer.trace.source == "templates"
        assert at == pytest.approx(1.95, abs=0.04)

    def test_those_in_front_share_the_time(self):
        asked = []

        class Noting:
            name = "small"

            async def generate(self, prompt):
                asked.append(asyncio.get_running_loop().time())
                await asyncio.get_running_loop().create_future()

        answer, at = ask(Fallback(hanging(), Noting(), TemplateGenerator()), deadline=2.0)
        assert asked == pytest.approx([0.975], abs=0.04)
        assert at == pytest.approx(1.95, abs=0.06)
        assert answer.trace.fallbacks == ("big: deadline exceeded", "small: deadline exceeded")

    def test_time_that_the_first_leaves_is_the_seconds(self):
        answer, at = ask(Fallback(scripted(OverloadedError("busy")), hanging("b"), TemplateGenerator()), deadline=2.0)
        assert at == pytest.approx(1.95, abs=0.04)
        assert answer.trace.attempts == 3

    def test_when_it_has_passed_the_last_is_asked_all_the_same(self):
        first = scripted()
        answer, _ = ask(Fallback(first, TemplateGenerator()), deadline=0)
        assert answer.trace.fallbacks == ("big: deadline exceeded",)
        assert first.prompts == []

    def test_a_short_one_leaves_most_of_it_to_the_first(self):
        _, at = ask(Fallback(hanging(), TemplateGenerator()), deadline=0.02)
        assert at == pytest.approx(0.0175, abs=0.001)


def test_a_cancelled_call_asks_nobody_else():
    async def main():
        templates = scripted(GOOD, name="small")
        call = asyncio.create_task(Fallback(hanging(), templates).generate(PROMPT))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert templates.prompts == []

    run_scripted(main())


class Priced(ScriptedGenerator):
    """Says what a call can cost."""

    def __init__(self, cost, script=()):
        super().__init__(script, name="priced")
        self.max_cost = lambda prompt: cost


class TestCosts:
    def test_all_may_have_to_be_paid(self):
        assert Fallback(Priced(0.5), Priced(0.25)).max_cost(PROMPT) == 0.75

    def test_an_unknown_one_makes_the_sum_unknown(self):
        assert Fallback(Priced(0.5), Priced(None)).max_cost(PROMPT) is None
        assert Fallback(Priced(0.5), scripted()).max_cost(PROMPT) is None

    def test_templates_are_free(self):
        assert bound_of(TemplateGenerator())(PROMPT) == 0.0


def test_one_generator_is_no_fallback():
    with pytest.raises(ValueError, match="two or more generators, not 1"):
        Fallback(TemplateGenerator())


def test_closing_closes_all_even_if_one_fails():
    closed = []

    class Closing(ScriptedGenerator):
        def __init__(self, name, error=None):
            super().__init__([], name=name)
            self.error = error

        async def aclose(self):
            closed.append(self.name)
            if self.error:
                raise self.error

    async def main():
        with pytest.raises(GenerationError, match="stuck"):
            await Fallback(Closing("a", GenerationError("stuck")), Closing("b"), TemplateGenerator()).aclose()

    run_scripted(main())
    assert closed == ["a", "b"]
