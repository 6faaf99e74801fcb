"""What an experiment's decision means for the prompts in it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from postopt.experiments.decision import ArmResult, Decision, State
from postopt.prompts.changes import Change, Kind
from postopt.prompts.comparing import compared
from postopt.prompts.stages import Progress, Stage
from postopt.prompts.template import short

_CLAIMS_NOTHING = (State.INVALID, State.STOPPED)


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
    winner = _winner(decision)
    if decision.state is State.RUNNING and (winner is None or _open(decision, winner)):
        return None
    said, worse = _said(decision), _worse(progress, decision)
    if winner is None:
        stays = short(progress.production)
        return Verdict(
            progress.ended(at, worse), f"No candidate proved better than prompt {stays}, which stays. {said}"
        )
    if progress.stage is Stage.TEST:
        words = f"Prompt {winner.arm} won its test; it is now checked on posts that took no part in it. {said}"
        return Verdict(progress.checked(_version(progress, winner), at, worse), words)
    words = f"Prompt {winner.arm} won its re-check, too, and is now in production. {said}"
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
    return "; ".join(compared(decision))


def _winner(decision: Decision) -> ArmResult | None:
    """Return the best of the candidates that beat the prompt in production, its control, and may still be shown.

    Each interval of a lift over the control holds at all looks with 1 - alpha / candidates, so that all together hold
    with 1 - alpha. The experiment's own winner has beaten the control at alpha / arms a side, which is no stricter: a
    candidate that is no better beats it in one way or the other with alpha / arms, and any does with less than alpha.
    """
    if decision.state in _CLAIMS_NOTHING:
        return None
    better = [result for result in _shown(decision) if result.interval.low > 0 or result.arm == decision.winner]
    return max(better, key=lambda result: (result.arm == decision.winner, result.lift), default=None)


def _open(decision: Decision, winner: ArmResult) -> bool:
    """Return whether a candidate that has not beaten the control could still be better than the winner."""
    return any(result.interval.low <= 0 and result.interval.high > winner.interval.low for result in _shown(decision))


def _worse(progress: Progress, decision: Decision) -> tuple[str, ...]:
    """Return the versions of candidates that are worse than the control, or that did harm."""
    sound = decision.state not in _CLAIMS_NOTHING
    lost = [one for one in decision.arms[1:] if one.status != "active" or (sound and one.interval.high < 0)]
    return tuple(_version(progress, result) for result in lost)


def _shown(decision: Decision) -> list[ArmResult]:
    return [result for result in decision.arms[1:] if result.status == "active"]


def _version(progress: Progress, result: ArmResult) -> str:
    return next(version for version in progress.arms if short(version) == result.arm)


def _active(decision: Decision, version: str) -> bool:
    return any(result.arm == short(version) and result.status == "active" for result in decision.arms)
