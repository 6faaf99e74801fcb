"""A seeded walk through a product of choices that never repeats and turns every wheel at nearly every step.

A post is one point of a product: hook x lead x offer x ... with r_0, r_1, ... choices. Drawing points at random
repeats some long before all are seen (after about sqrt(N) draws). Instead an index 0 <= i < N, N = r_0 r_1 ..., is
mapped to a point by a bijection, so the first N posts all differ and any post can be made again from its index.

The plain mixed-radix digits of i are such a bijection, but like an odometer they turn only the first wheel from one
post to the next. If the radices were pairwise coprime, i mod r_j on each wheel would be one that turns them all (the
Chinese remainder theorem). In general let R_j = r_0 ... r_{j-1}, L_j = lcm(R_j, r_j), and with i_j = i mod R_{j+1}

    e_j = (i_j + floor(i_j / L_j)) mod r_j.

This is a bijection for any radices. Proof, by induction over the wheels: what the wheels below show determines
x = i mod R_j, and i_j = x + t R_j with 0 <= t < r_j. With g = gcd(R_j, r_j), floor(i_j / L_j) = floor(t g / r_j) = k
is the same for r_j / g consecutive t, for which t R_j runs through the r_j / g different multiples of g modulo r_j; so
e_j runs through the residues that are congruent to x + k modulo g, and k = 0 .. g - 1 covers all of them once.

Each step adds 1 to every e_j, or 2 where i_j passes a multiple of L_j, until i_j begins anew. So two posts fewer than
min(r_j) apart hardly ever share a clause, which is what a reader notices; a random permutation of 0 .. N - 1 would only
make that likely. Seeds shuffle each wheel's faces and choose the starting point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import lcm, prod


class Wheels:
    """Maps an index to one choice on each wheel; a permutation of the whole product.

    Args:
        radices: the number of choices on each wheel, each at least 1.
        seed: text that determines the permutation, the same on every platform and Python.
    """

    __slots__ = ("_start", "_wheels", "size")

    def __init__(self, radices: Sequence[int], seed: str) -> None:
        self.size = prod(radices)
        # SHAKE-256 as the source of randomness: pinned by its standard, unlike the methods of `random.Random`.
        stream = hashlib.shake_256(seed.encode()).digest(8 * (1 + sum(radices)))
        keys = [stream[at : at + 8] for at in range(0, len(stream), 8)]
        self._start = int.from_bytes(keys[0]) % self.size
        self._wheels: list[tuple[int, int, int, tuple[int, ...]]] = []
        used, below = 1, 1
        for radix in radices:
            order = keys[used : used + radix]
            faces = tuple(sorted(range(radix), key=order.__getitem__))
            self._wheels.append((below * radix, lcm(below, radix), radix, faces))
            used += radix
            below *= radix

    def __call__(self, index: int) -> list[int]:
        """Return the choice on each wheel for `index`, 0 <= index < size."""
        at = (index + self._start) % self.size
        return [faces[(at % period + at % period // turns) % radix] for period, turns, radix, faces in self._wheels]
