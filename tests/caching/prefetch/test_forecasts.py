"""The record of predictions: what counts, what does not, and when it is good enough."""

import pytest

from postopt.caching.prefetching.forecasts import HORIZON, MEMORY, Forecasts
from postopt.stats import wilson_interval

FREE = (0.0, 0.0)


def weigh(forecasts, trigger, request, *candidates, cache=frozenset(), terms=FREE):
    hits_lost, place = terms
    return forecasts.weigh(trigger, request, candidates, cache.__contains__, hits_lost=hits_lost, place=place)


def teach(forecasts, bucket, *, came, failed):
    for _ in range(came):
        forecasts.settle(bucket, came=True)
    for _ in range(failed):
        forecasts.settle(bucket, came=False)


def test_a_prediction_comes_true_if_its_key_is_missed_in_time():
    forecasts = Forecasts(2)
    weigh(forecasts, "a", 1, ("b", 0, 1.0), ("c", 1, 1.0))
    forecasts.expire(HORIZON + 1)
    forecasts.asked("b", missed=True, used=None, contains={"a"}.__contains__)
    forecasts.expire(HORIZON + 2)
    assert (forecasts.good, forecasts.bad) == ([1.0, 0.0], [0.0, 1.0])
    assert forecasts._open == {}


def test_a_key_that_was_there_all_the_time_says_nothing():
    forecasts = Forecasts(1)
    weigh(forecasts, "a", 1, ("b", 0, 1.0), cache={"b"})
    assert forecasts._open == {}
    weigh(forecasts, "a", 2, ("b", 0, 1.0))
    forecasts.asked("b", missed=False, used=None, contains=set().__contains__)
    assert (forecasts.good, forecasts.bad) == ([0.0], [0.0])


def test_it_would_have_been_too_early_if_what_triggered_it_is_gone():
    forecasts = Forecasts(2)
    cache = {"a"}
    weigh(forecasts, "a", 1, ("b", 0, 1.0))
    forecasts.asked("b", missed=True, used=None, contains=cache.__contains__)
    weigh(forecasts, "x", 2, ("y", 0, 1.0))
    forecasts.asked("y", missed=True, used=None, contains=cache.__contains__)
    assert (forecasts.good[0], forecasts.bad[0]) == (1.0, 1.0)


def test_what_was_fetched_and_gone_was_too_early():
    forecasts = Forecasts(1)
    for request, used in ((1, False), (2, True)):
        weigh(forecasts, "a", request, ("b", 0, 1.0))
        forecasts.asked("b", missed=True, used=used, contains={"a"}.__contains__)
    assert (forecasts.good, forecasts.bad) == ([1.0], [1.0])


def test_a_cache_in_which_nothing_is_ever_found_says_nothing_about_time():
    forecasts = Forecasts(1)
    weigh(forecasts, "a", 1, ("b", 0, 1.0))
    forecasts.asked("b", missed=True, used=None, contains=set().__contains__)
    assert forecasts.good == [1.0]


def test_buckets_that_say_the_same_are_all_right():
    forecasts = Forecasts(3)
    weigh(forecasts, "a", 1, ("c", 0, 1.0))
    weigh(forecasts, "b", 2, ("c", 1, 1.0), ("c", 1, 1.0))
    forecasts.asked("c", missed=True, used=None, contains={"a", "b"}.__contains__)
    assert (forecasts.good, forecasts.bad) == ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0])


def test_each_has_its_own_time():
    forecasts = Forecasts(2)
    weigh(forecasts, "a", 1, ("c", 0, 1.0))
    weigh(forecasts, "b", 200, ("c", 1, 1.0))
    forecasts.expire(HORIZON + 2)
    assert forecasts.bad == [1.0, 0.0]
    forecasts.asked("c", missed=True, used=None, contains={"b"}.__contains__)
    assert forecasts.good == [0.0, 1.0]


def test_a_trusted_bucket_takes_over():
    forecasts = Forecasts(2)
    teach(forecasts, 1, came=20, failed=0)
    assert weigh(forecasts, "a", 1, ("c", 0, 1.0)) == []
    assert weigh(forecasts, "b", 2, ("c", 1, 1.0)) == [("c", 1, 1.0)]
    assert weigh(forecasts, "b", 3, ("c", 1, 1.0), cache={"c"}) == []
    forecasts.expire(10_000)
    assert (forecasts.good, forecasts.bad) == ([0.0, 20.0], [0.0, 1.0])


@pytest.mark.parametrize(
    ("came", "failed", "terms", "cost", "trusted"),
    [
        (20, 0, FREE, 1.0, True),
        (11, 9, FREE, 1.0, False),  # more often than not, but not surely
        (130, 70, FREE, 1.0, True),
        (110, 90, FREE, 1.0, False),  # surely, but hardly
        (130, 70, (1.0, 1.0), 1.0, False),
        (90, 10, (1.0, 1.0), 1.0, True),
        (90, 10, (1.0, 1.0), 0.05, False),  # it is cheap, and its place is not
        (90, 10, (9.0, 0.0), 1.0, False),  # saves money and costs hits
        (20, 0, FREE, 0.0, False),  # nothing to save
    ],
)
def test_trust_is_a_matter_of_money_and_hits(came, failed, terms, cost, trusted):
    forecasts = Forecasts(1)
    teach(forecasts, 0, came=came, failed=failed)
    found = weigh(forecasts, "a", 1, ("b", 0, cost), terms=terms)
    assert found == ([("b", 0, cost)] if trusted else [])


def test_the_bound_is_wilsons():
    forecasts = Forecasts(1)
    teach(forecasts, 0, came=30, failed=12)
    assert forecasts._likely[0] == pytest.approx(wilson_interval(30, 42, 0.9).low, rel=1e-4)


def test_it_changes_its_mind():
    forecasts = Forecasts(1)
    teach(forecasts, 0, came=10_000, failed=0)
    assert weigh(forecasts, "a", 1, ("b", 0, 1.0))
    teach(forecasts, 0, came=0, failed=MEMORY)
    assert not weigh(forecasts, "a", 2, ("b", 0, 1.0))


def test_what_holds_until_the_slot_ends_ends_with_it():
    forecasts = Forecasts(1)
    forecasts.weigh(
        "a", 1, [("b", 0, 1.0), ("c", 0, 1.0)], set().__contains__, hits_lost=0.0, place=0.0, until_slot_ends=True
    )
    forecasts.expire(10_000)
    forecasts.asked("b", missed=True, used=None, contains={"a"}.__contains__)
    forecasts.end_slot()
    forecasts.end_slot()
    assert (forecasts.good, forecasts.bad) == ([1.0], [1.0])


def test_gain_is_the_share_of_misses_that_trusted_predictions_foresaw():
    forecasts = Forecasts(1)
    teach(forecasts, 0, came=20, failed=0)
    for number in range(10_000):
        forecasts.missed()
        if number % 4 == 0:
            weigh(forecasts, "a", number, ("b", 0, 1.0))
            forecasts.asked("b", missed=True, used=None, contains={"a"}.__contains__)
    assert forecasts.gain == pytest.approx(0.25, abs=0.01)


def test_the_record_of_several_buckets():
    forecasts = Forecasts(3)
    teach(forecasts, 0, came=3, failed=1)
    teach(forecasts, 2, came=2, failed=4)
    assert forecasts.record([0, 2]) == wilson_interval(5, 10)
    assert forecasts.record([1]) is None
