"""Posts that are predicted and learned from in order of time, each before its label is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from postopt._checks import check_name
from postopt.engagement.evaluation import PAGE_MEDIAN, Evaluation
from postopt.engagement.expecting.expectation import Experts
from postopt.engagement.expecting.learned import Learned, key_of
from postopt.engagement.posts import AnyPost, Columns, Row, read_count
from postopt.errors import PostDataError, shown

OfPost: TypeAlias = Callable[[Any], float]
"""A host's own baseline: from a post, as it was given, to what may become of it; Any: its posts are of one kind."""

Baselines: TypeAlias = str | OfPost | Iterable[str | OfPost] | Mapping[str, OfPost]
"""What `EngagementPredictor.evaluate` takes as `baselines`."""


class Baseline(NamedTuple):
    """Something to compare with.

    Attributes:
        says: what it is, in words that fit a sentence: predictions are better than ...
        of: what it predicts of a post, read and as it was given, in the outcome's own unit.
    """

    says: str
    of: Callable[[Experts, Row, AnyPost], float]


BASELINES: Final[Mapping[str, Baseline]] = {
    "usual": Baseline("the usual outcome of all posts", lambda experts, _, __: math.expm1(experts.words.usual)),
    "kind": Baseline(
        "the mean of posts of the same language and type",
        lambda experts, row, _: math.expm1(experts.baseline.of_kind(row.language, row.type)[0]),
    ),
}

_ALWAYS = ("page_median", "median")
"""Names of the page's recent median, which is the first of all baselines whether it is named or not."""


class Ordered(NamedTuple):
    """Posts in order of publication, each once.

    Attributes:
        columns: the posts.
        keys: their ids as numbers.
        places: where each stood before.
    """

    columns: Columns
    keys: list[int]
    places: list[int]


def in_order(columns: Columns) -> Ordered:
    """Return posts in order of publication; of a repeated one the last counts."""
    stamps = columns.published.tolist()
    keys = [key_of(*post) for post in zip(columns.ids, columns.pages, stamps, strict=True)]
    last = {key: place for place, key in enumerate(keys)}
    places = sorted(last.values(), key=lambda place: (stamps[place], keys[place]))
    return Ordered(columns.take(places), [keys[place] for place in places], places)


def chosen(baselines: Baselines) -> list[Baseline]:
    """Return what predictions are compared with besides the page's recent median.

    Raises:
        ValueError: there is no such baseline, or two of one name.
    """
    if isinstance(baselines, Mapping):
        found = [_of_host(check_name("a baseline's name", name), of) for name, of in baselines.items()]
    else:
        several = [baselines] if isinstance(baselines, str) or callable(baselines) else baselines
        if not isinstance(several, Iterable):
            raise _unknown(baselines)
        found = [_named(one, place) for place, one in enumerate(several, 1) if not _is_always(one)]
    names: dict[str, Baseline] = {}
    for baseline in found:
        if baseline.says == PAGE_MEDIAN or names.setdefault(baseline.says, baseline) != baseline:
            raise ValueError(f"two baselines are called {shown(baseline.says)}; a mapping gives them different names")
    return list(names.values())


def _is_always(baseline: object) -> bool:
    return isinstance(baseline, str) and baseline in _ALWAYS


def _named(baseline: object, place: int) -> Baseline:
    if isinstance(baseline, str) and baseline in BASELINES:
        return BASELINES[baseline]
    name = getattr(baseline, "__name__", "<lambda>")
    return _of_host(name if isinstance(name, str) and not name.startswith("<") else f"baseline {place}", baseline)


def _of_host(name: str, function: object) -> Baseline:
    if not callable(function):
        raise _unknown(function)

    def of(_: Experts, row: Row, post: AnyPost) -> float:
        return read_count(function(post), f"what {name} says of the post with id {shown(row.id)}")

    return Baseline(name, of)


def _unknown(baseline: object) -> ValueError:
    names = ", ".join([*_ALWAYS, *BASELINES])
    return ValueError(
        f"baselines has {shown(baseline)}; allowed: {names}, a function of a post, a collection of these, or a mapping "
        "of names to functions"
    )


def evaluated(
    learned: Learned, columns: Columns, keys: Sequence[int], posts: Sequence[AnyPost], baselines: Sequence[Baseline]
) -> Evaluation:
    """Return how well posts in order are predicted, as `EngagementPredictor.evaluate` says; `learned` learns them.

    Args:
        learned: what predicts.
        columns: the posts.
        keys: their ids as numbers.
        posts: the posts as they were given, in the same order.
        baselines: what to compare with.
    """
    known = sum(key in learned.told for key in keys)
    if known:
        raise PostDataError(
            f"{known} of the posts were learned from, so that they cannot tell how good predictions are"
        )
    rows = [columns.row(place) for place in range(len(columns))]
    figures: list[tuple[float, ...]] = []
    others: dict[str, list[float]] = {baseline.says: [] for baseline in baselines}
    due = 0
    for place, row in enumerate(rows):
        while due < place and rows[due].published + learned.maturity <= row.published:
            learned.learn(rows[due], rows[due].outcome, rows[due].published + learned.maturity)
            due += 1
        p = learned.predict(row, row.published)
        figures.append((p.median, p.low, p.high, p.p_above_baseline, p.baseline))
        for baseline in baselines:
            others[baseline.says].append(baseline.of(learned.experts, row, posts[place]))
    return Evaluation.of(
        [str(key) for key in keys], columns.pages, columns.published, columns.outcomes,
        *np.array(figures).reshape(-1, 5).T, baselines=others, target=learned.intervals.target,
    )  # fmt: skip
