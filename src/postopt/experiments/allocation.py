"""Giving units their arms."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from postopt.experiments.assignment import Assigner, ExclusionGroup, Unit, arms_of
from postopt.experiments.definition import Definition
from postopt.experiments.records import Assignment, DecisionRow
from postopt.experiments.standing import Standing
from postopt.experiments.traffic import Numbers, Traffic

OUTSIDE = ""  # the id of an assignment that takes no part


class Allocator:
    """Looks up the arms of units that have one, and deals and logs the others. Not thread-safe.

    Args:
        definition: of the experiment.
        standing: what is known of it.
        traffic: the shares of the moment.
        salt: of the store.
        group: of experiments of which a unit takes part in one at most.
    """

    def __init__(
        self, definition: Definition, standing: Standing, traffic: Traffic, salt: bytes, group: ExclusionGroup | None
    ) -> None:
        self._definition = definition
        self._standing = standing
        self._traffic = traffic
        self._assigner = Assigner(salt, definition.name)
        self._group = group
        self._outside = Assignment(OUTSIDE, definition.arms[0], 1.0)

    def allocate(self, units: Sequence[Unit], context: str, now: float) -> list[Assignment]:
        """Return the assignments of units, in their order; those that are new are logged as of now."""
        ids, u, take, halves = self._assigner.place_many(units)
        outside = self._not_taking_part(units, take)
        arms, shares = self._definition.arms, self._traffic.shares.tolist()
        given = {
            each: Assignment(each, arms[known.place], known.propensity)
            for each, known in self._standing.find(ids).items()
        }
        if len(given) < len(ids):
            places = arms_of(u, shares).tolist()
            self._deal(ids, places, halves.tolist(), shares, outside, given, context, now)
        if not outside:
            return [given[each] for each in ids]
        control = Assignment(OUTSIDE, arms[0], 1.0)
        return [control if index in outside else given[each] for index, each in enumerate(ids)]

    def _deal(
        self,
        ids: Sequence[str],
        places: Sequence[int],
        halves: Sequence[int],
        shares: Sequence[float],
        outside: Container[int],
        given: dict[str, Assignment],
        context: str,
        now: float,
    ) -> None:
        """Add to `given` the assignments of those that have none, and log them."""
        name, arms, names = self._definition.name, self._definition.arms, self._standing.names
        policy = self._traffic.policy
        rows, dealt = [], []
        for index, each in enumerate(ids):
            if each not in given and index not in outside:
                place = places[index]
                given[each] = Assignment(each, arms[place], shares[place])
                dealt.append(place)
                rows.append(
                    DecisionRow(each, name, names[place], each, halves[index], shares[place], policy, context, now)
                )
        if rows:
            self._standing.deal(rows, dealt, self._traffic.shares)

    def _not_taking_part(self, units: Sequence[Unit], take: Numbers) -> frozenset[int]:
        """Return which of these units do not."""
        outside = set(np.flatnonzero(take >= self._definition.traffic_share).tolist())
        if self._group is not None:
            name = self._definition.name
            outside.update(index for index, unit in enumerate(units) if self._group.experiment_of(unit) != name)
        return frozenset(outside)
