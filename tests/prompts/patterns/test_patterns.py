"""Patterns are proposed, confirmed on later contrasts, and retired."""

import json
import math
import random
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from postopt.errors import OutcomeError
from postopt.experiments.store import ExperimentStore
from postopt.experiments.wording import WordingModel
from postopt.prompts.patterns import PatternMiner
from postopt.types import Feedback

YEAR = 365 * 86_400.0


@pytest.fixture(scope="module")
def first(planted):
    return planted(seed=1)


@pytest.fixture(scope="module")
def second(planted):
    return planted(seed=2)


@pytest.fixture(scope="module")
def learned(first, second):
    return PatternMiner().fit(first, at=0.0).confirm(second, at=YEAR).state()


@pytest.fixture
def miner(learned):
    miner = PatternMiner()
    miner.restore(learned)
    return miner


def named(miner, status):
    return {pattern.name for pattern in miner.patterns if pattern.status == status}


class TestConfirmed:
    def test_what_was_planted_is_found_and_nothing_else(self, miner):
        also = {"ends_with_question", "short_question"}  # here the same texts as those with a question mark
        assert {"question", "digits"} <= named(miner, "confirmed") <= {"question", "digits", *also}

    def test_lift_and_interval_are_the_planted_ones(self, miner):
        found = {pattern.name: pattern for pattern in miner.patterns}
        for name, odds in (("question", math.exp(-0.25)), ("digits", math.exp(0.25))):
            low, high = found[name].interval[:2]
            assert low < odds - 1 < high
            assert found[name].lift == pytest.approx(odds - 1, abs=0.05)
            assert 200 < found[name].n <= 250

    def test_dates_and_words(self, miner):
        pattern = next(pattern for pattern in miner.patterns if pattern.name == "question")
        assert (pattern.proposed_at, pattern.confirmed_at, pattern.retired_at) == (0.0, YEAR, None)
        assert re.search(
            r"question mark .*-2\d\.\d % .* contrasts\. Confirmed: .* 1970-01-01, confirmed 1971-01-01", str(pattern)
        )
        assert str(pattern) in miner.explain()

    def test_before_anything_later_is_seen_nothing_is_confirmed(self, first):
        miner = PatternMiner().fit(first)
        assert named(miner, "confirmed") == set()
        assert {"question", "digits"} <= named(miner, "proposed")
        assert miner.needs()

    def test_the_same_contrasts_confirm_nothing(self, first):
        miner = PatternMiner().fit(first).confirm(first)
        assert named(miner, "confirmed") == set()

    def test_contrasts_that_share_a_text_with_them_confirm_nothing(self, first):
        again = [[*group[:1], *((text + "!", n, s) for text, n, s in group[1:])] for group in first]
        assert named(PatternMiner().fit(first).confirm(again), "confirmed") == set()

    @pytest.mark.long
    def test_where_nothing_is_planted_hardly_anything_is_confirmed(self, planted):
        confirmed = 0
        for seed in range(10, 16):
            miner = PatternMiner(deny=()).fit(planted(150, seed=seed, effect=0.0))
            confirmed += len(named(miner.confirm(planted(150, seed=seed + 100, effect=0.0)), "confirmed"))
        # A rate of .05 false claims a run would give 3 or more with a probability of .4 %.
        assert confirmed <= 2

    def test_the_order_of_groups_changes_nothing(self, miner, first, second):
        draw = random.Random(3)
        mixed = [[draw.sample(group, len(group)) for group in draw.sample(part, len(part))] for part in (first, second)]
        assert PatternMiner().fit(mixed[0], at=0.0).confirm(mixed[1], at=YEAR).state() == miner.state()


def in_batches(miner, groups, size):
    for start in range(0, len(groups), size):
        miner.confirm(groups[start : start + size])
    return miner


