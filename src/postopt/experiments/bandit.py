"""Policies: with which probability the next units get each arm, so that little is lost while learning.

A policy turns counts into a probability vector. Whoever deals units draws the arm by it (by a hash of the unit) and
logs the probability, so propensities are exact whatever the policy is. The counts are those of outcomes that are
known: what is still to come counts as nothing. All policies but `Adaptive` have no state, and work on many experiments
of as many arms at once: counts (..., arms, 2) give shares (..., arms). So a replay of thousands of experiments runs
through the very function that deals units.

No policy here makes a claim. "thompson" finds the winner, "earn" gets the clicks; see docs/design/0020-bandits.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from postopt._checks import check_share
from postopt.experiments.boltzmann import Boltzmann
from postopt.experiments.commit import ExploreThenCommit
from postopt.experiments.posterior import ArmPrior, Array, read_counts
from postopt.experiments.priors import Priors, Scorer
from postopt.experiments.thompson import Thompson, TopTwo


class Policy(Protocol):
    """What deals units to arms.

    Attributes:
        name: as it is logged with each decision.
    """

    name: str

    def shares(self, counts: npt.ArrayLike, *, rng: np.random.Generator, left: float | None = None) -> Array:
        """Return the probability of each arm for the next units; they add up to 1.

        Args:
            counts: (n, successes) of each active arm; of outcomes that are known.
            rng: for policies that draw.
            left: units still to come, or None if nobody knows.

        Raises:
            OutcomeError: the counts cannot be.
            ValueError: there is no arm.
        """
        ...


class Uniform:
    """Give all arms the same share."""

    name = "uniform"

    def shares(  # all policies have the same arguments
        self,
        counts: npt.ArrayLike,
        *,
        rng: np.random.Generator,  # noqa: ARG002
        left: float | None = None,  # noqa: ARG002
    ) -> Array:
        """Return equal probabilities."""
        n, _ = read_counts(counts)
        return np.full(n.shape, 1 / n.shape[-1])


def floored(shares: npt.ArrayLike, floor: float) -> Array:
    """Return shares of which each is at least `floor`; all equal where that asks for more than there is.

    What is above the floor stays in proportion: floor + (1 - arms * floor) * share.

    Raises:
        ValueError: `floor` is no share.
    """
    check_share("floor", floor)
    array = np.asarray(shares, dtype=np.float64)
    arms = array.shape[-1]
    return np.asarray(np.full(array.shape, 1 / arms) if floor * arms >= 1 else floor + (1 - arms * floor) * array)


POLICIES: Mapping[str, Callable[[ArmPrior], Policy]] = MappingProxyType(
    {
        "uniform": lambda _: Uniform(),
        "thompson": lambda _: Thompson(),
        "top-two": lambda _: TopTwo(),
        "hierarchical": Thompson,
        "sharpened": lambda prior: Thompson(prior, sharpness=8.0),
        "explore-then-commit": ExploreThenCommit,
        "earn": Boltzmann,
    }
)
"""Policies by name, made of what is known of the arms."""


def default_policy(priors: Priors, texts: Sequence[str], scorer: Scorer | None = None) -> Policy:
    """Return what mode "earn" chooses by for arms with these texts.

    Args:
        priors: learned from past experiments, or `Priors()`.
        texts: of the active arms, in the order of the counts.
        scorer: what else is known of a text beforehand; None takes what past experiments taught.
    """
    return Boltzmann(priors.experiment(texts, scorer))
