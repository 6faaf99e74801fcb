"""When rates change: forgetting, and noticing."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from postopt._checks import check_amount, check_positive
from postopt.errors import shown
from postopt.experiments.posterior import Array, read_counts


class CountPolicy(Protocol):
    """What turns counts into shares; see `postopt.experiments.bandit.Policy`."""

    name: str

    def shares(self, counts: npt.ArrayLike, *, rng: np.random.Generator, left: float | None = None) -> Array:
        """Return the probability of each arm for the next units."""
        ...


class Cusum:
    """Notice that the mean of standardised observations is no longer 0, upwards or downwards.

    Each side sums what exceeds `drift`, never below 0; a sum above `threshold` is an alarm, after which both begin
    anew. With the defaults there is a false alarm in about 9,500 observations of N(0, 1), and a shift of one standard
    deviation is noticed after about 16 (Siegmund's approximation).

    Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41(1/2), 1954, 100-115; D. Siegmund, Sequential
    Analysis, Springer 1985, section II.6.

    Args:
        drift: half of the shift that matters, in standard deviations.
        threshold: at which it alarms.

    Raises:
        ValueError: an argument is negative or not finite.
    """

    def __init__(self, *, drift: float = 0.5, threshold: float = 8.0) -> None:
        self.drift = check_amount("drift", drift, "standard deviations")
        self.threshold = check_positive("threshold", threshold, "standard deviations")
        self.up = 0.0
        self.down = 0.0

    def update(self, z: float) -> bool:
        """Take one standardised observation, and return whether that makes an alarm."""
        if not math.isfinite(z):
            raise ValueError(f"z is {shown(z)}; a finite number is needed")
        self.up = max(0.0, self.up + z - self.drift)
        self.down = max(0.0, self.down - z - self.drift)
        alarm = max(self.up, self.down) > self.threshold
        if alarm:
            self.up = self.down = 0.0
        return alarm


class Adaptive:
    """A policy for rates that change: it lets old outcomes fade, or forgets them when an arm has changed.

    Each call compares the counts with those of the call before; the difference is a batch. What is remembered is
    halved every `half_life` observations. Where changes are to be noticed, each arm's batch is standardised against
    what is remembered of that arm and goes to a `Cusum` of its own; an alarm of any arm restarts all: afterwards only
    the batches from then on are remembered, since rates of different times cannot be compared.

    Arms are told by their places. Counts of another number of arms, or fewer than before, begin anew with what they
    say. It knows one experiment, counts (arms, 2), and is not thread-safe.

    Args:
        policy: what chooses.
        half_life: observations (of all arms together) after which an outcome weighs half, or None to keep all.
        threshold: of the alarm, in standard deviations, or None to look for no changes; 8 is what `Cusum` says.
        design_effect: how many times the variance of independent outcomes the real one is.

    Attributes:
        restarts: alarms so far.

    Raises:
        ValueError: an argument is not positive.
    """

    def __init__(
        self,
        policy: CountPolicy,
        *,
        half_life: float | None = None,
        threshold: float | None = None,
        design_effect: float = 1.7,
    ) -> None:
        self.policy = policy
        self.name = f"{policy.name}, adaptive"
        self.half_life = None if half_life is None else check_positive("half_life", half_life, "observations")
        self.threshold = None if threshold is None else check_positive("threshold", threshold, "standard deviations")
        self.design_effect = check_positive("design_effect", design_effect, "variances")
        self.restarts = 0
        self._seen: Array = np.zeros((0, 2))
        self._memory: Array = self._seen
        self._detectors: list[Cusum] = []

    def shares(self, counts: npt.ArrayLike, *, rng: np.random.Generator, left: float | None = None) -> Array:
        """Return the policy's shares for what is remembered."""
        n, successes = read_counts(counts)
        if n.ndim != 1:
            raise ValueError(f"counts have {n.ndim + 1} axes; one experiment, (arms, 2), is needed")
        seen = np.stack([n, successes], axis=-1)
        if seen.shape != self._seen.shape or np.any(seen < self._seen):
            self._begin(seen)
        else:
            self._take(seen - self._seen)
            self._seen = seen
        return self.policy.shares(self._memory, rng=rng, left=left)

    def _begin(self, seen: Array) -> None:
        self._seen = seen
        self._memory = seen.copy()
        self._detectors = [] if self.threshold is None else [Cusum(threshold=self.threshold) for _ in seen]

    def _take(self, batch: Array) -> None:
        batch[:, 1] = np.minimum(batch[:, 1], batch[:, 0])  # late successes of earlier units: more than were seen now
        if self.half_life is not None:
            self._memory *= 2.0 ** (-float(batch[:, 0].sum()) / self.half_life)
        # All arms are asked, whoever alarms first: each detector has to see each batch.
        alarms = [detector.update(z) for detector, z in zip(self._detectors, self._surprises(batch), strict=False)]
        if any(alarms):
            self.restarts += 1
            self._begin_with(batch)
        else:
            self._memory += batch

    def _begin_with(self, batch: Array) -> None:
        seen = self._seen
        self._begin(batch)
        self._seen = seen

    def _surprises(self, batch: Array) -> list[float]:
        """Return by how many standard deviations each arm's batch differs from what is remembered of it."""
        n, successes = batch.T
        known, good = self._memory.T
        rate = (good + successes + 0.5) / (known + n + 1)
        variance = self.design_effect * rate * (1 - rate) * n * (1 + n / np.maximum(known, 1.0))
        expected = n * np.divide(good, known, out=rate.copy(), where=known > 0)
        z = np.divide(successes - expected, np.sqrt(variance), out=np.zeros_like(n), where=(n > 0) & (known > 0))
        return [float(value) for value in z]
