"""What a policy would have earned in past tests, by simulation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from postopt._checks import check_callable, check_count, check_name, check_positive, check_share
from postopt.errors import ReplayError, shown
from postopt.experiments.bandit import POLICIES
from postopt.experiments.concentration import concentration
from postopt.experiments.posterior import Array
from postopt.experiments.priors import Priors
from postopt.experiments.replaytests import PastTest
from postopt.experiments.worlds import MakePolicy, Runs, chi_square_tail, run

CAVEAT = (
    "By simulation: rates are drawn around each test's own results, with the concentration that is likeliest for all\n"
    "tests of the file unless another is given, and stay as they are; outcomes are independent. The spread between\n"
    "arms includes over-dispersion, so lifts are upper bounds; ranks should hold."
)


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """How a policy did in replayed tests.

    Attributes:
        policy: its name.
        past: tests from which priors were learned; none of them is replayed.
        tests: that were replayed.
        worlds: that each was replayed in.
        kappa: concentration of these worlds' rates around their test's mean: smaller, and arms differ more.
        batch: units dealt by the same shares.
        late: batches by which outcomes come later than the next batch.
        floor: share of the traffic spread evenly over the arms.
        gain_share: successes above even shares, over those of the truly best arm; totals over all tests.
        error: its standard error, tests being drawn at random.
        real_gain_share: `gain_share` of the tests whose arms truly differ: chi-square at a false discovery rate of 5 %.
        real_tests: how many these are.
        extra: successes above even shares, relatively.
        names_best: share of runs after which the arm with the highest shrunk mean is the best one.
        regret: by how much less that arm earns than the best, on average.
    """

    policy: str
    past: int
    tests: int
    worlds: int
    kappa: float
    batch: int
    late: int
    floor: float
    gain_share: float
    error: float
    real_gain_share: float
    real_tests: int
    extra: float
    names_best: float
    regret: float

    def to_dict(self) -> dict[str, Any]:  # Any: plain JSON
        """Return all of it as plain JSON types; NaN, of which JSON knows nothing, as None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}  # noqa: PLR0124

    def __str__(self) -> str:
        late = f", known {self.late} late" if self.late else ""
        rows = (
            ("policy", self.policy),
            ("tests replayed", f"{self.tests} in {self.worlds} worlds each; priors from {self.past} other tests"),
            ("worlds", f"concentration {self.kappa:,.0f} of the arms' rates around their test's"),
            ("batches", f"{self.batch} units{late}; {self.floor:.1%} of them spread evenly"),
            ("share of possible gain", f"{self.gain_share:.3f} +- {self.error:.3f} (standard error)"),
            ("  where arms truly differ", f"{self.real_gain_share:.3f} ({self.real_tests} tests)"),
            ("clicks over even shares", f"{self.extra:+.1%}"),
            ("names the best arm", f"{self.names_best:.0%} of runs"),
            ("arm named earns less by", f"{self.regret:.1%} than the best, on average"),
        )
        return "\n".join(f"{name:27}{value}" for name, value in rows) + "\n" + CAVEAT


