"""The assignments that were last used, so that their outcomes need no look into the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

# Arbitrary: about 4 MB, and more than the units whose outcomes come at once. All others are read from the store.
_MOST = 16_384


Known: TypeAlias = tuple[int, int, int, float, tuple[str, ...] | None]
"""An assignment, as far as its outcomes need it: the number of its arm, half, UTC day, propensity, and the metrics of
which an outcome is there, or None if only the store knows. A plain tuple, which the garbage collector lets go of: to go
through thousands of others again and again took as long as to deal the units.
"""


class Recent:
    """The last assignments by id: about so many at most, and half of them at least.

    Two dicts that take turns, because the first key of one that lost many is slow to find.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._half = most // 2
        self._young: dict[str, Known] = {}
        self._old: dict[str, Known] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, ids: Iterable[str]) -> dict[str, Known]:
        """Return those of these that are kept."""
        young, old = self._young, self._old
        # Most are in neither: the keys find that out sooner than a look for each.
        found = {each: old[each] for each in old.keys() & ids}
        found.update((each, young[each]) for each in young.keys() & ids)
        return found

    def add(self, known: dict[str, Known]) -> None:
        """Keep some."""
        if len(self._young) + len(known) > self._half:
            self._old, self._young = self._young, {}
        self._young.update(known)

    def clear(self) -> None:
        """Forget all."""
        self._young, self._old = {}, {}
