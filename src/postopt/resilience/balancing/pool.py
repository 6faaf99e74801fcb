"""The replicas to choose from, and what the end of each call does to them."""

from __future__ import annotations

import math
import os
import random
import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from itertools import count, cycle, permutations
from typing import Any, Generic
from weakref import WeakSet

from postopt.clock import Clock
from postopt.resilience.balancing.ejection import Ejection
from postopt.resilience.balancing.member import Member, T
from postopt.resilience.balancing.rendezvous import Rendezvous, rank
from postopt.resilience.discovery import Discovery
from postopt.resilience.outcome import Kind

MOST_PAIRS = 1024
"""Pairs drawn ahead for the choice of two. Up to 32 replicas these are all pairs, each as often as the others."""


class Pool(Generic[T]):
    """Which replicas there are, who of them is left out, and who gets the next call.

    Nothing here waits. A choice takes no lock: counting calls is exact without one (`Member.flights`). What changes
    who can be chosen (a new list, an ejection, a return, the start of a trial) is decided under a lock.

    The choice without a key is the less loaded of two drawn at random, by calls under way (M. Mitzenmacher, "The power
    of two choices in randomized load balancing", IEEE Transactions on Parallel and Distributed Systems 12(10), 2001).
    The pairs are drawn ahead, because two draws cost as much as the rest of the choice.

    Attributes:
        calm: nobody is ejected, so that a choice needs no clock.
        listed: the discovery's list that this pool follows by now.
        choice: who is not left out.
        pairs: who of them is compared for the next calls.
        rendezvous: chooses among them by a key.
        drain_errors: calls of `drained` that raised.
        lock: guards all that is decided here; another one in a forked child.

    Args:
        discovery: says which replicas there are.
        rules: of ejection.
        rendezvous: of choices with a key.
        drained: called with each replica that is no longer listed and has finished its calls, or None.
        rng: draws the pairs.
        clock: monotonic.
    """

    def __init__(
        self,
        discovery: Discovery[T],
        *,
        rules: Ejection,
        rendezvous: Rendezvous[T],
        drained: Callable[[T], object] | None,
        rng: random.Random,
        clock: Clock,
    ) -> None:
        self.discovery = discovery
        self.calm = False
        self.listed: tuple[T, ...] | None = None
        self.pairs: Iterator[tuple[Member[T], Member[T]]] = iter(())
        self.drain_errors = 0
        self._rules = rules
        self.rendezvous = rendezvous
        self._drained = drained
        self._rng = rng
        self._clock = clock
        self.lock = threading.Lock()
        self._members: dict[Hashable, Member[T]] = {}
        self._draining: dict[Hashable, Member[T]] = {}
        self.choice: tuple[Member[T], ...] = ()
        self._due_at = math.inf
        _pools.add(self)
        self._follow()

    def take(self, key: str | bytes | None, tried: Sequence[Member[T]] = ()) -> tuple[Member[T], int] | None:
        """Give the next call to a replica that is not among `tried`; return it with a ticket, or None if there is none.

        An ejected replica whose time is over gets the call as a trial, one call at a time. Whoever takes a call has to
        take its entry out of `flights` and to `note` its end, with the ticket.
        """
        if self.discovery.replicas is not self.listed:
            self._follow()
        if not self.calm and not tried and (trial := self._take_trial()) is not None:
            return trial, -trial.health.epoch
        while True:
            if tried or not self.choice:
                member = self._choose_other(key, tried)
                if member is None:
                    return None
            elif key is None:
                one, other = next(self.pairs)
                member = other if len(other.flights) < len(one.flights) else one
            else:
                member = self.rendezvous.choose(key, self.choice)
            member.calls += 1
            member.flights.append(None)
            if not member.drained:
                return member, member.health.epoch
            self.undo(member)

    def undo(self, member: Member[T]) -> None:
        """Take back a call given to a replica that another thread saw without calls, and so as drained, just before.

        By then nobody is given it any more.
        """
        member.flights.pop()
        with self.lock:
            member.calls -= 1
            done = self._take_drained()
        self._tell(done)

    def note(self, member: Member[T], ticket: int, kind: Kind, retry_after: float | None = None) -> None:
        """Count the end of a call, and eject or restore its replica if that is due."""
        with self.lock:
            if kind == "rejected":
                member.calls -= 1
            elif kind in ("failure", "slow"):
                member.failures += 1
            elif kind != "success":
                member.neutral += 1
            if abs(ticket) == member.health.epoch:
                self._judge(member, kind, retry_after, trial=ticket < 0)
            done = self._take_drained()
        self._tell(done)

    def members(self) -> list[Member[T]]:
        """Return all members, those that drain last."""
        with self.lock:
            return [*self._members.values(), *self._draining.values()]

    def after_fork(self) -> None:
        """Begin anew with counting, in the child: the other threads' calls stayed in the parent."""
        self.lock = threading.Lock()
        for member in (*self._members.values(), *self._draining.values()):
            member.flights = []
            member.health.on_trial = False
        self._regroup()

    def _choose_other(self, key: str | bytes | None, tried: Sequence[Member[T]]) -> Member[T] | None:
        # One that is left out is better than nobody.
        members = [member for member in self.choice if member not in tried] or [
            member for member in self._members.values() if member not in tried
        ]
        if not members:
            return None
        if key is not None:
            return self.rendezvous.first_with_room(rank(key, members), members)
        one, other = self._draw(members)
        return other if len(other.flights) < len(one.flights) else one

    def _draw(self, members: Sequence[Member[T]]) -> tuple[Member[T], Member[T]]:
        one, other = self._rng.sample(members, 2) if len(members) > 1 else (members[0], members[0])
        return one, other

    def _take_trial(self) -> Member[T] | None:
        if self._clock() < self._due_at:
            return None
        with self.lock:
            now = self._clock()
            for member in self._members.values():
                health = member.health
                if health.out_until is not None and not health.on_trial and health.out_until <= now:
                    health.on_trial = True
                    member.calls += 1
                    member.flights.append(None)
                    self._set_due()
                    return member
        return None

    def _judge(self, member: Member[T], kind: Kind, retry_after: float | None, *, trial: bool) -> None:
        """Let the end of a call count for the health of its replica."""
        health = member.health
        if health.out_until is not None:
            if kind == "success":
                health.restore(self._clock(), member.ended)
                self._regroup()
            elif trial:
                health.on_trial = False
                if kind in ("failure", "slow"):
                    health.eject(self._rules, self._clock(), retry_after)
                self._set_due()
        elif kind == "success":
            health.take_success()
            if health.failing:
                health.failing = False
                self._regroup()
        elif kind in ("failure", "slow"):
            health.take_failure()
            if health.fails(self._rules, member.ended):
                self._put_out(member, retry_after)
        member.watched = member.removed or not health.quiet

    def _put_out(self, member: Member[T], retry_after: float | None) -> None:
        out = sum(other.health.out_until is not None for other in self._members.values())
        if out < self._rules.limit(len(self._members)):
            member.health.eject(self._rules, self._clock(), retry_after)
        elif member.health.failing:
            return
        else:
            member.health.failing = True
        self._regroup()

    def _follow(self) -> None:
        """Take over the discovery's list: who is on it keeps its state, and who is no longer listed drains."""
        with self.lock:
            listed = self.discovery.replicas
            if listed is self.listed:  # another thread was here first
                return
            members: dict[Hashable, Member[T]] = {}
            names = {member.name for member in (*self._members.values(), *self._draining.values())}
            for replica in listed:
                key = _key(replica)
                member = members.get(key) or self._members.get(key) or self._draining.pop(key, None)
                if member is None:
                    member = Member(_new_name(replica, names), replica)
                    names.add(member.name)
                member.removed = False
                member.watched = not member.health.quiet
                members[key] = member
            for key, member in self._members.items():
                if key not in members:
                    member.removed = member.watched = True
                    self._draining[key] = member
            self._members = members
            self.listed = listed
            self._keep_enough()
            self._regroup()
            done = self._take_drained()
        self._tell(done)

    def _keep_enough(self) -> None:
        """Restore who is out where a shorter list allows fewer, those first that would be back first."""
        out = [member for member in self._members.values() if member.health.out_until is not None]
        out.sort(key=lambda member: member.health.out_until or 0.0)
        for member in out[: max(0, len(out) - self._rules.limit(len(self._members)))]:
            member.health.restore(self._clock(), member.ended)
            member.watched = False

    def _regroup(self) -> None:
        """Decide anew who can be chosen: who is not out, or everybody if all of those fail, too."""
        members = tuple(self._members.values())
        inside = tuple(member for member in members if member.health.out_until is None)
        self.choice = members if all(member.health.failing for member in inside) else inside
        self.calm = len(inside) == len(members) > 0
        self.rendezvous.forget()
        self.pairs = cycle(self._pairs(self.choice))
        self._set_due()

    def _set_due(self) -> None:
        self._due_at = min(
            (member.health.out_until for member in self._members.values()
             if member.health.out_until is not None and not member.health.on_trial),
            default=math.inf,
        )  # fmt: skip

    def _pairs(self, members: Sequence[Member[T]]) -> list[tuple[Member[T], Member[T]]]:
        if len(members) < 2:
            return [(member, member) for member in members]
        if len(members) * (len(members) - 1) > MOST_PAIRS:
            return [self._draw(members) for _ in range(MOST_PAIRS)]
        pairs = list(permutations(members, 2))
        self._rng.shuffle(pairs)
        return pairs

    def _take_drained(self) -> list[Member[T]]:
        done: list[Member[T]] = []
        for key, member in list(self._draining.items()):
            # Said before it is known: a thread that gives it a call after the next line sees it, and takes that back.
            member.drained = True
            if member.flights:
                member.drained = False
            else:
                done.append(self._draining.pop(key))
        return done

    def _tell(self, drained: Sequence[Member[T]]) -> None:
        """Tell the listener, outside the lock."""
        if self._drained is None:
            return
        for member in drained:
            try:
                self._drained(member.replica)
            except Exception:  # noqa: BLE001 - a listener cannot change the result of a call
                self.drain_errors += 1


def _key(replica: object) -> Hashable:
    """Return what tells replicas apart: themselves, or, as with dataclasses that have no hash, being the same one."""
    try:
        hash(replica)
    except TypeError:
        return _key, id(replica)
    return replica


def _new_name(replica: object, taken: Collection[str]) -> str:
    """Return a name that is not taken: the replica's `name` if that is a text, else itself as text, and a number."""
    own = getattr(replica, "name", None)
    first = own if isinstance(own, str) else str(replica)
    numbered = (f"{first} {number}" for number in count(2))
    return first if first not in taken else next(name for name in numbered if name not in taken)


_pools: WeakSet[Pool[Any]] = WeakSet()


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)
