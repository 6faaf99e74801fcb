import asyncio
import gc
import random
import threading
import weakref
from concurrent.futures import CancelledError as FutureCancelledError
from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.errors import (
    AuthenticationError,
    CircuitOpenError,
    GenerationError,
    OverloadedError,
    RateLimitError,
    ThrottledError,
)
from postopt.resilience.deadline import within
from postopt.resilience.retry import Retry, RetryBudget, Tries
from postopt.testing.loop import run_scripted


class Script:
    """Does one thing of a list at each call: raises an error, or returns anything else."""

    def __init__(self, *things):
        self._things = list(things)
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        thing = self._things.pop(0)
        if isinstance(thing, BaseException):
            raise thing
        return thing, args

    async def later(self, *args):
        return self(*args)


class Waits:
    """Waits by taking note of it."""

    def __init__(self):
        self.seconds = []

    def here(self, seconds):
        self.seconds.append(seconds)

    async def later(self, seconds):
        self.seconds.append(seconds)


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture(params=["await", "counted", "here"])
def attempt(request, waits):
    """Call a script by each of the three ways; they wait by taking note."""

    def attempt(script, *args, random=lambda: 1.0, **settings):
        retry = Retry(sleep=waits.later, sleep_here=waits.here, random=random, **settings)
        if request.param == "await":
            return asyncio.run(retry.acall(script.later, *args))
        if request.param == "counted":
            return asyncio.run(retry.acall_counted(script.later, *args))[0]
        return retry.call(script, *args)

    return attempt


def error(kind=OverloadedError, **facts):
    return kind("it failed", **facts)


