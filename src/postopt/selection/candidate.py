"""A model that may be chosen: its name, what a call to it costs, and how it is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from postopt._checks import check_amount, check_name
from postopt.errors import shown
from postopt.resilience.price import Price

CHARACTERS_PER_TOKEN = 4
"""Of English prose, in the tokenizers of today; an estimate, as all that rests on it."""

ANSWER_TOKENS = 150
"""What an answer counts where nobody says how long it may be: about a post (arbitrary)."""


class HasState(Protocol):
    """What is asked of a circuit breaker: `postopt.resilience.breaker.CircuitBreaker` has it."""

    @property
    def state(self) -> str:
        """The model is left out while this is "open" or "forced_open"."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be chosen.

    Attributes:
        name: of the model; what `Choice.model` says.
        price: US dollars for one call; or US dollars per million tokens, from which the cost of a call is estimated
            as `postopt.selection.context` says; or None if nobody knows.
        breaker: anything with a `state`; while it is "open" or "forced_open" the model is not chosen.
        p95: seconds below which 95 % of its calls end, or a function that says so now, or None if nobody measured.

    Raises:
        ValueError: an attribute cannot be used.
    """

    name: str
    price: float | Price | None = None
    breaker: HasState | None = None
    p95: float | Callable[[], float] | None = None

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if self.price is not None and not isinstance(self.price, Price):
            check_amount("price", self.price, "US dollars for a call")
        if self.breaker is not None and not hasattr(self.breaker, "state"):
            raise ValueError(f"breaker is {shown(self.breaker)}; an object with a `state` is needed")
        if self.p95 is not None and not callable(self.p95):
            check_amount("p95", self.p95, "seconds")

    @property
    def is_open(self) -> bool:
        """Whether its breaker refuses calls."""
        return self.breaker is not None and self.breaker.state in ("open", "forced_open")

    def seconds(self) -> float:
        """Return the p95 of now; 0 if nobody measured, or if what the function says is no number of seconds."""
        value = self.p95() if callable(self.p95) else self.p95
        return value if isinstance(value, int | float) and 0 <= value < float("inf") else 0.0

    def rates(self) -> tuple[float, float, float] | None:
        """Return US dollars for the call, for each character of the text, and for each token of the answer.

        None if nobody knows the price.
        """
        if isinstance(self.price, Price):
            return 0.0, self.price.input / CHARACTERS_PER_TOKEN / 1e6, self.price.output / 1e6
        return None if self.price is None else (float(self.price), 0.0, 0.0)

    def cost(self, characters: int, answer_tokens: float) -> float | None:
        """Return the US dollars that a call is estimated to cost, or None if nobody knows."""
        rates = self.rates()
        return None if rates is None else rates[0] + rates[1] * characters + rates[2] * answer_tokens


def checked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates, in a tuple of its own.

    Raises:
        ValueError: one is none, or two have one name.
    """
    found = (*candidates,)
    for candidate in found:
        if not isinstance(candidate, Candidate):
            raise ValueError(f"candidates has {shown(candidate)}; a Candidate is needed")  # noqa: TRY004 - as all others
    names = [candidate.name for candidate in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"candidates has {shown(name)} more than once; names must differ")
    return found
