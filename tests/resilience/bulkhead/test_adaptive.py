"""The adaptive limit against a simulated server whose knee is known."""

import heapq
import math
import random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.resilience.adaptive import AdaptiveLimit


def simulate(limit, calls, *, knee, seconds_each=lambda done: 0.02, callers=math.inf, seed=1):
    """Call a server that slows down in proportion beyond its knee; return the limits after each tenth of the calls.

    Answers have 100 tokens in the mean, and single calls vary by a fifth beside that; each call has 0.2 s on top.
    """
    rng = random.Random(seed)
    now, done, limits, under_way = 0.0, 0, [], []
    while done < calls:
        while len(under_way) < min(limit.limit, callers):
            in_flight = len(under_way) + 1
            tokens = 1 + int(rng.expovariate(0.01))
            each = seconds_each(done) * max(1.0, in_flight / knee(done)) * rng.lognormvariate(0, 0.2)
            heapq.heappush(under_way, (now + 0.2 + tokens * each, now, tokens, in_flight))
        now, begun, tokens, in_flight = heapq.heappop(under_way)
        done += 1
        limit.record(now - begun, tokens, in_flight)
        if done % (calls // 10) == 0:
            limits.append(limit._limit)
    return limits, now


class Gradient2:
    """The original, as Netflix's library has it, on windows of seconds per token."""

    def __init__(self, *, tolerance=1.0, long_window=600):
        self._limit = 20.0
        self._tolerance = tolerance
        self._long_window = long_window
        self._long = None
        self._windows = 0
        self._window = []

    @property
    def limit(self):
        return int(self._limit)

    def record(self, seconds, tokens, in_flight):
        self._window.append((seconds, tokens, in_flight))
        if len(self._window) < max(10, self.limit):
            return
        all_seconds, all_tokens, in_flights = zip(*self._window, strict=True)
        short = sum(all_seconds) / sum(all_tokens)
        self._window = []
        self._windows += 1
        self._long = short if self._long is None else self._long
        self._long += (short - self._long) / min(self._windows, self._long_window)
        if self._long / short > 2:
            self._long *= 0.9
        if max(in_flights) >= self._limit / 2:
            gradient = max(0.5, min(1.0, self._tolerance * self._long / short))
            aim = self._limit * gradient + 4
            self._limit = min(200.0, self._limit * 0.8 + aim * 0.2)


@pytest.mark.parametrize(("tolerance", "long_window", "reached"), [(1.0, 600, 40), (1.5, 100, 195)])
def test_the_original_creeps_away_from_the_knee(tolerance, long_window, reached):
    """Why ours is not the original (docs/design/0013)."""
    original = Gradient2(tolerance=tolerance, long_window=long_window)
    limits, _ = simulate(original, 40_000, knee=lambda done: 16)
    assert limits[-1] > reached


@pytest.mark.parametrize("initial", [2, 20, 100])
@pytest.mark.parametrize("knee", [1, 4, 16, 64])
def test_finds_the_knee_from_below_and_above_and_stays(initial, knee):
    limits, _ = simulate(AdaptiveLimit(initial=initial), 20_000, knee=lambda done: knee)
    assert all(0.9 * knee <= limit <= 1.5 * knee + 5 for limit in limits[5:])


def test_gives_way_when_the_server_bears_less_and_comes_back_when_it_bears_more():
    limits, _ = simulate(AdaptiveLimit(), 30_000, knee=lambda done: 4 if 10_000 <= done < 20_000 else 16)
    assert 16 <= limits[2] <= 28
    assert 4 <= limits[5] <= 10
    assert 16 <= limits[9] <= 28


def test_gives_way_at_once_when_answers_become_slower():
    limit = AdaptiveLimit()
    before, _ = simulate(limit, 10_000, knee=lambda done: 16)
    # In the next ten windows, before it takes another look at what unloaded means.
    after, _ = simulate(limit, 200, knee=lambda done: 16, seconds_each=lambda done: 0.1)
    assert min(after) < 0.8 * before[-1]


def test_long_answers_are_no_slow_server():
    """Seconds a call would read ten times the tokens as a tenth of the speed."""
    limit = AdaptiveLimit(initial=10)
    for turn in range(4_000):
        tokens = 100 if turn < 2_000 else 1_000
        limit.record(tokens * 0.02, tokens, limit.limit)
    assert limit._limit > 50


def test_calls_that_are_few_anyway_leave_it_alone():
    limit = AdaptiveLimit(initial=50)
    limits, _ = simulate(limit, 5_000, knee=lambda done: 16, callers=5)
    assert limits == [50.0] * 10


def test_costs_little_throughput_against_a_limit_that_knows_the_knee():
    class Known:
        limit = _limit = 16

        def record(self, *arguments):
            pass

    _, adaptive = simulate(AdaptiveLimit(), 20_000, knee=lambda done: 16)
    _, known = simulate(Known(), 20_000, knee=lambda done: 16)
    assert adaptive < 1.1 * known


def test_an_overload_takes_a_tenth_of_it_but_not_the_last():
    limit = AdaptiveLimit(initial=10, least=2)
    limit.record(1.0, 10, 5, ok=False)
    assert limit._limit == 9.0
    for _ in range(100):
        limit.record(1.0, 10, 5, ok=False)
    assert (limit._limit, limit.limit) == (2, 2)


def test_a_burst_of_overloads_takes_it_once_and_the_next_one_again():
    limit = AdaptiveLimit(initial=200)
    for _ in range(60):
        limit.record(1.0, 10, 200, ok=False)
    assert limit._limit == 180.0
    for _ in range(140):  # the others that were under way
        limit.record(1.0, 10, 200)
    limit.record(1.0, 10, 200, ok=False)
    assert 150 < limit._limit <= 180 * 0.9 + 5


@given(
    calls=st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 10**6), st.integers(0, 300), st.booleans()
        ),
        max_size=300,
    )
)
def test_stays_within_its_bounds_whatever_it_hears(calls):
    limit = AdaptiveLimit(initial=5, least=2, most=9)
    for call in calls:
        limit.record(*call)
        assert 2 <= limit.limit <= 9


def test_answers_in_no_time_let_it_grow():
    limit = AdaptiveLimit(initial=5)
    for _ in range(200):
        limit.record(0.0, 10, limit.limit)
    assert limit._limit > 5


@pytest.mark.parametrize(
    "wrong",
    [{"initial": 0}, {"initial": 300}, {"least": 0}, {"least": 30}, {"most": 10}, {"most": 1.5}, {"initial": True}],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match="is needed"):
        AdaptiveLimit(**wrong)
