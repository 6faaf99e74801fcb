"""A call ends in time, and only one that had time enough tells against whoever was asked."""

import asyncio
from math import nan

import pytest

from postopt.errors import DeadlineExceededError, OverloadedError, ProviderTimeoutError
from postopt.generation.wrappers import Timed
from postopt.resilience.deadline import within
from postopt.testing import FaultPlan, GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Prompt

PROMPT = Prompt(brief=Brief(topic="fresh bread"))


def hanging():
    return FaultPlan(ScriptedGenerator(["late"], name="slow"), ["hang"])


class TestTimed(GeneratorContract):
    def make(self):
        return Timed(ScriptedGenerator(["Bread for $3.50"] * 4))


def ask(generator, deadline=None):
    """Return what came out, and when."""

    async def main():
        loop = asyncio.get_running_loop()
        with within(deadline, clock=loop.time):
            try:
                return (await generator.generate(PROMPT)).text, loop.time()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                return error, loop.time()

    return run_scripted(main())


def test_an_answer_in_time_is_passed_on_as_it_is():
    assert ask(Timed(ScriptedGenerator(["Bread!"]))) == ("Bread!", 0.0)


def test_one_that_hangs_is_the_providers_fault():
    error, at = ask(Timed(hanging(), 30.0))
    assert isinstance(error, ProviderTimeoutError)
    assert (str(error), error.provider, error.retryable, at) == ("no answer within 30 s", "slow", True, 30.0)


def test_the_deadline_comes_first_where_it_is_earlier():
    error, at = ask(Timed(hanging(), 30.0), deadline=2.0)
    assert isinstance(error, DeadlineExceededError)
    assert (error.at_fault, at) == ("provider", 2.0)  # it had time enough


def test_a_timeout_of_the_generators_own_is_passed_on():
    error, at = ask(Timed(ScriptedGenerator([TimeoutError("mine")])))
    assert (type(error), str(error), at) == (TimeoutError, "mine", 0.0)


def test_a_caller_in_a_hurry_blames_nobody():
    error, at = ask(Timed(hanging(), 30.0), deadline=0.5)
    assert isinstance(error, DeadlineExceededError)
    assert (error.at_fault, at) == ("caller", 0.5)


def test_a_short_limit_of_its_own_tells():
    error, _ = ask(Timed(hanging(), 0.2), deadline=0.5)
    assert isinstance(error, ProviderTimeoutError)


def test_after_the_deadline_nobody_is_asked():
    plan = hanging()
    error, _ = ask(Timed(plan, 30.0), deadline=0)
    assert isinstance(error, DeadlineExceededError)
    assert plan.played == []


def test_errors_are_passed_on():
    error, _ = ask(Timed(ScriptedGenerator([OverloadedError("busy")])))
    assert isinstance(error, OverloadedError)


@pytest.mark.parametrize("seconds", [0, -1, nan, True, "30", None])
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match=r"seconds is .*; seconds, more than zero, are needed"):
        Timed(ScriptedGenerator([]), seconds)
    with pytest.raises(ValueError, match="telling_seconds is"):
        Timed(ScriptedGenerator([]), telling_seconds=seconds)
