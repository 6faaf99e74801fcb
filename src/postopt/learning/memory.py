"""The learners as one process holds them, and which state of the store they correspond to."""

from __future__ import annotations

import os
import sqlite3
import weakref
from typing import NamedTuple

from postopt.learning import snapshot
from postopt.learning.progress import Progress
from postopt.learning.roster import Roster
from postopt.learning.stepping import spent


class Before(NamedTuple):
    """What learners were before something was done that may have to be undone."""

    states: dict[str, str]
    version: int | None
    step: int
    spent: int


class Memory:
    """Learners in memory beside a store that other processes change, too.

    Args:
        roster: the learners.

    Attributes:
        version: of the store's progress that they correspond to, or None if nobody knows.
        step: the last one that they know of.
    """

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.version: int | None = 0
        self.step = 0
        _memories.add(self)

    def catch_up(self, connection: sqlite3.Connection, state: Progress) -> tuple[int, tuple[str, ...]]:
        """Bring the learners to the state in the store if somebody else has changed it.

        Returns:
            How many steps others took, as far as that is known, and the names of learners that cannot be brought there.
        """
        if self.version == state.version:
            return 0, ()
        last = snapshot.read(connection, None)
        left = self.roster.restore(last.learners) if last else ()
        # After a restart nobody knows whether the steps were another's.
        return (state.step - self.step if self.version else 0), left

    def moved_to(self, state: Progress) -> None:
        """Note that the learners are now at this state of the store."""
        self.version, self.step = state.version, state.step

    def before(self) -> Before:
        """Return what `put_back` needs."""
        return Before(self.roster.states(), self.version, self.step, self._spent())

    def put_back(self, before: Before, error: BaseException | None = None) -> int:
        """Set the learners back.

        Args:
            before: to what.
            error: because of which, or None after a dry run; what cannot be set back is noted at it.

        Returns:
            What was spent all the same, in millionths of a dollar.
        """
        more = self._spent() - before.spent
        try:
            self.roster.restore(before.states)
            self.version, self.step = before.version, before.step
        except Exception as failure:
            self.version = None  # the next step begins from what the store says
            if error is None:
                raise
            error.add_note(f"the learners could not be set back: {failure}")
        if error is not None and self.roster.fixed:
            error.add_note(f"{', '.join(self.roster.fixed)}: without restore() what is in memory may be ahead")
        return more

    def _spent(self) -> int:
        return sum(map(spent, self.roster))


class NotKeptError(Exception):
    """Ends a transaction that is not to be kept, and carries what came of it."""


def refuse_unless(keep: bool, result: object) -> None:  # noqa: FBT001 - a condition
    """End a transaction that is not to be kept."""
    if not keep:
        raise NotKeptError(result)


_memories: weakref.WeakSet[Memory] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """Let all begin anew in the child: what the learners hold may be of a step that ends in the parent."""
    for memory in list(_memories):
        memory.version = None


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
