"""Comparing two arms day by day, so that a good day does not pass for a good arm."""

from __future__ import annotations

from collections.abc import Mapping

from postopt.experiments.records import Totals

NOTHING = Totals(0.0, 0.0, 0.0)


def pooled(days: Mapping[int, Totals]) -> Totals:
    """Return the sums over all days."""
    return sum(days.values(), NOTHING)


def blocked(arm: Mapping[int, Totals], other: Mapping[int, Totals]) -> tuple[Totals, Totals]:
    """Return the sums of two arms as if both had been shown on the same days in the same proportion.

    Why: where the traffic's shares change while the days differ, pooled means lie (Simpson's paradox). An arm that got
    most of its units on a good day looks good.

    How: each day d has the weight w = n m / (n + m), from the arms' outcomes n and m on that day; days on which one of
    them has none weigh nothing. It is the weight of Mantel and Haenszel ("Statistical aspects of the analysis of data
    from retrospective studies of disease", JNCI 22, 1959, 719-748), which makes the variance of the weighted difference
    least when the days' variances are equal. An arm's mean is then sum(w mean) / sum(w), and its n is what a plain mean
    of the same variance would have, sum(w)**2 / sum(w**2 / n): less than was counted, never more.

    With the same shares on all days the weights are in proportion to n, and both are what pooling gives.
    """
    if len(arm) == len(other) == 1 and arm.keys() == other.keys():
        return pooled(arm), pooled(other)
    common = [(arm[day], other[day]) for day in arm if day in other and arm[day].n > 0 and other[day].n > 0]
    weights = [mine.n * theirs.n / (mine.n + theirs.n) for mine, theirs in common]
    return (
        _weighted([mine for mine, _ in common], weights),
        _weighted([theirs for _, theirs in common], weights),
    )


def _weighted(days: list[Totals], weights: list[float]) -> Totals:
    """Return the sums of an arm whose days weigh so much."""
    whole = sum(weights)
    if not whole:
        return NOTHING
    n = whole * whole / sum(weight * weight / day.n for day, weight in zip(days, weights, strict=True))
    mean = sum(weight * day.mean for day, weight in zip(days, weights, strict=True)) / whole
    square = sum(weight * day.squares / day.n for day, weight in zip(days, weights, strict=True)) / whole
    return Totals(n, n * mean, n * square)
