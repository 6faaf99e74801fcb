"""All that a predictor has learned, what it says of a post, and how it learns on; without clocks, locks and files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from postopt.engagement.baseline import DAY, ENOUGH
from postopt.engagement.covering.intervals import Intervals
from postopt.engagement.expecting import reasons
from postopt.engagement.expecting.chances import Chances
from postopt.engagement.expecting.expectation import Expectation, Experts
from postopt.engagement.expecting.explained import Explained
from postopt.engagement.ngrams import Indices, Vector
from postopt.engagement.posts import Columns, Id, Row
from postopt.judgement import Prediction
from postopt.quality.features import FeatureBatch

# Ids of posts whose outcome was told, kept so that none counts twice; arbitrary.
MOST_TOLD: Final = 200_000

# Silence that is worth saying, in seconds: labels that are a day late leave no such gap. Arbitrary.
_SILENCE = 3 * DAY

# Further than that from all posts that were learned from, times say nothing; arbitrary.
_FURTHEST = 366 * DAY


# By how much one outcome moves the log-odds of the next, and how far they move at most. The first fitted on open posts:
# a quarter and four times of it do less well (docs/design/0028-predictor.md); the other is arbitrary.
_STEP = 0.002
_MOST_SHIFT = 1.0


# An interval is wider by this much on each side, in log1p units: a bound that is an outcome must not miss it by
# rounding.
_ROUNDING = 1e-9


class Figures(NamedTuple):
    """What is predicted of many posts, a column each, in the outcome's own unit; see `Prediction`."""

    median: Vector
    low: Vector
    high: Vector
    p_above_baseline: Vector
    baseline: Vector
    n: Indices


@dataclass(slots=True)
class Range:
    """Which posts were learned from.

    Attributes:
        languages: theirs, but for rare ones.
        longest: most characters of one, its title counted.
        first: when the first was published.
        newest: when the last was.
    """

    languages: set[str]
    longest: int
    first: float
    newest: float

    def holds(self, language: str, length: int, now: float) -> bool:
        """Return whether a post in a language, of a length in characters and published `now`, is like those."""
        near = self.first - _FURTHEST <= now <= self.newest + _FURTHEST
        return near and length <= self.longest and language in self.languages


