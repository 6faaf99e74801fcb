"""What an experiment says of its prompts, from the side of those that want into production, or that just got there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from postopt.experiments.decision import ArmResult, Decision
from postopt.experiments.display import certainty, percent, span

_NO_OUTCOMES = "no outcomes yet"
_EXPECTED = "expect "
_WIDENED = "intervals are widened"


def compared(decision: Decision) -> Sequence[str]:
    """Return a line for each candidate, beside the control, and then what `needed` returns.

    The control of a test or a check is the prompt in production; that of a watch is the former one.
    """
    control, *candidates = decision.arms
    return (*(_beside(control, candidate) for candidate in candidates), *needed(decision))


def needed(decision: Decision) -> Sequence[str]:
    """Return why an experiment is where it is, and what it would take to know more: its reasons, said of prompts."""
    return tuple(_reasons(decision))


def _beside(control: ArmResult, candidate: ArmResult) -> str:
    n = f"n = {candidate.n:,} and {control.n:,} posts"
    if candidate.interval.low <= -1 and math.isinf(candidate.interval.high):
        return f"Prompt {candidate.arm} against {control.arm}: nothing can be said yet, {n}"
    interval = f"{certainty(candidate.interval)} {span(candidate.interval)}"
    return f"Prompt {candidate.arm} against {control.arm}: {percent(candidate.lift)}, {interval}, {n}"


def _reasons(decision: Decision) -> Iterator[str]:
    control = decision.arms[0].arm
    for reason in decision.reasons:
        if reason == _NO_OUTCOMES:
            yield f"no posts with readers yet of prompt {', '.join(one.arm for one in decision.arms if not one.n)}"
        elif reason == f"{decision.leader} does not beat {decision.against} yet":
            yield _open(decision)
        elif reason.startswith(_EXPECTED):
            # What is expected of the leader says something of a candidate only where it is one, beside the control.
            if decision.against == control:
                yield f"{decision.leader}: {reason}"
        elif not reason.startswith(_WIDENED):  # they are not: a post is the unit, and counts once
            yield reason


def _open(decision: Decision) -> str:
    """Say what the leader has not shown yet, as it concerns the candidates."""
    control, leader, against = decision.arms[0].arm, decision.leader, decision.against
    if control == leader:
        return "it is open whether a candidate is better"
    if control == against:
        return f"{leader} does not beat {against} yet"
    return f"it is open which of {leader} and {against} is better"
