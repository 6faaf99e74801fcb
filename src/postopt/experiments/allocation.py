"""Giving units their arms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from postopt.experiments.assignment import Assigner, ExclusionGroup, Unit, arms_of
from postopt.experiments.definition import Definition
from postopt.experiments.entries import Deal
from postopt.experiments.records import Assignment
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
        arms, found = self._definition.arms, self._standing.find(ids)
        given = {each: Assignment(each, arms[place], share) for each, (place, _, _, share, _) in found.items()}
        # A unit that comes twice is one.
        new = {each: index for index, each in enumerate(ids) if each not in given and index not in outside}
        if new:
            which, shares = list(new.values()), self._traffic.shares
            deal = Deal(
                ids=list(new),
                places=arms_of(u[which], shares).tolist(),
                halves=halves[which].tolist(),
                experiment=self._definition.name,
                arms=self._standing.names,
                shares=shares.tolist(),
                policy=self._traffic.policy,
                context=context,
                at=now,
            )
            self._standing.deal(deal, shares)
            given |= {
                each: Assignment(each, arms[place], deal.shares[place])
                for each, place in zip(deal.ids, deal.places, strict=True)
            }
        if not outside:
            return [given[each] for each in ids]
        return [self._outside if index in outside else given[each] for index, each in enumerate(ids)]

    def _not_taking_part(self, units: Sequence[Unit], take: Numbers) -> frozenset[int]:
        """Return which of these units do not."""
        outside = set(np.flatnonzero(take >= self._definition.traffic_share).tolist())
        if self._group is not None:
            name = self._definition.name
            outside.update(index for index, unit in enumerate(units) if self._group.experiment_of(unit) != name)
        return frozenset(outside)
