"""How well predictions did on posts that were not learned from, against baselines, with intervals and in words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from postopt._checks import check_count, check_share
from postopt.engagement.evaluating import summary
from postopt.errors import PostDataError, shown
from postopt.stats import Interval, metrics
from postopt.stats.metrics import Clusters, Curve, Indices, Vector

K = TypeVar("K", bound=Hashable)

# Arbitrary. Of 100 posts at 90 % one page in ten covers less than 86 % by chance alone; of fewer, less still.
LEAST_OF_PAGE = 100
LEAST_FOR_RANK = 30
_LEAST_PAGES = 10  # with fewer, a page's days are drawn instead of pages
_ROUNDS = 400
_DAY = 86_400
# The years 1 to 9999, and a day before and after them, which they are in some zone: what else there is has no date.
_EARLIEST, _LATEST = -62_135_596_800.0 - _DAY, 253_402_300_800.0 + _DAY

PAGE_MEDIAN = "the page's median"
"""The first of the baselines: the recent median of the page, as it was known at publication."""


class Against(NamedTuple):
    """One baseline: its own figures in log1p units, and by which share the predictions' mean error is smaller."""

    name: str
    mae: float
    r2: float
    gain: float
    interval: Interval


class Covered(NamedTuple):
    """How many outcomes lay within their intervals, of how many."""

    coverage: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What predictions were worth. Errors and widths are in log1p units: .7 is a factor of two.

    Intervals are 95 % bootstrap intervals over pages; over days of pages where there are fewer than ten.

    Attributes:
        n: posts.
        pages: their pages.
        target: share of outcomes that were to lie within their intervals.
        r2: share of the variance of log1p outcomes that is explained, between pages and within.
        mae: mean absolute error of the medians.
        spearman: rank correlation over all posts.
        within_page_rank: rank correlation within pages of 30 posts or more, weighted by their posts.
        within_pages: how many pages that rests on.
        auc_above_baseline: how often, of a post above its baseline and one that is not, the former was given the larger
            probability; .5 is chance.
        auc_interval: of that.
        above: share of posts above their baseline.
        curve: the calibration curve of the probabilities, in bins of as many posts each: 15, or fewer, so that each
            has ten.
        ece: its mean distance from the diagonal.
        ece_floor: what perfect probabilities would show, by chance, from as many posts.
        brier: mean squared error of the probabilities.
        coverage: share of outcomes within their intervals.
        coverage_interval: of that.
        width: mean of log1p(high) - log1p(low).
        by_page: coverage of each page.
        coverage_page_tenth: of pages of 100 posts or more, the tenth percentile of coverage.
        coverage_page_worst: the least of them.
        coverage_pages: how many pages those two rest on.
        by_day: coverage of each day (UTC) of publication, as days since 1970.
        against: the baselines, the page's recent median first.
    """

    n: int
    pages: int
    target: float
    r2: float
    mae: float
    spearman: float
    within_page_rank: float
    within_pages: int
    auc_above_baseline: float
    auc_interval: Interval
    above: float
    curve: Curve
    ece: float
    ece_floor: float
    brier: float
    coverage: float
    coverage_interval: Interval
    width: float
    by_page: Mapping[str, Covered]
    coverage_page_tenth: float
    coverage_page_worst: float
    coverage_pages: int
    by_day: Mapping[int, Covered]
    against: tuple[Against, ...]

    @classmethod
    def of(  # noqa: PLR0913 - one column each
        cls,
        ids: Sequence[str],
        pages: Sequence[str],
        published: ArrayLike,
        outcomes: ArrayLike,
        median: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        p_above: ArrayLike,
        baseline: ArrayLike,
        *,
        baselines: Mapping[str, ArrayLike] | None = None,
        target: float = 0.9,
        seed: int = 0,
    ) -> Self:
        """Judge one prediction a post; all but the probabilities in the outcome's own unit, `published` in seconds.

        Args:
            ids: of the posts, each once.
            pages: whose they are.
            published: seconds since 1970, or before it.
            outcomes: what became of them.
            median: what was predicted.
            low: lower bounds.
            high: upper bounds.
            p_above: probability that the outcome is above `baseline`.
            baseline: the page's recent median, as it was known at publication.
            baselines: other predictions to compare with, by names that fit a sentence: they are better than ...
            target: share of outcomes that were to lie within.
            seed: of the bootstrap.

        Raises:
            PostDataError: there are no posts, an id comes twice, lengths differ, or a number cannot be.
            ValueError: `target` is no share, or `seed` no int of zero or more.
        """
        check_share("target", target, above=0.0, below=1.0)
        check_count("seed", seed, least=0)
        read = _read(ids, pages, published, outcomes, median, low, high, p_above, baseline)
        others = {name: np.log1p(column) for name, column in _named(baselines, len(read.y)).items()}
        drawn = Clusters(read.cluster(), rounds=_ROUNDS, seed=seed)
        return cls(
            n=len(read.y), pages=len(read.names), target=target,
            r2=metrics.r2(read.y, read.median), mae=float(np.mean(np.abs(read.y - read.median))),
            spearman=metrics.spearman(read.y, read.median),
            against=tuple(
                _against(name, read.y, read.median, other, drawn)
                for name, other in ({PAGE_MEDIAN: read.baseline} | others).items()
            ),
            **_ranked(read), **_probable(read, drawn), **_inside(read, drawn),
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """What it comes to, in plain words: "no better than" a baseline where the interval does not exclude it."""
        return summary.sentence(self)

    def __str__(self) -> str:
        return summary.table(self)

    def to_dict(self) -> dict[str, Any]:  # Any: plain JSON
        """Return all figures as plain JSON, with None for what has no answer."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__} | {"sentence": self.sentence}


