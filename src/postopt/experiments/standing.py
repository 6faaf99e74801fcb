"""What an experiment knows, in memory, of what its store holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from postopt.errors import ExperimentStoreError, UnknownAssignmentError, shown
from postopt.experiments.definition import Definition
from postopt.experiments.entries import DAY, Deal
from postopt.experiments.recent import Known, Recent
from postopt.experiments.records import Bucket, CountRow, Metric, OutcomeRow, Totals
from postopt.experiments.reports import Reports
from postopt.experiments.store import ExperimentStore
from postopt.experiments.storefile import passes
from postopt.experiments.tally import Tally

FEEDBACK = "feedback/"  # begins the names of reports that are of single posts
_DOCUMENT = "experiment"  # the kind under which a store keeps what an experiment settled

# Seconds between two looks at what other processes wrote. One is arbitrary; an experiment of very many arms looks more
# seldom, because it reads a row for each.
_LOOK_SECONDS = 1.0
_ARMS_PER_SECOND = 10_000


class Standing:
    """The sums, the arms' statuses and what is settled, as of the last look into the store and all of its own since.

    The store is right where the two differ: by an outcome that another process had recorded first, say. `refresh` puts
    that right. Not thread-safe: `Experiment` holds its lock.

    Args:
        definition: of the experiment; the store knows it.
        store: where everything is.

    Attributes:
        names: of the arms.
        places: number of each arm, by its name.
        tallies: the sums of each metric, by its name. Of a metric with a window only what is older than that counts.
        assigned: units by arm.
        observed: outcomes of the deciding metric in reports, but feedback, by arm.
        dealt: units that this object dealt, by arm.
        expected: the sums of their propensities.
        variance: of `dealt` under these.
        statuses: of the arms, by number: "active", "paused" or "removed".
        active: numbers of the arms that get units.
        why: why an arm has its status, by number, where there is something to say.
        version: changes when a status does, or what is settled.
        settled: what stays so: a JSON document, empty before there is anything.
    """

    def __init__(self, definition: Definition, store: ExperimentStore) -> None:
        self._definition = definition
        self._store = store
        self._recent = Recent()
        self._read = 0  # number of the last report that is in `_reports`
        self._looked: float | None = None
        self.names = [arm.name for arm in definition.arms]
        self.places = {name: place for place, name in enumerate(self.names)}
        self._reports = {name: Reports(self.names, name) for name in definition.metrics}
        self.tallies: dict[str, Tally] = {}
        self.version = 0
        self.assigned: npt.NDArray[np.int64] = np.zeros(len(definition.arms), dtype=np.int64)
        self.observed: npt.NDArray[np.float64] = np.zeros(len(definition.arms))
        self.dealt: npt.NDArray[np.float64] = np.zeros(len(definition.arms))
        self.expected: npt.NDArray[np.float64] = np.zeros(len(definition.arms))
        self.variance: npt.NDArray[np.float64] = np.zeros(len(definition.arms))
        self.statuses = ["active"] * len(definition.arms)
        self.active = list(range(len(definition.arms)))
        self.why: dict[int, str] = {}
        self.settled: dict[str, Any] = {}

    @property
    def tally(self) -> Tally:
        """The sums of the metric that decides."""
        return self.tallies[self._definition.metric.name]

    def due(self, now: float) -> bool:
        """Tell whether it is time to look again; a clock that went back says so too."""
        pause = max(_LOOK_SECONDS, len(self.statuses) / _ARMS_PER_SECOND)
        return self._looked is None or not self._looked <= now < self._looked + pause

    def distrust(self) -> None:
        """Look again before anything else: what is in memory may not be what the store holds."""
        self._looked = None

    def forget(self) -> None:
        """Look again, and keep nothing in memory: the store may hold less than it did."""
        self._recent.clear()
        self._reports = {name: Reports(self.names, name) for name in self._reports}
        self.observed = np.zeros_like(self.observed)
        self.tallies = {}
        self._read = 0
        self._looked = None

    def look(self, now: float) -> None:
        """Do what `refresh` does, or go on with what is known for as long as the store cannot be written."""
        try:
            with self._store.hurrying():
                self.refresh(now)
        except ExperimentStoreError as error:
            if not self.tallies or not passes(error.__cause__):
                raise
            self._looked = now

    def refresh(self, now: float) -> None:
        """Look into the store. It costs a query for each metric, over arms and days, not over units."""
        name = self._definition.name
        self.tallies = {metric.name: self._tally(metric, now) for metric in self._definition.metrics.values()}
        self.assigned = np.zeros_like(self.assigned)
        for arm, n in self._store.assigned(name).items():
            if arm in self.places:
                self.assigned[self.places[arm]] = n
        was = self.statuses, self.settled
        self.statuses, self.why = ["active"] * len(self.names), {}
        for row in self._store.arms(name, changed=True):
            self.statuses[self.places[row.name]] = row.status
            if row.reason:
                self.why[self.places[row.name]] = row.reason
        self.settled = dict(self._store.get(_DOCUMENT, name) or {})
        if was != (self.statuses, self.settled):
            self.version += 1
            self._list_active()
        for number, count in self._store.counts(name, after=self._read):
            self._read = number
            if count.metric in self._reports:
                self._reports[count.metric].add(self.places[count.arm], count.totals)
            if count.metric == self._definition.metric.name and not count.id.startswith(FEEDBACK):
                self.observed[self.places[count.arm]] += count.totals.n
        self._looked = now

    def settle(self, at: float, **values: Any) -> bool:
        """Keep something that stays so, in the store too; return False if another process was the first."""
        with self._store.transaction():
            before = self._store.get(_DOCUMENT, self._definition.name)
            if before is None:
                self._store.put(_DOCUMENT, self._definition.name, values, at)
        self.version += 1
        self.settled = dict(before or values)
        return before is None

    def set_arm(self, place: int, status: str, reason: str, at: float) -> None:
        """Change an arm's status, in the store too."""
        self._store.set_arm(self._definition.name, self.names[place], status, reason, at)
        self.version += 1
        self.statuses[place] = status
        self._list_active()
        self.why[place] = reason

    def find(self, ids: Iterable[object]) -> dict[str, Known]:
        """Return those of these assignments that there are."""
        texts = [each for each in ids if isinstance(each, str)]  # nothing else is an id
        found = self._recent.find(texts)
        if len(found) < len(texts):
            rows = self._store.decisions([each for each in texts if each not in found])
            read: dict[str, Known] = {
                each: (self.places[row.arm], row.half, int(row.at // DAY), row.propensity, None)
                for each, row in rows.items()
                if row.experiment == self._definition.name
            }
            if read:
                self._recent.add(read)
                found |= read
        return found

    def deal(self, deal: Deal, shares: npt.NDArray[np.float64]) -> None:
        """Log assignments that there are not yet, dealt by these shares."""
        self._store.log_deal(deal)
        day, n = int(deal.at // DAY), len(deal.ids)
        propensities = [deal.shares[place] for place in deal.places]
        known = zip(deal.places, deal.halves, repeat(day), propensities, repeat(()))
        self._recent.add(dict(zip(deal.ids, known, strict=True)))
        dealt = np.bincount(deal.places, minlength=len(shares))
        self.assigned += dealt
        self.dealt += dealt
        self.expected += n * shares
        self.variance += n * shares * (1 - shares)

    def record(self, metric: Metric, values: Sequence[tuple[object, float, float]]) -> int:
        """Log outcomes as (id, value, at); return how many are the first of their assignment.

        Raises:
            UnknownAssignmentError: an id that no assignment of this experiment has; nothing is logged.
        """
        found = self.find([each for each, _, _ in values])
        for each, _, _ in values:
            if not isinstance(each, str) or each not in found:
                raise UnknownAssignmentError(
                    f"no unit was assigned under {shown(each)} in {shown(self._definition.name)}",
                    hint="record an outcome under the id of an Assignment that this experiment gave, in the same store",
                )
        seen = self._seen(metric, found)
        new = []
        for each, value, at in values:
            name = str(each)
            if name not in seen:
                seen.add(name)
                new.append(OutcomeRow(name, metric.name, value, at))
        if new:
            self._store.log_outcomes(new)
            self._add(metric, new, found)
        return len(new)

    def count(self, row: CountRow, *, new: bool = False) -> bool:
        """Log the sums of a report; return whether it is the first of its id, which `new` says it is for sure."""
        if not new and self._store.count(row.id) is not None:
            return False
        self._store.log_counts([row])
        if self._definition.metrics[row.metric].window is None:
            self.tallies[row.metric].add(self.places[row.arm], -1, int(row.at // DAY), row.totals)
        return True

    def buckets(self, metric: str) -> list[Bucket]:
        """Return the sums of a metric from which its design effect is learned: reports by their number, not by day."""
        cells = [bucket for bucket in self.tallies[metric].buckets(self.names, metric) if bucket.half >= 0]
        return cells + self._reports[metric].buckets()

    def periods(self, places: Iterable[int]) -> dict[int, dict[int, Totals]]:
        """Return the sums of arms by day; within a day, where all is from reports, by their number."""
        days = {place: self.tally.days(place) for place in places}
        if len({day for cells in days.values() for day in cells}) < 2 and not self.assigned.any():
            return {place: self._reports[self._definition.metric.name].periods(place) for place in days}
        return days

    def state(self) -> dict[str, Any]:
        """Return all that is known as plain JSON; equal for equal histories, whatever the store's salt."""
        return {
            "arms": dict(zip(self.names, self.statuses, strict=True)),
            "assigned": dict(zip(self.names, self.assigned.tolist(), strict=True)),
            "outcomes": {
                name: [[b.arm, b.half, b.day, *b.totals] for b in tally.buckets(self.names, name)]
                for name, tally in self.tallies.items()
            },
            "settled": dict(self.settled),
        }

    def _list_active(self) -> None:
        self.active = [place for place, status in enumerate(self.statuses) if status == "active"]

    def _tally(self, metric: Metric, now: float) -> Tally:
        tally = Tally(self.places)
        name = self._definition.name
        if metric.window is None:
            tally.load(self._store.buckets(name, metric.name))
            return tally
        before = now - metric.window
        tally.load(self._store.buckets(name, metric.name, before=before))
        for (arm, half, day), totals in self._store.overdue(name, metric.name, before).items():
            if arm in self.places:
                tally.add(self.places[arm], half, day, totals)
        return tally

    def _seen(self, metric: Metric, found: dict[str, Known]) -> set[str]:
        """Return the ids that have an outcome of the metric."""
        seen = {each for each, (*_, metrics) in found.items() if metrics and metric.name in metrics}
        unsure = [each for each, (*_, metrics) in found.items() if metrics is None]
        return seen.union(self._store.outcomes(unsure, metric.name)) if unsure else seen

    def _add(self, metric: Metric, rows: Iterable[OutcomeRow], found: dict[str, Known]) -> None:
        """Add outcomes to the sums, unless a window says when they count: then the next look does."""
        sums: dict[tuple[int, int, int], list[float]] = {}
        marked: dict[str, Known] = {}
        for each, name, value, _ in rows:
            place, half, day, propensity, metrics = found[each]
            if metrics is not None:
                marked[each] = place, half, day, propensity, (*metrics, name)
            cell = sums.setdefault((place, half, day), [0.0, 0.0, 0.0])
            cell[0] += 1
            cell[1] += value
            cell[2] += value * value
        self._recent.add(marked)
        if metric.window is None:
            for key, cell in sums.items():
                self.tallies[metric.name].add(*key, Totals(*cell))
