"""What one page's last posts did, as it was known at a time, and the numbers about it that a model reads."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from operator import mul
from typing import Final, NamedTuple

# Of a page's outcomes, how fast older ones are forgotten in its long-run mean: half after about 140 posts. Arbitrary.
_LONG = 0.005

# To so many posts of the page's median amounts what is assumed of a type or an hour before there are any. Arbitrary.
_SHRINKAGE = 4.0

# So many posts of a page say as much as is known of any page beforehand: the variance within pages over that between.
_ONE_POST = 0.5

# Answers for types and hours that are kept until the next label; arbitrary, more than there are.
_MOST_KEPT = 256

# Hours further from each other than that say nothing about each other. Arbitrary.
_HOURS = 3

CONTEXT_NAMES: Final = (
    "posts known", "level", "mean of 50", "spread", "mean of 10", "mean of 5", "last", "lower quartile",
    "upper quartile", "long run", "posts a day", "rest of 50", "rest of 10", "type", "posts of the type", "hour",
    "silence",
)  # fmt: skip


class Label(NamedTuple):
    """What became of one post of the page.

    Attributes:
        published: in seconds since the epoch.
        id: the post's, as a number.
        known: from when on it counts.
        outcome: in the outcome's own unit.
        log: its log1p.
        type: of the post.
        hour: of the day, or -1.
        rest: what of `log` is left when it is known what the post's words say on any page.
        long: mean of the logarithms of all the page's outcomes up to this one, older ones counting less.
    """

    published: float
    id: int
    known: float
    outcome: float
    log: float
    type: str
    hour: int
    rest: float
    long: float


class Past:
    """A page's known labels at a time, summed up.

    Attributes:
        n: how many, at most the window.
        median: of their outcomes, in the outcome's own unit.
        level: log1p of `median`.
        newest: when the newest of them was published.
        fixed: the numbers of `CONTEXT_NAMES` up to "rest of 10".
    """

    __slots__ = ("_above", "_columns", "_hours", "_types", "fixed", "level", "median", "n", "newest")

    def __init__(self, labels: Sequence[Label]) -> None:
        n = self.n = len(labels)
        published, _, _, outcomes, logs, types, hours, rest, long = zip(*labels, strict=True)
        ordered = sorted(outcomes)
        self.median = (ordered[n // 2] + ordered[(n - 1) // 2]) / 2
        level = self.level = math.log1p(self.median)
        above = self._above = [log - level for log in logs]
        self._types: tuple[str, ...] = types
        self._hours: tuple[int, ...] = hours
        self.newest: float = published[-1]
        self._columns: dict[tuple[str, int], tuple[float, ...]] = {}
        days = max(self.newest - published[0], 3600.0) / 86400.0
        self.fixed = (
            math.log1p(n), level, sum(above) / n, math.hypot(*above) / math.sqrt(n), sum(above[-10:]) / min(n, 10),
            sum(above[-5:]) / min(n, 5), above[-1], math.log1p(ordered[n // 4]) - level,
            math.log1p(ordered[3 * n // 4]) - level, long[-1] - level, math.log(n / days),
            sum(rest) / (n + _ONE_POST), sum(rest[-10:]) / (min(n, 10) + _ONE_POST),
        )  # fmt: skip

    def columns(self, type: str, hour: int) -> tuple[float, ...]:  # noqa: A002 - the field's name
        """Return the numbers of `CONTEXT_NAMES`, but for the last, for a post of that type, published at that hour."""
        found = self._columns.get((type, hour))
        if found is None:
            if len(self._columns) >= _MOST_KEPT:
                self._columns.clear()
            found = self._columns[type, hour] = self._sum_up(type, hour)
        return found

    def _sum_up(self, type: str, hour: int) -> tuple[float, ...]:  # noqa: A002
        same = [a for a, kind in zip(self._above, self._types, strict=True) if kind == type]
        mean = sum(same) / (len(same) + _SHRINKAGE)
        shares = [_NEAR[hour][other] for other in self._hours]
        near = sum(map(mul, shares, self._above)) / (sum(shares) + _SHRINKAGE)
        return (*self.fixed, mean, len(same) / self.n, near)

    def silence(self, now: float) -> float:
        """Return the last of `CONTEXT_NAMES`: log1p of the hours since the newest of the posts."""
        return math.log1p(max(now - self.newest, 0.0) / 3600.0)


class PageHistory:
    """The labels of one page, at most two windows of them, in order of publication.

    What is asked for a time is told from the labels that were known then, so that no answer holds what came later; a
    page's labels from before its last two windows are gone.
    """

    __slots__ = ("_labels", "_past", "_window", "known")

    def __init__(self, window: int, labels: Sequence[Label] = (), known: float = -math.inf) -> None:
        self._window = window
        self._labels = list(labels)
        self._past = Past(self._labels[-window:]) if labels else None
        self.known = known
        """From when on all labels count that were ever taken."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """All that are kept, in order of publication."""
        return tuple(self._labels)

    def counting(self, now: float) -> int:
        """Return how many labels counted at a time: as long as it is the same, so is what `at` says."""
        return sum([label[2] <= now for label in self._labels])

    def learn(self, label: Label, *, again: bool = False) -> None:
        """Take a label; `again` in the place of the one with its id, if that is still there."""
        labels = self._labels
        if again:
            labels[:] = [other for other in labels if other.id != label.id]
        long = labels[-1].long if labels else label.log
        long += max(_LONG, 1 / (len(labels) + 1)) * (label.log - long)
        insort(labels, Label(*label[:8], long))
        del labels[: -2 * self._window]
        self.known = max(self.known, label.known)
        self._past = Past(labels[-self._window :])

    def at(self, now: float, most: int | None = None) -> Past | None:
        """Return what was known at a time, from the last `most` posts, or None if nothing was."""
        if now >= self.known and most is None:
            return self._past
        known = [label for label in self._labels if label[2] <= now][-self._window :]
        if most is not None:
            known = known[len(known) - min(most, len(known)) :]
        return Past(known) if known else None


def _near(hour: int) -> tuple[float, ...]:
    """Return how much each hour of the day says about this one; the last is that of an unknown hour."""
    away = [min(abs(hour - other), 24 - abs(hour - other)) for other in range(24)]
    return (*(max(1 - distance / _HOURS, 0.0) for distance in away), 0.0)


_NEAR = (*(_near(hour) for hour in range(24)), (0.0,) * 25)
