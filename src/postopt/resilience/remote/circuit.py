"""The circuits of several processes, which hear of each other through a Redis."""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from postopt._checks import check_callable, check_positive
from postopt.clock import Clock
from postopt.resilience.breaking.sharing import SharedCircuit
from postopt.resilience.remote.redis import connect, shown_url

KEEP_SECONDS = 86_400
"""How long Redis keeps the numbers of a circuit of which nobody says anything any more; a day is arbitrary."""

# One round for one circuit. All times are lengths, which Redis measures by its own clock.
#
# KEYS: open (who said so for longest; there until then), lease (who may probe), numbers (a hash: trips, how many;
# closed, up to which of them probes have answered since).
# ARGV: who asks, what is said, milliseconds open, the trips known when that was decided, whether to probe, milliseconds
# of the lease, seconds to keep the numbers.
# Returns: milliseconds that another has said it is open, whether the asker may probe, trips, closed.
_ROUND = """
if ARGV[2] == 'open' then
    redis.call('HINCRBY', KEYS[3], 'trips', 1)
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3]) end
end
local trips = tonumber(redis.call('HGET', KEYS[3], 'trips') or 0)
local closed = tonumber(redis.call('HGET', KEYS[3], 'closed') or -1)
if ARGV[2] == 'closed' then
    closed = math.max(closed, math.min(tonumber(ARGV[4]), trips))  -- it knows of more if Redis has lost its data
    redis.call('HSET', KEYS[3], 'closed', closed)
    if closed == trips then redis.call('DEL', KEYS[1]) end
end
redis.call('EXPIRE', KEYS[3], ARGV[7])
local holder = redis.call('GET', KEYS[2])
local mine = 0
if ARGV[5] == '1' then
    if not holder or holder == ARGV[1] then
        redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[6])
        mine = 1
    end
elseif holder == ARGV[1] then
    redis.call('DEL', KEYS[2])
end
local others = redis.call('GET', KEYS[1]) == ARGV[1] and 0 or math.max(redis.call('PTTL', KEYS[1]), 0)
return {others, mine, trips, closed}
"""


