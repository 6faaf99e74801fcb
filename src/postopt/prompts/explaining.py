"""What a prompt optimizer is doing, in words."""

from __future__ import annotations

from collections.abc import Iterator

from postopt.experiments.decision import Decision, State
from postopt.prompts.comparing import compared
from postopt.prompts.ledger import PromptLedger
from postopt.prompts.stages import Progress, Stage
from postopt.prompts.template import short

_DOING = {
    Stage.IDLE: "Nothing is being tested.",
    Stage.TEST: "Candidates are being tried beside it.",
    Stage.CHECK: "The winner of the last test is being checked on posts that took no part in the test.",
    Stage.WATCH: "The former prompt still writes a few posts, to compare it with.",
}
_STATES = {
    State.RUNNING: "running",
    State.WINNER: "over; one prompt beats each other one",
    State.NO_WINNER: "over",
    State.INVALID: "invalid",
    State.STOPPED: "stopped",
}
_SHOWN = 5  # changes, the last ones


def explained(name: str, progress: Progress, decision: Decision | None, ledger: PromptLedger) -> str:
    """Return it a line each; `decision` is that of the experiment that is going on."""
    return "\n".join(_lines(name, progress, decision, ledger))


def _lines(name: str, progress: Progress, decision: Decision | None, ledger: PromptLedger) -> Iterator[str]:
    production = ledger.versions.get(progress.production)
    yield f"{name}: prompt {production.short} by {production.proposer} is in production. {_DOING[progress.stage]}"
    yield from (f"  made of {seen.words()}" for seen in production.evidence)
    for version in progress.arms:
        if version != progress.production:
            arm = ledger.versions.get(version)
            yield f"  {arm.short} by {arm.proposer}: {arm.change}"
            yield from (f"    made of {seen.words()}" for seen in arm.evidence)
    if decision is not None:
        yield f"Experiment {decision.experiment} is {_STATES[decision.state]}."
        yield from (f"  {line}" for line in compared(decision))
    if progress.waiting:
        yield f"Waiting for a test: {', '.join(short(one.version) for one in progress.waiting)}."
    for change in ledger.changes()[-_SHOWN:]:
        yield f"Change {change.number}, {change.kind}: {change.words}"
