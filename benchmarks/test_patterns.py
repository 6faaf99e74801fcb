"""Which wording wins: patterns that hold, and picking one text of several by its score, on real headline tests.

    python benchmarks/test_patterns.py [FILE.csv.gz]

The file has the columns test_id, headline, eyecatcher_id, impressions, clicks, test_week and randomization_risk, as the
Upworthy Research Archive has (Matias, Munger, Aubin Le Quere, Scientific Data 2021). A contrast is the headlines of one
test under one picture; tests of the weeks in which assignment was faulty are left out. Tests that share a headline,
directly or through others, are never on both sides of a split. What each figure rests on: replay of real tests.

Patterns: fitted on three tenths of the tests, confirmed on the next three, judged on the last four: of those confirmed,
how many have the same sign there and an interval without 0. Once by time and for 20 deals by hash; and the same with
the faulty weeks among them, which are a quarter more contrasts. Then how many all contrasts, in halves, confirm.
Score: learned on the one side; of each contrast on the other side the headline with the largest score is taken, and its
click rate compared with the mean of all headlines of that contrast; summed over contrasts. Seven tenths are learned
from, by time and by hash, and nine tenths for each of ten folds. The interval is a bootstrap over components. Pairs: of
two headlines whose click rates differ at |z| > 1.96, how often the score prefers the better.
Speed: a fit in seconds, a score in microseconds; not asserted.
"""

import csv
import gzip
import sys
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from time import perf_counter
from zlib import crc32

import numpy as np
import pytest

from postopt.experiments.contrasts import contrasts, read_groups
from postopt.experiments.effects import effects
from postopt.experiments.wording import WordingModel
from postopt.prompts.patterns import PatternMiner
from postopt.quality.readable import read as reading

DATA = Path(__file__).parents[2] / "shared" / "data" / "ab" / "upworthy_open.csv.gz"


