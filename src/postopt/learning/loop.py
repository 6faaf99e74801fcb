"""The learning loop: from what readers did to what is written next, in steps that can be replayed and taken back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from postopt._checks import check_amount, check_callable, check_count, check_positive
from postopt.clock import Clock
from postopt.errors import EventBusClosedError, ExperimentError, LearnerError, ReplayError, shown
from postopt.events.bus import EventBus
from postopt.learning import feedback as ledger
from postopt.learning import increments, log, progress, replaying, snapshot
from postopt.learning.beat import left_to_the_next_time, repeat, to_its_end
from postopt.learning.canonical import canonical
from postopt.learning.learner import Learner
from postopt.learning.log import LearningLog
from postopt.learning.memory import Memory, NotKeptError, refuse_unless
from postopt.learning.progress import MICRO, Progress
from postopt.learning.report import StepReport
from postopt.learning.roster import Roster
from postopt.learning.rows import RowStore
from postopt.learning.snapshot import Snapshot
from postopt.learning.stepping import Settings, Stepping
from postopt.types import MAX_COUNT, Feedback

T = TypeVar("T")

_TABLES = (*log.TABLES, *ledger.TABLES, *increments.TABLES, *progress.TABLES)


class LearningLoop:
    """Takes in reports of what readers did, and lets learners learn from them in steps.

    `step` does, in this order: sort the reports that came, take those that are mature, let each learner learn from
    them, let each learner take its own step (ratio check, guardrails, update, mine, propose, promote or roll back), and
    keep a snapshot. It is called by the host, or by `run`; nothing happens in between.

    Laws:
        - A step is there as a whole or not at all: in the store, whose transaction it is, and in the learners, which
          are set back if it fails. That holds for errors of learners, for a full disk and for kill -9.
        - Each report counts once, whoever steps when, and however often, late or out of order it came.
        - A post is judged once: what a step finds mature of it is added up and told as one `Feedback`, with `id` and
          `at` of the last report; what nobody counted stays None. Posts come in order of these (`at`, `id`), so that
          the order in which reports came does not matter. What comes after that is told too, and counted as "again":
          sums add it, rates per post keep what the post had. A `window` that is long enough leaves little of it.
        - A report is mature at its `at`, or `window` seconds after the last decision that led to its post, whichever
          is later. It is "late" if the step before would have taken it; the next one takes it.
        - A report for a post that nobody knows waits until the store has a decision of that id or a link from it. Such
          reports are rows in the store and slow down no step; only the disk bounds how many there are.
        - Reports with the id of an earlier one change nothing: the first one holds.
        - `replay` of `log` makes the same state, byte for byte, with the same learners in a fresh store.
        - A clock that goes back does no harm: what was learned stays learned, and what is mature is judged by the
          time that a step is given. A day's budget begins anew only with a later day.
        - Memory: 1,000 reports at a time and what the learners hold.

    Learners: a step sets a learner back with its `restore`. One that has none must keep everything in the store; what
    it keeps in memory can be neither undone nor brought up to date, and reports and errors name it. Before each step
    all are brought to the state that the last step left in the store, if that was another loop's (another process's,
    or one before a restart); so several loops may share a store, and take turns.

    Thread-safe: a step holds the store's lock, so `ingest`, and whoever else uses the store, waits while it runs, some
    0.05 ms a report and what the learners take: step often. After a fork each process goes on for itself, with a store
    in a file.

    Args:
        store: an `ExperimentStore`; the loop keeps tables of its own in it, and the learners use the same one.
        learners: in the order in which they take their steps; experiments before miners before optimizers.
        clock: wall time, for steps that are not given one.
        seed: written into the log; a replay needs the same. The loop itself draws nothing by chance.
        window: seconds after a post's decision until reports about it are mature; 0 for at once. Posts are compared
            when all of them had at least as much time, and by all they got until then.
        cumulative: whether a report says how much there is in all, instead of how much came since the last report of
            its post. See `postopt.learning.increments` for what cannot be.
        budget: most US dollars a UTC day that learners which cost money may spend in steps. A learner whose next step
            could cost more than is left has no turn.
        max_changes: changes a UTC day after which no further learner has a turn; one turn may pass it.
        history: how many snapshots of earlier steps are kept (30 is arbitrary).
        events: gets a `LearningStepped` for each step.

    Raises:
        ValueError: an argument is none of its kind, or two learners have one name.
    """

    def __init__(
        self,
        store: RowStore,
        learners: Iterable[Learner] = (),
        *,
        clock: Clock = time.time,
        seed: int = 0,
        window: float = 0.0,
        cumulative: bool = False,
        budget: float | None = None,
        max_changes: int | None = None,
        history: int = 30,
        events: EventBus | None = None,
    ) -> None:
        if not isinstance(store, RowStore):
            raise ValueError(f"store is {shown(store)}; an ExperimentStore is needed")  # noqa: TRY004 - as all others
        if events is not None and not isinstance(events, EventBus):
            raise ValueError(f"events is {shown(events)}; an EventBus or None is needed")
        check_callable("clock", clock, "returns seconds")
        if type(cumulative) is not bool:
            raise ValueError(f"cumulative is {shown(cumulative)}; True or False is needed")
        self._store = store
        self._roster = Roster(learners)
        self._clock = clock
        self._seed = check_count("seed", seed, least=0)
        self._settings = Settings(
            window=check_amount("window", window, "seconds"),
            cumulative=cumulative,
            budget=None if budget is None else check_amount("budget", budget, "US dollars"),
            max_changes=None if max_changes is None else check_count("max_changes", max_changes, least=0),
        )
        self._history = check_count("history", history, least=0)
        self._events = events
        self._memory = Memory(self._roster)

    @property
    def log(self) -> LearningLog:
        """Everything that the loop was given, as lines of JSON."""
        return LearningLog(self._store, _TABLES, self._seed)

    @property
    def stopped(self) -> str | None:
        """Why nothing may be changed, or None if something may."""
        with self._transaction() as connection:
            return progress.load(connection).stopped

    def ingest(self, feedback: Feedback | Iterable[Feedback]) -> int:
        """Keep one or more reports until a step; what is kept when this returns survives the process.

        Several are kept in lots of 1,000, each whole or not at all. After an error all may be sent again.

        Returns:
            How many were new.

        Raises:
            OutcomeError: something is no `Feedback`; the lot that it is in is not kept.
            ExperimentStoreError: the store cannot be written.
        """
        reports = iter(feedback if isinstance(feedback, Iterable) else (feedback,))
        new = 0
        while lot := [ledger.checked(report) for report in islice(reports, ledger.PAGE)]:
            new += self._receive(lot)
        return new

    def step(self, now: float | None = None, *, dry_run: bool = False) -> StepReport:
        """Learn from what is mature, let the learners change what they find, and say what that was.

        Nobody is asked for proposals, which takes waiting: `astep` does so first.

        Args:
            now: the time of the step in seconds since the epoch; the clock's if None.
            dry_run: report what a step would do, and keep nothing of it. Learners that spend money have no turn.

        Raises:
            LearnerError: a learner failed, or could not be set back after a dry run. A PostoptError of its own is
                passed on with a note. Nothing was changed.
            ExperimentStoreError: the store cannot be used, or others step for longer than it waits.
            ValueError: `now` is no time, or what a learner says that it costs is no amount.
        """
        report = self._take_step(now, dry_run=dry_run)
        self._publish(report)
        return report

    async def astep(self, now: float | None = None) -> StepReport:
        """Ask learners that have an awaitable `propose(now)` for proposals, and take a step, in a thread.

        While stopped nobody is asked. A learner that cannot get proposals for a reason that may pass (its error is
        `retryable`: a provider is away) is named in the report and holds up nobody. Being cancelled while the step is
        at work waits for its end: afterwards nobody uses the store.

        Args:
            now: the time of the step in seconds since the epoch; the clock's at its begin if None.

        Raises:
            As `step`. If a learner failed while proposing, no step was taken; proposals of others are kept.
        """
        at = None if now is None else self._time(now)
        stopped = await to_its_end(lambda: self.stopped)
        asked = self._time(self._clock()) if at is None else at
        failed = await self._roster.propose(asked) if stopped is None else ()
        report = replace(await to_its_end(lambda: self._take_step(at)), unproposed=failed)
        self._publish(report)  # here: a bus belongs to the thread of its event loop
        return report

    async def run(self, every: float = 3600.0) -> None:
        """Do what `astep` does now and every `every` seconds, until cancelled.

        A step that takes longer than `every` is followed by the next at the next multiple of it: none is made up for.
        Where others hold the store, or an error is `retryable` for another reason, the step is left to the next time;
        any other error ends it and is raised.

        Raises:
            ValueError: `every` is not more than zero.
            As `astep`, what does not pass.
        """
        check_positive("every", every, "seconds")
        await repeat(self._step_unless_busy, every)

    def stop(self, reason: str = "") -> None:
        """Let nothing be changed by any step, in any process, until `resume`; reports are counted on.

        Not even a guardrail pauses an arm then: who stops a loop changes things by hand.
        """
        if not isinstance(reason, str):
            raise ValueError(f"reason is {shown(reason)}; a text is needed")  # noqa: TRY004 - as all others
        self._note("stop", {"reason": reason})

    def resume(self) -> None:
        """Let steps change things again; the day's budget begins anew."""
        self._note("resume", {})

    def snapshot(self, step: int | None = None) -> bytes:
        """Return what was learned as the last step left it, or a step before, as canonical JSON.

        Before the first step no learner is in it; step 0 is what was there when the first one began.

        Raises:
            ExperimentError: that step's snapshot is not kept.
        """
        with self._transaction() as connection:
            found = snapshot.read(connection, step)
        if found is None and step is not None:
            raise ExperimentError(f"no snapshot of step {shown(step)} is kept", hint="history() says which are")
        return (found or Snapshot({}, {})).to_bytes()

    def history(self) -> list[tuple[int, float | None]]:
        """Return (step, its time) of all snapshots that are kept, the oldest first."""
        with self._transaction() as connection:
            return snapshot.kept(connection)

    def restore(self, data: bytes) -> tuple[str, ...]:
        """Set the learners back to a snapshot of this loop; what they learned since is forgotten, and stays in the log.

        Afterwards `snapshot()` equals it, but for learners that cannot be set back: those that have no `restore`, and
        what others read from the store's rows, which are never deleted. Reports that were learned from since are not
        learned from again.

        Returns:
            Names of the learners whose state is not the snapshot's.

        Raises:
            ReplayError: it is no snapshot. Nothing was changed.
        """
        found = Snapshot.from_bytes(data)
        return self._undoable(lambda connection: self._restored(connection, found))

    def replay(self, lines: str | bytes | Iterable[str | bytes]) -> None:
        """Do again all that a log tells of, with its times and settings; then `snapshot` and `log` equal those there.

        Needed are a store and learners that are new, and were made like those that the log is from; past experiments
        that were imported for their priors have to be imported first. What was changed by hand at a learner, not
        through its store, is not in the log; neither is what other threads did while a step ran. What making learners
        writes (a warm start, a prompt that is offered) has the time of the replay, and so it has in the log.

        Raises:
            ReplayError: this loop is not fresh, the log is damaged, foreign or only a part, or a learner failed; the
                message says at which line. Nothing was changed.
            ExperimentStoreError: the store cannot be used.
        """
        self._undoable(lambda connection: self._replayed(connection, lines))

    def _take_step(self, now: float | None = None, *, dry_run: bool = False) -> StepReport:
        at = self._time(self._clock() if now is None else now)
        if dry_run and self._roster.fixed:
            raise LearnerError(
                f"a dry run would change {', '.join(self._roster.fixed)}: they have no restore()",
                hint="give those learners a restore(state), or leave them out of the loop that runs dry",
            )
        return self._undoable(lambda connection: self._stepped(connection, at, dry_run=dry_run), keep=not dry_run)

    def _receive(self, reports: Sequence[Feedback]) -> int:
        bodies = [ledger.body(report) for report in reports]
        with self._transaction() as connection:
            state = progress.load(connection)
            numbers = log.append(connection, "feedback", bodies)
            counts = ledger.receive(connection, list(zip(numbers, reports, bodies, strict=True)))
            newest = state.newest
            for report in reports:
                counts["out_of_order"] += newest is not None and report.at < newest
                newest = report.at if newest is None else max(newest, report.at)
            state.newest = newest
            progress.add(state.arrived, counts)
            progress.save(connection, state)
        return len(reports) - counts["duplicate"] - counts["conflicting"]

    def _stepped(
        self,
        connection: sqlite3.Connection,
        now: float,
        *,
        dry_run: bool = False,
        settings: Settings | None = None,
        roster: Roster | None = None,
    ) -> StepReport:
        state = progress.load(connection)
        others, left = self._memory.catch_up(connection, state)
        who, how = roster or self._roster, settings or self._settings
        stepping = Stepping(connection, who, state, how, now, dry_run=dry_run, history=self._history)
        report = replace(stepping.run(), others=others, not_restored=left)
        progress.save(connection, state)
        self._memory.moved_to(state)
        return report

    def _restored(self, connection: sqlite3.Connection, found: Snapshot) -> tuple[str, ...]:
        state = progress.load(connection)
        self._memory.catch_up(connection, state)
        log.append(connection, "restore", [found.to_bytes().decode()])
        self._roster.restore(found.learners)
        states = self._roster.states()
        left = tuple(name for name in states if found.learners.get(name, states[name]) != states[name])
        state.sums = dict(found.learned)
        state.version += 1
        now = Snapshot(state.sums, {**found.learners, **states})
        snapshot.keep(connection, state.step, state.now, now, self._history)
        progress.save(connection, state)
        self._memory.moved_to(state)
        return left

    def _replayed(self, connection: sqlite3.Connection, lines: str | bytes | Iterable[str | bytes]) -> None:
        if progress.load(connection) != Progress():
            raise ReplayError("this loop has a past; a log can be replayed only in a fresh store")

        def step(now: float, settings: Settings, names: Sequence[str]) -> None:
            self._stepped(connection, self._time(now), settings=settings, roster=self._roster.only(names))

        does = replaying.Does(
            rows=self._store,
            feedback=self._receive,
            step=step,
            restore=lambda found: self._restored(connection, found),
            note=self._note,
        )
        replaying.replay(log.entries(lines, seed=self._seed), does)

    def _note(self, kind: str, body: dict[str, str | float]) -> None:
        with self._transaction() as connection:
            state = progress.load(connection)
            replaying.note(state, kind, body)
            log.append(connection, kind, [canonical(body)])
            progress.save(connection, state)

    def _undoable(self, change: Callable[[sqlite3.Connection], T], *, keep: bool = True) -> T:
        """Do something to store and learners in one transaction; unless it is kept, both are as before."""
        with self._store.lock:  # so that nobody learns between this and the transaction
            before = self._memory.before()
            try:
                with self._transaction() as connection:
                    result = change(connection)
                    refuse_unless(keep, result)
            except NotKeptError as dry:
                self._memory.put_back(before)
                kept: T = dry.args[0]
                return kept
            except BaseException as error:
                self._count_spent(self._memory.put_back(before, error), error)
                raise
            return result

    def _count_spent(self, micros: int, error: BaseException) -> None:
        """Count what a step spent that was undone because of an error."""
        if micros:
            try:
                self._note("spent", {"micros": micros, "now": self._time(self._clock())})
            except ExperimentError as failure:
                error.add_note(f"{micros / MICRO:g} US dollars were spent and could not be counted: {failure}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._store.transaction() as connection:
            for table in _TABLES:
                connection.execute(table)
            yield connection

    def _time(self, now: object) -> float:
        if not isinstance(now, int | float) or isinstance(now, bool) or not -MAX_COUNT <= now <= MAX_COUNT:
            raise ValueError(f"now is {shown(now)}; seconds since the epoch are needed")
        return float(now)

    def _publish(self, report: StepReport) -> None:
        if self._events is not None and not report.dry_run:
            with suppress(EventBusClosedError):  # the step is taken, whoever hears of it
                self._events.publish_nowait(report.event())

    async def _step_unless_busy(self) -> None:
        with left_to_the_next_time():
            await self.astep()
