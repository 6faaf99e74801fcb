"""What was said when: late labels are held against the interval that was given out, not against today's."""

from __future__ import annotations

from array import array
from bisect import bisect_right


class Issued:
    """The tails of one group over time, the latest `most` of them: 24 bytes for each.

    Times never run backwards here: one that does counts as the latest before it. Nothing here is thread-safe.
    """

    __slots__ = ("_high", "_low", "_most", "_since")

    def __init__(self, most: int) -> None:
        self._most = most
        self._since = array("d")
        self._low = array("d")
        self._high = array("d")

    def note(self, at: float, low: float, high: float) -> None:
        """Note that from `at` on these are the tails."""
        self._since.append(max(at, self._since[-1]) if self._since else at)
        self._low.append(low)
        self._high.append(high)
        if len(self._since) > self._most:
            del self._since[0], self._low[0], self._high[0]

    def at(self, time: float) -> tuple[float, float] | None:
        """Return the tails that held at `time`; None if that is before the first that is kept."""
        place = bisect_right(self._since, time) - 1
        return (self._low[place], self._high[place]) if place >= 0 else None

    def after(self, time: float) -> int:
        """Return how many were noted after `time`."""
        return len(self._since) - bisect_right(self._since, time)

    def rows(self) -> list[list[float]]:
        """Return times, low and high tails, for `from_rows`."""
        return [list(self._since), list(self._low), list(self._high)]

    @classmethod
    def from_rows(cls, most: int, rows: list[list[float]]) -> Issued:
        """Return what gave these rows."""
        issued = cls(most)
        for at, low, high in zip(*rows, strict=True):
            issued.note(at, low, high)
        return issued
