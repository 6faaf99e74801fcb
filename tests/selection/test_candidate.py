"""Candidates: their prices, their breakers, their p95."""

import pytest

from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.price import Price
from postopt.selection.candidate import Candidate


class TestCost:
    def test_a_number_is_the_price_of_a_call(self):
        assert Candidate("a", 0.002).cost(10_000, 500) == 0.002

    def test_a_price_counts_a_quarter_of_the_characters_and_the_answer(self):
        # 400 characters are 100 tokens at $2, and 150 tokens at $10, per million.
        assert Candidate("a", Price(input=2.0, output=10.0)).cost(400, 150) == pytest.approx((100 * 2 + 150 * 10) / 1e6)

    def test_nobody_knows(self):
        assert Candidate("a").cost(10, 10) is None


class TestState:
    def test_a_real_breaker_that_is_open_closes_the_candidate(self):
        breaker = CircuitBreaker("a")
        candidate = Candidate("a", breaker=breaker)
        assert not candidate.is_open
        breaker.force_open()
        assert candidate.is_open
        assert not Candidate("a").is_open

    @pytest.mark.parametrize(("p95", "seconds"), [(1.5, 1.5), (lambda: 2.0, 2.0), (None, 0.0), (lambda: None, 0.0),
                                                  (lambda: float("nan"), 0.0), (lambda: -1.0, 0.0)])  # fmt: skip
    def test_seconds_are_those_of_now_or_nothing(self, p95, seconds):
        assert Candidate("a", p95=p95).seconds() == seconds


class TestBadInput:
    @pytest.mark.parametrize(
        "arguments",
        [
            {"name": ""},
            {"name": None},
            {"name": "a", "price": -1.0},
            {"name": "a", "price": float("nan")},
            {"name": "a", "price": "cheap"},
            {"name": "a", "breaker": object()},
            {"name": "a", "p95": -1.0},
            {"name": "a", "p95": "soon"},
        ],
    )
    def test_is_refused_with_the_arguments_name(self, arguments):
        with pytest.raises(ValueError, match=list(arguments)[-1]):
            Candidate(**arguments)
