"""What an answer amounts to: a completion, or one of our errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from postopt.backends.base import JSONBackend
from postopt.errors import (
    AuthenticationError,
    EmptyAnswerError,
    OverloadedError,
    ProviderError,
    RefusedError,
    SchemaViolationError,
    TruncatedError,
)
from postopt.generation.prompt import estimate_tokens
from postopt.generation.remote.answer import Answer
from postopt.generation.remote.failures import Failure, hint_for, kind_of
from postopt.generation.remote.schema import breaks
from postopt.resilience.price import Price
from postopt.trace import Trace
from postopt.types import Completion, Prompt, Usage

# Reasons of OpenRouter's and DeepSeek's, for an answer that is none.
_BROKEN = ("error", "insufficient_system_resource")

_QUOTED = 200  # most characters of a provider's own words in an error
_ALIKE = 16  # characters in a row that count as quoting the prompt
_LONGEST_COMPARED = 100_000  # a prompt beyond it is not looked through, and nothing is quoted


class Errors(Protocol):
    """Makes errors that say how far a call had come (`Exchange`)."""

    def error(self, kind: type[ProviderError], message: str, **more: Any) -> ProviderError:
        """Return an error of that kind."""
        ...


class Verdicts:
    """Judges the answers of one provider.

    Args:
        name: of the generator.
        model: whom it asks unless a prompt names another.
        price: what tokens cost, or None.
        schema: JSON schema that answers have to keep, or None.
        accepts_truncated: whether an answer that ended at its limit of tokens is one.
        json: reads answers that have a schema.
        secrets: what no error may quote.
    """

    def __init__(
        self,
        name: str,
        model: str,
        *,
        price: Price | None,
        schema: Mapping[str, Any] | None,
        accepts_truncated: bool,
        json: JSONBackend,
        secrets: Iterable[str],
    ) -> None:
        self._name = name
        self._model = model
        self._price = price
        self._schema = schema
        self._accepts_truncated = accepts_truncated
        self._json = json
        self._secrets = tuple(secrets)

    def completion(self, answer: Answer, prompt: Prompt, asked: str, errors: Errors) -> Completion:
        """Return what an answer says.

        Args:
            answer: all of it.
            prompt: what it answers.
            asked: the words that were sent.
            errors: makes the errors.

        Raises:
            ProviderError: it is none that can be used (RefusedError, TruncatedError, EmptyAnswerError,
                SchemaViolationError, OverloadedError); what it cost is in the error.
        """
        text = answer.text.strip()
        usage = self.usage(answer, asked)
        cost = self.cost(usage)
        if problem := self._problem(answer, text):
            kind, message = problem
            raise errors.error(kind, message, partial_text=text, cost_usd=cost)
        model = prompt.model or self._model
        notes = [f"answered by {answer.model}"] if answer.model not in ("", model) else []
        if usage.estimated:
            notes.append("tokens estimated")
        if self._price is None:
            notes.append("price unknown")
        return Completion(
            text=text,
            generator=self._name,
            trace=Trace(tier="remote", model=model, cost_usd=cost, notes=tuple(notes)),
            finish_reason=answer.finish_reason or "stop",
            usage=usage,
            index=prompt.variant,
            seed=prompt.seed,
        )

    def failure(self, failure: Failure, status: int, asked: str, errors: Errors, **more: Any) -> ProviderError:
        """Return the error that a provider's own error amounts to; `more` is handed to the error."""
        kind = kind_of(status, failure)
        said = [f"status {status}" if status != 200 else "an error in place of an answer", *failure.codes[:1]]
        # Providers quote the key in the one, and are apt to quote the text in the other.
        if not issubclass(kind, AuthenticationError | RefusedError) and (words := self._quotable(failure, asked)):
            said.append(words)
        return errors.error(kind, ": ".join(said), hint=hint_for(kind, status), **more)

    def usage(self, answer: Answer, asked: str) -> Usage:
        """Return the provider's count, or our estimate."""
        if answer.usage is not None:
            return answer.usage
        return Usage(input_tokens=estimate_tokens(asked), output_tokens=estimate_tokens(answer.text), estimated=True)

    def cost(self, usage: Usage) -> float:
        """Return the US dollars, 0 if the price is unknown."""
        return 0.0 if self._price is None else self._price.cost(usage)

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

    def _quotable(self, failure: Failure, asked: str) -> str:
        """Return a provider's words without secrets, or "" if they quote the prompt."""
        words = " ".join(re.sub(r"[^\x20-\x7e\xa0-\U0010ffff]", " ", failure.message).split())[:_QUOTED]
        if len(asked) > _LONGEST_COMPARED:
            return ""
        if any(words[at : at + _ALIKE] in asked for at in range(max(1, len(words) - _ALIKE + 1))):
            return ""
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words
