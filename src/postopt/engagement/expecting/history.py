"""What one page's last posts did, as it was known at a time."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple


class Label(NamedTuple):
    """What became of one post of the page.

    Attributes:
        published: in seconds since the epoch.
        id: the post's, as a number.
        known: from when on it counts.
        outcome: in the outcome's own unit.
    """

    published: float
    id: int
    known: float
    outcome: float


class Past(NamedTuple):
    """A page's known labels at a time, summed up.

    Attributes:
        n: how many, at most the window.
        median: of their outcomes, in the outcome's own unit.
        level: log1p of `median`.
    """

    n: int
    median: float
    level: float


class _Kept(NamedTuple):
    """All that is known of a page: it is replaced as a whole, so that a reader never sees half of a change.

    Attributes:
        labels: in order of publication.
        past: the last window of them, or None without any.
        known: from when on all labels count that were ever taken.
    """

    labels: tuple[Label, ...]
    past: Past | None
    known: float


# Windows of labels that are kept: of those that counted when the newest post was published, and of younger ones at
# most, for a page that posts often and whose labels come early. The second is arbitrary.
_WINDOWS = 2
_MOST_YOUNG = 10


class PageHistory:
    """The labels of one page, in order of publication.

    Kept are two windows of those that counted when its newest post was published, and at most ten of younger ones. What
    is asked for a time is told from the labels that were known then, so that no answer holds what came later; a page's
    labels from before those are gone.

    Not for two threads that learn; any number may ask meanwhile, and each answer is from before or after a label.
    """

    __slots__ = ("_kept", "_window")

    def __init__(self, window: int, labels: Sequence[Label] = (), known: float = -math.inf) -> None:
        self._window = window
        self._kept = _Kept(tuple(labels), _past(labels[-window:]), known)

    @property
    def labels(self) -> tuple[Label, ...]:
        """All that are kept, in order of publication."""
        return self._kept.labels

    @property
    def known(self) -> float:
        """From when on all labels count that were ever taken; the answer to `at` is then the same for any time."""
        return self._kept.known

    def learn(self, label: Label, *, again: bool = False) -> None:
        """Take a label; `again` in the place of the one with its id, if that is still there."""
        before, _, known = self._kept
        labels = [other for other in before if other.id != label.id] if again else list(before)
        insort(labels, label)
        del labels[: -self._kept_of(labels)]
        self._kept = _Kept(tuple(labels), _past(labels[-self._window :]), max(known, label.known))

    def _kept_of(self, labels: Sequence[Label]) -> int:
        """Return how many of the latest labels are kept."""
        newest = labels[-1].published
        young = 0
        while young < len(labels) and labels[-1 - young].known > newest:
            young += 1
        return _WINDOWS * self._window + min(young, _MOST_YOUNG * self._window)

    def at(self, now: float) -> Past | None:
        """Return what was known at a time, or None if nothing was."""
        labels, past, known = self._kept
        if now >= known:
            return past
        return _past([label for label in labels if label.known <= now][-self._window :])

    def counting(self, now: float) -> int:
        """Return how many labels counted at a time: as long as it is the same, so is what `at` says."""
        return sum([label.known <= now for label in self._kept.labels])


def _past(labels: Sequence[Label]) -> Past | None:
    n = len(labels)
    if not n:
        return None
    ordered = sorted([label[3] for label in labels])
    median = (ordered[n // 2] + ordered[(n - 1) // 2]) / 2
    return Past(n, median, math.log1p(median))
