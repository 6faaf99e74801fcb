"""How many reactions, comments and shares a post may get, how sure that is, and whether that is more than usual."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from postopt._checks import check_amount, check_callable, check_count, check_name, check_share
from postopt.clock import Clock
from postopt.engagement.baseline import DAY, PageBaseline
from postopt.engagement.covering.intervals import Intervals
from postopt.engagement.evaluation import Evaluation
from postopt.engagement.expecting import fitting, replay
from postopt.engagement.expecting.expectation import Experts
from postopt.engagement.expecting.learned import Figures, Learned
from postopt.engagement.expecting.modelfile import ModelFile, read_model, write_model
from postopt.engagement.expecting.reading import Reader
from postopt.engagement.expecting.saving import KIND, VERSIONS, model_of, restored
from postopt.engagement.expecting.words import WordModel
from postopt.engagement.ngrams import Vector
from postopt.engagement.posts import (
    ENGAGEMENT,
    AnyPost,
    Columns,
    listed,
    read_count,
    read_post,
    read_posts,
    read_stamp,
)
from postopt.errors import ModelFileError, NotFittedError, PostDataError, shown
from postopt.judgement import Prediction
from postopt.quality.features import FeatureBatch, FeatureSet
from postopt.resilience.locks import new_lock

# Clocks of different machines differ; arbitrary.
_AHEAD = DAY


class EngagementPredictor:
    """Predicts what becomes of a post from its words, its page, its type and when it is published.

    Three things are learned. What words and circumstances say (`WordModel`), the page being one of them: a linear
    regression on hashed words and pairs, on any page and on this one, that learns post by post. What the page's posts
    usually get (`PageBaseline`, `PageHistory`): the last 50 whose labels have matured. And how far off the first
    usually is (`Intervals`), with labels a day late. All is learned from logarithms, log1p of the outcome; figures are
    in the outcome's own unit.

    "Above the baseline" means: an outcome larger than the median of the page's last 50 posts whose labels have matured;
    of fewer than ten, it is shrunk to posts of the same language and type, and `basis` says so.

    Laws:
        - The same posts with the same seed give the same predictor, byte for byte, in whatever order they come.
        - No prediction rests on a label that was not known when its post is published, but for the weights of words:
          those are as they were last learned.
        - `predict` and `predict_many` differ by rounding only (less than 1e-5 in log1p units), and change nothing.
        - What a prediction's `reasons` say is what moved it when it was made, whenever they are asked for.
        - A post's outcome counts once: a second one replaces what the page's median rests on, and teaches nothing else.
          The ids of the last 200,000 posts are remembered; a post is the same if id, page and time are.
        - A label that comes before its post is `maturity` old is provisional: it replaces nothing but an earlier one,
          counts in the page's median once the post is that old, and teaches nothing else.
        - Memory: about 80 MB, and two windows of labels for each of at most `pages` pages, besides those too young to
          count; the page that learned least recently is forgotten.

    Threads: any number may predict while others learn; learning, saving and evaluating wait for each other. A process
    that is forked has a copy of its own, whole, whatever other threads were doing.

    Args:
        target: "engagement" learns from the key `outcome` of each post, any other name from the key of that name.
        seed: of the choice of posts that are also learned from as if their page were new; what is expected
            on pages with ten labels or more is the same with any, and their intervals nearly.
        coverage: share of outcomes that are to lie within their intervals.
        maturity: age in seconds from which on a post's label counts; what `fit` is given is taken to be as late.
        window: posts that a page's median is taken over.
        pages: pages that are remembered.
        features: reads the words of many posts; with a compiled scan (see `FeatureSet.race`) `predict_many` is sooner,
            and no figure changes.
        clock: what time it is, in seconds since the epoch: for posts without a time, and to refuse labels that cannot
            be known yet.

    Raises:
        ValueError: an argument is not allowed.
    """

    def __init__(
        self,
        target: str = ENGAGEMENT,
        seed: int = 0,
        *,
        coverage: float = 0.9,
        maturity: float = DAY,
        window: int = 50,
        pages: int = 10_000,
        features: FeatureSet | None = None,
        clock: Clock = time.time,
    ) -> None:
        self.target = check_name("target", target)
        self.seed = check_count("seed", seed, least=0)
        self.coverage = check_share("coverage", coverage, above=0.0, below=1.0)
        self.maturity = check_amount("maturity", maturity, "seconds")
        self.window = check_count("window", window)
        self.pages = check_count("pages", pages)
        self.features = FeatureSet() if features is None else features
        check_callable("clock", clock, "returns seconds since the epoch")
        self._clock = clock
        self._lock = new_lock(outer=True)
        self._state: Learned | None = None

    def fit(self, posts: Iterable[AnyPost]) -> Self:
        """Learn from past posts, and forget what was learned before.

        They are put in order of time. Each is first predicted as it would have been when it was published, with labels
        `maturity` late; from the last quarter of those predictions comes how far off they are. Where the posts span so
        little time that no label would have come by then, labels are taken to be as late as the posts allow: such
        intervals are too narrow for posts whose last labels are older.

        Args:
            posts: with their outcomes; of a post that is there twice the last counts.

        Raises:
            PostDataError: a post cannot be read, or is from the future.
            NotFittedError: there are fewer than 80 posts.
        """
        columns, keys, _ = replay.in_order(read_posts(posts, target=self.target))
        if len(columns) < fitting.LEAST_POSTS:
            raise NotFittedError(
                f"{len(columns)} different posts with an outcome are there; {fitting.LEAST_POSTS} are needed",
                hint="collect more posts, of any page, before fitting",
            )
        self._check_past(columns)
        baseline = PageBaseline(window=self.window, maturity=self.maturity, pages=self.pages)
        experts = Experts(baseline, WordModel(), Reader(self.features))
        learned = fitting.fit(columns, keys, self.seed, experts, Intervals(self.coverage))
        with self._lock:
            self._state = learned
        return self

    def learn(self, post: AnyPost, outcome: float, at: datetime) -> None:
        """Learn from what became of a post; labels may come late, in any order, and more than once.

        Args:
            post: with an id and a time.
            outcome: zero or more.
            at: when that was counted.

        Raises:
            PostDataError: the post cannot be read, the outcome cannot be, or `at` is before the post or in the future.
            NotFittedError: nothing was fitted yet.
        """
        row = read_post(post)
        label = read_count(outcome, "outcome")
        arrived = read_stamp(at, "at").timestamp()
        if row.id is None or not row.published > -np.inf:
            raise PostDataError("the post has no id or no time; both are needed to learn from it")
        if arrived < row.published:
            raise PostDataError(f"at is {shown(at)}, before the post was published")
        if arrived > self._clock() + _AHEAD:
            raise PostDataError(f"at is {shown(at)}, which is in the future")
        with self._lock:
            self._learned().learn(row, label, arrived)

    def predict(self, post: AnyPost) -> Prediction:
        """Return what is predicted of a post; without a time, as if it were published now.

        Raises:
            PostDataError: the post cannot be read.
            NotFittedError: nothing was fitted yet.
        """
        row = read_post(post)
        now = row.published if row.published == row.published else self._clock()
        return self._learned().predict(row, now)

    def predict_many(self, posts: Iterable[AnyPost] | Columns, texts: FeatureBatch | None = None) -> list[Prediction]:
        """Return what is predicted of each post, in their order, without reasons: they would take most of the time.

        Args:
            posts: to predict, or what `read_posts` made of them.
            texts: what `FeatureSet().many` read of their texts, if that was done already.

        Raises:
            PostDataError: a post cannot be read; the message names its row.
            NotFittedError: nothing was fitted yet.
        """
        columns = posts if isinstance(posts, Columns) else read_posts(posts)
        return self._learned().predictions(columns, self._nows(columns), _read(columns, texts))

    def predict_columns(self, columns: Columns, texts: FeatureBatch | None = None) -> Figures:
        """Return the figures of many posts as arrays, a row for each; `texts` as for `predict_many`.

        Raises:
            NotFittedError: nothing was fitted yet.
            ValueError: `columns` are none, or `texts` were not read of as many.
        """
        if not isinstance(columns, Columns):
            raise ValueError(f"columns is {shown(columns)}; the Columns that read_posts gives are needed")  # noqa: TRY004 - as all others
        return self._learned().figures(columns, self._nows(columns), _read(columns, texts))

    def evaluate(self, posts: Iterable[AnyPost], baselines: replay.Baselines = ()) -> Evaluation:
        """Return how good predictions are on posts that were not learned from; the predictor stays as it is.

        On a copy: the posts come in order of time, each is predicted before its label is learned, and its label comes
        `maturity` later.

        Args:
            posts: with their outcomes; of a post that is there twice the last counts.
            baselines: what to compare with besides the page's recent median ("page_median" or "median"), which always
                is: "usual", the median of the posts that were learned from first, "kind", the mean logarithm of posts
                of the same language and type, or functions of your own, from a post as it was given to what may become
                of it. A mapping gives such functions names; they stand in the sentence: better than ...

        Raises:
            PostDataError: a post cannot be read, is from the future or was learned from, there are none, or a function
                gives what is no count.
            NotFittedError: nothing was fitted yet.
            ValueError: there is no such baseline, or two of one name.
        """
        chosen = replay.chosen(baselines)
        given = listed(posts)
        columns, keys, places = replay.in_order(read_posts(given, target=self.target))
        self._check_past(columns)
        with self._lock:
            model = model_of(self._learned())
        copied = restored(model, self.features)
        return replay.evaluated(copied, columns, keys, [given[place] for place in places], chosen)

    def save(self, path: str | Path) -> None:
        """Write all that was learned to a folder, whole or not at all; see `write_model`.

        Raises:
            NotFittedError: nothing was fitted yet.
            ModelFileError: the folder holds something that is no model.
            OSError: it cannot be written; what was there before stays.
        """
        with self._lock:
            model = model_of(self._learned())
        write_model(path, KIND, VERSIONS, model._replace(state={"settings": self._settings(), "learned": model.state}))

    @classmethod
    def load(cls, path: str | Path, *, features: FeatureSet | None = None, clock: Clock = time.time) -> Self:
        """Return the predictor that was saved to a folder; `features` and `clock` are not saved.

        Raises:
            ModelFileError: there is none, it is truncated, damaged or of another kind, or it was written by an older
                version, or with older features: then it is to be fitted anew.
            NewerModelError: it was written by a newer version, or with newer features.
        """
        model = read_model(path, KIND, VERSIONS)
        try:
            predictor = cls(**model.state["settings"], features=features, clock=clock)
            learned = model.state["learned"]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{path} does not hold what a predictor writes") from error
        predictor._state = restored(model._replace(state=learned), predictor.features)
        return predictor

    def __reduce__(self) -> tuple[Any, ...]:  # Any: as `pickle` wants it
        """Give what was learned to the workers of Ray or Spark, without the lock; for a file there is `save`."""
        with self._lock:
            model = None if self._state is None else model_of(self._state)
        return self._unpickled, (self._settings(), self.features, self._clock, model)

    @classmethod
    def _unpickled(
        cls,
        settings: dict[str, Any],  # Any: arguments
        features: FeatureSet,
        clock: Clock,
        model: ModelFile | None,
    ) -> Self:
        predictor = cls(**settings, features=features, clock=clock)
        if model is not None:
            predictor._state = restored(model, features)
        return predictor

    def _settings(self) -> dict[str, Any]:  # Any: arguments
        return {"target": self.target, "seed": self.seed, "coverage": self.coverage, "maturity": self.maturity,
                "window": self.window, "pages": self.pages}  # fmt: skip

    def _nows(self, columns: Columns) -> Vector:
        """Return when each post is published: now, if nobody knows."""
        unknown = np.isnan(columns.published)
        return np.where(unknown, self._clock(), columns.published) if unknown.any() else columns.published

    def _check_past(self, columns: Columns) -> None:
        if len(columns) and columns.published[-1] > self._clock() + _AHEAD:
            raise PostDataError(
                f"the post with id {shown(columns.ids[-1])} has an outcome and a time in the future",
                hint="give the time at which it was published",
            )

    def _learned(self) -> Learned:
        if self._state is None:
            raise NotFittedError("the predictor has learned nothing yet", hint="call fit or load first")
        return self._state


def _read(columns: Columns, texts: object) -> FeatureBatch | None:
    if texts is not None and not (isinstance(texts, FeatureBatch) and len(texts.offsets) == len(columns) + 1):
        raise ValueError(f"texts is {shown(texts)}; what FeatureSet.many read of these {len(columns)} texts is needed")
    return texts
