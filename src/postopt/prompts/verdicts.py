"""What an experiment's decision means for the prompts in it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from postopt.experiments.decision import Decision, State
from postopt.experiments.display import headline
from postopt.prompts.changes import Change, Kind
from postopt.prompts.stages import Progress, Stage
from postopt.prompts.template import short


class Verdict(NamedTuple):
    """A step from one stage to the next.

    Attributes:
        progress: from now on.
        words: what was changed and what that rests on.
        change: of production, or None.
    """

    progress: Progress
    words: str
    change: Change | None = None


def follow(progress: Progress, decision: Decision, at: float) -> Verdict | None:
    """Return what follows from a decision about the experiment that is going on; None while that is open."""
    if progress.stage is Stage.WATCH:
        return _watched(progress, decision, at)
    if decision.state is State.RUNNING:
        return None
    said = _said(decision)
    winner = _winner(progress, decision)
    if winner == progress.production:
        return Verdict(
            progress.ended(at), f"No candidate proved better than prompt {short(winner)}, which stays. {said}"
        )
    if progress.stage is Stage.TEST:
        words = f"Prompt {short(winner)} won its test; it is now checked on posts that took no part in it. {said}"
        return Verdict(progress.checked(winner, at), words)
    words = f"Prompt {short(winner)} won its re-check, too, and is now in production. {said}"
    return _changed(progress, progress.promoted(at), "promoted", decision.n, words)


def by_hand(progress: Progress, reason: str, at: float) -> Verdict:
    """Return the way back to the former prompt.

    Raises:
        PromptError: there is none.
    """
    return _changed(progress, progress.rolled_back(at), "by_hand", 0, reason)


def _watched(progress: Progress, decision: Decision, at: float) -> Verdict | None:
    former, present = progress.arms
    said = _said(decision)
    back = f"Prompt {short(present)} was rolled back to {short(former)}"
    if not _active(decision, present):
        return _changed(progress, progress.rolled_back(at), "guardrail", decision.n, f"{back}: it was paused. {said}")
    if decision.state is State.RUNNING:
        return None
    if decision.winner == short(former):
        return _changed(progress, progress.rolled_back(at), "worse", decision.n, f"{back}, which earns more. {said}")
    return Verdict(progress.ended(at), f"Prompt {short(present)} stays; it was watched to the end. {said}")


def _changed(before: Progress, after: Progress, kind: Kind, n: int, words: str) -> Verdict:
    """Return a verdict that changes production, with the record of it."""
    promoted = kind == "promoted"
    change = Change(
        number=after.changes,
        kind=kind,
        version=after.production if promoted else before.production,
        former=before.production if promoted else after.production,
        n=n,
        words=words,
        at=after.since,
    )
    return Verdict(after, words, change)


def _said(decision: Decision) -> str:
    return f"{headline(decision)}; {'; '.join(decision.reasons)}"


def _winner(progress: Progress, decision: Decision) -> str:
    """Return the version that won and may still be shown, else that of production."""
    for version in progress.arms:
        if decision.state is State.WINNER and decision.winner == short(version) and _active(decision, version):
            return version
    return progress.production


def _active(decision: Decision, version: str) -> bool:
    return any(result.arm == short(version) and result.status == "active" for result in decision.arms)
