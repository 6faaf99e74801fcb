"""Trying again, where that may help and does no harm."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from math import inf
from typing import TypeVar, TypeVarTuple

from postopt._checks import check_amount, check_callable, check_count
from postopt.errors import CircuitOpenError, GenerationError, PostoptError
from postopt.resilience import deadline
from postopt.resilience.locks import new_lock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_RETRY = 1_000_000
"""What a retry takes from a budget; whole numbers, so that ten deposits of a tenth pay for it exactly."""

_DOUBLINGS = 60  # more would not lengthen any wait, and overflow in the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How a call went that was retried until it succeeded.

    Attributes:
        attempts: calls made, the one that succeeded included; as many as the failed ones say of themselves.
        waited: seconds waited between them.
        cost_usd: what the failed ones cost.
        unsettled_usd: what they may have cost besides, at most.
        errors: the kinds of the failed ones' errors, oldest first.
    """

    attempts: int = 1
    waited: float = 0.0
    cost_usd: float = 0.0
    unsettled_usd: float = 0.0
    errors: tuple[str, ...] = ()


_FIRST = Tries()

_LASTING = "an error that would come again"
_NO_MORE = "no attempts are left"


class RetryBudget:
    """What retries may add to the load: each call pays in a share of a retry, each retry takes one out.

    A service that fails every call gets `1 + share` calls for each one at most, instead of `attempts` times as many,
    which would keep it down. From the start, retries are at most `initial + share * calls`; in any stretch after it at
    most `most + share * calls`. Any number of tasks and threads may share one.

    Source: the token bucket of gRPC's retry throttling (proposal A6) and of Finagle's `RetryBudget`.

    Args:
        share: of a retry that a call pays in; 0.1 lets retries add 10 % to the load.
        initial: retries that are there at first, so that a quiet service may be retried at all (10 is arbitrary).
        most: retries that can be saved up (100 is arbitrary): so many may come at once after a calm.

    Raises:
        ValueError: an argument is negative or no finite number.
    """

    def __init__(self, *, share: float = 0.1, initial: float = 10.0, most: float = 100.0) -> None:
        self._paid_in = round(check_amount("share", share, "retries") * _RETRY)
        self._most = round(check_amount("most", most, "retries") * _RETRY)
        self._balance = min(round(check_amount("initial", initial, "retries") * _RETRY), self._most)
        self._lock = new_lock()

    def deposit(self) -> None:
        """Pay in for one call."""
        with self._lock:
            balance = self._balance + self._paid_in
            self._balance = balance if balance < self._most else self._most  # noqa: FURB136 - a third of min()

    def withdraw(self) -> bool:
        """Take out one retry; return False, and take nothing, if there is none."""
        with self._lock:
            if self._balance < _RETRY:
                return False
            self._balance -= _RETRY
            return True

    @property
    def balance(self) -> float:
        """How many retries there are."""
        return self._balance / _RETRY


def is_retryable(error: Exception) -> bool:
    """Judge an error as `Retry` does unless told otherwise.

    Errors of postopt say it themselves (`retryable`). Of others, only a ConnectionError and a TimeoutError count as
    passing: nobody knows what the rest mean, and a second call may do a second time what the first one did.
    """
    if isinstance(error, PostoptError):
        return error.retryable
    return isinstance(error, ConnectionError | TimeoutError)


