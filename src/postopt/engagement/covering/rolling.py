"""Intervals from the latest errors only, which follow a drift that is slow against the window."""

from __future__ import annotations

import math
import threading
from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from numpy.typing import ArrayLike

from postopt._checks import check_count, check_share
from postopt.engagement.conformal import Vector, check_prediction, least_labels, rank, read_predictions, stateful
from postopt.errors import PostDataError, shown


class Errors:
    """The latest errors, at most `most` of them, in order of arrival and sorted: 16 bytes and a float for each.

    Nothing here is thread-safe.
    """

    __slots__ = ("_arrived", "_most", "ordered")

    def __init__(self, most: int) -> None:
        self._most = most
        self._arrived: deque[float] = deque(maxlen=most)
        self.ordered = array("d")

    @classmethod
    def restored(cls, most: int, arrived: Iterable[float]) -> Errors:
        """Return what `arrived` came from.

        Raises:
            ValueError: an error is not finite.
        """
        errors = cls(most)
        errors._arrived.extend(map(float, arrived))
        if not all(map(math.isfinite, errors._arrived)):
            raise ValueError("an error is not finite")
        errors.ordered = array("d", sorted(errors._arrived))
        return errors

    def __len__(self) -> int:
        return len(self.ordered)

    def add(self, error: float) -> None:
        """Take one error; the oldest goes if there are too many."""
        if len(self._arrived) == self._most:
            del self.ordered[bisect_left(self.ordered, self._arrived[0])]
        self._arrived.append(error)
        insort(self.ordered, error)

    def arrived(self) -> list[float]:
        """Return the errors in order of arrival."""
        return list(self._arrived)

    def tails(self, below: float, above: float) -> tuple[float, float]:
        """Return errors below and above which the next lies with these probabilities at most.

        Raises:
            NotFittedError: there are too few errors for either.
        """
        n = len(self.ordered)
        return self.ordered[n - 1 - rank(n, 1 - below)], self.ordered[rank(n, 1 - above)]


def error_of(centre: float, spread: float, outcome: float, published: float, at: float) -> float:
    """Return the error of a prediction in units of its spread.

    Raises:
        PostDataError: a number is not finite, or spread not more than 0.
    """
    check_prediction(centre, spread, published)
    error = math.nan
    try:
        error = (outcome - centre) / spread if math.isfinite(at) else math.nan
        fit = math.isfinite(error)
    except (TypeError, OverflowError):  # no numbers, or an int beyond all floats
        fit = False
    if not fit:
        raise PostDataError(f"outcome {shown(outcome)}, learned at {shown(at)}: finite numbers are needed")
    return error


class RollingConformal:
    """Conformal intervals from the latest `window` errors of all groups; each end has its own quantile.

    A change shows in the intervals as its labels come in: coverage is off for the delay of the labels and then for
    about as many labels as the window holds. Groups are not told apart.

    Thread-safe: calls wait for each other. The state lives in one process.
    """

    def __init__(self, target: float = 0.9, *, window: int = 3000) -> None:
        self.target = check_share("target", target, above=0.0, below=1.0)
        self._miss = (1 - self.target) / 2
        self._window = check_count("window", window, least=least_labels(1 - self._miss))
        self._errors = Errors(self._window)
        self._lock = threading.Lock()
        self.n = 0

    def learn(self, _group: str, /, centre: float, spread: float, outcome: float, published: float, at: float) -> None:
        """Learn from one label; see `LearningConformal`."""
        error = error_of(centre, spread, outcome, published, at)
        with self._lock:
            self._errors.add(error)
            self.n += 1

    def around(self, _group: str, /, centre: float, spread: float, now: float = 0.0) -> tuple[float, float]:
        """Return the interval of one prediction; see `Conformal`."""
        check_prediction(centre, spread, now)
        low, high = self._tails()
        return centre + spread * low, centre + spread * high

    def around_many(
        self, groups: Sequence[str], centres: ArrayLike, spreads: ArrayLike, nows: ArrayLike = 0.0
    ) -> tuple[Vector, Vector]:
        """Return the bounds of many predictions; see `Conformal`."""
        centre, spread, _ = read_predictions(groups, centres=centres, spreads=spreads, nows=nows)
        if not len(centre):
            return centre, spread
        low, high = self._tails()
        return centre + spread * low, centre + spread * high

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return all that was learned as plain JSON."""
        with self._lock:
            return {"target": self.target, "window": self._window, "n": self.n, "errors": self._errors.arrived()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return intervals that go on where those stood that gave this state.

        Raises:
            ModelFileError: the state is not one that `state` returned.
        """
        with stateful(cls.__name__):
            model = cls(state["target"], window=state["window"])
            model.n = int(state["n"])
            model._errors = Errors.restored(model._window, state["errors"])
        return model

    def _tails(self) -> tuple[float, float]:
        with self._lock:
            return self._errors.tails(self._miss, self._miss)
