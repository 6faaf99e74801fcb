"""How much more real outcomes vary than independent ones would."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, compress, count, repeat
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from postopt.errors import OutcomeError, shown
from postopt.experiments.records import Bucket, Group, Kind, Totals

START = 1.7  # see `DesignEffect`
ENOUGH = 30  # degrees of freedom before a source is believed; the estimate's standard error is then a quarter of it
_TOO_EVEN = NormalDist().inv_cdf(0.001)

_Array = NDArray[np.float64]


class Dispersion(NamedTuple):
    """Pearson's chi-square of what should vary as independent outcomes do, and its degrees of freedom."""

    chi2: float
    degrees: int

    @property
    def ratio(self) -> float:
        """Variance over that of independent outcomes; 0 without degrees of freedom."""
        return self.chi2 / self.degrees if self.degrees else 0.0

    @property
    def too_even(self) -> bool:
        """Whether independent outcomes would be as even as this only once in a thousand times.

        The cube root of chi2 / degrees is near normal (Wilson and Hilferty, PNAS 17, 1931).
        """
        if not self.degrees:
            return False
        spread = 2 / (9 * self.degrees)
        return bool(math.cbrt(self.ratio) < 1 - spread + _TOO_EVEN * math.sqrt(spread))

    def __add__(self, other: Dispersion) -> Dispersion:  # type: ignore[override]  # as `Totals`
        return Dispersion(self.chi2 + other.chi2, self.degrees + other.degrees)


class DesignEffect:
    """How many times the variance of independent outcomes that of a difference between arms is.

    Tests assume that outcomes are independent. They are not: a person sees a post twice, a crawler opens ten, one arm
    runs while a partner links to it. In 2,887 real headline tests, 450 pairs of packages that were equal in every
    shown column differed by more than 1.96 standard errors in 12 % of all cases instead of 5 %; their z had a variance
    of 1.74. That is where the start of 1.7 comes from, which holds until a source has 30 degrees of freedom.

    There are three sources, each a Pearson chi-square over its degrees of freedom; the largest one that has enough
    holds, and never less than 1:

    - repeated buckets: arm by day. What one day has in common for all arms, and what one arm has on all days, is
      fitted; what is left should vary as independent outcomes do. It cannot see what lasts in one arm;
    - halves: each arm is secretly two half-arms that show the same (built-in A/A), compared on each day and over all
      days. They see whatever goes with the unit;
    - equal texts within one past experiment, where `past` is given: the whole truth, if nothing else differed. Only the
      host knows that (a headline may have run with two pictures), so an `Experiment` does not give it by itself.

    Buckets that are more even than independent outcomes are once in a thousand times were not observed but made, by
    dividing totals: they are ignored. Totals that are divided at random look independent and teach 1; nothing in them
    says that they were divided. So give what was observed, when it was observed.

    Args:
        buckets: sums of one experiment and one metric by arm, half (-1 for both) and day; a day may be any period, as
            long as it means the same for all arms.
        past: groups [(text, n, successes), ...], each of one randomised contrast.
        kind: of the metric that the buckets are of.

    Attributes:
        value: the factor, 1 or more.
        reason: what it rests on, in words.

    Raises:
        OutcomeError: a past count is negative, NaN, or has more successes than n.
    """

    __slots__ = ("reason", "value")

    def __init__(
        self, buckets: Iterable[Bucket] = (), past: Iterable[Group] = (), *, kind: Kind = "proportion"
    ) -> None:
        cells = list(buckets)
        sources = {
            "buckets of arm and day": _repeated(cells, kind),
            "halves of arms": _halves(cells, kind),
            "equal texts in past experiments": _equal_texts(past),
        }
        enough = {name: source for name, source in sources.items() if source.degrees >= ENOUGH}
        known = {name: source for name, source in enough.items() if not source.too_even}
        if known:
            name = max(known, key=lambda key: known[key].ratio)
            self.value = max(known[name].ratio, 1.0)
            self.reason = f"design effect {self.value:.2f}, from {name} ({known[name].degrees} degrees of freedom)"
            return
        most = max(source.degrees for source in sources.values())
        why = f"{' and '.join(enough)} are too even" if enough else f"{most} of {ENOUGH} degrees of freedom so far"
        self.value = START
        self.reason = f"design effect {START} to begin with: {why}"

    def __repr__(self) -> str:
        return f"<DesignEffect {self.value:.2f}: {self.reason}>"


def _repeated(buckets: Sequence[Bucket], kind: Kind) -> Dispersion:
    return _interaction(*_columns(buckets, 0), kind)


