"""The axes of a report: what each value means, and in which order reports are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from postopt._checks import check_items
from postopt.errors import ModelError, PostDataError, shown
from postopt.judgement import Axis, Finding, Prediction, QualityReport
from postopt.quality.readability import readability
from postopt.types import Post

AXES: Final = ("policy", "platform", "correctness", "readability", "fidelity", "novelty", "response")
"""The axes of a report, in its order."""

ORDER: Final = ("policy", "fidelity", "platform", "correctness", "novelty", "response", "readability")
"""The axes in the order in which reports are compared: what may cost most first. A choice, not a measurement."""


class Response(Protocol):
    """Says how a post may do; `postopt.engagement.EngagementPredictor` is one."""

    def predict(self, post: Post | Mapping[str, Any], /) -> Prediction:  # Any: fields of a post, each of its own type
        """Return the prediction for a `Post`, or for a mapping with `text` and `language` where there is only a text.

        Raises:
            PostDataError: it needs to know more of a post than that.
            ModelError: it has not learned enough.
        """
        ...


def of_rules(name: str, findings: Sequence[Finding]) -> Axis:
    """Return an axis that rests on rules: 1 / (1 + findings), and 0 where one of them forbids publishing.

    So 1 means that nothing was found, 0.5 one finding, 0.33 two.
    """
    hard = sum(finding.hard for finding in findings)
    value = 0.0 if hard else 1 / (1 + len(findings))
    says = f"{len(findings)} found{f', {hard} of them hard' * bool(hard)}" if findings else "nothing found"
    return Axis(name=name, value=value, findings=tuple(findings), says=says)


def unknown(name: str, why: str) -> Axis:
    """Return an axis of which nothing can be said."""
    return Axis(name=name, value=None, says=why)


def of_readability(text: str, language: str) -> Axis:
    """Return the score of the language's formula, a hundred points being 1; below 0 and above 100 are cut off."""
    read = readability(text, language)
    if read is None:
        return unknown("readability", "no formula for this language" if language not in ("en", "es") else "no words")
    says = f"{read.scale} {read.score:.0f}, {read.band} ({read.words} words)"
    return Axis(name="readability", value=min(max(read.score / 100, 0.0), 1.0), says=says)


def of_novelty(value: float, findings: Sequence[Finding], compared: int) -> Axis:
    """Return one minus the greatest similarity to a recent text; None where there is no recent text."""
    if not compared:
        return unknown("novelty", "no recent posts to compare with")
    says = f"similarity {1 - value:.2f} to the nearest of {compared} recent {'post' if compared == 1 else 'posts'}"
    return Axis(name="novelty", value=value, findings=tuple(findings), says=says)


def of_response(prediction: Prediction | None) -> Axis:
    """Return the probability that the post does better than the page's recent median."""
    if prediction is None:
        return unknown("response", "nobody predicts")
    value = prediction.p_above_baseline
    if not 0 <= value <= 1:
        return unknown("response", "the prediction holds no probability")
    known = f"{prediction.median:,.0f} [{prediction.low:,.0f}, {prediction.high:,.0f}]"
    says = f"{value:.0%} to do better than the usual {prediction.baseline:,.0f}; expected {known}; {prediction.basis}"
    return Axis(name="response", value=value, says=says)


def predicted(response: Response | None, post: Post | Mapping[str, Any]) -> Axis:
    """Return the axis for what `response` predicts; what it cannot predict has no value and says why."""
    if response is None:
        return of_response(None)
    try:
        return of_response(response.predict(post))
    except (PostDataError, ModelError) as error:
        return unknown("response", f"no prediction: {error}")


def rank(reports: Sequence[QualityReport]) -> list[int]:
    """Return the places of reports, the best first; equals keep their order.

    First those without a hard failure, then by fewer of them. Then by the probability of acceptance, if all have one.
    Then by fewer findings, axis by axis in `ORDER`, and last by larger values, axis by axis in `ORDER`. An axis is left
    out if one of the reports has no value for it. Nothing is ever averaged.

    Raises:
        ValueError: they are no reports.
    """
    reports = check_items("reports", reports, "QualityReports")
    if strange := [report for report in reports if not isinstance(report, QualityReport)]:
        raise ValueError(f"reports has {shown(strange[0])}; QualityReports are needed")
    calibrated = all(report.acceptance is not None for report in reports)
    compared = [name for name in ORDER if all(_value(report, name) is not None for report in reports)]

    def key(place: int) -> tuple[float, ...]:
        report = reports[place]
        found = (len(report.axes[name].findings) if name in report.axes else 0 for name in ORDER)
        values = (-(_value(report, name) or 0.0) for name in compared)
        return (len(report.hard_failures), -(report.acceptance or 0.0) if calibrated else 0.0, *found, *values)

    return sorted(range(len(reports)), key=key)


def columns(report: QualityReport, text: str) -> tuple[float, ...]:
    """Return what the probability of acceptance is learned from; `COLUMNS` names it."""
    values = [_value(report, name) for name in AXES]
    return (
        *(0.0 if value is None else value for value in values),
        *(float(value is None) for value in values),
        float(len(report.hard_failures)),
        math.log1p(len(text)),
    )


COLUMNS: Final = (*AXES, *(f"no {name}" for name in AXES), "hard failures", "log of the length")


def _value(report: QualityReport, name: str) -> float | None:
    axis = report.axes.get(name)
    return None if axis is None else axis.value
