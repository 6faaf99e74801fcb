"""What each policy would have earned in real headline tests, by simulation.

    python benchmarks/test_replay.py [FILE.csv.gz]

Past tests in a file (columns as `read_tests` says) are split by a hash; 60 % teach the priors, the others are replayed
in worlds drawn around their own results, with the traffic they had and up to six arms. Gain share: successes above even
shares over those of the truly best arm. "At once": shares are computed anew every 200 units from all outcomes so far.
"Late": every 1,000 units, and outcomes come one batch later. 2 % of the traffic is spread evenly in all rows. It is
`replay` with its defaults, as `postopt learn replay` calls it: the worlds' concentration is the likeliest for the file,
which the policies do not know. Everything is seeded: it repeats itself.

The last rows deal one test at a time through `Policy.shares`, as an experiment does, in the same worlds: they differ
from running side by side by noise only.
"""

import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from postopt.experiments.bandit import POLICIES, floored
from postopt.experiments.priors import Priors
from postopt.experiments.replay import replay, split
from postopt.experiments.replaytests import read_tests

FILE = Path(__file__).parents[2] / "shared" / "data" / "ab" / "upworthy_open.csv.gz"
WORLDS = 3
SCHEDULES = ((200, 0), (1_000, 1))
ONE_BY_ONE = 100
WORLDS_ONE_BY_ONE = 5


def deal(policy, rates, total, batch, late, rng):
    """Return how many units each arm got when one test runs in one world."""
    counts, waiting, given = np.zeros((len(rates), 2)), [], np.zeros(len(rates))
    for start in range(0, total, batch):
        shares = floored(policy.shares(counts, rng=rng), 0.02 / len(rates))
        dealt = rng.multinomial(min(batch, total - start), shares)
        given += dealt
        waiting.append(np.stack([dealt, rng.binomial(dealt, rates)], axis=-1))
        if len(waiting) > late:
            counts += waiting.pop(0)
    return given


def one_by_one(tests, batch, late, kappa):
    """Return the gain share of "earn" over some of the held tests, each dealt by itself."""
    past, held = split([test for test in tests if not test.risk], 0.6)
    priors, rng = Priors.learn([test.arms for test in past]), np.random.default_rng(1)
    gained = possible = 0.0
    for test in [test for test in held if len(test.arms) <= 6][:ONE_BY_ONE]:
        texts, n, s = zip(*test.arms, strict=True)
        n, s = np.array(n), np.array(s)
        mean = s.sum() / n.sum()
        policy = POLICIES["earn"](priors.experiment(texts))
        for _ in range(WORLDS_ONE_BY_ONE):
            rates = rng.beta(kappa * mean + s, kappa * (1 - mean) + n - s)
            given = deal(policy, rates, int(n.sum()), batch, late, rng)
            gained += given @ (rates - rates.mean())
            possible += given.sum() * (rates.max() - rates.mean())
    return gained / possible


def figures(path):
    tests = read_tests(path)
    print(f"\nPython {platform.python_version()}, numpy {np.__version__}, {path.name}, {WORLDS} worlds a test")
    columns = f"{'real':>7}{'best':>6}{'regret':>8}"
    print(f"{'policy':22}{'at once':>17}{columns}  {'late':>17}{columns}")
    for name in POLICIES:
        line = f"{name:22}"
        for batch, late in SCHEDULES:
            row = replay(tests, name, worlds=WORLDS, batch=batch, late=late)
            line += f"{row.gain_share:8.3f} +- {row.error:.3f}{row.real_gain_share:7.3f}"
            line += f"{row.names_best:6.2f}{row.regret:8.1%}  "
        print(line)
    print(f"{row.tests} tests, of which {row.real_tests} differ; priors from {row.past}; worlds of {row.kappa:,.0f}")
    for batch, late in SCHEDULES:
        few = replay(tests, "earn", worlds=WORLDS_ONE_BY_ONE, batch=batch, late=late, limit=ONE_BY_ONE)
        alone = one_by_one(tests, batch, late, few.kappa)
        print(f"first {ONE_BY_ONE}, batch {batch}: side by side {few.gain_share:.3f}, one by one {alone:.3f}")


def test_gain_shares():
    if not FILE.exists():
        pytest.skip("the tests are not redistributed with the library")
    figures(FILE)


if __name__ == "__main__":
    figures(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