class TestSmallBatches:
    @pytest.mark.parametrize("size", [5, 19])
    def test_add_up(self, first, second, size):
        miner = in_batches(PatternMiner().fit(first[:80]), second, size)
        assert {"question", "digits"} <= named(miner, "confirmed")
        assert next(pattern for pattern in miner.patterns if pattern.name == "question").n > 100

    def test_take_few_looks_and_lose_nothing(self, first, second):
        at_once = PatternMiner().fit(first).confirm(second).state()
        varies = {record["name"]: record["evidence"][0][0][2] for record in at_once["records"]}
        for record in in_batches(PatternMiner().fit(first), second, 19).state()["records"]:
            looked_at = sum(effect[2] for effect, _ in record["evidence"])
            assert looked_at + len(record["waiting"]) == varies[record["name"]]
            assert len(record["waiting"]) < max(20, looked_at / 2)
            assert len(record["evidence"]) <= 7

    def test_a_rare_feature_waits_while_others_are_settled(self, planted):
        def with_rockets(seed, groups):
            draw = np.random.default_rng(seed)
            made = [[(*row, draw.random() < 0.04) for row in group] for group in planted(groups, seed=seed)]
            return [[(text + " 🚀" * rare, n, s * (1 + rare)) for text, n, s, rare in group] for group in made]

        miner = PatternMiner().fit(with_rockets(5, 250)).confirm(with_rockets(6, 80))
        assert "question" in named(miner, "confirmed")
        assert "emoji" in named(miner, "proposed")
        assert "emoji" in named(miner.confirm(with_rockets(7, 160)), "confirmed")

    def test_what_waits_survives_a_restart(self, first, second):
        miner = PatternMiner().fit(first)
        for start in range(0, len(second), 19):
            state = json.loads(json.dumps(miner.state()))
            miner = PatternMiner()
            miner.restore(state)
            miner.confirm(second[start : start + 19])
        assert miner.state() == in_batches(PatternMiner().fit(first), second, 19).state()


class TestRetired:
    def test_what_later_contrasts_contradict(self, miner, planted):
        miner.confirm(planted(1000, seed=3, sign=-1), at=2 * YEAR)
        assert {"question", "digits"} <= named(miner, "retired")
        retired = next(pattern for pattern in miner.patterns if pattern.name == "digits")
        assert (retired.retired_at, retired.lift < 0) == (2 * YEAR, True)

    def test_what_is_not_seen_again_fades(self, miner):
        miner.step(3 * YEAR)
        assert "question" in named(miner, "confirmed")
        words = miner.step(30 * YEAR)
        assert named(miner, "confirmed") == set()
        assert any("faded" in word for word in words)

    def test_a_clock_that_goes_back_ages_nothing(self, miner):
        before = miner.patterns
        miner.step(-5 * YEAR)
        assert miner.patterns == before

    def test_a_proposal_that_the_opposite_is_shown_of(self, first, planted):
        miner = PatternMiner().fit(first).confirm(planted(seed=4, sign=-1))
        assert {"question", "digits"} <= named(miner, "retired")

    def test_stays_so_until_the_next_fit(self, first, second, planted):
        miner = PatternMiner().fit(first).confirm(planted(seed=4, sign=-1)).confirm(second)
        assert "question" in named(miner, "retired")
        assert "question" in named(miner.fit(first), "proposed")


class TestDenied:
    def test_is_reported_and_never_proposed(self, miner):
        assert "fear" in {pattern.name for pattern in miner.denied}
        assert "fear" not in {pattern.name for pattern in miner.patterns}
        assert "denied" in miner.explain()

    def test_its_words_add_nothing_to_a_score(self, miner, first, second):
        calm, afraid = "river stone garden paper window", "river stone garden terrifying window"
        allowed = PatternMiner(deny=()).fit(first).confirm(second)
        assert allowed.score(afraid) - allowed.score(calm) == pytest.approx(0.25, abs=0.1)
        assert abs(miner.score(afraid) - miner.score(calm)) < 0.1

    @pytest.mark.parametrize("zeta", ["(?i)zeta", re.compile("[Zz]eta"), lambda text: "zeta" in text.casefold()])
    def test_nor_does_what_a_host_denies(self, planted, zeta):
        groups = [
            [(text.replace("terrifying", word), n, s) for text, n, s in group]
            for group, word in zip(planted(seed=1), ["Zeta", "zetas", "zetaland"] * 84, strict=False)
        ]
        calm, loud = "river stone garden paper window", "river stone garden zetaland window"
        allowed = PatternMiner(features={"zeta": zeta}).fit(groups).wording
        denied = PatternMiner(features={"zeta": zeta}, deny=["zeta"]).fit(groups)
        assert allowed.score(loud) - allowed.score(calm) > 0.1
        assert abs(denied.score(loud) - denied.score(calm)) < 0.05
        assert "zeta" in {pattern.name for pattern in denied.denied}

    def test_a_host_may_allow_it(self, first, second):
        miner = PatternMiner(deny=()).fit(first).confirm(second)
        assert "fear" in named(miner, "confirmed")
        assert miner.denied == ()

    def test_the_same_under_another_name_is_denied_too(self, first):
        miner = PatternMiner(features={"thrill": "terrif"}).fit(first)
        assert "thrill" in {pattern.name for pattern in miner.denied}

    @pytest.mark.parametrize("deny", ["fear", None, ["no such feature"], [3]])
    def test_refuses_what_is_no_feature(self, deny):
        with pytest.raises(ValueError, match="deny"):
            PatternMiner(deny=deny)