class RedisCircuitState:
    """Carries between processes that a circuit is open, that it has closed, and who may try it.

        shared = RedisCircuitState("redis://localhost:6379/0")
        breaker = CircuitBreaker("provider", shared=shared)

    Laws:
        - No call waits for Redis. Each process decides by what it knows; a thread of its own tells and hears the rest,
          in one round trip every `interval` seconds.
        - What opens one circuit opens those of its name everywhere, for as long as that one is open.
        - While Redis answers, one process at a time tries an open circuit: the one that has the lease. It gets it
          ahead, when the open time is about to end and calls are coming, and loses it after `probe_lease_seconds` or
          when no more come. If its probes succeed, all close that have seen no failures of their own since.
        - If nothing is heard from Redis for `interval` and two timeouts, each process goes by its own view, as if it
          were alone.
        - Times are counted by the clock of Redis and the one given here; no wall clock decides anything.

    The thread starts with the first call of a breaker, and ends with the last breaker. A forked process starts its own.
    One object serves any number of breakers; several of one name count as several processes.

    Attributes:
        failures: rounds that Redis did not answer, or in which something else went wrong, such as a breaker's listener
            that raised SystemExit. The next round comes all the same.

    Args:
        url: the Redis, as redis-py reads it.
        prefix: of the keys.
        interval: seconds between two rounds (1 is arbitrary): others learn of an open circuit after one or two.
        timeout: seconds that a command, or connecting, may take (0.25 is arbitrary).
        clock: monotonic.

    Raises:
        ValueError: a time is not more than zero, or the address is none.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "postopt:circuit:",
        interval: float = 1.0,
        timeout: float = 0.25,
        clock: Clock = time.monotonic,
    ) -> None:
        self._interval = check_positive("interval", interval, "seconds")
        self._timeout = check_positive("timeout", timeout, "seconds")
        check_callable("clock", clock, "returns seconds")
        self.failures = 0
        self._shown = shown_url(str(url))
        self._prefix = prefix
        self._clock = clock
        self._connect = partial(connect, url, seconds=self._timeout)
        try:
            self._connect()  # nothing is sent yet
        except (ValueError, AttributeError) as error:  # the latter for what is no text
            raise ValueError(f"url is {self._shown!r}; {error}") from error
        self._begin()
        _states.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._members: list[_Member] = []
        self._carrying: threading.Thread | None = None
        self._pause = threading.Event()  # that nobody sets

    def join(self, circuit: SharedCircuit) -> Callable[[], float]:
        """As `SharedState.join` says."""
        patience = self._interval + 2 * self._timeout
        member = _Member(circuit, interval=self._interval, patience=patience, clock=self._clock)
        with self._lock:
            self._members.append(member)
            if self._carrying is None:
                self._start()
        return member.wait

    def _start(self) -> None:
        thread = threading.Thread(target=self._carry, name="postopt-circuits", daemon=True)
        self._carrying = thread
        try:
            thread.start()
        except RuntimeError:  # there is no room for another thread, or the interpreter is about to end
            self._carrying = None
            self.failures += 1

    def _carry(self) -> None:
        try:
            with self._connect() as client:
                while self._go_on():
                    try:
                        self._round(client)
                    except BaseException:  # noqa: BLE001 - of whatever kind, the next round may go well
                        self.failures += 1
                    self._pause.wait(self._interval)
        finally:
            with self._lock:
                if self._carrying is threading.current_thread():  # else it has ended before, and another has begun
                    self._carrying = None

    def _go_on(self) -> bool:
        """Forget the circuits that are gone; tell whether there are any."""
        with self._lock:
            self._members = [member for member in self._members if member.circuit() is not None]
            if not self._members:
                self._carrying = None
            return bool(self._members)

    def _round(self, client: Any) -> None:  # redis.Redis, which only client.py imports
        asked = []
        pipeline = client.pipeline(transaction=False)
        for member in self._members:
            circuit = member.circuit()
            if circuit is not None:
                asked.append((member, circuit))
                pipeline.eval(_ROUND, 3, *self._keys(circuit.name), *member.ask(circuit))
        for (member, circuit), answer in zip(asked, pipeline.execute(), strict=True):
            try:
                member.hear(circuit, *answer)
            except BaseException:  # noqa: BLE001 - an interrupt of its listener, and the others have to hear, too
                self.failures += 1

    def _keys(self, name: str) -> list[bytes]:
        """Return the keys of a circuit; the name is in braces, so that in a cluster all three are in one place."""
        root = f"{self._prefix}{{{name}}}"
        # One name that is no UTF-8 would otherwise end the round of all.
        return [f"{root}:{what}".encode("utf-8", "surrogatepass") for what in ("open", "lease", "numbers")]

    def __repr__(self) -> str:
        return f"RedisCircuitState({self._shown!r})"


class _Member:
    """One circuit among those of its name.

    Attributes:
        circuit: a weak reference to it.
    """

    def __init__(self, circuit: SharedCircuit, *, interval: float, patience: float, clock: Clock) -> None:
        self.circuit = weakref.ref(circuit)
        self._me = f"{Random(None).getrandbits(64):016x}"  # noqa: S311 - a name, no secret
        self._interval = interval
        self._patience = patience
        self._clock = clock
        self._asked = self._heard = clock()
        self._lease_seconds = 0.0
        self._lease_until = -math.inf
        self._trips = 0
        self._unheard = ""

    def wait(self) -> float:
        """Return for how many seconds others are to try the circuit instead of this one."""
        now = self._clock()
        if now < self._lease_until or not now - self._heard <= self._patience:
            return 0.0
        return self._interval

    def ask(self, circuit: SharedCircuit) -> tuple[str | int, ...]:
        """Return the arguments of a round."""
        report = circuit.report()
        self._unheard = report.news or self._unheard
        self._asked = self._clock()
        self._lease_seconds = report.lease_seconds
        due = report.state == "half_open" or (report.state == "open" and report.open_seconds <= self._interval)
        return (
            self._me,
            self._unheard,
            _milliseconds(report.open_seconds),
            self._trips,
            int(due and report.wanted),
            _milliseconds(report.lease_seconds),
            KEEP_SECONDS,
        )

    def hear(self, circuit: SharedCircuit, others_ms: int, mine: int, trips: int, closed: int) -> None:
        """Take the answer."""
        self._unheard = ""
        self._heard = self._clock()
        self._trips = trips
        self._lease_until = self._asked + self._lease_seconds if mine else -math.inf
        if others_ms:
            circuit.open_for(others_ms / 1000)
        elif closed == trips:
            circuit.close()


def _milliseconds(seconds: float) -> int:
    """Return a time as Redis takes it: 1 at least, and at most some thirty years."""
    return max(1, int(min(seconds, 1e9) * 1000))


_states: weakref.WeakSet[RedisCircuitState] = weakref.WeakSet()


def _begin_in_child() -> None:
    """Forget the parent's thread and connection; the circuits join again with their next call."""
    for state in list(_states):
        state._begin()  # noqa: SLF001 - ours


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_begin_in_child)
