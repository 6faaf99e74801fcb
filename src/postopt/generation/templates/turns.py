"""Several finite sequences read in turns, so that each index has its place in exactly one of them."""

from __future__ import annotations

from collections.abc import Sequence


class Turns:
    """A bijection from 0 .. size-1 onto the places of several sequences, `run` consecutive places at a time.

    The first sequences take turns; one that is exhausted drops out. `last` places of one more sequence follow when
    all are. Sizes are rounded down to whole runs, so that a run never spans two sequences.
    """

    __slots__ = ("_last", "_levels", "_run", "_taking_turns", "size")

    def __init__(self, sizes: Sequence[int], last: int = 0, *, run: int = 1) -> None:
        runs = [size // run for size in sizes]
        self._run = run
        self._last = len(sizes)
        # Between two levels the same sequences take part: (first run at that level, run index, who takes part).
        self._levels: list[tuple[int, int, list[int]]] = []
        start = done = 0
        for level in sorted(set(runs)):
            taking = [which for which, count in enumerate(runs) if count >= level > done]
            if taking:
                self._levels.append((start, done, taking))
                start += (level - done) * len(taking)
                done = level
        self._taking_turns = start * run
        self.size = self._taking_turns + last // run * run

    def __call__(self, index: int) -> tuple[int, int]:
        """Return which sequence and which place in it `index` is, 0 <= index < size."""
        if index >= self._taking_turns:
            return self._last, index - self._taking_turns
        run, offset = divmod(index, self._run)
        start, done, taking = next(level for level in reversed(self._levels) if level[0] <= run)
        turn, which = divmod(run - start, len(taking))
        return taking[which], (done + turn) * self._run + offset