def _halves(buckets: Sequence[Bucket], kind: Kind) -> Dispersion:
    """Add up the arms' dispersions: within each, a half against the other on each day, and over all days."""
    arms: dict[str, list[Bucket]] = defaultdict(list)
    for bucket in buckets:
        if bucket[1] >= 0:
            arms[bucket[0]].append(bucket)
    result = Dispersion(0.0, 0)
    for cells in arms.values():
        halves: dict[int, Totals] = {}
        for _, half, _, _, totals in cells:
            halves[half] = halves.get(half, Totals(0, 0, 0)) + totals
        result += _interaction(*_columns(cells, 1), kind) + _equal(list(halves.values()), kind)
    return result


def _equal_texts(past: Iterable[Group]) -> Dispersion:
    result = Dispersion(0.0, 0)
    for group in past:
        texts: dict[object, list[Totals]] = defaultdict(list)
        for text, n, successes in group:
            if not 0 <= successes <= n < math.inf:
                raise OutcomeError(f"{shown(successes)} successes of {shown(n)}; 0 <= successes <= n is needed")
            texts[text].append(Totals(n, successes, successes))
        for same in texts.values():
            result += _equal(same, "proportion")
    return result


def _equal(arms: Sequence[Totals], kind: Kind) -> Dispersion:
    """Return the dispersion of arms that are the same."""
    seen = [totals for totals in arms if totals.n]
    if len(seen) < 2:
        return Dispersion(0.0, 0)
    n, total, squares = (np.array(column, np.float64) for column in zip(*seen, strict=True))
    return _chi2(n, total, squares, n * (total.sum() / n.sum()), len(seen) - 1, kind)


def _columns(buckets: Sequence[Bucket], key: int) -> tuple[Sequence[object], Sequence[int], _Array]:
    """Return what a row of the table is, the day and the sums of each bucket; a row is a field of it."""
    if not buckets:
        return (), (), np.zeros((0, 3))
    columns = list(zip(*buckets, strict=True))
    return columns[key], columns[3], np.fromiter(chain.from_iterable(columns[4]), np.float64).reshape(-1, 3)


def _interaction(row_of: Sequence[object], day_of: Sequence[int], sums: _Array, kind: Kind) -> Dispersion:
    """Return the dispersion around a model in which each row has a factor and each day has one.

    A row need not have been there on all days. Rows and days without any total have no factor, and say nothing.
    """
    successful = sums[:, 1].tolist()
    rows, days = _numbered(compress(row_of, successful)), _numbered(compress(day_of, successful))
    if len(rows) < 2 or len(days) < 2:
        return Dispersion(0.0, 0)
    row, day = (
        np.array(list(map(numbers.get, keys, repeat(-1)))) for numbers, keys in ((rows, row_of), (days, day_of))
    )
    known = (row >= 0) & (day >= 0)
    cells, shape = (row * len(days) + day)[known], (len(rows), len(days))
    n, total, squares = (
        np.asarray(np.bincount(cells, column, len(rows) * len(days)), np.float64).reshape(shape)
        for column in sums[known].T
    )
    # A day on which only one row was seen adds a cell and a factor: nothing is left of it.
    degrees = int(np.count_nonzero(n)) - len(rows) - len(days) + 1
    return _chi2(n, total, squares, _fitted(n, total), degrees, kind)


def _numbered(keys: Iterable[object]) -> dict[object, int]:
    return dict(zip(dict.fromkeys(keys), count()))


def _fitted(n: _Array, total: _Array) -> _Array:
    """Scale n to the sums of `total` by rows and columns (iterative proportional fitting, Deming and Stephan 1940).

    Each row, and each column, has a total, so that no factor divides by zero.
    """
    rows, columns = total.sum(1), total.sum(0)
    before = factors = np.ones(len(columns))
    for _ in range(50):  # 5 are enough for 1e-6 where all rows have all days, some more where they have not
        before, factors = factors, columns / ((rows / (n @ factors)) @ n)
        if np.abs(factors - before).max() <= 1e-12 * factors.max():
            break
    return np.asarray((rows / (n @ before))[:, None] * n * factors, np.float64)


def _chi2(n: _Array, total: _Array, squares: _Array, fitted: _Array, degrees: int, kind: Kind) -> Dispersion:
    if kind == "proportion":
        failures = 1 - _ratio(fitted, n)
        variances = fitted * np.where(failures > 1e-12, failures, 0.0)  # what rounding leaves of none is none
    else:
        inside = np.maximum(squares - _ratio(total * total, n), 0.0)
        free = np.maximum(n - 1, 0.0)
        variances = n * _ratio(inside.sum(-1, keepdims=True), free.sum(-1, keepdims=True))
    seen = n > 0
    if degrees < 1 or not np.all(variances[seen] > 0):  # constant, or nothing ever happened: it says nothing
        return Dispersion(0.0, 0)
    return Dispersion(float(np.sum((total - fitted)[seen] ** 2 / variances[seen])), degrees)


def _ratio(above: _Array, below: _Array) -> _Array:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0), np.float64)
