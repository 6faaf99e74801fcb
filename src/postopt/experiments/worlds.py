"""Simulated worlds in which past tests run again under another policy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import numpy as np

from postopt.experiments.bandit import Policy
from postopt.experiments.posterior import ArmPrior, Array
from postopt.experiments.priors import Priors
from postopt.experiments.replaytests import PastTest

_TOGETHER = 60  # tests of similar length that run side by side; bounds the memory, and idle rows when some end


class MakePolicy(Protocol):
    """Makes a policy of what is known of the arms of many experiments at once."""

    def __call__(self, prior: ArmPrior, /) -> Policy:
        """Return the policy."""
        ...


@dataclass(frozen=True, slots=True)
class Runs:
    """How each test went in each world; arrays (worlds, tests).

    Attributes:
        tests: in the order of the arrays' columns.
        gained: expected successes above those of even shares.
        possible: the same for the arm that is truly best.
        even: expected successes of even shares.
        named: whether the arm with the highest shrunk mean at the end is the best one.
        regret: by how much less, relatively, that arm earns than the best one.
    """

    tests: tuple[PastTest, ...]
    gained: Array
    possible: Array
    even: Array
    named: Array
    regret: Array


def run(
    tests: Sequence[PastTest],
    make: MakePolicy,
    priors: Priors,
    *,
    kappa: float,
    worlds: int,
    batch: int,
    late: int,
    floor: float,
    rng: np.random.Generator,
) -> Runs:
    """Run each test in each world, with as many observations as it had.

    A world draws the rates of a test's arms from the Beta posterior around the test's own mean, with concentration
    `kappa`; outcomes are independent draws of these. Outcomes of a batch are known `late` batches later than the next
    one. `floor` is the share spread evenly over the arms.
    """
    order = sorted(tests, key=lambda test: (len(test.arms), sum(n for _, n, _ in test.arms), test.id))
    parts = []
    for _, same in groupby(order, key=lambda test: len(test.arms)):
        some = list(same)
        for start in range(0, len(some), _TOGETHER):
            together = some[start : start + _TOGETHER]
            parts.append(_run(together, make, priors, kappa, worlds, batch, late, floor, rng))
    columns = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return Runs(tuple(order), *columns)


def _run(
    tests: Sequence[PastTest],
    make: MakePolicy,
    priors: Priors,
    kappa: float,
    worlds: int,
    batch: int,
    late: int,
    floor: float,
    rng: np.random.Generator,
) -> tuple[Array, ...]:
    n = np.array([[row[1] for row in test.arms] for test in tests], dtype=np.float64)
    s = np.array([[row[2] for row in test.arms] for test in tests], dtype=np.float64)
    mean = np.clip(s.sum(1, keepdims=True) / n.sum(1, keepdims=True), 1e-9, 1 - 1e-9)
    rates = rng.beta(kappa * mean + s, kappa * (1 - mean) + n - s, size=(worlds, *n.shape))
    known = [priors.experiment([row[0] for row in test.arms]) for test in tests]
    shifts = [np.zeros(n.shape[1]) if prior.shift is None else prior.shift for prior in known]
    policy = make(replace(known[0], shift=np.stack(shifts)))
    total = n.sum(1).astype(np.int64)
    counts, given = np.zeros((*rates.shape, 2)), np.zeros(rates.shape)
    waiting: list[Array] = []
    for start in range(0, int(total.max()), batch):
        shares = policy.shares(counts, rng=rng)
        shares = floor / shares.shape[-1] + (1 - floor) * shares
        units = rng.multinomial(np.clip(total - start, 0, batch), shares / shares.sum(-1, keepdims=True))
        given += units
        waiting.append(np.stack([units, rng.binomial(units, rates)], axis=-1).astype(np.float64))
        if len(waiting) > late:
            counts += waiting.pop(0)
    counts += sum(waiting)
    return _result(rates, given, counts, replace(known[0], shift=None))


def _result(rates: Array, given: Array, counts: Array, prior: ArmPrior) -> tuple[Array, ...]:
    best, even, total = rates.max(-1), rates.mean(-1), given.sum(-1)
    leader = prior.posterior(counts[..., 0], counts[..., 1]).mean.argmax(-1)[..., None]
    led = np.take_along_axis(rates, leader, -1)[..., 0]
    gained = (given * rates).sum(-1) - even * total
    return gained, (best - even) * total, even * total, (led == best).astype(np.float64), 1 - led / best


def chi_square_tail(x: float, degrees: int) -> float:
    """Return P(X > x) for a chi-square variable, by the recurrence in steps of two degrees (NIST DLMF 8.8.2)."""
    half = x / 2
    if half <= 0:
        return 1.0
    odd = degrees % 2
    tail = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    shape = 0.5 if odd else 1.0
    while shape < degrees / 2:
        tail += math.exp(shape * math.log(half) - half - math.lgamma(shape + 1))
        shape += 1
    return min(tail, 1.0)
