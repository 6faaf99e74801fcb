"""One step of the learning loop, inside of one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from postopt._checks import check_amount
from postopt.learning import feedback, log, rows, snapshot
from postopt.learning.adding import Sum, added_up
from postopt.learning.canonical import canonical
from postopt.learning.increments import increment
from postopt.learning.learner import Learner, PaidLearner
from postopt.learning.progress import MICRO, Progress, add
from postopt.learning.report import StepReport
from postopt.learning.roster import Roster
from postopt.learning.snapshot import Snapshot
from postopt.types import Feedback

_POST = attrgetter("post_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a step depends on besides what came; the log keeps it with each step.

    Attributes:
        window: seconds from a decision until reports about it are mature.
        cumulative: whether reports say how much there is in all.
        budget: most US dollars a UTC day, or None.
        max_changes: most changes a UTC day, or None.
    """

    window: float
    cumulative: bool
    budget: float | None
    max_changes: int | None


class Stepping:
    """What one step does, in its order; the caller has the transaction, and undoes what fails.

    Args:
        connection: inside of the transaction.
        roster: who learns.
        progress: how far the loop has come; moved on by this step.
        settings: of this step.
        now: its time.
        dry_run: whether it will be undone anyway: learners whose steps cost money are not asked then.
        history: snapshots of earlier steps that are kept.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        roster: Roster,
        progress: Progress,
        settings: Settings,
        now: float,
        *,
        dry_run: bool = False,
        history: int = 30,
    ) -> None:
        self._connection = connection
        self._roster = roster
        self._progress = progress
        self._settings = settings
        self._now = now
        self._dry_run = dry_run
        self._history = history
        self._counts: dict[str, int] = {}
        self._by_learner: dict[str, int] = {}

    def run(self) -> StepReport:
        """Take the step."""
        progress, now = self._progress, self._now
        self._begin()
        previous, arrived = progress.now, progress.arrived
        window = self._settings.window
        found = self._identify()
        for posts, reports in feedback.mature(self._connection, now=now, window=window):
            known = rows.origins(self._connection, posts)
            # All of them before anybody learns: learners write, and nobody writes while the reports are read.
            for total in [total for _, group in groupby(reports, _POST) for total in added_up(self._news(group))]:
                self._learn(total, known[total.feedback.post_id].decisions)
        changes, skipped = self._change()
        progress.version += 1
        progress.step += 1
        progress.now, progress.arrived = now, {}
        progress.marks = rows.marks(self._connection)
        self._keep()
        report = StepReport(
            step=progress.step,
            now=now,
            dry_run=self._dry_run,
            waiting=feedback.waiting(self._connection, window=window, unknown=progress.unknown),
            learners=self._by_learner,
            changes=changes,
            needs=self._roster.needs(),
            stopped=progress.stopped,
            skipped=skipped,
            backwards=0.0 if previous is None else max(0.0, previous - now),
        )
        counts: dict[str, Any] = {**arrived, **found, **self._counts}  # fields of the report by name
        return replace(report, **counts)

    def _begin(self) -> None:
        """Log what others wrote since the last step, and that there is a step."""
        new = rows.since(self._connection, self._progress.marks)
        if new:
            self._roster.refresh()
            log.append(self._connection, "rows", [canonical(new)])
        step = {"now": self._now, "learners": self._roster.names, **asdict(self._settings)}
        log.append(self._connection, "step", [canonical(step)])
        if not self._progress.step:
            self._keep()

    def _identify(self) -> dict[str, int]:
        progress, present = self._progress, rows.marks(self._connection)
        found = feedback.identify(
            self._connection,
            looked=progress.looked,
            present=present,
            previous=progress.now,
            window=self._settings.window,
        )
        progress.looked = present
        progress.unknown += found["unknown"] - found["found"]
        return found

    def _news(self, reports: Iterator[Feedback]) -> Iterator[Feedback]:
        """Yield what reports of one post add to those before."""
        for report in reports:
            found = increment(self._connection, report) if self._settings.cumulative else report
            if isinstance(found, str):
                add(self._counts, {found: 1})
            else:
                self._progress.learned(found)
                yield found

    def _learn(self, total: Sum, decisions: Sequence[str]) -> None:
        takers = self._roster.learn(decisions, total.feedback)
        add(self._by_learner, dict.fromkeys(takers, total.reports))
        add(self._counts, {"learned": total.reports, "posts": 1} if takers else {"unclaimed": total.reports})
        # A post that nobody was shown is not judged yet.
        if takers and total.feedback.impressions and feedback.judge(self._connection, decisions):
            add(self._counts, {"again": total.reports})

    def _change(self) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Let each learner take its step, as far as the day's budget goes; return the changes and who had no turn."""
        changes: list[tuple[str, str]] = []
        skipped = []
        self._progress.on(self._now)
        for learner in self._roster if self._progress.stopped is None else ():
            if not self._has_room(learner):
                skipped.append(learner.name)
                continue
            before = spent(learner)
            texts = self._roster.step(learner, self._now)
            self._progress.spent += spent(learner) - before
            self._progress.changes += len(texts)
            changes.extend((learner.name, text) for text in texts)
        return tuple(changes), tuple(skipped)

    def _has_room(self, learner: Learner) -> bool:
        progress, settings = self._progress, self._settings
        if settings.max_changes is not None and progress.changes >= settings.max_changes:
            return False
        most = _micros(learner, "most_usd") if isinstance(learner, PaidLearner) else 0
        if most and self._dry_run:
            return False
        return settings.budget is None or not most or progress.spent + most <= round(settings.budget * MICRO)

    def _keep(self) -> None:
        """Keep a snapshot; states of learners that this loop does not have are carried on."""
        last = snapshot.read(self._connection, None)
        learners = {**(last.learners if last else {}), **self._roster.states()}
        now = Snapshot(self._progress.sums, learners)
        snapshot.keep(self._connection, self._progress.step, self._progress.now, now, self._history)


def spent(learner: Learner) -> int:
    """Return what a learner ever spent, in millionths of a dollar."""
    return _micros(learner, "spent_usd") if isinstance(learner, PaidLearner) else 0


def _micros(learner: Any, name: str) -> int:  # its attributes were looked for
    return round(check_amount(f"{learner.name}.{name}", getattr(learner, name), "US dollars") * MICRO)
