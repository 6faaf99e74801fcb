"""How often a winner is false, and how often a true one is found.

    python benchmarks/test_false_winners.py

Simulated: pairs of arms with 1.5 % clicks and 8,000 impressions an arm, looked at 80 times (every 100). A/A: both arms
are equal. Power: relative gaps drawn from N(0, 26 %), those beyond 20 %. The rules of others are computed on the same
paths: a z-test once and at every look, the normal mixture (mSPRT) with tau = 26 % of the rate, GrowthBook's sequential
t-test with its tuning parameter 5000. Standard errors: 0.15 % of A/A, 0.35 % of power.

Real, where the shared data are there (Upworthy Research Archive): pairs of packages that are the same in headline,
image and excerpt inside one test, so that every winner is false; and the traffic of the arms in weeks that the archive
marks as faulty, and in the others, for all tests and for two halves of them by hash. A half has half as many tests in
each week, so it finds less.
"""

import csv
import gzip
import math
import platform
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from postopt.experiments.design_effect import DesignEffect
from postopt.experiments.lift import LiftScore
from postopt.experiments.records import Bucket, Totals
from postopt.experiments.rehearsal import rehearse
from postopt.experiments.sample_ratio import SampleRatioCheck
from postopt.experiments.sequential import SequentialTest

DATA = Path(__file__).parents[2] / "shared" / "data" / "ab" / "upworthy_open.csv.gz"
RATE, N, LOOKS, TAU = 0.015, 8_000, 80, 0.26
shared_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not there")


def gaps(runs, seed=0):
    drawn = np.random.default_rng(seed).normal(0, TAU, 4 * runs)
    return np.clip(drawn[np.abs(drawn) > 0.2][:runs], -0.99, None)


def pairs_of(rate, lifts):
    return np.stack([np.full(len(lifts), rate), np.minimum(rate * (1 + lifts), 1.0)], axis=1)


def walk(rates, seed):
    """Return z, relative to the pooled standard error, at each look (rows) of each experiment (columns)."""
    step = N // LOOKS
    drawn = np.random.default_rng(seed).binomial(step, rates[None], (LOOKS, *rates.shape)).cumsum(0)
    n = step * np.arange(1, LOOKS + 1)[:, None]
    pooled = drawn.sum(2) / (2 * n)
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * 2 / n)
    return (drawn[..., 1] - drawn[..., 0]) / n / error, error, pooled, n


def mixture(z, error, pooled, _):
    spread = np.maximum((TAU * pooled) ** 2 / error**2, 1e-12)
    return np.abs(z) > np.sqrt((1 + 1 / spread) * (np.log(1 + spread) + 2 * math.log(1 / 0.05)))


def growthbook(z, _, __, n):
    """The half-width of gbstats' SequentialTTest (stats/gbstats/frequentist/tests.py), with rho from tuning 5000."""
    total = 2 * n
    log_alpha = math.log(0.05)
    rho = math.sqrt((-2 * log_alpha + math.log(-2 * log_alpha + 1)) / 5_000)
    root = np.sqrt(2 * (total * rho**2 + 1) * np.log(np.sqrt(total * rho**2 + 1) / 0.05)) / (total * rho)
    return np.abs(z) > root * np.sqrt(total)


RULES = {
    "z, one look at the end": lambda z, *_: (np.abs(z) > 1.96) & (np.arange(LOOKS) == LOOKS - 1)[:, None],
    "z, every look": lambda z, *_: np.abs(z) > 1.96,
    "O'Brien-Fleming, end known": lambda z, *more: np.abs(z) * np.sqrt(more[-1] / N) > 2.2414,
    "normal mixture, tau 26 %": mixture,
    "GrowthBook, tuning 5000": growthbook,
}


