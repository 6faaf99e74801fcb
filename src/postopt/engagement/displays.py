"""Pictures of how far predictions can be trusted, in the style of scikit-learn's displays.

`from_predictions` computes what there is to see, without matplotlib; `plot` draws it (extra `plot`) and returns the
display, with the axes in `ax_` and their figure in `figure_`. No window is opened and no state of pyplot is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from postopt._checks import check_count, check_items, check_share
from postopt.engagement.evaluation import (
    Covered,
    Evaluation,
    column_of,
    covered,
    keys_of,
    numbered,
    size_of,
    times_of,
)
from postopt.engagement.posts import read_stamp
from postopt.errors import PostDataError, shown
from postopt.stats import wilson_interval
from postopt.stats.metrics import Curve, Indices, Vector, calibration, curve_of, ece, ece_floor

if TYPE_CHECKING:
    from postopt.engagement.evaluating.matplotlib import Axes, Figure

_DAY = 86_400
_MOST_BINS = 1_000  # more cannot be told apart in a picture; arbitrary


class _Drawn:
    """What a display has once it was plotted."""

    ax_: Axes
    figure_: Figure


def _read(happened: ArrayLike, probabilities: ArrayLike) -> tuple[Vector, Vector]:
    n = size_of("probabilities", probabilities)
    yes = column_of("happened", happened, n, most=1.0)
    if not np.isin(yes, (0.0, 1.0)).all():
        raise PostDataError("happened: 0 or 1, False or True is needed for each prediction")
    return yes, column_of("probabilities", probabilities, n, most=1.0)


def _bins(bins: object) -> int:
    number = check_count("bins", bins)
    if number > _MOST_BINS:
        raise ValueError(f"bins is {shown(bins)}; an int, 1 to {_MOST_BINS:,}, is needed")
    return number


def _curve(curve: object) -> Curve:
    if not isinstance(curve, Curve):
        raise ValueError(f"curve is {shown(curve)}; a Curve is needed")  # noqa: TRY004 - as all others
    return curve


def _evaluation(evaluation: object) -> Evaluation:
    if not isinstance(evaluation, Evaluation):
        raise ValueError(f"evaluation is {shown(evaluation)}; an Evaluation is needed")  # noqa: TRY004 - as all others
    return evaluation


def _intervals(curve: Curve) -> tuple[Vector, Vector]:
    pairs = zip(curve.observed.tolist(), curve.n.tolist(), strict=True)
    bounds = [wilson_interval(min(share * n, n), n) for share, n in pairs]
    return np.array([bound.low for bound in bounds]), np.array([bound.high for bound in bounds])


class CalibrationDisplay(_Drawn):
    """A calibration curve: bins of as many predictions each, beside what perfect probabilities would show by chance.

    Attributes:
        curve: mean probability, share of what happened and count of each bin.
        chance: half the width of the 95 % band around the diagonal, for each bin.
        ece: expected calibration error.
        ece_floor: what perfect probabilities would show of it.
        name: of what is drawn.

    Source of the band: J. Broecker and L. A. Smith, Weather and Forecasting 22(3), 2007, 651-661; normal here.
    """

    def __init__(self, curve: Curve, name: str = "") -> None:
        self.curve = _curve(curve)
        self.name = name
        self.ece, self.ece_floor = ece(curve), ece_floor(curve)
        self.chance = 1.96 * np.sqrt(curve.predicted * (1 - curve.predicted) / curve.n)

    @classmethod
    def from_predictions(
        cls, happened: ArrayLike, probabilities: ArrayLike, *, bins: int | None = None, name: str = ""
    ) -> Self:
        """Take what happened (1 or 0) and the probabilities that were given for it.

        Args:
            happened: for each prediction.
            probabilities: that were given.
            bins: how many; None for 15, or fewer so that each has ten predictions.
            name: of what is drawn.

        Raises:
            PostDataError: there are none, lengths differ, or a number is not one of these.
            ValueError: `bins` is neither None nor an int from 1 to 1,000.
        """
        yes, p = _read(happened, probabilities)
        return cls(calibration(p, yes > 0, None if bins is None else _bins(bins)), name)

    @classmethod
    def from_evaluation(cls, evaluation: Evaluation, *, name: str = "") -> Self:
        """Take the probabilities that an evaluation judged.

        Raises:
            ValueError: it is none.
        """
        return cls(_evaluation(evaluation).curve, name)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it on `ax`, or on a new figure.

        Raises:
            MissingDependencyError: matplotlib is not installed (extra `plot`).
        """
        from postopt.engagement.evaluating.matplotlib import draw_calibration  # noqa: PLC0415 - nothing else needs the library

        self.ax_, self.figure_ = draw_calibration(self, ax)
        return self


