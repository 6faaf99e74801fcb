"""What readers' rewards say of the models, whatever scale the rewards are on."""

from __future__ import annotations

from collections.abc import Sequence

from postopt.selection.cells import SHRINKAGE


def compared(sums: Sequence[Sequence[float]], expected: Sequence[float]) -> list[float]:
    """Return what the rewards of one cell sum to for each model on the scale of `expected`.

    A click rate of 3 % says nothing on the scale of an evaluation's scores; that it is 20 % above the others' does. So
    rewards are compared within the cell only, and their mean is mapped onto what was expected of those who earned it.
    With n_m rewards of model m that sum to s_m, e_m what was expected of it, and S the table's shrinkage,

        r = sum s / sum n,      e = sum n_m e_m / sum n,      q_m = (s_m + S r) / ((n_m + S) r)
        each reward of m counts  e q_m / (1 - e + e q_m)

    which multiplies the odds of e by how far m lies above the mean, shrunk. Hence a model that alone was used stays
    what it was, models with equal rewards come to be equal, and a common factor of all rewards changes nothing. Where
    nothing was earned at all nothing is known, and each stays what it was.

    Args:
        sums: (n, sum of rewards) of each model.
        expected: of each model in the cell before its rewards, 0 to 1.
    """
    n_all = sum(n for n, _ in sums)
    usual = sum(total for _, total in sums) / n_all
    if not usual:
        return [n * e for (n, _), e in zip(sums, expected, strict=True)]
    base = sum(n * e for (n, _), e in zip(sums, expected, strict=True)) / n_all
    totals = []
    for n, total in sums:
        odds = base * (total + SHRINKAGE * usual) / ((n + SHRINKAGE) * usual)
        totals.append(n * odds / (1.0 - base + odds))
    return totals
