"""What an experiment takes in from its host: units, contexts, values; checked before anything is changed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from postopt.errors import OutcomeError, shown
from postopt.experiments.entries import MAX_TIME
from postopt.experiments.records import Metric, Totals


def context_text(context: Mapping[str, Any] | None) -> str:
    """Return a context as JSON, equal for equal contexts; "" for none.

    Raises:
        ValueError: it is no plain JSON.
    """
    if context is None:
        return ""
    try:
        return json.dumps(dict(context), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"context is {shown(context)}; plain JSON is needed") from error


def outcome_values(values: Sequence[object], metric: Metric) -> list[float]:
    """Return values as floats: bools, and numbers of numpy, are numbers too.

    Raises:
        OutcomeError: one is no number, negative, NaN, infinite, or more than 1 for a proportion.
    """
    most = 1.0 if metric.kind == "proportion" else math.inf
    checked = []
    for value in values:
        number = _number(value)
        if not 0 <= number <= most or number == math.inf:
            allowed = "a number from 0 to 1" if metric.kind == "proportion" else "a finite number, zero or more,"
            raise OutcomeError(f"an outcome of {shown(metric.name)} is {shown(value)}; {allowed} is needed")
        checked.append(number)
    return checked


def report_totals(n: object, successes: object, metric: Metric) -> Totals:
    """Return the sums of so many outcomes of 1 among so many.

    Raises:
        OutcomeError: a count cannot be, or the metric is none of which successes can be counted.
    """
    if metric.kind != "proportion":
        raise OutcomeError(
            f"{shown(metric.name)} is a mean, and counts do not say how far its values lie apart",
            hint="record each outcome with `record`",
        )
    counts = _number(n), _number(successes)
    for name, value, count in (("n", n, counts[0]), ("successes", successes, counts[1])):
        if not 0 <= count < math.inf:
            raise OutcomeError(f"{name} is {shown(value)}; a finite number, zero or more, is needed")
    if counts[1] > counts[0]:
        raise OutcomeError(f"{shown(successes)} successes of {shown(n)} outcomes cannot be")
    return Totals(counts[0], counts[1], counts[1])


def moment(name: str, at: object) -> float | None:
    """Return a time in seconds since the epoch, or None for None.

    Raises:
        OutcomeError: it is none.
    """
    if at is None:
        return None
    number = _number(at)
    if not -MAX_TIME <= number <= MAX_TIME:
        raise OutcomeError(f"{name} is {shown(at)}; seconds since the epoch are needed")
    return number


def _number(value: object) -> float:
    """Return a number as a float, and what is none as NaN."""
    if value.__class__ is float:
        return value  # as it almost always is
    if isinstance(value, int | float | np.number | np.bool_):
        try:
            return float(value)
        except (OverflowError, TypeError):  # too large, or complex
            return math.nan
    return math.nan
