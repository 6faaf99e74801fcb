"""What opens a breaker and for how long, how it is tried, and what its settings may be."""

import asyncio
import math
from functools import partial

import pytest

from postopt.errors import CircuitOpenError, ContextLengthError, DeadlineExceededError, OverloadedError, RateLimitError
from postopt.resilience.breaker import CircuitBreaker


class TestRules:
    def test_no_rule_no_opening(self, bench):
        it = bench(failure_threshold=None)
        it.fail(1_000)
        assert it.breaker.state == "closed"

    def test_a_share_needs_enough_calls(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=4)
        it.fail(3)
        assert it.breaker.state == "closed"
        it.fail()
        assert it.breaker.state == "open"

    def test_a_success_may_make_the_calls_enough(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=4)
        it.fail(2)
        it.succeed(2)
        assert it.breaker.state == "open"

    def test_failures_leave_the_window(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=4, window=8)
        it.succeed(5)
        it.fail(3)
        it.succeed(5)
        it.fail(2)  # of the last eight: F SSSSS FF
        assert it.breaker.state == "closed"
        it.succeed(2)
        it.fail()  # SSSS FF SS F: of the last eight three
        assert it.breaker.state == "closed"
        it.fail()  # SSS FF SS FF
        assert it.breaker.state == "open"

    def test_a_share_is_exact(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.55, minimum_calls=20)
        it.succeed(9)
        it.fail(10)
        assert it.breaker.state == "closed"
        it.fail()  # 11 of 20; and 0.55 * 20 is more than 11
        assert it.breaker.state == "open"

    def test_looking_at_the_metrics_moves_no_window(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=4, window=4)
        it.fail(2)
        for _ in range(100):
            assert it.breaker.metrics.failure == 2
        it.succeed()
        it.fail()
        assert it.breaker.state == "open"

    def test_a_small_window_makes_fewer_calls_enough(self, bench):
        it = bench(failure_threshold=None, failure_rate=1.0, window=5, minimum_calls=10)
        it.fail(5)
        assert it.breaker.state == "open"

    def test_a_window_without_end(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, window=10**30)
        it.fail(10)
        assert it.breaker.state == "open"

    def test_a_window_of_time(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=4, window_seconds=60.0)
        it.fail(3)
        it.clock.advance(61)
        it.succeed(3)
        it.fail(2)
        assert it.breaker.state == "closed"
        it.clock.advance(30)
        it.fail()
        assert it.breaker.state == "open"

    def test_a_window_of_time_forgets_step_by_step(self, bench):
        it = bench(failure_threshold=None, failure_rate=0.5, minimum_calls=3, window_seconds=10.0, slow_rate=0.5,
                   slow_call_seconds=1.0)  # fmt: skip
        for _ in range(20):  # never more than two failures and two slow calls in ten seconds, and three successes each
            it.succeed(3)
            it.fail()
            assert it.runs(it.last, 1.5)
            it.clock.advance(6)
        assert it.breaker.state == "closed"
        it.clock.advance(10)
        for _ in range(2):
            it.runs(it.last, 1.5)
        assert it.breaker.state == "closed"
        it.runs(it.last, 1.5)
        assert it.breaker.state == "open"

    def test_rows_count_in_a_window_of_time_too(self, bench):
        it = bench(window_seconds=10.0)
        it.fail(2)
        it.succeed()
        it.fail(2)
        it.clock.advance(100)
        it.fail()
        assert it.breaker.state == "open"

    def test_a_slow_call_is_a_failure_without_a_slow_rate(self, bench):
        it = bench(slow_call_seconds=1.0)
        it.fail(2)
        assert it.runs(it.last, 2.0)
        assert it.breaker.state == "open"
        assert it.ends() == {"failure": 2, "slow": 1}

    def test_a_slow_call_neither_heals_nor_lengthens_a_row_with_one(self, bench):
        it = bench(slow_call_seconds=1.0, slow_rate=1.0)
        it.fail(2)
        for _ in range(3):
            assert it.runs(it.last, 2.0)
        assert it.breaker.state == "closed"
        it.fail()
        assert it.breaker.state == "open"

    def test_a_slow_probe_opens_again(self, bench):
        it = bench(slow_call_seconds=1.0, slow_rate=1.0).half_open()
        assert it.runs(it.last, 2.0)
        assert it.breaker.state == "open"


