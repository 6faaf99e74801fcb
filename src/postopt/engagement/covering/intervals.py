"""The intervals of the predictor: they keep their coverage while pages differ, posts drift and labels come late."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from postopt._checks import check_count, check_share
from postopt.engagement.conformal import Vector, check_prediction, least_labels, read_predictions, stateful, tails_of
from postopt.engagement.covering.adaptive import Level
from postopt.engagement.covering.issued import Issued
from postopt.engagement.covering.rolling import Errors, error_of
from postopt.errors import NotFittedError
from postopt.resilience.locks import new_lock

# Chosen on open posts (119 public pages, 2016-04-16 to 2016-05-09); docs/design/0029-conformal.md has what else was
# tried. Half or twice of each changes the mean width by less than 1 %.
_POOL_WEIGHT = 150.0  # labels of its own that weigh as much in a page's tails as all other pages do
_SCALE_WEIGHT = 30.0  # the same for its scale
_GAMMA = 0.2  # see `Level`

# Posts of a few hours move together, and the labels that would show it are a day late: intervals that aim at the target
# itself were seen to miss it by up to .7 points. So they aim at .03 fewer of the misses that are allowed; chosen on
# the same posts.
_AIM = 0.97

_BLOCK = 50  # labels that enter the pool together; arbitrary: what is kept for a page holds until the next
_USUAL = 1000  # labels over which the usual error of all pages is taken
_EARLY = 10 * _BLOCK  # a pool of less takes each label at once, and has no use for a level; arbitrary
_LARGEST = 4.0  # usual errors that one error counts for in a scale at most; arbitrary
_RECENT = 1000  # labels over which the recent coverage is taken; arbitrary

_DAY = 86_400.0
_SILENCE = 2 * _DAY  # without any label before intervals widen; arbitrary: labels that take a day leave such gaps
_DAILY = 0.01  # by which the variance grows for each day of silence, ...
_WIDEST = 366 * _DAY  # ... for so long: as wide as if nothing were known of the post, and a little more; see below


class _Page:
    __slots__ = ("cached", "errors", "issued", "sum", "weight")

    def __init__(self, window: int) -> None:
        self.errors = Errors(window)
        self.issued = Issued(window)
        self.sum = self.weight = 0.0
        self.cached: tuple[int, float, float] | None = None


class Intervals:
    """Conformal intervals that are a page's own as far as its labels go, and everybody's beyond.

    The idea, in the order in which it is computed:

    1. Scale. Errors are divided by how large those of their page usually are: a decayed mean of absolute errors, in
       which the mean over the latest thousand labels of all pages weighs as much as 30 labels. A page without labels
       has that mean.
    2. Tails. The errors so divided are kept: the latest `pool` of all pages and the latest `window` of each. A page's
       tail is the quantile of both samples together, where all of the pool weighs as much as 150 labels of the page's
       own. Without own labels that is the conformal quantile ceil((n + 1)(1 - a)) of the pool; each end has its own,
       because errors of log counts are skewed.
    3. Level. Which quantile: `Level`, one for each end, moves it so that the intervals that were *given out* miss
       what they should in the long run, with labels as late as they are. They aim at 3 % fewer misses than the target
       allows.
    4. Silence. Without labels nobody sees a drift. If none has come for two days, the variance grows by 1 % for each
       further day, for a year: after four weeks of silence intervals are an eighth wider, after a year 2.2 times as
       wide, and no wider ever after. By then they are wider than if nothing were known of a post: where predictions
       explain 70 % of the variance, as on open posts, the spread of all outcomes is 1.8 times that of errors.

    Laws:
        - `around` depends on what was learned, in its order, and on nothing else: it may be asked any number of times.
        - `around_many` gives the numbers of `around`, `fit` leaves what `learn` in order of arrival leaves.
        - Memory: `pool` errors and, for `pages` pages at most, `window` times 64 bytes. The page whose last label is
          the oldest is forgotten first, and starts anew.

    Thread-safe: calls wait for each other. The state lives in one process; one that is forked has a copy, whole.

    Args:
        target: share of outcomes that are to lie within.
        window: errors of one page that are kept.
        pool: errors of all pages that are kept.
        pages: pages that are kept.
    """

    def __init__(self, target: float = 0.9, *, window: int = 300, pool: int = 5000, pages: int = 5000) -> None:
        self.target = check_share("target", target, above=0.0, below=1.0)
        share = (1 - self.target) / 2
        self._least = least_labels(1 - share)
        self._window = check_count("window", window)
        self._size = check_count("pool", pool, least=self._least)
        self._most = check_count("pages", pages)
        self._below, self._above = Level(_AIM * share, _GAMMA), Level(_AIM * share, _GAMMA)
        self._pool = Errors(self._size)
        self._waiting: list[tuple[float, bool, bool, int]] = []
        self._blocks = 0
        self._sum = self._weight = 0.0
        self._usual = 1.0
        self._pages: OrderedDict[str, _Page] = OrderedDict()
        self._unknown = _Page(1)
        self._arrivals = Issued(self._size)
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        self._inside = 0
        self._newest = -math.inf
        self._lock = new_lock()
        self.n = 0

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Intervals], tuple[dict[str, Any]]]:  # Any: plain JSON
        """Give what was learned to other processes, without the lock."""
        return type(self).from_state, (self.state(),)

    @property
    def coverage_recent(self) -> float:
        """The share of the latest 1,000 labels that lay within what was given out for them; NaN before the first."""
        return self._inside / len(self._recent) if self._recent else math.nan

    @property
    def coverage_n(self) -> int:
        """How many labels `coverage_recent` is taken over."""
        return len(self._recent)

    def learn(self, page: str, centre: float, spread: float, outcome: float, published: float, at: float) -> None:
        """Learn from one label; see `LearningConformal`."""
        error = error_of(centre, spread, outcome, published, at)
        with self._lock:
            self._learn(page, error, published, at)

    def fit(
        self,
        pages: Sequence[str],
        centres: ArrayLike,
        spreads: ArrayLike,
        outcomes: ArrayLike,
        published: ArrayLike,
        at: ArrayLike,
    ) -> Self:
        """Learn from many labels, in order of arrival; labels that came at once in the order given."""
        columns = read_predictions(
            pages, centres=centres, spreads=spreads, outcomes=outcomes, published=published, at=at
        )
        order = np.argsort(columns[-1], kind="stable").tolist()
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        errors = [error_of(*row) for row in rows]
        with self._lock:
            for row in order:
                self._learn(pages[row], errors[row], *rows[row][3:])
        return self

    def around(self, page: str, centre: float, spread: float, now: float) -> tuple[float, float]:
        """Return the interval of one prediction that is asked for at `now`; see `Conformal`."""
        check_prediction(centre, spread, now)
        with self._lock:
            low, high = self._asked(page)
            spread *= self._widened(now)
        return centre + spread * low, centre + spread * high

    def around_many(
        self, pages: Sequence[str], centres: ArrayLike, spreads: ArrayLike, nows: ArrayLike
    ) -> tuple[Vector, Vector]:
        """Return the bounds of many predictions; see `Conformal`."""
        centre, spread, now = read_predictions(pages, centres=centres, spreads=spreads, nows=nows)
        with self._lock:
            low, high = tails_of(pages, self._asked)
            silence = np.clip(now - self._newest - _SILENCE, 0.0, _WIDEST)
        spread = spread * np.sqrt(1 + _DAILY * silence / _DAY)
        return centre + spread * low, centre + spread * high

    def _asked(self, page: str) -> tuple[float, float]:
        if len(self._pool) < self._least:
            raise NotFittedError(
                f"{len(self._pool)} labels were learned; {self._least} are needed for intervals that hold "
                f"{self.target:.6g} of what comes",
                hint="learn from more labels first, or ask for a lower target",
            )
        return self._tails(self._pages.get(page, self._unknown))

    def _widened(self, now: float) -> float:
        return math.sqrt(1 + _DAILY * min(max(now - self._newest - _SILENCE, 0.0), _WIDEST) / _DAY)

    def _learn(self, page: str, error: float, published: float, at: float) -> None:
        mine = self._pages.get(page) or self._new(page)
        self._pages.move_to_end(page)
        below = above = False
        if len(self._pool) >= self._least:
            low, high = mine.issued.at(published) or self._tails(self._unknown)
            below, above = error < low, error > high
            self._judge(inside=not (below or above))
        score = error / self._scale(mine)
        self._waiting.append((score, below, above, self._arrivals.after(published)))
        self._arrivals.note(at, 0.0, 0.0)
        self.n += 1
        self._newest = max(self._newest, at)
        mine.errors.add(score)
        self._measure(mine, abs(error))
        if len(self._waiting) == _BLOCK or len(self._pool) < max(_EARLY, self._least):
            self._enter()
        if len(self._pool) >= self._least:
            mine.issued.note(at, *self._tails(mine))

    def _judge(self, *, inside: bool) -> None:
        if len(self._recent) == _RECENT:
            self._inside -= self._recent[0]
        self._recent.append(inside)
        self._inside += inside

    def _new(self, page: str) -> _Page:
        mine = self._pages[page] = _Page(self._window)
        if len(self._pages) > self._most:
            self._pages.popitem(last=False)
        return mine

    def _measure(self, mine: _Page, size: float) -> None:
        if self._sum > 0:
            size = min(size, _LARGEST * self._sum / self._weight)
        keep = 1 - 1 / self._window
        mine.weight, mine.sum = keep * mine.weight + 1, keep * mine.sum + size
        keep = 1 - 1 / _USUAL
        self._weight, self._sum = keep * self._weight + 1, keep * self._sum + size
        mine.cached = None

    def _enter(self) -> None:
        steered = len(self._pool) >= _EARLY
        for score, below, above, in_flight in self._waiting:
            self._pool.add(score)
            if steered:
                self._below.learn(missed=below, in_flight=in_flight)
                self._above.learn(missed=above, in_flight=in_flight)
        self._waiting.clear()
        self._usual = self._sum / self._weight if self._sum > 0 else 1.0
        self._blocks += 1

    def _scale(self, page: _Page) -> float:
        return (page.sum + _SCALE_WEIGHT * self._usual) / (page.weight + _SCALE_WEIGHT)

    def _tails(self, page: _Page) -> tuple[float, float]:
        if page.cached is not None and page.cached[0] == self._blocks:
            return page.cached[1:]
        pool, own, m, n = self._pool.ordered, page.errors.ordered, len(self._pool), len(page.errors)
        each = _POOL_WEIGHT / (m + 1)
        need = (1 - self._below.miss) * (_POOL_WEIGHT + n) - 1e-9
        below = bisect_left(range(m - 1), need, key=lambda i: each * (i + 1) + n - bisect_left(own, pool[m - 1 - i]))
        need = (1 - self._above.miss) * (_POOL_WEIGHT + n) - 1e-9
        above = bisect_left(range(m - 1), need, key=lambda i: each * (i + 1) + bisect_right(own, pool[i]))
        scale = self._scale(page)
        low, high = scale * pool[m - 1 - below], scale * pool[above]
        page.cached = (self._blocks, low, high)
        return low, high

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return all that was learned as plain JSON."""
        with self._lock:
            return {
                "target": self.target, "window": self._window, "pool": self._size, "pages": self._most,
                "n": self.n, "levels": [self._below.miss, self._above.miss],
                "scale": [self._sum, self._weight, self._usual],
                "newest": self._newest if self.n else None, "recent": [int(inside) for inside in self._recent],
                "arrivals": self._arrivals.rows()[0], "errors": self._pool.arrived(),
                "waiting": [list(row) for row in self._waiting],
                "learned": [
                    [page, mine.sum, mine.weight, mine.errors.arrived(), mine.issued.rows()]
                    for page, mine in self._pages.items()
                ],
            }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return intervals that go on exactly where those stood that gave this state.

        Raises:
            ModelFileError: the state is not one that `state` returned.
        """
        with stateful(cls.__name__):
            new = cls(state["target"], window=state["window"], pool=state["pool"], pages=state["pages"])
            new._restore(state)
        return new

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.n = int(state["n"])
        self._below.miss, self._above.miss = map(float, state["levels"])
        self._sum, self._weight, self._usual = map(float, state["scale"])
        self._newest = float(state["newest"]) if self.n else -math.inf
        if self.n and not math.isfinite(self._newest):
            raise ValueError("the time of the newest label is not finite")
        for inside in state["recent"]:
            self._judge(inside=bool(inside))
        for at in state["arrivals"]:
            self._arrivals.note(at, 0.0, 0.0)
        self._pool = Errors.restored(self._size, state["errors"])
        self._waiting = [
            (float(score), bool(below), bool(above), int(n)) for score, below, above, n in state["waiting"]
        ]
        for page, total, weight, errors, issued in state["learned"]:
            mine = self._pages[page] = _Page(self._window)
            mine.sum, mine.weight, mine.errors = float(total), float(weight), Errors.restored(self._window, errors)
            mine.issued = Issued.from_rows(self._window, issued)
