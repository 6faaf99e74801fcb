"""What has been tried for one call, and whether somebody else may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from postopt.errors import CallRejectedError, GenerationError
from postopt.resilience.balancing.member import Member, T
from postopt.resilience.deadline import remaining
from postopt.resilience.outcome import Outcome

GOES_ON = frozenset({"failure", "rejected"})
"""Ends after which another replica may answer the same call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A send whose answer, if it gave one, is not the call's.

    Attributes:
        replica: the name of who was asked.
        outcome: what became of it. "rejected" was not sent; "cancelled" was called off, because another send had
            ended the call, and nobody knows what it cost; "slow" answered at the same moment as another send.
    """

    replica: str
    outcome: Outcome


class Course(Generic[T]):
    """The attempts of one call, so far.

    Args:
        retries: how many further replicas may be asked after failures.
        attempts: where to note those that gave no answer, or None.
    """

    __slots__ = ("_attempts", "_cost_usd", "_error", "_rejection", "_retries", "tried")

    def __init__(self, retries: int, attempts: list[Attempt] | None) -> None:
        self.tried: list[Member[T]] = []
        self._error: BaseException | None = None
        self._rejection: BaseException | None = None
        self._retries = retries
        self._attempts = attempts
        self._cost_usd = 0.0

    def note(self, member: Member[T], outcome: Outcome) -> None:
        """Note a send whose answer is not the call's, and what it has cost."""
        self._cost_usd += outcome.cost_usd
        if self._attempts is not None:
            self._attempts.append(Attempt(replica=member.name, outcome=outcome))

    def take(self, member: Member[T], outcome: Outcome) -> bool:
        """Note the error that `member` gave; tell whether another replica may be asked."""
        self.note(member, outcome)
        self.tried.append(member)
        error = outcome.cause
        if self._cost_usd and isinstance(error, GenerationError):
            error.cost_usd = self._cost_usd
        if outcome.kind == "rejected":
            self._rejection = error
        else:
            self._error = error
            self._retries -= 1
        left = remaining()
        return outcome.kind in GOES_ON and self._retries >= 0 and (left is None or left > 0)

    def verdict(self) -> BaseException:
        """Return what to raise: the last error, or the last rejection if nothing was sent, or that nobody is there."""
        error = self._error if self._error is not None else self._rejection
        # Its traceback will hold the frames that hold this: keeping it, too, would be a circle.
        self._error = self._rejection = None
        if error is not None:
            return error
        return CallRejectedError(
            "there is no replica to call", hint="discovery has found none so far; see its failures and last_error"
        )
