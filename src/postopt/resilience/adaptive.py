"""How many calls a server bears at a time, found out by watching how fast it answers."""

from __future__ import annotations

from math import inf, sqrt

from postopt._checks import check_count

_WINDOW = 20
"""Calls, at least, that make one measurement: their mean is within some 10 % where single calls vary by 40 %."""

_TOLERANCE = 1.1
"""How much slower than alone an answer may be before the limit gives way: what a window's mean varies by chance."""

_SMOOTHING = 0.2
"""The share of the way to its aim that the limit goes at each measurement; Gradient2's."""

_LOOK_EVERY = 20
"""Measurements between two looks at what the server does with half as many calls (arbitrary)."""

_FAILED = 0.9
"""What is left of the limit after a call that found the server overloaded; the AIMD limit's in the same library."""


class AdaptiveLimit:
    """A limit of concurrency that follows the server's knee: as many calls as it answers without slowing down.

    Idea (Gradient2): compare how long answers take now with how long they take unloaded, and move the limit by
    `limit * gradient + sqrt(limit)` with gradient = unloaded / now, kept between 1/2 and 1. The root lets it grow
    where nothing slows down, and is the queue it settles at where something does.

    Three things are different from the original, since answers of language models take as long as they are long, and
    since its average of loaded times follows the load that it should be compared with (docs/design/0013).

        - What is measured is seconds per output token, over all tokens of a window of calls.
        - "Unloaded" is measured, not averaged: every 20 windows the limit is halved for one.
        - Windows in which the calls never were half as many as the limit ask nothing of it, and leave it alone; they
          show the unloaded time.

    It settles at 1.1 times the knee and a root of the limit: at some 24 for a knee of 16, 87 for 64, 8 for 4. A knee of
    1 or 2 it cannot see; it stays at 5.

    A call that finds the server overloaded takes a tenth of it, once for all that were under way together, as TCP gives
    way once a round trip.

    Pure: it has no clock, no lock and no chance. `Bulkhead` guards the one it is given.

    Source: Netflix concurrency-limits, `Gradient2Limit` (E. Landau, W. Thurston, T. Bozarth, "Performance Under Load",
    2018); the look at half the load is BBR's (N. Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM
    Queue 14(5), 2016).

    Args:
        initial: the limit at first (20, as the original).
        least: never fewer, 1 or more.
        most: never more (200, as the original).

    Raises:
        ValueError: not 1 <= least <= initial <= most.
    """

    def __init__(self, *, initial: int = 20, least: int = 1, most: int = 200) -> None:
        self._least = check_count("least", least)
        self._most = check_count("most", most, least=least)
        self._limit = float(check_count("initial", initial, least=least))
        if initial > most:
            raise ValueError(f"initial is {initial}; {most} at most, as `most` says, is needed")
        self._unloaded: float | None = None  # seconds per token
        self._looking = True
        self._windows = 0
        self._spared = 0  # calls whose overload is no news: they were under way when the limit last gave way
        # The window under way:
        self._calls = 0
        self._seconds = 0.0
        self._tokens = 0
        self._in_flight = 0

    @property
    def limit(self) -> int:
        """How many calls may be under way at a time."""
        return max(self._least, int(self._limit / 2 if self._looking else self._limit))

    def record(self, seconds: float, tokens: int, in_flight: int, ok: bool = True) -> None:  # noqa: FBT001, FBT002
        """Take note of a call that has ended.

        Args:
            seconds: how long it took.
            tokens: how long the answer was; fewer than one count as one.
            in_flight: calls that were under way when it began, itself included.
            ok: False if it found the server overloaded; what it took says nothing then.
        """
        if not 0 <= seconds < inf:
            return  # a clock that went astray
        spared, self._spared = self._spared, max(0, self._spared - 1)
        if not ok:
            if not spared:
                self._spared = max(self.limit, in_flight) - 1  # all but this one
                self._limit = max(self._least, self._limit * _FAILED)
            return
        if self._looking and in_flight > self.limit:
            return  # it began under the full load
        self._calls += 1
        self._seconds += seconds
        self._tokens += max(tokens, 1)
        self._in_flight = max(self._in_flight, in_flight)
        if self._calls >= max(_WINDOW, self.limit):
            self._measure(self._seconds / self._tokens)
            self._calls = self._tokens = self._in_flight = 0
            self._seconds = 0.0

    def _measure(self, now: float) -> None:
        """Move the limit by what the answers of a window took, seconds per token."""
        if self._unloaded is None:
            self._unloaded = now
        if self._looking or self._in_flight <= self._limit / 2:
            self._unloaded = (self._unloaded + now) / 2
            self._looking = False
            self._windows = 0
            return
        gradient = max(0.5, min(1.0, _TOLERANCE * self._unloaded / now)) if now else 1.0
        aim = self._limit * gradient + sqrt(self._limit)
        self._limit += _SMOOTHING * (aim - self._limit)
        self._limit = max(self._least, min(self._most, self._limit))
        self._windows += 1
        self._looking = self._windows >= _LOOK_EVERY
