"""What tokens cost, as data with a date that the host passes in; no price is ever looked up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from postopt.errors import shown
from postopt.types import Usage


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
        """Return the US dollars that a call with this usage costs; cached tokens are priced apart, never twice."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        rate = self.input if self.cached_input is None else self.cached_input
        return ((usage.input_tokens - cached) * self.input + cached * rate + usage.output_tokens * self.output) / 1e6
