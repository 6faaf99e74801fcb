"""What a ranker promises of any two texts, and what it learns from contrasts whose truth is known."""

import json
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.comparing.ranking import RankingEvaluation
from postopt.engagement.comparing.variantmodel import MOST_TEXTS, most_informative
from postopt.engagement.ranker import VariantRanker
from postopt.errors import (
    BackendUnavailableError,
    ModelError,
    ModelFileError,
    NewerModelError,
    NotFittedError,
    OutcomeError,
)
from postopt.experiments.contrasts import read_groups
from postopt.experiments.priors import Priors

WORDS = [
    f"{a}{b}" for a in ("bra", "clo", "dri", "fle", "gru", "pla", "sto", "tri") for b in ("mer", "nal", "ket", "sid")
]
GOOD, BAD = set(WORDS[:6]), set(WORDS[6:12])


def true_score(text):
    words = text.split()
    return 0.35 * (sum(word in GOOD for word in words) - sum(word in BAD for word in words))


def contrasts(count, *, seed=0, effect=1.0, rate=0.05, n=4000):
    """Groups of four texts whose log-odds differ by the words alone, and a little by chance."""
    draw = np.random.default_rng(seed)
    groups = []
    for _ in range(count):
        level = math.log(rate / (1 - rate)) + draw.normal(0, 0.5)
        group = []
        for _ in range(4):
            text = " ".join(draw.choice(WORDS, size=6))
            p = 1 / (1 + math.exp(-(level + effect * true_score(text) + draw.normal(0, 0.1))))
            group.append((text, n, int(draw.binomial(n, p))))
        groups.append(group)
    return groups


class Counting:
    """An embedder whose vectors say exactly what matters, and nothing else."""

    name = "counting"
    dimension = 2

    def encode(self, texts):
        return np.array([[true_score(text), float(len(text))] for text in texts], dtype=np.float32).reshape(-1, 2)


@cache
def ranker(embedder=False):
    return VariantRanker(embedder=Counting() if embedder else None, design_effect=1.0).fit(contrasts(150))


TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


class TestComparison:
    @given(TEXTS, TEXTS)
    @settings(max_examples=60, deadline=None)
    def test_is_mirrored_exactly(self, a, b):
        there, back = ranker().compare(a, b), ranker().compare(b, a)
        assert back.p == 1 - there.p
        assert there.p == 1 - back.p
        assert back.difference == -there.difference
        assert (back.interval.low, back.interval.high) == (-there.interval.high, -there.interval.low)
        assert there.abstains == back.abstains == (there.interval.low <= 0 <= there.interval.high)

    @given(TEXTS)
    @settings(max_examples=30, deadline=None)
    def test_names_no_winner_between_a_text_and_itself(self, text):
        same = ranker().compare(text, text)
        assert (same.p, same.difference, same.interval.low, same.interval.high) == (0.5, 0, 0, 0)
        assert same.abstains

    @given(TEXTS, TEXTS, TEXTS)
    @settings(max_examples=30, deadline=None)
    def test_adds_up(self, a, b, c):
        ab, bc, ac = ranker(True).compare_many([(a, b), (b, c), (a, c)])
        assert ab.difference + bc.difference == pytest.approx(ac.difference, abs=1e-4)

    def test_is_the_difference_of_the_scores(self):
        for it in (ranker(), ranker(True)):
            a, b = it.score_many([WORDS[0], WORDS[7]])
            assert it.compare(WORDS[0], WORDS[7]).difference == pytest.approx(b - a, abs=1e-5)
            assert it.score(WORDS[0]) == pytest.approx(a, abs=1e-5)

    def test_says_what_it_rests_on(self):
        found = ranker().compare("a", "b")
        assert (found.n, found.level) == (150, pytest.approx(0.8))
        assert found.lift == pytest.approx(math.expm1(found.difference))

    def test_prefers_the_better_words_and_is_sure_only_where_it_can_be(self):
        good, bad, other = " ".join(WORDS[:6]), " ".join(WORDS[6:12]), " ".join(WORDS[20:26])
        clear = ranker().compare(bad, good)
        assert clear.p > 0.99
        assert not clear.abstains
        assert clear.interval.low > 0
        assert ranker().compare(other, " ".join(WORDS[21:27])).abstains

    def test_is_narrower_for_texts_that_are_nearly_the_same(self):
        base = " ".join(WORDS[12:20])
        near = ranker(True).compare(base, base + "!")
        far = ranker(True).compare(base, " ".join(WORDS[:6]))
        assert near.interval.high - near.interval.low < far.interval.high - far.interval.low

    @pytest.mark.parametrize("text", [None, 3, b"text", ["a"]])
    def test_takes_texts_only(self, text):
        with pytest.raises(ValueError, match="a str is needed"):
            ranker().compare("a", text)
        with pytest.raises(ValueError, match="a str is needed"):
            ranker().score(text)
        with pytest.raises(ValueError, match="a str is needed"):
            ranker().score_many(["a", text])

    @pytest.mark.parametrize("pairs", [None, 5, "ab", {"a": "b"}])
    def test_takes_collections_of_pairs_and_texts_only(self, pairs):
        with pytest.raises(ValueError, match=r"pairs is .*; pairs of texts in a list are needed"):
            ranker().compare_many(pairs)
        with pytest.raises(ValueError, match=r"texts is .*; texts in a list are needed"):
            ranker().score_many(pairs)

    @pytest.mark.parametrize("pair", [None, 5, "ab", ("a",), ("a", "b", "c"), {"a", "b"}])
    def test_takes_two_texts_at_a_time(self, pair):
        with pytest.raises(ValueError, match=r"pairs has .*; two texts are needed"):
            ranker().compare_many([("a", "b"), pair])

    @pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "\U0001f600" * 50, "مرحبا", "word " * 20_000])
    def test_takes_any_text(self, text):
        found = ranker().compare("plamer", text)
        assert 0 <= found.p <= 1
        assert math.isfinite(found.difference)

    def test_of_no_pairs_is_nothing(self):
        assert ranker().compare_many([]) == []
        assert ranker().score_many([]) == []