class TestMatches:
    @pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
    def test_refuses_what_is_no_text(self, miner, text):
        with pytest.raises(ValueError, match="text is"):
            miner.patterns[0].matches(text)


class TestHostFeatures:
    def test_expressions_and_functions(self, first, second):
        features = {"number": re.compile(r"\d\d"), "asks": lambda text: text.endswith("?"), "comma before": r","}
        miner = PatternMiner(features=features).fit(first).confirm(second)
        assert {"number", "asks"} <= named(miner, "confirmed")
        pattern = next(pattern for pattern in miner.patterns if pattern.name == "number")
        assert pattern.matches("over 10 of them")
        assert not pattern.matches("a few of them")

    @pytest.mark.parametrize("answer", ["no", math.nan, 1, None, re.match("a", "a"), np.True_])
    def test_what_is_neither_true_nor_false_is_refused(self, first, answer):
        miner = PatternMiner(features={"odd": lambda _: answer})
        with pytest.raises(ValueError, match=r"features\['odd'\] returned"):
            miner.fit(first)
        assert miner.patterns == ()

    def test_one_that_fails_loses_no_contrasts(self, first, second):
        answers = {"fails": False}

        def asks(text):
            if answers["fails"]:
                raise OSError("out of reach")
            return text.endswith("?")

        given = []
        miner = PatternMiner(features={"asks": asks}, past=lambda: given).fit(first)
        before = miner.state()
        answers["fails"], given[:] = True, second[:120]
        for look in (lambda: miner.confirm(second), lambda: miner.step(YEAR)):
            with pytest.raises(OSError, match="reach"):
                look()
            assert miner.state() == before
        answers["fails"] = False
        assert "asks" in named(miner.confirm(second), "confirmed")


class TestScore:
    def test_picks_what_was_planted(self, miner):
        best = "river stone 42 paper window"
        assert miner.score(best) > miner.score("river stone garden paper window") > miner.score("river stone garden?")
        texts = [best, "river stone garden?", ""]
        assert list(miner.score_many(texts)) == [miner.score(text) for text in texts]

    def test_nothing_learned_scores_nothing(self):
        assert PatternMiner().score("a text") == 0.0
        assert PatternMiner().fit([]).confirm([]).patterns == ()

    def test_what_is_only_proposed_counts_as_its_words_do(self, first, second):
        miner = PatternMiner(deny=()).fit(first)
        assert "question" in named(miner, "proposed")
        assert miner.score("river stone?") == WordingModel.fit(first).score("river stone?")

    def test_what_a_host_alone_can_see_counts_once_confirmed(self, planted):
        def odd(text):
            return len(text) % 2 == 1

        def made(seed):
            plain = planted(seed=seed, effect=0.0)
            return [[(text, n, s * (1 + 0.5 * odd(text))) for text, n, s in group] for group in plain]

        miner = PatternMiner(features={"odd": odd}).fit(made(1))
        gains = [miner.score("river stone.") - miner.score("river stone")]
        miner.confirm(made(2))
        gains.append(miner.score("river stone.") - miner.score("river stone"))
        assert "odd" in named(miner, "confirmed")
        assert abs(gains[0]) < 0.1
        assert gains[1] < -0.2

    def test_more_contrasts_are_learned_from(self, first, second):
        miner = PatternMiner().fit(first)
        before = miner.score("river 42")
        assert miner.confirm(second).score("river 42") != before
        assert miner.wording.groups == 500


