"""Many posts at once: features, predictions, reports and suggestions, in bounded memory and in the order given."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_count
from postopt.engagement.embeddings import check_device
from postopt.engagement.posts import AnyPost, Columns, Id, columns_of, read_post, read_posts
from postopt.engagement.suggestions import Suggestion, suggest
from postopt.engine import device as devices
from postopt.errors import BackendUnavailableError, PostDataError, PostoptError, shown
from postopt.judgement import Prediction, QualityReport
from postopt.quality.features import FeatureBatch, FeatureSet
from postopt.types import Brief, Post

if TYPE_CHECKING:
    from postopt.engagement.ranker import VariantRanker
    from postopt.quality.scorer import QualityScorer

BATCH_ROWS: Final = 4096
"""Rows read at one time. From 1,000 to 16,000 the time a row hardly changes; the memory held does."""

RACE_AFTER: Final = 500_000
"""Posts after which it is measured which scan reads them sooner: about what one saves while the other is compiled."""

_SAMPLE: Final = 1_000  # texts that it is measured on; arbitrary

_NOT_POSTS = (str, bytes, Mapping, Post)


class ColumnPredictor(Protocol):
    """Predicts many posts at once; `EngagementPredictor` is one."""

    def predict_columns(self, columns: Columns, texts: FeatureBatch, /) -> Any:
        """Return arrays `median`, `low`, `high`, `p_above_baseline` and `baseline`; the texts were read already."""
        ...

    def predict_many(self, posts: Columns, texts: FeatureBatch, /) -> list[Prediction]:
        """Return the predictions, in the order of the posts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What is said of one post of many.

    Attributes:
        row: its place in the input, from 0.
        id: the post's own, or None where it has none.
        features: one value for each of `quality.features.FEATURE_NAMES`, or None with an error.
        prediction: how it may do, or None without a predictor.
        score: expected log-odds of a success above those of an average text, or None without a ranker.
        report: what is right and wrong with it, or None without a scorer.
        suggestions: what would improve it, as far as experiments say so; none unless asked for.
        error: why nothing, or not all of it, can be said; "" if nothing is missing.
    """

    row: int
    id: Id | None
    features: NDArray[np.float32] | None = None
    prediction: Prediction | None = None
    score: float | None = None
    report: QualityReport | None = None
    suggestions: tuple[Suggestion, ...] = ()
    error: str = ""


@dataclass(slots=True)
class Analyst:
    """What `analyze_many` was asked to say of each post, and of how many it was."""

    predictor: ColumnPredictor | None
    ranker: VariantRanker | None
    scorer: QualityScorer | None
    suggests: bool
    features: FeatureSet
    seen: int = 0

    def read(self, columns: Columns) -> FeatureBatch:
        """Return the features of posts, from as many on as compiling is worth by whichever scan is sooner."""
        before, self.seen = self.seen, self.seen + len(columns)
        if before < RACE_AFTER <= self.seen:
            self.features.race(columns.texts[:_SAMPLE])
        return self.features.many(columns.texts, columns.languages)

    def rows(self, posts: Iterable[AnyPost], batch_rows: int) -> Iterator[Analysis]:
        """Yield an analysis for each post."""
        batches = iter(posts)
        first = 0
        while batch := _next(batches, batch_rows):
            yield from self._batch(batch.posts, first)
            first += len(batch.posts)
            if batch.failure is not None:
                raise batch.failure

    def _batch(self, posts: list[AnyPost], first: int) -> Iterator[Analysis]:
        columns, errors = _read(posts)
        read = self.read(columns)
        predictions: list[Prediction] = [] if self.predictor is None else self.predictor.predict_many(columns, read)
        scores = None if self.ranker is None else self.ranker.score_many(columns.texts)
        place = 0
        for offset, post in enumerate(posts):
            if offset in errors:
                yield Analysis(row=first + offset, id=_id_of(post), error=errors[offset])
                continue
            prediction = predictions[place] if predictions else None
            report, suggestions, error = self.judge(post, columns.languages[place], prediction)
            yield Analysis(
                row=first + offset,
                id=columns.ids[place],
                features=read.values[place],
                prediction=prediction,
                score=None if scores is None else scores[place],
                report=report,
                suggestions=suggestions,
                error=error,
            )
            place += 1

    def judge(
        self, post: AnyPost, language: str, prediction: Prediction | None
    ) -> tuple[QualityReport | None, tuple[Suggestion, ...], str]:
        """Return a post's report and suggestions, as far as they were asked for, and what went wrong."""
        report: QualityReport | None = None
        suggestions: tuple[Suggestion, ...] = ()
        try:
            if self.scorer is not None:
                report = self.scorer.score(_scored(post), language=language or None, prediction=prediction)
            if self.suggests:
                suggestions = tuple(suggest(post))
        except PostoptError as error:
            return report, suggestions, str(error)
        return report, suggestions, ""


