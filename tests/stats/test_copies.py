"""Every number survives copying and pickling, as worker processes need, and goes on independently."""

import copy
import pickle

import pytest

from postopt.stats import EWMA, BetaPosterior, QuantileSketch, Welford

NUMBERS = {
    "ewma": (EWMA(60), [(1.0, 0.0), (4.0, 30.0)], lambda ewma: (ewma.n, ewma.mean)),
    "welford": (Welford(), [1.0, 4.0], lambda welford: (welford.n, welford.interval())),
    "sketch": (QuantileSketch(), [1.0, -4.0, 0.0], lambda sketch: (sketch.n, sketch.quantile(0.7))),
    "posterior": (BetaPosterior(), [(3, 1)], lambda posterior: (posterior.n, posterior.interval())),
}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda number: pickle.loads(pickle.dumps(number))])
@pytest.mark.parametrize(("empty", "observations", "answer"), NUMBERS.values(), ids=NUMBERS)
def test_a_copy_answers_the_same_and_is_apart(fed, duplicate, empty, observations, answer):
    number = fed(duplicate(empty), observations)
    before = answer(number)
    other = duplicate(number)
    assert answer(other) == before
    other.merge(number)
    assert answer(other)[0] == 2 * before[0]
    assert answer(number) == before