def test_two_arms_and_80_looks():
    print(f"\nPython {platform.python_version()}, numpy {np.__version__}; share of experiments with a winner")
    print(f"{'rule':34}{'A/A':>8}{'power':>8}")
    equal, lifted = pairs_of(RATE, np.zeros(20_000)), pairs_of(RATE, gaps(20_000))
    for name, rule in RULES.items():
        print(f"{name:34}" + "".join(f"{rule(*walk(rates, 1)).any(0).mean():8.2%}" for rates in (equal, lifted)))
    for name, horizon in (("postopt, horizon 8,000", N), ("postopt, no horizon", None)):
        seen = [rehearse(rates, n=N, looks=LOOKS, horizon=horizon, seed=1) for rates in (equal, lifted)]
        wrong = f"{seen[1].wrong:.2%} wrong, median n {seen[1].n:,.0f}"
        print(f"{name:34}{seen[0].found:8.2%}{seen[1].found:8.2%}   {wrong}")


def test_other_lengths_rates_and_arms():
    print(f"\n{'rate':>8}{'n an arm':>10}{'looks':>7}{'A/A':>8}{'power':>8}   (no horizon, nothing learned)")
    for rate in (0.005, 0.015, 0.05, 0.5):
        for n in (2_000, 4_000, 8_000, 16_000, 32_000):
            seen = [rehearse(pairs_of(rate, g), n=n, looks=50, seed=2).found for g in (np.zeros(8_000), gaps(8_000))]
            print(f"{rate:8.1%}{n:10,}{50:7}{seen[0]:8.2%}{seen[1]:8.2%}")
    for n, looks, runs in ((8_000, 8_000, 12_000), (80_000, 800, 10_000)):
        seen = rehearse(pairs_of(RATE, np.zeros(runs)), n=n, looks=looks, seed=3)
        print(f"{RATE:8.1%}{n:10,}{looks:7}{seen.found:8.2%}")
    print(f"\n{'arms':>8}{'all equal':>12}{'best two equal':>16}{'one 30 % better':>17}")
    for arms in (2, 4, 10):
        rates = np.full((6_000, arms), RATE)
        two, one = rates * 0.7, rates.copy()
        two[:, :2], one[:, 0] = RATE, 1.3 * RATE
        seen = [rehearse(x, n=N, looks=LOOKS, seed=4).found for x in (rates, two, one)]
        print(f"{arms:8}{seen[0]:12.2%}{seen[1]:16.2%}{seen[2]:17.2%}")


def test_intervals_and_guardrails():
    """The true lift lies outside the interval at any of 40 looks; and what a guardrail sees of hides (0.5 %)."""
    random, runs = np.random.default_rng(5), 1_000
    for lift in (-0.3, 0.0, 0.3, 1.0):
        test, missed = SequentialTest(), 0
        for _ in range(runs):
            counts = np.cumsum(random.binomial(400, [RATE * (1 + lift), RATE], (40, 2)), axis=0).tolist()
            for k, (x, y) in enumerate(counts, start=1):
                low, high, *_ = test.compare(Totals(400 * k, x, x), Totals(400 * k, y, y)).interval
                if not low <= lift <= high:
                    missed += 1
                    break
        print(
            f"\ntrue lift {lift:+.0%}: outside the interval at any of 40 looks in {missed / runs:.1%} of {runs}", end=""
        )
    guard, print_n = SequentialTest(side="greater", early=True), []
    for lift in (0.0, 1.0, 3.0):
        found = []
        for _ in range(runs):
            counts = np.cumsum(random.binomial(100, [0.005 * (1 + lift), 0.005], (80, 2)), axis=0).tolist()
            seen = (
                k for k, (x, y) in enumerate(counts, 1) if guard.direction(Totals(100 * k, x, x), Totals(100 * k, y, y))
            )
            found.append(next(seen, math.inf))
        print_n.append((lift, np.mean(np.isfinite(found)), 100 * np.median(found)))
    for lift, share, n in print_n:
        print(
            f"\nguardrail, hides {lift:+.0%}: breach in {share:.1%} of {runs}, median impressions an arm {n:,.0f}",
            end="",
        )
    print()


def read_tests():
    tests = defaultdict(list)
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            tests[row["test_id"], row["test_week"], row["randomization_risk"] == "1"].append(row)
    return tests


def odd(test_id):
    return blake2b(test_id.encode(), digest_size=1).digest()[0] & 1


