"""Intervals whose coverage needs no model to be right: calibrated once, on labels that were not learned from.

An error is `(outcome - centre) / spread`. An interval is the centre plus its spread times two quantiles of earlier
errors. If the next error is exchangeable with those, it lies inside with a probability of at least `target`, whatever
the model and the distribution. Posts drift, so it seldom is for long: `postopt.engagement.covering.intervals` goes with
them.

Sources: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World", Springer 2005 (split and
Mondrian); Y. Romano, E. Patterson and E. Candes, "Conformalized quantile regression", NeurIPS 2019 (CQR).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from postopt._checks import check_count, check_share
from postopt.errors import ModelFileError, NotFittedError, PostDataError, shown

Vector: TypeAlias = NDArray[np.float64]
Tails: TypeAlias = tuple[float, float]  # by how many spreads the ends lie from the centre


class Conformal(Protocol):
    """What gives intervals around predictions, one by one or many at once, with the same numbers.

    All values are in the unit in which errors are alike at every level: log1p of the outcome, for counts.
    """

    target: float
    """The share of outcomes that are to lie within their intervals."""

    def around(self, group: str, /, centre: float, spread: float, now: float) -> tuple[float, float]:
        """Return the interval of one prediction.

        Args:
            group: whose post it is; one that was never seen is treated as the average of all.
            centre: the prediction.
            spread: how large its error is expected to be, in any unit that is the same for all; more than 0.
            now: when it is asked, in seconds; only those that learn use it.

        Raises:
            NotFittedError: there are too few errors to have a quantile of them.
            PostDataError: centre or now is not finite, or spread not more than 0.
        """

    def around_many(
        self, groups: Sequence[str], /, centres: ArrayLike, spreads: ArrayLike, nows: ArrayLike
    ) -> tuple[Vector, Vector]:
        """Return the lower and the upper bounds of many predictions: what `around` gives for each."""


class LearningConformal(Conformal, Protocol):
    """Intervals that learn from each label when it arrives."""

    n: int
    """Labels learned."""

    def learn(self, group: str, /, centre: float, spread: float, outcome: float, published: float, at: float) -> None:
        """Learn from a label that arrived `at`, of what was predicted when its post was `published`; in seconds.

        Raises:
            PostDataError: a number is not finite, spread is not more than 0; nothing was learned.
        """


def least_labels(tail: float) -> int:
    """Return how many errors are needed before one of them bounds a share `tail` of the next, such as 19 for .95."""
    return math.ceil(tail / (1 - tail) - 1e-9)


def rank(n: int, tail: float) -> int:
    """Return which of `n` sorted errors, counted from 0, bounds the next with probability `tail` or more.

    It is the ceil((n + 1) tail)-th; a rounding error of the product must not make it the one after.

    Raises:
        NotFittedError: none does, because there are too few.
    """
    place = math.ceil((n + 1) * tail - 1e-9)
    if place > n:
        raise NotFittedError(
            f"{n} labels, and {least_labels(tail)} are needed for one of their errors to bound a share of {tail:.6g}",
            hint="calibrate on more labels, or ask for a lower target",
        )
    return place - 1


def check_prediction(centre: float, spread: float, now: float) -> None:
    """Refuse what no interval can be put around."""
    try:
        fit = math.isfinite(centre) and math.isfinite(spread) and spread > 0 and math.isfinite(now)
    except (TypeError, OverflowError):  # no numbers, or an int beyond all floats
        fit = False
    if not fit:
        raise PostDataError(
            f"centre {shown(centre)}, spread {shown(spread)}, time {shown(now)}: finite numbers are needed, and a "
            "spread of more than 0"
        )


def read_predictions(groups: Sequence[str], **values: ArrayLike) -> list[Vector]:
    """Return each of the values as one finite number for each group; "spreads" more than 0.

    Raises:
        PostDataError: they are not, the message names the first row that is not; or a group is no text.
    """
    if not _are_texts(groups):
        raise PostDataError(f"groups is {shown(groups)}; a list of texts is needed")
    arrays = []
    for name, given in values.items():
        try:
            array = np.asarray(given, dtype=np.float64)
            array = np.broadcast_to(array, (len(groups),))
        except (TypeError, ValueError, OverflowError) as error:
            raise PostDataError(f"{name}: one number for each of {len(groups)} posts is needed") from error
        bad = ~np.isfinite(array) if name != "spreads" else ~(np.isfinite(array) & (array > 0))
        if bad.any():
            row = int(np.argmax(bad))
            raise PostDataError(
                f"{name}[{row}] is {float(array[row])!r}; a finite number is needed, of spreads more than 0"
            )
        arrays.append(array)
    return arrays


def _are_texts(groups: object) -> bool:
    if not isinstance(groups, Collection) or isinstance(groups, str | bytes):
        return False
    return all(isinstance(group, str) for group in groups)


class SplitConformal:
    """Split conformal: centre plus and minus spread times one quantile of all absolute errors.

    `fit` calibrates; nothing is learned afterwards, so any number of threads may ask.
    """

    def __init__(self, target: float = 0.9) -> None:
        self.target = check_share("target", target, above=0.0, below=1.0)
        self.n = 0
        self._tails: dict[str, Tails] = {}
        self._pooled: Tails | None = None

    def fit(self, groups: Sequence[str], centres: ArrayLike, spreads: ArrayLike, outcomes: ArrayLike) -> Self:
        """Calibrate on labels whose predictions were made without them.

        Raises:
            NotFittedError: there are too few labels for the target.
            PostDataError: lengths differ, a number is not finite, or a spread not more than 0.
        """
        centre, spread, outcome = read_predictions(groups, centres=centres, spreads=spreads, outcomes=outcomes)
        with np.errstate(over="ignore"):
            errors = (outcome - centre) / spread
        if not np.isfinite(errors).all():
            raise PostDataError("an outcome is further from its centre than a float can say in units of its spread")
        self._tails = self._by_group(groups, errors)
        self._pooled, self.n = self._of_all(errors, spread), len(groups)
        return self

    def _of_all(self, errors: Vector, spread: Vector) -> Tails:  # noqa: ARG002 - quantiles need it
        return self._symmetric(errors)

    def _by_group(self, groups: Sequence[str], errors: Vector) -> dict[str, Tails]:  # noqa: ARG002 - here they share
        return {}

    def _symmetric(self, errors: Vector) -> Tails:
        sizes = np.sort(np.abs(errors))
        bound = float(sizes[rank(len(sizes), self.target)])
        return -bound, bound

    def around(self, group: str, centre: float, spread: float, now: float = 0.0) -> tuple[float, float]:
        """Return the interval of one prediction; see `Conformal`."""
        check_prediction(centre, spread, now)
        low, high = self._of(group)
        return centre + spread * low, centre + spread * high

    def around_many(
        self, groups: Sequence[str], centres: ArrayLike, spreads: ArrayLike, nows: ArrayLike = 0.0
    ) -> tuple[Vector, Vector]:
        """Return the bounds of many predictions; see `Conformal`."""
        centre, spread, _ = read_predictions(groups, centres=centres, spreads=spreads, nows=nows)
        low, high = tails_of(groups, self._of)
        return centre + spread * low, centre + spread * high

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return what was calibrated as plain JSON."""
        return {"target": self.target, "n": self.n, "pooled": self._pooled, "tails": self._tails}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return intervals like those that gave this state.

        Raises:
            ModelFileError: the state is not one that `state` returned.
        """
        with stateful(cls.__name__):
            model = cls(state["target"])
            model.n = int(state["n"])
            model._tails = {group: _two(tails) for group, tails in state["tails"].items()}
            model._pooled = None if state["pooled"] is None else _two(state["pooled"])
        return model

    def _of(self, group: str) -> Tails:
        if self._pooled is None:
            raise NotFittedError(f"{type(self).__name__} was not calibrated; call fit first")
        return self._tails.get(group, self._pooled)


class MondrianConformal(SplitConformal):
    """Mondrian conformal: as split, with a quantile for each group that has `least` labels or more.

    The target holds within each of those groups, not only over all; smaller and unseen ones share the quantile of all.

    Args:
        target: share of outcomes that are to lie within.
        least: labels of a group's own from which its own quantile is used; 100 is arbitrary.
    """

    def __init__(self, target: float = 0.9, *, least: int = 100) -> None:
        super().__init__(target)
        self._least = check_count("least", least)

    def _by_group(self, groups: Sequence[str], errors: Vector) -> dict[str, Tails]:
        rows: dict[str, list[int]] = {}
        for row, group in enumerate(groups):
            rows.setdefault(group, []).append(row)
        least = max(self._least, least_labels(self.target))
        return {group: self._symmetric(errors[mine]) for group, mine in rows.items() if len(mine) >= least}


class QuantileConformal(SplitConformal):
    """Conformalised quantile regression (CQR), a correction for each end.

    The model predicts two quantiles: `centre` is the middle between them and `spread` half their distance. Each end
    is moved by a quantile of how far outcomes lay beyond it, inwards where the model was too careful; so each end, not
    only both together, misses half of what the target leaves. Ends that would cross meet in their middle.
    """

    def _of_all(self, errors: Vector, spread: Vector) -> Tails:
        place = rank(len(errors), (1 + self.target) / 2)
        below = np.sort((-1 - errors) * spread)[place]
        above = np.sort((errors - 1) * spread)[place]
        return -float(below), float(above)

    def around(self, group: str, centre: float, spread: float, now: float = 0.0) -> tuple[float, float]:
        """Return the interval of one prediction; see `Conformal`."""
        check_prediction(centre, spread, now)
        below, above = self._of(group)
        low, high = centre - spread + below, centre + spread + above
        return (low, high) if low <= high else ((low + high) / 2, (low + high) / 2)

    def around_many(
        self, groups: Sequence[str], centres: ArrayLike, spreads: ArrayLike, nows: ArrayLike = 0.0
    ) -> tuple[Vector, Vector]:
        """Return the bounds of many predictions; see `Conformal`."""
        centre, spread, _ = read_predictions(groups, centres=centres, spreads=spreads, nows=nows)
        below, above = tails_of(groups, self._of)
        low, high = centre - spread + below, centre + spread + above
        middle = (low + high) / 2
        return np.where(low <= high, low, middle), np.where(low <= high, high, middle)


def _two(tails: Sequence[float]) -> Tails:
    low, high = map(float, tails)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("a tail is not finite")
    return low, high


@contextmanager
def stateful(name: str) -> Iterator[None]:
    """Turn what a malformed state raises into a `ModelFileError`."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise ModelFileError(f"the state is not one that {name}.state returned") from error


def tails_of(groups: Sequence[str], tails: Callable[[str], tuple[float, float]]) -> tuple[Vector, Vector]:
    """Return the two tails of each row's group, each distinct group asked once."""
    places: dict[str, int] = {}
    place = np.array([places.setdefault(group, len(places)) for group in groups], dtype=np.int64)
    found = np.array([tails(group) for group in places], dtype=np.float64).reshape(-1, 2)[place]
    return found[:, 0], found[:, 1]
