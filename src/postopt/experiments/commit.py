"""Explore, then commit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from postopt._checks import check_share
from postopt.experiments.posterior import ArmPrior, Array, read_counts


class ExploreThenCommit:
    """Share the traffic evenly until a share of it is known, then give all to the arm that leads.

    The whole is what was seen and what is `left`; without that, what experiments of this host usually get. Simple; but
    it names the wrong arm more often than what goes on looking.

    Args:
        prior: of the arms.
        explore: share of the traffic that is explored; .1 is arbitrary.

    Raises:
        ValueError: `explore` is no share.
    """

    name = "explore-then-commit"

    def __init__(self, prior: ArmPrior | None = None, *, explore: float = 0.1) -> None:
        self.prior = ArmPrior() if prior is None else prior
        self.explore = check_share("explore", explore)

    def shares(  # all policies have the same arguments
        self,
        counts: npt.ArrayLike,
        *,
        rng: np.random.Generator,  # noqa: ARG002
        left: float | None = None,
    ) -> Array:
        """Return the probability of each arm for the next units, from counts (..., arms, 2)."""
        n, successes = read_counts(counts)
        seen = n.sum(-1, keepdims=True)
        whole = self.prior.traffic if left is None else seen + left
        mean = self.prior.posterior(n, successes).mean
        leads = mean == mean.max(-1, keepdims=True)
        explores = (seen < self.explore * whole) | np.zeros(n.shape, bool)
        return np.asarray(np.where(explores, 1 / n.shape[-1], leads / leads.sum(-1, keepdims=True)))