class TestWhatIsTriedAgain:
    def test_a_success_is_returned_as_it_is(self, attempt, waits):
        script = Script("text")
        assert attempt(script, 1, 2) == ("text", (1, 2))
        assert (script.calls, waits.seconds) == (1, [])

    @pytest.mark.parametrize("failure", [error(), error(RateLimitError), ConnectionResetError(), TimeoutError()])
    def test_an_error_that_may_pass_is_followed_by_another_call_with_the_same_arguments(self, attempt, failure):
        script = Script(failure, failure, "text")
        assert attempt(script, 7) == ("text", (7,))
        assert script.calls == 3

    @pytest.mark.parametrize("failure", [error(AuthenticationError), ValueError("x"), OSError(28, "no space")])
    def test_an_error_that_would_come_again_is_raised_at_once_and_unchanged(self, attempt, failure, waits):
        script = Script(failure)
        with pytest.raises(type(failure)) as raised:
            attempt(script)
        assert raised.value is failure
        assert getattr(failure, "__notes__", []) == []
        assert (script.calls, waits.seconds) == (1, [])

    @pytest.mark.parametrize("failure", [KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
    def test_what_is_no_exception_is_never_tried_again(self, waits, failure):
        retry = Retry(retryable=lambda error: True, sleep=waits.later, sleep_here=waits.here)

        async def main():
            script = Script(failure)
            with pytest.raises(type(failure)):
                # Not in a task: it would take the interrupt for its own end.
                await retry.acall(script.later)
            assert script.calls == 1

        script = Script(failure)
        with pytest.raises(type(failure)):
            retry.call(script)
        assert script.calls == 1
        asyncio.run(main())
        assert waits.seconds == []

    @pytest.mark.parametrize("failure", [CircuitOpenError("open", retry_after=1), FutureCancelledError()])
    def test_an_open_circuit_and_a_cancelled_future_are_not_either_whatever_the_predicate_says(self, attempt, failure):
        script = Script(failure)
        with pytest.raises(type(failure)):
            attempt(script, retryable=lambda error: True)
        assert script.calls == 1

    def test_a_predicate_of_ones_own_decides_about_the_rest(self, attempt):
        assert attempt(Script(KeyError("a"), "text"), retryable=lambda error: isinstance(error, KeyError))[0] == "text"
        with pytest.raises(OverloadedError):
            attempt(Script(error()), retryable=lambda error: isinstance(error, KeyError))

    def test_one_attempt_is_one_attempt(self, attempt):
        failure = error()
        with pytest.raises(OverloadedError):
            attempt(Script(failure), attempts=1)
        assert not hasattr(failure, "__notes__")


class TestTheWait:
    def test_doubles_up_to_the_longest(self, attempt, waits):
        attempt(Script(*[error() for _ in range(6)], "text"), attempts=7, base_seconds=1, max_seconds=10)
        assert waits.seconds == [1, 2, 4, 8, 10, 10]

    @given(draw=st.floats(0, 1), base=st.floats(0, 100), longest=st.floats(0, 100), retries=st.integers(1, 1100))
    def test_is_uniform_between_nothing_and_that(self, draw, base, longest, retries):
        retry = Retry(base_seconds=base, max_seconds=longest, random=lambda: draw)
        assert retry.jitter(retries) == pytest.approx(draw * min(longest, base * 2 ** min(retries, 60)))

    def test_repeats_with_a_seed(self):
        draws = [[Retry(random=random.Random(seed).random).jitter(2) for _ in range(3)] for seed in (1, 1, 2)]
        assert draws[0] == draws[1] != draws[2]

    def test_is_as_long_as_the_provider_asks_and_the_jitter_on_top(self, attempt, waits):
        attempt(Script(error(retry_after=4.0), "text"), base_seconds=1)
        assert waits.seconds == [5.0]

    def test_is_never_longer_than_the_longest_and_never_shorter_than_asked(self, attempt, waits):
        attempt(Script(error(retry_after=9.5), "text"), base_seconds=1, max_seconds=10)
        assert waits.seconds == [10]

    def test_of_a_provider_that_asks_for_more_is_not_made(self, attempt, waits):
        failure = error(retry_after=10.1)
        with pytest.raises(OverloadedError) as raised:
            attempt(Script(failure), max_seconds=10)
        assert (raised.value.retry_after, waits.seconds) == (10.1, [])
        assert "longer wait" in raised.value.__notes__[-1]

    @pytest.mark.parametrize("asked", [0, -5, float("nan"), "soon", None])
    def test_nonsense_is_not_heard(self, attempt, waits, asked):
        attempt(Script(error(retry_after=asked), "text"), base_seconds=1)
        assert waits.seconds == [1]

    def test_our_own_rate_limit_is_waited_for(self, attempt, waits):
        attempt(Script(ThrottledError("full", retry_after=2.0), "text"), random=lambda: 0.0)
        assert waits.seconds == [2.0]


class TestTheDeadline:
    def test_is_not_slept_through(self):
        async def main():
            loop = asyncio.get_running_loop()
            script = Script(error(), error(), error())
            retry = Retry(attempts=5, base_seconds=1, random=lambda: 1.0)
            with within(2.5, clock=loop.time), pytest.raises(OverloadedError) as raised:
                await retry.acall(script.later)
            return loop.time(), script.calls, raised.value.__notes__

        seconds, calls, notes = run_scripted(main())
        assert (seconds, calls) == (1.0, 2)  # the second wait would end at 3
        assert "no time is left" in notes[-1]

    def test_says_why_even_the_first_error_was_final(self, attempt):
        with within(0), pytest.raises(OverloadedError) as raised:
            attempt(Script(error()))
        assert raised.value.__notes__ == ["not tried again: no time is left to wait and try again"]


class TestTheErrorInTheEnd:
    def test_is_the_last_one_with_what_came_before(self, attempt):
        first, second, last = error(cost_usd=0.25), ConnectionResetError(), error(RateLimitError, cost_usd=0.5)
        with pytest.raises(RateLimitError) as raised:
            attempt(Script(first, second, last), base_seconds=1)
        assert raised.value is last
        assert last.cost_usd == 0.75
        assert last.attempts == 3
        assert last.__notes__ == [
            "after 3 attempts and 3.000 s of waiting (OverloadedError, ConnectionResetError): no attempts are left"
        ]

    def test_counts_what_each_attempt_says_of_itself(self, attempt):
        """A rejected call was never made; an attempt may itself have been several."""
        several = error()
        several.attempts = 2
        last = error(GenerationError)
        with pytest.raises(GenerationError):
            attempt(Script(several, ThrottledError("full"), last))
        assert last.attempts == 3

    def test_that_would_come_again_ends_it(self, attempt):
        script = Script(error(), ValueError("x"))
        with pytest.raises(ValueError, match="x") as raised:
            attempt(script)
        assert "an error that would come again" in raised.value.__notes__[-1]

    def test_leaves_no_garbage_behind(self):
        """An error that refers to a frame that refers to it would stay until the next collection."""

        class TrackedError(OverloadedError):
            def __init__(self):
                super().__init__("it failed")
                made.append(weakref.ref(self))

        def fail():
            raise TrackedError

        made = []
        gc.disable()
        try:
            with suppress(TrackedError):
                Retry(sleep_here=lambda seconds: None).call(fail)
            assert [ref() for ref in made] == [None] * 3
        finally:
            gc.enable()


class TestWhatIsCounted:
    def test_a_call_that_succeeds_at_once(self):
        result = asyncio.run(Retry().acall_counted(Script("text").later))
        assert result == (("text", ()), Tries())
        assert result[1] is asyncio.run(Retry().acall_counted(Script("text").later))[1]  # nothing is made for it

    def test_one_that_does_not(self, waits):
        script = Script(error(cost_usd=0.5), ConnectionResetError(), "text")
        retry = Retry(sleep=waits.later, base_seconds=1, random=lambda: 0.5)
        _, tries = asyncio.run(retry.acall_counted(script.later))
        assert tries == Tries(attempts=3, waited=1.5, cost_usd=0.5, errors=("OverloadedError", "ConnectionResetError"))


class TestCancellation:
    def test_during_the_wait_makes_no_other_call(self):
        async def main():
            script = Script(error(), "text")
            task = asyncio.create_task(Retry(base_seconds=60, max_seconds=60, random=lambda: 1.0).acall(script.later))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return script.calls

        assert asyncio.run(main()) == 1


class TestTheBudget:
    def test_refuses_what_would_double_the_load(self, attempt, waits):
        failure = error()
        budget = RetryBudget(initial=1)
        with pytest.raises(OverloadedError):
            attempt(Script(error(), failure), attempts=10, budget=budget)
        assert "the retry budget is used up" in failure.__notes__[-1]
        assert (len(waits.seconds), budget.balance) == (1, pytest.approx(0.1))

    def test_ten_calls_pay_for_a_retry_exactly(self):
        budget = RetryBudget(initial=0)
        for _ in range(9):
            budget.deposit()
        assert not budget.withdraw()
        budget.deposit()
        assert budget.withdraw()
        assert not budget.withdraw()

    def test_saves_up_no_more_than_it_may(self):
        budget = RetryBudget(share=1, initial=5, most=3)
        assert budget.balance == 3
        budget.deposit()
        assert budget.balance == 3

    @given(
        outcomes=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=60),
        share=st.sampled_from([0, 0.1, 0.25, 1]),
        initial=st.integers(0, 3),
    )
    def test_holds_whatever_fails(self, outcomes, share, initial):
        retry = Retry(
            attempts=4, budget=RetryBudget(share=share, initial=initial, most=5), sleep_here=lambda seconds: None
        )
        calls = 0
        for number, outcome in enumerate(outcomes, 1):
            script = Script(*(None if succeeds else error() for succeeds in outcome))
            with suppress(OverloadedError):
                retry.call(script)
            calls += script.calls
            assert calls - number <= initial + share * number + 1e-6

    def test_is_exact_in_threads(self):
        budget = RetryBudget(share=0.1, initial=0, most=1e6)
        taken = []

        def work():
            for _ in range(1000):
                budget.deposit()
                taken.append(budget.withdraw())

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(taken) + budget.balance == pytest.approx(800)

    def test_may_be_shared_by_several(self):
        budget = RetryBudget(initial=0)
        assert Retry(budget=budget).budget is budget
        assert Retry().budget is not Retry().budget


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 2.0},
        {"base_seconds": -1},
        {"base_seconds": float("nan")},
        {"max_seconds": float("inf")},
        {"max_seconds": 10**400},
        {"budget": 3},
        {"retryable": "all"},
        {"sleep": 1},
        {"sleep_here": 1},
        {"random": 4},
    ],
)
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)


@pytest.mark.parametrize("name", ["share", "initial", "most"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", True])
def test_a_budget_of_nonsense_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        RetryBudget(**{name: value})
