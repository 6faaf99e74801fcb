"""From how far an expectation lies above a level to the probability that the outcome does."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple, Self

import numpy as np

from postopt.engagement.ngrams import Vector

# Knots of a curve at most, and posts for each at least: both arbitrary.
_KNOTS = 30
_POSTS = 20


class Chances(NamedTuple):
    """A rising curve of straight pieces through shares that were counted.

    Attributes:
        at: distances, rising.
        share: of the posts about that distance above, how many turned out above; never falls, and is never 0 or 1.
    """

    at: tuple[float, ...]
    share: tuple[float, ...]

    @classmethod
    def fit(cls, distance: Vector, above: Vector) -> Self:
        """Learn from distances and what came of them: bins of equal size, then the best curve that never falls.

        By pooling adjacent violators: M. Ayer, H. D. Brunk, G. M. Ewing, W. T. Reid and E. Silverman, Annals of
        Mathematical Statistics 26(4), 1955, 641-647. Each bin counts as if one post more had been above and one not.
        """
        order = np.argsort(distance, kind="stable")
        pooled: list[tuple[float, float, float]] = []  # sum of distances, of posts above, number of posts
        for part in np.array_split(order, max(min(len(order) // _POSTS, _KNOTS), 1)):
            bin_ = (float(distance[part].sum()), float(above[part].sum()), float(len(part)))
            while pooled and pooled[-1][1] * bin_[2] >= bin_[1] * pooled[-1][2]:
                last = pooled.pop()
                bin_ = (last[0] + bin_[0], last[1] + bin_[1], last[2] + bin_[2])
            pooled.append(bin_)
        return cls(
            tuple(total / max(n, 1) for total, _, n in pooled), tuple((hits + 1) / (n + 2) for _, hits, n in pooled)
        )

    def one(self, distance: float) -> float:
        """Return the probability at one distance; beyond the ends it is that of the end."""
        place = bisect_right(self.at, distance)
        if place in (0, len(self.at)):
            return self.share[min(place, len(self.at) - 1)]
        left, right = self.at[place - 1], self.at[place]
        low, high = self.share[place - 1], self.share[place]
        return low + (high - low) * (distance - left) / (right - left)

    def many(self, distances: Vector) -> Vector:
        """Return the probabilities at many distances."""
        return np.interp(distances, self.at, self.share)