def replay(  # noqa: PLR0913 - what a replay can vary
    tests: Sequence[PastTest],
    policy: str | MakePolicy,
    *,
    worlds: int = 3,
    batch: int = 200,
    late: int = 0,
    floor: float = 0.02,
    past_share: float = 0.6,
    kappa: float | None = None,
    most_arms: int = 6,
    limit: int | None = None,
    seed: int = 0,
) -> ReplayReport:
    """Return how a policy does on those of the tests that its priors were not learned from.

    Tests that may have been faulty are left out. The others are split by a hash; those that share a text stay
    together. The first part teaches the priors; the second is replayed.

    Args:
        tests: from `read_tests`.
        policy: a name in `POLICIES`, or what makes one.
        worlds: in which each test is replayed.
        batch: units dealt by the same shares.
        late: batches by which outcomes come later than the next batch.
        floor: share of the traffic spread evenly over the arms.
        past_share: of the tests that teach.
        kappa: concentration of the worlds' rates around their test's mean; None for the one under which the counts of
            all these tests are most likely (`concentration`, the plain likelihood: of 2,220 open tests of a news site
            some 2,170, where the priors, by the restricted likelihood, take arms to differ more).
        most_arms: tests with more are not replayed.
        limit: tests replayed at most, the first by hash, or None for all.
        seed: of the worlds and of the policy.

    Raises:
        ReplayError: no such policy, or no test is left to be replayed.
        ValueError: another argument cannot be used.
    """
    check_count("worlds", worlds)
    check_count("batch", batch)
    for name, count in (("late", late), ("seed", seed)):
        check_count(name, count, least=0)
    for name, share in (("floor", floor), ("past_share", past_share)):
        check_share(name, share)
    make = _maker(policy)
    fair = [test for test in tests if not test.risk]
    past, held = split(fair, past_share)
    held = [test for test in held if len(test.arms) <= most_arms and all(n for _, n, _ in test.arms)][:limit]
    held = [test for test in held if any(s for _, _, s in test.arms)]
    if not held:
        raise ReplayError("no test is left to be replayed", hint="Tests need two arms that were shown, and a click.")
    priors = Priors.learn([test.arms for test in past])
    if kappa is None:
        kappa = concentration([test.arms for test in fair], restricted=False) or priors.kappa
    made = make(priors.experiment(["", ""]))
    check_callable("policy.shares", getattr(made, "shares", None), "gives the probability of each arm")
    name = policy if isinstance(policy, str) else check_name("policy.name", getattr(made, "name", None))
    runs = run(
        held,
        make,
        priors,
        kappa=check_positive("kappa", kappa, "observations"),
        worlds=worlds,
        batch=batch,
        late=late,
        floor=floor,
        rng=np.random.default_rng(seed),
    )
    return _report(runs, name, len(past), kappa, batch, late, floor)


def _maker(policy: str | MakePolicy) -> MakePolicy:
    if not isinstance(policy, str):
        check_callable("policy", policy, "makes a policy of an ArmPrior")
        return policy
    if policy not in POLICIES:
        raise ReplayError(f"no policy {shown(policy)}; there are {', '.join(POLICIES)}")
    return POLICIES[policy]


def split(tests: Sequence[PastTest], share: float) -> tuple[list[PastTest], list[PastTest]]:
    """Return tests split by a hash in about that share and the rest; those that share a text are not parted."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    for test in tests:
        for text, _, _ in test.arms:
            if text:
                first, second = sorted((root(f"test {test.id}"), root(f"text {text}")))
                parent[second] = first
    # The least name of all that hang together stands for them, whatever the order of the tests.
    places = [(_place(root(f"test {test.id}")), _place(test.id), test) for test in tests]
    places.sort(key=lambda place: place[:2])
    return [test for at, _, test in places if at < share], [test for at, _, test in places if at >= share]


def _place(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8]) / 2**64


def _report(runs: Runs, policy: str, past: int, kappa: float, batch: int, late: int, floor: float) -> ReplayReport:
    gained, possible = runs.gained.sum(0), runs.possible.sum(0)
    share = _ratio(gained, possible)
    real = real_differences(runs.tests)
    return ReplayReport(
        policy=policy,
        past=past,
        tests=len(runs.tests),
        worlds=len(runs.gained),
        kappa=kappa,
        batch=batch,
        late=late,
        floor=floor,
        gain_share=share,
        # Of a ratio of totals, with tests as the units: worlds of one test are not independent.
        error=float(np.sqrt(np.sum((gained - share * possible) ** 2)) / possible.sum()),
        real_gain_share=_ratio(gained[real], possible[real]),
        real_tests=int(real.sum()),
        extra=_ratio(gained, runs.even.sum(0)),
        names_best=float(runs.named.mean()),
        regret=float(runs.regret.mean()),
    )


def _ratio(some: Array, whole: Array) -> float:
    return float(some.sum() / whole.sum()) if whole.sum() > 0 else float("nan")


def real_differences(tests: Sequence[PastTest], rate: float = 0.05) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which tests' arms differ, by chi-square and the procedure of Benjamini and Hochberg (JRSS B 57, 1995)."""
    p = []
    for test in tests:
        n = np.array([row[1] for row in test.arms], dtype=np.float64)
        s = np.array([row[2] for row in test.arms], dtype=np.float64)
        mean = s.sum() / n.sum()
        x = float(np.sum((s - n * mean) ** 2 / (n * mean * (1 - mean)))) if 0 < mean < 1 else 0.0
        p.append(chi_square_tail(x, len(n) - 1))
    order = np.argsort(p, kind="stable")
    passes = np.flatnonzero(np.array(p)[order] <= rate * np.arange(1, len(p) + 1) / max(len(p), 1))
    real = np.zeros(len(p), bool)
    real[order[: passes[-1] + 1 if len(passes) else 0]] = True
    return real
