"""What a selector writes into an `ExperimentStore`, and how it reads it back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from postopt.experiments.records import Arm, DecisionRow, OutcomeRow
from postopt.experiments.store import ExperimentStore
from postopt.selection.choice import Choice
from postopt.selection.context import Cell, cell_json, cell_of
from postopt.selection.knowledge import Sum

OUTCOME = "outcome"
_COST = "cost"
# The metric of an outcome as it counts in a cell; the cell follows.
_IN_CELL = "outcome in "
_KIND = "model selector"
_OPENED = "model selector opened"
_DAY = 86_400


class Written(NamedTuple):
    """What is needed of a choice to learn its outcome later."""

    cell: Cell
    model: str
    added: float

    @classmethod
    def of(cls, choice: Choice) -> Written:
        """Return what is needed of a choice."""
        text = choice.expected.text
        return cls(choice.reading.cell, choice.model, 0.0 if text is None else text.added[choice.index])


class Journal:
    """The choices and outcomes of one selector in a store.

    A choice is a decision of the experiment `name`, with the cell, the cost and what the text added as its context; the
    text itself is never written. An outcome is logged twice: as it is, as the metric "outcome"; and, without what the
    text had added, as "outcome in [cell]", so that the store's sums are the table. The cost is an outcome, too.

    Thread-safe, as the store is.
    """

    def __init__(self, store: ExperimentStore, name: str, models: Sequence[str]) -> None:
        self.store = store
        self._name = name
        store.define(name, {"kind": _KIND}, [Arm(model) for model in models])

    def new_prefix(self, at: float) -> str:
        """Return what the ids of this selector begin with: no other on the same store has it."""
        with self.store.transaction():
            opened = (self.store.get(_OPENED, self._name) or 0) + 1
            self.store.put(_OPENED, self._name, opened, at)
        return blake2b(f"{self._name} {opened}".encode(), key=self.store.salt[:64], digest_size=8).hexdigest()

    def log(self, choice: Choice, at: float) -> None:
        """Log a choice."""
        known = Written.of(choice)
        context = json.dumps({"cell": known.cell, "cost": choice.cost, "added": known.added})
        # Each choice is a unit of its own: nobody is to get the same model again.
        unit = blake2b(choice.id.encode(), digest_size=16).hexdigest()
        policy = "best" if choice.propensity == 1 else "thompson"
        row = DecisionRow(choice.id, self._name, known.model, unit, 0, choice.propensity, policy, context, at)
        self.store.log_decisions([row])
        if choice.cost is not None:
            self.store.log_outcomes([OutcomeRow(choice.id, _COST, choice.cost, at)])

    def learn(self, decision_id: str, written: Written, outcome: float, at: float) -> bool:
        """Log an outcome; False if the choice had one."""
        if self.store.outcome(decision_id, OUTCOME) is not None:
            return False
        in_cell = OutcomeRow(decision_id, _IN_CELL + cell_json(written.cell), outcome - written.added, at)
        self.store.log_outcomes([OutcomeRow(decision_id, OUTCOME, outcome, at), in_cell])
        return True

    def written(self, decision_id: str) -> Written | None:
        """Return what was logged of a choice, or None if it is none of this selector."""
        row = self.store.decision(decision_id)
        if row is None or row.experiment != self._name:
            return None
        context = json.loads(row.context)
        return Written(cell_of(json.dumps(context["cell"])), row.arm, context["added"])

    def sums(self) -> list[Sum]:
        """Return the outcomes that were learned, by cell and model, in an order that depends on nothing else."""
        found: dict[tuple[str, str], list[float]] = {}
        for bucket in self.store.buckets(self._name):
            if bucket.metric.startswith(_IN_CELL):
                kept = found.setdefault((bucket.metric, bucket.arm), [0.0, 0.0])
                kept[0] += bucket.totals.n
                kept[1] += bucket.totals.total
        return [
            Sum(cell_of(metric[len(_IN_CELL) :]), model, n, total)
            for (metric, model), (n, total) in sorted(found.items())
        ]

    def spent(self, now: float) -> tuple[int, float]:
        """Return the latest UTC day on which anything was chosen, today at least, and what was spent on it."""
        days: dict[int, float] = {int(now // _DAY): 0.0}
        for bucket in self.store.buckets(self._name, _COST):
            days[bucket.day] = days.get(bucket.day, 0.0) + bucket.totals.total
        return max(days.items())

    def keep_warm(self, sums: Iterable[Sum], at: float) -> None:
        """Keep the sums of a warm start in place of an earlier one's."""
        document = [[cell_json(cell), model, n, total] for cell, model, n, total in sums]
        self.store.put(_KIND, self._name, document, at)

    def warm(self) -> list[Sum]:
        """Return the sums of the last warm start."""
        return [
            Sum(cell_of(cell), model, n, total) for cell, model, n, total in self.store.get(_KIND, self._name) or ()
        ]
