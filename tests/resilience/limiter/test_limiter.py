import asyncio
import gc
import threading

import pytest

from postopt.errors import ThrottledError
from postopt.resilience.deadline import within
from postopt.resilience.limiter import RateLimiter
from postopt.testing import ScriptedClock
from postopt.testing.loop import run_scripted


def limiter(**settings):
    """A limiter of the running loop's time."""
    return RateLimiter(clock=asyncio.get_running_loop().time, **settings)


async def passing(seconds):
    """Let the loop's own time go on, which costs none here."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


async def timed(limit, tokens=0):
    permit = await limit.acquire(tokens)
    return round(asyncio.get_running_loop().time(), 3), permit


async def all_timed(limit, tokens):
    tasks = [asyncio.create_task(timed(limit, each)) for each in tokens]
    return [at for at, _ in await asyncio.gather(*tasks)]


class TestTheRates:
    def test_a_burst_goes_at_once_and_the_rest_one_by_one(self):
        async def main():
            return await all_timed(limiter(requests_per_minute=120, burst_seconds=2), [0] * 7)

        assert run_scripted(main()) == [0, 0, 0, 0, 0.5, 1.0, 1.5]

    def test_tokens_and_requests_both_hold(self):
        async def main():
            limit = limiter(requests_per_minute=60, tokens_per_minute=600, burst_seconds=1)
            return await all_timed(limit, [10, 1, 1, 30, 1])

        # One a second, until the 30 tokens: they go with the full burst of 10, and the next waits for their debt.
        assert run_scripted(main()) == [0, 1, 2, 3, 5.1]

    def test_without_a_limit_of_tokens_they_are_free(self):
        async def main():
            return await all_timed(limiter(requests_per_minute=60), [10**9, 5])

        assert run_scripted(main()) == [0, 1]

    def test_one_request_larger_than_the_burst_is_no_dead_end(self):
        async def main():
            return await all_timed(limiter(tokens_per_minute=60, burst_seconds=1, max_wait_seconds=100), [50, 50, 1])

        assert run_scripted(main()) == [0, 50, 100]


class TestSettling:
    def test_gives_back_what_was_not_needed_and_lets_those_who_wait_go(self):
        async def main():
            limit = limiter(tokens_per_minute=60, burst_seconds=60)
            _, permit = await timed(limit, 60)
            waiting = asyncio.create_task(timed(limit, 50))
            await passing(1)
            assert not waiting.done()
            await permit.settle(10)
            return (await waiting)[0]

        assert run_scripted(main()) == 1.0

    def test_takes_what_was_needed_beyond_the_estimate(self):
        async def main():
            limit = limiter(tokens_per_minute=60, burst_seconds=60)
            _, permit = await timed(limit, 10)
            permit.settle_nowait(70)
            return (await timed(limit, 1))[0]

        assert run_scripted(main()) == 11.0

    def test_again_counts_the_last_figure(self):
        async def main():
            limit = limiter(tokens_per_minute=60, burst_seconds=60)
            _, permit = await timed(limit, 60)
            for tokens in (0, 0, 100, 20):
                permit.settle_nowait(tokens)
            assert limit.try_acquire(41) is None
            return limit.try_acquire(40) is not None

        assert run_scripted(main())

    def test_without_a_limit_of_tokens_changes_nothing(self):
        limit = RateLimiter(requests_per_minute=60, clock=ScriptedClock())
        limit.try_acquire(5).settle_nowait(10**6)

    @pytest.mark.parametrize("tokens", [-1, 1.5, True, "1", None, 10**400])
    def test_nonsense_is_refused(self, tokens):
        permit = RateLimiter(tokens_per_minute=60, clock=ScriptedClock()).try_acquire(1)
        with pytest.raises(ValueError, match="tokens"):
            permit.settle_nowait(tokens)


class TestWaiting:
    def test_is_in_order_of_arrival_even_for_the_small(self):
        async def main():
            limit = limiter(tokens_per_minute=60, burst_seconds=10)
            await limit.acquire(10)
            order = []

            async def one(name, tokens):
                await limit.acquire(tokens)
                order.append(name)

            tasks = [asyncio.create_task(one(name, tokens)) for name, tokens in [("big", 10), ("small", 1)]]
            await passing(5)
            assert limit.waiting == 2
            assert limit.try_acquire(1) is None  # nor does anybody get past them without waiting
            await asyncio.gather(*tasks)
            return order

        assert run_scripted(main()) == ["big", "small"]

    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_that_is_cancelled_has_taken_nothing(self, which):
        async def main():
            limit = limiter(requests_per_minute=60)
            await limit.acquire()
            tasks = [asyncio.create_task(timed(limit)) for _ in range(3)]
            await passing(0.25)
            tasks[which].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(results.pop(which), asyncio.CancelledError)
            assert limit.waiting == 0
            return [at for at, _ in results]

        assert run_scripted(main()) == [1, 2]

    def test_that_is_cancelled_when_its_turn_comes_loses_no_turn(self):
        async def main():
            limit = limiter(requests_per_minute=60)
            await limit.acquire()
            first, second = (asyncio.create_task(timed(limit)) for _ in range(2))
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_at(1.0, first.cancel)
            return (await asyncio.gather(first, second, return_exceptions=True))[1][0]

        assert run_scripted(main()) == 1.0

    def test_too_long_is_refused_at_once(self):
        async def main():
            limit = limiter(requests_per_minute=60, max_wait_seconds=2.5)
            tasks = [asyncio.create_task(timed(limit)) for _ in range(5)]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [at for at, _ in results[:3]] == [0, 1, 2]
            return asyncio.get_running_loop().time(), results[3:]

        now, refused = run_scripted(main())
        assert now == 2.0
        assert [type(error) for error in refused] == [ThrottledError, ThrottledError]
        assert refused[0].retry_after == pytest.approx(3.0)

    def test_beyond_the_deadline_is_refused_at_once(self):
        async def main():
            loop = asyncio.get_running_loop()
            limit = limiter(requests_per_minute=60)
            await limit.acquire()
            with within(0.5, clock=loop.time), pytest.raises(ThrottledError, match=r"may wait 0\.5 s"):
                await limit.acquire()
            with within(1.5, clock=loop.time):
                await limit.acquire()
            return loop.time()

        assert run_scripted(main()) == 1.0

    def test_a_debt_that_comes_up_meanwhile_ends_the_wait_of_those_for_whom_it_is_too_long(self):
        async def main():
            limit = limiter(tokens_per_minute=60, burst_seconds=10, max_wait_seconds=20)
            _, permit = await timed(limit, 10)
            tasks = [asyncio.create_task(timed(limit, 5)) for _ in range(2)]
            await passing(1)
            await permit.settle(100)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            return [type(result) for result in results], asyncio.get_running_loop().time(), limit.waiting

        assert run_scripted(main()) == ([ThrottledError] * 2, 1.0, 0)


class TestRetryAfter:
    def test_pushes_everybody_back(self):
        async def main():
            limit = limiter(requests_per_minute=60)
            tasks = [asyncio.create_task(timed(limit)) for _ in range(3)]
            await passing(0.5)
            await limit.retry_after(10)
            assert limit.try_acquire() is None
            return [at for at, _ in await asyncio.gather(*tasks)]

        # Half a second of the wait was over, and time stood still for ten.
        assert run_scripted(main()) == [0, 11, 12]

    def test_only_lengthens(self):
        async def main():
            limit = limiter(requests_per_minute=60, burst_seconds=3)
            for seconds in (10, 2, 0, 10):
                await limit.retry_after(seconds)
            return await all_timed(limit, [0] * 4)

        assert run_scripted(main()) == [10, 10, 10, 11]

    def test_gives_no_burst_for_the_time_it_took(self):
        async def main():
            limit = limiter(requests_per_minute=60, burst_seconds=5)
            assert await all_timed(limit, [0] * 5) == [0] * 5
            await limit.retry_after(10)
            return await all_timed(limit, [0] * 2)

        assert run_scripted(main()) == [11, 12]

    def test_refuses_those_for_whom_it_is_too_long(self):
        async def main():
            limit = limiter(requests_per_minute=60, max_wait_seconds=5)
            await limit.acquire()
            tasks = [asyncio.create_task(timed(limit)) for _ in range(3)]
            await passing(0.5)
            await limit.retry_after(60)
            return [type(result) for result in await asyncio.gather(*tasks, return_exceptions=True)]

        assert run_scripted(main()) == [ThrottledError] * 3

    def test_refuses_them_at_once_and_lets_those_that_are_then_in_time_wait(self):
        async def main():
            limit = limiter(requests_per_minute=60, max_wait_seconds=20)
            await limit.acquire()
            patient = [asyncio.create_task(timed(limit)) for _ in range(2)]
            with within(8):
                hurried = [asyncio.create_task(timed(limit)) for _ in range(3)]
            last = asyncio.create_task(timed(limit))
            await passing(0.5)
            limit.pause(10)
            refused = await asyncio.gather(*hurried, return_exceptions=True)
            at = asyncio.get_running_loop().time()
            return [type(error) for error in refused], at, [(await task)[0] for task in [*patient, last]], limit.waiting

        # The refused have left no gap: who came after them goes third, not sixth.
        assert run_scripted(main()) == ([ThrottledError] * 3, 0.5, [11, 12, 13], 0)

    def test_looks_once_at_each_that_waits(self):
        class Counting(RateLimiter):
            looks = 0

            def _delay(self, *arguments):
                self.looks += 1
                return super()._delay(*arguments)

        async def looks(callers):
            limit = Counting(requests_per_minute=60_000, clock=asyncio.get_running_loop().time)
            tasks = [asyncio.create_task(limit.acquire()) for _ in range(callers)]
            await asyncio.sleep(0)
            limit.pause(1.0)
            for _ in range(3):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return limit.looks

        assert run_scripted(looks(2000)) < 5 * 2000

    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1"])
    def test_nonsense_is_refused(self, seconds):
        with pytest.raises(ValueError, match="seconds"):
            RateLimiter(requests_per_minute=1).pause(seconds)


class TestEverywhere:
    def test_threads_and_their_loops_share_one_rate(self):
        """No clock moves: what goes is the burst, and it goes once."""
        limit = RateLimiter(requests_per_minute=60, burst_seconds=50, max_wait_seconds=0, clock=ScriptedClock())
        went = []

        async def many():
            results = await asyncio.gather(*(limit.acquire() for _ in range(20)), return_exceptions=True)
            went.extend(result for result in results if not isinstance(result, ThrottledError))

        threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(went) == 50

    def test_a_waiter_of_another_loop_is_woken(self):
        clock = ScriptedClock()
        limit = RateLimiter(tokens_per_minute=60, burst_seconds=60, max_wait_seconds=1e6, clock=clock)
        permit = limit.try_acquire(60)
        thread = threading.Thread(target=lambda: asyncio.run(limit.acquire(60)))
        thread.start()
        while not limit.waiting:
            pass
        permit.settle_nowait(0)
        thread.join(30)
        assert not thread.is_alive()

    @pytest.mark.filterwarnings("ignore:.*was never awaited", "ignore:.*was destroyed")
    def test_a_loop_that_is_closed_under_those_who_wait_holds_up_nobody(self):
        clock = ScriptedClock()
        limit = RateLimiter(requests_per_minute=60, clock=clock)
        limit.try_acquire()
        loop = asyncio.new_event_loop()
        tasks = [loop.create_task(limit.acquire()) for _ in range(2)]
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        assert limit.waiting == 2
        clock.advance(1)
        asyncio.run(limit.acquire())
        for task in tasks:
            task._log_destroy_pending = False
        del tasks, task
        gc.collect()
        assert limit.waiting == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests_per_minute": 0},
        {"requests_per_minute": -1},
        {"tokens_per_minute": float("nan")},
        {"tokens_per_minute": True},
        {"tokens_per_minute": 10**400},
        {"requests_per_minute": 1e-320},
        {"tokens_per_minute": 5e-324},
        {"burst_seconds": -1, "requests_per_minute": 1},
        {"max_wait_seconds": float("inf"), "requests_per_minute": 1},
        {"clock": 3, "requests_per_minute": 1},
        {"requests_per_minute": None, "tokens_per_minute": None},
    ],
)
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RateLimiter(**wrong)


@pytest.mark.parametrize("tokens", [-1, 1.5, True, "1", 10**400])
def test_an_estimate_has_to_be_one(tokens):
    limit = RateLimiter(requests_per_minute=60)
    with pytest.raises(ValueError, match="tokens"):
        limit.try_acquire(tokens)
    with pytest.raises(ValueError, match="tokens"):
        asyncio.run(limit.acquire(tokens))
