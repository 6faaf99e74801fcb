"""Whether an edit stays. Who proposes an edit never decides: no score that asked for one is asked whether it helped.

Three judges, none of which is a score of quality:
    - what the text stated before it must state after it, and no rule may find more that forbids publishing;
    - an edit that a rule asked for stays because that rule, a yes or no about the text, finds less;
    - all else, a rewrite or a cut that nothing forced, stays only if the ranker, which learned from other readers and
      never from what the host accepted, is sure that it does better.

The probability of acceptance has no say: it was learned from the texts it would judge. Nor has readability where only
the letter changes: its formula counts words and sentences, so that taking out one of two "are" makes four words harder
to read by it, which no reader would say. Novelty and response may move a little then. Where wording changes, each may
speak against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from postopt.errors import ModelError
from postopt.judgement import QualityReport
from postopt.quality.mending.edits import Edit
from postopt.stats import Interval

# How far an estimate may move for an edit of the letter. Arbitrary.
_WOBBLE: Final = 0.05
_OF_THE_LETTER: Final = {"readability": float("inf"), "novelty": _WOBBLE, "response": _WOBBLE}


class Comparison(Protocol):
    """How one text does against another: `interval` is of the difference, and `p` that the second one does better."""

    @property
    def p(self) -> float: ...  # noqa: D102 - said above
    @property
    def interval(self) -> Interval: ...  # noqa: D102
    @property
    def abstains(self) -> bool: ...  # noqa: D102


class Ranker(Protocol):
    """Says which of two texts does better; `postopt.engagement.VariantRanker` is one."""

    def compare(self, first: str, second: str, /) -> Comparison:
        """Return how the second does against the first.

        Raises:
            ModelError: it has not learned enough.
        """
        ...


class Judged(NamedTuple):
    """A text, what is said of it, and what it states."""

    text: str
    report: QualityReport
    states: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditDecision:
    """What became of a proposal.

    Attributes:
        rule: whose finding was to be removed; "rewrite" for a generator's text, "none" where nothing was proposed.
        axis: which axis asked for it, or "" if none did.
        did: what was done, in words.
        kept: whether it stays.
        judge: who decided: "facts", "checkers", "ranker", or "enhancer" where there was nothing to judge.
        reason: why, in words.
        cost_usd: what it cost, and may have cost.
    """

    rule: str
    axis: str
    did: str
    kept: bool
    judge: str
    reason: str
    cost_usd: float = 0.0


class Verdict(NamedTuple):
    """Whether a proposal stays, who says so, and why."""

    keep: bool
    judge: str
    reason: str


def of_edit(edit: Edit, before: Judged, after: Judged, ranker: Ranker | None) -> Verdict:
    """Return whether an edit that a rule asked for stays."""
    if (harm := _harm(before, after)) is not None:
        return harm
    count = _hard if edit.hard else _found
    less = count(before.report)[edit.rule] - count(after.report)[edit.rule]
    if less <= 0:
        return _dropped("checkers", f"{edit.rule} finds as much as before")
    gone = f"{less} {'finding' if less == 1 else 'findings'} of {edit.rule} less"
    if edit.hard:
        return _kept("checkers", f"{gone}, which forbade publishing")
    was, now = _found(before.report), _found(after.report)
    more = [rule for rule in now if now[rule] > was[rule]]
    if more:
        return _dropped("checkers", f"{gone}, but {', '.join(more)} more")
    worse = _worse(before.report, after.report, {} if edit.content else _OF_THE_LETTER)
    if worse:
        return _dropped("checkers", f"{gone}, but worse on {worse}")
    if edit.content:
        return _by_ranker(before, after, ranker)
    return _kept("checkers", f"{gone}, no rule finds more, and novelty and response fell by {_WOBBLE} at most")


def of_rewrite(before: Judged, after: Judged, ranker: Ranker | None) -> Verdict:
    """Return whether a generator's text takes the place of what it was to better."""
    if (harm := _harm(before, after)) is not None:
        return harm
    was, now = len(before.report.hard_failures), len(after.report.hard_failures)
    if now < was:
        return _kept("checkers", f"{was - now} of {was} findings that forbade publishing are gone")
    if worse := _worse(before.report, after.report, {}):
        return _dropped("checkers", f"worse on {worse}")
    return _by_ranker(before, after, ranker)


def _harm(before: Judged, after: Judged) -> Verdict | None:
    """Return the verdict on what may not happen whatever else it brings."""
    if lost := sorted(before.states - after.states):
        return _dropped("facts", f"it would lose {', '.join(lost)}")
    was, now = _hard(before.report), _hard(after.report)
    if new := [rule for rule in now if now[rule] > was[rule]]:
        return _dropped("checkers", f"it would forbid publishing by {', '.join(new)}")
    return None


def _by_ranker(before: Judged, after: Judged, ranker: Ranker | None) -> Verdict:
    if ranker is None:
        return _dropped("ranker", "no ranker says that it does better")
    try:
        compared = ranker.compare(before.text, after.text)
    except ModelError as error:
        return _dropped("ranker", f"the ranker cannot say: {error}")
    low, high = compared.interval[:2]
    seen = f"the difference is in [{low:+.3g}, {high:+.3g}], better with probability {compared.p:.0%}"
    # Not `low <= 0`: a bound that is NaN is sure of nothing.
    return (_kept if low > 0 and not compared.abstains else _dropped)("ranker", seen)


def _kept(judge: str, reason: str) -> Verdict:
    return Verdict(keep=True, judge=judge, reason=reason)


def _dropped(judge: str, reason: str) -> Verdict:
    return Verdict(keep=False, judge=judge, reason=reason)


def _worse(before: QualityReport, after: QualityReport, may_fall: Mapping[str, float]) -> str:
    """Return the axes that fell by more than they may, in words; those that can no longer be told did, too."""
    fell = []
    for name, axis in before.axes.items():
        now, fall = after.axes[name].value, may_fall.get(name, 0.0)
        if axis.value is None or fall == float("inf"):
            continue
        if now is None or now < axis.value - fall - 1e-9:
            fell.append(f"{name} ({axis.value:.2f} to {'unknown' if now is None else f'{now:.2f}'})")
    return ", ".join(fell)


def _found(report: QualityReport) -> Counter[str]:
    return Counter(finding.rule for finding in report.findings)


def _hard(report: QualityReport) -> Counter[str]:
    return Counter(finding.rule for finding in report.hard_failures)
