"""What reading features costs, and what reading them in batches saves.

    python benchmarks/test_features.py [FACEBOOK_PAGES.csv.gz]

Without real posts a few awkward ones are repeated. Regex: `FeatureSet()`. Numba: `FeatureSet(scan=NumbaTable)`; the
time it compiles is shown apart. Single: one post after another. Hand: what `readable` reads of a text, and its
23 searches for marks, which keeps nothing. All read the same posts in turn in one process, as CPU time; every round
gives one ratio to the regex batch, and medians are shown with quartiles. A post's own time (p50, p99) is wall time.
"""

import csv
import gzip
import platform
import sys
from statistics import median, quantiles
from time import perf_counter, process_time

import numpy as np

from postopt.quality.counting.scan import is_latin
from postopt.quality.features import FEATURE_NAMES, FeatureSet
from postopt.quality.readable import _MARKS, read

POSTS = 20_000
ROUNDS = 7
AWKWARD = (
    "How MUCH is it? 3 loaves cost $4.50 at http://x.org/a 😀😀 #bread Ask @anna, or wait...",
    "Nuevos precios en la tienda de la calle Mayor: 1.234,56 € menos. ¿Qué esperas?",
    "The U.S. team won its third game in a row on Sunday, and the coach couldn't be happier about it.",
)


def posts():
    if len(sys.argv) < 2:
        return list(AWKWARD) * (POSTS // len(AWKWARD)), [None] * (POSTS // len(AWKWARD) * len(AWKWARD))
    with gzip.open(sys.argv[1], "rt", newline="", encoding="utf-8") as file:
        rows = [(row["message"], row["lang"]) for row in csv.DictReader(file)]
    chosen = np.random.default_rng(0).permutation(len(rows))[:POSTS]
    return [rows[i][0] for i in chosen], [rows[i][1] for i in chosen]


def by_hand(texts):
    import re

    marks = [re.compile(mark, re.DOTALL) for mark in _MARKS.values()]
    for text in texts:
        reading = read.__wrapped__(text)
        [mark.search(reading.text) is not None for mark in marks]


def cpu(function, *arguments):
    start = process_time()
    function(*arguments)
    return process_time() - start


def main():
    texts, languages = posts()
    plain = FeatureSet()
    ways = {
        "regex": lambda: plain.many(texts, languages),
        "single": lambda: [plain.one(text, language) for text, language in zip(texts, languages, strict=True)],
        "hand": lambda: by_hand(texts),
    }
    cold = cpu(FeatureSet().many, texts, languages)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    lengths = sorted(map(len, texts))
    tokens = plain.many(texts, languages).offsets[-1] / len(texts)
    print(f"{len(texts)} posts, median {lengths[len(lengths) // 2]} characters, {tokens:.1f} tokens a post,")
    print(f"{sum(map(is_latin, texts)) / len(texts):.0%} in Latin letters; {len(FEATURE_NAMES)} columns")
    try:
        import numba

        from postopt.quality.counting.numba import NumbaTable
    except ImportError as error:
        print(error)
    else:
        compiled = FeatureSet(scan=NumbaTable)
        print(f"numba {numba.__version__} compiles in {cpu(compiled.many, ['a']):.1f} s of CPU")
        ways["numba"] = lambda: compiled.many(texts, languages)
        compiled.many(texts, languages)
    times = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(cpu(way))
    print(f"regex, nothing seen before: {cold / len(texts) * 1e6:.1f} us a post")
    for name, seconds in times.items():
        low, middle, high = quantiles([s / r for s, r in zip(seconds, times["regex"], strict=True)], n=4)
        best = min(seconds) / len(texts)
        print(
            f"{name:7s} ratio {middle:.2f} ({low:.2f} to {high:.2f}), median {median(seconds) / len(texts) * 1e6:.1f} "
            f"us a post, best {best * 1e6:.1f} us: {1 / best:,.0f} posts/s"
        )
    single = []
    for text, language in zip(texts[:5000], languages, strict=False):
        start = perf_counter()
        plain.one(text, language)
        single.append((perf_counter() - start) * 1e6)
    print(f"one post: p50 {np.percentile(single, 50):.1f} us, p99 {np.percentile(single, 99):.1f} us")


def test_features():
    main()


if __name__ == "__main__":
    main()
