"""What may pass is tried again, and the answer tells how often and for how much."""

import asyncio

import pytest

from postopt.errors import ContextLengthError, OverloadedError, RateLimitError
from postopt.generation.wrappers import Retried
from postopt.resilience.retry import Retry
from postopt.testing import GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

PROMPT = Prompt(brief=Brief(topic="fresh bread"))


class TestRetried(GeneratorContract):
    def make(self):
        return Retried(ScriptedGenerator(["Bread for $3.50"] * 4))


def ask(script, **settings):
    scripted = ScriptedGenerator(script, name="big")
    generator = Retried(scripted, Retry(random=lambda: 1.0, base_seconds=0.5, **settings))

    async def main():
        try:
            return await generator.generate(PROMPT)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    return run_scripted(main()), scripted


def test_an_answer_at_once_is_passed_on_as_it_is():
    answer = Completion(text="Bread!", generator="big", trace=Trace(tier="remote", model="m"))
    assert ask([answer])[0] is answer


def test_an_answer_after_two_failures_says_so():
    busy, limited = OverloadedError("busy", cost_usd=0.25), RateLimitError("slow", retry_after=2.0)
    busy.unsettled_usd = 0.125
    paid = Completion(text="Bread!", generator="big", trace=Trace(tier="remote", model="m", cost_usd=0.5))
    trace = ask([busy, limited, paid])[0].trace
    assert (trace.attempts, trace.retries, trace.source) == (3, 2, "primary")
    assert (trace.cost_usd, trace.unsettled_usd) == (0.75, 0.125)
    assert trace.waits == (("retry", pytest.approx(0.5 + 2.0 + 1.0)),)


def test_the_last_error_tells_of_those_before():
    error, scripted = ask([OverloadedError("busy", cost_usd=0.25) for _ in range(3)])
    assert (error.attempts, error.cost_usd, len(scripted.prompts)) == (3, 0.75, 3)


def test_what_does_not_pass_is_not_tried_again():
    error, scripted = ask([ContextLengthError("long")])
    assert isinstance(error, ContextLengthError)
    assert len(scripted.prompts) == 1


def test_all_attempts_may_have_to_be_paid():
    class Priced(ScriptedGenerator):
        def max_cost(self, prompt):
            return 0.5

    assert Retried(Priced([]), Retry(attempts=4)).max_cost(PROMPT) == 2.0
    assert Retried(ScriptedGenerator([])).max_cost(PROMPT) is None


def test_a_cancelled_wait_ends():
    async def main():
        generator = Retried(ScriptedGenerator([OverloadedError("busy"), "Bread!"]), Retry(random=lambda: 1.0))
        call = asyncio.create_task(generator.generate(PROMPT))
        for _ in range(3):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    run_scripted(main())
