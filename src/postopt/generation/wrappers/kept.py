"""The form in which answers are kept, and how they come back."""

from __future__ import annotations

from copy import copy
from typing import Any

from postopt.errors import DeadlineExceededError, GenerationError
from postopt.resilience.deadline import remaining
from postopt.types import Completion, Trace


def plain(completion: Completion, *, fresh_until: float | None = None) -> dict[str, Any]:
    """Return what is worth keeping of an answer, in JSON's types; it is fresh until that wall time, or for ever."""
    return {
        "text": completion.text,
        "generator": completion.generator,
        "model": completion.trace.model,
        "tier": completion.trace.tier,
        "source": completion.trace.source,
        "cost_usd": completion.trace.cost_usd + completion.trace.saved_usd,
        "finish_reason": completion.finish_reason,
        "fresh_until": fresh_until,
        # As text: they may have more digits than JSON holds.
        "index": str(completion.index),
        "seed": None if completion.seed is None else str(completion.seed),
    }


def from_cache(kept: dict[str, Any], *, now: float = 0.0) -> Completion:
    """Return what was kept as an answer of the cache at that wall time; raises where it is not of that form."""
    fresh_until = kept.get("fresh_until")
    return Completion(
        text=kept["text"],
        generator=kept["generator"],
        trace=Trace(
            tier="cache",
            model=kept["model"],
            source=kept.get("source", "primary") if fresh_until is None or now <= fresh_until else "stale",
            saved_usd=kept["cost_usd"],
            notes=(f"kept from tier {kept['tier']}",),
        ),
        finish_reason=kept["finish_reason"],
        index=int(kept["index"]),
        seed=None if kept["seed"] is None else int(kept["seed"]),
    )


def of_another(error: Exception) -> Exception:
    """Return the error of a call that somebody else made and pays for, as those get it who waited for the same."""
    try:
        copied = copy(error)
    except Exception:  # noqa: BLE001 - of one that cannot be copied, all get the same
        return error
    if isinstance(copied, GenerationError):
        copied.attempts, copied.cost_usd, copied.unsettled_usd = 0, 0.0, 0.0
    return copied


def may_lead(error: Exception) -> bool:
    """Whether whoever waited for another's call, which ended so, has more time than that one had."""
    left = remaining()
    return isinstance(error, DeadlineExceededError) and (left is None or left > 0)