class _Read(NamedTuple):
    """One row a post; all but the probabilities and days in log1p."""

    y: Vector
    median: Vector
    low: Vector
    high: Vector
    baseline: Vector
    p: Vector
    day: Indices
    page: Indices
    names: list[str]

    def cluster(self) -> Indices:
        """Return what a bootstrap draws whole."""
        if len(self.names) >= _LEAST_PAGES:
            return self.page
        return numbered(list(zip(self.page.tolist(), self.day.tolist(), strict=True)))[1]


def _read(ids: Sequence[str], pages: Sequence[str], published: ArrayLike, *columns: ArrayLike) -> _Read:
    ids, pages = keys_of("ids", ids), keys_of("pages", pages)
    n = len(pages)
    if not n:
        raise PostDataError("there are no posts to judge predictions by")
    if len(ids) != n or len(set(ids)) != n:
        raise PostDataError(f"{len(ids)} ids, {len(set(ids))} of them different, for {n} posts: each needs its own")
    names = ("outcomes", "median", "low", "high", "p_above", "baseline")
    y, median, low, high, p, baseline = (
        column_of(name, column, n, most=1.0 if name == "p_above" else np.inf)
        for name, column in zip(names, columns, strict=True)
    )
    crossed = low > high
    if crossed.any():
        row = int(np.argmax(crossed))
        raise PostDataError(f"low[{row}] is {low[row]:.6g}, which is above high[{row}], {high[row]:.6g}")
    day = (times_of(published, n) // _DAY).astype(np.int64)
    known, page = numbered(pages)
    return _Read(np.log1p(y), np.log1p(median), np.log1p(low), np.log1p(high), np.log1p(baseline), p, day, page, known)


def _named(baselines: Mapping[str, ArrayLike] | None, n: int) -> dict[str, Vector]:
    if not isinstance(baselines, Mapping | None):
        raise PostDataError(f"baselines is {shown(baselines)}; a mapping from names to columns is needed")
    return {str(name): column_of(str(name), column, n) for name, column in (baselines or {}).items()}


def keys_of(name: str, values: Sequence[K]) -> list[K]:
    """Return what rows are told apart by: texts, or anything else that a dict takes for a key.

    Raises:
        PostDataError: they are not.
    """
    try:
        keys = None if isinstance(values, str | bytes | Mapping) else list(values)
        set(keys or ())
    except TypeError:
        keys = None
    if keys is None:
        raise PostDataError(f"{name} is {shown(values)}; a list is needed, of a text for each post")
    return keys


def times_of(published: ArrayLike, n: int) -> Vector:
    """Return `n` times in seconds since 1970, those before it negative.

    Raises:
        PostDataError: they are not, or are in none of the years 1 to 9999.
    """
    return column_of("published", published, n, least=_EARLIEST, most=_LATEST)


def size_of(name: str, values: ArrayLike) -> int:
    """Return how many numbers there are.

    Raises:
        PostDataError: there are none, or they are no array of any shape.
    """
    try:
        n = int(np.size(values))
    except ValueError as error:
        raise PostDataError(f"{name}: numbers are needed, not {shown(values)}") from error
    if not n:
        raise PostDataError("there is nothing to see in no predictions")
    return n


def column_of(name: str, values: ArrayLike, n: int, *, least: float = 0.0, most: float = np.inf) -> Vector:
    """Return `n` numbers from `least` to `most`.

    Raises:
        PostDataError: they are not; the message names the first row that is not.
    """
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise PostDataError(f"{name}: numbers are needed, not {shown(values)}") from error
    if column.shape != (n,):
        raise PostDataError(f"{name} has the shape {column.shape}; one number for each of {n} posts is needed")
    bad = ~(np.isfinite(column) & (column >= least) & (column <= most))
    if bad.any():
        row = int(np.argmax(bad))
        allowed = "zero or more" if most == np.inf else f"from {least:g} to {most:g}"
        raise PostDataError(f"{name}[{row}] is {float(column[row])!r}; a finite number, {allowed}, is needed")
    return column


def numbered(keys: Sequence[K]) -> tuple[list[K], Indices]:
    """Return the different keys in order of appearance, and for each row which of them it has."""
    places: dict[K, int] = {}
    place = np.array([places.setdefault(key, len(places)) for key in keys], dtype=np.int64)
    return list(places), place


def _ranked(read: _Read) -> dict[str, Any]:  # Any: figures of several kinds, by their names in Evaluation
    rank, pages = metrics.within_groups(read.median, read.y, read.page, LEAST_FOR_RANK)
    return {"within_page_rank": rank, "within_pages": pages}


def _probable(read: _Read, drawn: Clusters) -> dict[str, Any]:  # Any: as above
    above = read.y > read.baseline
    curve = metrics.calibration(read.p, above)
    return {
        "auc_above_baseline": metrics.auc(read.p, above), "auc_interval": drawn.of_auc(read.p, above),
        "above": float(np.mean(above)), "curve": curve, "ece": metrics.ece(curve),
        "ece_floor": metrics.ece_floor(curve), "brier": metrics.brier(read.p, above),
    }  # fmt: skip


def _inside(read: _Read, drawn: Clusters) -> dict[str, Any]:  # Any: as above
    inside = ((read.low <= read.y) & (read.y <= read.high)).astype(np.float64)
    by_page = covered(inside, read.page, read.names)
    judged = [page.coverage for page in by_page.values() if page.n >= LEAST_OF_PAGE]
    days, day = np.unique(read.day, return_inverse=True)
    return {
        "coverage": float(inside.mean()), "coverage_interval": drawn.of_means(inside),
        "width": float(np.mean(read.high - read.low)), "by_page": by_page,
        "coverage_page_tenth": float(np.quantile(judged, 0.1)) if judged else float("nan"),
        "coverage_page_worst": min(judged, default=float("nan")), "coverage_pages": len(judged),
        "by_day": covered(inside, day.reshape(-1), days.tolist()),
    }  # fmt: skip


def covered(inside: Vector, place: Indices, names: Sequence[K]) -> dict[K, Covered]:
    """Return how many were inside for each name, which `place` numbers."""
    n = np.bincount(place, minlength=len(names))
    share = np.bincount(place, inside, minlength=len(names)) / n
    return {name: Covered(s, k) for name, s, k in zip(names, share.tolist(), n.tolist(), strict=True)}


def _against(name: str, y: Vector, median: Vector, other: Vector, drawn: Clusters) -> Against:
    ours, theirs = np.abs(y - median), np.abs(y - other)
    mae = float(np.mean(theirs))
    ratio = drawn.of_means(ours, theirs)
    gain = 1 - float(np.mean(ours)) / mae if mae > 0 else float("nan")
    return Against(name, mae, metrics.r2(y, other), gain, Interval(1 - ratio.high, 1 - ratio.low, ratio.level, ratio.n))


def _plain(value: Any) -> Any:  # Any: plain JSON of any figure
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