class TestJudging:
    def test_by_whose_fault_it_is(self, bench):
        it = bench()
        for error in (ContextLengthError("long"), DeadlineExceededError("late"), CircuitOpenError("further in")):
            assert it.runs(it.fall, error)
        assert it.runs(it.fall, OverloadedError("busy"))
        assert it.ends() == {"ignored": 3, "failure": 1}

    def test_a_rejection_further_in_is_no_rejection_of_this_one(self, bench):
        outer, inner = bench(failure_threshold=1), bench().open()
        assert not outer.runs(inner.breaker.call, inner.work)
        assert outer.breaker.state == "closed"
        assert outer.ends() == {"ignored": 1}

    def test_a_classifier_judges_results_errors_and_times(self, bench):
        seen = []

        def judge(cause, result, seconds):
            seen.append((type(cause).__name__, result, seconds))
            return "failure" if result == "nonsense" else "slow" if seconds > 5 else "ignored" if cause else "success"

        it = bench(classify=judge)
        assert it.breaker.call(lambda: "nonsense") == "nonsense"
        it.runs(it.fall, KeyError())
        it.runs(it.last, 6.0)
        it.succeed()
        assert asyncio.run(it.breaker.acall(asyncio.sleep, 0, "nonsense")) == "nonsense"
        assert it.ends() == {"failure": 2, "ignored": 1, "slow": 1, "success": 1}
        assert seen[:3] == [("NoneType", "nonsense", 0.0), ("KeyError", None, 0.0), ("NoneType", "done", 6.0)]

    def test_a_cancellation_is_neutral_whatever_the_classifier_says(self, bench):
        it = bench(classify=lambda *_: "failure", failure_threshold=1)
        with pytest.raises(KeyboardInterrupt):
            it.breaker.call(it.fall, KeyboardInterrupt())
        assert it.ends() == {"cancelled": 1}

    @pytest.mark.parametrize("broken", [lambda *_: "good", lambda *_: [], lambda: None, lambda *_: 1 / 0])
    def test_a_broken_classifier_does_not_matter(self, bench, broken):
        it = bench(classify=broken)
        it.succeed()
        it.fail(3)
        assert it.breaker.state == "open"
        assert it.breaker.metrics.classifier_errors == 4

    @pytest.mark.parametrize("function", ["work", "fall"])
    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
    def test_an_interrupt_while_a_probe_is_judged_leaves_its_place(self, bench, function, interrupt):
        verdicts = iter([*["failure"] * 3, interrupt])

        def judge(*_):
            verdict = next(verdicts)
            if verdict is interrupt:
                raise interrupt
            return verdict

        it = bench(classify=judge).half_open()
        with pytest.raises(interrupt) as caught:
            it.breaker.call(getattr(it, function))
        assert (caught.value.__context__ is not None) == (function == "fall")
        assert (it.breaker.state, it.breaker.retry_after) == ("half_open", 0.0)
        assert it.ends()["cancelled"] == 1
        assert it.breaker.metrics.classifier_errors == 1

    @pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
    def test_what_else_a_classifier_raises_is_no_interrupt(self, bench, down, error):
        def judge(*_):
            raise error

        it = bench(classify=judge)
        with pytest.raises(down):
            it.breaker.call(it.fall)
        assert it.ends() == {"failure": 1}

    def test_the_call_that_opened_it_is_told(self, bench, down):
        heard = []
        it = bench(failure_threshold=1, slow_call_seconds=9.0, listeners=[heard.append])
        error = down()

        def fails():
            it.clock.advance(2)
            raise error

        it.runs(fails)
        (change,) = heard
        assert (change.name, change.before, change.after, change.retry_after) == ("provider", "closed", "open", 10.0)
        assert (change.outcome.kind, change.outcome.seconds, change.outcome.cause) == ("failure", 2.0, error)

    def test_the_probe_that_closed_it_is_told(self, bench):
        heard = []
        it = bench(slow_call_seconds=9.0, listeners=[heard.append]).half_open()
        assert it.runs(it.last, 0.5)
        assert (heard[-1].after, heard[-1].outcome.kind, heard[-1].outcome.seconds) == ("closed", "success", 0.5)

    def test_the_seconds_of_a_call_that_nobody_times_are_zero(self, bench):
        heard = []
        it = bench(failure_threshold=1, listeners=[heard.append])
        it.fail()
        assert heard[0].outcome.seconds == 0.0


