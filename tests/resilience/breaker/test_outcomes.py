"""The record of a call that all policies share, and what a breaker's listeners get of it."""

import asyncio

import pytest

from postopt.errors import CircuitOpenError, OverloadedError, ProviderTimeoutError, RefusedError
from postopt.resilience.outcome import Outcome, of_error, of_result
from postopt.types import Completion, Trace, Usage

ANSWER = Completion(
    text="hello",
    generator="g",
    trace=Trace(tier="remote", model="m", cost_usd=0.5),
    usage=Usage(input_tokens=3, output_tokens=7),
)


class TestRecords:
    def test_an_error_says_its_kind_its_phase_and_its_cost(self):
        error = ProviderTimeoutError("late", phase="stream", cost_usd=0.25)
        assert of_error(error, seconds=2.0) == Outcome(
            kind="failure", phase="stream", seconds=2.0, cost_usd=0.25, cause=error
        )
        refused = RefusedError("no")
        assert of_error(refused, kind="failure") == Outcome(kind="failure", cause=refused)

    @pytest.mark.parametrize(
        ("error", "known", "phase"),
        [
            (OverloadedError("x"), "first_token", "first_token"),
            (OverloadedError("x", phase="send"), "first_token", "send"),
            (OverloadedError("x", phase="somewhere"), "stream", "stream"),
            (KeyError("x"), "stream", "stream"),
            (CircuitOpenError("x"), "", "queue"),
            (CircuitOpenError("x"), "first_token", "queue"),
        ],
    )
    def test_what_an_error_says_of_its_phase_is_more_exact(self, error, known, phase):
        assert of_error(error, phase=known).phase == phase

    def test_a_completion_says_its_tokens_and_its_cost(self):
        assert of_result(ANSWER, seconds=1.0) == Outcome(kind="success", seconds=1.0, tokens=7, cost_usd=0.5)
        assert of_result("hello", kind="slow", phase="stream") == Outcome(kind="slow", phase="stream")


class TestListeners:
    def outcome(self, bench, function, **settings):
        heard = []
        it = bench(**{"failure_threshold": 1, **settings}, listeners=[heard.append])
        it.runs(lambda: function(it))
        return heard[0].outcome

    def test_an_error(self, bench):
        def late(it):
            it.clock.advance(3.0)
            raise ProviderTimeoutError("late", phase="first_token", cost_usd=0.25)

        outcome = self.outcome(bench, late, slow_call_seconds=60.0)
        assert (outcome.phase, outcome.seconds, outcome.cost_usd) == ("first_token", 3.0, 0.25)

    def test_a_slow_answer(self, bench):
        def slow(it):
            it.clock.advance(3.0)
            return ANSWER

        outcome = self.outcome(bench, slow, slow_call_seconds=1.0)
        assert outcome == Outcome(kind="slow", seconds=3.0, tokens=7, cost_usd=0.5)

    def test_an_answer_that_is_judged_a_failure(self, bench):
        outcome = self.outcome(bench, lambda it: ANSWER, classify=lambda *_: "failure")
        assert (outcome.kind, outcome.tokens, outcome.cost_usd) == ("failure", 7, 0.5)

    @pytest.mark.parametrize("timed", [{}, {"slow_call_seconds": 60.0}])
    def test_a_success_with_which_the_failures_are_enough(self, bench, timed):
        heard = []
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=2, listeners=[heard.append], **timed)
        it.fail()

        def work():
            it.clock.advance(3.0)
            return ANSWER

        it.runs(work)
        outcome = heard[0].outcome
        assert (outcome.kind, outcome.tokens, outcome.cost_usd) == ("success", 7, 0.5)
        assert outcome.seconds == (3.0 if timed else 0.0)

    def test_a_probe(self, bench):
        heard = []
        it = bench(listeners=[heard.append]).half_open()
        assert asyncio.run(it.breaker.acall(asyncio.sleep, 0, ANSWER)) is ANSWER
        assert (heard[-1].after, heard[-1].outcome.tokens) == ("closed", 7)
