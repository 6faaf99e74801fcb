"""When a call that takes long is sent a second time."""

from __future__ import annotations

from postopt.resilience.balancing.ejection import check_share
from postopt.stats.sketch import QuantileSketch

QUANTILE = 0.95
"""Calls slower than this share of the others are hedged (J. Dean and L. A. Barroso, "The tail at scale",
Communications of the ACM 56(2), 2013)."""

MINIMUM_CALLS = 20
"""Latencies below which there is no such quantile but the largest."""

SKETCH_CALLS = 512
"""Latencies after which a new sketch begins; the quantile is that of this and the last one (arbitrary)."""

REFRESH_CALLS = 32
"""Latencies after which the quantile is taken anew: it costs more than a call."""

MOST_TOKENS = 10.0
"""Hedges that may be saved up for a burst (arbitrary)."""


class Hedging:
    """The delay before a hedge, and a token bucket that bounds how many there are.

    Of n sends that were not hedges at most `share` n were hedged, at every moment: the bucket starts empty, each send
    adds `share` of a token and each hedge takes one. Pure: whoever holds it guards it with a lock.

    Args:
        share: extra sends, as a share of the others.

    Raises:
        ValueError: `share` is not between 0 and 1.
    """

    def __init__(self, share: float) -> None:
        self._share = check_share("hedge", share)
        self._tokens = 0.0
        self.hedges = 0
        self._sketch = QuantileSketch()
        self._last: QuantileSketch | None = None
        self.delay: float | None = None
        """Seconds after which a call may be hedged, or None while too few are known."""

    def take_send(self) -> None:
        """Count a send that is no hedge."""
        self._tokens = min(self._tokens + self._share, MOST_TOKENS)

    def take_hedge(self) -> bool:
        """Spend a token, if there is one."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        self.hedges += 1
        return True

    def return_hedge(self) -> None:
        """Give a token back, because there was nobody to send to."""
        self._tokens += 1
        self.hedges -= 1

    def take_latency(self, seconds: float) -> None:
        """Count how long an answer took, or how long one that was given up for a faster one had taken.

        What was given up had been waited for longer than the quantile: its true latency would stand above it, too.
        """
        sketch = self._sketch
        sketch.update(max(seconds, 0.0))
        if sketch.n >= SKETCH_CALLS:
            self._last, self._sketch = sketch, QuantileSketch()
        if sketch.n == MINIMUM_CALLS or sketch.n % REFRESH_CALLS == 0:
            self._refresh()

    def _refresh(self) -> None:
        recent = QuantileSketch()
        recent.merge(self._sketch)
        if self._last is not None:
            recent.merge(self._last)
        # The sketch may be so much too low; where all calls take about as long, that would hedge what is about to end.
        self.delay = recent.quantile(QUANTILE) / (1 - recent.relative_error)
