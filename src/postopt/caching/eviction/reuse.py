"""How soon entries are asked for again, learned from those that are and those that are not.

Time is counted in misses: that is what fills a store, whatever the clock says. For entries of one frequency class the
hazard of reuse is estimated in each bucket of age (two an octave) as in a life table: reuses seen, over the time that
entries spent waiting at that age. What is seen counts less by a tenth with each rebuild, more slowly at ages so large
that one sees little of them. Until enough is seen, a prior speaks: frequent entries come back sooner, and all of them
at a falling rate.

From the hazards follows, for each class and age, the Gittins index: the highest rate of hits per time that keeping the
entry can give, if one may stop keeping it at any age. Among entries of equal cost and weight, keeping those of the
highest index earns most (J. C. Gittins, "Bandit processes and dynamic allocation indices", J. R. Stat. Soc. B 41,
1979). What comes after a reuse is taken from the next class at its own best. To choose that anew for each age would
raise the index by a fifth at most at the rates believed at first; on six real traces that hit 0.2 % less on average,
and a replay took up to twice as long.

An index that falls with age makes the store behave like LRU; one that rises, as in a loop larger than the store,
makes it keep what is there; one that hardly depends on age, like LFU. LHD (N. Beckmann, H. Chen, A. Cidon, NSDI 2018)
ranks by a similar rate, from the ages at which its own policy happened to evict.
"""

from __future__ import annotations

import math

from postopt.caching.eviction.frequency import MOST

CLASSES = MOST.bit_length()
"""Frequencies 1, 2 to 3, 4 to 7, 8 to 15."""

BUCKETS = 64
"""Ages up to 2**32 misses."""

