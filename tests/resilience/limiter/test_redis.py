"""The limit that processes share, on a real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from postopt.errors import ThrottledError
from postopt.resilience.deadline import within
from postopt.resilience.limiter import Permit

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.resilience.remote.limiter import RedisPermit, RedisRateLimiter


@pytest.fixture
def run():
    """Run a coroutine function with limiters at an address, which are closed in its loop."""

    def run(main, url, **settings):
        async def closing():
            opened = []

            def limiter(**more):
                opened.append(RedisRateLimiter(url, **{"name": "n", "seconds": 30, **settings, **more}))
                return opened[-1]

            try:
                return await main(limiter)
            finally:
                for each in opened:
                    await each.aclose()

        return asyncio.run(closing())

    return run


async def many(limiter, count, tokens=0):
    """Return how many of so many calls go at once."""
    permits = await asyncio.gather(*(limiter.try_acquire(tokens) for _ in range(count)))
    return sum(permit is not None for permit in permits)


# A rate so low that no test sees any of it come back: what goes is the burst.
SLOW = {"requests_per_minute": 0.01, "burst_seconds": 60_000.0}  # a burst of 10


class TestTheRates:
    def test_hold_for_all_that_use_the_name(self, redis_server, run):
        async def main(limiter):
            assert await many(limiter(), 7) == 7
            assert await many(limiter(), 7) == 3
            assert await many(limiter(name="other"), 7) == 7

        run(main, redis_server.url, **SLOW)

    def test_of_tokens_are_settled(self, redis_server, run):
        async def main(limiter):
            limit, other = limiter(), limiter()
            first = await limit.try_acquire(60)
            assert isinstance(first, RedisPermit)
            assert await limit.try_acquire(50) is None
            await first.settle(40)
            await first.settle(40)
            second = await other.try_acquire(60)
            assert second is not None
            assert await limit.try_acquire(1) is None
            await second.settle(500)
            await second.settle(0)
            assert await limit.try_acquire(61) is None
            assert await limit.try_acquire(60) is not None

        run(main, redis_server.url, tokens_per_minute=0.1, burst_seconds=60_000.0)  # a burst of 100

    def test_one_request_larger_than_the_burst_goes_when_all_of_it_is_there(self, redis_server, run):
        async def main(limiter):
            limit = limiter()
            assert await limit.try_acquire(10**6) is not None
            assert await limit.try_acquire(1) is None

        run(main, redis_server.url, tokens_per_minute=60, burst_seconds=1)

    def test_what_is_forgotten_was_paid_for_long_ago(self, redis_server, run):
        async def main(limiter):
            await limiter().try_acquire()

        run(main, redis_server.url, requests_per_minute=60)
        assert 86_400_000 <= redis_server.ask("PTTL", "postopt:limit:n") <= 86_402_000


class TestWaiting:
    def test_is_as_long_as_the_rate_says(self, redis_server, run):
        async def main(limiter):
            limit = limiter()
            order = []

            async def one(number):
                await limit.acquire()
                order.append(number)

            await asyncio.gather(*(one(number) for number in range(6)))
            return order

        assert run(main, redis_server.url, requests_per_minute=6_000, burst_seconds=0) == list(range(6))

    def test_too_long_is_refused_at_once(self, redis_server, run):
        async def main(limiter):
            limit = limiter()
            await many(limit, 10)
            with pytest.raises(ThrottledError, match="may wait 60 s") as raised:
                await limit.acquire()
            assert raised.value.retry_after == pytest.approx(6_000, abs=60)
            with within(5), pytest.raises(ThrottledError, match="may wait 5 s"):
                await limit.acquire()

        run(main, redis_server.url, **SLOW)

    def test_counts_those_ahead(self, redis_server, run):
        server = redis_server

        async def main(limiter):
            limit = limiter(max_wait_seconds=150)
            assert (await many(limit, 2)) == 1
            waiting = [asyncio.create_task(limit.acquire()) for _ in range(2)]
            await server.eventually(lambda: limit._line().requests == 2 and limit._line().first_goes_at > 0)
            with pytest.raises(ThrottledError) as raised:
                await limit.acquire()
            assert raised.value.retry_after == pytest.approx(180, abs=5)
            assert await limit.try_acquire() is None
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            return limit._line().requests

        assert run(main, redis_server.url, requests_per_minute=1, burst_seconds=0) == 0

    def test_ends_when_others_have_pushed_it_beyond_what_it_may(self, redis_server, run):
        server = redis_server

        async def main(limiter):
            limit, other = limiter(), limiter()
            await limit.acquire()
            waiting = asyncio.create_task(limit.acquire())
            await server.eventually(lambda: limit._line().requests)
            await other.retry_after(1_000)
            with pytest.raises(ThrottledError):
                await waiting

        run(main, redis_server.url, requests_per_minute=300, burst_seconds=0, max_wait_seconds=2)

    def test_ends_with_the_deadline_of_one_behind_others(self, redis_server, run):
        server = redis_server

        async def main(limiter):
            limit = limiter()
            await limit.acquire()
            first = asyncio.create_task(limit.acquire())
            await server.eventually(lambda: limit._line().requests)
            with within(0.9):
                second = asyncio.create_task(limit.acquire())
            await server.eventually(lambda: limit._line().requests == 2)
            await limiter().retry_after(20)
            with pytest.raises(ThrottledError):
                await second
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)

        run(main, redis_server.url, requests_per_minute=300, burst_seconds=0, max_wait_seconds=50)


class TestRetryAfter:
    def test_stops_everybody_and_only_lengthens(self, redis_server, run):
        async def main(limiter):
            limit, other = limiter(), limiter()
            assert await limit.try_acquire() is not None
            for seconds in (100, 5, 0):
                await limit.retry_after(seconds)
            with pytest.raises(ThrottledError) as raised:
                await other.acquire()
            assert raised.value.retry_after == pytest.approx(100, abs=2)

        run(main, redis_server.url, **SLOW)

    @pytest.mark.parametrize("seconds", [-1, float("nan"), "1"])
    def test_nonsense_is_refused(self, redis_server, run, seconds):
        async def main(limiter):
            with pytest.raises(ValueError, match="seconds"):
                await limiter().retry_after(seconds)

        run(main, redis_server.url, **SLOW)


class TestWithoutRedis:
    def test_each_process_takes_its_share_and_counts_it(self, own_redis_server, run):
        async def main(limiter):
            limit = limiter(share=0.3, seconds=0.2, clock=lambda: now[0])
            permit = await limit.try_acquire()
            own_redis_server.kill()
            assert await many(limit, 9) == 3  # three tenths of a burst of 10
            assert limit.fallbacks == 9
            await permit.settle(5)  # is not heard, and does not fail
            await limit.retry_after(1)
            with pytest.raises(ThrottledError):
                await limit.acquire()
            own_redis_server.start()
            assert await limit.try_acquire() is None  # not asked yet
            now[0] += 1.0
            assert isinstance(await limit.acquire(), RedisPermit)

        now = [0.0]
        run(main, own_redis_server.url, **SLOW)

    def test_a_server_that_hangs_is_as_good_as_none(self, own_redis_server, run):
        async def main(limiter):
            limit = limiter(seconds=0.05)
            await limit.acquire()
            own_redis_server.freeze()
            permit = await limit.acquire()
            own_redis_server.thaw()
            assert isinstance(permit, Permit)

        run(main, own_redis_server.url, **SLOW)

    def test_what_is_no_state_of_ours_is_as_good_as_none(self, redis_server, run):
        async def main(limiter):
            return await limiter().acquire()

        redis_server.ask("SET", "postopt:limit:n", "text")
        assert isinstance(run(main, redis_server.url, **SLOW), Permit)


SPENDER = """
import asyncio, sys
from postopt.resilience.remote.limiter import RedisRateLimiter

