"""What is known before the first call: scores of an evaluation, or of a benchmark, by context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from postopt.errors import OutcomeError, shown
from postopt.selection.cells import SHRINKAGE, Cells
from postopt.selection.context import Cell, Context, read
from postopt.selection.texts import FEWEST, TextModel


class WarmStart:
    """Scores by context, summed by cell, and the model of their texts.

    Args:
        rows: (context, {model: score from 0 to 1}); models without a score there, and models nobody asked for, may
            be among them.
        models: name -> number of the candidates.
        seed: of the text model.

    Attributes:
        sums: cell -> for each model [n, sum].
        texts: fitted where there are 50 texts or more, or None.

    Raises:
        OutcomeError: a score is no number from 0 to 1.
        ValueError: a row is none, or a context none.
    """

    def __init__(
        self, rows: Iterable[tuple[Context, Mapping[str, float]]], models: Mapping[str, int], *, seed: int
    ) -> None:
        self.sums: dict[Cell, list[list[float]]] = {}
        texts: list[str] = []
        cells: list[Cell] = []
        scored: list[list[float]] = []
        for row in rows:
            context, scores = _pair(row)
            cell, text, _ = read(context)
            values = [np.nan] * len(models)
            sums = self.sums.get(cell)
            if sums is None:
                sums = self.sums[cell] = [[0.0, 0.0] for _ in models]
            for model, score in scores.items():
                number = models.get(model)
                if number is not None:
                    values[number] = check_outcome(f"the score of {model!r}", score)
                    sums[number][0] += 1
                    sums[number][1] += values[number]
            if text:
                texts.append(text)
                cells.append(cell)
                scored.append(values)
        self.texts = None
        if len(texts) >= FEWEST and models:
            self.texts = self._fit(texts, cells, np.asarray(scored), seed)

    def _fit(self, texts: list[str], cells: list[Cell], scores: NDArray[np.float64], seed: int) -> TextModel:
        table = Cells(scores.shape[1])
        self.fill(table)
        numbers = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
        rows = [table.row(cell) for cell in numbers]
        number_of = np.asarray([numbers[cell] for cell in cells])
        means = np.asarray([row.scores for row in rows])[number_of]
        counts = np.asarray([row.counts for row in rows])[number_of]
        # Of a mean (s + S p) / (n + S) one score is taken out: else each text would be told its own.
        known = ~np.isnan(scores)
        without = (means * (counts + SHRINKAGE) - np.where(known, scores, 0.0)) / (counts + SHRINKAGE - 1)
        expected = np.where(known, without, means)
        labels = np.asarray([numbers[cell] if cell else -1 for cell in cells])
        return TextModel(texts, np.where(known, scores, expected), expected, labels, seed=seed)

    def fill(self, table: Cells) -> None:
        """Add all of it to a table."""
        for cell, sums in self.sums.items():
            for model, (n, total) in enumerate(sums):
                if n:
                    table.add(cell, model, total, n)


def check_outcome(name: str, value: object) -> float:
    """Return a number from 0 to 1.

    Raises:
        OutcomeError: it is none.
    """
    if not isinstance(value, int | float | np.floating | np.integer) or isinstance(value, bool) or not 0 <= value <= 1:
        raise OutcomeError(f"{name} is {shown(value)}; a number from 0 to 1 is needed")
    return float(value)


def _pair(row: object) -> tuple[Context, Mapping[str, float]]:
    if not isinstance(row, tuple | list) or len(row) != 2 or not isinstance(row[1], Mapping):
        raise ValueError(f"a row of the warm start is {shown(row)}; (context, {{model: score}}) is needed")
    return row[0], row[1]
