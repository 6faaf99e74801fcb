"""The generic cell rate algorithm, by itself: no lock, no clock, no waiting."""

from __future__ import annotations

from math import inf

ROUNDING = 1e-6
"""Seconds that count as none: less than a timer can tell, more than what adding up times loses in digits."""


class GCRA:
    """A rate with a burst, for amounts of any size.

    Idea: `_paid_at` is the moment up to which all that was taken is paid for, at the rate (the "theoretical arrival
    time"). An amount conforms if, with it, that moment is at most the burst's time ahead of now. It is the token bucket
    whose tokens are counted in seconds: what is missing from a full bucket is `_paid_at - now`.

    An amount above the burst conforms when the bucket is full; it leaves a debt, which those after it wait for.

    Laws:
        - In any stretch of t seconds, what is taken is at most rate * t + the larger of burst and largest amount.
        - With corrections the same holds of what is taken less what is given back; what was taken beyond an estimate
          comes on top, since it is known only afterwards.
        - What is given back after the bucket has been full gives nothing: the time has paid for it already.

    Source: ITU-T Recommendation I.371, Annex A (virtual scheduling).

    Args:
        per_second: the rate, amounts a second.
        burst_seconds: the burst, as the time in which the rate gives so much.
    """

    __slots__ = ("_burst_seconds", "_full_at", "_paid_at", "_seconds_each")

    def __init__(self, per_second: float, burst_seconds: float) -> None:
        self._seconds_each = 1.0 / per_second
        self._burst_seconds = burst_seconds
        self._paid_at = -inf
        self._full_at = -inf  # when something was last taken from a full bucket

    def delay(self, now: float, amount: float, ahead: float = 0.0) -> float:
        """Return the seconds until `amount` conforms if `ahead` is taken before it; 0.0 if it does now."""
        # Comparisons instead of min() and max(), which would be most of what a call costs.
        paid_at = self._paid_at if self._paid_at > now else now  # noqa: FURB136
        needed = amount * self._seconds_each
        burst = self._burst_seconds
        wait = paid_at - now + ahead * self._seconds_each + (needed - burst if needed < burst else 0.0)
        return wait if wait > ROUNDING else 0.0

    def take(self, now: float, amount: float) -> None:
        """Take an amount, whether it conforms or not."""
        if self._paid_at <= now:
            self._paid_at = self._full_at = now
        self._paid_at += amount * self._seconds_each

    def correct(self, now: float, taken_at: float, excess: float) -> None:
        """Take `excess` more of what was taken at `taken_at`, or give it back if it is negative."""
        if excess > 0:
            self.take(now, excess)
        elif taken_at >= self._full_at:
            self._paid_at += excess * self._seconds_each
