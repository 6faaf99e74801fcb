"""What is said of a post before anybody has seen it: what is wrong with it, and how it may do.

Plain records: `postopt.quality` and `postopt.engagement` make them, and a `Post` carries them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule found in a text.

    Attributes:
        rule: id of the rule, such as "facts.changed"; the same in every version.
        axis: which axis it belongs to.
        message: what is wrong and what to do, in words, with the text that it is about.
        span: where it begins and ends in the text (code points, end excluded), or None for what is missing or about
            the whole text.
        hard: whether no text with it may be published.
        source: where the rule comes from: "brief", "host", or the address of the platform's or textbook's page, with
            the date it was read.
    """

    rule: str
    axis: str
    message: str
    span: tuple[int, int] | None = None
    hard: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One side of a text's quality.

    Attributes:
        name: "policy", "platform", "correctness", "readability", "fidelity", "novelty" or "response".
        value: from 0 (worst) to 1 (nothing to find fault with), or None where nothing can be said, and `says` why.
            Values of different axes are not comparable, and are never averaged.
        findings: what the value rests on.
        says: the value in words.
    """

    name: str
    value: float | None
    findings: tuple[Finding, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """What is right and wrong with a text, axis by axis; there is no total score.

    Attributes:
        axes: by name, in a fixed order.
        acceptance: the probability that the host publishes the text unchanged, learned from what it did with earlier
            ones; None before there are enough of those.
        acceptance_n: from how many of its decisions that was learned.
        calibration: "uncalibrated", or in words how well the probabilities fitted decisions they were not learned from.
    """

    axes: Mapping[str, Axis]
    acceptance: float | None = None
    acceptance_n: int = 0
    calibration: str = "uncalibrated"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was found, axis by axis."""
        return tuple(finding for axis in self.axes.values() for finding in axis.findings)

    @property
    def hard_failures(self) -> tuple[Finding, ...]:
        """What forbids publishing the text."""
        return tuple(finding for finding in self.findings if finding.hard)

    @property
    def fit(self) -> bool:
        """Whether nothing forbids publishing it."""
        return not self.hard_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """How a post may do, in the unit of the outcome (reactions + comments + shares, say).

    Attributes:
        median: as many posts like it do better as do worse.
        low: lower bound of the interval.
        high: upper bound of the interval.
        p_above_baseline: probability that it does better than the page's recent median.
        baseline: that median.
        coverage_target: the share of outcomes that are to lie within their intervals.
        coverage_recent: the share that did so lately, or NaN if nothing is known yet.
        basis: what it rests on, in words: how many posts of the page, or what stands in for them.
        in_range: whether posts like this one were among those learned from.
        reasons: what moved it most against the baseline, in words. Associations, not causes.
    """

    median: float
    low: float
    high: float
    p_above_baseline: float
    baseline: float
    coverage_target: float
    coverage_recent: float
    basis: str
    in_range: bool = True
    reasons: tuple[str, ...] = ()
