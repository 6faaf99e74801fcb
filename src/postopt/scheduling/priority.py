"""A bounded queue for turns: how many at once, who is next, and who is told at once that waiting is no use."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence

from postopt.clock import Clock
from postopt.errors import ShedError, shown
from postopt.scheduling.checks import check_number
from postopt.scheduling.lanes import LANES, WEIGHTS, Lanes, check_lane
from postopt.scheduling.queue_report import QueueReport
from postopt.scheduling.slots import Limit, Pool, Slot, check_concurrency
from postopt.scheduling.turn import Turn
from postopt.scheduling.waiter import QueuedWaiter, Reason, Waiter
from postopt.stats import EWMA, QuantileSketch


class PriorityQueue:
    """Hands out turns: at most so many at once; who has to wait does so in a lane, and not in vain.

        async with queue.turn(priority=prompt.priority, tenant=prompt.tenant, deadline=remaining()):
            completion = await generator.generate(prompt)

    Laws:
        - A turn begins only while fewer than the limit are being had. `leave` ends it, and its slot goes to the next.
        - Who is next: the lanes share the turns by weight; in a lane the tenants take turns; of a tenant the oldest is
          next. `Lanes` states the number of turns within which everybody's comes.
        - `reserved` slots are for lane 0 alone, so that an urgent call need not wait until another ends.
        - No turn begins after its deadline. A call is refused as soon as it is estimated to be late: when it comes, and
          at the moment at which its turn would have to begin. Whoever finds a slot free is not refused by an estimate,
          so that a wrong one is soon put right.
        - While `max_waiting` wait, a newcomer displaces the newest of the tenant with the most waiting in the last
          lane in use, or is refused if it has no better claim itself.
        - A cancelled waiter leaves alone; if it was given a slot at that moment, the next one gets it.
        - Every call gets its turn, or ShedError, or is cancelled.

    A queue may be used from several event loops and threads at once. A waiter whose loop was closed is passed over; one
    whose loop stands still keeps the slot it is given. A queue is for one process: after a fork, make another.

    Estimate of a wait: (turns before its own + 1) x mean seconds of a turn / slots open to its lane. It knows nothing
    of who comes later, and nothing at all until a turn was timed.

    Args:
        concurrency: most turns at once; a number, or an object whose `limit` may change. It is looked at whenever a
            turn is asked for or ends. If it falls, turns go on, and none begins until enough have ended.
        max_waiting: most that wait (1,024 is arbitrary).
        reserved: slots for lane 0 alone; at least one is always left to all. If None, an eighth of the limit, and one
            from a limit of 4 up (arbitrary; below 4 it would take a third of the slots or more from the others).
        weights: the share of each lane.
        half_life: seconds after which a turn counts half in the mean (60 is arbitrary).
        clock: monotonic.

    Raises:
        ValueError: a limit is less than 1, `reserved` is negative or leaves no slot to all, or an argument is not what
            it has to be.
    """

    def __init__(
        self,
        *,
        concurrency: int | Limit,
        max_waiting: int = 1024,
        reserved: int | None = None,
        weights: Sequence[float] = WEIGHTS,
        half_life: float = 60.0,
        clock: Clock = time.monotonic,
    ) -> None:
        check_number("max_waiting", max_waiting, least=1, whole=True)
        self._concurrency = check_concurrency(concurrency)
        _check_reserved(reserved, concurrency)
        self._reserved = reserved
        self._max_waiting = max_waiting
        self._clock = clock
        self._lanes: Lanes[QueuedWaiter] = Lanes(weights)
        self._shared = Pool()
        self._urgent = Pool()
        self._size = 0
        self._waiting = 0
        self._closed = False
        self._closers: list[Waiter] = []
        self._lock = threading.Lock()
        self._due = False
        # What others leave for whoever has the lock next, because they may not wait for it.
        self._gone: deque[QueuedWaiter] = deque()
        self._late: deque[QueuedWaiter] = deque()
        self._timings: deque[tuple[float, float]] = deque(maxlen=64)  # of a queue without waiters, nobody looks
        self._awake: deque[Waiter] = deque()
        self._seconds = EWMA(half_life)
        self._waited = QuantileSketch()
        self._shed: Counter[Reason] = Counter()
        self._left = 0
        self._pools = dict.fromkeys(range(LANES), self._shared.free)
        self._resize()

    def turn(
        self,
        *,
        priority: int = 4,
        tenant: str = "",
        deadline: float | None = None,
        expected_seconds: float | None = None,
    ) -> Turn:
        """Return an asynchronous context manager whose block is a turn; arguments and errors are those of `enter`."""
        if tenant.__class__ is not str:  # a third of isinstance
            _check_tenant(tenant)
        return Turn(self, priority, tenant, deadline, expected_seconds)

    def enter_nowait(self, priority: int = 4) -> Slot | None:
        """Begin a turn if a slot is free and nobody waits; otherwise return None: `enter` then says why, or waits.

        It knows of no deadline, so do not ask when no time is left. `leave` ends the turn, once, however it went.
        """
        # No lock: it would double the cost. Taking a slot is one step, and whoever joins the waiting looks for a free
        # slot afterwards, so that none is left lying while somebody waits.
        if self._waiting or self._concurrency.limit != self._size:
            return None
        try:
            slot = self._pools[priority].popleft()
        except (LookupError, TypeError):
            return None
        slot.held = True
        if slot.timed:
            slot.since = self._clock()
        return slot

    async def enter(
        self,
        *,
        priority: int = 4,
        tenant: str = "",
        deadline: float | None = None,
        expected_seconds: float | None = None,
    ) -> Slot:
        """Wait for a turn, and begin it. `leave` ends it, once, however it went.

        Args:
            priority: the lane, from 0 (first) to 7 (last).
            tenant: on whose behalf; tenants share a lane equally.
            deadline: seconds from now at which the turn has to have ended, or None.
            expected_seconds: how long the turn will take; if None, the mean of the last ones.

        Raises:
            ShedError: the queue is full or closed, or the turn cannot end before the deadline.
            ValueError: an argument is out of its range.
        """
        check_lane(priority)
        _check_tenant(tenant)
        _check_times(deadline, expected_seconds)
        waiter = QueuedWaiter(priority, tenant, self._clock())
        with self._lock:
            self._catch_up()
            self._join(waiter, deadline, expected_seconds)
        self._settle()
        try:
            if waiter.latest is not None and not waiter.future.done():
                waiter.call_later(max(0.0, waiter.latest - waiter.since), self._expire)
            await waiter.future
        except BaseException:
            self._gone.append(waiter)
            self._settle()
            raise
        finally:
            waiter.stop_timer()
        if waiter.slot is None:
            raise ShedError(waiter.refusal)
        if deadline is not None and self._clock() >= waiter.since + deadline:  # the loop was busy with something else
            with self._lock:
                self._refuse_late(waiter)
            self._gone.append(waiter)
            self._settle()
            raise ShedError(waiter.refusal)
        return waiter.slot

    def leave(self, slot: Slot) -> None:
        """End a turn; its slot goes to who is next. It never waits, and may be called from any thread.

        Raises:
            RuntimeError: the turn has ended already, and nobody else has the slot.
        """
        if not slot.held:
            raise RuntimeError("the turn has ended already; leave() ends it once")
        slot.held = False
        slot.turns += 1
        if slot.timed:
            self._timings.append((slot.since, self._clock()))
        slot.home.append(slot)
        if self._waiting or self._closed:
            self._settle()

    async def aclose(self) -> None:
        """Refuse those who wait and all who come, and wait until the turns that have begun end.

        Doing it again waits again. Cancelled, it has refused them all the same. Called in a turn it would wait for
        itself.
        """
        closer = Waiter()
        with self._lock:
            self._closed = True
            self._pools = {}
            while self._lanes:
                self._refuse(self._lanes.pop(), "closed", "the queue was closed while this call waited")
            self._closers = [*(other for other in self._closers if not other.future.done()), closer]
        self._settle()
        await closer.future

    def report(self) -> QueueReport:
        """Return what the queue has done, and who waits."""
        with self._lock:
            self._catch_up()
            waited = self._waited
            some = waited.n > 0
            report = QueueReport(
                limit=max(0, self._concurrency.limit),
                running=self._running(),
                waiting=tuple(self._lanes.counts),
                served=self._shared.ended() + self._urgent.ended(),
                waited=waited.n,
                waited_p50=waited.quantile(0.5) if some else None,
                waited_p99=waited.quantile(0.99) if some else None,
                waited_max=waited.quantile(1) if some else None,
                shed=dict(self._shed.items()),
                left=self._left,
                turn_seconds=self._mean(),
            )
        self._settle()
        return report

    def _settle(self) -> None:
        """Do what is to be done, unless somebody is at it, who will then do it once more.

        Nothing here waits for the lock: the garbage collector may end a turn in the very thread that holds it.
        """
        self._due = True
        while self._due and self._lock.acquire(blocking=False):
            try:
                self._due = False
                self._catch_up()
                self._hand_out()
            finally:
                self._lock.release()
            while self._awake:
                try:
                    waiter = self._awake.popleft()
                except IndexError:  # pragma: no cover - another thread was first
                    break
                if not waiter.wake() and isinstance(waiter, QueuedWaiter):
                    self._gone.append(waiter)
                    self._due = True

    def _catch_up(self) -> None:
        while self._timings:
            began, ended = self._timings.popleft()
            if 0 <= ended - began < math.inf:  # not if the clock went back
                self._seconds.update(ended - began, ended)
        while self._gone:
            self._release(self._gone.popleft())
        while self._late:
            waiter = self._late.popleft()
            if self._lanes.remove(waiter, waiter.lane, waiter.tenant):
                self._refuse_late(waiter)

    def _release(self, waiter: QueuedWaiter) -> None:
        slot, waiter.slot = waiter.slot, None
        if slot is not None:
            slot.held = False
            slot.home.append(slot)
        elif not self._lanes.remove(waiter, waiter.lane, waiter.tenant):
            return
        self._left += not waiter.refusal

    def _join(self, waiter: QueuedWaiter, deadline: float | None, expected_seconds: float | None) -> None:
        """Let a newcomer wait, if only for a moment, or refuse it."""
        lane, tenant = waiter.lane, waiter.tenant
        if self._closed:
            return self._refuse(waiter, "closed", "the queue is closed")
        if deadline is not None and deadline <= 0:
            return self._refuse(waiter, "deadline", f"no time is left: the deadline passed {-deadline:.3f} s ago")
        own = 0.0
        if not self._has_slot(lane):
            own = (self._mean() or 0.0) if expected_seconds is None else expected_seconds
            estimate = self._estimated_wait(lane, tenant) + own
            if deadline is not None and estimate > deadline:
                return self._refuse(
                    waiter, "deadline", f"cannot make the deadline: estimated {estimate:.3f} s of {deadline:.3f} s"
                )
            if len(self._lanes) >= self._max_waiting and not self._make_room(lane, tenant):
                return self._refuse(waiter, "full", f"the queue is full: {len(self._lanes)} wait")
        if deadline is not None:
            waiter.latest = waiter.since + deadline - own
        self._lanes.push(waiter, lane, tenant)
        self._waiting = len(self._lanes)
        return None

    def _make_room(self, lane: int, tenant: str) -> bool:
        other = self._lanes.displaced_by(lane, tenant)
        if other is None:
            return False
        self._lanes.remove(other, other.lane, other.tenant)
        self._refuse(
            other, "displaced", f"displaced by a call with a better claim: the queue of {len(self._lanes) + 1} is full"
        )
        return True

    def _hand_out(self) -> None:
        """Give free slots to who is next, as many as there are of both."""
        self._resize()
        now = self._clock() if self._lanes else 0.0
        while self._lanes and self._running() < self._concurrency.limit:
            # The slot first: it may be taken, without a lock, until we have it.
            try:
                if self._lanes.counts[0] and self._urgent.free:
                    slot = self._urgent.free.popleft()
                    waiter = self._lanes.pop_from(0)
                else:
                    slot = self._shared.free.popleft()
                    waiter = self._lanes.pop()
            except IndexError:
                break
            if waiter.latest is not None and now > waiter.latest:
                slot.home.append(slot)
                self._refuse_late(waiter)
                continue
            self._waited.update(max(0.0, now - waiter.since))
            slot.since = now
            slot.held = True
            waiter.slot = slot
            self._awake.append(waiter)
        self._waiting = len(self._lanes)
        if self._closed and not self._running():
            self._awake.extend(self._closers)
            self._closers.clear()

    def _refuse_late(self, waiter: QueuedWaiter) -> None:
        waited = self._clock() - waiter.since
        self._refuse(waiter, "deadline", f"cannot make the deadline: no turn came in {waited:.3f} s")

    def _refuse(self, waiter: QueuedWaiter, reason: Reason, message: str) -> None:
        waiter.refusal = message
        self._shed[reason] += 1
        self._awake.append(waiter)

    def _expire(self, waiter: QueuedWaiter) -> None:
        self._late.append(waiter)
        self._settle()

    def _estimated_wait(self, lane: int, tenant: str) -> float:
        slots = self._shared.size + (0 if lane else self._urgent.size)
        mean = self._mean()
        return (self._lanes.ahead(lane, tenant) + 1) * mean / slots if mean is not None and slots else 0.0

    def _mean(self) -> float | None:
        return self._seconds.mean if self._seconds.n else None

    def _running(self) -> int:
        return self._size - len(self._shared.free) - len(self._urgent.free)

    def _has_slot(self, lane: int) -> bool:
        self._resize()
        free = self._shared.free or (not lane and self._urgent.free)
        return bool(free) and self._running() < self._concurrency.limit

    def _resize(self) -> None:
        limit = max(0, self._concurrency.limit)
        if limit == self._size:
            return
        reserved = max(limit // 8, limit >= 4) if self._reserved is None else self._reserved
        self._urgent.resize(max(0, min(reserved, limit - 1)))
        self._shared.resize(limit - max(0, min(reserved, limit - 1)))
        self._size = self._shared.size + self._urgent.size
        if self._pools:
            self._pools[0] = self._urgent.free if self._urgent.size else self._shared.free


def _check_reserved(reserved: int | None, concurrency: int | Limit) -> None:
    if reserved is None:
        return
    check_number("reserved", reserved, least=0, whole=True)
    if isinstance(concurrency, int) and reserved >= concurrency:
        raise ValueError(
            f"reserved is {shown(reserved)}; fewer than concurrency are needed, to leave slots to all lanes"
        )


def _check_tenant(tenant: object) -> None:
    if not isinstance(tenant, str):
        raise ValueError(f"tenant is {shown(tenant)}; a text is needed")  # noqa: TRY004 - as all others


def _check_times(deadline: float | None, expected_seconds: float | None) -> None:
    if deadline is not None:
        check_number("deadline", deadline, least=-math.inf, most=math.inf)
    if expected_seconds is not None:
        check_number("expected_seconds", expected_seconds, least=0)
