"""One call that a replica has."""

from __future__ import annotations

from types import TracebackType
from typing import Generic

from postopt.resilience.balancing.member import Member, T
from postopt.resilience.balancing.pool import Pool
from postopt.resilience.outcome import Kind, of_error


class Lease(Generic[T]):
    """A replica, picked for one call, whose end has to be told.

        with balancer.pick() as replica:
            ...

    The block's end is the call's: an error counts as `classify` judges it, none as a success. Who knows better calls
    `end`; the first end counts and all others change nothing. A lease that never ends leaves its replica one call
    busier for ever, and out for ever if it was its trial. It belongs to one task or thread at a time.

    Attributes:
        replica: whom to call.
        name: what the balancer calls it.
    """

    __slots__ = ("_flights", "_member", "_pool", "_ticket", "name", "replica")

    def __init__(self, pool: Pool[T], member: Member[T], ticket: int) -> None:
        self.replica = member.replica
        self.name = member.name
        self._pool = pool
        self._member = member
        self._ticket = ticket
        self._flights: list[None] | None = member.flights

    def __enter__(self) -> T:
        return self.replica

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
        else:
            outcome = of_error(error)
            self.end(outcome.kind, retry_after=outcome.retry_after)

    def end(self, kind: Kind = "success", *, retry_after: float | None = None) -> None:
        """Say what became of the call.

        Args:
            kind: how it counts. "failure" and "slow" speak against the replica, "success" for it; "rejected" was never
                sent; all others only end the call.
            retry_after: seconds that the replica asked to be left alone; they lengthen an ejection.
        """
        if self._flights is None:
            return
        self._flights.pop()
        self._flights = None
        if kind != "success" or self._member.watched:  # all others have nothing to change
            self._pool.note(self._member, self._ticket, kind, retry_after)