_START = [0.0] + [2.0 ** (b // 2) * (1.5 if b % 2 else 1.0) for b in range(1, BUCKETS + 1)]
_LENGTH = [_START[b + 1] - _START[b] for b in range(BUCKETS)]

# The prior: the probability that an entry of a class comes back within a bucket of young age, roughly the median of
# what nine traces show (docs/design/0007), and how much the data must say to outweigh it: so many entries at risk.
_PRIOR = (0.01, 0.012, 0.03, 0.05)
_PRIOR_ENTRIES = 64.0
# It counts as so many reuses at least, or a single one would do where hardly any come.
_PRIOR_EVENTS = 2.0
# Reuses at one age, of all classes, that outweigh the prior for that age.
_PRIOR_REUSES = 5.0
_LEAST_FACTOR = 1e-3
_KEPT = 0.9

YOUNG = 1 << 14
YOUNG_BUCKET = b"\0\0" + b"".join(
    bytes((2 * octave,)) * (1 << octave - 1) + bytes((2 * octave + 1,)) * (1 << octave - 1) for octave in range(1, 14)
)
"""The buckets of ages below `YOUNG`, which are most."""


def age_bucket(age: int) -> int:
    """Return the bucket of an age in misses."""
    if age < YOUNG:
        return YOUNG_BUCKET[age]
    octave = age.bit_length() - 1
    return 2 * octave + (age >> octave - 1 & 1)


Counts = list[list[float]]
"""A number for each class and bucket."""


def no_counts() -> Counts:
    """Return zero for each class and bucket."""
    return [[0.0] * BUCKETS for _ in range(CLASSES)]


class ReuseTable:
    """Hazards of reuse by class and age, and the index that ranks entries.

    Attributes:
        index: `index[frequency][age_bucket(age)]` is hits per miss of waiting, for frequencies from 1 to `MOST`.
    """

    __slots__ = ("_exposed", "_reused", "_seen", "index")

    def __init__(self) -> None:
        self._seen = no_counts()  # reuses since the last rebuild
        self._reused = no_counts()
        self._exposed = no_counts()
        by_class = no_counts()
        self.index = [by_class[max(frequency, 1).bit_length() - 1] for frequency in range(MOST + 1)]
        self._rank(BUCKETS, 100)

    def observe(self, frequency: int, age: int, weight: float = 1.0) -> None:
        """Take note of a reuse at `age`, of an entry that had been used `frequency` times; `weight` of its likes."""
        self._seen[frequency.bit_length() - 1][age_bucket(age)] += weight

    def rebuild(self, waiting: Counts, *, entries: int, elapsed: int) -> None:
        """Estimate anew.

        Args:
            waiting: how many entries and remembered ones have waited for how long.
            entries: how many the store holds.
            elapsed: misses since the last rebuild.
        """
        for bucket in range(BUCKETS):
            kept = _KEPT ** (1 / max(1.0, _START[bucket] / entries))
            for of_class in range(CLASSES):
                self._reused[of_class][bucket] *= kept
                self._exposed[of_class][bucket] *= kept
        for of_class in range(CLASSES):
            seen, reused = self._seen[of_class], self._reused[of_class]
            for bucket in range(BUCKETS):
                reused[bucket] += seen[bucket]
            # Those that came back did so half-way between two rebuilds, on average.
            _expose(self._exposed[of_class], waiting[of_class], elapsed)
            _expose(self._exposed[of_class], seen, elapsed / 2)
        self._seen = no_counts()
        oldest = max((b for row in self._exposed for b in range(BUCKETS) if row[b]), default=0)
        self._rank(min(oldest + 3, BUCKETS), entries)

    def _rank(self, buckets: int, entries: int) -> None:
        """Compute the index up to so many buckets; of older entries it is that of the last."""
        hazards = self._hazards(buckets, entries)
        promise = (0.0, 1.0)  # hits and time of an entry of the next class, from its reuse on
        for of_class in reversed(range(CLASSES)):
            survival = [math.exp(-hazards[of_class][b] * _LENGTH[b]) for b in range(buckets)]
            waits = [(1 - survival[b]) / hazards[of_class][b] for b in range(buckets)]
            promises = [_best_stop(survival[age:], waits[age:], promise) for age in range(buckets)]
            rates = [hits / time for hits, time in promises]
            self.index[1 << of_class][:] = rates + rates[-1:] * (BUCKETS - buckets)
            promise = promises[0]

    def _hazards(self, buckets: int, entries: int) -> Counts:
        """Return the rates of reuse per miss, prior and data together (a gamma prior for each rate)."""
        hazards = no_counts()
        for bucket in range(buckets):
            length = _LENGTH[bucket]
            grown = 1 + 2 * math.sqrt(max(_START[bucket], 1.0) / entries)
            priors = [-math.log(1 - min(0.9, chance * grown)) / length for chance in _PRIOR]
            reused = sum(row[bucket] for row in self._reused)
            expected = sum(row[bucket] * prior for row, prior in zip(self._exposed, priors, strict=True))
            factor = max(_LEAST_FACTOR, (reused + _PRIOR_REUSES) / (expected + _PRIOR_REUSES))
            for of_class, prior in enumerate(priors):
                rate = factor * prior
                events = max(_PRIOR_ENTRIES * min(0.95, 1 - math.exp(-rate * length)), _PRIOR_EVENTS)
                hazards[of_class][bucket] = (self._reused[of_class][bucket] + events) / (
                    self._exposed[of_class][bucket] + events / rate
                )
        return hazards


def _expose(exposed: list[float], counts: list[float], elapsed: float) -> None:
    """Add the time that entries of these ages spent in each bucket during the last `elapsed` misses."""
    for last, count in enumerate(counts):
        if count:
            end = (_START[last] + _START[last + 1]) / 2
            begin = max(0.0, end - elapsed)
            for bucket in range(last, -1, -1):
                spent = min(end, _START[bucket + 1]) - max(begin, _START[bucket])
                if spent <= 0:
                    break
                exposed[bucket] += count * spent


def _best_stop(survival: list[float], waits: list[float], onward: tuple[float, float]) -> tuple[float, float]:
    """Return the expected hits and time up to the age to stop at where their ratio is highest.

    A reuse earns one hit, and then the hits of `onward` in that time, if keeping the entry on is the better deal.
    """
    alive, waited = 1.0, 0.0
    best_hits, best_time = 0.0, 1.0
    for survives, wait in zip(survival, waits, strict=True):
        waited += alive * wait
        alive *= survives
        hits, time = 1 - alive, waited
        if hits * onward[1] < onward[0] * time:
            hits, time = hits * (1 + onward[0]), time + hits * onward[1]
        if hits * best_time > best_hits * time:
            best_hits, best_time = hits, time
    return best_hits, best_time