class ReliabilityDisplay(_Drawn):
    """A reliability diagram: bins of equal width, the share of what happened in each with its interval and count.

    Attributes:
        curve: mean probability, share of what happened and count of each bin that has any.
        edges: of all bins.
        low: lower 95 % bounds of the shares (Wilson).
        high: upper bounds.
        ece: expected calibration error over these bins.
        name: of what is drawn.
    """

    def __init__(self, curve: Curve, edges: Vector, name: str = "") -> None:
        self.curve = _curve(curve)
        self.edges = edges
        self.low, self.high = _intervals(curve)
        self.ece = ece(curve)
        self.name = name

    @classmethod
    def from_predictions(
        cls, happened: ArrayLike, probabilities: ArrayLike, *, bins: int | None = None, name: str = ""
    ) -> Self:
        """Take what happened (1 or 0) and the probabilities that were given for it.

        Args:
            happened: for each prediction.
            probabilities: that were given.
            bins: how many; None for ten, or fewer so that each has ten predictions on average.
            name: of what is drawn.

        Raises:
            PostDataError: there are none, lengths differ, or a number is not one of these.
            ValueError: `bins` is neither None nor an int from 1 to 1,000.
        """
        yes, p = _read(happened, probabilities)
        bins = min(10, max(len(p) // 10, 1)) if bins is None else _bins(bins)
        place = np.minimum((p * bins).astype(np.int64), bins - 1)
        return cls(curve_of(place, p, yes > 0, bins), np.linspace(0.0, 1.0, bins + 1), name)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it on `ax`, or on a new figure; counts are written above the axis.

        Raises:
            MissingDependencyError: matplotlib is not installed (extra `plot`).
        """
        from postopt.engagement.evaluating.matplotlib import draw_reliability  # noqa: PLC0415 - nothing else needs the library

        self.ax_, self.figure_ = draw_reliability(self, ax)
        return self


class Share(NamedTuple):
    """The coverage of one day or page, and where it would lie in 95 of 100 cases if the target held for it."""

    name: str
    coverage: float
    n: int
    low: float
    high: float


class CoverageDisplay(_Drawn):
    """How many outcomes lay within their intervals: by day, or page by page.

    Attributes:
        shares: by day, in order of time (seconds since 1970 at its begin as the name), or by page.
        by: "day" or "page".
        target: share of outcomes that were to lie within.
        coverage: over all.
        n: outcomes.
    """

    def __init__(self, shares: Sequence[Share], *, by: str, target: float) -> None:
        self.shares: tuple[Share, ...] = tuple(check_items("shares", shares, "Shares"))
        if not all(isinstance(share, Share) for share in self.shares):
            raise ValueError(f"shares is {shown(shares)}; Shares in a list are needed")
        self.by = by
        self.target = target
        self.n = sum(share.n for share in self.shares)
        if not self.n:
            raise PostDataError("there is nothing to see in no predictions")
        self.coverage = sum(share.n * share.coverage for share in self.shares) / self.n

    @classmethod
    def from_predictions(
        cls,
        outcomes: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        *,
        published: ArrayLike | Sequence[datetime] | None = None,
        pages: Sequence[str] | None = None,
        target: float = 0.9,
    ) -> Self:
        """Take outcomes and bounds, with either the times of publication or the pages.

        Args:
            outcomes: what became of the posts.
            low: lower bounds.
            high: upper bounds.
            published: datetimes with a zone, or seconds since 1970.
            pages: whose they are.
            target: share of outcomes that were to lie within.

        Raises:
            PostDataError: there are none, lengths differ, or a number is negative (times may be) or not finite.
            ValueError: both `published` and `pages` are given, or neither is.
        """
        n = size_of("outcomes", outcomes)
        target = check_share("target", target, above=0.0, below=1.0)
        y, a, b = (column_of(name, v, n) for name, v in (("outcomes", outcomes), ("low", low), ("high", high)))
        inside = ((a <= y) & (y <= b)).astype(np.float64)
        names, place = _by(published, pages, n)
        return cls(_shares(covered(inside, place, names), target), by="day" if pages is None else "page", target=target)

    @classmethod
    def from_evaluation(cls, evaluation: Evaluation, *, by: str = "day") -> Self:
        """Take the intervals that an evaluation judged, by "day" or by "page".

        Raises:
            ValueError: `by` is neither, or `evaluation` is none.
        """
        evaluation = _evaluation(evaluation)
        if by not in ("day", "page"):
            raise ValueError(f'by is {shown(by)}; "day" or "page" is needed')
        parts = evaluation.by_page if by == "page" else {str(_DAY * day): got for day, got in evaluation.by_day.items()}
        return cls(_shares(parts, evaluation.target), by=by, target=evaluation.target)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it on `ax`, or on a new figure.

        Raises:
            MissingDependencyError: matplotlib is not installed (extra `plot`).
        """
        from postopt.engagement.evaluating.matplotlib import draw_coverage  # noqa: PLC0415 - nothing else needs the library

        self.ax_, self.figure_ = draw_coverage(self, ax)
        return self


def _seconds(published: ArrayLike | Sequence[datetime]) -> ArrayLike:
    given = list(published) if isinstance(published, Iterable) else []
    if not any(isinstance(stamp, datetime) for stamp in given):
        return published  # type: ignore[return-value]  # there is no datetime in it
    return [read_stamp(stamp, f"published[{row}]").timestamp() for row, stamp in enumerate(given)]


def _by(
    published: ArrayLike | Sequence[datetime] | None, pages: Sequence[str] | None, n: int
) -> tuple[list[str], Indices]:
    if published is not None and pages is None:
        start = times_of(_seconds(published), n) // _DAY * _DAY
        days, place = np.unique(start, return_inverse=True)
        return [str(int(day)) for day in days], place.reshape(-1)
    if pages is None or published is not None:
        raise ValueError("either published or pages is needed: coverage is shown by day or by page")
    known = keys_of("pages", pages)
    if len(known) != n:
        raise PostDataError(f"pages has {len(known)} rows; one for each of {n} posts is needed")
    return numbered(known)


def _shares(parts: Mapping[str, Covered], target: float) -> list[Share]:
    shares = []
    for name, (coverage, n) in parts.items():
        half = 1.96 * (target * (1 - target) / n) ** 0.5
        shares.append(Share(name, coverage, n, max(target - half, 0.0), min(target + half, 1.0)))
    return shares
