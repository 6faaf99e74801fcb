"""The choices of one selector that may still be learned from, in memory."""

from __future__ import annotations

from collections import OrderedDict

from postopt.selection.context import Cell

REMEMBERED = 100_000
"""Choices that are remembered; what came of older ones is learned from a store, or with the `Choice`. Arbitrary; about
40 MB."""


class Written:
    """What is needed of a choice to learn its outcome later.

    Attributes:
        cell: of its context.
        model: that was chosen, by name.
        added: what its text had added to the score of the cell.
        learned: whether its outcome counts already.
    """

    __slots__ = ("added", "cell", "learned", "model")

    def __init__(self, cell: Cell, model: str, added: float) -> None:
        self.cell = cell
        self.model = model
        self.added = added
        self.learned = False


class Memory:
    """The last 100,000 choices by their ids, and which were learned last; the oldest are dropped.

    Not safe for threads: whoever has it guards it.
    """

    def __init__(self) -> None:
        self._choices: OrderedDict[str, Written] = OrderedDict()
        self._learned: OrderedDict[str, Written] = OrderedDict()

    def add(self, choice_id: str, written: Written) -> None:
        """Remember a choice."""
        self._choices[choice_id] = written
        if len(self._choices) > REMEMBERED:
            self._choices.popitem(last=False)

    def find(self, choice_id: str) -> Written | None:
        """Return a choice, or None if it is not, or no longer, known."""
        return self._choices.get(choice_id)

    def mark(self, choice_id: str, written: Written) -> bool:
        """Note that an outcome counts; False if it did before."""
        if written.learned or choice_id in self._learned:
            return False
        self._learned[choice_id] = written
        if len(self._learned) > REMEMBERED:
            self._learned.popitem(last=False)
        written.learned = True
        return True

    def unmark(self, latest: int | None = None) -> None:
        """Let the outcomes that were marked latest, or all, count once more: what was learned of them is undone."""
        for _ in range(len(self._learned) if latest is None else min(max(latest, 0), len(self._learned))):
            self._learned.popitem()[1].learned = False
