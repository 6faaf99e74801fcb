"""The default policy: keep what saves most for the room that it takes.

What an entry is worth
    Its value density: how often it will be asked for, per time that it has to be kept until then (`ReuseTable`, learned
    from the requests themselves), times what a hit saves, over the bytes that it takes. With equal costs and weights
    this maximises hits; with different ones, what they save. There is nothing to switch.

What is known of an entry
    Hits only count (`Table`). How often an entry was used and when is brought up to date when it is looked at; a store
    of n entries looks at each about every n / 24 misses, which is close enough. Of keys that are gone, a sketch
    remembers how often they were used, four bits each (`FrequencySketch`), and a sample when they left, to learn how
    long it takes until they come back.

Who goes
    At a miss that finds no room, 16 entries drawn at random and the 8 least valuable ones of the draws before are
    looked at, and the least valuable of them is the victim. A newcomer too large for the place of one takes several. It
    is let in only if it is worth more than all its victims together, unless they are of a lower priority class: those
    go first, and none of a higher class ever goes.

The guard
    No prediction is right everywhere. A simulated LRU sees a sample of the requests (`ShadowLRU`); while it does
    better, the policy follows its order, and tries its own again after a while that doubles each time.

Memory: 5 bytes an entry here, 16 to 32 in the sketch, and about 300 KB at most for the samples.

Relatives: the density is that of GreedyDual-Size-Frequency (L. Cherkasova, 1998) and LHD (N. Beckmann, H. Chen,
A. Cidon, "LHD: improving cache hit rate by maximizing hit density", NSDI 2018), random draws and admission those of
hyperbolic caching (A. Blankstein, S. Sen, M. Freedman, USENIX ATC 2017) and of W-TinyLFU (G. Einziger, R. Friedman,
B. Manes, ACM Trans. Storage 13, 2017), several victims for one newcomer those of G. Einziger, O. Eytan, R. Friedman,
B. Manes, "Lightweight robust size aware cache management", ACM Trans. Storage 18, 2022. What was tried and what each
step is worth on real traces: docs/design/0007-eviction.md.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Iterator
from random import Random

from postopt.caching.base import PRIORITIES
from postopt.caching.eviction.frequency import MOST, FrequencySketch, key_hash
from postopt.caching.eviction.policy import LEAST_COST, NOBODY, Newcomer, Policy
from postopt.caching.eviction.reuse import YOUNG, YOUNG_BUCKET, ReuseTable, age_bucket, no_counts
from postopt.caching.eviction.shadow import ShadowLRU

DRAWN = 16
DRAWN_BY_AGE = 64
"""In place of `DRAWN` while the order of LRU is followed: with 16, 6 % of the hits are lost where most reuses come when
an entry is about to go, with 64 less than 1 %."""

CARRIED = 8
HORIZON = 16
"""For how many times the store's size in misses those that left are watched."""

HALVED_EVERY = 12
"""After how many times the store's size in misses all frequencies are halved."""

WATCHED = 1024
"""About how many that left are watched."""

MOST_WATCHED = 8 * WATCHED
"""Reached only while a store is not full, when nobody looks through them."""

