"""What a chat completion says, whole or as chunks of a stream, once its JSON is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from postopt.types import Usage

MOST_TOKENS = 100_000_000
"""A usage beyond it is not believed; far above any context on offer, and arbitrary."""


@dataclass(slots=True)
class Answer:
    """What has come of a completion.

    Attributes:
        text: its text.
        finish_reason: why it ended, or "" if nobody has said so.
        usage: the tokens used, as the provider counts them, or None if it gave no count that can be true.
        refused: whether the model declined in so many words.
        model: which model the provider says it was, or "".
        id: the provider's name for the completion, or "".
        begun: whether any choice has come, so that it will be charged for.
    """

    text: str = ""
    finish_reason: str = ""
    usage: Usage | None = None
    refused: bool = False
    model: str = ""
    id: str = ""
    begun: bool = False

    def read(self, body: Any) -> None:
        """Take a whole completion.

        Raises:
            ValueError: this is none; the message says what is missing and quotes nothing.
        """
        choice = self._read_frame(body)
        if choice is None:
            return
        self.text = self._read_words(_object(choice.get("message"), "a choice has no message"))

    def read_chunk(self, body: Any) -> str:
        """Take a chunk of a stream and return the text that it adds, which may be empty.

        Raises:
            ValueError: this is none.
        """
        choice = self._read_frame(body)
        delta = None if choice is None else choice.get("delta")
        return "" if delta is None else self._read_words(_object(delta, "a choice has no delta"))

    def _read_frame(self, body: Any) -> dict[str, Any] | None:
        """Take all but the words; return the first choice, or None if there is none, as in a chunk with the usage."""
        body = _object(body, "it is no JSON object")
        choices = body.get("choices")
        if not isinstance(choices, list):
            raise ValueError("it has no list of choices")  # noqa: TRY004 - it is what came that is wrong
        if (usage := body.get("usage")) is not None and (counted := read_usage(usage)) is not None:
            self.usage = counted
        self.model = _name(body.get("model")) or self.model
        self.id = _name(body.get("id")) or self.id
        if not choices:
            return None
        self.begun = True
        choice = _object(choices[0], "a choice is no JSON object")
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason[:40]
        return choice

    def _read_words(self, message: dict[str, Any]) -> str:
        if message.get("refusal"):
            self.refused = True
        content = message.get("content")
        if isinstance(content, list):  # parts, as some servers send them
            content = "".join(
                part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
            )
        if content is None:
            return ""
        if not isinstance(content, str):
            raise ValueError("a content is no text")  # noqa: TRY004 - as above
        return content


def read_usage(usage: Any) -> Usage | None:
    """Return the tokens that a usage block counts, or None if one of them is missing or cannot be true.

    More cached tokens than tokens cannot be.
    """
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
    given, made = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    known = _count(cached) or 0
    if given is None or made is None or known > given:
        return None
    return Usage(input_tokens=given, output_tokens=made, cached_input_tokens=known)


def _object(value: Any, problem: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(problem)  # noqa: TRY004 - as above
    return value


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _name(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 200 and value.isprintable() else ""
