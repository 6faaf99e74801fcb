"""A seeded walk through a product of choices that never repeats and always turns every wheel.

A post is one point of a product: hook x lead x offer x ... with r_0, r_1, ... choices. Drawing points at random
repeats some long before all are seen (after about sqrt(N) draws). Instead an index 0 <= i < N, N = r_0 r_1 ...,
is mapped to a point by a bijection, so the first N posts all differ and any post can be made again from its index.

The plain mixed-radix digits d_j(i) are such a bijection, but like an odometer they turn only the first wheel from
one post to the next. Let low_j = i mod (r_0 ... r_{j-1}) be what the lower digits spell; then

    e_j = (d_j + low_j) mod r_j

is still a bijection (it is triangular: given the lower digits, low_j is known and d_j = (e_j - low_j) mod r_j),
and as low_j grows by one with i, every wheel turns at every step, except when the wheels below have come full
circle. So two posts fewer than min(r_j) apart hardly ever share a clause, which is what a reader notices; a random
permutation of 0..N-1 would only make that likely. Seeds shuffle each wheel's faces and choose the starting point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import prod


class Wheels:
    """Maps an index to one choice on each wheel; a permutation of the whole product.

    Args:
        radices: the number of choices on each wheel, each at least 1.
        seed: text that determines the permutation, the same on every platform and Python.
    """

    __slots__ = ("_faces", "_radices", "_start", "size")

    def __init__(self, radices: Sequence[int], seed: str) -> None:
        self.size = prod(radices)
        self._radices = tuple(radices)
        # SHAKE-256 as the source of randomness: pinned by its standard, unlike the methods of `random.Random`.
        stream = hashlib.shake_256(seed.encode()).digest(8 * (1 + sum(radices)))
        keys = [stream[at : at + 8] for at in range(0, len(stream), 8)]
        self._start = int.from_bytes(keys[0]) % self.size
        self._faces = []
        used = 1
        for radix in radices:
            wheel = keys[used : used + radix]
            self._faces.append(tuple(sorted(range(radix), key=wheel.__getitem__)))
            used += radix

    def __call__(self, index: int) -> list[int]:
        """Return the choice on each wheel for `index`, 0 <= index < size."""
        high = (index + self._start) % self.size
        low, weight = 0, 1
        point = []
        for radix, faces in zip(self._radices, self._faces, strict=True):
            high, digit = divmod(high, radix)
            point.append(faces[(digit + low) % radix])
            low += digit * weight
            weight *= radix
        return point
