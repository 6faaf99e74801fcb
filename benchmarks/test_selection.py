"""How well a model is chosen, and how long that takes.

    pytest -s benchmarks/test_selection.py

Quality: real scores of 9 models on prompts of 14 tasks, and of 2 models on prompts of 58 (where the shared data are
there; without them only the times are taken). Prompts are split by the SHA-256 of their text: a selector is warmed up
on three quarters and judged on the last. A router's scores are swept as anybody could: for each weight L of money
every prompt gets the model with the highest score - L cost; that gives a curve of mean quality over mean cost. AIQ is
the mean quality of its upper hull over the range from the cheapest to the dearest model; "95 % at" is the cost, as a
share of the dearest model's, at which the hull reaches 95 % of the gap between the cheapest and the best model. The
intervals are 95 % bootstrap intervals over prompts (200 resamples).

Time: bursts of `select` and `learn` take turns with MABWiser's LinUCB on vectors of 32 numbers that are ready made
(9 models); medians of the bursts' CPU times a call and of their ratios, with quartiles.
"""

import csv
import gzip
import hashlib
import importlib.util
import json
import platform
import random
import sys
import warnings
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns, process_time_ns

import numpy as np
import pytest

from postopt.resilience.price import Price
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector

DATA = Path(__file__).parents[2] / "shared" / "data" / "routing"
WEIGHTS = np.concatenate([[0.0], np.geomspace(1.0, 1e7, 400)])
BURST = 50
CALLS = 2_000