class TestGarbage:
    @pytest.mark.parametrize("method", ["fit", "confirm"])
    def test_refused_groups_change_nothing(self, miner, method):
        before = miner.state()
        for row in (("a", 1, 2), ("a", math.nan, 0), (None, 2, 1)):
            with pytest.raises(OutcomeError):
                getattr(miner, method)([[("b", 9, 1), row]])
        assert miner.state() == before

    @pytest.mark.parametrize("groups", [None, 3, "ab", [None], [3], ["ab"]])
    @pytest.mark.parametrize("method", ["fit", "confirm"])
    def test_what_are_no_groups_is_refused(self, miner, method, groups):
        before = miner.state()
        with pytest.raises(OutcomeError, match="group"):
            getattr(miner, method)(groups)
        assert miner.state() == before

    @pytest.mark.parametrize("at", [math.nan, math.inf, -1e12, "x"])
    def test_refused_times_change_nothing(self, miner, at):
        before = miner.state()
        for method in (miner.fit, miner.confirm):
            with pytest.raises(ValueError, match="at is"):
                method([], at)
        with pytest.raises(ValueError, match="now is"):
            miner.step(at)
        assert miner.state() == before

    @pytest.mark.parametrize(
        "group",
        [
            [("same", 100, 5), ("same", 90, 4)],
            [("a", 0, 0), ("b", 0, 0)],
            [("a?", 100, 0), ("b 1", 100, 0)],
            [("a?", 100, 100), ("b 1", 100, 100)],
            [("", 100, 1), ("\ud800?", 100, 2)],
        ],
    )
    def test_contrasts_without_information(self, group):
        miner = PatternMiner().fit([group] * 50).confirm([group] * 60)
        assert named(miner, "confirmed") == set()
        assert math.isfinite(miner.score("a?"))
        json.dumps(miner.state(), allow_nan=False)

    @pytest.mark.parametrize(
        ("argument", "values"),
        [
            ("alpha", [0, 1, -0.1, math.nan, "x", None]),
            ("half_life_days", [0, -1, math.nan, None]),
            ("design_effect", [0.9, math.inf, "x"]),
            ("language", ["", 3]),
            ("name", ["", None]),
            ("past", [3, []]),
        ],
    )
    def test_refuses_arguments(self, argument, values):
        for value in values:
            with pytest.raises(ValueError, match=argument):
                PatternMiner(**{argument: value})


class TestLearner:
    def test_mines_and_then_confirms_what_a_store_has(self, first, second):
        with ExperimentStore() as store:
            miner = PatternMiner(past=store.past)
            assert miner.step(0.0) == []
            for at, part in ((YEAR, first), (2 * YEAR, second)):
                for number, group in enumerate(part):
                    rows = [(str(arm), *row) for arm, row in enumerate(group)]
                    store.import_counts(f"{at} {number}", rows)
                words = miner.step(at)
                assert any("Pattern question is " in word for word in words)
            assert {"question", "digits"} <= named(miner, "confirmed")
            assert miner.step(2 * YEAR) == []
            assert miner.state()["groups"] == []
            copy = PatternMiner(past=store.past)
            copy.restore(json.loads(json.dumps(miner.state())))
            assert copy.patterns == miner.patterns
            assert copy.score("river 42?") == miner.score("river 42?")

    def test_a_handful_of_contrasts_waits(self, first):
        given = first[:99]
        miner = PatternMiner(past=lambda: given)
        before = miner.state()
        assert miner.step(0.0) == []
        assert miner.state() == {**before, "at": 0.0}
        given = first[:100]
        miner.step(YEAR)
        assert len(miner.state()["seen"]) == 100

    def test_takes_no_single_reports(self):
        assert PatternMiner().learn("d1", Feedback("f", "p", 10, 1, 0.0)) is False

    def test_state_survives_json_and_is_restored(self, miner):
        state = json.loads(json.dumps(miner.state(), allow_nan=False))
        copy = PatternMiner()
        copy.restore(state)
        assert copy.state() == miner.state() == state
        assert (copy.patterns, copy.denied) == (miner.patterns, miner.denied)
        assert copy.score("river 42") == miner.score("river 42")

    @pytest.mark.parametrize("state", [{}, None, {"records": [{}]}, {"records": 3}])
    def test_refuses_another_state(self, miner, state):
        before = miner.state()
        with pytest.raises(ValueError, match=r"PatternMiner\.state"):
            miner.restore(state)
        assert miner.state() == before

    def test_threads_see_whole_states(self, first, second, miner):
        wanted = miner.state()
        shared = PatternMiner()
        shared.fit(first, at=0.0)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(shared.confirm, second, YEAR) for _ in range(4)]:
                done.result()
            scores = list(pool.map(shared.score, ["river 42"] * 8))
        assert shared.state() == wanted
        assert np.ptp(scores) == 0
