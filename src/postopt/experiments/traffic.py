"""With which probability the next unit gets each arm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from postopt._checks import check_callable, check_name
from postopt.experiments.bandit import Policy, default_policy, floored
from postopt.experiments.definition import Definition
from postopt.experiments.past import Past
from postopt.experiments.priors import Scorer
from postopt.experiments.standing import Standing

Numbers = npt.NDArray[np.float64]
CONTROL = 0  # the number of the arm that others are compared with


class Traffic:
    """The shares of the moment: by weights, or by a policy and what is known.

    Arms that are paused or removed get nothing, and the others what they had in proportion. In mode "earn" a floor is
    spread evenly, and of all a holdout sees the control. If no arm is active the control is shown to all. After an
    experiment was stopped all see the arm that led then.

    Args:
        definition: of the experiment.
        past: what a default policy learns from.
        prior: what is known of the texts, in place of what the past teaches.
        policy: in place of the default.
        seed: of the policy's draws.

    Attributes:
        shares: of the arms, by number; they add up to 1.
        policy: name of what chose, as it is logged.

    Raises:
        ValueError: a prior that cannot score, or a policy without shares or a name.
    """

    def __init__(
        self, definition: Definition, past: Past, *, prior: Scorer | None, policy: Policy | None, seed: int
    ) -> None:
        if prior is not None:
            check_callable("prior.score", getattr(prior, "score", None), "says what is expected of a text")
        if policy is not None:
            check_callable("policy.shares", getattr(policy, "shares", None), "returns the share of each arm")
            check_name("policy.name", getattr(policy, "name", None))
        self._definition = definition
        self._past = past
        self._prior = prior
        self._given = policy
        self._built: tuple[list[int], Policy] | None = None
        self._rng = np.random.default_rng(seed)
        self._weights: Numbers = np.array(definition.weights)
        self._seen: tuple[int, float, float] | None = None
        self.shares = self._weights
        self.policy = "weights"

    def update(self, standing: Standing, patience: float) -> None:
        """Compute the shares anew if a status changed, or if more is known.

        Args:
            standing: what is known.
            patience: which part more of outcomes there must be, 0 for any.
        """
        tally = standing.tally
        seen = (standing.version, float(tally.n.sum()), float(tally.total.sum()))
        if self._seen is not None and seen[0] == self._seen[0]:
            more = seen[1] - self._seen[1] > patience * self._seen[1]
            if self._definition.mode == "find" or seen == self._seen or (patience and not more):
                return
        self._compute(standing)
        self._seen = seen

    def _compute(self, standing: Standing) -> None:
        active = standing.active or [CONTROL]
        shares = np.zeros(len(self._weights))
        if standing.settled.get("state") == "STOPPED":
            leader = standing.places[standing.settled["leader"]]
            shares[leader if leader in active else active[0]] = 1.0
            self.policy = "stopped"
        elif self._definition.mode == "find":
            shares[active] = self._weights[active] / self._weights[active].sum()
        else:
            policy = self._policy(active)
            shares[active] = self._by(policy, standing, active)
            if CONTROL in active:
                shares *= 1 - self._definition.holdout
                shares[CONTROL] += self._definition.holdout
            self.policy = policy.name
        self.shares = shares

    def _by(self, policy: Policy, standing: Standing, active: list[int]) -> Numbers:
        """Return the policy's shares of the active arms, above the floor."""
        n, total = standing.tally.n[active], standing.tally.total[active]
        successes = n - total if self._definition.metric.lower_is_better else total
        horizon = self._definition.horizon
        left = None if horizon is None else max(horizon - float(standing.tally.n.sum()), 0.0)
        shares = policy.shares(np.stack([n, successes], axis=1), rng=self._rng, left=left)
        return floored(shares, self._definition.floor / len(active))

    def _policy(self, active: list[int]) -> Policy:
        """Return what chooses between these arms."""
        if self._given is not None:
            return self._given
        if self._built is None or self._built[0] != active:
            texts = [self._definition.arms[place].text for place in active]
            self._built = active, default_policy(self._past.priors, texts, self._prior)
        return self._built[1]