def read(name):
    with gzip.open(DATA / f"{name}_open.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    models = [column[6:] for column in rows[0] if column.startswith("score|")]
    return models, [
        (row["prompt"], row["task"], {model: float(row[f"score|{model}"]) for model in models}) for row in rows
    ]


def is_judged(prompt):
    return hashlib.sha256(prompt.encode()).digest()[0] >= 192


def prices(name, models):
    if name == "routellm2":  # list prices of the time, US dollars per million tokens
        return {"mixtral-8x7b": Price(input=0.6, output=0.6), "gpt-4-1106": Price(input=10.0, output=10.0)}
    listed = json.loads((DATA / "prices_llmrouter9.json").read_text())
    return {model: Price(input=listed[model][0], output=listed[model][1]) for model in models}


def hull(points):
    """Return the upper hull of (cost, quality) as far as quality rises."""
    kept = []
    for x, y in sorted(points):
        while len(kept) > 1 and (kept[-1][1] - kept[-2][1]) * (x - kept[-2][0]) <= (y - kept[-2][1]) * (
            kept[-1][0] - kept[-2][0]
        ):
            kept.pop()
        kept.append((x, y))
    rising = [p for n, p in enumerate(kept) if n == 0 or p[1] > max(y for _, y in kept[:n])]
    return np.array(rising).T


def judge(scores, quality, cost, choices=None):
    """Return AIQ, the cost of 95 % of the gap, and the quality at any cost."""
    each = np.arange(len(quality))
    if choices is None:
        choices = [(scores - weight * cost).argmax(1) for weight in WEIGHTS]
    xs, ys = hull([(cost[each, chosen].mean(), quality[each, chosen].mean()) for chosen in choices])
    by_model = cost.mean(0)
    grid = np.linspace(by_model.min(), by_model.max(), 1001)
    curve = np.interp(grid, xs, ys)
    cheapest = quality[:, by_model.argmin()].mean()
    enough = curve >= cheapest + 0.95 * (quality.mean(0).max() - cheapest)
    return curve.mean(), grid[enough.argmax()] / grid[-1] if enough.any() else np.nan, ys.max()


def interval(scores, quality, cost):
    choices = [(scores - weight * cost).argmax(1) for weight in WEIGHTS[::8]]
    draw = np.random.default_rng(0)
    found = []
    for _ in range(200):
        rows = draw.integers(len(quality), size=len(quality))
        found.append(judge(None, quality[rows], cost[rows], [chosen[rows] for chosen in choices])[0])
    return np.quantile(found, [0.025, 0.975])


def selector_scores(warm, judged, models, price, *, warm_keys, keys):
    def context(row, names):
        return {name: value for name, value in (("text", row[0]), ("task", row[1])) if name in names}

    selector = ModelSelector([Candidate(model, price[model]) for model in models])
    began = perf_counter_ns()
    selector.warm_start([(context(row, warm_keys), row[2]) for row in warm])
    seconds = (perf_counter_ns() - began) / 1e9
    chosen = [selector.select(context(row, keys)) for row in judged]
    return np.array([[choice.scores[model] for model in models] for choice in chosen]), seconds


def compare(name, warm, judged, models):
    price = prices(name, models)
    quality = np.array([[row[2][model] for model in models] for row in judged])
    cost = np.array([[Candidate(m, price[m]).cost(len(row[0]), 150) for m in models] for row in judged])
    means = np.array([[row[2][model] for model in models] for row in warm]).mean(0)
    rows = {
        "each model's mean": (np.tile(means, (len(judged), 1)), 0.0),
        "oracle": (quality, 0.0),
    }
    for label, warm_keys, keys in (
        ("task alone", ("task",), ("task",)),
        ("task and text known", ("text", "task"), ("text", "task")),
        ("text alone", ("text",), ("text",)),
        ("text alone, tasks in the warm start", ("text", "task"), ("text",)),
    ):
        rows[label] = selector_scores(warm, judged, models, price, warm_keys=warm_keys, keys=keys)
    print(f"\n{name}: {len(models)} models, warmed up on {len(warm)} prompts, judged on {len(judged)}")
    print(f"{'':38}{'AIQ':>7}{'interval':>14}{'95 % at':>9}{'quality':>9}{'seconds':>9}")
    for label, (scores, seconds) in rows.items():
        aiq, at, best = judge(scores, quality, cost)
        low, high = interval(scores, quality, cost)
        print(f"{label:38}{aiq:7.4f}{low:8.3f}-{high:.3f}{at:9.3f}{best:9.4f}{seconds:9.1f}")


@pytest.mark.parametrize("name", ["llmrouter9", "routellm2"])
def test_quality_over_cost(name):
    if not DATA.is_dir():
        pytest.skip(f"no routing data in {DATA}; POSTOPT_DATA says where it is")
    models, rows = read(name)
    compare(name, [r for r in rows if not is_judged(r[0])], [r for r in rows if is_judged(r[0])], models)


def test_time():
    if importlib.util.find_spec("mabwiser") is None:
        pytest.skip("mabwiser is not installed: it is what the times are compared with")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mabwiser.mab import MAB, LearningPolicy
    draw = random.Random(0)
    words = [f"word{n}" for n in range(3_000)]
    models = [f"m{n}" for n in range(9)]
    rows = [
        ({"text": " ".join(draw.choices(words, k=25)) + "?", "task": f"t{n % 14}"}, {m: draw.random() for m in models})
        for n in range(3_000)
    ]
    vectors = np.random.default_rng(0).standard_normal((3_000, 32))
    bandit = MAB(models, LearningPolicy.LinUCB(alpha=1.0))
    bandit.fit([models[n % 9] for n in range(3_000)], [draw.random() for _ in range(3_000)], vectors)
    print(f"\nPython {platform.python_version()}, numpy {np.__version__}; microseconds, ratio to MABWiser's LinUCB")
    print(f"{'':36}{'select':>8}{'ratio':>17}{'learn':>8}{'ratio':>18}")
    fresh = iter(range(10**9))

    def new_text(_):
        return {"text": f"{next(fresh)} " + " ".join(draw.choices(words, k=25)) + "?"}

    for label, context, weight, explore in (
        ("task", lambda n: {"task": f"t{n % 14}"}, 0.0, 0.05),
        ("task and text", lambda n: rows[n][0], 0.0, 0.05),
        ("task and text, money counts", lambda n: rows[n][0], 1.0, 0.05),
        ("text alone, seen lately", lambda n: {"text": rows[n % 500][0]["text"]}, 0.0, 0.0),
        ("text alone, new", new_text, 0.0, 0.0),
        ("text alone, new, exploring", new_text, 0.0, 0.05),
    ):
        candidates = [Candidate(m, Price(input=1.0, output=1.0)) for m in models]
        selector = ModelSelector(candidates, cost_weight=weight, explore=explore)
        selector.warm_start(rows)
        contexts = [context(n) for n in range(CALLS)]
        if "lately" in label:
            for known in contexts:
                selector.select(known)
        print_times(label, take_turns(selector, bandit, contexts, vectors, models))


def take_turns(selector, bandit, contexts, vectors, models):
    """Return nanoseconds a call of each, burst by burst."""
    times = {"select": [], "predict": [], "learn": [], "partial_fit": []}
    for first in range(0, len(contexts), BURST):
        burst = contexts[first : first + BURST]
        few = vectors[: BURST // 5]
        choices = timed(times["select"], selector.select, burst)
        timed(times["predict"], bandit.predict, [vector[None] for vector in few])
        timed(times["learn"], lambda choice: selector.learn(choice, 0.5), choices)
        timed(times["partial_fit"], lambda vector: bandit.partial_fit([models[0]], [0.5], vector[None]), few)
    return times


def timed(times, function, arguments):
    start = process_time_ns()
    results = [function(argument) for argument in arguments]
    times.append((process_time_ns() - start) / len(results))
    return results


def print_times(label, times):
    def ratio(mine, theirs):
        low, middle, high = quantiles([b / a for a, b in zip(times[mine], times[theirs], strict=True)], n=4)
        return f"1/{middle:.0f} (1/{low:.0f}-{high:.0f})"

    print(
        f"{label:36}{median(times['select']) / 1e3:8.1f}{ratio('select', 'predict'):>17}"
        f"{median(times['learn']) / 1e3:8.1f}{ratio('learn', 'partial_fit'):>18}"
    )


if __name__ == "__main__":
    sys.exit(pytest.main(["-s", "-p", "no:cacheprovider", __file__]))
