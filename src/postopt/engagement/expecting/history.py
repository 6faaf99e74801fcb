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


class PageHistory:
    """The labels of one page, at most two windows of them, in order of publication.

    What is asked for a time is told from the labels that were known then, so that no answer holds what came later; a
    page's labels from before its last two windows are gone.

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
        del labels[: -2 * self._window]
        self._kept = _Kept(tuple(labels), _past(labels[-self._window :]), max(known, label.known))

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