def analyze_many(
    posts: Any,  # Any: whatever speaks Arrow, or any collection of posts
    *,
    predictor: ColumnPredictor | None = None,
    ranker: VariantRanker | None = None,
    scorer: QualityScorer | None = None,
    suggest: bool = False,
    features: FeatureSet | None = None,
    device: str = "auto",
    batch_rows: int = BATCH_ROWS,
) -> Iterator[Any]:
    """Analyse many posts: features always, predictions, reports and suggestions if asked for.

    Laws: what comes out has the order and the ids of what goes in, one for one; a post that cannot be read gives a row
    that says why, and costs no other; no more than `batch_rows` posts are held at one time.

    Args:
        posts: a collection or iterator of posts (`Post`s or mappings) gives an iterator of `Analysis`. A table of
            pyarrow, pandas, polars or whatever else speaks Arrow, or an iterator of its RecordBatches, gives an
            iterator of RecordBatches with the columns row, id, error, features, and those that were asked for: which
            is what Spark's `mapInArrow`, Dask and Ray Data call a function of batches.
        predictor: a fitted `EngagementPredictor`, or None.
        ranker: a fitted `VariantRanker`, or None. With an embedder it costs far more than all else.
        scorer: a `QualityScorer`, or None. It costs far more than features and prediction together.
        suggest: whether to look for edits that experiments speak for.
        features: reads the texts, the predictor's unless given. After `RACE_AFTER` posts it may change to compiled
            code, if numba is installed; `FeatureSet.race` does so at once.
        device: where the ranker's embedder computes: "auto" leaves it where it is, "cpu" or "cuda" moves it. All else
            runs on the CPU.
        batch_rows: most posts held at one time.

    Raises:
        PostDataError: `posts` is no collection, or a column of a table has a type that no post has.
        MissingDependencyError: `posts` is a table, and pyarrow is not installed.
        BackendUnavailableError: a device was asked for that is not there.
        NotFittedError: the predictor, or the ranker, has not learned.
        ValueError: another argument cannot be used.
    """
    batch_rows = min(check_count("batch_rows", batch_rows), sys.maxsize)
    check_device(device)
    for name, given, methods in (
        ("predictor", predictor, ("predict_many", "predict_columns")), ("ranker", ranker, ("score_many",)),
        ("scorer", scorer, ("score",)), ("features", features, ("many", "race")),
    ):  # fmt: skip
        if given is not None and not all(callable(getattr(given, method, None)) for method in methods):
            raise ValueError(f"{name} is {shown(given)}; what has `{'` and `'.join(methods)}` is needed, or None")
    if isinstance(posts, _NOT_POSTS) or not (_speaks_arrow(posts) or isinstance(posts, Iterable)):
        raise PostDataError(f"posts is {shown(posts)}; a collection of posts, or a table, is needed")
    reads = next((one for one in (features, getattr(predictor, "features", None)) if one is not None), FeatureSet())
    analyst = Analyst(predictor, _placed(ranker, device), scorer, suggest, reads)
    return _of_table(analyst, posts, batch_rows) if _speaks_arrow(posts) else _of_items(analyst, posts, batch_rows)


def _of_items(analyst: Analyst, posts: Iterable[Any], batch_rows: int) -> Iterator[Any]:
    """Look at the first item, when it is asked for: it says whether they are posts or batches of a table."""
    items = iter(posts)
    first = list(islice(items, 1))
    of = _of_table if first and _speaks_arrow(first[0]) else Analyst.rows
    yield from of(analyst, chain(first, items), batch_rows)


def _of_table(analyst: Analyst, table: Any, batch_rows: int) -> Iterator[Any]:
    from postopt.engagement.pyarrow import analyzed  # noqa: PLC0415 - needs an optional library

    return analyzed(analyst, table, batch_rows)


def _speaks_arrow(value: object) -> bool:
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def _placed(ranker: VariantRanker | None, device: str) -> VariantRanker | None:
    """Return the ranker with its embedder on a device, if one is asked for.

    Raises:
        BackendUnavailableError: the device is not there.
    """
    if device == "cuda" and (plan := devices.plan()).device != "cuda":
        raise BackendUnavailableError(f"device is cuda, and there is none: {plan.reason}")
    return ranker if ranker is None or device == "auto" else ranker.on(device)


class _Batch(NamedTuple):
    """Posts, and what their source failed with after them."""

    posts: list[AnyPost]
    failure: Exception | None


def _next(posts: Iterator[AnyPost], most: int) -> _Batch | None:
    """Return the next posts, or None at the end; those that came before a failure are not lost with it."""
    batch: list[AnyPost] = []
    try:
        batch.extend(islice(posts, most))
    except Exception as error:  # noqa: BLE001 - raised again by who asked, after these posts
        return _Batch(batch, error)
    return _Batch(batch, None) if batch else None


def _read(posts: list[AnyPost]) -> tuple[Columns, dict[int, str]]:
    """Return the posts that can be read, and why the others cannot, by place."""
    try:
        return read_posts(posts), {}
    except PostDataError:
        rows, errors = [], {}
        for place, post in enumerate(posts):
            try:
                rows.append(read_post(post))
            except PostDataError as error:
                errors[place] = str(error)
        return columns_of(rows), errors


def _scored(post: AnyPost) -> AnyPost:
    """Return a post with its brief, if it has one: columns of a host's rows may hold anything."""
    if isinstance(post, Post):
        return post
    brief = post.get("brief")
    return {**post, "brief": brief if isinstance(brief, Brief) else None, "language": None}


def _id_of(post: object) -> Id | None:
    found = post.get("id") if isinstance(post, Mapping) else None
    return int(found) if isinstance(found, Integral) else found if isinstance(found, str) else None
