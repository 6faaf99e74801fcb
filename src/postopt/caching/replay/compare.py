"""Policies side by side on one trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density, Policy
from postopt.caching.memory import MemoryStore
from postopt.caching.replay.arc import ARC
from postopt.caching.replay.optimum import clairvoyant_savings, most_hits
from postopt.caching.replay.trace import Trace
from postopt.caching.replay.wtinylfu import WTinyLFU

EVERYTHING = 2**62

POLICIES: dict[str, Callable[[], Policy]] = {
    "density": Density,
    "LRU": LRU,
    "LFU": LFU,
    "S3-FIFO": S3FIFO,
    "GDSF": GDSF,
    "GDSF, all history": lambda: GDSF(history=EVERYTHING),
}
"""Those that a `MemoryStore` takes, which is what replays them."""

SIMULATED: dict[str, Callable[[Trace, int], int]] = {
    "ARC": lambda trace, entries: ARC(entries).hits(trace.keys),
    "W-TinyLFU, 1 %": lambda trace, entries: WTinyLFU(entries, climbing=False).hits(trace.keys),
    "W-TinyLFU": lambda trace, entries: WTinyLFU(entries, climbing=True).hits(trace.keys),
}
"""Those that know neither weight nor cost, as far as their hits go."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What policies reach at one size.

    Attributes:
        size: share of the keys, or of the bytes of all of them.
        capacity: the same in entries or bytes.
        best: hits, or savings, of who knows the future.
        reached: the same of each policy.
    """

    size: float
    capacity: int
    best: float
    reached: dict[str, float]

    def shares(self) -> dict[str, float]:
        """Return what each policy reaches of what is possible; 1 where nothing is."""
        return {name: value / self.best if self.best else 1.0 for name, value in self.reached.items()}


def compare(trace: Trace, size: float) -> Comparison:
    """Replay a trace at a cache of `size`: by hits if all keys weigh and cost the same, else by what they save."""
    if trace.is_uniform:
        entries = max(1, int(size * len(trace.weights)))
        reached = {name: float(hits) for name, hits in _replay_hits(trace, entries)}
        return Comparison(size, entries, float(most_hits(trace, entries)), reached)
    capacity = max(1, int(size * sum(trace.weights)))
    reached = {name: replay(trace, capacity, make())[1] for name, make in POLICIES.items()}
    return Comparison(size, capacity, clairvoyant_savings(trace, capacity), reached)


def replay(trace: Trace, capacity: int, policy: Policy) -> tuple[int, float]:
    """Return how many requests a store of so many bytes hits, and what they save."""
    store = MemoryStore(max_bytes=capacity, policy=policy)
    get, put = store.get_nowait, store.set_nowait
    weights, costs = trace.weights, trace.costs
    hits, saved = 0, 0.0
    for key in trace.keys:
        if get(key) is None:
            put(key, True, weight=weights[key], cost=costs[key])  # noqa: FBT003 - a value, no flag
        else:
            hits += 1
            saved += costs[key]
    return hits, saved


def _replay_hits(trace: Trace, entries: int) -> Iterator[tuple[str, int]]:
    for name, make in POLICIES.items():
        yield name, replay(trace, entries * trace.weights[0], make())[0]
    for name, simulate in SIMULATED.items():
        yield name, simulate(trace, entries)
