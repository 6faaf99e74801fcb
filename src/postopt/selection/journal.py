"""What a selector writes into an `ExperimentStore`, and how it reads it back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from postopt.experiments.records import Arm, DecisionRow, OutcomeRow
from postopt.experiments.store import ExperimentStore
from postopt.selection.choice import Choice
from postopt.selection.context import cell_json, cell_of
from postopt.selection.knowledge import Sum
from postopt.selection.memory import Written

OUTCOME = "outcome"
_COST = "cost"
# The metric of an outcome as it counts in a cell; the cell follows.
_IN_CELL = "outcome in "
_REWARD_IN_CELL = "reward in "
_KIND = "model selector"
_RESERVED = "model selector budget"

# A store keeps no negative outcomes; less what a text had added one may be.
_SHIFT = 10.0


class Journal:
    """The choices and outcomes of one selector in a store.

    A choice is a decision of the experiment `name`, with the cell, the cost and what the text added as its context; the
    text itself is never written. An outcome is logged twice: as it is, as the metric "outcome"; and, without what the
    text had added, and with 10 added, as "outcome in [cell]", so that the store's sums are the table. A reward on a
    scale of its own is "outcome" and, as it is, "reward in [cell]". The cost is an outcome, too.

    What selectors on one store may spend of a day's budget is reserved in it, a document for each day.

    Thread-safe, as the store is.
    """

    def __init__(self, store: ExperimentStore, name: str, models: Sequence[str]) -> None:
        self.store = store
        self._name = name
        store.define(name, {"kind": _KIND}, [Arm(model) for model in models])

    def log(self, choice: Choice, at: float) -> None:
        """Log a choice."""
        known = choice.written
        context = json.dumps({"cell": known.cell, "cost": choice.cost, "added": known.added})
        # Each choice is a unit of its own: nobody is to get the same model again.
        unit = blake2b(choice.id.encode(), digest_size=16).hexdigest()
        policy = "best" if choice.propensity == 1 else "thompson"
        row = DecisionRow(choice.id, self._name, known.model, unit, 0, choice.propensity, policy, context, at)
        self.store.log_decisions([row])
        if choice.cost is not None:
            self.store.log_outcomes([OutcomeRow(choice.id, _COST, choice.cost, at)])

    def learn(self, decision_id: str, written: Written, outcome: float, at: float, *, as_reward: bool = False) -> bool:
        """Log an outcome, or a reward on a scale of its own; False if the choice had one."""
        if self.store.outcome(decision_id, OUTCOME) is not None:
            return False
        metric, value = (_REWARD_IN_CELL, outcome) if as_reward else (_IN_CELL, outcome - written.added + _SHIFT)
        in_cell = OutcomeRow(decision_id, metric + cell_json(written.cell), value, at)
        self.store.log_outcomes([OutcomeRow(decision_id, OUTCOME, outcome, at), in_cell])
        return True

    def written(self, decision_id: str) -> Written | None:
        """Return what was logged of a choice, or None if it is none of this selector."""
        row = self.store.decision(decision_id)
        if row is None or row.experiment != self._name:
            return None
        context = json.loads(row.context)
        return Written(cell_of(json.dumps(context["cell"])), row.arm, context["added"])

    def sums(self) -> tuple[list[Sum], list[Sum]]:
        """Return the outcomes and the rewards that were learned, by cell and model, in an order of their own."""
        found: dict[tuple[str, str], list[float]] = {}
        for bucket in self.store.buckets(self._name):
            if bucket.metric.startswith((_IN_CELL, _REWARD_IN_CELL)):
                kept = found.setdefault((bucket.metric, bucket.arm), [0.0, 0.0])
                kept[0] += bucket.totals.n
                kept[1] += bucket.totals.total
        outcomes, rewards = [], []
        for (metric, model), (n, total) in sorted(found.items()):
            if metric.startswith(_IN_CELL):
                outcomes.append(Sum(cell_of(metric[len(_IN_CELL) :]), model, n, total - n * _SHIFT))
            else:
                rewards.append(Sum(cell_of(metric[len(_REWARD_IN_CELL) :]), model, n, total))
        return outcomes, rewards

    def reserve(self, day: int, usd: float, budget: float, at: float) -> tuple[float, float]:
        """Reserve up to `usd` of a UTC day's budget; return what was got, and what all selectors together have."""
        key = f"{self._name} {day}"
        with self.store.transaction():
            before = self.store.get(_RESERVED, key) or 0.0
            got = max(min(usd, round(budget - before, 12)), 0.0)
            # Of equal values the store keeps one; nothing got is nothing written.
            self.store.put(_RESERVED, key, round(before + got, 12), at)
        return got, before + got

    def keep_warm(self, sums: Iterable[Sum], at: float, *, texts: bool) -> None:
        """Keep the sums of a warm start, and whether it had texts, in place of an earlier one's."""
        rows = [[cell_json(cell), model, n, total] for cell, model, n, total in sums]
        self.store.put(_KIND, self._name, {"sums": rows, "texts": texts}, at)

    def warm(self) -> tuple[list[Sum], bool]:
        """Return the sums of the last warm start, and whether it had texts."""
        kept = self.store.get(_KIND, self._name) or {"sums": (), "texts": False}
        return [Sum(cell_of(cell), model, n, total) for cell, model, n, total in kept["sums"]], kept["texts"]