@dataclass(slots=True)
class Learned:
    """All that was learned from posts.

    Attributes:
        experts: words, pages and what weighs them.
        intervals: how far off expectations are.
        chances: how probable it is to lie above a level, by the distance in spreads.
        range: which posts that was learned from.
        told: ids, as numbers, of posts whose outcome was told, and whether it had matured; the oldest are forgotten.
        arrived: when the newest label came, in seconds since the epoch.
        stale: how much larger errors are when a post is published than when its label comes: what is learned in between
            is of other posts, often about the same.
        shift: by how much the log-odds of lying above the level have drifted since the chances were counted.
        recent: the share of the latest outcomes within their intervals.
    """

    experts: Experts
    intervals: Intervals
    chances: Chances
    range: Range
    told: dict[int, bool] = field(default_factory=dict)
    arrived: float = -math.inf
    stale: float = 1.0
    shift: float = 0.0
    recent: float = field(init=False)

    def __post_init__(self) -> None:
        self.recent = self.intervals.coverage_recent

    @property
    def maturity(self) -> float:
        """Age in seconds from which on a label counts."""
        return self.experts.baseline.maturity

    def predict(self, row: Row, now: float) -> Prediction:
        """Return what is predicted of a post that is published `now`."""
        expected = self.experts.expect(row, known=now)
        centre, standing = expected.centre, expected.standing
        low, high = self.intervals.around(row.page, centre, expected.spread, now)
        return Explained(
            median=math.expm1(centre), low=math.expm1(max(min(low, centre) - _ROUNDING, 0.0)),
            high=math.expm1(max(high, centre) + _ROUNDING),
            p_above_baseline=self._chance(expected),
            baseline=standing.baseline, coverage_target=self.intervals.target,
            coverage_recent=self.recent, basis=self.basis(standing.n, row.language, row.type, now),
            in_range=self.range.holds(row.language, len(row.text) + len(row.title), now),
            # A function stands for what it returns: see `Explained`.
            reasons=partial(reasons.of, row, expected, self.experts.newcomers),  # type: ignore[arg-type]
        )  # fmt: skip

    def figures(self, columns: Columns, nows: Vector, texts: FeatureBatch | None = None) -> Figures:
        """Return what is predicted of many posts, as `predict` says it of each; `texts` if they were read already."""
        expected = self.experts.expect_many(columns, nows, texts)
        centre = expected.centre
        low, high = self.intervals.around_many(columns.pages, centre, expected.spread, nows)
        chances = self.chances.many((centre - expected.level) / expected.spread)
        odds = chances / (1 - chances) * math.exp(self.shift)
        low, high = np.minimum(low, centre) - _ROUNDING, np.maximum(high, centre) + _ROUNDING
        bounds = (np.expm1(np.maximum(low, 0.0)), np.expm1(high))
        return Figures(np.expm1(centre), *bounds, odds / (1 + odds), expected.baseline, expected.n)

    def predictions(self, columns: Columns, nows: Vector, texts: FeatureBatch | None = None) -> list[Prediction]:
        """Return what is predicted of many posts, as `predict` says it of each, but without reasons."""
        figures = self.figures(columns, nows, texts)
        target = self.intervals.target
        rows = zip(
            *(column.tolist() for column in figures), columns.languages, columns.types, columns.texts, columns.titles,
            nows.tolist(), strict=True,
        )  # fmt: skip
        return [
            Prediction(
                median=median, low=low, high=high, p_above_baseline=p, baseline=baseline, coverage_target=target,
                coverage_recent=self.recent, basis=self.basis(n, language, kind, now),
                in_range=self.range.holds(language, len(text) + len(title), now),
            )
            for median, low, high, p, baseline, n, language, kind, text, title, now in rows
        ]  # fmt: skip

    def _chance(self, expected: Expectation) -> float:
        """Return the probability that an outcome lies above its page's level."""
        chance = self.chances.one((expected.centre - expected.standing.level) / expected.spread)
        odds = chance / (1 - chance) * math.exp(self.shift)
        return odds / (1 + odds)

    def basis(self, n: int, language: str, kind: str, now: float) -> str:
        """Return in words what a prediction rests on for a page with `n` known posts."""
        if n >= ENOUGH:
            text = f"the page's last {n} posts"
        else:
            stand_in = self.experts.baseline.of_kind(language, kind)[1]
            own = f"{n} post{'s' * (n > 1)} of the page" if n else "no post of the page is known"
            text = f"{own}; {stand_in} instead"
        silence = now - self.arrived
        return text if silence < _SILENCE else f"{text}; the last label came {silence / DAY:.0f} days before"

    def learn(self, row: Row, outcome: float, at: float) -> None:
        """Learn from a label that arrived `at`: see `EngagementPredictor.learn`."""
        experts, key, log = self.experts, key_of(row.id, row.page, row.published), math.log1p(outcome)
        expected = experts.expect(row, known=at)
        above = log - experts.words.usual
        again, counted = key in self.told, self.told.get(key, False)
        matured = at >= row.published + self.maturity
        if matured and not counted:
            spread = expected.spread / self.stale
            self.intervals.learn(row.page, expected.centre, spread, log, row.published, at)
            self.recent = self.intervals.coverage_recent
            drift = self.shift + _STEP * ((log > expected.standing.level) - self._chance(expected))
            self.shift = min(max(drift, -_MOST_SHIFT), _MOST_SHIFT)
            experts.words.learn(expected.reading, above)
        experts.baseline.learn(
            row.page, outcome, published=row.published, at=at, id=key, language=row.language, type=row.type,
            again=again,
        )  # fmt: skip
        self.told[key] = counted or matured
        if len(self.told) > MOST_TOLD:
            del self.told[next(iter(self.told))]
        self.arrived = max(self.arrived, at)
        self.range.newest = max(self.range.newest, row.published)


def key_of(name: Id, page: str, published: float) -> int:
    """Return a stable 64-bit hash of which post it is."""
    text = f"{type(name).__name__} {name} {page} {published}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
