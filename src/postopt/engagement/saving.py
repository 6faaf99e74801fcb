"""All that a predictor has learned as arrays and plain JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.baseline import PageBaseline
from postopt.engagement.chances import Chances
from postopt.engagement.expectation import Experts
from postopt.engagement.heads import Head
from postopt.engagement.history import Label, PageHistory
from postopt.engagement.intervals import Intervals
from postopt.engagement.learned import Learned, Range
from postopt.engagement.modelfile import ModelFile
from postopt.engagement.reading import Reader
from postopt.engagement.words import WordModel
from postopt.errors import ModelFileError
from postopt.quality.features import FEATURES_VERSION, FeatureSet

KIND: Final = "engagement predictor"

VERSIONS: Final = {"format": 1, "features": FEATURES_VERSION}

# The columns of a page's labels that are floats.
_FLOATS = ("published", "known", "outcome", "log", "rest", "long")


def model_of(learned: Learned) -> ModelFile:
    """Return all that was learned; nothing in it changes when more is learned."""
    experts, baseline = learned.experts, learned.experts.baseline
    labels = [label for history in baseline.histories.values() for label in history.labels]
    types = sorted({label.type for label in labels})
    place = {kind: index for index, kind in enumerate(types)}
    arrays: dict[str, NDArray[Any]] = {  # Any: of several dtypes
        "means": experts.words.means.copy(),
        "variances": experts.words.variances.copy(),
        "told": np.fromiter(learned.told, np.uint64, len(learned.told)),
        "counted": np.fromiter(learned.told.values(), np.uint8, len(learned.told)),
        "labels": np.array([[getattr(label, name) for name in _FLOATS] for label in labels]).reshape(-1, len(_FLOATS)),
        "label_ids": np.array([label.id for label in labels], dtype=np.uint64),
        "label_types": np.array([place[label.type] for label in labels], dtype=np.int32),
        "label_hours": np.array([label.hour for label in labels], dtype=np.int8),
    }
    state = {
        "words": {"noise": experts.words.noise, "usual": experts.words.usual},
        "baseline": {
            "window": baseline.window, "maturity": baseline.maturity, "pages": baseline.pages, "types": types,
            "histories": [[page, len(history.labels), history.known] for page, history in baseline.histories.items()],
            "kinds": [[*kind, *found] for kind, found in baseline.kinds.items()],
        },
        "heads": [
            [[list(head.weights), head.intercept, list(head.low), list(head.high)] for head in experts.heads],
            list(experts.spreads),
        ],
        "intervals": learned.intervals.state(),
        "chances": [list(column) for column in learned.chances],
        "range": [
            sorted(learned.range.languages), learned.range.longest, learned.range.first, learned.range.newest,
        ],
        "arrived": learned.arrived, "stale": learned.stale, "shift": learned.shift,
    }  # fmt: skip
    return ModelFile(arrays, state)


def restored(model: ModelFile, features: FeatureSet | None = None) -> Learned:
    """Return what was learned, as `model_of` gave it; `features` reads many posts.

    Raises:
        ModelFileError: it is not what `model_of` gives.
    """
    try:
        return _restored(model.arrays, model.state, Reader(features))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError("the model's folder does not hold what a predictor writes") from error


def _restored(  # Any: arrays, plain JSON
    arrays: Mapping[str, Any], state: Mapping[str, Any], reader: Reader
) -> Learned:
    words = WordModel(state["words"]["noise"])
    words.usual = state["words"]["usual"]
    for mine, saved in ((words.means, arrays["means"]), (words.variances, arrays["variances"])):
        if mine.shape != saved.shape:
            raise ValueError(f"{saved.shape} weights; {mine.shape} are needed")
        mine[:] = saved
    heads, spreads = state["heads"]
    heads = [Head(*map(_listed, head)) for head in heads]
    experts = Experts(_baseline(arrays, state["baseline"]), words, reader, heads, spreads)
    languages, longest, first, newest = state["range"]
    told = dict(zip(arrays["told"].tolist(), map(bool, arrays["counted"].tolist()), strict=True))
    return Learned(
        experts, Intervals.from_state(state["intervals"]), Chances(*map(tuple, state["chances"])),
        Range(set(languages), longest, first, newest), told, state["arrived"], state["stale"],
        state["shift"],
    )  # fmt: skip


def _baseline(arrays: Mapping[str, Any], state: Mapping[str, Any]) -> PageBaseline:  # Any: arrays, plain JSON
    baseline = PageBaseline(window=state["window"], maturity=state["maturity"], pages=state["pages"])
    types = state["types"]
    rows = zip(
        arrays["labels"].tolist(), arrays["label_ids"].tolist(), arrays["label_types"].tolist(),
        arrays["label_hours"].tolist(), strict=True,
    )  # fmt: skip
    labels = [
        Label(published, name, known, outcome, log, types[kind], hour, rest, long)
        for (published, known, outcome, log, rest, long), name, kind, hour in rows
    ]
    first = 0
    for page, n, known in state["histories"]:
        baseline.histories[page] = PageHistory(baseline.window, labels[first : first + n], known)
        first += n
    baseline.kinds.update({(language, kind): (mean, n) for language, kind, mean, n in state["kinds"]})
    return baseline


def _listed(value: list[float] | float) -> Any:  # Any: a tuple, or a float
    return tuple(value) if isinstance(value, list) else value
