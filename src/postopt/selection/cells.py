"""What each model was worth in each cell of known coordinates, shrunk from the whole to the parts to the cell."""

from __future__ import annotations

from postopt.selection.context import Cell

SHRINKAGE = 4.0
"""So many outcomes weigh as much as what is known a level above. On open routing data (9 models, 14 tasks) 1 to 12 give
the same choices within .001 of mean quality over the range of cost."""

MOST_CELLS = 10_000
"""Cells beyond share what is known of their coordinates (arbitrary: it bounds the memory)."""

# Variance of an outcome from 0 to 1 of which nothing is known; a fair coin has the most.
_VARIANCE = 0.25


class Row:
    """One cell: for each model the mean outcome expected there, and what that rests on.

    Attributes:
        scores: expected outcome of each model, 0 to 1. Replaced when something is learned, never changed.
        counts: outcomes of each model in this very cell.
        best: index of the highest score.
        support: outcomes of the model that has fewest in this cell.
        deviations: standard deviation of each score, from the outcomes in the cell.
        due: how many outcomes the table has when the row is to be computed anew.
        shares: probability of each model when one is drawn to learn; empty until somebody asks.
        shares_due: how many outcomes the table has when the shares are to be computed anew.
    """

    __slots__ = ("best", "counts", "deviations", "due", "scores", "shares", "shares_due", "support")

    scores: tuple[float, ...]
    counts: list[float]
    deviations: tuple[float, ...]
    best: int
    support: float
    due: float

    def __init__(self) -> None:
        self.shares: tuple[float, ...] = ()
        self.shares_due = 0.0


class Cells:
    """Mean outcomes by cell, each level shrunk into the one above it: all, the cell's coordinates one by one, the cell.

    With S the shrinkage, n and s the number and sum of outcomes of a model at a level:

        all          g = (s + S h) / (n + S), where h is the mean over all models and outcomes, 0.5 without any
        coordinate j d_j = (s_j - n_j g) / (n_j + S), how far its outcomes lie from g
        cell         (s + S p) / (n + S), where p = g + the sum of d_j, kept from 0 to 1

    A context with one coordinate has a cell that is its part; it gets the part's d from g, so p counts the same
    outcomes twice; S outcomes at most, therefore p = g where there is one coordinate.

    Cost: `add` is O(number of coordinates); `row` is a look-up. A cell's own outcomes count at once; those of other
    cells reach it when the number of all outcomes has grown by 1/64.

    Not safe for threads: whoever has it guards it.
    """

    def __init__(self, models: int) -> None:
        self._models = models
        # Key () is all, (coordinate,) a part, and longer ones are cells: sums and counts of each model.
        self._sums: dict[Cell, list[float]] = {(): [0.0] * models}
        self._counts: dict[Cell, list[float]] = {(): [0.0] * models}
        self._rows: dict[Cell, Row] = {}
        self._offsets: dict[Cell, tuple[float, ...]] = {}
        self.outcomes = 0.0

    def add(self, cell: Cell, model: int, total: float, n: float = 1.0) -> None:
        """Take `n` outcomes of one model that sum to `total`."""
        self.outcomes += n
        offsets = self._offsets.get(cell)
        self._sums[()][model] += total if offsets is None else total - n * offsets[model]
        self._counts[()][model] += n
        if len(cell) > 1:
            for part in cell:
                self._add_to((part,), model, total, n)
        if cell:
            self._add_to(cell, model, total, n)
        row = self._rows.get(cell)
        if row is not None:
            self._refresh(cell, row, model, total, n)

    def _add_to(self, key: Cell, model: int, total: float, n: float) -> None:
        counts = self._counts.get(key)
        if counts is None:
            if len(self._counts) >= MOST_CELLS:
                return
            counts = self._counts[key] = [0.0] * self._models
            self._sums[key] = [0.0] * self._models
        counts[model] += n
        self._sums[key][model] += total

    def row(self, cell: Cell) -> Row:
        """Return what is expected in a cell, known or not."""
        row = self._rows.get(cell)
        if row is None:
            row = Row()
            if len(self._rows) < MOST_CELLS:
                self._rows[cell] = row
            self._compute(cell, row)
        elif self.outcomes >= row.due:
            self._compute(cell, row)
        return row

    def settle(self) -> None:
        """Remember what is expected in each cell now: the warm start is over, and what comes was chosen.

        A model that is only chosen where nobody does well would look bad in the whole. So outcomes that are added from
        now on count in the whole less what their cell was expected to be above it.
        """
        whole = self.row(()).scores
        for cell in self._counts:
            if cell:
                scores = self.row(cell).scores
                self._offsets[cell] = tuple(score - g for score, g in zip(scores, whole, strict=True))

    def _refresh(self, cell: Cell, row: Row, model: int, total: float, n: float) -> None:
        """Bring one model's score in one row up to date without looking at the levels above."""
        counts = row.counts
        fewest = counts[model] <= row.support
        count = counts[model] = counts[model] + n
        old = row.scores
        new = old[model] + (total - n * old[model]) / (count + SHRINKAGE)
        row.scores = (*old[:model], new, *old[model + 1 :])
        if model == row.best or new > old[row.best]:
            row.best = row.scores.index(max(row.scores))
        if fewest and cell:
            row.support = min(counts)

    def _compute(self, cell: Cell, row: Row) -> None:
        outcomes = self.outcomes
        all_sums, all_counts = self._sums[()], self._counts[()]
        usual = (sum(all_sums) + 0.5) / (outcomes + 1.0)
        scores = [(s + SHRINKAGE * usual) / (n + SHRINKAGE) for s, n in zip(all_sums, all_counts, strict=True)]
        counts = list(all_counts)
        if cell:
            if len(cell) > 1:
                scores = self._by_parts(cell, scores)
            counts = list(self._counts.get(cell, [0.0] * self._models))
            sums = self._sums.get(cell, counts)
            scores = [(s + SHRINKAGE * p) / (n + SHRINKAGE) for s, n, p in zip(sums, counts, scores, strict=True)]
        row.scores = tuple(scores)
        row.counts = counts
        row.best = scores.index(max(scores))
        row.support = min(counts) if cell else 0.0
        row.deviations = tuple((_VARIANCE / (n + SHRINKAGE)) ** 0.5 for n in counts)
        row.due = outcomes + max(1.0, outcomes / 64)

    def _by_parts(self, cell: Cell, scores: list[float]) -> list[float]:
        """Return what a cell's coordinates make of the scores of all, before its own outcomes count."""
        expected = list(scores)
        for part in cell:
            counts = self._counts.get((part,))
            if counts is None:
                continue
            sums = self._sums[(part,)]
            for model, g in enumerate(scores):
                expected[model] += (sums[model] - counts[model] * g) / (counts[model] + SHRINKAGE)
        return [min(max(score, 0.0), 1.0) for score in expected]