def identical_pairs():
    for (_, _, faulty), rows in read_tests().items():
        same = defaultdict(list)
        for row in rows:
            same[row["headline"], row["eyecatcher_id"], row["excerpt"]].append(
                (int(row["impressions"]), int(row["clicks"]))
            )
        if not faulty:
            yield from (packages[:2] for packages in same.values() if len(packages) > 1)


def pieces(n, x, count, random):
    """Divide an arm's outcomes into reports of equal size: evenly, or at random as if they had come in that order."""
    sizes = np.diff(np.round(np.arange(count + 1) / count * n)).astype(int)
    if random is None:
        return [
            Totals(k, s, s) for k, s in zip(sizes, np.diff(np.round(np.arange(count + 1) / count * x)), strict=True)
        ]
    clicks = np.zeros(n)
    clicks[random.choice(n, x, replace=False)] = 1
    return [Totals(len(part), part.sum(), part.sum()) for part in np.split(clicks, np.cumsum(sizes)[:-1])]


def claims(arm, control, test, effect):
    """Whether a winner is named at any of the reports; effect None is learned from the reports up to there."""
    sums, rows = [Totals(0, 0, 0)] * 2, []
    for day, parts in enumerate(zip(arm, control, strict=True)):
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
        rows += [Bucket(name, -1, "clicks", day, part) for name, part in zip("ab", parts, strict=True)]
        # What an effect of 1 does not show, no other does.
        if test.direction(*sums) and test.direction(*sums, DesignEffect(rows).value if effect is None else effect):
            return True
    return False


@shared_data
def test_real_identical_pairs():
    pairs = list(identical_pairs())
    z = np.array([LiftScore(*(Totals(n, x, x) for n, x in pair)).z() for pair in pairs])
    beyond = np.mean(np.abs(z) > 1.96)
    print(f"\n{len(pairs)} identical pairs: variance of z {np.mean(z**2):.2f}; |z| > 1.96 in {beyond:.1%}")
    print(f"{'reports':>9}{'divided':>10}{'horizon':>10}{'effect 1':>10}{'1.7':>8}{'auto':>8}")
    for count, how in ((1, "-"), (10, "evenly"), (20, "at random"), (80, "evenly"), (80, "at random")):
        random = np.random.default_rng(6) if how == "at random" else None
        parts = [[pieces(n, x, count, random) for n, x in pair] for pair in pairs]
        for given in (False, True):
            row = []
            for effect in (1.0, 1.7, None):
                false = 0
                for (arm, control), ((n, _), (m, _)) in zip(parts, pairs, strict=True):
                    test = SequentialTest(horizon=2 / (1 / n + 1 / m) if given else None)
                    false += claims(arm, control, test, effect)
                row.append(false / len(pairs))
            print(f"{count:9}{how:>10}{'its n' if given else 'none':>10}{row[0]:10.1%}{row[1]:8.1%}{row[2]:8.1%}")


@shared_data
def test_real_traffic():
    weeks, single = defaultdict(SampleRatioCheck), defaultdict(list)
    for (name, week, faulty), rows in read_tests().items():
        counts = [int(row["impressions"]) for row in rows]
        alone = SampleRatioCheck()
        alone.update(counts)
        for half in ("all", "odd half" if odd(name) else "even half"):
            weeks[half, faulty, week].update(counts)
            single[half, faulty].append(alone.invalid)
    print(f"\n{'tests':10}{'':8}{'weeks flagged':>16}{'tests flagged alone':>24}")
    for half in ("even half", "odd half", "all"):
        for faulty in (True, False):
            found = [check.invalid for (part, bad, _), check in weeks.items() if (part, bad) == (half, faulty)]
            alone = single[half, faulty]
            of_weeks, of_tests = f"{sum(found)} of {len(found)}", f"{sum(alone)} of {len(alone)} ({np.mean(alone):.2%})"
            print(f"{half:10}{'faulty' if faulty else 'sound':8}{of_weeks:>16}{of_tests:>24}")


if __name__ == "__main__":
    test_two_arms_and_80_looks()
    test_other_lengths_rates_and_arms()
    test_intervals_and_guardrails()
    if DATA.exists():
        test_real_identical_pairs()
        test_real_traffic()
