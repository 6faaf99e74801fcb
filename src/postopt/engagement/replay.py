"""Posts that are predicted and learned from in order of time, each before its label is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from postopt.engagement.evaluation import Evaluation
from postopt.engagement.expectation import Experts
from postopt.engagement.learned import Learned, key_of
from postopt.engagement.posts import Columns, Row
from postopt.errors import PostDataError, shown
from postopt.judgement import Prediction


class Baseline(NamedTuple):
    """Something to compare with.

    Attributes:
        says: what it is, in words.
        of: what it predicts of a post, in the outcome's own unit.
    """

    says: str
    of: Callable[[Experts, Row], float]


BASELINES: Final[Mapping[str, Baseline]] = {
    "usual": Baseline("the usual outcome of all posts", lambda experts, _: math.expm1(experts.words.usual)),
    "kind": Baseline(
        "the mean of posts of the same language and type",
        lambda experts, row: math.expm1(experts.baseline.of_kind(row.language, row.type)[0]),
    ),
}


def in_order(columns: Columns) -> tuple[Columns, list[int]]:
    """Return posts in order of publication, each once, and their ids as numbers; of a repeated one the last counts."""
    stamps = columns.published.tolist()
    keys = [key_of(*post) for post in zip(columns.ids, columns.pages, stamps, strict=True)]
    last = {key: place for place, key in enumerate(keys)}
    places = sorted(last.values(), key=lambda place: (stamps[place], keys[place]))
    return columns.take(places), [keys[place] for place in places]


def evaluated(learned: Learned, columns: Columns, keys: Sequence[int], baselines: Sequence[str]) -> Evaluation:
    """Return how well posts in order are predicted, as `EngagementPredictor.evaluate` says; `learned` learns them."""
    for name in baselines:
        if name not in BASELINES:
            raise ValueError(f"baselines has {shown(name)}; allowed: {', '.join(BASELINES)}")
    known = sum(key in learned.told for key in keys)
    if known:
        raise PostDataError(
            f"{known} of the posts were learned from, so that they cannot tell how good predictions are"
        )
    rows = [columns.row(place) for place in range(len(columns))]
    predictions: list[Prediction] = []
    others: dict[str, list[float]] = {name: [] for name in baselines}
    due = 0
    for place, row in enumerate(rows):
        while due < place and rows[due].published + learned.maturity <= row.published:
            learned.learn(rows[due], rows[due].outcome, rows[due].published + learned.maturity)
            due += 1
        predictions.append(learned.predict(row, row.published))
        for name, values in others.items():
            values.append(BASELINES[name].of(learned.experts, row))
    named = {BASELINES[name].says: values for name, values in others.items()}
    figures = [(p.median, p.low, p.high, p.p_above_baseline, p.baseline) for p in predictions]
    return Evaluation.of(
        [str(key) for key in keys], columns.pages, columns.published, columns.outcomes,
        *np.array(figures).reshape(-1, 5).T, baselines=named, target=learned.intervals.target,
    )  # fmt: skip