class Retry:
    """Calls a function again when its error is one that may pass.

    Laws:
        - Only an `Exception` is retried, and a cancellation never. An open circuit is never retried: it says that the
          last calls failed.
        - Before retry k (from 0) it waits for uniform(0, min(max_seconds, base_seconds * 2**k)) ("full jitter"). Where
          the error has a `retry_after`, it waits for that, and the jitter on top, so that not all come back at once;
          the sum is `max_seconds` at most, and an error that asks for more is not retried.
        - It gives up at once if the deadline (`postopt.resilience.deadline`) would pass during the wait.
        - Retries are paid from `budget`, which all calls of one object share.
        - The error that is raised in the end is the last one, as it was, with a note of what came before it. A
          GenerationError also has the earlier ones' `attempts`, `cost_usd` and `unsettled_usd` added to its own.

    A retried function must bear being called again. Any number of tasks, event loops and threads may use one object.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Args:
        attempts: most calls, the first one included (3 is arbitrary).
        base_seconds: longest wait before the first retry (0.1 is arbitrary).
        max_seconds: longest wait before any (10 is arbitrary).
        budget: `RetryBudget()` if None. Several objects may share one.
        retryable: says whether an error may pass; `is_retryable` if None.
        sleep: waits in `acall` and `acall_counted`.
        sleep_here: waits in `call`.
        random: from 0 to 1, for the jitter; a seeded `random.Random(seed).random` repeats it.

    Raises:
        ValueError: an argument is out of range or none of its kind.
    """

    def __init__(
        self,
        *,
        attempts: int = 3,
        base_seconds: float = 0.1,
        max_seconds: float = 10.0,
        budget: RetryBudget | None = None,
        retryable: Callable[[Exception], bool] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        sleep_here: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.attempts = check_count("attempts", attempts)
        self.base_seconds = check_amount("base_seconds", base_seconds, "seconds")
        self.max_seconds = check_amount("max_seconds", max_seconds, "seconds")
        self.budget = RetryBudget() if budget is None else budget
        if not isinstance(self.budget, RetryBudget):
            raise ValueError("budget is none; a RetryBudget, or None, is needed")  # noqa: TRY004 - as the others
        self.retryable = is_retryable if retryable is None else retryable
        check_callable("retryable", self.retryable, "takes an error and says whether it may pass")
        check_callable("sleep", sleep, "waits for seconds")
        check_callable("sleep_here", sleep_here, "waits for seconds")
        check_callable("random", random, "returns a number from 0 to 1")
        self._sleep = sleep
        self._sleep_here = sleep_here
        self._random = random

    async def acall(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        """Return `await function(*args)`, of whichever attempt succeeds.

        Raises:
            Exception: the last attempt's error.
        """
        self.budget.deposit()
        try:
            return await function(*args)
        except Exception as error:  # noqa: BLE001 - raised again unless retried
            failures = _Failures(self, error)
        return (await self._again(failures, function, *args))[0]

    async def acall_counted(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> tuple[T, Tries]:
        """Return what `acall` returns, and how it went."""
        self.budget.deposit()
        try:
            return await function(*args), _FIRST
        except Exception as error:  # noqa: BLE001 - raised again unless retried
            failures = _Failures(self, error)
        return await self._again(failures, function, *args)

    def call(self, function: Callable[[*Ts], T], /, *args: *Ts) -> T:
        """Return `function(*args)`, of whichever attempt succeeds; waits in this thread.

        Raises:
            Exception: the last attempt's error.
        """
        self.budget.deposit()
        try:
            return function(*args)
        except Exception as error:  # noqa: BLE001 - raised again unless retried
            failures = _Failures(self, error)
        while True:
            self._sleep_here(failures.next_wait())
            try:
                return function(*args)
            except Exception as error:  # noqa: BLE001 - raised again unless retried
                failures.add(error)

    async def _again(
        self, failures: _Failures, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts
    ) -> tuple[T, Tries]:
        while True:
            await self._sleep(failures.next_wait())
            try:
                return await function(*args), failures.tries()
            except Exception as error:  # noqa: BLE001 - raised again unless retried
                failures.add(error)

    def jitter(self, retry: int) -> float:
        """Return a random wait before a retry, counted from 0."""
        longest = min(self.max_seconds, self.base_seconds * 2.0 ** min(retry, _DOUBLINGS))
        return self._random() * longest


class _Failures:
    """The failed attempts of one call; made only when the first one has failed."""

    def __init__(self, retry: Retry, error: Exception) -> None:
        self._retry = retry
        self._calls = 0
        self._waited = 0.0
        self._attempts = 0
        self._cost_usd = 0.0
        self._unsettled_usd = 0.0
        self._errors: tuple[str, ...] = ()
        self._last: Exception | None = error

    def add(self, error: Exception) -> None:
        self._last = error

    def next_wait(self) -> float:
        """Return how long to wait before the next attempt, or raise the last error because there is none."""
        error, self._last = self._last, None  # an error that its own traceback leads to would be garbage to collect
        assert error is not None  # noqa: S101 - each attempt that fails adds one
        try:
            wait, reason = self._judge(error)
            if reason is not None:
                self._tell(error, reason)
                raise error
        finally:
            del error
        self._waited += wait
        return wait

    def _judge(self, error: Exception) -> tuple[float, str | None]:
        """Return how long to wait, and why there is no other attempt, or None."""
        retry = self._retry
        self._calls += 1
        if isinstance(error, CircuitOpenError | CancelledError) or not retry.retryable(error):
            reason = _LASTING
        elif self._calls >= retry.attempts:
            reason = _NO_MORE
        else:
            wait = self._wait(error)
            left = deadline.remaining()
            if wait > retry.max_seconds:
                reason = "it asks for a longer wait than is allowed"
            elif left is not None and wait >= left:
                reason = "no time is left to wait and try again"
            elif not retry.budget.withdraw():
                reason = "the retry budget is used up"
            else:
                self._note(error)
                return wait, None
        return 0.0, reason

    def _wait(self, error: Exception) -> float:
        jitter = self._retry.jitter(self._calls - 1)
        asked = getattr(error, "retry_after", None)
        if not isinstance(asked, int | float) or not asked > 0:
            return jitter
        longest = self._retry.max_seconds
        return min(asked + jitter, longest) if asked <= longest else inf

    def _note(self, error: Exception) -> None:
        if isinstance(error, GenerationError):
            self._attempts += error.attempts
            self._cost_usd += error.cost_usd
        else:
            self._attempts += 1
        self._unsettled_usd += getattr(error, "unsettled_usd", 0.0)
        self._errors = (*self._errors, type(error).__name__)

    def _tell(self, error: Exception, reason: str) -> None:
        """Let the error say what came before it, or why nothing came after it."""
        if self._calls == 1:
            if reason not in (_LASTING, _NO_MORE):
                error.add_note(f"not tried again: {reason}")
            return
        before = ", ".join(self._errors)
        error.add_note(f"after {self._calls} attempts and {self._waited:.3f} s of waiting ({before}): {reason}")
        if isinstance(error, GenerationError):
            error.attempts += self._attempts
            error.cost_usd += self._cost_usd
            error.unsettled_usd += self._unsettled_usd

    def tries(self) -> Tries:
        return Tries(
            attempts=self._attempts + 1,
            waited=self._waited,
            cost_usd=self._cost_usd,
            unsettled_usd=self._unsettled_usd,
            errors=self._errors,
        )
