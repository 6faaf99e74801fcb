"""One rate limit for any number of processes and machines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from postopt._checks import check_amount, check_callable, check_name, check_positive
from postopt.clock import Clock
from postopt.errors import ThrottledError
from postopt.resilience import deadline
from postopt.resilience.limiter import Permit, RateLimiter, check_rate, check_tokens
from postopt.resilience.remote.redis import LoopClients, RedisError

_LOOK_SECONDS = 0.25
"""Longest that a waiting call sleeps before it asks again (arbitrary): what others give back may let it go sooner."""

_AWAY_SECONDS = 1.0
"""Seconds for which Redis is not asked after it has failed (arbitrary)."""

# The state of `GCRA`, for requests and for tokens, and of `RateLimiter`'s pause, in microseconds of Redis' clock: until
# when all is paid (`rp`, `tp`), when it was full (`rf`, `tf`), how long the rates' time has stood still in all
# (`paused`) and until when (`until`).
_STATE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local state = redis.call('HMGET', KEYS[1], 'rp', 'rf', 'tp', 'tf', 'paused', 'until')
for i = 1, 6 do state[i] = tonumber(state[i] or '0') end
local function at() return math.max(now, state[6]) - state[5] end
local function delay(paid, each, amount, burst)
    return math.max(paid, at()) + math.min(amount * each, burst) - burst - at()
end
local function take(i, seconds)
    if state[i] <= at() then state[i], state[i + 1] = at(), at() end
    state[i] = state[i] + seconds
end
local function keep()
    local fields = {}
    for i, name in ipairs({'rp', 'rf', 'tp', 'tf', 'paused', 'until'}) do
        fields[2 * i - 1], fields[2 * i] = name, string.format('%.17g', state[i])
    end
    redis.call('HSET', KEYS[1], unpack(fields))
    -- A day after all is paid for, nobody needs it any more.
    local last = math.max(now, state[6], state[1] + state[5], state[3] + state[5])
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (last - now) / 1000 + 86400000))
end
"""
_ACQUIRE = (
    _STATE
    + """
local each_request, each_token, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens = tonumber(ARGV[4])
local wait = delay(state[1], each_request, 1, burst)
if tokens > 0 then wait = math.max(wait, delay(state[3], each_token, tokens, burst)) end
wait = math.max(0, wait) + math.max(0, state[6] - now)
if wait > 1 then return {string.format('%.0f', wait), ''} end
local taken_at = at()
take(1, each_request)
take(3, tokens * each_token)
keep()
return {'0', string.format('%.17g', taken_at)}
"""
)
_SETTLE = (
    _STATE
    + """
local excess = tonumber(ARGV[1])
if excess > 0 then take(3, excess) elseif tonumber(ARGV[2]) >= state[4] then state[3] = state[3] + excess end
keep()
return 0
"""
)
_PAUSE = (
    _STATE
    + """
local ends = now + tonumber(ARGV[1])
local begins = math.max(now, state[6])
if ends > begins then
    state[5], state[6] = state[5] + ends - begins, ends
    keep()
end
return 0
"""
)


