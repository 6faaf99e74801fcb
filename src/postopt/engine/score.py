"""How much of the speed that is installed here the choices use: one figure, its interval, and what it rests on."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postopt.engine import race
from postopt.engine.catalog import CELLS
from postopt.engine.choice import WEIGHTS, Bursts, costs
from postopt.engine.records import Cell, Timing

TIERS = ((95.0, "A"), (80.0, "B"), (50.0, "C"), (0.0, "D"))
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a set of choices.

    Attributes:
        value: 100 * exp(sum of w * ln(best / chosen)) over the measured cells, 0-100; None if there are none.
        interval: 95 % interval from resampled bursts; None if there are no measured cells.
        tier: "A" (the interval's lower end is at least 95), "B" (80), "C" (50), "D" or "unmeasured".
        measured: cells in which the chosen backend was measured.
        cells: cells there are.
    """

    value: float | None
    interval: tuple[float, float] | None
    tier: str
    measured: int
    cells: int

    @property
    def coverage(self) -> float:
        """Share of the cells that were measured, 0-1."""
        return self.measured / self.cells


def score(chosen: Mapping[Cell, str], bursts: Bursts, *, seed: int = 0) -> Score:
    """Compare who was chosen in each cell with the best measured there.

    The weights (`WEIGHTS`) are taken relative to those of the measured cells, so that what is not measured neither
    helps nor harms; `coverage` says how much that is. Only what runs here can be measured: a library that is
    not installed is never part of the figure. The goal "size" compares bytes, which do not vary.

    The interval resamples each candidate's bursts with replacement, independently, and takes the 2.5th and 97.5th
    percentile (Efron 1979, the percentile bootstrap); `seed` makes it repeatable.
    """
    cells = [cell for cell, name in chosen.items() if name in bursts.get(cell, {})]
    if not cells:
        return Score(None, None, "unmeasured", 0, len(CELLS))
    total = sum(_weight(cell) for cell in cells)
    weights = [_weight(cell) / total for cell in cells]

    def combined(costs: Sequence[Mapping[str, float]]) -> float:
        terms = (
            weight * math.log(min(row.values()) / row[chosen[cell]])
            for cell, weight, row in zip(cells, weights, costs, strict=True)
        )
        return 100.0 * math.exp(sum(terms))

    value = combined([costs(cell, bursts[cell]) for cell in cells])
    rng = random.Random(seed)  # noqa: S311  # a bootstrap, not a secret
    samplers = [_Sampler(cell, bursts[cell]) for cell in cells]
    draws = sorted(combined([sampler.draw(rng) for sampler in samplers]) for _ in range(RESAMPLES))
    # The point is the ratio of medians; with few bursts it can lie outside the percentiles of the resampled ones.
    low = min(draws[round(0.025 * (RESAMPLES - 1))], value)
    high = max(draws[round(0.975 * (RESAMPLES - 1))], value)
    return Score(value, (low, high), _tier(low), len(cells), len(CELLS))


def _weight(cell: Cell) -> float:
    siblings = sum(1 for other in CELLS if (other.role, other.goal) == (cell.role, cell.goal))
    return WEIGHTS[cell.role, cell.goal] / max(siblings, 1)


class _Sampler:
    """Draws the costs of one cell from resampled bursts."""

    def __init__(self, cell: Cell, timings: Mapping[str, Timing]) -> None:
        self._costs = costs(cell, timings)
        self._series = {} if cell.goal == "size" else race.deciding_bursts(timings)
        # Whoever left a race early has a cost on the scale of the whole race; so have its draws.
        self._scales = {name: self._costs[name] / race.cost(bursts) for name, bursts in self._series.items()}

    def draw(self, rng: random.Random) -> Mapping[str, float]:
        """Return one draw of everybody's cost."""
        if not self._series:
            return self._costs
        return {
            name: race.cost(rng.choices(bursts, k=len(bursts))) * self._scales[name]
            for name, bursts in self._series.items()
        }


def _tier(low: float) -> str:
    return next(tier for least, tier in TIERS if low >= least)
