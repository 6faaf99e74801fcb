"""What experiments, prompts, selectors and the learning loop remember."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

from postopt._checks import check_callable, check_count, check_positive
from postopt.clock import Clock
from postopt.errors import UnknownAssignmentError, shown
from postopt.experiments import audit, documents, entries, log, registry
from postopt.experiments.audit import Finding
from postopt.experiments.documents import Document, as_json
from postopt.experiments.entries import Deal, Rows
from postopt.experiments.maturity import Maturity
from postopt.experiments.records import Arm, Bucket, CountRow, DecisionRow, OutcomeRow, Totals
from postopt.experiments.registry import ArmRow
from postopt.experiments.storefile import MEMORY, StoreFile, check_place
from postopt.experiments.writebehind import WriteBehind

_HURRY = 0.1  # seconds; arbitrary
_MAX_KNOWN = 100_000  # arms that are known to be there; arbitrary, a few megabytes


class ExperimentStore:
    """The log of experiments in an SQLite file, the sums over it, and what was learned from it.

    For any number of threads of a process, and of processes of one machine. A file system that several machines share
    is not enough: SQLite's locks do not reach across it. Units and contexts come in as their users hash and write them.

    Decisions, outcomes, counts and links are queued in memory, and written together in one transaction once
    `flush_rows` wait, `flush_seconds` after they came, before sums are read, when the store is closed and when the
    process ends. A thread sees to the seconds; it is there only while rows come. All else is written at once. So what
    a process that is killed (kill -9) had logged within the last second may be missing, but there is no half row, no
    outcome without its decision, and no sum that is not the sum of the log. What is written survives the process; after
    a power failure the last transactions may be missing, too.

    Each row has a key, and the first one of a key stays: a decision's id, an outcome's decision and metric, a count's
    id. Writing one again changes nothing, so whoever does not know whether something was logged logs it again.

    If the file cannot be written (the disk is full, another process has it), rows go on waiting, 10,000 at most, and
    are tried again every `flush_seconds`; that is logged, and `flush` raises it. Single rows are found all the same;
    sums are not, as reading them writes what is new. A call whose rows have no room any more writes itself or raises;
    nothing is ever dropped. A file that was deleted is not made anew.

    The child of a fork has a copy of the queue. Both write it, and the second to do so changes nothing.

    Nothing is opened before the first use, which also makes the file (mode 0600) and brings one of an older version up
    to date.

    Args:
        path: the file, or ":memory:" for a store that ends with this object.
        clock: wall time, for what is stamped without an `at`.
        flush_rows: that wait at most before they are written.
        flush_seconds: that a row waits at most.
        salt: for a new file, or the one that the file must have; random if None.
        seconds: after which a call gives up waiting for other threads and processes (5 is arbitrary).

    Raises:
        ValueError: an argument is none of its kind.

    Whatever asks for an experiment or an arm that was never defined raises UnknownExperimentError or UnknownArmError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = MEMORY,
        *,
        clock: Clock = time.time,
        flush_rows: int = 100,
        flush_seconds: float = 1.0,
        salt: bytes | None = None,
        seconds: float = 5.0,
    ) -> None:
        check_place(path, salt)
        check_callable("clock", clock, "returns seconds")
        self._clock = clock
        rows, within = check_count("flush_rows", flush_rows), check_positive("flush_seconds", flush_seconds, "seconds")
        self._file = StoreFile(path, salt=salt, seconds=check_positive("seconds", seconds, "seconds"))
        self._behind = WriteBehind(self._file, flush_rows=rows, flush_seconds=within)
        self._maturity = Maturity(self._behind.after_commit)
        self._known: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def salt(self) -> bytes:
        """What keys the hashes of units."""
        return self._file.salt

    @property
    def waiting(self) -> int:
        """How many rows wait to be written."""
        return len(self._behind.queue)

    @property
    def lock(self) -> threading.RLock:
        """The lock that a transaction holds, for those who keep state beside the store; hold it as briefly."""
        return self._file.lock

    def hurrying(self) -> AbstractContextManager[None]:
        """Inside, this thread holds `lock`, and waits for other processes 0.1 s at most; as long for `lock` before.

        Raises:
            ExperimentStoreError: another thread had the lock for all of that time.
        """
        return self._file.hurrying(_HURRY, _HURRY)

    def log_decisions(self, rows: Iterable[DecisionRow]) -> None:
        """Log decisions; one whose id is there already changes nothing.

        Raises:
            UnknownArmError, UnknownExperimentError: a decision's experiment or arm was never defined.
            ValueError: a row is none. Nothing of the call is logged then.
            ExperimentStoreError: the store cannot be read, or no more rows can wait and none be written.
        """
        decisions = [entries.decision(row) for row in rows]
        self._know({(decision[1], decision[2]) for decision in decisions})
        self._behind.take(Rows(decisions=decisions))

    def log_deal(self, deal: Deal) -> None:
        """Log decisions that were made together; the rest is as for `log_decisions`, the errors too."""
        decisions = entries.dealt(deal)
        self._know(deal.pairs)
        self._behind.take(Rows(decisions=decisions))

    def log_outcomes(self, rows: Iterable[OutcomeRow]) -> None:
        """Log outcomes; a second one of a decision and metric changes nothing.

        Raises:
            UnknownAssignmentError: there is no such decision.
            OutcomeError: a value is negative, NaN or infinite. Nothing of the call is logged then.
            ExperimentStoreError: as for decisions.
        """
        outcomes = [entries.outcome(row) for row in rows]
        self._check_decisions([outcome[0] for outcome in outcomes])
        self._behind.take(Rows(outcomes=outcomes))

    def log_counts(self, rows: Iterable[CountRow]) -> None:
        """Log sums of outcomes; one whose id is there already changes nothing.

        Raises:
            UnknownArmError, UnknownExperimentError: a row's experiment or arm was never defined.
            OutcomeError: no outcomes can have such sums. Nothing of the call is logged then.
            ExperimentStoreError: as for decisions.
        """
        counts = [entries.count(row) for row in rows]
        self._know({(count[1], count[2]) for count in counts})
        self._behind.take(Rows(counts=counts))

    def link(self, post_id: str, decision_id: str) -> None:
        """Note that a post came from a decision; doing it again changes nothing.

        Raises:
            UnknownAssignmentError: there is no such decision.
        """
        link = entries.text("post_id", post_id), entries.text("decision_id", decision_id)
        self._check_decisions(link[1:])
        self._behind.take(Rows(links=(link,)))

    def decision(self, decision_id: str) -> DecisionRow | None:
        """Return a decision, or None."""
        return self.decisions((decision_id,)).get(decision_id)

    def decisions(self, ids: Iterable[object]) -> dict[str, DecisionRow]:
        """Return those of these decisions that there are, by id; one look at the file for all of them."""
        names = [each for each in ids if isinstance(each, str)]
        with self._behind.looking() as connection:  # nothing moves from the queue to the file meanwhile
            waiting = self._behind.queue.decisions(names)
            written = {row.id: row for row in log.decisions(connection, names)}
        return {each: DecisionRow._make(found[:9]) for each, found in waiting.items()} | written

    def outcome(self, decision_id: str, metric: str) -> OutcomeRow | None:
        """Return the outcome of a decision, or None."""
        with self._behind.looking() as connection:
            waiting = self._behind.queue.outcomes((decision_id,), metric).get(decision_id)
            written = log.outcome(connection, decision_id, metric)
        return written or (None if waiting is None else OutcomeRow._make(waiting))

    def outcomes(self, ids: Iterable[object], metric: str) -> dict[str, float]:
        """Return the outcomes of those of these decisions that have one, by decision; one look at the file for all."""
        names = [each for each in ids if isinstance(each, str)]
        with self._behind.looking() as connection:
            waiting = {each: found[2] for each, found in self._behind.queue.outcomes(names, metric).items()}
            return waiting | log.outcomes(connection, names, metric)

    def count(self, count_id: str) -> CountRow | None:
        """Return a count, or None."""
        with self._behind.looking() as connection:
            waiting = self._behind.queue.count(count_id)
            return log.count(connection, count_id) or (None if waiting is None else log.count_row(waiting))

    def counts(self, experiment: str, after: int = 0) -> list[tuple[int, CountRow]]:
        """Return the counts of an experiment with their numbers, which rise as they were logged, from above `after`."""
        with self._behind.current() as connection:
            return log.counts(connection, experiment, after)

    def linked(self, post_id: str) -> tuple[str, ...]:
        """Return the ids of the decisions that a post came from: itself if it is one, and those it was linked to."""
        itself = (post_id,) if self.decision(post_id) else ()
        with self._behind.looking() as connection:
            waiting = self._behind.queue.links(post_id)
            return tuple(dict.fromkeys((*itself, *log.linked(connection, post_id), *waiting)))

    def buckets(self, experiment: str, metric: str | None = None, before: float | None = None) -> list[Bucket]:
        """Return the sums of outcomes by arm, half, metric and UTC day of the decision.

        Counts are in buckets of half -1, by the day of the count.

        Args:
            experiment: whose.
            metric: of which metric, or of all if None.
            before: only outcomes of decisions that were made before, and counts of before. Where an outcome of 0 is
                reported late or never, these are the ones to compare, not those of younger decisions as well.
        """
        before = None if before is None else entries.time("before", before)
        with self._behind.current() as connection:
            if before is None:
                return log.buckets(connection, experiment, metric)
            return self._maturity.buckets(connection, experiment, metric, before)

    def assigned(self, experiment: str) -> dict[str, int]:
        """Return how many decisions each arm got that got any."""
        with self._behind.current() as connection:
            return log.assigned(connection, experiment)

    def overdue(self, experiment: str, metric: str, before: float) -> dict[tuple[str, int, int], Totals]:
        """Return how many decisions made before a time have no outcome of a metric, by (arm, half, day)."""
        before = entries.time("before", before)
        with self._behind.current() as connection:
            return self._maturity.overdue(connection, experiment, metric, before)

    def define(self, experiment: str, settings: Mapping[str, Any], arms: Sequence[Arm]) -> None:
        """Note an experiment and its arms; arms that it has already stay, also if they are not named.

        Raises:
            ExperimentChangedError: it is there with other settings, or an arm shows another text.
            ValueError: the settings are no plain JSON.
        """
        name = entries.text("experiment", experiment)
        for arm in arms:
            entries.text("arm", arm)
            entries.text("text", arm.text, empty=True)
        if len(set(arms)) < len(arms):
            raise ValueError("arms have a name twice; each is needed once")
        text = as_json("settings", dict(settings))
        with self._behind.transaction() as connection:
            registry.define(connection, name, text, arms, self._clock())

    def settings(self, experiment: str) -> dict[str, Any]:
        """Return the settings of an experiment."""
        with self._behind.reading() as connection:
            return dict(json.loads(registry.settings(connection, experiment)))

    def experiments(self) -> list[str]:
        """Return the names of all experiments."""
        with self._behind.reading() as connection:
            return registry.experiments(connection)

    def arms(self, experiment: str, *, changed: bool = False) -> list[ArmRow]:
        """Return the arms of an experiment, or those whose status was changed, in the order of their definition."""
        with self._behind.reading() as connection:
            return registry.arms(connection, experiment, changed=changed)

    def set_arm(self, experiment: str, arm: str, status: str, reason: str, at: float) -> None:
        """Note that an arm is "active", "paused" or "removed", and why."""
        if status not in registry.STATUSES:
            raise ValueError(f"status is {shown(status)}; one of {', '.join(registry.STATUSES)} is needed")
        reason, at = entries.text("reason", reason, empty=True), entries.time("at", at)
        with self._behind.transaction() as connection:
            registry.set_arm(connection, experiment, arm, status, reason, at)

    def arm_history(self, experiment: str, arm: str) -> list[ArmRow]:
        """Return each status that an arm had, the first one first and the current one last."""
        with self._behind.reading() as connection:
            return registry.arm_history(connection, experiment, arm)

    def finish(self, experiment: str, metric: str, at: float) -> None:
        """Note that an experiment is over: `past` has its sums of this metric, a proportion, from now on."""
        metric, at = entries.text("metric", metric), entries.time("at", at)
        with self._behind.transaction() as connection:
            registry.finish(connection, experiment, metric, at)

    def import_counts(self, experiment: str, rows: Iterable[tuple[str | int, str, float, float]]) -> None:
        """Note a past experiment, run elsewhere, as (arm, text, n, successes), in place of what was noted before.

        Raises:
            OutcomeError: a row is none, a number cannot be, or an arm comes twice. Nothing is changed then.
        """
        name, counts = entries.text("experiment", experiment), entries.past_counts(rows)
        with self._behind.transaction() as connection:
            registry.import_counts(connection, name, counts)

    def past(self) -> list[list[tuple[str, float, float]]]:
        """Return (text, n, successes) of the arms of each past experiment: imported, and own ones that are over."""
        with self._behind.current() as connection:
            return registry.past(connection)

    def put(self, kind: str, key: str, value: Any, at: float) -> None:
        """Keep a document, plain JSON, as the last version of its kind and key.

        One that equals the last version changes nothing.

        Raises:
            ValueError: the value is no plain JSON.
        """
        names, at = (entries.text("kind", kind), entries.text("key", key)), entries.time("at", at)
        text = as_json("value", value)
        with self._behind.transaction() as connection:
            documents.put(connection, *names, text, at)

    def get(self, kind: str, key: str) -> Any:
        """Return the last version of a document, or None if there is none."""
        with self._behind.reading() as connection:
            return documents.get(connection, kind, key)

    def all(self, kind: str) -> dict[str, Any]:
        """Return the last version of each document of a kind, by key and in order of the keys."""
        with self._behind.reading() as connection:
            return documents.last_of_all(connection, kind)

    def history(self, kind: str, key: str) -> list[Document]:
        """Return all versions of a document, the oldest first."""
        with self._behind.reading() as connection:
            return documents.history(connection, kind, key)

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Make all that this thread writes inside of it there whole or not at all, also if the process is killed.

        What is logged inside is not queued but part of it; what waited is written first. One inside of another is a
        part of that which can fail alone. Other threads and processes cannot write while it lasts: keep it short, and
        never await inside of it. It gives the connection, for those who keep tables of their own in the file.
        """
        return self._behind.transaction()

    def after_commit(self, function: Callable[[], object]) -> None:
        """Call a function once the outermost transaction of this thread has committed; at once outside of one.

        It is never called if the transaction, or the part of it in which this was asked for, fails.
        """
        self._behind.after_commit(function)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            ExperimentStoreError: that cannot be done; it goes on waiting.
        """
        self._behind.flush()

    def close(self) -> None:
        """Write what waits and let go of the file; further calls are refused, and closing again has no effect.

        Raises:
            ExperimentStoreError: what waits cannot be written. It goes on waiting, and the store stays open.
        """
        self._behind.close()

    def audit(self) -> list[Finding]:
        """Build all sums anew from the log; return where they differ, what cannot be, and where the file is damaged.

        What waits is written first. Others read and write while the log is read; in memory they wait.

        Raises:
            ExperimentStoreError: as for `flush`, but not because the file is damaged.
        """
        return audit.of_store(self._behind, self._file)

    def _know(self, pairs: set[tuple[str, str]]) -> None:
        """Check that experiments have arms."""
        new = pairs - self._known
        if new:
            with self._behind.reading() as connection:
                for experiment, arm in sorted(new):
                    registry.arm(connection, experiment, arm)
            if self._file.transacting:
                return  # it may have been defined inside, and is not if that fails
            if len(self._known) + len(new) > _MAX_KNOWN:
                self._known.clear()
            self._known |= new

    def _check_decisions(self, ids: Sequence[str]) -> None:
        """Check that there are decisions."""
        found = self.decisions(ids)
        for each in ids:
            if each not in found:
                hint = "log the decision first, in this store"
                raise UnknownAssignmentError(f"nobody was assigned under {shown(each)}", hint=hint)
