"""A limit on how many calls, and how many tokens, go out in a minute."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from math import inf

from postopt._checks import check_amount, check_callable, check_positive
from postopt.clock import Clock
from postopt.errors import ThrottledError, shown
from postopt.resilience import deadline
from postopt.resilience.gcra import GCRA, ROUNDING
from postopt.resilience.locks import new_lock
from postopt.resilience.price import MOST_TOKENS


class RateLimiter:
    """Lets calls go at two rates at once, of requests and of tokens (`GCRA`), in the order in which they came.

    Laws:
        - In any stretch of t seconds at most rate * t + burst requests go out; tokens alike, as they were estimated and
          `Permit.settle` corrects. Where one call has more tokens than the burst, it goes when the whole burst is
          there, and those after it wait until it is paid for.
        - First come, first served; a call never overtakes one that waits. One that is cancelled while it waits has
          taken nothing.
        - A call that would have to wait beyond `max_wait_seconds`, or beyond its deadline
          (`postopt.resilience.deadline`), is refused at once, not after the wait.

    Any number of tasks, event loops and threads may use one object. Waiting calls are bounded by the rate times
    `max_wait_seconds`.

    Args:
        requests_per_minute: more than zero, or None for no limit.
        tokens_per_minute: more than zero, or None for no limit.
        burst_seconds: the burst is what the rate gives in so many seconds, and one request at least. In a minute go at
            most a minute's worth and the burst; 1 is arbitrary, and small, because providers apply a limit of a minute
            to shorter times, too.
        max_wait_seconds: longest wait (60 is arbitrary).
        clock: monotonic.

    Raises:
        ValueError: an argument is out of range, or there is no limit at all.
    """

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst_seconds: float = 1.0,
        max_wait_seconds: float = 60.0,
        clock: Clock = time.monotonic,
    ) -> None:
        if requests_per_minute is None and tokens_per_minute is None:
            raise ValueError("requests_per_minute and tokens_per_minute are both None; a limiter needs a limit")
        burst = check_amount("burst_seconds", burst_seconds, "seconds")
        check_callable("clock", clock, "returns seconds")
        self._requests = _gcra("requests_per_minute", requests_per_minute, burst)
        self._tokens = _gcra("tokens_per_minute", tokens_per_minute, burst)
        self._max_wait = check_amount("max_wait_seconds", max_wait_seconds, "seconds")
        self._clock = clock
        self._lock = new_lock()
        # Called as they are, they cost less than half of `with`, on the way of calls that need not wait.
        self._acquire = self._lock.acquire
        self._release = self._lock.release
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()  # one leaves from anywhere in no time
        self._waiting_tokens = 0
        # While the provider wants to be left alone, the time of the rates stands still: `_paused` seconds in all, the
        # last of them at `_paused_until`.
        self._paused = 0.0
        self._paused_until = -inf

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._waiting)

    async def acquire(self, tokens: int = 0) -> Permit:
        """Wait until a call with so many tokens, as estimated, may go.

        Raises:
            ThrottledError: the wait would be too long; `retry_after` says how long.
            ValueError: `tokens` is negative or no int.
        """
        permit = self.try_acquire(tokens)
        if permit is not None:
            return permit
        with self._lock:
            now = self._clock()
            while self._waiting and self._first().loop.is_closed():
                self._drop(self._first())
            left = deadline.remaining()
            waiter = _Waiter(tokens, now + (self._max_wait if left is None else min(left, self._max_wait)))
            self._check(waiter, now, self._delay(now, tokens, len(self._waiting), self._waiting_tokens))
            self._waiting[waiter] = None
            self._waiting_tokens += tokens
        try:
            return await self._wait(waiter)
        except BaseException:
            self._leave(waiter)
            raise

    def try_acquire(self, tokens: int = 0) -> Permit | None:
        """Return a permit if a call with so many tokens may go now, or None.

        Raises:
            ValueError: `tokens` is negative or no int.
        """
        check_tokens(tokens)
        self._acquire()
        try:
            now = self._clock()
            if self._waiting or self._delay(now, tokens):
                return None
            return self._take(now, tokens)
        finally:
            self._release()

    async def retry_after(self, seconds: float) -> None:
        """Do what `pause` does."""
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Let nothing go for so many seconds from now, because the provider says so; a longer pause stays.

        The rates give nothing meanwhile: what waits goes afterwards as it would have gone now.

        Raises:
            ValueError: `seconds` is negative or no finite number.
        """
        check_amount("seconds", seconds, "seconds")
        with self._lock:
            now = self._clock()
            begins = max(now, self._paused_until)
            if now + seconds > begins:
                self._paused += now + seconds - begins
                self._paused_until = now + seconds
                self._refuse_late(now)

    def correct(self, taken_at: float, excess: int) -> None:
        """Take so many tokens more of what was taken at a moment of the rates' time, or give them back if negative."""
        if self._tokens is None or not excess:
            return
        with self._lock:
            self._tokens.correct(self._rates_time(self._clock()), taken_at, excess)
            self._ring_first()

    async def _wait(self, waiter: _Waiter) -> Permit:
        while True:
            with self._lock:
                now = self._clock()
                look_in = max(waiter.latest - now, ROUNDING)
                if waiter.refused is None and self._first() is waiter:
                    look_in = wait = self._delay(now, waiter.tokens)
                    if not wait:
                        permit = self._take(now, waiter.tokens)
                        self._drop(waiter)
                        return permit
                    self._check(waiter, now, wait)
                elif now >= waiter.latest:
                    self._refuse_late(now)
                if waiter.refused is not None:
                    raise _throttled(waiter.refused, waiter.latest - now)
                turn = waiter.next_turn()
            # The first one rings the next when it goes; only if that comes too late, the next looks by itself.
            timer = waiter.loop.call_later(look_in, waiter.ring)
            try:
                await turn
            finally:
                timer.cancel()

    def _refuse_late(self, now: float) -> None:
        """Refuse all that would have to wait too long, in one pass over those that wait."""
        requests = tokens = 0
        for waiter in list(self._waiting):
            wait = self._delay(now, waiter.tokens, requests, tokens)
            if now + wait > waiter.latest + ROUNDING:
                waiter.refused = wait
                del self._waiting[waiter]
                self._waiting_tokens -= waiter.tokens
                waiter.ring()
            else:
                requests += 1
                tokens += waiter.tokens
        self._ring_first()  # it may be another now, or have to wait longer

    def _rates_time(self, now: float) -> float:
        return now - self._paused if now >= self._paused_until else self._paused_until - self._paused

    def _delay(self, now: float, tokens: int, requests_ahead: int = 0, tokens_ahead: int = 0) -> float:
        """Return the seconds until a call may go, after others that go before it."""
        at = self._rates_time(now)
        wait = 0.0
        if self._requests is not None:
            wait = self._requests.delay(at, 1, requests_ahead)
        if self._tokens is not None and tokens + tokens_ahead:
            for_tokens = self._tokens.delay(at, tokens, tokens_ahead)
            wait = for_tokens if for_tokens > wait else wait  # noqa: FURB136 - a third of max()
        return wait if now >= self._paused_until else wait + self._paused_until - now

    def _take(self, now: float, tokens: int) -> Permit:
        at = self._rates_time(now)
        if self._requests is not None:
            self._requests.take(at, 1)
        if self._tokens is not None:
            self._tokens.take(at, tokens)
        return Permit(self, at, tokens)

    def _check(self, waiter: _Waiter, now: float, wait: float) -> None:
        if now + wait > waiter.latest + ROUNDING:
            raise _throttled(wait, waiter.latest - now)

    def _first(self) -> _Waiter:
        return next(iter(self._waiting))

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiting:
                self._drop(waiter)

    def _drop(self, waiter: _Waiter) -> None:
        was_first = self._first() is waiter
        del self._waiting[waiter]
        self._waiting_tokens -= waiter.tokens
        if was_first:
            self._ring_first()

    def _ring_first(self) -> None:
        while self._waiting and not self._first().ring():  # its loop has been closed under it
            self._waiting_tokens -= self._waiting.popitem(last=False)[0].tokens


