"""All that is known of the models: the warm start, what was learned since, and what is expected from both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from postopt.selection.cells import SHRINKAGE, Cells, Row
from postopt.selection.comparison import compared
from postopt.selection.context import Cell, Reading, cell_json, cell_of
from postopt.selection.projection import Matrix
from postopt.selection.residual import LinearResidual
from postopt.selection.texts import TextAnswer, TextModel
from postopt.selection.warm_start import WarmStart

Scores: TypeAlias = tuple[float, ...]

# A cell in which each model has so many outcomes knows more than its text does: the text's share would be a tenth.
_ENOUGH = 9 * SHRINKAGE


class Sum(NamedTuple):
    """`n` outcomes of one model in one cell, and their sum."""

    cell: Cell
    model: str
    n: float
    total: float


def sums_json(sums: Iterable[Sum]) -> dict[str, dict[str, list[float]]]:
    """Return sums as JSON: cell -> model -> [n, sum]; `sums_of` gives them back."""
    found: dict[str, dict[str, list[float]]] = {}
    for cell, model, n, total in sums:
        found.setdefault(cell_json(cell), {})[model] = [n, round(total, 9)]
    return found


def sums_of(sums: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Sum]:
    """Return the sums that `sums_json` wrote."""
    return [
        Sum(cell_of(cell), model, n, total) for cell, models in sums.items() for model, (n, total) in models.items()
    ]


class TextShare(NamedTuple):
    """What a text adds to the table.

    Attributes:
        model: of texts, that was asked.
        point: the supervised part of the text's vector.
        added: for each model, what the linear model adds included.
        residuals: what the linear model adds.
    """

    model: TextModel
    point: Matrix
    added: list[float]
    residuals: list[float]


class Expected(NamedTuple):
    """What is expected for one call.

    Attributes:
        scores: quality of each model, 0 to 1.
        deviations: standard deviation of each.
        row: of the table, on which it rests.
        text: what the text added; None if it was not looked at.
        forgotten: whether it was not because the warm start's texts are not known here.
    """

    scores: Scores
    deviations: Scores
    row: Row
    text: TextShare | None
    forgotten: bool = False


class Knowledge:
    """The layers together: the table of cells, the nearest texts, the linear model of what is left.

    Where each model has 36 outcomes in a cell its text is not looked at, unless the warm start found that texts tell
    more than the cell (`TextModel.within`). Otherwise the text's part is S / (n + S) of its answer for an unknown cell,
    with n outcomes in the cell and S the table's shrinkage.

    An outcome counts in the table without what the text had added to the score, and for the linear model without what
    the table and the nearest texts had. Rewards on a scale of their own are compared within their cell, with the table
    of the warm start alone as what was expected (`postopt.selection.comparison`).

    Not safe for threads: whoever has it guards it.

    Args:
        models: names of the candidates.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.models = models
        self.numbers = {model: number for number, model in enumerate(models)}
        self.warm: list[Sum] = []
        self.texts: TextModel | None = None
        self.texts_forgotten = False
        self.cells = Cells(len(models))
        self._at_first = Cells(len(models))  # the warm start alone
        self._learned: dict[tuple[Cell, int], list[float]] = {}
        # Of each cell and model [n, sum of rewards], and what of them the table has.
        self._rewards: dict[Cell, list[list[float]]] = {}
        self._counted: dict[Cell, list[float]] = {}
        self._residual: LinearResidual | None = None

    @property
    def has_learned(self) -> bool:
        """Whether there is an outcome since the warm start."""
        return bool(self._learned or self._rewards)

    @property
    def is_cold(self) -> bool:
        """Whether nothing is known at all."""
        return not self.cells.outcomes

    def expect(self, reading: Reading) -> Expected:
        """Return what is expected for a call."""
        cell, text, _ = reading
        row = self.cells.row(cell)
        texts = self.texts
        if texts is None or not text or (row.support >= _ENOUGH and not texts.within):
            return Expected(row.scores, row.deviations, row, None, self.texts_forgotten and text != "")
        return self._with_text(texts, texts.ask(text), row, cell)

    def learn(self, index: int, cell: Cell, expected: Expected, outcome: float) -> None:
        """Take one outcome of a choice that was made here."""
        text = expected.text
        if text is None:
            self.count(cell, index, outcome)
            return
        self.count(cell, index, outcome - text.added[index])
        # Of a choice from before another warm start the vector means something else.
        if self._residual is not None and text.model is self.texts:
            self._residual.learn(index, text.point, outcome - expected.scores[index] + text.residuals[index])

    def count(self, cell: Cell, index: int, total: float) -> None:
        """Take one outcome of a model for the table."""
        kept = self._learned.get((cell, index))
        if kept is None:
            self._learned[cell, index] = [1.0, total]
        else:
            kept[0] += 1.0
            kept[1] += total
        self.cells.add(cell, index, total)

    def reward(self, cell: Cell, index: int, value: float) -> None:
        """Take one reward of a model, on whatever scale, for the table."""
        sums = self._rewards.setdefault(cell, [[0.0, 0.0] for _ in self.models])
        sums[index][0] += 1.0
        sums[index][1] += value
        self._count_rewards(cell, {index: 1.0})

    def warmed(self, warm: WarmStart) -> None:
        """Put a warm start in the place of the one before."""
        self.texts = warm.texts
        self.texts_forgotten = False
        self._residual = None if warm.texts is None else LinearResidual(len(self.models), warm.texts.dimensions)
        self.warm = [
            Sum(cell, self.models[number], n, total)
            for cell, sums in warm.sums.items()
            for number, (n, total) in enumerate(sums)
            if n
        ]
        self._rebuild()

    def learned(self) -> list[Sum]:
        """Return what was learned since the warm start, in an order that depends on nothing else."""
        found = sorted(self._learned.items())
        return [Sum(cell, self.models[number], n, total) for (cell, number), (n, total) in found]

    def rewards(self) -> list[Sum]:
        """Return the rewards since the warm start, in an order that depends on nothing else."""
        return [
            Sum(cell, self.models[number], n, total)
            for cell, sums in sorted(self._rewards.items())
            for number, (n, total) in enumerate(sums)
            if n
        ]

    def replace(self, learned: Iterable[Sum], rewards: Iterable[Sum], warm: Iterable[Sum] | None = None) -> None:
        """Put other sums in the place of those that were learned, and of the warm start unless that is None.

        Models that are no candidates are left out. The linear model stays.
        """
        if warm is not None:
            self.warm = list(warm)
        known = (part for part in learned if part.model in self.numbers)
        self._learned = {(cell, self.numbers[model]): [n, total] for cell, model, n, total in known}
        self._rewards = {}
        for cell, model, n, total in rewards:
            if model in self.numbers:
                sums = self._rewards.setdefault(cell, [[0.0, 0.0] for _ in self.models])
                sums[self.numbers[model]] = [n, total]
        self._rebuild()

    def _rebuild(self) -> None:
        self.cells, self._at_first = Cells(len(self.models)), Cells(len(self.models))
        for table in (self.cells, self._at_first):
            for cell, model, n, total in self.warm:
                if model in self.numbers:
                    table.add(cell, self.numbers[model], total, n)
        if self.warm:
            self.cells.settle()
        for (cell, number), (n, total) in self._learned.items():
            self.cells.add(cell, number, total, n)
        self._counted = {}
        for cell, sums in self._rewards.items():
            self._count_rewards(cell, {number: n for number, (n, _) in enumerate(sums)})

    def _count_rewards(self, cell: Cell, new: dict[int, float]) -> None:
        """Bring the table to what a cell's rewards say now, of which some of each model are `new`."""
        before = self._counted.get(cell) or [0.0] * len(self.models)
        after = self._counted[cell] = compared(self._rewards[cell], self._at_first.row(cell).scores)
        for number, (old, total) in enumerate(zip(before, after, strict=True)):
            n = new.get(number, 0.0)
            if n or total != old:
                self.cells.add(cell, number, total - old, n)

    def _with_text(self, texts: TextModel, answer: TextAnswer, row: Row, cell: Cell) -> Expected:
        added = answer.unknown
        if cell:
            own = [n / (n + SHRINKAGE) for n in row.counts]
            parts = zip(own, answer.unknown, answer.within, strict=True)
            added = [(1.0 - known) * unknown + known * texts.within * part for known, unknown, part in parts]
        deviations = row.deviations
        residuals = [0.0] * len(added)
        if self._residual is not None and self._residual.ready:
            residuals, variances = self._residual.expect(answer.point)
            added = [a + r for a, r in zip(added, residuals, strict=True)]
            deviations = tuple([math.sqrt(d * d + v) for d, v in zip(deviations, variances, strict=True)])
        sums = [score + a for score, a in zip(row.scores, added, strict=True)]
        scores = tuple([0.0 if value < 0.0 else min(value, 1.0) for value in sums])
        return Expected(scores, deviations, row, TextShare(texts, answer.point, added, residuals))
