"""Who waits, by lane and tenant, and who is next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from postopt.errors import shown
from postopt.scheduling.checks import check_number

LANES = 8
WEIGHTS = (128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0)
"""Each lane weighs twice as much as the next; the factor is arbitrary."""

T = TypeVar("T")


class LaneOrder:
    """Says which lane is next, so that lanes share the turns by weight (self-clocked fair queueing).

    A lane's tag grows by 1 / weight with each of its turns; the lane whose tag would then be lowest is next, the lower
    number first. A lane that was empty goes on from the tag that was served last, if its own is lower: nothing is saved
    up while nobody waits, and the next tags of the lanes in use are always within 1 / weight of the last. So whoever
    comes to an empty lane 0 while one other lane waits is next, and of a few in all lanes those of the first lanes come
    first.

    Bound: let W be the sum of the weights and w that of a lane; whoever is k-th in it comes within k W / w + 7 turns,
    however many come to other lanes later.

    Source: S. J. Golestani, "A self-clocked fair queueing scheme for broadband applications", INFOCOM 1994, 636-646.

    Args:
        weights: the share of each lane in the turns for which all lanes wait.

    Raises:
        ValueError: they are not eight finite numbers above zero.
    """

    def __init__(self, weights: Sequence[float] = WEIGHTS) -> None:
        if len(weights) != LANES or not all(0 < weight < float("inf") for weight in weights):
            raise ValueError(f"weights is {shown(weights)}; {LANES} finite numbers above 0 are needed")
        self.weights = tuple(weights)
        self._steps = [1.0 / weight for weight in weights]
        self._tags = [0.0] * LANES
        self._last = 0.0

    def join(self, lane: int) -> None:
        """Take note that somebody waits in a lane that was empty."""
        self._tags[lane] = max(self._tags[lane], self._last)

    def first(self, lanes: Iterable[int]) -> int:
        """Return which of `lanes`, those in use and at least one, is next."""
        return min((self._tags[lane] + self._steps[lane], lane) for lane in lanes)[1]

    def took(self, lane: int) -> None:
        """Take note that the lane that is next had its turn."""
        self._last = self._tags[lane] = self._tags[lane] + self._steps[lane]


class Lanes(Generic[T]):
    """Eight lanes, 0 the first; in a lane, tenants take turns; of a tenant, the oldest is next.

    Bound: whoever comes as the p-th of its tenant to a lane in which at most T tenants wait until it is taken, is at
    worst k-th in it with k = p T, and so comes within p T W / w + 7 turns (`LaneOrder`), however many come later.

    Source of the tenants' round robin: J. Nagle, "On packet switches with infinite storage", RFC 970, 1985.

    Args and errors: those of `LaneOrder`.
    """

    def __init__(self, weights: Sequence[float] = WEIGHTS) -> None:
        self.counts = [0] * LANES
        self._order = LaneOrder(weights)
        self._tenants: tuple[OrderedDict[str, OrderedDict[T, None]], ...] = tuple(OrderedDict() for _ in range(LANES))

    def __len__(self) -> int:
        return sum(self.counts)

    def push(self, item: T, lane: int, tenant: str) -> None:
        """Put `item`, which is nowhere in here, behind its tenant's others."""
        if not self.counts[lane]:
            self._order.join(lane)
        tenants = self._tenants[lane]
        queue = tenants.get(tenant)
        if queue is None:
            queue = tenants[tenant] = OrderedDict()
        queue[item] = None
        self.counts[lane] += 1

    def pop(self) -> T:
        """Take who is next; somebody has to wait."""
        lane = self._order.first(lane for lane in range(LANES) if self.counts[lane])
        self._order.took(lane)
        return self.pop_from(lane)

    def pop_from(self, lane: int) -> T:
        """Take who is next in a lane where somebody waits, without counting it as one of the lane's turns."""
        tenants = self._tenants[lane]
        tenant = next(iter(tenants))
        queue = tenants[tenant]
        item, _ = queue.popitem(last=False)
        tenants.move_to_end(tenant)
        self._took_from(lane, tenant)
        return item

    def remove(self, item: T, lane: int, tenant: str) -> bool:
        """Take out `item`; say whether it was there."""
        queue = self._tenants[lane].get(tenant)
        if queue is None or item not in queue:
            return False
        del queue[item]
        self._took_from(lane, tenant)
        return True

    def ahead(self, lane: int, tenant: str) -> float:
        """Return about how many turns come before that of a newcomer, if nobody comes after it."""
        tenants = self._tenants[lane]
        place = len(tenants.get(tenant, ())) + 1
        rank = min(self.counts[lane] + 1, place * (len(tenants) + (tenant not in tenants)))
        weights = self._order.weights
        others = (
            min(self.counts[other], rank * weights[other] / weights[lane])
            for other in range(LANES)
            if other != lane and self.counts[other]
        )
        return rank - 1 + sum(others)

    def displaced_by(self, lane: int, tenant: str) -> T | None:
        """Return who gives way when there is no room for a newcomer, or None if it has to go itself.

        That is the newest of the tenant with the most waiting in the last lane in use: if this is a later lane than the
        newcomer's, or the same, and the newcomer's tenant would still have fewer there.
        """
        last = max((lane for lane in range(LANES) if self.counts[lane]), default=-1)
        if last < lane:
            return None
        tenants = self._tenants[last]
        longest = max(tenants.values(), key=len)
        if last == lane and len(longest) <= len(tenants.get(tenant, ())) + 1:
            return None
        return next(reversed(longest))

    def _took_from(self, lane: int, tenant: str) -> None:
        if not self._tenants[lane][tenant]:
            del self._tenants[lane][tenant]
        self.counts[lane] -= 1


def check_lane(priority: int) -> None:
    """Refuse what is no lane.

    Raises:
        ValueError: it is not a whole number from 0 to 7.
    """
    check_number("priority", priority, least=0, most=LANES - 1, whole=True)
