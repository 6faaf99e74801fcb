"""Which of many arms is the best one, for sure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from postopt.experiments.records import Kind, Totals
from postopt.experiments.sequential import Comparison, SequentialTest
from postopt.experiments.usual import Usual


class Ranking(NamedTuple):
    """What can be said of the best of many arms.

    Attributes:
        best: the arm with the best mean so far, or None without outcomes.
        rival: of the others, the best that it does not beat yet, or, if it beats all, the best of them.
        comparison: of both, at the level of the whole verdict.
        winner: the best arm if it beats every other one.
    """

    best: str | None
    rival: str | None
    comparison: Comparison | None
    winner: str | None


def find_winner(
    arms: Mapping[str, Totals],
    *,
    alpha: float = 0.05,
    usual: Usual | None = None,
    horizon: float | None = None,
    kind: Kind = "proportion",
    lower_is_better: bool = False,
    design_effect: float = 1.0,
    pair: Callable[[str, str], tuple[Totals, Totals]] | None = None,
) -> Ranking:
    """Find the arm that beats every other one; at any number of looks a false one is found with probability <= alpha.

    False is a winner that is not better than all others, equals among them. Each pair is tested at 2 alpha / K, both
    sides together, that is alpha / K a side. If arm i is the winner although another arm b is as good, it has beaten
    b, which happens at any look with probability alpha / K; the same holds with the best other arm in place of b for
    each of the K arms, so that the sum is alpha. Between two arms this is the plain test, between more it is less
    strict than K - 1 comparisons with a control (by 1.5 at three arms, by 1.8 at ten).

    Args:
        arms: the sums of each.
        alpha: probability of a false winner.
        usual: see `SequentialTest`.
        horizon: see `SequentialTest`.
        kind: see `SequentialTest`.
        lower_is_better: whether the best arm is that with the smallest mean.
        design_effect: see `SequentialTest.compare`.
        pair: returns the sums of two arms as they are to be compared, where those are others than in `arms` (brought to
            the same days, say).

    Raises:
        OutcomeError: sums that cannot be.
        ValueError: a setting that cannot be.
    """
    sign = -1 if lower_is_better else 1
    test = pair_test(len(arms), alpha=alpha, usual=usual, horizon=horizon, kind=kind)
    ranked = sorted(arms, key=lambda name: sign * arms[name].mean, reverse=True)
    seen = [name for name in ranked if arms[name].n]
    if not seen or len(arms) < 2:
        return Ranking(seen[0] if seen else None, None, None, None)
    best = seen[0]
    others = [name for name in ranked if name != best]
    if pair is None:
        pair = partial(_plain, arms)
    unbeaten = (name for name in others if test.direction(*pair(best, name), design_effect) != sign)
    blocking = next(unbeaten, None)
    rival = others[0] if blocking is None else blocking
    comparison = test.compare(*pair(best, rival), design_effect)
    return Ranking(best, rival, comparison, best if blocking is None else None)


def pair_test(
    arms: int, *, alpha: float, usual: Usual | None = None, horizon: float | None = None, kind: Kind = "proportion"
) -> SequentialTest:
    """Return the test that `find_winner` puts each pair of so many arms to."""
    many = max(arms, 2)
    return SequentialTest(alpha=alpha, comparisons=many / 2, arms=many, usual=usual, horizon=horizon, kind=kind)


def _plain(arms: Mapping[str, Totals], first: str, second: str) -> tuple[Totals, Totals]:
    return arms[first], arms[second]