class TestRetryAfter:
    def test_it_lengthens(self, bench):
        it = bench()
        it.fail(2)
        it.fail(retry_after=25.0)
        assert it.breaker.retry_after == 25.0

    def test_it_never_shortens(self, bench):
        it = bench()
        it.fail(3, retry_after=1.0)
        assert it.breaker.retry_after == 10.0

    def test_an_earlier_failure_may_have_asked_for_more(self, bench):
        it = bench()
        it.fail(retry_after=60.0)
        it.clock.advance(5)
        it.fail(2)
        assert it.breaker.retry_after == pytest.approx(55)

    @pytest.mark.parametrize(("seconds", "left"), [(100.0, 100.0), (3.0, 10.0)])
    def test_one_that_comes_late_lengthens_too(self, bench, held, settle, down, seconds, left):
        async def story():
            it = bench()
            early = asyncio.create_task(it.breaker.acall(held))
            await settle()
            it.open()
            held.begun[0].set_exception(down(retry_after=seconds))
            await asyncio.wait([early])
            assert it.breaker.retry_after == left
            assert early.exception()
            with pytest.raises(CircuitOpenError) as caught:
                it.breaker.call(it.work)
            assert caught.value.retry_after == left

        asyncio.run(story())

    @pytest.mark.parametrize("asked", [1e9, math.inf, 10**400])
    def test_an_absurd_one_is_cut_to_the_longest_open_time(self, bench, asked):
        it = bench(failure_threshold=1, max_open_seconds=40.0)
        it.fail(retry_after=asked)
        assert it.breaker.retry_after == 40.0

    @pytest.mark.parametrize("asked", [math.nan, -5, "tomorrow", b"", object(), [1]])
    def test_nonsense_is_nothing(self, bench, asked):
        it = bench(failure_threshold=1)
        it.fail(retry_after=asked)
        assert it.breaker.retry_after == 10.0

    def test_one_that_cannot_be_read_is_nothing(self, bench):
        class OddError(Exception):
            @property
            def retry_after(self):
                raise RuntimeError

        it = bench(failure_threshold=1)
        it.runs(it.fall, OddError())
        assert it.breaker.retry_after == 10.0

    def test_those_of_our_errors_count(self, bench):
        it = bench(failure_threshold=1)
        it.runs(it.fall, RateLimitError("slowly", retry_after=33.0))
        assert it.breaker.retry_after == 33.0


class TestOpenTime:
    def test_jitter_takes_off_a_share_at_most_and_a_seed_repeats_it(self, bench):
        def times(seed):
            it = bench(failure_threshold=1, jitter=0.5, seed=seed)
            for _ in range(50):
                it.fail()
                yield it.breaker.retry_after
                it.breaker.reset()

        first = list(times(1))
        assert all(5.0 <= seconds <= 10.0 for seconds in first)
        assert len(set(first)) > 40
        assert list(times(1)) == first != list(times(2))

    def test_jitter_takes_nothing_off_what_a_provider_asks_for(self, bench):
        it = bench(failure_threshold=1, jitter=1.0)
        it.fail(retry_after=20.0)
        assert it.breaker.retry_after == 20.0

    def test_a_base_above_the_longest_stays(self, bench):
        it = bench(open_seconds=600.0, open_backoff=2.0, max_open_seconds=300.0, failure_threshold=1)
        it.fail()
        assert it.breaker.retry_after == 600.0
        it.clock.advance(600)
        it.fail(retry_after=1e9)
        assert it.breaker.retry_after == 600.0

    def test_it_grows_without_end(self, bench):
        it = bench(open_backoff=1e300, max_open_seconds=1e6).half_open()
        for _ in range(5):
            it.fail()
            it.clock.advance(it.breaker.retry_after * 1.001)
        it.succeed()


class TestOthersNews:
    """What a circuit hears of those of its name in other processes."""

    def test_it_opens_and_closes_with_them(self, bench):
        it = bench()
        it.breaker._circuit.open_for(7.0)
        assert (it.breaker.state, it.breaker.retry_after) == ("open", 7.0)
        it.breaker._circuit.open_for(5.0)
        assert it.breaker.retry_after == 7.0
        it.breaker._circuit.open_for(1e9)
        assert it.breaker.retry_after == 300.0  # the longest that it may be
        it.breaker._circuit.close()
        assert it.runs()

    def test_what_has_happened_here_meanwhile_counts_more(self, bench):
        it = bench().open()
        it.breaker._circuit.close()
        assert it.breaker.state == "open"
        assert it.breaker._circuit.report().news == "open"
        assert it.breaker._circuit.report().news == ""
        it.breaker._circuit.close()
        assert it.breaker.state == "closed"
        it.half_open()
        it.succeed()
        it.breaker._circuit.open_for(5.0)
        assert it.breaker.state == "closed"

    @pytest.mark.parametrize("decide", ["force_open", "disable", "observe"])
    def test_what_the_host_has_decided_stays(self, bench, decide):
        it = bench()
        getattr(it.breaker, decide)()
        state = it.breaker.state
        it.breaker._circuit.open_for(5.0)
        it.breaker._circuit.close()
        assert it.breaker.state == state