def read_tests(path, *, faulty=False):
    """Return the contrasts as (week, group), for each component of tests that share a headline."""
    found, weeks = defaultdict(lambda: defaultdict(lambda: [0, 0])), {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["randomization_risk"] == "1" and not faulty:
                continue
            name = (row["test_id"], row["eyecatcher_id"])
            count = found[name][row["headline"]]
            count[0] += int(row["impressions"])
            count[1] += int(row["clicks"])
            weeks[name] = int(row["test_week"])
    names = {name: [(text, *count) for text, count in group.items()] for name, group in found.items()}
    names = {name: group for name, group in names.items() if len(group) > 1}
    return components(names, weeks)


def components(groups, weeks):
    parent = {}

    def root(node):
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for (test, _), group in groups.items():
        for text, _, _ in group:
            parent[root(("text", text))] = root(("test", test))
    parts = defaultdict(list)
    for name, group in groups.items():
        parts[root(("test", name[0]))].append((weeks[name], group))
    return [parts[key] for key in sorted(parts)]


def split(parts, shares, place):
    """Return the components in as many lists as there are shares, in order of `place`."""
    ordered = sorted(parts, key=place)
    ends = [round(len(ordered) * share) for share in np.cumsum([0, *shares])]
    return [ordered[a:b] for a, b in pairwise(ends)]


def by_time(part):
    return min(week for week, _ in part), part[0][1]


def by_hash(deal):
    return lambda part: crc32(f"{deal} {part[0][1]}".encode())


def groups_of(parts):
    return [group for part in parts for _, group in part]


def judge_patterns(parts, place):
    first, second, third = (groups_of(side) for side in split(parts, (0.3, 0.3, 0.4), place))
    confirmed = [p for p in PatternMiner().fit(first).confirm(second).patterns if p.status == "confirmed"]
    data = contrasts(read_groups(third))
    matrix = np.array([[float(p.matches(text)) for p in confirmed] for text in data.texts])
    signs = holds = 0
    for pattern, effect in zip(confirmed, effects(data, matrix, data.spread()), strict=True):
        same = effect is not None and (effect.log_odds > 0) == (pattern.lift > 0)
        signs += same
        holds += same and not effect.interval(0.05)[0] <= 0 <= effect.interval(0.05)[1]
    return np.array([len(confirmed), signs, holds]), [p.name for p in confirmed]


def show_patterns(parts, deals=20):
    counts, names = judge_patterns(parts, by_time)
    print(f"by time: {counts[0]} confirmed, same sign {counts[1]}, hold {counts[2]}: {', '.join(names)}")
    counts = sum(judge_patterns(parts, by_hash(deal))[0] for deal in range(deals))
    print(f"{deals} deals by hash: {counts[0]} confirmed, same sign {counts[1]}, hold {counts[2]}")


def show_halves(parts, deals=10):
    counts = []
    for deal in range(deals):
        first, second = (groups_of(side) for side in split(parts, (0.5, 0.5), by_hash(deal)))
        counts.append(sum(p.status == "confirmed" for p in PatternMiner().fit(first).confirm(second).patterns))
    print(f"halves, {deals} deals by hash: {sorted(counts)} confirmed")


def picked(parts, score):
    """Return for each component the click rates of the picked headlines and of all, summed over its contrasts."""
    sums = []
    for part in parts:
        best, mean = 0.0, 0.0
        for _, group in part:
            rates = np.array([s / n for _, n, s in group])
            scores = np.array([score(text) for text, _, _ in group])
            best += rates[scores >= scores.max() - 1e-12].mean()
            mean += rates.mean()
        sums.append((best, mean))
    return np.array(sums)


def bootstrap(sums, rounds=2000):
    draw = np.random.default_rng(0)
    lifts = []
    for _ in range(rounds):
        best, mean = sums[draw.integers(len(sums), size=len(sums))].sum(axis=0)
        lifts.append(best / mean - 1)
    return sums[:, 0].sum() / sums[:, 1].sum() - 1, *np.quantile(lifts, [0.025, 0.975])


def pairs(parts, score):
    right = all_ = 0
    for group in groups_of(parts):
        for (a, n, s), (b, m, t) in combinations(group, 2):
            difference = np.log((s + 0.5) / (n - s + 0.5)) - np.log((t + 0.5) / (m - t + 0.5))
            if abs(difference) > 1.96 * np.sqrt(1 / (s + 0.5) + 1 / (n - s + 0.5) + 1 / (t + 0.5) + 1 / (m - t + 0.5)):
                all_ += 1
                right += 0.5 if score(a) == score(b) else (score(a) > score(b)) == (difference > 0)
    return right / all_, all_


def show_score(name, parts, score):
    lift, low, high = bootstrap(picked(parts, score))
    accuracy, n = pairs(parts, score)
    print(
        f"{name:34} {100 * lift:+5.1f} % [{100 * low:+.1f}, {100 * high:+.1f}], {len(groups_of(parts))} contrasts; "
        f"pairs {accuracy:.3f} of {n}"
    )


def main(path):
    parts = read_tests(path)
    groups = groups_of(parts)
    print(f"{len(groups)} contrasts, {sum(map(len, groups))} headlines, {len(parts)} components")
    show_patterns(parts)
    print("with the faulty weeks:")
    show_patterns(read_tests(path, faulty=True))
    show_halves(parts)
    for name, place in (("by time", by_time), ("by hash", by_hash(0))):
        learned, rest = split(parts, (0.7, 0.3), place)
        first, second = split(learned, (0.5, 0.5), place)
        show_score(f"{name}: words", rest, WordingModel.fit(groups_of(learned)).score)
        show_score(
            f"{name}: patterns and words", rest, PatternMiner().fit(groups_of(first)).confirm(groups_of(second)).score
        )
    show_score("ten folds: words", parts, out_of_fold(parts, lambda _, groups: WordingModel.fit(groups)))
    show_score("ten folds: patterns and words", parts, out_of_fold(parts, mined))
    show_speed(groups)


def mined(parts, _):
    first, second = split(parts, (0.5, 0.5), by_hash(3))
    return PatternMiner().fit(groups_of(first)).confirm(groups_of(second))


def out_of_fold(parts, learn, folds=10):
    """Return a score of each text by what was learned without its component."""
    scores = {}
    for held in split(parts, [1 / folds] * folds, by_hash(2)):
        rest = [part for part in parts if part not in held]
        model = learn(rest, groups_of(rest))
        scores |= {text: model.score(text) for group in groups_of(held) for text, _, _ in group}
    return scores.__getitem__


def show_speed(groups):
    start = perf_counter()
    miner = PatternMiner().fit(groups)
    fitted = perf_counter() - start
    start = perf_counter()
    model = miner.wording
    learned = perf_counter() - start
    texts = [text for group in groups for text, _, _ in group]
    reading.cache_clear()
    start = perf_counter()
    miner.score_many(texts)
    each = (perf_counter() - start) / len(texts)
    print(f"fit {fitted:.2f} s, words {learned:.2f} s, score {1e6 * each:.0f} us; spread {model.spread:.3f}, "
          f"left by the score {model.residual:.3f}, slope {model.slope:.2f}")  # fmt: skip


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not there")
def test_patterns():
    main(DATA)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else DATA)
