"""Linear Thompson sampling (LinTS): a reward that is linear in known features, learned one observation at a time."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from postopt._checks import check_count, check_positive
from postopt.errors import OutcomeError, shown
from postopt.experiments.posterior import Array


class LinTS:
    """Bayesian linear regression, and the probability that each of several candidates is the best by it.

    The weights have the prior N(0, noise**2 / ridge) and the rewards are x @ weights plus noise of standard deviation
    `noise`. `learn` is O(d**2): the inverse of the precision is kept by the formula of Sherman and Morrison (Annals of
    Mathematical Statistics 21(1), 1950). `shares` draws the candidates' values from their joint posterior, which is
    what drawing the weights gives, without a factorisation in d dimensions.

    Source: S. Agrawal and N. Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013.
    Not thread-safe.

    Args:
        dimensions: numbers of a context.
        noise: standard deviation of a reward around its mean.
        ridge: observations that the prior of each weight is worth.
        sharpness: divides the posterior's variance in draws; 1 is Thompson sampling.

    Attributes:
        weights: expected.
        covariance: of the weights.
        n: observations learned.

    Raises:
        ValueError: an argument is not positive.
    """

    name = "lints"

    def __init__(self, dimensions: int, *, noise: float = 1.0, ridge: float = 1.0, sharpness: float = 1.0) -> None:
        check_count("dimensions", dimensions)
        self.noise = check_positive("noise", noise, "units of the reward")
        self.sharpness = check_positive("sharpness", sharpness, "times the posterior's precision")
        self.weights = np.zeros(dimensions)
        self.covariance = np.eye(dimensions) * (self.noise**2 / check_positive("ridge", ridge, "observations"))
        self.n = 0

    def learn(self, context: npt.ArrayLike, reward: float) -> None:
        """Take one observation.

        Raises:
            OutcomeError: context or reward are not finite.
            ValueError: the context has another number of dimensions.
        """
        x = self._read(context, 1)
        if not math.isfinite(reward):
            raise OutcomeError(f"reward is {shown(reward)}; a finite number is needed")
        direction = self.covariance @ x
        gain = direction / (self.noise**2 + float(x @ direction))
        self.weights += gain * (float(reward) - float(x @ self.weights))
        self.covariance -= np.outer(gain, direction)
        self.n += 1

    def predict(self, contexts: npt.ArrayLike) -> tuple[Array, Array]:
        """Return the expected reward of each context (rows), and the standard deviation of that expectation."""
        x = self._read(contexts, 2)
        variance = np.einsum("ij,ij->i", x @ self.covariance, x)
        return x @ self.weights, np.sqrt(np.maximum(variance, 0.0))

    def shares(self, contexts: npt.ArrayLike, *, rng: np.random.Generator, draws: int = 200) -> Array:
        """Return the probability that each context (row) is the best, from `draws` draws; they add up to 1."""
        x = self._read(contexts, 2)
        if len(x) == 0:
            raise ValueError("contexts are of no candidate; one or more is needed")
        check_count("draws", draws)
        joint = x @ self.covariance @ x.T / self.sharpness
        # Eigenvalues instead of Cholesky: two candidates with the same context make the matrix singular.
        values, vectors = np.linalg.eigh((joint + joint.T) / 2)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn = x @ self.weights + rng.standard_normal((draws, len(x))) @ root.T
        return np.asarray(np.bincount(drawn.argmax(1), minlength=len(x)) / draws)

    def _read(self, contexts: npt.ArrayLike, axes: int) -> Array:
        x = np.asarray(contexts, dtype=np.float64)
        if x.ndim != axes or x.shape[-1] != len(self.weights):
            raise ValueError(f"contexts have shape {x.shape}; {len(self.weights)} numbers each are needed")
        if not np.all(np.isfinite(x)):
            raise OutcomeError("contexts must be finite numbers")
        return x
