"""All that a predictor has learned as arrays and plain JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.baseline import PageBaseline
from postopt.engagement.covering.intervals import Intervals
from postopt.engagement.expecting.chances import Chances
from postopt.engagement.expecting.expectation import Experts
from postopt.engagement.expecting.heads import Head
from postopt.engagement.expecting.history import Label, PageHistory
from postopt.engagement.expecting.learned import Learned, Range
from postopt.engagement.expecting.modelfile import ModelFile
from postopt.engagement.expecting.reading import Reader
from postopt.engagement.expecting.spaces import OF_ALL
from postopt.engagement.expecting.words import WordModel
from postopt.errors import ModelFileError, shown
from postopt.quality.features import FEATURES_VERSION, FeatureSet

KIND: Final = "engagement predictor"

VERSIONS: Final = {"format": 2, "features": FEATURES_VERSION}

# The columns of a page's labels that are floats.
_FLOATS = ("published", "known", "outcome")


def model_of(learned: Learned) -> ModelFile:
    """Return all that was learned; nothing in it changes when more is learned."""
    experts, baseline = learned.experts, learned.experts.baseline
    labels = [label for history in baseline.histories.values() for label in history.labels]
    arrays: dict[str, NDArray[Any]] = {  # Any: of several dtypes
        "means": experts.words.means.copy(),
        "variances": experts.words.variances.copy(),
        "told": np.fromiter(learned.told, np.uint64, len(learned.told)),
        "counted": np.fromiter(learned.told.values(), np.uint8, len(learned.told)),
        "labels": np.array([[getattr(label, name) for name in _FLOATS] for label in labels]).reshape(-1, len(_FLOATS)),
        "label_ids": np.array([label.id for label in labels], dtype=np.uint64),
    }
    state = {
        "words": {"noise": experts.words.noise, "usual": experts.words.usual},
        "baseline": {
            "window": baseline.window, "maturity": baseline.maturity, "pages": baseline.pages,
            "histories": [[page, len(history.labels), history.known] for page, history in baseline.histories.items()],
            "kinds": [[*kind, *found] for kind, found in baseline.kinds.items()],
        },
        "newcomers": [
            experts.newcomers.weights.tolist(), experts.newcomers.intercept, experts.newcomers.low.tolist(),
            experts.newcomers.high.tolist(),
        ],
        "surprise": experts.surprise,
        "intervals": learned.intervals.state(),
        "chances": [list(column) for column in learned.chances],
        "range": [
            sorted(learned.range.languages), learned.range.longest, learned.range.first, learned.range.newest,
        ],
        "arrived": learned.arrived, "stale": learned.stale, "shift": learned.shift,
    }  # fmt: skip
    return ModelFile(arrays, state)


def restored(model: ModelFile, features: FeatureSet) -> Learned:
    """Return what was learned, as `model_of` gave it; `features` reads many posts.

    Raises:
        ModelFileError: it is not what `model_of` gives.
    """
    try:
        return _restored(model.arrays, model.state, Reader(features))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise ModelFileError("the model's folder does not hold what a predictor writes") from error


def _restored(  # Any: arrays, plain JSON
    arrays: Mapping[str, Any], state: Mapping[str, Any], reader: Reader
) -> Learned:
    words = WordModel(_number(state["words"]["noise"]))
    words.usual = _number(state["words"]["usual"])
    for mine, saved in ((words.means, arrays["means"]), (words.variances, arrays["variances"])):
        if mine.shape != saved.shape:
            raise ValueError(f"{saved.shape} weights; {mine.shape} are needed")
        mine[:] = saved
    experts = Experts(
        _baseline(arrays, state["baseline"]), words, reader, _head(*state["newcomers"]), _number(state["surprise"])
    )
    languages, longest, first, newest = state["range"]
    told = dict(zip(arrays["told"].tolist(), map(bool, arrays["counted"].tolist()), strict=True))
    return Learned(
        experts, Intervals.from_state(state["intervals"]), _chances(*state["chances"]),
        Range(set(languages), _number(longest), _number(first), _number(newest)), told, _number(state["arrived"]),
        _number(state["stale"]), _number(state["shift"]),
    )  # fmt: skip


def _baseline(arrays: Mapping[str, Any], state: Mapping[str, Any]) -> PageBaseline:  # Any: arrays, plain JSON
    baseline = PageBaseline(window=state["window"], maturity=state["maturity"], pages=state["pages"])
    labels = [
        Label(published, name, known, outcome)
        for (published, known, outcome), name in zip(
            arrays["labels"].tolist(), arrays["label_ids"].tolist(), strict=True
        )
    ]
    first = 0
    for page, n, known in state["histories"]:
        baseline.histories[page] = PageHistory(baseline.window, labels[first : first + n], _number(known))
        first += n
    baseline.kinds.update({(language, kind): (_number(mean), n) for language, kind, mean, n in state["kinds"]})
    return baseline


def _head(weights: list[float], intercept: float, low: list[float], high: list[float]) -> Head:
    columns = [np.array(_numbers(column, OF_ALL + 1), dtype=np.float64) for column in (weights, low, high)]
    return Head(columns[0], float(_number(intercept)), *columns[1:])


def _chances(at: list[float], shares: list[float]) -> Chances:
    found = Chances(_numbers(at, len(shares)), _numbers(shares, max(len(at), 1)))
    if not all(0 < share < 1 for share in found.share):
        raise ValueError("a share is not between 0 and 1")
    return found


def _numbers(values: list[float], n: int) -> tuple[float, ...]:
    return tuple(map(_number, _all(values, n)))


def _number(value: Any) -> Any:  # Any: plain JSON
    """Return a number as it is, so that it is written again as it was read."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{shown(value)} is no finite number")
    return value


def _all(values: Any, n: int) -> Any:  # Any: plain JSON
    if not isinstance(values, list) or len(values) != n:
        raise ValueError(f"{shown(values)} has not {n} values")
    return values
