"""Adaptive conformal inference for labels that come late."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Self

from numpy.typing import ArrayLike

from postopt._checks import check_count, check_positive, check_share
from postopt.engagement.conformal import Vector, check_prediction, least_labels, read_predictions, stateful, tails_of
from postopt.engagement.covering.issued import Issued
from postopt.engagement.covering.rolling import Errors, error_of

# A tail is never asked to miss more than twice, or less than an eighth, of its share: further, a quantile of a few
# thousand errors is one of their extremes. Arbitrary.
_MOST, _LEAST = 2.0, 0.125

# The largest step for one label, which is that of the literature where no label is late.
_STEP = 0.01


class Level:
    """The share of errors that one tail should leave out, steered so that it leaves out `share` of them in the end.

    Adaptive conformal inference (I. Gibbs and E. Candes, NeurIPS 2021) moves the level by `gamma` times what the last
    label was off. With labels that come late, all that are in flight were issued at an old level, each of them moves
    it again, and it swings between its ends. So `gamma` is divided by the labels in flight: in the time that one label
    takes, the level moves by `gamma` times the mean error, however many labels that are. A delayed integrator is stable
    if gain times delay is less than pi / 2; the gain here is `gamma` times how much the misses change with the level,
    which is 1 if the errors are as before.
    """

    __slots__ = ("gamma", "miss", "share")

    def __init__(self, share: float, gamma: float) -> None:
        self.share = self.miss = share
        self.gamma = gamma

    def learn(self, *, missed: bool, in_flight: int) -> None:
        """Take one label: whether it lay beyond the tail that was issued, and how many labels came since then."""
        step = min(self.gamma / max(in_flight, 1), _STEP)
        miss = self.miss + step * (self.share - missed)
        self.miss = min(max(miss, _LEAST * self.share), _MOST * self.share)


class _Group:
    __slots__ = ("above", "below", "issued")

    def __init__(self, share: float, gamma: float, window: int) -> None:
        self.below, self.above = Level(share, gamma), Level(share, gamma)
        self.issued = Issued(window)


class AdaptiveConformal:
    """Conformal intervals from the latest errors of all groups, with two levels for each group (`Level`).

    Args:
        target: share of outcomes that are to lie within.
        gamma: how far a level moves while one label is on its way, as a share of the mean error; .3 is well below the
            limit of stability, 1.57.
        window: errors kept, of all groups together.
        groups: groups kept; that of the oldest label is forgotten first, and starts anew.
        memory: of each group, how many of its latest tails are kept, for late labels.

    Thread-safe: calls wait for each other. The state lives in one process.
    """

    def __init__(
        self, target: float = 0.9, *, gamma: float = 0.3, window: int = 3000, groups: int = 5000, memory: int = 300
    ) -> None:
        self.target = check_share("target", target, above=0.0, below=1.0)
        self._share = (1 - self.target) / 2
        self._gamma = check_positive("gamma", gamma, "steps while one label is on its way")
        self._window = check_count("window", window, least=least_labels(1 - self._share))
        self._errors = Errors(self._window)
        self._most = check_count("groups", groups)
        self._memory = check_count("memory", memory)
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._lock = threading.Lock()
        self.n = 0

    def learn(self, group: str, centre: float, spread: float, outcome: float, published: float, at: float) -> None:
        """Learn from one label; see `LearningConformal`."""
        error = error_of(centre, spread, outcome, published, at)
        with self._lock:
            self._errors.add(error)
            self.n += 1
            if len(self._errors) < least_labels(1 - self._share):
                return
            mine = self._groups.setdefault(group, _Group(self._share, self._gamma, self._memory))
            self._groups.move_to_end(group)
            if len(self._groups) > self._most:
                self._groups.popitem(last=False)
            low, high = mine.issued.at(published) or self._pooled()
            in_flight = mine.issued.after(published)
            mine.below.learn(missed=error < low, in_flight=in_flight)
            mine.above.learn(missed=error > high, in_flight=in_flight)
            mine.issued.note(at, *self._tails(group))

    def around(self, group: str, centre: float, spread: float, now: float = 0.0) -> tuple[float, float]:
        """Return the interval of one prediction; see `Conformal`."""
        check_prediction(centre, spread, now)
        with self._lock:
            low, high = self._tails(group)
        return centre + spread * low, centre + spread * high

    def around_many(
        self, groups: Sequence[str], centres: ArrayLike, spreads: ArrayLike, nows: ArrayLike = 0.0
    ) -> tuple[Vector, Vector]:
        """Return the bounds of many predictions; see `Conformal`."""
        centre, spread, _ = read_predictions(groups, centres=centres, spreads=spreads, nows=nows)
        with self._lock:
            low, high = tails_of(groups, self._tails)
        return centre + spread * low, centre + spread * high

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return all that was learned as plain JSON."""
        with self._lock:
            return {
                "target": self.target, "gamma": self._gamma, "window": self._window, "groups": self._most,
                "memory": self._memory, "n": self.n, "errors": self._errors.arrived(),
                "learned": [
                    [name, mine.below.miss, mine.above.miss, mine.issued.rows()] for name, mine in self._groups.items()
                ],
            }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return intervals that go on where those stood that gave this state.

        Raises:
            ModelFileError: the state is not one that `state` returned.
        """
        settings = ("target", "gamma", "window", "groups", "memory")
        with stateful(cls.__name__):
            model = cls(**{name: state[name] for name in settings})
            model.n = int(state["n"])
            model._errors = Errors.restored(model._window, state["errors"])
            for name, below, above, issued in state["learned"]:
                mine = model._groups[name] = _Group(model._share, model._gamma, model._memory)
                mine.below.miss, mine.above.miss = float(below), float(above)
                mine.issued = Issued.from_rows(model._memory, issued)
        return model

    def _pooled(self) -> tuple[float, float]:
        return self._errors.tails(self._share, self._share)

    def _tails(self, group: str) -> tuple[float, float]:
        mine = self._groups.get(group)
        if mine is None:
            return self._pooled()
        # No quantile of n errors leaves out less than one of n + 1.
        least = 1 / (len(self._errors) + 1)
        return self._errors.tails(max(mine.below.miss, least), max(mine.above.miss, least))
