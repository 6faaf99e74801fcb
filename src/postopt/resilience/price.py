"""What tokens cost, as data with a date that the host passes in; no price is ever looked up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from postopt._checks import check_count
from postopt.errors import shown
from postopt.types import Usage

MOST_TOKENS = 10**12
"""More than any call has (arbitrary): what is too large for a float must get into no sum and no bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens of one model, as of a day.

    Attributes:
        input: for tokens of the prompt.
        output: for tokens of the answer.
        cached_input: for tokens of the prompt that the provider had cached; as `input` if None.
        as_of: the day on which the provider's list said so, for whoever reads a bill later.

    Raises:
        ValueError: a price is negative, NaN or infinite.
    """

    input: float
    output: float
    cached_input: float | None = None
    as_of: date | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is None and name == "cached_input":
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {shown(value)}; US dollars per million tokens, 0 or more, are needed")
        if self.as_of is not None and not isinstance(self.as_of, date):
            raise ValueError(f"as_of is {shown(self.as_of)}; a datetime.date, or None, is needed")

    def cost(self, usage: Usage) -> float:
        """Return the US dollars that a call with this usage costs; cached tokens are priced apart, never twice.

        Counts that cannot be are taken for the nearest that can: none for fewer, 1e12 for more.
        """
        total = _count(usage.input_tokens)
        cached = min(_count(usage.cached_input_tokens), total)
        rate = self.input if self.cached_input is None else self.cached_input
        return ((total - cached) * self.input + cached * rate + _count(usage.output_tokens) * self.output) / 1e6

    def upper_bound(self, *, input_tokens: int, max_tokens: int) -> float:
        """Return the most US dollars that a call can cost: nothing of its prompt cached, the answer as long as it may.

        It is a bound only if the counts are: a tokenizer of another model, or a provider that adds a system prompt of
        its own, may count more input tokens. A UTF-8 byte is a token at most, in every tokenizer that has a token for
        each byte; so the length of the prompt in bytes, with some for the roles, is an upper bound without a tokenizer.

        Raises:
            ValueError: a count is negative or no int.
        """
        check_count("input_tokens", input_tokens, least=0)
        check_count("max_tokens", max_tokens, least=0)
        rate = max(self.input, self.cached_input or 0.0)  # where writing to the provider's cache costs more than input
        return (_count(input_tokens) * rate + _count(max_tokens) * self.output) / 1e6


def _count(tokens: int) -> int:
    return min(max(tokens, 0), MOST_TOKENS)
