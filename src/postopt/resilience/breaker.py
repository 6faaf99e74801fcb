"""A circuit breaker: leave whoever fails alone for a while, then try with care."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, TypeVarTuple, cast

from postopt._checks import check_callable
from postopt.clock import Clock
from postopt.errors import shown
from postopt.resilience.breaking import blocks, streams
from postopt.resilience.breaking.change import Change, Listener, Listeners
from postopt.resilience.breaking.circuit import Circuit, Settings
from postopt.resilience.breaking.guarding import guarding
from postopt.resilience.breaking.judge import Judge
from postopt.resilience.breaking.machine import Probing, State
from postopt.resilience.breaking.metrics import BreakerMetrics
from postopt.resilience.breaking.open_time import OpenTime
from postopt.resilience.breaking.rules import Rules
from postopt.resilience.breaking.sharing import SharedState
from postopt.resilience.outcome import Classifier

__all__ = ["BreakerMetrics", "Change", "CircuitBreaker", "Listener", "SharedState", "State"]

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class CircuitBreaker:
    """Refuses calls for a while after too many have failed, then lets a few through and decides by them.

    Laws:
        - A call that fails keeps its own error; only a call that is not made gets a CircuitOpenError.
        - A result counts only in the epoch that let its call through, and each change of state begins another. What
          ends later changes nothing but the metrics, and that a longer `Retry-After` keeps an open circuit open.
        - A call that is cancelled, interrupted or abandoned is neither success nor failure, whatever the classifier.
        - Half open, never more than `half_open_probes` calls are under way, whoever calls from wherever. A probe that
          ends neutrally leaves its place to the next call; one that does not end leaves it after its lease.
        - Any thread and any event loop may use it at any time, awaiting or not. No lock is held during a call; a
          success takes none while the circuit is closed, unless the time of calls or a classifier matters.
        - No wall clock decides anything. Time that a clock is put back does not count, time that it is put forward
          does; so it is never open for longer than it should be from then on.
        - Nothing grows with the number of calls.
        - A forked process starts closed and counts from zero; what the host has decided by hand stays.

    What opens it: `failure_threshold` failures in a row, or a `failure_rate` of failures or a `slow_rate` of slow calls
    among the last calls, whichever comes first, judged when a call ends that succeeded, failed or was slow. A slow call
    is neither success nor failure, but a failure if there is no `slow_rate`.

    As `with breaker:` or `async with breaker:`, the block is the call. A block ends in the task or thread, more exactly
    in the context, where it began, or in a copy of that, as tasks have that were begun within it; if it does not, it
    counts as a call that has not ended. Its first end counts. Blocks may be nested, or take turns; of more than 1,000
    that are open in one context, the oldest count as abandoned.

    As a decorator, `@breaker` guards functions, coroutine functions, generator functions and async generator
    functions, each as `call`, `acall`, `iterate` and `aiterate` do. Of other functions that return an awaitable or a
    generator, only the making of it would be guarded: give those to `acall`, `iterate` and `aiterate`.

    The defaults 3 and 30 s are those of the system that this grew from; the other numbers are arbitrary.

    Args:
        name: how errors, listeners and other processes are told it.
        failure_threshold: so many failures in a row open it; None for no such rule.
        failure_rate: this share of failures among the last calls opens it, above 0 and up to 1; None for no such rule.
        minimum_calls: fewer calls show no share. It is never more than `window`, if the window is a number of calls.
        window: how many calls the last calls are.
        window_seconds: the last calls are those of so many seconds, in ten steps; None for the number.
        slow_call_seconds: a success that took longer is slow, and a stream whose first item, or whose end without one,
            came later.
        slow_gap_seconds: a stream that later made wait longer for an item, or for its end, is slow.
        slow_rate: this share of slow calls among the last calls opens it; None to count them as failures.
        open_seconds: how long it stays open.
        open_backoff: each time that it opens again without having closed, the open time is so many times as long.
        max_open_seconds: the longest that it stays open by backoff or by what a provider asks for; it does not shorten
            `open_seconds`.
        jitter: up to this share of an open time, drawn anew each time, is taken off it, but not off what a provider
            asks for. 0.5 is known as equal jitter.
        half_open_probes: how many calls may be under way at a time when its open time is over.
        successes_to_close: how many of them have to succeed for it to close. One that fails or is slow opens it again.
        probe_lease_seconds: a probe that has not ended after so long is lost, and leaves its place to another.
        ignore: types of errors that say nothing about whoever is called.
        classify: judges calls instead of `postopt.resilience.outcome.classify`, as the type `Classifier` says; the
            result of a stream or a block is None. If it raises, or says what is no kind, the other one judges; but an
            interrupt (KeyboardInterrupt, SystemExit) is raised, and the call counts as cancelled. It is no coroutine
            function.
        listeners: each is called with each `Change` of state, after it, in the thread that made it, and not under a
            lock. What it raises is counted and changes nothing, but that an interrupt is raised. It must not block, and
            is no coroutine function.
        clock: monotonic.
        seed: what the jitter is drawn from; None for another one each time.
        shared: where processes tell each other what they have seen (`postopt.resilience.redis.RedisCircuitState`).

    Raises:
        ValueError: an argument is out of its range; the message names it.
    """

    def __init__(  # noqa: PLR0913 - each a number that hosts of breakers are used to set
        self,
        name: str,
        *,
        failure_threshold: int | None = 3,
        failure_rate: float | None = None,
        minimum_calls: int = 10,
        window: int = 20,
        window_seconds: float | None = None,
        slow_call_seconds: float | None = None,
        slow_gap_seconds: float | None = None,
        slow_rate: float | None = None,
        open_seconds: float = 30.0,
        open_backoff: float = 1.0,
        max_open_seconds: float = 300.0,
        jitter: float = 0.0,
        half_open_probes: int = 1,
        successes_to_close: int = 1,
        probe_lease_seconds: float = 60.0,
        ignore: type[BaseException] | tuple[type[BaseException], ...] = (),
        classify: Classifier | None = None,
        listeners: Iterable[Listener] = (),
        clock: Clock = time.monotonic,
        seed: int | None = None,
        shared: SharedState | None = None,
    ) -> None:
        if not (name and isinstance(name, str)):
            raise ValueError(f"name is {shown(name)}; a text is needed that is not empty")
        check_callable("clock", clock, "returns seconds")
        if shared is not None and not callable(getattr(shared, "join", None)):
            raise ValueError(f"shared is {shown(shared)}; an object is needed that has the method of SharedState, join")
        self.name = name
        settings = Settings(
            rules=Rules(
                failure_threshold=failure_threshold,
                failure_rate=failure_rate,
                slow_rate=slow_rate,
                minimum_calls=minimum_calls,
                window=window,
                window_seconds=window_seconds,
                slow_call_seconds=slow_call_seconds,
                slow_gap_seconds=slow_gap_seconds,
            ),
            open_time=OpenTime(
                seconds=open_seconds, backoff=open_backoff, longest=max_open_seconds, jitter=jitter, seed=seed
            ),
            probing=Probing(most=half_open_probes, successes=successes_to_close, lease=probe_lease_seconds),
            judge=Judge(ignore, classify, slow_call_seconds),
            listeners=Listeners(listeners),
            clock=clock,
        )
        self._circuit = Circuit(name, settings, shared)

    def call(self, function: Callable[[*Ts], T], /, *args: *Ts) -> T:
        """Return `function(*args)`, or raise what it raises; `functools.partial` gives it arguments by name.

        Raises:
            CircuitOpenError: it was not called; `retry_after` says when to try again.
        """
        circuit = self._circuit
        ticket = circuit.plain or circuit.enter()
        try:
            result = function(*args)
        except BaseException as error:
            circuit.fail(ticket, error)
            raise
        ended = ticket.end()
        if ticket.watch:
            circuit.hear(ticket, ended, result)
        return result

    async def acall(self, function: Callable[[*Ts], Awaitable[T]], /, *args: *Ts) -> T:
        """Return `await function(*args)`, or raise what it raises.

        Raises:
            CircuitOpenError: it was not called; `retry_after` says when to try again.
        """
        # As `call`: what they share costs more in a function of its own than all it does.
        circuit = self._circuit
        ticket = circuit.plain or circuit.enter()
        try:
            result = await function(*args)
        except BaseException as error:
            circuit.fail(ticket, error)
            raise
        ended = ticket.end()
        if ticket.watch:
            circuit.hear(ticket, ended, result)
        return result

    def check(self) -> None:
        """Raise what a call would raise now if it were refused, without making one; else do nothing.

        For what comes before a call, such as waiting for a rate. What it raises counts as a call that was refused. It
        takes no place of a probe, and so a call that comes after it may still be refused.

        Raises:
            CircuitOpenError: a call would not be made.
        """
        self._circuit.check()

    def iterate(self, function: Callable[[*Ts], Iterable[T]], /, *args: *Ts) -> Generator[T, Any, Any]:
        """Yield what `function(*args)` yields; what is sent or thrown in reaches it, and it is closed with this.

        The call begins when the first item is asked for, and ends with the stream. An error within it is a failure;
        giving it up, or throwing an error into it, is neutral.

        Raises:
            CircuitOpenError: when the first item is asked for; it was not called.
        """
        return streams.iterate(self._circuit, function, args)

    def aiterate(self, function: Callable[[*Ts], streams.AsyncStream[T]], /, *args: *Ts) -> AsyncGenerator[T, Any]:
        """Yield what `function(*args)` yields, as `iterate` does; a coroutine function that returns a stream does, too.

        Close it (`aclose`, `contextlib.aclosing`) when it is not read to its end; otherwise the call ends only when the
        event loop finds it.

        Raises:
            CircuitOpenError: when the first item is asked for; it was not called.
        """
        return streams.aiterate(self._circuit, function, args)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return the function with this breaker around it."""
        return cast("Callable[P, T]", guarding(self._circuit, function))

    def __enter__(self) -> Self:
        blocks.opened(self._circuit, self._circuit.plain or self._circuit.enter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        circuit = self._circuit
        ticket = blocks.closed(circuit)
        if ticket is None:
            return
        if error is not None:
            circuit.fail(ticket, error)
        else:
            ended = ticket.end()
            if ticket.watch:
                circuit.hear(ticket, ended, None)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def force_open(self) -> None:
        """Refuse all calls from now on, until `reset`, `disable` or `observe`."""
        self._circuit.turn("forced_open")

    def disable(self) -> None:
        """Let all calls through from now on and judge none, until `reset`, `force_open` or `observe`."""
        self._circuit.turn("disabled")

    def observe(self) -> None:
        """Let all calls through from now on, and count how often this would have opened: state "metrics_only"."""
        self._circuit.turn("metrics_only")

    def reset(self) -> None:
        """Close, whatever the state, and forget all failures; the metrics stay."""
        self._circuit.turn("closed")

    @property
    def state(self) -> State:
        """What the next call will find. An open circuit whose time is over is "half_open"."""
        return self._circuit.state()

    @property
    def retry_after(self) -> float | None:
        """Seconds until a call is let through at the latest: 0.0 if one is now, None if only the host knows."""
        return self._circuit.retry_after()

    @property
    def metrics(self) -> BreakerMetrics:
        """What has become of the calls so far."""
        return self._circuit.metrics()

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.name!r}, state={self.state!r})"
