"""What an answer amounts to: a completion, or one of our errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from postopt.backends.base import JSONBackend
from postopt.errors import (
    AuthenticationError,
    EmptyAnswerError,
    GenerationError,
    OverloadedError,
    ProviderError,
    RefusedError,
    SchemaViolationError,
    TruncatedError,
)
from postopt.generation.prompt import estimate_tokens
from postopt.generation.remote.answer import Answer
from postopt.generation.remote.failures import Failure, hint_for, is_known, kind_of
from postopt.generation.remote.redaction import Redaction
from postopt.generation.remote.schema import breaks
from postopt.resilience.price import Price
from postopt.trace import Trace
from postopt.types import Completion, Prompt, Usage

# OpenAI's reasons why an answer ends, which tell no secret, whatever that is.
_REASONS = ("stop", "length", "tool_calls", "function_call")

# Reasons of OpenRouter's and DeepSeek's, for an answer that is none.
_BROKEN = ("error", "insufficient_system_resource")


class Errors(Protocol):
    """Makes errors that say how far a call had come (`Exchange`)."""

    def error(self, kind: type[ProviderError], message: str, **more: Any) -> ProviderError:
        """Return an error of that kind."""
        ...


class Asked(NamedTuple):
    """What one call asks for.

    Attributes:
        prompt: what for.
        words: those that were sent.
        redaction: takes them, and secrets, out of what the server says.
        max_tokens: of the answer, as it was sent, or None without a limit.
        fixed_tokens: at most so many come to those of the words, or None if nobody knows.
    """

    prompt: Prompt
    words: str
    redaction: Redaction
    max_tokens: int | None = None
    fixed_tokens: int | None = None


class Verdicts:
    """Judges the answers of one provider.

    Args:
        name: of the generator.
        model: whom it asks unless a prompt names another.
        price: what tokens of that model cost, or None.
        max_cost: the most that the call for a prompt can cost in US dollars, or None if nobody knows.
        schema: JSON schema that answers have to keep, or None.
        accepts_truncated: whether an answer that ended at its limit of tokens is one.
        json: reads answers that have a schema.
    """

    def __init__(
        self,
        name: str,
        model: str,
        *,
        price: Price | None,
        max_cost: Callable[[Prompt], float | None],
        schema: Mapping[str, Any] | None,
        accepts_truncated: bool,
        json: JSONBackend,
    ) -> None:
        self._name = name
        self._model = model
        self._price = price
        self._max_cost = max_cost
        self._schema = schema
        self._accepts_truncated = accepts_truncated
        self._json = json

    def price_for(self, prompt: Prompt) -> Price | None:
        """Return what tokens cost, or None if that is unknown, as it is where a prompt names another model."""
        return self._price if prompt.model is None or prompt.model == self._model else None

    def completion(self, answer: Answer, asked: Asked, errors: Errors) -> Completion:
        """Return what an answer says.

        Args:
            answer: all of it.
            asked: what it answers.
            errors: makes the errors.

        Raises:
            ProviderError: it is none that can be used (RefusedError, TruncatedError, EmptyAnswerError,
                SchemaViolationError, OverloadedError); what it cost is in the error, and `settle` puts in the rest.
        """
        prompt, redaction = asked.prompt, asked.redaction
        text = answer.text.strip()
        usage, price = self.usage(answer, asked), self.price_for(prompt)
        cost = 0.0 if price is None else price.cost(usage)
        if problem := self._problem(answer, text):
            raise errors.error(*problem, partial_text=redaction.text(text), cost_usd=cost)
        model, reason = prompt.model or self._model, answer.finish_reason or "stop"
        notes = []
        if answer.model not in ("", model):
            notes.append(f"answered by {redaction.name(answer.model) or 'another model'}")
        if usage.estimated:
            notes.append("tokens estimated")
        if price is None:
            notes.append("price unknown")
        unsettled = self._rest(prompt, cost) if usage.estimated or price is None else 0.0
        return Completion(
            text=redaction.text(text),
            generator=self._name,
            trace=Trace(tier="remote", model=model, cost_usd=cost, unsettled_usd=unsettled, notes=tuple(notes)),
            finish_reason=reason if reason in _REASONS else redaction.name(reason, known=True) or "other",
            usage=usage,
            index=prompt.variant,
            seed=prompt.seed,
        )

    def failure(self, failure: Failure, status: int, asked: Asked, errors: Errors, **more: Any) -> ProviderError:
        """Return the error that a provider's own error amounts to; `more` is handed to the error.

        Its codes and the parameter are named; its sentences are not, since they may quote prompt or key.
        """
        kind = kind_of(status, failure)
        said = [f"status {status}" if status != 200 else "an error in place of an answer"]
        named = (asked.redaction.name(code, known=is_known(code)) for code in (*failure.codes[:1], failure.parameter))
        if not issubclass(kind, AuthenticationError) or is_known("".join(failure.codes[:1])):
            said += [name for name in named if name]
        return errors.error(kind, ": ".join(said), hint=hint_for(kind, status), **more)

    def usage(self, answer: Answer, asked: Asked) -> Usage:
        """Return the provider's count if it can be true, or else our estimate."""
        usage = answer.usage
        if usage is not None and _can_be(usage, answer, asked):
            return usage
        made = estimate_tokens(answer.text)
        if asked.max_tokens is not None:
            made = asked.max_tokens if answer.finish_reason == "length" else min(made, asked.max_tokens)
        return Usage(input_tokens=estimate_tokens(asked.words), output_tokens=made, estimated=True)

    def settle(self, error: GenerationError, answer: Answer, asked: Asked) -> None:
        """Put into an error what its call cost, and what it may have cost besides if nobody says."""
        usage, price = self.usage(answer, asked), self.price_for(asked.prompt)
        if not usage.estimated:
            error.cost_usd = 0.0 if price is None else price.cost(usage)
        if usage.estimated or price is None:
            error.unsettled_usd = self._rest(asked.prompt, error.cost_usd)

    def _rest(self, prompt: Prompt, cost: float) -> float:
        return max(0.0, (self._max_cost(prompt) or 0.0) - cost)

    def _problem(self, answer: Answer, text: str) -> tuple[type[ProviderError], str] | None:
        if answer.refused or answer.finish_reason == "content_filter":
            return RefusedError, "the model declines" if answer.refused else "a content filter ended the answer"
        if answer.finish_reason in _BROKEN:
            return OverloadedError, f"the provider gave up in the midst ({answer.finish_reason})"
        if answer.finish_reason == "length" and not self._accepts_truncated:
            return TruncatedError, "the answer ended at its limit of tokens"
        if not text:
            return EmptyAnswerError, "the answer holds no text"
        if self._schema is None:
            return None
        try:
            value = self._json.loads(text)
        except ValueError:
            return SchemaViolationError, "the answer is no JSON"
        problems = [problem for problem, _ in zip(breaks(value, self._schema), range(3), strict=False)]
        return (SchemaViolationError, "; ".join(problems)) if problems else None


def _can_be(usage: Usage, answer: Answer, asked: Asked) -> bool:
    """Whether a count is one that this call can have: some tokens for a text, and no more than the limits allow."""
    if usage.input_tokens == 0 or (usage.output_tokens == 0 and answer.text):
        return False
    if asked.max_tokens is not None and usage.output_tokens > asked.max_tokens:
        return False
    if asked.fixed_tokens is None or usage.input_tokens <= len(asked.words):
        return True
    return usage.input_tokens <= len(asked.words.encode("utf-8", "surrogatepass")) + asked.fixed_tokens
