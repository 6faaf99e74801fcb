"""Quantiles in bounded memory."""

from __future__ import annotations

import math
import sys

from postopt.stats.checks import check_finite, check_not_empty


class QuantileSketch:
    """Quantiles of a stream within a stated relative error, in bounded memory (DDSketch).

    Idea: a value x > 0 is counted in bucket ceil(log(x) / log(g)) with g = (1 + e) / (1 - e). Bucket i spans
    (g**(i-1), g**i], and its middle 2 g**i / (g + 1) is within a share e of everything in it. Negative values have
    buckets of their own, by magnitude; zero has a count. Minimum and maximum are kept exactly.

    Error: `quantile(q)` is within `relative_error` of the value at rank floor(q * (n - 1)), counted from 0 in
    sorted order, unless that value's bucket was collapsed: of each sign only the `max_buckets` buckets of largest
    magnitude in use are kept, and what is smaller counts as the smallest of them. 2048 buckets at 1 % span a factor
    of 1e17. Both the bound and the collapse are the same however the stream is cut: sketches that are merged equal
    the sketch of all values, in any order.

    Source: C. Masson, J. E. Rim and H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
    relative-error guarantees", PVLDB 12(12), 2019, 2195-2205.
    """

    __slots__ = ("_log_base", "_maximum", "_minimum", "_negative", "_positive", "_zeros", "max_buckets", "n",
                 "relative_error")  # fmt: skip

    def __init__(self, relative_error: float = 0.01, max_buckets: int = 2048) -> None:
        if not 0 < relative_error < 1:
            raise ValueError(f"relative_error is {relative_error!r}; a share between 0 and 1 is needed")
        if max_buckets < 1:
            raise ValueError(f"max_buckets is {max_buckets!r}; at least 1 is needed")
        self.relative_error = relative_error
        self.max_buckets = max_buckets
        self.n = 0
        self._log_base = math.log1p(relative_error) - math.log1p(-relative_error)
        self._positive: dict[int, int] = {}
        self._negative: dict[int, int] = {}
        self._zeros = 0
        self._minimum = math.inf
        self._maximum = -math.inf

    def update(self, value: float) -> None:
        """Take one observation."""
        check_finite("value", value)
        self.n += 1
        self._minimum = min(self._minimum, value)
        self._maximum = max(self._maximum, value)
        if value == 0:
            self._zeros += 1
            return
        buckets = self._positive if value > 0 else self._negative
        self._count(buckets, math.ceil(math.log(abs(value)) / self._log_base), 1)

    def merge(self, other: QuantileSketch) -> None:
        """Take all that `other` has seen; both need the same error and number of buckets."""
        if (other.relative_error, other.max_buckets) != (self.relative_error, self.max_buckets):
            raise ValueError("sketches of different relative_error or max_buckets cannot be merged")
        for mine, theirs in ((self._positive, other._positive), (self._negative, other._negative)):
            for index, count in list(theirs.items()):
                self._count(mine, index, count)
        self.n += other.n
        self._zeros += other._zeros
        self._minimum = min(self._minimum, other._minimum)
        self._maximum = max(self._maximum, other._maximum)

    def quantile(self, q: float) -> float:
        """Return the value below which a share `q` of the observations lies; 0 and 1 give minimum and maximum."""
        if not 0 <= q <= 1:
            raise ValueError(f"q is {q!r}; a share from 0 to 1 is needed")
        check_not_empty(self.n)
        if q in (0, 1):
            return self._minimum if q == 0 else self._maximum
        return min(max(self._at_rank(math.floor(q * (self.n - 1))), self._minimum), self._maximum)

    def _at_rank(self, rank: int) -> float:
        for index in sorted(self._negative, reverse=True):
            rank -= self._negative[index]
            if rank < 0:
                return -self._middle(index)
        rank -= self._zeros
        if rank < 0:
            return 0.0
        for index in sorted(self._positive):
            rank -= self._positive[index]
            if rank < 0:
                return self._middle(index)
        return self._maximum  # pragma: no cover - the counts add up to n

    def _middle(self, index: int) -> float:
        # In logarithms, because g**index overflows for values near the largest float.
        log = index * self._log_base + math.log1p(-self.relative_error)
        return math.exp(min(log, math.log(sys.float_info.max)))

    def _count(self, buckets: dict[int, int], index: int, count: int) -> None:
        if index in buckets:
            buckets[index] += count
            return
        if len(buckets) < self.max_buckets:
            buckets[index] = count
            return
        lowest = min(buckets)
        if index < lowest:
            buckets[lowest] += count
            return
        collapsed = buckets.pop(lowest)
        buckets[index] = count
        buckets[min(buckets)] += collapsed