class TestHalfOpen:
    def test_so_many_successes_close(self, bench):
        it = bench(successes_to_close=3).half_open()
        it.succeed(2)
        assert it.breaker.state == "half_open"
        it.succeed()
        assert it.breaker.state == "closed"

    def test_each_opening_asks_for_all_of_them_again(self, bench):
        it = bench(successes_to_close=2).half_open()
        it.succeed()
        it.fail()
        it.clock.advance(10)
        it.succeed()
        assert it.breaker.state == "half_open"

    def test_a_lost_probe_frees_its_place_and_its_result_changes_nothing(self, bench, held, settle, down):
        async def story():
            it = bench(probe_lease_seconds=5.0).half_open()
            lost = [asyncio.create_task(it.breaker.acall(held))]
            await settle()
            it.clock.advance(4.9)
            assert not await it.aruns()
            assert it.breaker.retry_after == pytest.approx(0.1)
            it.clock.advance(0.2)
            lost.append(asyncio.create_task(it.breaker.acall(held)))
            await settle()
            assert len(held.begun) == 2
            held.begun[0].set_exception(down())
            await asyncio.wait(lost[:1])
            assert lost[0].exception()
            assert it.breaker.state == "half_open"
            assert not await it.aruns()
            held.begun[1].set_result("done")
            await lost[1]
            assert it.breaker.state == "closed"
            assert (it.ends()["lost"], it.ends()["stale"]) == (1, 1)

        asyncio.run(story())

    def test_a_rejection_names_the_lease(self, bench):
        it = bench().half_open()
        with it.breaker, pytest.raises(CircuitOpenError, match=r"being tried; .* in 60\.0 s at the latest") as caught:
            it.breaker.call(it.work)
        assert caught.value.retry_after == 60.0


class TestByHand:
    def test_disabled_lets_all_through_and_judges_none(self, bench):
        it = bench().open()
        it.breaker.disable()
        it.fail(20)
        assert it.breaker.state == "disabled"
        assert it.breaker.retry_after == 0.0
        it.breaker.reset()
        it.fail(2)
        assert it.breaker.state == "closed"

    def test_metrics_only_counts_how_often_it_would_have_opened(self, bench):
        it = bench()
        it.breaker.observe()
        it.fail(7)
        assert it.breaker.state == "metrics_only"
        assert it.breaker.metrics.withheld == 2
        assert it.breaker.metrics.opened == 0

    def test_results_of_before_do_not_count(self, bench, down):
        for decide in ("reset", "force_open", "disable", "observe"):
            it = bench(failure_threshold=1)
            it.breaker.__enter__()
            getattr(it.breaker, decide)()
            state = it.breaker.state
            it.breaker.__exit__(down, down(), None)
            assert (it.breaker.state, it.breaker.metrics.withheld, it.ends()["stale"]) == (state, 0, 1)

    def test_forced_open_says_that_only_the_host_knows(self, bench):
        it = bench()
        it.breaker.force_open()
        with pytest.raises(CircuitOpenError, match="forced open until the host resets it") as caught:
            it.breaker.call(it.work)
        assert caught.value.retry_after is it.breaker.retry_after is None

    def test_changes_are_told_and_counted_once(self, bench):
        heard = []
        it = bench(listeners=[lambda change: heard.append((change.before, change.after, change.outcome))])
        for decide in (it.breaker.force_open, it.breaker.force_open, it.breaker.reset, it.breaker.reset):
            decide()
        assert heard == [("closed", "forced_open", None), ("forced_open", "closed", None)]
        assert (it.breaker.metrics.opened, it.breaker.metrics.closed) == (0, 1)


async def awaited(*_):
    return "success"


class Awaited:
    async def __call__(self, *_):
        return "success"


BAD = {
    "name": ["", None, 7],
    "failure_threshold": [0, -1, 1.5, True, "3", math.nan],
    "failure_rate": [0, -0.1, 1.1, math.nan, "half", True],
    "slow_rate": [0, 2, math.nan],
    "minimum_calls": [0, -1, None, 2.0],
    "window": [0, None, math.inf],
    "window_seconds": [0, -1, math.nan, math.inf, "60"],
    "slow_call_seconds": [0, -1, math.nan],
    "slow_gap_seconds": [0, -1, math.nan],
    "open_seconds": [0, -1, math.nan, math.inf, None],
    "open_backoff": [0, 0.5, math.nan, math.inf],
    "max_open_seconds": [0, -1, math.nan, math.inf],
    "jitter": [-0.1, 1.1, math.nan, None],
    "half_open_probes": [0, -1, 1.0],
    "successes_to_close": [0, None],
    "probe_lease_seconds": [0, -1, math.nan],
    "ignore": [KeyError(), ("KeyError",), int, None],
    "classify": [7, awaited, partial(awaited), Awaited()],
    "listeners": [[None], ["listener"], print, None, [awaited]],
    "shared": [object(), 7, type("Joined", (), {"join": None})()],
    "clock": [None, 7.0],
    "seed": [-1, "seed", 1.5],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_setting_that_is_none_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=name):
        CircuitBreaker(**{"name": "b", name: value})
