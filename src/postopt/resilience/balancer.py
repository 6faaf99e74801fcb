"""Calls spread over the replicas of one model, past those that are slow or fail."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from postopt._checks import check_callable, check_count, check_positive
from postopt.clock import Clock
from postopt.errors import shown
from postopt.resilience.balancing.course import Attempt, Course
from postopt.resilience.balancing.ejection import Ejection
from postopt.resilience.balancing.hedging import Hedging
from postopt.resilience.balancing.lease import Lease
from postopt.resilience.balancing.member import Member, ReplicaState
from postopt.resilience.balancing.pool import Pool
from postopt.resilience.balancing.race import Race
from postopt.resilience.balancing.rendezvous import Rendezvous
from postopt.resilience.discovery import Discovery, Static
from postopt.resilience.outcome import of_error

__all__ = ["Attempt", "Balancer", "Lease", "ReplicaState"]

T = TypeVar("T")
R = TypeVar("R")


class Balancer(Generic[T]):
    """Gives each call to one of several replicas that can all answer it.

        balancer = Balancer(["http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1"])
        answer = await balancer.acall(lambda url: ask(url, prompt), key=template_prefix)

    Laws:
        - With a key, calls of one key go to the same replica as long as its load stays within `bounded_load` of the
          mean (`Rendezvous`); a server that keeps prefixes of prompts then finds them. Without one, a call goes to the
          less loaded of two drawn at random (`Pool`). Load is calls under way, exact under threads and cancellation.
        - A replica whose calls fail is left out for a while and comes back by one trial call (`Ejection`). At most
          `max_ejected_share` are out, one always stays, and if those that stay all fail, too, nobody is left out.
        - An error that is the provider's fault is tried on `retry_elsewhere` other replicas. A replica that rejects the
          call (`CallRejectedError`, such as its open circuit) was not sent to: the next one is asked, as long as there
          are others. A refusal, and any other error that is the request's or the caller's fault, is raised at once.
        - If nobody answers, the last failure is raised, or the last rejection if nothing was sent; its `cost_usd`
          holds what all failed attempts cost. No retry begins after the deadline (`deadline.within`).
        - Cancelling the call cancels what was sent for it. It counts neither for nor against a replica.
        - A call that was sent before its replica was ejected, or let in again, changes nothing but counts by ending.
        - Replicas that are no longer listed finish their calls and get no new ones. One that is still listed, or is
          again before it has finished, keeps what is known of it; replicas are told apart by `==`. They are shown and
          ranked by `name`, if that is a text, else by `str(replica)`; equal names get a number.

    With `hedge`, a call that has no answer after the 95th percentile of recent latencies is sent to a second replica,
    too: the first answer counts, the other send is cancelled and awaited. It pays only where that frees the server's
    slot. Each send then runs in a task of its own. If an answer comes in the same turn of the event loop as the other
    send's error that nobody else is asked after (a refusal, and any that is the request's or the caller's fault), the
    error counts: whoever looks first must not decide whether a refusal is walked round.

    One balancer may be used from several event loops and threads. It does nothing by itself and needs no closing.

    Args:
        replicas: the replicas, or a `Discovery` of them, which is opened and closed by whoever made it.
        bounded_load: how far a key's replica may be above the mean load (1.25 is arbitrary; docs/design/0014).
        eject_failures: failures in a row that eject (3; this and the following are arbitrary, near Envoy's).
        eject_share: share of the last 20 calls (5 at least) whose failing ejects.
        eject_seconds: how long the first ejection lasts; the k-th in a row lasts k times as long.
        max_eject_seconds: how long any may last; up to a tenth, by chance, comes on top.
        max_ejected_share: share of the replicas that may be out at the same time.
        retry_elsewhere: further replicas asked after failures.
        hedge: most hedges, as a share of the other sends, such as 0.05; None for no hedging.
        drained: called with each replica that is no longer listed, once it has finished its calls, to close what
            belongs to it. In the thread where that was noticed; what it raises is counted.
        clock: monotonic.
        seed: of the draws, so that a run can be replayed; None for another one each time.

    Raises:
        ValueError: an argument cannot be used, or `replicas` is empty.
    """

    def __init__(  # noqa: PLR0913 - the rules of one balancer, each with a default
        self,
        replicas: Iterable[T] | Discovery[T],
        *,
        bounded_load: float = 1.25,
        eject_failures: int = 3,
        eject_share: float = 0.5,
        eject_seconds: float = 30.0,
        max_eject_seconds: float = 300.0,
        max_ejected_share: float = 0.5,
        retry_elsewhere: int = 1,
        hedge: float | None = None,
        drained: Callable[[T], object] | None = None,
        clock: Clock = time.monotonic,
        seed: int | None = None,
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - spreads load
        self._retries = check_count("retry_elsewhere", retry_elsewhere, least=0)
        self._hedging = None if hedge is None else Hedging(hedge)
        self._clock = clock
        rules = Ejection(
            failures=eject_failures,
            share=eject_share,
            seconds=eject_seconds,
            max_seconds=max_eject_seconds,
            max_share=max_ejected_share,
            rng=rng,
        )
        if check_positive("bounded_load", bounded_load, "times the mean") < 1:
            raise ValueError(f"bounded_load is {shown(bounded_load)}; 1 or more times the mean is needed")
        if drained is not None:
            check_callable("drained", drained, "takes a replica that has finished")
        check_callable("clock", clock, "returns seconds")
        rendezvous: Rendezvous[T] = Rendezvous(bounded_load)
        self._discovery = _discovery(replicas)
        self._pool = Pool(self._discovery, rules=rules, rendezvous=rendezvous, drained=drained, rng=rng, clock=clock)

    async def acall(
        self,
        call: Callable[[T], Awaitable[R]],
        key: str | bytes | None = None,
        *,
        attempts: list[Attempt] | None = None,
    ) -> R:
        """Return `await call(replica)` for the replica whose turn it is, or for another one if that fails.

        Args:
            call: asks one replica; it may be called several times, with `hedge` at the same time.
            key: what calls share that one replica answers best, such as the prefix of a template.
            attempts: gets a record of each send but the one that answered, in the order of their ends; none if the
                first one answers. Who did answer, `call` knows.

        Raises:
            CallRejectedError: no replica is known, or all reject the call.
            Exception: whatever `call` raises.
        """
        pool = self._pool
        if self._hedging is not None or not pool.calm or self._discovery.replicas is not pool.listed:
            return await self._acall(call, key, Course(self._retries, attempts))
        # What follows is _acall for the usual case, spelt out: its calls would cost as much as the rest.
        if key is None:
            member, other = next(pool.pairs)
            if len(other.flights) < len(member.flights):
                member = other
        else:
            member = pool.rendezvous.choose(key, pool.choice)
        member.calls += 1
        flights = member.flights
        flights.append(None)
        if member.drained:
            pool.undo(member)
            return await self._acall(call, key, Course(self._retries, attempts))
        ticket = member.health.epoch
        began = 0.0 if attempts is None else self._clock()  # nobody else asks how long it took
        try:
            result = await call(member.replica)
        except BaseException as error:  # noqa: BLE001 - it is raised again, or another replica is asked
            flights.pop()
            course = Course[T](self._retries, attempts)
            if not self._goes_on(course, member, ticket, began, error):
                raise course.verdict()  # noqa: B904 - it is this error, or one that says more
        else:
            flights.pop()
            if member.watched:
                pool.note(member, ticket, "success")
            return result
        return await self._acall(call, key, course)

    async def _acall(self, call: Callable[[T], Awaitable[R]], key: str | bytes | None, course: Course[T]) -> R:
        """Ask replicas that are not tried yet, one after the other or by a race, until the course is over."""
        if self._hedging is not None:
            return await Race(self._pool, self._hedging, call, key=key, course=course, clock=self._clock).run()
        while (taken := self._pool.take(key, course.tried)) is not None:
            member, ticket = taken
            flights = member.flights
            began = self._clock()
            try:
                result = await call(member.replica)
            except BaseException as error:  # noqa: BLE001 - as above
                flights.pop()
                if not self._goes_on(course, member, ticket, began, error):
                    break
            else:
                flights.pop()
                if member.watched:
                    self._pool.note(member, ticket, "success")
                return result
        raise course.verdict()

    def _goes_on(self, course: Course[T], member: Member[T], ticket: int, began: float, error: BaseException) -> bool:
        """Count an error; tell whether another replica may be asked."""
        outcome = of_error(error, seconds=max(0.0, self._clock() - began))
        self._pool.note(member, ticket, outcome.kind, outcome.retry_after)
        return course.take(member, outcome)

    def pick(self, key: str | bytes | None = None) -> Lease[T]:
        """Give a call to a replica and return the lease; for callers that do not await, and for streams.

        Nothing is retried or hedged.

        Raises:
            CallRejectedError: no replica is known.
        """
        taken = self._pool.take(key)
        if taken is None:
            raise Course[T](0, None).verdict()
        return Lease(self._pool, *taken)

    @property
    def states(self) -> tuple[ReplicaState, ...]:
        """What is known of each replica, those last that are no longer listed and still have calls."""
        return tuple(member.state() for member in self._pool.members())

    @property
    def most_sends(self) -> int:
        """How often one call is sent at most; rejections are no sends."""
        return 1 + self._retries + (self._hedging is not None)

    @property
    def drain_errors(self) -> int:
        """How many calls of `drained` raised."""
        return self._pool.drain_errors

    @property
    def hedges(self) -> int:
        """How many sends were hedges."""
        return 0 if self._hedging is None else self._hedging.hedges

    def __repr__(self) -> str:
        states = self.states
        ejected = sum(state.ejected for state in states)
        return f"Balancer({len(states)} replicas, {ejected} ejected)"


def _discovery(replicas: Iterable[T] | Discovery[T]) -> Discovery[T]:
    if isinstance(replicas, Iterable):
        if isinstance(replicas, str | bytes):
            raise ValueError(f"replicas is {shown(replicas)}; a list is needed, even of one")  # noqa: TRY004 - as others
        return Static(replicas)
    if not isinstance(getattr(replicas, "replicas", None), tuple):
        raise ValueError(  # noqa: TRY004 - as the others
            f"replicas is {shown(replicas)}; a list, or a discovery whose `replicas` is a tuple, is needed"
        )
    return replicas
