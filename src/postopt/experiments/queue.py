"""Rows of an experiment store that wait to be written, or to be folded into its log."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

from postopt.experiments.entries import Count, Decision, Link, Outcome, Rows

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Queue:
    """A bounded queue in which the first row of a key stays, and the new rows of the file.

    No lock is needed to add and to look: each step is one operation of a dict, and outcomes are added after, and taken
    before, the decisions that they belong to, so that no batch holds an outcome without its decision.

    Args:
        limit: most rows that wait.

    Attributes:
        added: how many calls added rows; says whether any came since.
        recent: how many rows are in the file's new rows, as far as this process wrote or read them; `Queue` keeps them,
            so that nobody has to search there.
    """

    def __init__(self, limit: int) -> None:
        self.added = 0
        self.recent = 0
        self._limit = limit
        self._decisions: dict[str, Decision] = {}
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self._counts: dict[str, Count] = {}
        self._links: dict[Link, Link] = {}
        self._recent_decisions: dict[str, Decision] = {}
        self._recent_outcomes: dict[tuple[str, str], Outcome] = {}

    def __len__(self) -> int:
        return len(self._decisions) + len(self._outcomes) + len(self._counts) + len(self._links)

    def add(self, rows: Rows) -> bool:
        """Take all of these rows, or none because there is no room for them; say which."""
        if len(self) + rows.n > self._limit:
            return False
        self.added += 1
        for decision in rows.decisions:
            self._decisions.setdefault(decision[0], decision)
        for outcome in rows.outcomes:
            self._outcomes.setdefault(outcome[:2], outcome)
        for count in rows.counts:
            self._counts.setdefault(count[0], count)
        for link in rows.links:
            self._links.setdefault(link, link)
        return True

    def batch(self) -> Rows:
        """Return what waits; it goes on waiting."""
        links, counts, outcomes = self._links.copy(), self._counts.copy(), self._outcomes.copy()
        decisions = self._decisions.copy()
        return Rows(tuple(decisions.values()), tuple(outcomes.values()), tuple(counts.values()), tuple(links.values()))

    def appended(self, rows: Rows) -> None:
        """Let go of rows that were added to the file's new rows."""
        for decision in rows.decisions:
            self._recent_decisions.setdefault(decision[0], decision)
        for outcome in rows.outcomes:
            self._recent_outcomes.setdefault(outcome[:2], outcome)
        self.recent += len(rows.decisions) + len(rows.outcomes)
        self._remove(rows)

    def read(self, rows: Rows) -> None:
        """Keep the file's new rows, all of them, in place of those that were kept."""
        decisions: dict[str, Decision] = {}
        outcomes: dict[tuple[str, str], Outcome] = {}
        for decision in rows.decisions:
            decisions.setdefault(decision[0], decision)
        for outcome in rows.outcomes:
            outcomes.setdefault(outcome[:2], outcome)
        self._recent_decisions, self._recent_outcomes = decisions, outcomes
        self.recent = rows.n

    def folded(self, rows: Rows) -> None:
        """Let go of rows that were written, as were all new rows."""
        self._recent_decisions.clear()
        self._recent_outcomes.clear()
        self.recent = 0
        self._remove(rows)

    def decisions(self, ids: Sequence[str]) -> dict[str, Decision]:
        """Return those of these decisions that wait or were written last."""
        waiting = _found(self._decisions, ids)  # first, as this is where they leave
        return waiting | _found(self._recent_decisions, ids)

    def outcomes(self, ids: Sequence[str], metric: str) -> dict[str, Outcome]:
        """Return the outcomes of these decisions that wait or were written last, by decision."""
        keys = [(each, metric) for each in ids]
        waiting = _found(self._outcomes, keys)
        return {key[0]: found for key, found in (waiting | _found(self._recent_outcomes, keys)).items()}

    def count(self, count_id: str) -> Count | None:
        """Return a count that waits."""
        return self._counts.get(count_id)

    def links(self, post_id: str) -> list[str]:
        """Return the decisions that a post is linked to by links that wait."""
        return [decision for post, decision in self._links.copy() if post == post_id]

    def _remove(self, rows: Rows) -> None:
        for decision in rows.decisions:
            self._decisions.pop(decision[0], None)
        for outcome in rows.outcomes:
            self._outcomes.pop(outcome[:2], None)
        for count in rows.counts:
            self._counts.pop(count[0], None)
        for link in rows.links:
            self._links.pop(link, None)


def _found(rows: dict[K, V], keys: Sequence[K]) -> dict[K, V]:
    return {key: row for key in rows.keys() & keys if (row := rows.get(key)) is not None}
