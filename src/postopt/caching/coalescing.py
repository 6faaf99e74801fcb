"""Many calls for one key, one run (single flight), across event loops and threads."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context, copy_context
from enum import Enum
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args

from postopt.caching.flights.anchor import hold, let_go
from postopt.caching.flights.caller import Caller, LoopRef, TaskCaller, TaskRun, ThreadCaller, call_in
from postopt.caching.flights.computing import compute_here, compute_in_task, outcome_of
from postopt.caching.flights.flight import Flight, blocked
from postopt.caching.flights.guard import Guard
from postopt.caching.flights.outcome import Outcome
from postopt.errors import CacheValueError, ReentrantError

T = TypeVar("T")

OnError: TypeAlias = Literal["share", "retry", "stale"]


class _Missing(Enum):
    MISSING = "missing"


_MISSING: Final = _Missing.MISSING


class Coalescer:
    """Lets concurrent calls for one key share one run (single flight): tasks of any event loops, and threads.

    Nothing is kept once a run ends: this is not a cache. Callers of one key have to want the same thing, because the
    leader, who comes first, runs its `compute` for all of them.

    Laws:
        - One run: while a key's run goes on, all further callers wait for it.
        - Detached: the run of a leader that awaits is a task of its own, in the leader's loop and with its context
          variables. A caller that is cancelled leaves alone, be it the leader. When the last one leaves, the run is
          cancelled, and whoever comes then starts another one.
        - A value reaches everybody who waits. What an Exception does is up to `on_error`.
        - Anything else is no answer: the run was cancelled, by itself or with its loop; its loop was closed; it raised
          KeyboardInterrupt or SystemExit. That reaches only the caller whose `compute` it was, and the next one leads.
        - Nobody waits for itself: a call that would, directly or around a circle of runs, raises. What a run calls,
          awaits, starts as a task or sends to `asyncio.to_thread` is part of it, for context variables are handed on
          there; what it sends to an executor or a thread of its own is not.
        - Nothing is left behind: where nobody waits there is no flight, no task and no timer.

    A leader that is a thread runs its `compute` itself, with its own thread-local state: it has nothing else to do, and
    no thread is started here. What interrupts a thread, working or waiting, reaches it alone.

    How event loops end: asyncio tells nobody that a loop is closed, but the others go on at once when it is, or when it
    is collected as garbage. A loop that only stopped may run again, so those who wait for its run go on waiting, until
    it runs, is closed or collected, or another caller comes. That one does not wait for a loop that stands still: it
    cancels the run and leads. The child of a fork knows nothing of its parent's flights.

    An error that several callers get is a copy for each but the leader (see `Outcome`). Keys are compared, and counters
    kept, under one lock for the whole process; so do not call from a `__del__` or a signal handler, which Python may
    run while it is held.

    Args:
        on_error: "share": every caller gets the error. "retry": only the leader does, and the next caller runs its own
            `compute`, one by one. "stale": callers that brought a stale value get that, the others the error.

    Attributes:
        runs: how many runs were begun: those that gave a value, those that `failed` or were `abandoned`, and those
            that go on.
        joined: how many callers came while a run of another one went on.
        failed: how many runs raised an Exception.
        abandoned: how many runs gave no answer, as above or because nobody waited any more.

    Raises:
        CacheValueError: `on_error` is none of these.
    """

    def __init__(self, *, on_error: OnError = "share") -> None:
        if on_error not in get_args(OnError):
            raise CacheValueError(f"on_error is {on_error!r}; allowed: {', '.join(get_args(OnError))}")
        self.runs = self.joined = self.failed = self.abandoned = 0
        self._on_error = on_error
        self._flights: dict[Hashable, Flight] = {}
        _coalescers.add(self)

    def __len__(self) -> int:
        """Return how many flights are in the air."""
        return len(self._flights)

    async def run(
        self, key: Hashable, compute: Callable[[], Awaitable[T]], *, stale: T | Literal[_Missing.MISSING] = _MISSING
    ) -> T:
        """Return what `await compute()` gives, once for all that call with `key` meanwhile.

        Args:
            key: what makes calls the same; its hash and equality must not change.
            compute: called if this caller leads.
            stale: what to return instead of an error, with `on_error="stale"`.

        Raises:
            ReentrantError: the call would wait for the very run that makes it, or around a circle of runs.
            Exception: what `compute` raised, this caller's or another one's.
        """
        loop = asyncio.get_running_loop()
        caller = TaskCaller(loop)
        told = loop.create_future()
        begin = partial(self._start, caller, compute, loop, copy_context())
        caller.expect(told, begin)
        try:
            hold(loop, caller, (told, begin), partial(self._lose, caller))
            if self._board(key, caller):
                begin()
            await told
        except GeneratorExit:  # thrown away with its loop, maybe by the garbage collector
            _guard.later(partial(self._leave, caller, None))
            raise
        except BaseException:
            self._leave(caller, caller.loop)
            raise
        finally:
            let_go(loop, caller)
        return cast("T", self._result(caller, stale))

    def run_sync(
        self, key: Hashable, compute: Callable[[], T], *, stale: T | Literal[_Missing.MISSING] = _MISSING
    ) -> T:
        """Return what `compute()` gives, once for all that call with `key` meanwhile; block this thread until then.

        Args:
            key: as for `run`; the two share their flights.
            compute: called in this thread if this caller leads.
            stale: what to return instead of an error, with `on_error="stale"`.

        Raises:
            ReentrantError: as for `run`; or this thread runs the event loop that would have to go on.
            Exception: what `compute` raised, this caller's or another one's.
        """
        caller = ThreadCaller()
        try:
            if not self._board(key, caller):
                caller.wait()
            if self._begin(caller):
                # Set here, too, for the child of a fork, which knows of no flight and tells nobody.
                caller.outcome = compute_here(caller, compute)
                self._land(caller, None, caller.outcome)
        except BaseException:
            self._leave(caller, None)
            raise
        finally:
            blocked.pop(caller.thread, None)
        return cast("T", self._result(caller, stale))

    def _result(self, caller: Caller, stale: object) -> object:
        outcome, caller.outcome = cast("Outcome", caller.outcome), None
        if outcome.failed and self._on_error == "stale" and stale is not _MISSING:
            return stale
        try:
            return outcome.result()
        finally:
            del outcome  # else its error would hold this frame, and this frame the error

    def _board(self, key: Hashable, caller: Caller) -> bool:
        """Let `caller` wait for the flight of `key`, or lead it if no run of it goes on; return whether it leads."""
        stopped = None
        with _guard.lock:
            flight = self._flights.get(key)
            if flight is None or flight.outcome is not None:
                flight = Flight(key)
            leader = flight.leader
            if leader is not None and (leader.loop is caller.loop or not leader.is_stopped()):
                _refuse_circle(flight, caller)
                self.joined += 1
                if caller.loop is None:
                    blocked[caller.thread] = flight
                flight.take(caller)
            else:
                if leader is not None:
                    self.abandoned += leader.begun
                    stopped, leader.run, leader.begun = leader.run, None, False
                flight.take(caller)
                flight.leader = caller
                self._flights[key] = flight
            leads = flight.leader is caller
        if stopped is not None:
            stopped.cancel(None)
        _guard.catch_up()
        return leads

    def _begin(self, caller: Caller) -> bool:
        """Say whether `caller` has to begin its run, and count that."""
        with _guard.lock:
            if caller.begun or not caller.leads:
                return False
            caller.begun = True
            self.runs += 1
        _guard.catch_up()
        return True

    def _start(
        self,
        caller: TaskCaller,
        compute: Callable[[], Awaitable[object]],
        loop: asyncio.AbstractEventLoop,
        context: Context,
    ) -> None:
        """Run `compute` in a task of its own, if `caller` still leads."""
        if not self._begin(caller):
            return
        coroutine = compute_in_task(caller, compute)
        try:
            task = context.run(loop.create_task, coroutine)  # a factory need not know of contexts
        except Exception as error:  # noqa: BLE001 - of a task factory
            coroutine.close()
            self._land(caller, None, Outcome(error=error))
            return
        run = TaskRun(caller.loop, task)
        hold(loop, run, task, partial(self._lose, caller))  # asyncio does not, and the caller may leave
        task.add_done_callback(partial(self._landed, caller, run))
        caller.run = run

    def _landed(self, caller: TaskCaller, run: TaskRun, task: asyncio.Task[Outcome]) -> None:
        """Take up how a task ended."""
        try:
            outcome = outcome_of(task)
            told = self._land(caller, run, outcome)
        except BaseException as error:  # an interrupt; see _decide
            self._land(caller, run, Outcome(error=error))
            raise
        finally:
            let_go(task.get_loop(), run)
        if outcome.is_exit and not told:
            outcome.result()  # nobody else raises it

    def _land(self, leader: Caller, run: TaskRun | None, outcome: Outcome) -> bool:
        """Take up how the run of `leader` ended; return whether that one was still there to be told."""
        told = False
        with _guard.lock:
            flight = leader.flight
            if leader.leads and leader.begun and leader.run is run:
                told = leader in flight.callers
                self.failed += outcome.failed
                self.abandoned += not outcome.is_answer
                if outcome.is_answer and not (outcome.failed and self._on_error == "retry"):
                    flight.outcome = outcome
                else:
                    leader.outcome = outcome
                    flight.drop(leader)
                    flight.leader = None
            due = self._decide(flight)
        if leader.outcome is not None:
            leader.wake()
        self._act(due, leader.loop)
        return told

    def _leave(self, caller: Caller, here: LoopRef | None, *, lost: bool = False) -> None:
        """Let `caller` wait no longer; the others go on.

        Args:
            caller: who leaves.
            here: the loop that this thread runs, if it is known.
            lost: whether its loop has ended, and its run with it.
        """
        with _guard.lock:
            flight = caller.flight
            flight.drop(caller)
            if caller.leads and (caller.run is None or lost):
                self.abandoned += caller.begun
                flight.leader = None
            due = self._decide(flight)
        self._act(due, here)

    def _lose(self, caller: Caller) -> None:
        """Notice that the loop of `caller` has ended; from anywhere (see `anchor`)."""
        _guard.later(partial(self._leave, caller, None, lost=True))

    def _decide(self, flight: Flight) -> _Due:
        """Let somebody lead if there is anybody, and return what is due then; under the lock.

        That follows from the flight's state alone, and doing it twice does no harm. So whoever is interrupted in the
        middle of `_land`, by a KeyboardInterrupt, leaves nobody waiting if it lands or leaves again.
        """
        deserted = None
        if flight.leader is None:
            flight.elect()
        elif flight.outcome is None and not flight.callers:
            self.abandoned += flight.leader.begun
            deserted, flight.leader = flight.leader.run, None
        over = flight.leader is None or flight.outcome is not None
        if over and self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        return _Due(flight, flight.leader, flight.outcome, list(flight.callers) if over else [], deserted)

    def _act(self, due: _Due, here: LoopRef | None) -> None:
        """Do what is due; `here` is the loop that this thread runs, if it is known."""
        if due.deserted is not None:
            due.deserted.cancel(here)
        if due.leader is not None and due.outcome is not None:
            _tell(due.told, due.leader, due.outcome, here)
        elif due.leader is not None and not due.leader.begun:
            self._hand_over(due.leader)
        if due.told:
            with _guard.lock:
                for caller in due.told:
                    due.flight.drop(caller)
                due.flight.leader = due.flight.outcome = None
        _guard.catch_up()

    def _hand_over(self, elected: Caller) -> None:
        """Let the new leader begin, in its own thread or loop."""
        if isinstance(elected, TaskCaller):
            call_in(elected.loop, partial(self._begin_there, elected))
        else:
            elected.wake()

    def _begin_there(self, elected: TaskCaller) -> None:
        """Begin the run of `elected`, in its loop."""
        begin = elected.begin()
        if begin is not None:  # else it is being cancelled, and passes that on
            begin()

    def _forget(self) -> None:
        """Know nothing of the flights of the process from which this one was forked."""
        for flight in self._flights.values():
            self.abandoned += flight.leader is not None and flight.leader.begun
            flight.callers.clear()
            flight.leader = None
        self._flights.clear()


class _Due(NamedTuple):
    """What a decision leaves to do: tell `told` how `leader`'s run ended, let `leader` begin, cancel `deserted`."""

    flight: Flight
    leader: Caller | None
    outcome: Outcome | None
    told: list[Caller]
    deserted: TaskRun | None


