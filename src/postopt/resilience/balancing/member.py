"""One replica as a balancer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from postopt.resilience.balancing.ejection import Health

T = TypeVar("T")


class Member(Generic[T]):
    """A replica, the calls it has, and what became of its last ones.

    Attributes:
        name: what it is known by when the list of replicas changes.
        replica: what is handed to the call.
        flights: one entry for each call it has now. A list, because `append`, `pop` and `len` need no lock to be exact
            under threads, and a lock twice a call would cost five times a bare await.
        calls: calls sent to it so far.
        failures: how many of them counted as failures.
        neutral: how many of them say nothing about it.
        health: whether it is ejected.
        watched: its calls need more than counting, because of its health or because it was removed.
        removed: it is no longer listed and finishes its calls.
        drained: it was removed and has finished them.
    """

    __slots__ = (
        "calls",
        "drained",
        "failures",
        "flights",
        "health",
        "name",
        "neutral",
        "removed",
        "replica",
        "watched",
    )

    def __init__(self, name: str, replica: T) -> None:
        self.name = name
        self.replica = replica
        self.flights: list[None] = []
        self.calls = 0
        self.failures = 0
        self.neutral = 0
        self.health = Health()
        self.watched = False
        self.removed = False
        self.drained = False

    @property
    def ended(self) -> int:
        """How many calls were answered or failed so far."""
        return self.calls - self.neutral - len(self.flights)

    def state(self) -> ReplicaState:
        """Return what the balancer knows of it."""
        return ReplicaState(
            name=self.name,
            outstanding=len(self.flights),
            calls=self.calls,
            failures=self.failures,
            ejected=self.health.out_until is not None,
            ejections=self.health.ejections,
            draining=self.removed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """What a balancer knows of one replica.

    Attributes:
        name: its name.
        outstanding: calls it has now.
        calls: calls sent to it so far; hedges and retries count, calls that it rejected do not.
        failures: how many of them counted against it.
        ejected: it is left out for now.
        ejections: how often in a row it was left out.
        draining: it is no longer listed, and finishes its calls.
    """

    name: str
    outstanding: int
    calls: int
    failures: int
    ejected: bool
    ejections: int
    draining: bool
