"""What a step of the learning loop learned and changed, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from postopt.events.records import Event
from postopt.learning.feedback import NOTHING_WAITS, Waiting

_AGAIN = "sums add them, rates per post stay; a longer window= judges posts by all they get"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step.

    Each report that was received since the last step is counted once as new, duplicate or conflicting; each new one
    once as known in time, late or unknown.

    Attributes:
        step: its number, from 1.
        now: the time it was taken for, in seconds since the epoch.
        dry_run: whether nothing of it was kept.
        received: reports that came since the last step.
        duplicate: of these, those whose id was there with the same content.
        conflicting: those whose id was there with other content; the first one holds.
        out_of_order: those counted at an earlier time than a report received before them; they are as good as others.
        unknown: new ones for a post that is neither a decision nor linked to one; they are kept until it is.
        late: new ones that the step before would have learned from; this one does, or a later one.
        found: reports for posts that were unknown at the last step and no longer are.
        learned: reports that became mature and that a learner took.
        posts: of how many posts these are; what counts each post once counts so many.
        again: of these, reports of posts that were judged before, in an earlier step or, where one choice led to
            several posts, by another of them: sums add them, what counts a post once keeps what it had.
        unclaimed: those that became mature and that no learner took.
        superseded: cumulative reports older than one already taken, or that say the same.
        refused: cumulative reports with a count smaller than before.
        deferred: cumulative reports with more new clicks or hides than new impressions; the next one holds them, too.
        waiting: what there is to learn from later.
        learners: how many reports each learner took.
        changes: (name of the learner, what it changed, in words).
        needs: (name of the learner, what it would take to know more, in words).
        stopped: why nothing may be changed, or None.
        skipped: names of the learners whose step the day's budget had no room for.
        others: steps that others took on this store since this loop's last one; their state was taken over.
        backwards: seconds by which the time lies before the last step's; 0 if it does not.
        not_restored: names of learners that could not be brought to the state in the store: they have no `restore()`.
        unproposed: (name of the learner, why it could get no proposals this time, in words).
    """

    step: int
    now: float
    dry_run: bool = False
    received: int = 0
    duplicate: int = 0
    conflicting: int = 0
    out_of_order: int = 0
    unknown: int = 0
    late: int = 0
    found: int = 0
    learned: int = 0
    posts: int = 0
    again: int = 0
    unclaimed: int = 0
    superseded: int = 0
    refused: int = 0
    deferred: int = 0
    waiting: Waiting = NOTHING_WAITS
    learners: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    stopped: str | None = None
    skipped: tuple[str, ...] = ()
    others: int = 0
    backwards: float = 0.0
    not_restored: tuple[str, ...] = ()
    unproposed: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        lines = [f"Step {self.step}{' (dry run: nothing of it was kept)' if self.dry_run else ''}"]
        for title, part in self._parts():
            lines += [title, *(f"  - {line}" for line in part)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = (
            f"<dt>{escape(title)}</dt><dd><ul>{''.join(f'<li>{escape(line)}</li>' for line in part)}</ul></dd>"
            for title, part in self._parts()
        )
        dry = " (dry run: nothing of it was kept)" if self.dry_run else ""
        return f"<p><b>Step {self.step}</b>{dry}</p><dl>{''.join(parts)}</dl>"

    def event(self) -> LearningStepped:
        """Return it as an event, without a word."""
        return LearningStepped(
            at=self.now,
            step=self.step,
            received=self.received,
            learned=self.learned,
            late=self.late,
            duplicate=self.duplicate,
            unknown=self.unknown,
            changes=len(self.changes),
        )

    def _parts(self) -> Iterator[tuple[str, list[str]]]:
        yield "What came", list(self._arrived())
        yield "What was learned", list(self._learned())
        yield "What was changed", list(self._changed())
        needs = [*(_of(name, text) for name, text in self.needs), *self._waits()]
        if needs:
            yield "What it would take to know more", needs
        if notes := list(self._notes()):
            yield "To be looked at", notes

    def _arrived(self) -> Iterator[str]:
        yield _reports(self.received)
        for count, words in (
            (self.duplicate, "had come before and did not count again"),
            (self.conflicting, "had the id of another with other content: the first one holds; ask the sender"),
            (self.out_of_order, "came after one that was counted later; they count as all others"),
            (self.late, "came too late for the step before; they count all the same"),
            (self.unknown, "for posts that nobody knows; they are kept"),
            (self.found, "for posts that were unknown until now"),
        ):
            if count:
                yield f"{count} {words}"

    def _learned(self) -> Iterator[str]:
        of = f" of {self.posts} post{'' if self.posts == 1 else 's'}" if self.posts else ""
        yield f"{_reports(self.learned)}{of} learned from"
        for name, count in self.learners.items():
            yield f"{name}: {_reports(count)}"
        for count, words in (
            (self.again, f"of them after their post was judged: {_AGAIN}"),
            (self.unclaimed, "mature, but no learner took them"),
            (self.superseded, "said less than a report taken before, or the same"),
            (self.refused, "refused: a count was smaller than before, and readers are not taken back"),
            (self.deferred, "left to the next report of their post: more new clicks than new impressions"),
        ):
            if count:
                yield f"{count} {words}"

    def _changed(self) -> Iterator[str]:
        if self.stopped is not None:
            yield f"nothing: stopped{': ' + self.stopped if self.stopped else ''}; reports are counted on"
        elif not self.changes:
            yield "nothing"
        for name, text in self.changes:
            yield _of(name, text)
        if self.skipped:
            yield f"the day's budget has no room for {', '.join(self.skipped)}"

    def _waits(self) -> Iterator[str]:
        if self.waiting.known:
            due = self.waiting.due
            when = "" if due is None or due <= self.now else f"; the first one is in {_time(due - self.now)}"
            yield f"{_reports(self.waiting.known)} until mature{when}"
        if self.waiting.unknown:
            yield f"{_reports(self.waiting.unknown)} until somebody says with link() which decision led to their post"

    def _notes(self) -> Iterator[str]:
        if self.others:
            steps = "1 step" if self.others == 1 else f"{self.others} steps"
            yield f"others took {steps} on this store meanwhile; what they learned was taken over"
        if self.backwards:
            yield f"the clock went back by {_time(self.backwards)}"
        if self.not_restored:
            yield f"no restore(), so not brought to the state in the store: {', '.join(self.not_restored)}"
        for name, text in self.unproposed:
            yield f"{name} could get no proposals this time: {text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningStepped(Event):
    """The learning loop took a step and kept it.

    Attributes:
        step: its number.
        received: reports that came since the last one.
        learned: reports that were learned from.
        late: as in `StepReport`.
        duplicate: as in `StepReport`.
        unknown: as in `StepReport`.
        changes: how many changes were made.
    """

    step: int
    received: int
    learned: int
    late: int
    duplicate: int
    unknown: int
    changes: int


def _of(name: str, text: str) -> str:
    """Return what a learner says, with its name once."""
    return text if text.startswith(f"{name}: ") else f"{name}: {text}"


def _reports(count: int) -> str:
    return f"{count} report{'' if count == 1 else 's'}"


def _time(seconds: float) -> str:
    """Return a time as a reader takes it in: two digits of the largest unit."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}" if seconds < 100 * length else f"{seconds / length:.0f} {unit}"
    return f"{seconds:.3g} seconds"
