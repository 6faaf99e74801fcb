"""The probability with which each model is the best, from what is known of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_POINTS = 48
# So many standard deviations on either side: beyond lies less than 5e-4.
_WIDTH = 3.5


def thompson_shares(means: Sequence[float], deviations: Sequence[float]) -> tuple[float, ...]:
    """Return P(model i has the highest value), for independent normal values; they sum to 1.

    Drawing a model with these probabilities is Thompson sampling; computing them first makes the propensity known. A
    model whose mean + 3.5 sd is below another's mean - 3.5 sd gets none. For two that are left it is Phi of their
    difference; for more the integral of phi_i times the product of the others' Phi_j, over 48 points, normalised. What
    matters is that the draw uses the same numbers, not how near they come to the integral.

    Source: W. R. Thompson, "On the likelihood that one unknown probability exceeds another in view of the evidence of
    two samples", Biometrika 25, 1933.
    """
    bar = max([mean - _WIDTH * deviation for mean, deviation in zip(means, deviations, strict=True)])
    able = [n for n, mean in enumerate(means) if mean + _WIDTH * deviations[n] >= bar]
    shares = [0.0] * len(means)
    if len(able) == 1:
        shares[able[0]] = 1.0
    elif len(able) == 2:
        one, other = able
        spread = math.hypot(deviations[one], deviations[other])
        shares[one] = 0.5 + math.erf((means[one] - means[other]) / (spread * math.sqrt(2.0))) / 2
        shares[other] = 1.0 - shares[one]
    else:
        for number, share in zip(
            able, _integrate([means[n] for n in able], [deviations[n] for n in able]), strict=True
        ):
            shares[number] = share
    return tuple(shares)


def _integrate(means: Sequence[float], deviations: Sequence[float]) -> list[float]:
    mean = np.asarray(means, dtype=np.float64)[:, None]
    deviation = np.asarray(deviations, dtype=np.float64)[:, None]
    low, high = (mean - _WIDTH * deviation).min(), (mean + _WIDTH * deviation).max()
    z = (np.linspace(low, high, _POINTS) - mean) / deviation
    # Sums of logarithms, so that the product over the others is one subtraction.
    below = np.log(np.maximum(_normal_cdf(z), 1e-300))
    weight = (np.exp(below.sum(0) - below - z * z / 2) / deviation).sum(1)
    shares: list[float] = (weight / weight.sum()).tolist()
    return shares


def _normal_cdf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Phi within 1.5e-7 (Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26)."""
    x = np.abs(z) / np.sqrt(2.0)
    t = 1 / (1 + 0.3275911 * x)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail: NDArray[np.float64] = series * np.exp(-x * x) / 2
    return np.asarray(np.where(z > 0, 1 - tail, tail))
