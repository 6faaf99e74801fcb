"""Which model is taken: the best, or now and then one that may be."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from postopt.selection.thompson import thompson_shares


def draw(best: int, shares: Sequence[float], explore: float, source: random.Random) -> tuple[int, float]:
    """Return the number of a model and the probability with which it was taken.

    With probability `explore` it is drawn from `shares`, which sum to 1; otherwise it is the best.
    """
    index = best
    if source.random() < explore:
        index = source.choices(range(len(shares)), shares)[0]
    return index, explore * shares[index] + (1.0 - explore if index == best else 0.0)


def shares_of(values: Sequence[float], deviations: Sequence[float]) -> tuple[float, ...]:
    """Return the probability of each model that it is the best; a value of -inf cannot be chosen."""
    if -math.inf not in values:
        return thompson_shares(values, deviations)
    able = [number for number, value in enumerate(values) if value != -math.inf]
    found = thompson_shares([values[number] for number in able], [deviations[number] for number in able])
    shares = [0.0] * len(values)
    for number, share in zip(able, found, strict=True):
        shares[number] = share
    return tuple(shares)


def allowed(shares: Sequence[float], excluded: Sequence[str], best: int) -> Sequence[float]:
    """Return the shares without the excluded, summing to 1; all of it for the best if no other had any."""
    if not excluded:
        return shares
    left = [0.0 if why else share for share, why in zip(shares, excluded, strict=True)]
    total = sum(left)
    if total > 0:
        return [share / total for share in left]
    return [float(number == best) for number in range(len(shares))]