class Permit:
    """The leave of one call to go, and the tokens it was thought to need."""

    __slots__ = ("_limiter", "_taken_at", "_tokens")

    def __init__(self, limiter: RateLimiter, taken_at: float, tokens: int) -> None:
        self._limiter = limiter
        self._taken_at = taken_at
        self._tokens = tokens

    async def settle(self, tokens: int) -> None:
        """Do what `settle_nowait` does."""
        self.settle_nowait(tokens)

    def settle_nowait(self, tokens: int) -> None:
        """Correct the estimate to what the call used in truth; a later figure replaces an earlier one.

        Raises:
            ValueError: `tokens` is negative or no int.
        """
        check_tokens(tokens)
        excess = tokens - self._tokens
        self._tokens = tokens
        self._limiter.correct(self._taken_at, excess)


class _Waiter:
    """A call that waits, in its own loop.

    Attributes:
        refused: the seconds it would have to wait, once that is too long; it is among those that wait no more then.
    """

    __slots__ = ("_turn", "latest", "loop", "refused", "tokens")

    def __init__(self, tokens: int, latest: float) -> None:
        self.tokens = tokens
        self.latest = latest
        self.refused: float | None = None
        self.loop = asyncio.get_running_loop()
        self._turn = self.loop.create_future()

    def next_turn(self) -> asyncio.Future[None]:
        self._turn = self.loop.create_future()
        return self._turn

    def ring(self) -> bool:
        """Wake it, from whatever thread; return False if its loop is closed."""
        try:
            self.loop.call_soon_threadsafe(_wake, self._turn)
        except RuntimeError:
            return False
        return True


def check_tokens(tokens: object) -> None:
    """Refuse what is no number of tokens."""
    if tokens.__class__ is not int or not 0 <= tokens <= MOST_TOKENS:
        raise ValueError(f"tokens is {shown(tokens)}; an int from 0 to {MOST_TOKENS} is needed")


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def check_rate(name: str, per_minute: object) -> float:
    """Return a rate that lets something through in a time that can be told."""
    rate = check_positive(name, per_minute, "a minute's worth")
    if not 60e6 / rate * MOST_TOKENS < inf:
        raise ValueError(f"{name} is {shown(per_minute)}; a rate whose period is finite is needed")
    return rate


def _gcra(name: str, per_minute: float | None, burst_seconds: float) -> GCRA | None:
    return None if per_minute is None else GCRA(check_rate(name, per_minute) / 60.0, burst_seconds)


def _throttled(wait: float, allowed: float) -> ThrottledError:
    return ThrottledError(
        f"the rate limit allows the call in {wait:.3g} s, and it may wait {max(0.0, allowed):.3g} s", retry_after=wait
    )