_HALVED = bytes((frequency + 1) // 2 for frequency in range(256))
_MASK = 0xFFFF_FFFF


class Density(Policy):
    """Keeps what has the highest value density; see the module.

    Args:
        seed: decides which entries are drawn.
    """

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        self.shadow = ShadowLRU()
        self._reuse = ReuseTable()
        self._sketch = FrequencySketch()
        self._random = Random(seed).random  # noqa: S311 - a draw, not a secret
        self._last = array("I")  # by slot: the miss at which it was used last, modulo 2**32
        self._frequency = bytearray()
        self._classes = [0] * PRIORITIES  # how many entries of each
        self._carried: list[int] = []
        self._watched: dict[int, int] = {}  # hash -> when it left and how often it was used
        self._watch_below = 1 << 20
        self._now = 0  # in misses
        self._rebuilt_at = self._halved_at = 0
        self._arrival: tuple[Newcomer, int, int] | None = None  # with its hash and frequency
        self._by_count = False
        self._recency = False
        self._patience, self._waits, self._calm = 16, 0, 0

    def added(self, slot: int, newcomer: Newcomer) -> None:
        """Take note of it, with what is remembered of its key."""
        _, frequency = self._arrive(newcomer)
        self._arrival = None
        if slot == len(self._last):
            self._last.append(0)
            self._frequency.append(0)
            if not slot & (slot + 1):  # doubled
                self.shadow.scale(slot + 1)
        self._last[slot] = self._now & _MASK
        self._frequency[slot] = frequency
        self._classes[newcomer.priority] += 1

    def hit(self, slot: int) -> None:
        """Take note that it was set again, which is a use, but no request that was answered."""
        hashed = self._count(slot, 1)
        if self.shadow.samples(hashed):
            self.shadow.touched(hashed, self.entries.weights[slot], self.entries, by_count=self._by_count)

    def removed(self, slot: int) -> None:
        """Remember its frequency, and watch for its return if it is in the sample."""
        hits = self.entries.take_hits(slot)
        if hits:
            self._used(slot, hits)
        self._leave(key_hash(self.entries.item(slot)[0]), self._frequency[slot], self._last[slot])
        self._classes[self.entries.priorities[slot]] -= 1

    def victims(self, newcomer: Newcomer, weight: int, count: int) -> list[int] | None:
        """Return the least valuable of those looked at, if the newcomer is worth more than they are."""
        if newcomer is NOBODY:
            worth = math.inf
        else:
            self._by_count = count > 0 >= weight
            _, frequency = self._arrive(newcomer)
            self._keep_learning()
            worth = self._reuse.index[frequency][0] * (newcomer.cost or LEAST_COST)
        left = self._classes.copy()
        chosen: dict[int, None] = {}
        while weight > 0 or count > 0:
            lowest = next((c for c in range(PRIORITIES) if left[c]), PRIORITIES)
            if lowest > newcomer.priority:
                break
            slot = self._least(lowest, chosen)
            if lowest == newcomer.priority and not self._recency:
                rate = self._reuse.index[self._frequency[slot]][age_bucket(self._now - self._last[slot] & _MASK)]
                worth -= rate * (self.entries.costs[slot] or LEAST_COST)
                if worth < 0:
                    self._carried.append(slot)
                    break
            chosen[slot] = None
            left[lowest] -= 1
            weight -= self.entries.weights[slot]
            count -= 1
        else:
            return list(chosen)
        self._leave(*self._arrive(newcomer), self._now & _MASK)
        self._arrival = None
        return None

    def _arrive(self, newcomer: Newcomer) -> tuple[int, int]:
        """Count a miss, once for each newcomer; return its hash and frequency, this request included."""
        if self._arrival is None or self._arrival[0] is not newcomer:
            self._now += 1
            hashed = key_hash(newcomer.key)
            left = self._watched.pop(hashed, None)
            if left is not None:
                age = self._now - (left >> 4)
                self._reuse.observe(left & MOST, age, (1 << 20) / self._watch_below)
            if self.shadow.samples(hashed):
                cost = newcomer.cost or LEAST_COST
                self.shadow.missed(hashed, newcomer.weight, cost, self.entries, by_count=self._by_count)
            self._arrival = newcomer, hashed, min(self._sketch.count(hashed) + 1, MOST)
        return self._arrival[1:]

    def _leave(self, hashed: int, frequency: int, last: int) -> None:
        self._sketch.remember(hashed, frequency)
        if hashed >> 20 & 0xF_FFFF < self._watch_below:
            age = self._now - last & _MASK
            self._watched[hashed] = (self._now - age) << 4 | frequency
            if len(self._watched) > MOST_WATCHED:
                del self._watched[next(iter(self._watched))]

    def _least(self, priority: int, chosen: Collection[int]) -> int:
        """Look at some entries of a class, and return the least valuable one."""
        slots, classes, draw = self.entries.slots, self.entries.priorities, self._random
        looked_at = {slot for slot in self._carried if slot < slots and classes[slot] == priority}
        drawn = DRAWN_BY_AGE if self._recency else DRAWN
        if self._classes[priority] <= drawn:
            looked_at.update(self._slots_of(priority))
        else:
            for _ in range(drawn):
                slot = int(draw() * slots)
                if classes[slot] != priority:
                    slot = classes.find(priority, slot)
                looked_at.add(slot if slot >= 0 else classes.find(priority))
        if chosen:
            looked_at = {slot for slot in looked_at if slot not in chosen}
        if not looked_at:  # all drawn ones are chosen already
            looked_at.update(slot for slot in self._slots_of(priority) if slot not in chosen)
        ranked = sorted(zip(self._densities(looked_at), looked_at, strict=True))
        self._carried = [slot for _, slot in ranked[1 : CARRIED + 1]]
        return ranked[0][1]

    def _slots_of(self, priority: int) -> Iterator[int]:
        slot = self.entries.priorities.find(priority)
        while slot >= 0:
            yield slot
            slot = self.entries.priorities.find(priority, slot + 1)

    def _densities(self, slots: Iterable[int]) -> list[float]:
        """Return the value density of each of these entries, brought up to date."""
        take_hits = self.entries.take_hits
        for slot in slots:
            hits = take_hits(slot)
            if hits:
                self._used(slot, hits)
        now, last, frequency, index = self._now, self._last, self._frequency, self._reuse.index
        if self._recency:
            return [1 / (1 + (now - last[slot] & _MASK)) for slot in slots]
        costs, weights = self.entries.costs, self.entries.weights
        # A third of what a miss costs is spent here, hence the table in place of a call.
        return [
            index[frequency[slot]][YOUNG_BUCKET[age] if (age := now - last[slot] & _MASK) < YOUNG else age_bucket(age)]
            * (costs[slot] or LEAST_COST)
            / (weights[slot] or 1)
            for slot in slots
        ]

    def _used(self, slot: int, hits: int) -> None:
        """Take note of hits since the last look."""
        hashed = self._count(slot, hits)
        if self.shadow.samples(hashed):
            weight, cost = self.entries.weights[slot], self.entries.costs[slot] or LEAST_COST
            self.shadow.hit(hashed, weight, cost, hits, self.entries, by_count=self._by_count)

    def _count(self, slot: int, hits: int) -> int:
        """Count hits, of which the first ended the wait and the others followed closely, and return the key's hash."""
        frequency = self._frequency[slot]
        self._reuse.observe(frequency, self._now - self._last[slot] & _MASK)
        frequency = min(frequency + 1, MOST)
        for _ in range(min(hits - 1, 3)):
            self._reuse.observe(frequency, 0)
            frequency = min(frequency + 1, MOST)
        self._frequency[slot] = min(frequency + max(hits - 4, 0), MOST)
        self._last[slot] = self._now & _MASK
        return key_hash(self.entries.item(slot)[0])

    def _keep_learning(self) -> None:
        """Every quarter of the store's size in misses, estimate anew; called when the store is full."""
        entries = len(self.entries)
        elapsed = self._now - self._rebuilt_at
        if elapsed < max(256, entries // 4):
            return
        self._rebuilt_at = self._now
        self._sketch.grow(entries)
        self.shadow.scale(entries)
        if not self._halved_at:
            self._halved_at = self._now
        elif self._now - self._halved_at >= HALVED_EVERY * entries:
            self._halved_at = self._now
            self._sketch.halve()
            self._frequency = self._frequency.translate(_HALVED)
        if self._sketch.is_crowded():
            self._sketch.halve()
        self._reuse.rebuild(self._waiting(entries), entries=entries, elapsed=elapsed)
        self._guard()

    def _waiting(self, entries: int) -> list[list[float]]:
        """Count who waits for reuse, by class and age: a sample of the entries, and those watched."""
        waiting = no_counts()
        slots, classes = self.entries.slots, self.entries.priorities
        drawn = range(slots) if slots <= 1024 else [int(self._random() * slots) for _ in range(1024)]
        held = [slot for slot in drawn if classes[slot] != self.entries.FREE]
        for slot in held:
            age = self._now - self._last[slot] & _MASK
            waiting[self._frequency[slot].bit_length() - 1][age_bucket(age)] += entries / len(held)
        horizon = HORIZON * entries
        likes = (1 << 20) / self._watch_below
        for hashed, left in list(self._watched.items()):
            age = self._now - (left >> 4)
            if age > horizon:
                del self._watched[hashed]
            else:
                waiting[(left & MOST).bit_length() - 1][age_bucket(age)] += likes
        # A sample so small that half of those that leave within the horizon are WATCHED.
        below = min(1 << 20, (WATCHED << 20) // (horizon // 2))
        if not 0.7 < below / self._watch_below < 1.5:
            self._watch_below = below
            for hashed in [hashed for hashed in self._watched if hashed >> 20 & 0xF_FFFF >= below]:
                del self._watched[hashed]
        return waiting

    def _guard(self) -> None:
        """Follow the order of LRU for a while if that does better."""
        if self._recency:
            self._waits -= 1
            if not self._waits:
                self._recency = False
                self.shadow.forget_lately()
        elif self.shadow.is_better():
            self._recency = True
            self._waits = self._patience
            self._patience = min(self._patience * 2, 1024)
            self._calm = 0
        else:
            self._calm += 1
            if self._calm >= 4 * self._patience:
                self._patience = max(self._patience // 2, 16)
                self._calm = 0
