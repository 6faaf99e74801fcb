"""Which arm a unit gets: always the same one, by a keyed hash."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from numbers import Integral
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_amount, check_name
from postopt.errors import shown

_DIGEST = 40  # bytes: 16 for the id, 8 each for three numbers
_SCALE = 2.0**-53  # of the upper 53 bits of 8 bytes: what a float in [0, 1) holds

Unit = int | str | bytes | UUID


class Place(NamedTuple):
    """Where a unit stands in an experiment: four parts of one hash, independent of each other.

    Attributes:
        id: of its assignment, 32 hexadecimal digits.
        u: uniform in [0, 1): picks the arm, by `arm_of`.
        take: uniform in [0, 1): the unit takes part if it is below the traffic share.
        half: 0 or 1: which half of its arm it belongs to; both are shown the same (built-in A/A).
    """

    id: str
    u: float
    take: float
    half: int


class Assigner:
    """Place units in one experiment, the same way for ever and in every process that has the salt.

    The hash is BLAKE2b, keyed with the salt and with the name of the experiment in front of the unit, so that

    - nobody without the salt can tell an arm, or a unit from what is stored;
    - the places of a unit in two experiments are independent (as far as the hash is random);
    - no table of units is needed.

    An int, its decimal text, a UUID and its canonical text (1 and "1") are the same unit: ids travel as text on the
    web and as numbers in databases, and a unit must not change its arm on that way. Bytes are units of their own
    (b"1" is another one than "1"). Texts are taken as they are, without normalisation. Refused are bool, float, None,
    empty texts and bytes: they are what a missing id looks like.

    Thread-safe and stateless after construction.

    Args:
        salt: secret of the store, 1 to 64 bytes.
        experiment: name; another name deals all units anew.

    Raises:
        ValueError: the salt or the name cannot be used.
    """

    __slots__ = ("_start",)

    def __init__(self, salt: bytes, experiment: str) -> None:
        if type(salt) is not bytes or not 1 <= len(salt) <= 64:
            raise ValueError("salt is not of 1 to 64 bytes")  # which it is, is secret
        name = check_name("experiment", experiment).encode("utf-8", "surrogatepass")
        # The length in front keeps "ab" + "c" apart from "a" + "bc".
        self._start = blake2b(len(name).to_bytes(8, "little") + name, key=salt, digest_size=_DIGEST)

    def place(self, unit: Unit) -> Place:
        """Return where a unit stands.

        Raises:
            ValueError: the unit is of no kind that can be told apart for sure.
        """
        digest = self._digest(unit)
        u, take, bits = (int.from_bytes(digest[i : i + 8], "little") for i in (16, 24, 32))
        return Place(digest[:16].hex(), (u >> 11) * _SCALE, (take >> 11) * _SCALE, bits & 1)

    def place_many(
        self, units: Iterable[Unit]
    ) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return ids, u, take and half of many units, in their order, as `place` gives them one by one."""
        digests = [self._digest(unit) for unit in units]
        whole = b"".join(digests)
        words = np.frombuffer(whole, "<u8").reshape(len(digests), _DIGEST // 8)
        uniforms = np.asarray((words[:, 2:4] >> np.uint64(11)) * _SCALE, np.float64)
        digits = whole.hex()
        ids = [digits[start : start + 32] for start in range(0, len(digits), 2 * _DIGEST)]
        return ids, uniforms[:, 0], uniforms[:, 1], (words[:, 4] & np.uint64(1)).astype(np.int64)

    def _digest(self, unit: Unit) -> bytes:
        state = self._start.copy()
        state.update(b"t" + unit.encode("utf-8", "surrogatepass") if type(unit) is str and unit else _encoded(unit))
        return state.digest()


class ExclusionGroup:
    """Experiments of which each unit takes part in one at most.

    Each experiment owns a slot of [0, 1), as wide as its share and in the order given; a hash of the group and the unit
    points into one slot, or into none. Append new experiments at the end: the slots before stay what they are. What
    is left over takes part in nothing. Within its slot an experiment deals units by its own hash, so that its arms are
    balanced whatever the slot.

    A holdout is an entry that no experiment has: its units see what is shown without experiments.

    Args:
        salt: secret of the store.
        name: of the group.
        shares: of all units, by experiment; together 1 at most.

    Raises:
        ValueError: a share is negative or NaN, or they exceed 1.
    """

    __slots__ = ("_assigner", "_ends", "_names")

    def __init__(self, salt: bytes, name: str, shares: Mapping[str, float]) -> None:
        widths = [check_amount(f"shares[{shown(key)}]", share, "shares of all units") for key, share in shares.items()]
        self._ends = list(accumulate(widths))
        if self._ends and self._ends[-1] > 1 + 1e-9:
            raise ValueError(f"shares add up to {self._ends[-1]}; 1 at most is needed")
        self._names = [check_name("an experiment", key) for key in shares]
        self._assigner = Assigner(salt, "group:" + check_name("name", name))

    def experiment_of(self, unit: Unit) -> str | None:
        """Return the one experiment of the group in which a unit takes part, or None."""
        slot = bisect_right(self._ends, self._assigner.place(unit).u)
        return self._names[slot] if slot < len(self._names) else None


def arm_of(u: float, shares: Sequence[float]) -> int:
    """Return the index of the arm that a uniform number picks: [0, 1) is cut into stretches in the order of the arms.

    If one arm's share rises and no other's does, no unit leaves that arm: its stretch grows at both ends.
    A share of 0 gets nothing. What rounding leaves at the end belongs to the last arm with a share.

    Raises:
        ValueError: the shares do not add up to 1, or one is negative.
    """
    ends = list(accumulate(check_shares(shares).tolist()))
    return min(bisect_right(ends, u), max(arm for arm, share in enumerate(shares) if share))


def arms_of(u: NDArray[np.float64], shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return `arm_of` each number."""
    checked = check_shares(shares)
    return np.asarray(np.minimum(checked.cumsum().searchsorted(u, side="right"), checked.nonzero()[0][-1]), np.int64)


def check_shares(shares: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares as an array; refuse what is no distribution."""
    array = np.asarray(shares, np.float64)
    if array.ndim != 1 or not len(array) or not ((array >= 0).all() and abs(array.sum() - 1) < 1e-9):
        raise ValueError(f"shares are {shown(shares)}; numbers of zero or more that add up to 1 are needed")
    return array


def _encoded(unit: object) -> bytes:
    if isinstance(unit, bytes) and unit:
        return b"b" + unit
    if text := _text(unit):
        return b"t" + text.encode("utf-8", "surrogatepass")
    raise ValueError(f"unit is {shown(unit)}; an int, a text, bytes or a UUID, not empty, is needed")


def _text(unit: object) -> str:
    if isinstance(unit, str):
        return str.__str__(unit)
    if type(unit) is int or (type(unit) is not bool and isinstance(unit, Integral)):  # numpy's integers among them
        try:
            return str(int(unit))
        except ValueError as error:  # more digits than Python converts
            raise ValueError(f"unit is {shown(unit)}; fewer digits are needed") from error
    if isinstance(unit, UUID):
        return str(unit)
    return ""