class RedisRateLimiter:
    """`RateLimiter` with its state in Redis 6 or newer: the limits hold for all processes that use one name together.

    Each decision is one script on Redis' own clock. Calls of one event loop go in the order in which they came; between
    loops and processes there is no order, but each has one call asking at a time. A call that is cancelled while Redis
    answers may have used its turn up.

    While Redis cannot be reached, each process takes `share` of the rates by itself, and asks again after a second.

    Args:
        url: "redis://host:6379/0", "rediss://..." or "unix:///path".
        name: whose limits; processes that use one name must agree on the rates.
        requests_per_minute: as for `RateLimiter`.
        tokens_per_minute: as for `RateLimiter`.
        burst_seconds: as for `RateLimiter`.
        max_wait_seconds: as for `RateLimiter`.
        share: of the rates for this process while Redis is away; one over the number of processes keeps the limits
            (0.25 is arbitrary).
        seconds: after which a command to Redis is given up (0.25 is arbitrary).
        clock: monotonic, for how long Redis is left alone and for the local limiter.

    Raises:
        ValueError: an argument is out of range, or there is no limit at all.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst_seconds: float = 1.0,
        max_wait_seconds: float = 60.0,
        share: float = 0.25,
        seconds: float = 0.25,
        clock: Clock = time.monotonic,
    ) -> None:
        if not check_positive("share", share, "a part of 1") <= 1:
            raise ValueError(f"share is {share}; more than 0 and at most 1 is needed")
        check_callable("clock", clock, "returns seconds")
        self._alone = RateLimiter(
            requests_per_minute=_part("requests_per_minute", requests_per_minute, share),
            tokens_per_minute=_part("tokens_per_minute", tokens_per_minute, share),
            burst_seconds=burst_seconds,
            max_wait_seconds=max_wait_seconds,
            clock=clock,
        )
        self._key = f"postopt:limit:{check_name('name', name)}"
        self._each = [_microseconds(requests_per_minute), _microseconds(tokens_per_minute)]
        self._burst = burst_seconds * 1e6
        self._max_wait = max_wait_seconds
        self._clients = LoopClients(url, seconds=check_positive("seconds", seconds, "seconds"))
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()
        self._clock = clock
        self._away_until = -1.0
        self.fallbacks = 0
        """How often this process decided alone, because Redis was away."""

    async def acquire(self, tokens: int = 0) -> Permit | RedisPermit:
        """Wait until a call with so many tokens, as estimated, may go.

        Raises:
            ThrottledError: the wait would be too long; `retry_after` says how long.
            ValueError: `tokens` is negative or no int.
        """
        check_tokens(tokens)
        if self._clock() >= self._away_until:
            try:
                return await self._acquire(tokens)
            except (RedisError, OSError):
                self._away_until = self._clock() + _AWAY_SECONDS
        self.fallbacks += 1
        return await self._alone.acquire(tokens)

    async def try_acquire(self, tokens: int = 0) -> Permit | RedisPermit | None:
        """Return a permit if a call with so many tokens may go now, or None.

        Raises:
            ValueError: `tokens` is negative or no int.
        """
        check_tokens(tokens)
        if self._clock() >= self._away_until:
            try:
                return None if self._line().requests else (await self._ask(tokens))[1]
            except (RedisError, OSError):
                self._away_until = self._clock() + _AWAY_SECONDS
        self.fallbacks += 1
        return self._alone.try_acquire(tokens)

    async def retry_after(self, seconds: float) -> None:
        """Let nothing go for so many seconds from now, in all processes, because the provider says so.

        While Redis is away only this process hears of it.

        Raises:
            ValueError: `seconds` is negative or no finite number.
        """
        self._alone.pause(check_amount("seconds", seconds, "seconds"))
        await self._tell(_PAUSE, [seconds * 1e6])

    async def correct(self, taken_at: str, excess: int) -> None:
        """Take so many tokens more of what was taken at a moment of the rates' time, or give them back if negative."""
        await self._tell(_SETTLE, [excess * self._each[1], taken_at])

    async def aclose(self) -> None:
        """Close the running loop's connections; the next call opens others."""
        await self._clients.aclose()

    async def _acquire(self, tokens: int) -> RedisPermit:
        line = self._line()
        left = deadline.remaining()
        allowed = self._max_wait if left is None else min(left, self._max_wait)
        now = self._clock()
        wait = 0.0
        if line.requests:  # what the first one waits for, as Redis has said, and what those ahead take after it
            ahead = max(line.requests * self._each[0], line.tokens * self._each[1]) / 1e6
            wait = max(0.0, line.first_goes_at - now) + ahead
        _check(wait, allowed)
        line.requests += 1
        line.tokens += tokens
        try:
            async with asyncio.timeout(allowed):
                await line.first.acquire()
            try:
                return await self._wait(line, tokens, now + allowed)
            finally:
                line.first.release()
        except TimeoutError:
            raise _throttled(wait, allowed) from None
        finally:
            line.requests -= 1
            line.tokens -= tokens

    async def _wait(self, line: _Line, tokens: int, latest: float) -> RedisPermit:
        """Ask until it may go; the first of a loop does."""
        while True:
            wait, permit = await self._ask(tokens)
            if permit is not None:
                return permit
            now = self._clock()
            line.first_goes_at = now + wait
            _check(wait, latest - now)
            await asyncio.sleep(min(wait, _LOOK_SECONDS))

    async def _ask(self, tokens: int) -> tuple[float, RedisPermit | None]:
        """Return a permit if the call may go now, or None and the seconds after which it may."""
        wait, taken_at = await self._run(_ACQUIRE, [*self._each, self._burst, tokens])
        return int(wait) / 1e6, RedisPermit(self, taken_at, tokens) if taken_at else None

    async def _tell(self, script: str, arguments: Sequence[float | str]) -> None:
        """Run a script whose effect is missed by nobody for long, so that it may fail."""
        if self._clock() < self._away_until:
            return
        try:
            await self._run(script, arguments)
        except (RedisError, OSError):
            self._away_until = self._clock() + _AWAY_SECONDS

    async def _run(self, script: str, arguments: Sequence[float | str]) -> Any:  # Any: what a script returns
        return await self._clients.here().register_script(script)([self._key], arguments)

    def _line(self) -> _Line:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            line = self._lines[loop] = _Line()
        return line


class RedisPermit:
    """The leave of one call to go, and the tokens it was thought to need."""

    __slots__ = ("_limiter", "_taken_at", "_tokens")

    def __init__(self, limiter: RedisRateLimiter, taken_at: str, tokens: int) -> None:
        self._limiter = limiter
        self._taken_at = taken_at
        self._tokens = tokens

    async def settle(self, tokens: int) -> None:
        """Correct the estimate to what the call used in truth; a later figure replaces an earlier one.

        If Redis is away, the estimate stands.

        Raises:
            ValueError: `tokens` is negative or no int.
        """
        check_tokens(tokens)
        excess = tokens - self._tokens
        self._tokens = tokens
        if excess:
            await self._limiter.correct(self._taken_at, excess)


class _Line:
    """Those of one event loop who wait; the first of them asks Redis."""

    def __init__(self) -> None:
        self.first = asyncio.Lock()
        self.requests = 0
        self.tokens = 0
        self.first_goes_at = -inf  # as Redis said last


def _check(wait: float, allowed: float) -> None:
    if wait > allowed:
        raise _throttled(wait, allowed)


def _throttled(wait: float, allowed: float) -> ThrottledError:
    return ThrottledError(
        f"the rate limit allows the call in {wait:.3g} s, and it may wait {max(0.0, allowed):.3g} s", retry_after=wait
    )


def _part(name: str, per_minute: float | None, share: float) -> float | None:
    return None if per_minute is None else check_rate(name, per_minute) * share


def _microseconds(per_minute: float | None) -> float:
    """Return what one of so many a minute takes; no time without a limit."""
    return 0.0 if per_minute is None else 60e6 / per_minute
