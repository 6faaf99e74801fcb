"""What the host did with the texts it was offered, and what is learned from that."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from postopt._checks import check_count
from postopt.errors import ModelFileError, NewerModelError, NotFittedError, PostDataError, shown
from postopt.quality.acceptance import LEAST, LEAST_OF_EACH, Acceptance, enough, fit
from postopt.quality.reliability import Reliability

Decision: TypeAlias = Literal["accepted", "edited", "rejected"]

DECISIONS: Final = get_args(Decision)

MOST: Final = 2_000
"""Decisions that are kept, at most, the latest; arbitrary. With 500 the probabilities are calibrated to .03 already."""

# Learned anew when there are so many decisions more; between two times the model stays as it is.
_GROWTH: Final = 1.1

_FORMAT: Final = 1

_AGAIN: Final = "record the decisions again with this version, from the texts"


class _Kept(NamedTuple):
    columns: tuple[float, ...]
    accepted: bool


class Decisions:
    """The host's record and the model that is fitted on it. Thread-safe.

    The latest decision on a text counts, an earlier one on the same text is forgotten: so a call that is made twice
    counts once, and a host may change its mind. "edited" and "rejected" are both not accepted unchanged.

    Args:
        names: of the columns of a report.
        most: how many decisions are kept; the oldest go first.
        seed: of the folds.
    """

    def __init__(self, names: Sequence[str], *, most: int = MOST, seed: int = 0) -> None:
        self._names = tuple(names)
        self._most = check_count("most", most, least=LEAST)
        self._seed = seed
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._since = 0  # decisions since the model was fitted
        self._model: Acceptance | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def __getstate__(self) -> dict[str, Any]:  # Any: of several types
        """Give all but the lock to other processes."""
        with self._lock:
            return {**self.__dict__, "_lock": None, "_kept": self._kept.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:  # Any: as above
        self.__dict__.update(state, _lock=threading.Lock())

    @property
    def model(self) -> Acceptance | None:
        """The model, or None while there is too little to learn from."""
        return self._model

    def record(self, key: str, columns: Sequence[float], decision: Decision) -> None:
        """Take what the host did with the text that `key` stands for; now and then the model is fitted anew.

        Raises:
            PostDataError: `decision` is none of the three.
        """
        if decision not in DECISIONS:
            raise PostDataError(f"decision is {shown(decision)}; one of {', '.join(DECISIONS)} is needed")
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = _Kept(tuple(columns), decision == "accepted")
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
            self._since += 1
            if self._model is None or self._since > (_GROWTH - 1) * len(self._kept):
                self._fit()

    def evaluate(self) -> Reliability:
        """Return how well probabilities fit decisions that they were not learned from, all decisions considered.

        Raises:
            NotFittedError: there are too few decisions.
        """
        with self._lock:
            self._settle()
            if self._model is None:
                accepted = sum(kept.accepted for kept in self._kept.values())
                raise NotFittedError(
                    f"{len(self._kept)} decisions, {accepted} of them accepted, are too few to learn from",
                    hint=f"record {LEAST} or more, {LEAST_OF_EACH} of them accepted and {LEAST_OF_EACH} not",
                )
            return self._model.reliability

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return the record as plain JSON, without any text; the model is fitted on all of it, as `restore` does."""
        with self._lock:
            self._settle()
            rows = [[key, list(kept.columns), kept.accepted] for key, kept in self._kept.items()]
            return {"format": _FORMAT, "columns": list(self._names), "decisions": rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put a record that `state` returned in the place of this one, and learn from it.

        Raises:
            NewerModelError: it was written by a newer version, or with columns that this one does not have.
            ModelFileError: it is damaged or foreign, or an older version wrote it; nothing was changed.
        """
        kept = self._read(state)
        with self._lock:
            self._kept = kept
            self._fit()

    def _read(self, state: object) -> OrderedDict[str, _Kept]:
        if not isinstance(state, dict) or type(state.get("format")) is not int or state["format"] < 1:
            raise ModelFileError(f"{shown(state)} is no record of decisions")
        if state["format"] > _FORMAT:
            raise NewerModelError("the record was written by a newer version of postopt", hint=_AGAIN)
        self._check_columns(state.get("columns"))
        try:
            rows = [_row(row, len(self._names)) for row in state["decisions"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFileError("the record of decisions is damaged") from error
        return OrderedDict(rows[-self._most :])

    def _check_columns(self, columns: object) -> None:
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise ModelFileError(f"the record of decisions is damaged: its columns are {shown(columns)}")
        if unknown := [name for name in columns if name not in self._names]:
            raise NewerModelError(
                f"the record reads {shown(unknown)} from a report, which this version of postopt does not", hint=_AGAIN
            )
        if columns != list(self._names):
            raise ModelFileError(
                "the record was written by another version of postopt, which reads less from a report, or in another "
                "order",
                hint=_AGAIN,
            )

    def _settle(self) -> None:
        if self._since:
            self._fit()

    def _fit(self) -> None:
        self._since = 0
        outcomes = np.array([kept.accepted for kept in self._kept.values()], dtype=np.float64)
        if not enough(outcomes):
            self._model = None
            return
        columns = np.array([kept.columns for kept in self._kept.values()], dtype=np.float64)
        self._model = fit(columns, outcomes, seed=self._seed)


def _row(row: Any, width: int) -> tuple[str, _Kept]:  # Any: decoded JSON
    key, columns, accepted = row
    if not isinstance(key, str) or not isinstance(accepted, bool) or len(columns) != width:
        raise ValueError(json.dumps(row, default=shown)[:80])
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in columns):
        raise ValueError(shown(columns))
    return key, _Kept(tuple(float(value) for value in columns), accepted)
