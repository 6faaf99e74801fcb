"""How the candidates stand at one moment: who may be chosen, and what is taken off whose quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from postopt.errors import NoCandidateError
from postopt.selection.candidate import Candidate
from postopt.selection.context import Reading
from postopt.selection.pacing import DailyPace


class Standing(NamedTuple):
    """What a choice takes into account beside quality.

    Attributes:
        penalties: of each candidate, in units of quality.
        excluded: why a candidate cannot be chosen, or "" if it can.
        seconds: p95 of each; empty if latency counts nothing.
        costs: US dollars of each; empty if money counts nothing.
        cost_weight: quality that a US dollar is worth, the budget's part included.
    """

    penalties: list[float]
    excluded: tuple[str, ...]
    seconds: tuple[float, ...]
    costs: list[float]
    cost_weight: float


class Observed(NamedTuple):
    """What the candidates' surroundings say.

    Attributes:
        excluded: why a candidate does not answer, or "" if it does; empty if all do.
        seconds: p95 of each; empty if latency counts nothing.
    """

    excluded: Sequence[str]
    seconds: tuple[float, ...]


_NOTHING = Observed((), ())
QUALITY_ALONE = Standing([], (), (), [], 0.0)


class Standings:
    """What is asked of the candidates before each choice.

    Args:
        candidates: that there are.
        latency_weight: quality that a second of p95 is worth.
        pace: of the day's budget, or None.
    """

    def __init__(self, candidates: Sequence[Candidate], latency_weight: float, pace: DailyPace | None) -> None:
        self._candidates = candidates
        self._latency_weight = latency_weight
        self._pace = pace
        self._alone = not latency_weight and all(candidate.breaker is None for candidate in candidates)
        rates = [candidate.rates() for candidate in candidates]
        self._rates = [rate for rate in rates if rate is not None]
        # Whose price nobody knows, by number.
        self._unknown = [number for number, rate in enumerate(rates) if rate is None]
        self.price_unknown = bool(self._unknown)

    def observe(self) -> Observed:
        """Ask the breakers, and whoever measures; this may take their locks."""
        if self._alone:
            return _NOTHING
        excluded = ["its circuit is open" if candidate.is_open else "" for candidate in self._candidates]
        seconds: tuple[float, ...] = ()
        if self._latency_weight:
            seconds = tuple(candidate.seconds() for candidate in self._candidates)
        return Observed(excluded, seconds)

    def weigh(self, reading: Reading, observed: Observed, *, cost_weight: float, now: float) -> Standing | float:
        """Return how the candidates stand for one call; or the US dollars that have to be granted to the pace first.

        Raises:
            NoCandidateError: none can be chosen.
        """
        if self._alone and self._pace is None:
            if not cost_weight:
                return QUALITY_ALONE
            return Standing([cost_weight * cost for cost in self._costs(reading)], (), (), [], cost_weight)
        costs = self._costs(reading) if cost_weight or self._pace is not None else []
        excluded = list(observed.excluded) or [""] * len(self._candidates)
        late = None
        if self._pace is not None:
            able = [cost for cost, why in zip(costs, excluded, strict=True) if not why]
            wanted = self._pace.wanted(able, now) if able else 0.0
            if wanted:
                return wanted
            cost_weight += self._pace.cost_weight
            late = self._exclude_dear(self._pace, excluded, costs, able, now)
        if all(excluded):
            named = zip(self._candidates, excluded, strict=True)
            why = "; ".join(f"{candidate.name}: {reason}" for candidate, reason in named)
            raise NoCandidateError(f"no candidate can be chosen ({why})", retry_after=late)
        penalties = [cost_weight * cost for cost in costs] or [0.0] * len(self._candidates)
        if observed.seconds:
            penalties = [p + self._latency_weight * s for p, s in zip(penalties, observed.seconds, strict=True)]
        return Standing(penalties, tuple(excluded) if any(excluded) else (), observed.seconds, costs, cost_weight)

    def _costs(self, reading: Reading) -> list[float]:
        """Return what a call to each candidate costs; one of unknown price counts as the dearest of the others."""
        characters, tokens = len(reading.text), reading.answer_tokens
        costs = [call + character * characters + token * tokens for call, character, token in self._rates]
        if self._unknown:
            dearest = max(costs, default=0.0)
            for number in self._unknown:
                costs.insert(number, dearest)
        return costs

    @staticmethod
    def _exclude_dear(
        pace: DailyPace, excluded: list[str], costs: Sequence[float], able: Sequence[float], now: float
    ) -> float | None:
        """Exclude what the day's budget has no room for; return when there will be room if it did exclude anything."""
        if not able:
            return None
        most = pace.affordable(able, now)
        if max(able) <= most:
            return None
        for number, cost in enumerate(costs):
            if cost > most and not excluded[number]:
                excluded[number] = f"${cost:.6g} is more than the day's budget has for it now, ${max(most, 0.0):.6g}"
        return pace.seconds_left(now)
