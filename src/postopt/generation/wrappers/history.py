"""What happened on the way to an answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from postopt.errors import GenerationError
from postopt.types import Completion


@dataclass(slots=True)
class History:
    """The calls of one request that gave no usable answer, to be told by the answer, or the error, that ends it."""

    attempts: int = 0
    cost_usd: float = 0.0
    unsettled_usd: float = 0.0
    fallbacks: list[str] = field(default_factory=list)

    def add_error(self, name: str, error: Exception) -> None:
        """Take note that a generator raised; its message may quote a text, so its kind has to do."""
        self.attempts += getattr(error, "attempts", 1)
        self.cost_usd += getattr(error, "cost_usd", 0.0)
        self.unsettled_usd += getattr(error, "unsettled_usd", 0.0)
        self.fallbacks += getattr(error, "fallbacks", ()) or [f"{name}: {reason_of(error)}"]

    def add_completion(self, name: str, completion: Completion, reason: str) -> None:
        """Take note that an answer was of no use."""
        self.attempts += completion.trace.attempts
        self.cost_usd += completion.trace.cost_usd
        self.unsettled_usd += completion.trace.unsettled_usd
        self.fallbacks += [*completion.trace.fallbacks, f"{name}: {reason}"]

    def tell(self, completion: Completion) -> Completion:
        """Return the answer with all that came before it in its trace."""
        trace = completion.trace
        told = replace(
            trace,
            source=_source(trace.tier, trace.source),
            attempts=trace.attempts + self.attempts,
            cost_usd=trace.cost_usd + self.cost_usd,
            unsettled_usd=trace.unsettled_usd + self.unsettled_usd,
            fallbacks=(*self.fallbacks, *trace.fallbacks),
        )
        return replace(completion, trace=told)

    def tell_error(self, error: Exception, name: str = "") -> None:
        """Let the error that ends the request, of the last generator if that has a name here, say what came before."""
        for fallback in self.fallbacks:
            error.add_note(f"before that, {fallback}")
        if isinstance(error, GenerationError):
            own = error.fallbacks or ((f"{name}: {reason_of(error)}",) if name else ())
            error.fallbacks = (*self.fallbacks, *own)
            error.attempts += self.attempts
            error.cost_usd += self.cost_usd
            error.unsettled_usd += self.unsettled_usd


def reason_of(error: BaseException) -> str:
    """Return what kind of error it was, in words, without its message, which may quote a text."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__)
    return words.strip().removesuffix(" error") or "error"


def _source(tier: str, source: str) -> str:
    """Return how an answer that is not the first one asked for calls itself."""
    if source != "primary":
        return source
    return "templates" if tier == "template" else "other provider"
