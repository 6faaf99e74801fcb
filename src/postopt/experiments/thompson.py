"""Thompson sampling in its variants: flat, hierarchical, sharpened, top-two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from postopt._checks import check_count, check_positive, check_share
from postopt.experiments.posterior import ArmPrior, Array, read_counts

_AT_ONCE = 1_000_000  # numbers drawn at a time, which bounds the memory


class Thompson:
    """Give each arm the probability that it is the best one.

    The probabilities are estimated from `draws` draws of all rates from their posterior; the shares *are* those
    estimates, so the propensities logged are exact. Without a prior each rate has Beta(1, 1) (flat). With one it is
    hierarchical: each arm is shrunk towards the level of its experiment. `sharpness` multiplies the parameters of the
    posterior, which divides its variance: it explores less than Thompson sampling, and earns more where traffic is
    short.

    Source: W. R. Thompson, Biometrika 25(3/4), 1933, 285-294. Thread-safe if `rng` is.

    Args:
        prior: of the arms, or None for Beta(1, 1).
        sharpness: 1 is Thompson sampling.
        draws: how many; a share has a standard error of at most .5 / sqrt(draws).

    Raises:
        ValueError: `sharpness` is not positive, or `draws` is no count.
    """

    name = "thompson"

    def __init__(self, prior: ArmPrior | None = None, *, sharpness: float = 1.0, draws: int = 200) -> None:
        self.prior = prior
        self.sharpness = check_positive("sharpness", sharpness, "times the posterior's parameters")
        self.draws = check_count("draws", draws)
        if prior is not None:
            self.name = "hierarchical" if sharpness == 1 else f"hierarchical x{sharpness:g}"

    def shares(  # all policies have the same arguments
        self,
        counts: npt.ArrayLike,
        *,
        rng: np.random.Generator,
        left: float | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the probability of each arm for the next units, from counts (..., arms, 2)."""
        a, b = self._posterior(counts)
        return _frequencies(a.shape, self.draws, lambda size: rng.beta(a, b, size).argmax(-1))

    def _posterior(self, counts: npt.ArrayLike) -> tuple[Array, Array]:
        if self.prior is None:
            n, successes = read_counts(counts)
            a, b = successes + 1, n - successes + 1
        else:
            a, b = self.prior.beta(counts)
        return a * self.sharpness, b * self.sharpness


class TopTwo(Thompson):
    """Top-two Thompson sampling: of two draws' winners that differ, take the first with probability `first`.

    It names the best arm sooner than Thompson sampling and earns less meanwhile. With P the probability of being the
    best, arm i is taken with P_i * (first + (1 - first) * sum over j != i of P_j / (1 - P_j)): a challenger is drawn
    again until it differs from the leader.

    Source: D. Russo, "Simple Bayesian algorithms for best-arm identification", Operations Research 68(6), 2020.

    Args:
        prior: of the arms, or None for Beta(1, 1).
        first: probability of the leader; .5 is the source's default.
        draws: as in `Thompson`.

    Raises:
        ValueError: `first` is no probability, or `draws` no count.
    """

    name = "top-two"

    def __init__(self, prior: ArmPrior | None = None, *, first: float = 0.5, draws: int = 200) -> None:
        super().__init__(prior, draws=draws)
        self.name = "top-two"
        self.first = check_share("first", first)

    def shares(  # all policies have the same arguments
        self,
        counts: npt.ArrayLike,
        *,
        rng: np.random.Generator,
        left: float | None = None,  # noqa: ARG002
    ) -> Array:
        """Return the probability of each arm for the next units, from counts (..., arms, 2)."""
        best = super().shares(counts, rng=rng)
        if best.shape[-1] == 1:
            return best
        # An arm that won every draw leaves no challenger to be seen: the others share what is its challenger's.
        best = (best * self.draws + 1 / best.shape[-1]) / (self.draws + 1)
        odds = best / (1 - best)
        challenger = best * (odds.sum(-1, keepdims=True) - odds)
        return np.asarray(self.first * best + (1 - self.first) * challenger)


def _frequencies(
    shape: tuple[int, ...], draws: int, winners: Callable[[tuple[int, ...]], npt.NDArray[np.int64]]
) -> Array:
    """Return how often each arm won, from winners of `draws` draws taken in chunks of bounded size."""
    arms = shape[-1]
    rows = int(np.prod(shape[:-1]))
    offsets = np.arange(rows) * arms
    won = np.zeros(rows * arms)
    chunk = max(1, _AT_ONCE // max(rows * arms, 1))
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        drawn = winners((size, *shape)).reshape(size, rows)
        won += np.bincount((drawn + offsets).ravel(), minlength=rows * arms)
    return np.asarray((won / draws).reshape(shape))
