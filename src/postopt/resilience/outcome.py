"""What became of a call, in one record that breakers, balancers, limits and traces share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Literal, TypeAlias

from postopt.errors import CallRejectedError, GenerationError

Kind: TypeAlias = Literal["success", "failure", "slow", "ignored", "cancelled", "rejected"]
"""How a call counts.

- "success" and "failure" speak for and against whoever was called.
- "slow": an answer came, too late to be called a success.
- "ignored": an error that says nothing about whoever was called, such as a prompt that is too long.
- "cancelled": the caller went away; neither success nor failure.
- "rejected": the call was never made.
"""

Phase: TypeAlias = Literal["queue", "send", "first_token", "stream", ""]
"""How far a call came: waiting for its turn, sent, waiting for the first token, receiving; "" if nobody knows."""

Classifier: TypeAlias = Callable[[BaseException | None, object, float], Kind]
"""A policy's own judgement: `classify(cause, result, seconds)`; `cause` is None for a call that returned `result`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one call.

    Attributes:
        kind: how it counts.
        phase: how far it came.
        seconds: how long it took, by the policy's clock.
        tokens: how many output tokens it gave.
        cost_usd: what it cost.
        cause: the exception it raised, or None.
    """

    kind: Kind
    phase: Phase = ""
    seconds: float = 0.0
    tokens: int = 0
    cost_usd: float = 0.0
    cause: BaseException | None = None

    @property
    def retry_after(self) -> float | None:
        """Seconds that whoever was called asked to be left alone, or None."""
        return getattr(self.cause, "retry_after", None)


def classify(cause: BaseException | None, result: object = None, seconds: float = 0.0) -> Kind:  # noqa: ARG001
    """Judge a call as every policy does that has no classifier of its own.

    What is no `Exception` (a cancelled task, an interrupt, a generator that is closed) is a cancellation. An error that
    is the request's or the caller's fault is ignored; any other is a failure.
    """
    if cause is None:
        return "success"
    if not isinstance(cause, Exception) or isinstance(cause, CancelledError):
        return "cancelled"
    if isinstance(cause, CallRejectedError):
        return "rejected"
    if isinstance(cause, GenerationError) and cause.at_fault != "provider":
        return "ignored"
    return "failure"