async def main():
    limit = RedisRateLimiter(sys.argv[1], name="n", tokens_per_minute=0.1, burst_seconds=60_000_000.0, seconds=60)
    sys.stdin.readline()
    permits = [permit for _ in range(100) if (permit := await limit.try_acquire(1_000)) is not None]
    for permit in permits:
        await permit.settle(1)
    sys.stdout.write(f"{len(permits)}\\n")
    await limit.aclose()

asyncio.run(main())
"""


@pytest.mark.long
def test_four_processes_take_no_more_than_there_is(redis_server, run, tmp_path):
    """A burst of 100,000 tokens, of which 400 calls want a thousand each, and need one."""
    (tmp_path / "spender.py").write_text(SPENDER)
    started = [
        subprocess.Popen(
            [sys.executable, str(Path(tmp_path, "spender.py")), redis_server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [process.communicate("go\n", timeout=60)[0] for process in started]
    # Those that settled before another had asked made room for it; all that went is at most what fits at the most.
    went = sum(map(int, said))

    async def main(limiter):
        limit = limiter()
        assert await limit.try_acquire(100_000 - went + 10) is None
        assert await limit.try_acquire(100_000 - went) is not None

    assert 100 <= went <= 400
    run(main, redis_server.url, tokens_per_minute=0.1, burst_seconds=60_000_000.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"share": 0},
        {"share": 1.5},
        {"seconds": 0},
        {"requests_per_minute": -1},
        {"requests_per_minute": None},
        {"clock": 3},
        {"max_wait_seconds": -1},
    ],
)
def test_nonsense_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RedisRateLimiter("redis://127.0.0.1:1/0", **{"name": "n", "requests_per_minute": 1, **wrong})