class TestLearning:
    def test_does_not_depend_on_the_order(self):
        groups = contrasts(40)
        backwards = [group[::-1] for group in groups[::-1]]
        a, b = VariantRanker().fit(groups), VariantRanker().fit(iter(backwards))
        assert a.score_many(WORDS) == b.score_many(WORDS)

    def test_of_few_groups_names_no_winner(self):
        few = VariantRanker().fit(contrasts(19, effect=5))
        found = few.compare(WORDS[0], WORDS[7])
        assert (found.p, found.difference, found.abstains, found.n) == (0.5, 0, True, 19)
        assert found.interval.low < 0 < found.interval.high
        assert few.score(WORDS[0]) == 0

    def test_counts_groups_that_share_a_text_as_one(self):
        groups = [[*group, ("the same in all", 1000, 50)] for group in contrasts(60, effect=5)]
        assert VariantRanker().fit(groups).compare(WORDS[0], WORDS[7]).abstains

    def test_of_shuffled_outcomes_says_nothing(self):
        draw = np.random.default_rng(3)
        groups = []
        for group in contrasts(150, seed=5):
            order = draw.permutation(len(group))
            groups.append([(text, *group[other][1:]) for (text, _, _), other in zip(group, order, strict=True)])
        found = VariantRanker(design_effect=1.0).fit(groups).evaluate(contrasts(150, seed=6))
        assert found.accuracy_interval.low < 0.5
        assert found.abstention > 0.9

    @pytest.mark.parametrize("count", [5, 30])
    def test_of_equal_outcomes_says_nothing_and_the_less_surely_the_fewer_saw_them(self, count):
        half = []
        for seen in (200, 2_000, 20_000):
            equal = [[(text, seen, seen // 20) for text, _, _ in group] for group in contrasts(count)]
            found = VariantRanker().fit(equal).compare(WORDS[0], WORDS[7])
            assert found.difference == pytest.approx(0, abs=1e-6)
            assert found.interval.low < 0 < found.interval.high
            assert found.abstains
            half.append(found.interval.high)
        assert half[0] > 2 * half[1] > 2 * half[2]
        # What a look at 200 readers each, one in twenty of whom clicks, cannot tell from 0.
        assert half[0] > 0.2

    def test_of_texts_without_words(self):
        groups = [[("!" * i, 1000, 20 + i), ("?" * i, 1000, 50 + i)] for i in range(1, 40)]
        assert VariantRanker().fit(groups).compare("?", "!").p < 0.5

    def test_is_asked_for_first(self):
        for asked in (
            lambda: VariantRanker().compare("a", "b"),
            lambda: VariantRanker().score("a"),
            lambda: VariantRanker().evaluate(contrasts(2)),
            lambda: VariantRanker().save("nowhere"),
        ):
            with pytest.raises(NotFittedError, match="before it learned"):
                asked()

    @pytest.mark.parametrize("groups", [3, "text", [[("a", 1, 2), ("b", 3, 1)]], [[("a", 1, float("nan"))]], [7]])
    def test_refuses_what_is_no_contrast(self, groups):
        with pytest.raises(OutcomeError):
            VariantRanker().fit(groups)

    @pytest.mark.parametrize("groups", [[], [[]], [[("a", 10, 1)]], [[("a", 0, 0), ("b", 0, 0)]], [[("a", 9, 1)] * 2]])
    def test_needs_something_to_learn_from(self, groups):
        with pytest.raises(OutcomeError, match="nothing to learn from"):
            VariantRanker().fit(groups)

    def test_keeps_the_most_informative_groups(self):
        small = [[(f"a{i}", 100, 5), (f"b{i}", 100, 5)] for i in range(10)]
        large = [[(f"c{i} {j}", 9000, 500) for j in range(7)] for i in range(1000)]
        groups = read_groups([*small, *large])
        kept = most_informative(groups, 1.0)
        assert sum(map(len, kept)) == MOST_TEXTS
        assert all(len(group) == 7 for group in kept)

    @pytest.mark.parametrize(
        "settings",
        [
            {"alpha": 0},
            {"alpha": 1},
            {"alpha": float("nan")},
            {"design_effect": 0.5},
            {"seed": -1},
            {"embedder": 3},
            {"embedder": "all-MiniLM-L6-v2"},
            {"embedder": Counting},
        ],
    )
    def test_refuses_settings_that_cannot_be(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            VariantRanker(**settings)


class TestEvaluation:
    def test_of_known_truth(self):
        found = ranker(True).evaluate(contrasts(150, seed=1))
        assert (found.groups, found.pairs) == (150, 900)
        assert found.accuracy_significant > 0.9
        assert found.accuracy_named > 0.9
        assert 0.7 < found.coverage < 0.9
        assert found.calibration_error < 0.05
        assert found.lift_interval.low > 0.05
        assert found.accuracy_interval.low < found.accuracy < found.accuracy_interval.high

    def test_covers_true_differences_as_often_as_it_says(self):
        groups = contrasts(150, seed=2)
        texts = [text for group in groups for text, _, _ in group]
        draw = np.random.default_rng(0)
        inside = []
        for a, b in draw.choice(texts, size=(600, 2)):
            found = ranker().compare(a, b).interval
            truth = true_score(b) - true_score(a) + draw.normal(0, 0.1 * math.sqrt(2))
            inside.append(found.low <= truth <= found.high)
        assert np.mean(inside) == pytest.approx(0.8, abs=0.08)

    def test_reads_as_sentences(self):
        said = str(ranker().evaluate(contrasts(150, seed=4)))
        assert "forced to choose, right on 0." in said
        assert "significant pairs" in said
        assert "names a winner for 0." in said
        assert "taking the best of each group gains +" in said
        assert "nan" not in said

    def test_says_plainly_that_it_names_no_winner_and_what_would_help(self):
        said = str(VariantRanker().fit(contrasts(5)).evaluate(contrasts(20)))
        assert "forced to choose, right on 0.500" in said
        assert "names no winner at all" in said
        assert "an embedder" in said
        assert "nan" not in said

    def test_says_that_nothing_differs_or_was_taken(self):
        said = str(ranker().evaluate([[("a", 100, 0), ("b", 100, 0)]]))
        assert "none of which differs significantly" in said
        assert "no gain can be told" in said
        assert "nan" not in said

    def test_without_a_model_is_that_of_a_coin(self):
        found = VariantRanker().fit(contrasts(5)).evaluate(contrasts(20))
        assert (found.accuracy, found.accuracy_significant, found.abstention) == (0.5, 0.5, 1)
        assert math.isnan(found.accuracy_named)
        assert math.isnan(found.accuracy_named_interval.low)
        assert found.lift == pytest.approx(0)

    def test_of_contrasts_without_successes(self):
        found = ranker().evaluate([[("a", 100, 0), ("b", 100, 0)]])
        assert isinstance(found, RankingEvaluation)
        assert math.isnan(found.lift)

    def test_needs_something_to_compare(self):
        with pytest.raises(NotFittedError, match="nothing to evaluate on"):
            ranker().evaluate([[("a", 10, 1)]])


class TestEmbedders:
    def test_are_believed_if_they_know_more(self):
        test = contrasts(150, seed=1)
        with_vectors, without = ranker(True).evaluate(test), ranker().evaluate(test)
        assert with_vectors.accuracy_significant >= without.accuracy_significant - 0.01

    @pytest.mark.parametrize(
        "vectors", [np.zeros((1, 2)), np.full((160, 2), np.nan), "text", None], ids=["rows", "nan", "text", "none"]
    )
    def test_that_are_wrong_are_told(self, vectors):
        class Wrong(Counting):
            def encode(self, texts):
                return vectors if not isinstance(vectors, np.ndarray) or len(vectors) == 1 else vectors[: len(texts)]

        with pytest.raises(ModelError, match="embedder counting returned"):
            VariantRanker(embedder=Wrong()).fit(contrasts(40))

    def test_may_have_columns_that_never_vary(self):
        class Padded(Counting):
            dimension = 4

            def encode(self, texts):
                return np.column_stack([super().encode(texts), np.zeros(len(texts)), np.full(len(texts), 1e20)])

        assert 0 <= VariantRanker(embedder=Padded()).fit(contrasts(40)).compare("a", "b").p <= 1


class Moving(Counting):
    def __init__(self, device="cpu"):
        self.device = device

    def on(self, device):
        return self if device == self.device else Moving(device)


class TestDevice:
    def test_is_that_of_the_embedder(self):
        here = VariantRanker(embedder=Moving(), alpha=0.3, design_effect=1.2, seed=5).fit(contrasts(40))
        there = here.on("cuda")
        assert (here.embedder.device, there.embedder.device) == ("cpu", "cuda")
        assert (there.alpha, there.design_effect, there.seed) == (0.3, 1.2, 5)
        assert there.compare("win prize", "dull report") == here.compare("win prize", "dull report")
        assert here.on("cpu") is here

    def test_may_be_chosen_before_it_is_fitted(self):
        with pytest.raises(NotFittedError):
            VariantRanker(embedder=Moving()).on("cuda").compare("a", "b")

    def test_is_nobody_s_without_an_embedder(self):
        assert ranker().on("cuda") is ranker()

    def test_stays_where_an_embedder_cannot_be_moved(self):
        assert ranker(True).on("cpu") is ranker(True)
        with pytest.raises(BackendUnavailableError, match="embedder counting cannot be moved"):
            ranker(True).on("cuda")

    @pytest.mark.parametrize("found", [ranker, lambda: ranker(True)], ids=["words", "embedder"])
    def test_has_a_name(self, found):
        with pytest.raises(ValueError, match="device is"):
            found().on("tpu")


class TestFile:
    @pytest.mark.parametrize("embedder", [False, True])
    def test_gives_back_the_same_ranker(self, tmp_path, embedder):
        ranker(embedder).save(tmp_path / "model")
        again = VariantRanker.load(tmp_path / "model", embedder=Counting() if embedder else None)
        assert again.compare_many([(WORDS[0], WORDS[7])]) == ranker(embedder).compare_many([(WORDS[0], WORDS[7])])
        again.save(tmp_path / "again")
        assert {file.name for file in (tmp_path / "again").iterdir()} == {
            file.name for file in (tmp_path / "model").iterdir()
        }

    def test_of_one_that_knows_nothing(self, tmp_path):
        VariantRanker().fit(contrasts(2)).save(tmp_path / "model")
        assert VariantRanker.load(tmp_path / "model").compare("a", "b").abstains

    def test_asks_for_the_embedder_it_was_fitted_with(self, tmp_path):
        ranker(True).save(tmp_path / "model")
        with pytest.raises(ModelFileError, match="fitted with the embedder"):
            VariantRanker.load(tmp_path / "model")

    def test_that_is_damaged_is_told(self, tmp_path):
        ranker().save(tmp_path / "model")
        array = next((tmp_path / "model").glob("weights*.npy"))
        array.write_bytes(array.read_bytes()[:-8])
        with pytest.raises(ModelFileError, match="damaged"):
            VariantRanker.load(tmp_path / "model")

    def test_that_is_foreign_is_told(self, tmp_path):
        from postopt.engagement.expecting.modelfile import ModelFile, write_model

        versions = {"format": 1, "words": 1}
        write_model(tmp_path / "a", "variant ranker", versions, ModelFile({}, {"embedder": None}))
        with pytest.raises(ModelFileError, match="what a ranker saves"):
            VariantRanker.load(tmp_path / "a")
        ranker().save(tmp_path / "b")
        manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
        manifest["versions"]["words"] = 2
        (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(NewerModelError):
            VariantRanker.load(tmp_path / "b")


def test_serves_as_a_bandit_s_prior():
    good, bad = " ".join(WORDS[:6]), " ".join(WORDS[6:12])
    a, b = Priors().experiment([bad, good], scorer=ranker()).beta([[100, 5], [100, 5]])
    worse, better = a / (a + b)
    assert better > worse
