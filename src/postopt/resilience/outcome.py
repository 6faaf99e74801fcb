"""What became of a call, in one record that breakers, balancers, limits and traces share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from postopt.errors import CallRejectedError, GenerationError, ProviderError
from postopt.types import Completion

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

_PHASES = get_args(Phase)

Classifier: TypeAlias = Callable[[BaseException | None, object, float], Kind]
"""A policy's own judgement: `classify(cause, result, seconds)`; `cause` is None for a call that returned `result`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one call.

    Attributes:
        kind: how it counts.
        phase: how far it came.
        seconds: how long it took, by the policy's clock; 0 if the policy does not time its calls.
        tokens: how many output tokens it gave, as far as its result says.
        cost_usd: what it cost, as far as its result or its error says.
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


def of_error(cause: BaseException, *, kind: Kind | None = None, phase: Phase = "", seconds: float = 0.0) -> Outcome:
    """Return the record of a call that raised.

    Args:
        cause: what it raised. Its own phase, if it says one, is more exact than `phase`.
        kind: how the call counts; None for what `classify` says.
        phase: how far it came, as far as the policy knows.
        seconds: how long it took.
    """
    if isinstance(cause, CallRejectedError):
        phase = "queue"
    elif isinstance(cause, ProviderError) and cause.phase:
        phase = next((known for known in _PHASES if known == cause.phase), phase)
    return Outcome(
        kind=classify(cause) if kind is None else kind,
        phase=phase,
        seconds=seconds,
        cost_usd=cause.cost_usd if isinstance(cause, GenerationError) else 0.0,
        cause=cause,
    )


def of_result(result: object, *, kind: Kind = "success", phase: Phase = "", seconds: float = 0.0) -> Outcome:
    """Return the record of a call that returned; a `Completion` says its tokens and its cost."""
    if isinstance(result, Completion):
        tokens, cost = result.usage.output_tokens, result.trace.cost_usd
    else:
        tokens, cost = 0, 0.0
    return Outcome(kind=kind, phase=phase, seconds=seconds, tokens=tokens, cost_usd=cost)