def _tell(callers: list[Caller], leader: Caller, outcome: Outcome, here: LoopRef | None) -> None:
    """Let each of `callers` see how `leader`'s run ended."""
    others = outcome.for_others() if len(callers) > 1 else outcome
    elsewhere: dict[int, tuple[LoopRef, list[Caller]]] = {}
    for caller in callers:
        caller.outcome = outcome if caller is leader else others
        if caller.loop is None or caller.loop is here:
            caller.wake()
        else:
            elsewhere.setdefault(id(caller.loop), (caller.loop, []))[1].append(caller)
    for loop, group in elsewhere.values():
        call_in(loop, partial(_wake, group))


def _wake(callers: list[Caller]) -> None:
    for caller in callers:
        caller.wake()


def _refuse_circle(flight: Flight, caller: Caller) -> None:
    if caller.part_of is None and caller.loop is not None:
        return  # nobody waits for this task, as far as we know, nor for its thread
    if any(needed.leader is not None and caller.needs_itself(needed.leader) for needed in flight.needs()):
        raise ReentrantError("this call would wait for itself", hint=_CIRCLE)


_CIRCLE = (
    "what it would wait for waits, directly or through others, for the run that made this call, or for the event loop "
    "that this call would block; give inner computations keys of their own, and await run() where an event loop runs"
)

# One for all coalescers, because who waits for whom goes across them.
_guard = Guard()
_coalescers: weakref.WeakSet[Coalescer] = weakref.WeakSet()


def _forget_after_fork() -> None:
    _guard.reset()
    blocked.clear()
    for coalescer in list(_coalescers):
        coalescer._forget()  # noqa: SLF001 - ours


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget_after_fork)
