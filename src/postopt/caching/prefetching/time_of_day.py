"""What is asked for at the same time every day."""

from __future__ import annotations

from typing import Any

from postopt.caching.prefetching.successors import Candidate

SECONDS = 300
"""Length of a slot: daily jobs drift by minutes. 288 slots a day, in UTC."""

KEPT = 64
"""Keys remembered a slot, of all namespaces together; arbitrary."""

AT_ONCE = 8
"""Keys handed out a request; arbitrary: it bounds the time of one call."""

BUCKETS = 4
"""A prediction's bucket is on how many days in a row, up to yesterday, the slot missed the key (1 to 4), less 1."""

_PER_DAY = 86_400 // SECONDS


class TimeOfDay:
    """The keys missed in each slot of the day: at most 288 * 64, some 170 bytes each, keys not counted.

    A slot takes the first keys of a day and keeps those that come again the day after; the others make room on the
    third day. A clock that is put back is a change of slot like any other. Not thread-safe.
    """

    __slots__ = ("_day", "_due", "_from", "_slot", "_slots", "_until")

    def __init__(self) -> None:
        self._from = self._until = 0.0
        self._day = 0
        # By slot of the day; (namespace, key) to days in a row, the last of these days, and the key's cost.
        self._slots: dict[int, dict[tuple[str, Any], tuple[int, int, float]]] = {}
        self._slot: dict[tuple[str, Any], tuple[int, int, float]] = {}
        self._due: dict[str, list[Candidate]] = {}

    def turn(self, now: float) -> bool:
        """Go to the slot of `now`, and say whether it is another one: what was predicted has come by then, or not."""
        if self._from <= now < self._until:
            return False
        number = int(now // SECONDS)
        self._from, self._until = number * SECONDS, (number + 1) * SECONDS
        self._day = number // _PER_DAY
        self._slot = self._slots.setdefault(number % _PER_DAY, {})
        self._due = {}
        for (namespace, key), (days, latest, cost) in self._slot.items():
            if latest == self._day - 1:
                self._due.setdefault(namespace, []).append((key, min(days, BUCKETS) - 1, cost))
        return True

    def take(self, namespace: str) -> list[Candidate]:
        """Return the next few keys that are due in this slot and were not taken yet."""
        due = self._due.get(namespace)
        if not due:
            return []
        taken, due[:] = due[:AT_ONCE], due[AT_ONCE:]
        return taken

    def observe(self, namespace: str, key: Any, cost: float) -> None:
        """Take a miss in the slot that `turn` went to."""
        day, slot = self._day, self._slot
        known = slot.get((namespace, key))
        if known is None:
            if len(slot) >= KEPT:
                stalest = next(iter(slot))
                if day - 1 <= slot[stalest][1] <= day:
                    return
                del slot[stalest]
            slot[namespace, key] = (1, day, cost)
        elif known[1] != day:
            del slot[namespace, key]  # to the end: the order is that of the latest days
            slot[namespace, key] = (known[0] + 1 if known[1] == day - 1 else 1, day, cost)
