"""Requests of many callers in few calls: send at once while idle, collect while busy."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from postopt.clock import Clock
from postopt.errors import ShedError
from postopt.scheduling.batch import Batch, Entry, Run, fail, raisable, send
from postopt.scheduling.batch_report import BatchReport
from postopt.scheduling.checks import check_number
from postopt.scheduling.cost import BatchCost
from postopt.scheduling.isolation import isolate
from postopt.scheduling.lanes import LANES, WEIGHTS, LaneOrder, check_lane
from postopt.scheduling.waiter import Reason

T = TypeVar("T")
R = TypeVar("R")

_USUAL = 4
"""The lane of whoever names none: while nobody does, choosing is left out."""


class MicroBatcher(Generic[T, R]):
    """Lets `run` take the items of many callers at once.

    Laws:
        - While no batch is being run, an item is sent at once, with all others that came in the same pass of the event
          loop; while one is, items are collected, and sent when it is done. Nothing ever waits for a timer.
        - Lanes share the places of batches by weight (`LaneOrder`); in a lane the oldest is first, whatever the
          deadlines, so that none starves.
        - A batch holds at most `max_size` items and `max_tokens` tokens, and no more than are estimated to be done
          before its tightest deadline. An item that would be late even alone is refused before it is sent, unless
          nothing was being run when it came; so a wrong estimate is soon put right.
        - If a batch fails, it is divided until those that are to blame have failed alone (`isolate`): `run` may see
          an item more than once.
        - Every submit returns a result, raises, or is cancelled: also when `run` crashes or answers with nonsense, when
          its task is cancelled, and on `aclose`.
        - A cancelled submit leaves alone: its item is not sent any more. If all have left a batch that is being run, it
          is cancelled.

    `run` runs in tasks of its own, in a copy of the context in which the batcher was made: it sees no deadline and no
    other context variable of a caller. It must not submit to its own batcher, which would wait for itself.

    A batcher serves one event loop at a time; once nothing waits and nothing runs it may serve another. Another thread
    submits by `asyncio.run_coroutine_threadsafe(batcher.submit(item), loop)`.

    Args:
        run: `await run(items)` gives one result an item, in order, as a list or tuple. An exception in it fails its
            item alone.
        max_size: most items in a batch.
        max_tokens: most tokens in a batch, or None for no limit.
        tokens_of: how many tokens an item has; needed by `max_tokens`, and what the cost of a batch is fitted to.
        concurrency: most batches at once.
        max_waiting: most items that wait (10,000 is arbitrary).
        weights: the share of each lane.
        clock: monotonic.

    Raises:
        ValueError: an argument is out of its range, or `max_tokens` comes without `tokens_of`.
    """

    def __init__(
        self,
        run: Run[T, R],
        *,
        max_size: int,
        max_tokens: int | None = None,
        tokens_of: Callable[[T], int] | None = None,
        concurrency: int = 1,
        max_waiting: int = 10_000,
        weights: Sequence[float] = WEIGHTS,
        clock: Clock = time.monotonic,
    ) -> None:
        check_number("max_size", max_size, least=1, whole=True)
        check_number("concurrency", concurrency, least=1, whole=True)
        check_number("max_waiting", max_waiting, least=1, whole=True)
        if max_tokens is not None:
            check_number("max_tokens", max_tokens, least=1, whole=True)
            if tokens_of is None:
                raise ValueError("max_tokens is given but tokens_of is None; a function that counts them is needed")
        self._run = run
        self._max_size = max_size
        self._max_tokens = math.inf if max_tokens is None else max_tokens
        self._tokens_of = tokens_of
        self._concurrency = concurrency
        self._room = max_waiting  # none once it is closed
        self._clock = clock
        self._order = LaneOrder(weights)
        self._lanes: tuple[deque[Entry[T, R]], ...] = tuple(deque() for _ in range(LANES))
        self._waiting = 0
        self._left = 0
        self._timed: set[asyncio.Future[R]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.copy_context()
        self._tasks: dict[asyncio.Task[None], Batch[T, R]] = {}
        self._busy = 0
        self._starting: asyncio.Task[None] | None = None
        self._looking = False
        self._closed = False
        self._cost = BatchCost()
        self._batches = self._items = self._failed = self._resent = 0
        self._shed: Counter[Reason] = Counter()

    async def submit(self, item: T, *, priority: int = _USUAL, deadline: float | None = None) -> R:
        """Return what `run` gives for `item`.

        Args:
            item: passed to `run` as it is.
            priority: the lane, from 0 (first) to 7 (last).
            deadline: seconds from now within which the result is needed, or None. Once the item is sent, it is waited
                for however long that takes.

        Raises:
            ShedError: the batcher is full or closed, or the item cannot be done before its deadline.
            MalformedAnswerError: `run` gave something else than one result an item.
            CutOffError: `run` crashed or was cancelled.
            ValueError: an argument is out of its range, or the item alone has more than `max_tokens`.
            RuntimeError: the batcher is at work in another event loop.
            Exception: whatever `run` raised for this item.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        if priority != _USUAL:
            check_lane(priority)
        tokens = 1 if self._tokens_of is None else self._count(item)
        at = math.inf if deadline is None else self._at(deadline)
        if self._waiting >= self._room:
            self._refuse_without_room()
        future: asyncio.Future[R] = loop.create_future()
        lane = self._lanes[priority]
        if not lane:
            self._order.join(priority)
        lane.append((item, future, tokens, at))
        self._waiting += 1
        if self._starting is None and self._busy < self._concurrency:
            self._start(loop, idle=not self._busy)
        timer = None if deadline is None else self._arm(loop, future, deadline)
        try:
            return await future
        except (asyncio.CancelledError, GeneratorExit):
            if not loop.is_closed():
                self._take_leave(loop, future)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def aclose(self) -> None:
        """Refuse all further items, and wait until all that were submitted are answered.

        If this is cancelled, those that wait are shed, and what is being run is cancelled, without waiting for it.

        Raises:
            RuntimeError: called by `run`, which would wait for itself, or while at work in another event loop.
        """
        self._move(asyncio.get_running_loop())
        if asyncio.current_task() in self._tasks:
            raise RuntimeError("aclose() was called by `run` of the same batcher and would wait for itself")
        self._closed, self._room = True, 0
        try:
            while self._tasks:
                await asyncio.wait(list(self._tasks))
        except asyncio.CancelledError:
            self._shed_waiting("the batcher was closed before this was sent")
            self._cancel_running()
            raise

    def report(self) -> BatchReport:
        """Return what the batcher has done, and what waits."""
        per_token, per_batch = self._cost.line()
        return BatchReport(
            waiting=self._waiting,
            running=self._busy - (self._starting is not None),
            batches=self._batches,
            items=self._items,
            failed=self._failed,
            resent=self._resent,
            shed=dict(self._shed.items()),
            seconds_per_token=per_token,
            seconds_per_batch=per_batch,
        )

    def _start(self, loop: asyncio.AbstractEventLoop, *, idle: bool) -> None:
        """Run a batch from the next pass of the loop on; what is submitted until then goes along."""
        batch: Batch[T, R] = Batch()
        task = loop.create_task(self._work(batch, idle=idle), context=self._context.copy())
        self._starting = task
        self._tasks[task] = batch
        self._busy += 1
        task.add_done_callback(self._finish)

    async def _work(self, batch: Batch[T, R], *, idle: bool) -> None:
        self._starting = None
        entries = batch.entries = self._take(idle=idle)
        if self._waiting and self._busy < self._concurrency:
            self._start(asyncio.get_running_loop(), idle=False)
        if entries:
            await self._answer(entries)
        # Here and not in `_finish`: whoever got an answer and comes again finds this idle.
        batch.over = True
        self._busy -= 1
        if self._waiting:
            self._go_on(asyncio.get_running_loop())

    async def _answer(self, entries: Sequence[Entry[T, R]]) -> None:
        self._batches += 1
        self._items += len(entries)
        began = self._clock()
        try:
            await send(self._run, entries)
        except Exception as error:  # noqa: BLE001 - those who wait for the items get it
            self._failed += 1
            await isolate(self._send_again, entries, error)
        else:
            size = len(entries) if self._tokens_of is None else sum(entry[2] for entry in entries)
            self._cost.update(size, self._clock() - began)

    async def _send_again(self, entries: Sequence[Entry[T, R]]) -> None:
        self._resent += 1
        await send(self._run, entries)

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Answer those whom the end of a batch that did not come to its end left without."""
        batch = self._tasks.pop(task)
        if batch.over:
            return
        self._busy -= 1
        if self._starting is task:  # it was cancelled before it began
            self._starting = None
        if task.cancelled():
            if not batch.abandoned:
                fail(batch.entries, raisable(asyncio.CancelledError()))
            if task.cancelling() and not batch.abandoned:  # the loop is being shut down: do not begin again
                self._shed_waiting("the event loop is ending")
        elif (error := task.exception()) is not None:
            fail(batch.entries, raisable(error))
        self._go_on(task.get_loop())

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._starting is None:
            self._start(loop, idle=False)

    def _take(self, *, idle: bool) -> list[Entry[T, R]]:
        """Choose the next batch, and refuse what cannot be done in time."""
        usual = self._lanes[_USUAL]
        if len(usual) == self._waiting and self._tokens_of is None and not self._timed:
            return self._take_from(usual)
        batch: list[Entry[T, R]] = []
        tokens, tightest, now = 0, math.inf, self._clock() if self._timed else 0.0
        while len(batch) < self._max_size and (lane := self._next_lane()) is not None:
            _, future, more, deadline = entry = self._lanes[lane][0]
            slack = min(tightest, deadline) - now
            late = slack < math.inf and self._cost.seconds(tokens + more) > slack
            if deadline <= now or (late and not batch and not idle):
                self._pop(lane)
                self._refuse_late(future, deadline - now, self._cost.seconds(more))
            elif (late and batch) or tokens + more > self._max_tokens:
                break
            else:
                self._pop(lane)
                self._order.took(lane)
                batch.append(entry)
                tokens += more
                tightest = min(tightest, deadline)
        return batch

    def _take_from(self, lane: deque[Entry[T, R]]) -> list[Entry[T, R]]:
        """Do the same while one lane is in use, and there are neither tokens nor deadlines."""
        if len(lane) > self._max_size:
            entries = [lane.popleft() for _ in range(self._max_size)]
        else:
            entries = list(lane)
            lane.clear()
        self._waiting -= len(entries)
        return [entry for entry in entries if not entry[1].done()]

    def _next_lane(self) -> int | None:
        """Return the lane that is next, with one who still waits at its head, or None if all are empty."""
        for lane, queue in enumerate(self._lanes):
            while queue and queue[0][1].done():
                self._pop(lane)
        used = [lane for lane in range(LANES) if self._lanes[lane]]
        return self._order.first(used) if used else None

    def _pop(self, lane: int) -> None:
        entry = self._lanes[lane].popleft()
        self._timed.discard(entry[1])
        self._waiting -= 1

    def _refuse_late(self, future: asyncio.Future[R], left: float, estimate: float) -> None:
        self._shed["deadline"] += 1
        future.set_exception(
            ShedError(f"cannot make the deadline: estimated {estimate:.3f} s of {max(0.0, left):.3f} s")
        )

    def _shed_waiting(self, why: str) -> None:
        entries = [entry for lane in self._lanes for entry in lane if not entry[1].done()]
        for lane in self._lanes:
            lane.clear()
        self._waiting = 0
        self._timed.clear()
        self._shed["closed"] += len(entries)
        fail(entries, ShedError(why))

    def _take_leave(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[R]) -> None:
        future.cancel()
        self._left += 1
        if self._tasks and not self._looking:
            self._looking = True
            loop.call_soon(self._cancel_abandoned)

    def _cancel_abandoned(self) -> None:
        self._looking = False
        for task, batch in self._tasks.items():
            if batch.entries and all(entry[1].done() for entry in batch.entries):
                batch.abandoned = True
                task.cancel()

    def _cancel_running(self) -> None:
        for task, batch in self._tasks.items():
            batch.abandoned = True
            fail(batch.entries, ShedError("the batcher was closed before this was done"))
            task.cancel()

    def _arm(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[R], deadline: float) -> asyncio.TimerHandle:
        self._timed.add(future)
        return loop.call_later(max(0.0, deadline), self._expire, future)

    def _expire(self, future: asyncio.Future[R]) -> None:
        if future in self._timed:
            self._timed.discard(future)
            self._left += 1
            self._refuse_late(future, 0.0, self._cost.seconds(1))

    def _at(self, deadline: float) -> float:
        check_number("deadline", deadline, least=-math.inf, most=math.inf)
        if deadline <= 0:
            self._shed["deadline"] += 1
            raise ShedError(f"no time is left: the deadline passed {-deadline:.3f} s ago")
        return self._clock() + deadline

    def _count(self, item: T) -> int:
        tokens = self._tokens_of(item) if self._tokens_of is not None else 1
        check_number("tokens_of(item)", tokens, least=0, most=self._max_tokens, whole=True)
        return tokens

    def _refuse_without_room(self) -> None:
        """Raise if there is no room, even without those that have left."""
        if self._closed:
            self._shed["closed"] += 1
            raise ShedError("the batcher is closed")
        if self._left:
            self._left = 0
            for lane in self._lanes:
                entries = [entry for entry in lane if not entry[1].done()]
                lane.clear()
                lane.extend(entries)
            self._waiting = sum(map(len, self._lanes))
        if self._waiting >= self._room:
            self._shed["full"] += 1
            raise ShedError(f"the batcher is full: {self._waiting} items wait")

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve another event loop from now on, if the last one is done with or closed."""
        if self._loop is not None and loop is not self._loop:
            if self._busy and not self._loop.is_closed():
                raise RuntimeError("the batcher is at work in another event loop; make one for each")
            self._tasks.clear()
            self._busy = 0
            self._starting, self._looking = None, False
            self._shed_waiting("its event loop was closed")
        self._loop = loop
