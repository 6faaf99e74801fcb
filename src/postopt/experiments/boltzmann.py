"""Boltzmann exploration over standardised gaps: what mode "earn" chooses by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from postopt._checks import check_amount, check_positive
from postopt.experiments.posterior import ArmPrior, Array, read_counts


class Boltzmann:
    """Give each arm a share that falls with how surely it is behind.

    Idea: let z be the number of standard deviations by which an arm is expected to be behind the leader (0 for the
    leader). Its share is proportional to exp(-sharpness * z**power): arms that are as good as equal share the traffic,
    what is clearly behind gets little. Observations are counted in units of the concentration kappa at the
    experiment's level: 1 is when an arm's own outcomes weigh as much as that level, whatever the rate. The sharpness
    grows with what is known of the arm, as (min(known of it, 1) + start)**growth: among the first outcomes a lead is
    mostly noise, and the way back from an arm taken too early is long. It falls again with what is known of the arms
    on average, as max(1, known)**-fall: then what is left to win is small, and an arm that was left behind by bad luck
    has to come back.

    It needs neither a horizon nor draws: `left` and `rng` are not looked at. Outcomes that are late count as nothing,
    so a batch that nobody knows of yet leaves the shares as they are. Thread-safe: it has no state.

    Sources: N. Cesa-Bianchi, C. Gentile, G. Lugosi and G. Neu, "Boltzmann exploration done right", NeurIPS 2017, for
    scaling gaps by their uncertainty. The form of the sharpness is ours. Its numbers were chosen by replaying a news
    site's headline tests and by simulating two arms at rates from .5 to 90 %, on a plateau where others do as well
    (docs/design/0020-bandits.md).

    Args:
        prior: what is known of the arms.
        sharpness: at known + start = 1, where it is largest.
        power: of the gaps.
        growth: of the sharpness with what is known of an arm; 0 for none.
        start: what is known of an arm, so to speak, before its first outcome.
        fall: of the sharpness with what is known of the arms on average; 0 for none.

    Raises:
        ValueError: a number is negative or not finite.
    """

    name = "earn"

    def __init__(
        self,
        prior: ArmPrior | None = None,
        *,
        sharpness: float = 10.0,
        power: float = 1.5,
        growth: float = 0.45,
        start: float = 0.05,
        fall: float = 0.75,
    ) -> None:
        self.prior = ArmPrior() if prior is None else prior
        self.sharpness = check_amount("sharpness", sharpness, "units")
        self.power = check_positive("power", power, "units")
        self.growth = check_amount("growth", growth, "units")
        self.start = check_positive("start", start, "units")
        self.fall = check_amount("fall", fall, "units")

    def shares(  # all policies have the same arguments
        self,
        counts: npt.ArrayLike,
        *,
        rng: np.random.Generator,  # noqa: ARG002
        left: float | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the probability of each arm for the next units, from counts (..., arms, 2)."""
        n, successes = read_counts(counts)
        found = self.prior.posterior(n, successes)
        known = n / found.kappa
        sharpness = self.sharpness * (np.minimum(known, 1) + self.start) ** self.growth
        sharpness /= np.maximum(known.mean(-1, keepdims=True), 1) ** self.fall
        weights = np.exp(-sharpness * found.gaps() ** self.power)
        return np.asarray(weights / weights.sum(-1, keepdims=True))
