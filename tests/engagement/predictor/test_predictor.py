"""What a predictor learns, what it says of one post and of many, and what it refuses."""

import gc
import math
import pickle
import sys
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from postopt.engagement.expecting import reading, reasons
from postopt.engagement.posts import COUNTS, read_posts
from postopt.engagement.predictor import EngagementPredictor
from postopt.errors import NotFittedError, PostDataError
from postopt.quality.features import FeatureSet
from postopt.trace import Trace
from postopt.types import Brief, Post

LATER = datetime(2024, 1, 27, tzinfo=UTC)


def one(**changes):
    return {"id": "x", "text": "our team today", "title": "", "page": "page 2", "type": "photo", "language": "en",
            "published": LATER} | changes  # fmt: skip


class TestLearns:
    def test_pages_words_and_types(self, fitted):
        def median(**changes):
            return fitted.predict(one(**changes)).median

        assert median(page="page 5") > 5 * median(page="page 1")
        assert median(text="our team win today") > 1.5 * median(text="our team sale today")
        assert median(type="photo") > median(type="link")

    def test_the_baseline_is_the_pages_median_and_chances_are_against_it(self, fitted, past_posts):
        found = fitted.predict(one())
        mine = sorted(post["outcome"] for post in [p for p in past_posts if p["page"] == "page 2"][-50:])
        assert found.baseline == (mine[24] + mine[25]) / 2
        good, bad = fitted.predict(one(text="win live")), fitted.predict(one(text="sale"))
        assert good.p_above_baseline > 0.75
        assert bad.p_above_baseline < 0.25
        assert good.low < good.median < good.high

    def test_figures_on_posts_that_were_not_learned_from(self, fitted, later_posts):
        found = fitted.evaluate(later_posts, baselines=["usual", "kind"])
        assert found.n == len(later_posts)
        assert found.auc_above_baseline > 0.85
        assert 0.8 < found.coverage < 0.98
        assert found.r2 > 0.8
        assert [against.name for against in found.against[1:]] == [
            "the usual outcome of all posts",
            "the mean of posts of the same language and type",
        ]
        assert all(against.gain > 0 for against in found.against)

    def test_a_label_moves_what_follows(self, learning):
        before = learning.predict(one(text="zebra"))
        for i in range(12):
            published = LATER + timedelta(hours=i)
            learning.learn(one(id=i, text="zebra", published=published), 100_000, published + timedelta(days=1))
        after = learning.predict(one(text="zebra", published=LATER + timedelta(days=3)))
        assert after.median > 3 * before.median
        assert after.baseline > before.baseline

    def test_chances_follow_what_comes(self, learning, later_posts):
        """Every post does worse than its page's median, whatever it says: chances fall, slowly and not without end."""
        before = learning.predict(one()).p_above_baseline
        for post in later_posts[:200]:
            learning.learn(post, 0, post["published"] + timedelta(days=1))
        assert learning._state.shift < -0.05
        assert learning.predict(one(published=LATER - timedelta(days=1))).p_above_baseline < before

    def test_another_target(self, past_posts):
        posts = [{**post, "shares": post["outcome"] // 7, "outcome": None} for post in past_posts]
        found = EngagementPredictor("shares").fit(posts).predict(one())
        assert found.baseline < 40

    def test_reasons_are_few_and_name_what_moved_it(self, fitted):
        reasons = fitted.predict(one(text="win live")).reasons
        assert 1 <= len(reasons) <= 3
        assert any('"win"' in reason and reason.endswith("(more)") for reason in reasons)
        assert fitted.predict(one(text="", title="")).reasons is not None

    def test_reasons_are_those_of_the_time_when_it_was_predicted(self, learning, monkeypatch):
        """However late they are asked for, and not before."""
        asked, of = [], reasons.of
        monkeypatch.setattr(reasons, "of", lambda *given: asked.append(given) or of(*given))
        post = one(text="win live")
        before, kept = learning.predict(post), learning.predict(post).reasons
        assert len(asked) == 1
        for i in range(30):
            published = LATER + timedelta(hours=i)
            learning.learn(one(id=i, text="win live", published=published), 0, published + timedelta(days=1))
        assert learning.predict(post).reasons != kept
        assert before.reasons == kept
        assert pickle.loads(pickle.dumps(before)) == before

    def test_what_moved_it_adds_up_on_new_pages_too(self, fitted):
        assert fitted.predict(one(page="never seen", text="win live")).reasons
        assert fitted.predict(one(page="never seen", text="", title="A game")).reasons


class TestOneAndMany:
    def posts(self, later_posts):
        odd = [
            one(text=""), one(title="A game", text="\U0001f600 #x @y http://a.b/c ¿Qué?"), one(page="never seen"),
            one(language="xx", type="event"), one(published=datetime(2024, 1, 5, 3, tzinfo=UTC)),
            one(published=datetime(2023, 1, 1, tzinfo=UTC)), one(published=None), one(text="a\0b\ud800"),
            {"text": "only a text"},
        ]  # fmt: skip
        return later_posts[:100] + odd

    def test_give_the_same(self, saved, later_posts):
        predictor = EngagementPredictor.load(saved, clock=LATER.timestamp)
        posts = self.posts(later_posts)
        for post, many in zip(posts, predictor.predict_many(posts), strict=True):
            single = predictor.predict(post)
            for name in ("median", "low", "high", "p_above_baseline", "baseline"):
                assert math.isclose(getattr(single, name), getattr(many, name), rel_tol=1e-5, abs_tol=1e-5)
            assert (single.basis, single.in_range) == (many.basis, many.in_range)
            assert many.reasons == ()

    def test_give_the_same_of_posts_from_between_the_labels(self, fitted, past_posts):
        posts = past_posts[::7]
        for post, many in zip(posts, fitted.predict_many(posts), strict=True):
            single = fitted.predict(post)
            for name in ("median", "baseline", "p_above_baseline"):
                assert math.isclose(getattr(single, name), getattr(many, name), rel_tol=1e-5, abs_tol=1e-5)

    def test_another_reader_gives_the_same(self, saved, later_posts):
        posts = self.posts(later_posts)[:100]
        compiled = EngagementPredictor.load(saved, features=FeatureSet())
        assert compiled.predict_many(posts) == EngagementPredictor.load(saved).predict_many(posts)

    def test_no_text_is_read_twice(self, fitted, later_posts, monkeypatch):
        """Not even where one is as long as none was before."""
        posts = [*later_posts[:20], one(text="a long story " * 1000)]
        columns = read_posts(posts)
        read, read_here = FeatureSet().many(columns.texts, columns.languages), []
        scan = reading.scan
        monkeypatch.setattr(reading, "scan", lambda text: read_here.append(text) or scan(text))
        found = fitted.predict_many(columns, read)
        assert set(read_here) <= set(columns.titles)
        assert found == fitted.predict_many(posts)

    def test_columns_are_the_same_figures(self, fitted, later_posts):
        figures = fitted.predict_columns(read_posts(later_posts))
        many = fitted.predict_many(later_posts)
        assert figures.median.tolist() == [prediction.median for prediction in many]
        assert figures.p_above_baseline.tolist() == [prediction.p_above_baseline for prediction in many]

    def test_of_one_post_is_said_what_is_said_of_it_among_others(self, saved, later_posts):
        predictor = EngagementPredictor.load(saved, clock=LATER.timestamp)
        posts = self.posts(later_posts)[80:]
        assert predictor.predict_many(posts) == [predictor.predict_many([post])[0] for post in posts]

    def test_none_at_all(self, fitted):
        assert fitted.predict_many([]) == []

    def test_asking_changes_nothing(self, fitted, later_posts):
        before = fitted.predict(later_posts[0])
        fitted.predict_many(later_posts)
        fitted.evaluate(later_posts)
        assert fitted.predict(later_posts[0]) == before


class TestRange:
    def test_new_pages_stand_on_their_kind_and_say_so(self, fitted):
        found = fitted.predict(one(page="never seen"))
        assert found.basis.startswith("no post of the page is known; posts of type photo in en")
        assert found.high / found.low > 2 * fitted.predict(one()).high / fitted.predict(one()).low
        assert fitted.predict(one()).basis == "the page's last 50 posts"

    def test_young_pages_say_how_few_posts_they_have(self, learning):
        for i in range(3):
            published = LATER + timedelta(hours=i)
            learning.learn(one(id=i, page="new", published=published), 500, published + timedelta(days=1))
        found = learning.predict(one(page="new", published=LATER + timedelta(days=2)))
        assert found.basis == "3 posts of the page; posts of type photo in en instead"

    @pytest.mark.parametrize(
        "odd", [{"language": "fi"}, {"text": "x" * 5000}, {"published": datetime(2031, 1, 1, tzinfo=UTC)}]
    )
    def test_posts_unlike_those_learned_from(self, fitted, odd):
        assert fitted.predict(one()).in_range
        assert not fitted.predict(one(**odd)).in_range

    def test_without_labels_intervals_widen_and_say_since_when(self, fitted):
        now, later = fitted.predict(one()), fitted.predict(one(published=LATER + timedelta(days=60)))
        assert "the last label came 60 days before" in later.basis
        assert later.high / later.low > now.high / now.low

    @pytest.mark.parametrize("year", [2040, 2999, 9999])
    def test_silence_widens_for_a_year_and_no_longer(self, fitted, year):
        def width(published):
            found = fitted.predict(one(published=published))
            assert found.high == pytest.approx(fitted.predict_many([one(published=published)])[0].high, rel=1e-5)
            return math.log1p(found.high) - math.log1p(found.low), found.in_range

        far, in_range = width(datetime(year, 12, 31, tzinfo=UTC))
        now, _ = width(LATER)
        assert not in_range
        assert now < far < 2.5 * now

    def test_a_post_of_ours_without_a_time_is_published_now(self, saved):
        predictor = EngagementPredictor.load(saved, clock=LATER.timestamp)
        brief = Brief(topic="x", brand="page 5")
        ours = Post(id="a", text="win", brief=brief, generator="g", seed=None, index=0,
                    trace=Trace(tier="remote", model="m"))  # fmt: skip
        found = predictor.predict(ours)
        assert found.basis == "the page's last 50 posts"


class TestLabels:
    def test_counted_once(self, learning, later_posts):
        post = later_posts[0]
        at = post["published"] + timedelta(days=1)
        learning.learn(post, 50, at)
        means = learning._state.experts.words.means.copy()
        learning.learn(post, 50, at)
        learning.learn(post, 90, at + timedelta(days=1))
        assert np.array_equal(means, learning._state.experts.words.means)
        history = learning._state.experts.baseline.histories[post["page"]]
        assert [label.outcome for label in history.labels if label.published == post["published"].timestamp()] == [90]

    def test_a_provisional_label_teaches_no_word(self, learning, later_posts):
        post = later_posts[0]
        means = learning._state.experts.words.means.copy()
        learning.learn(post, 3, post["published"] + timedelta(hours=1))
        assert np.array_equal(means, learning._state.experts.words.means)
        learning.learn(post, 50, post["published"] + timedelta(days=2))
        assert not np.array_equal(means, learning._state.experts.words.means)

    def test_out_of_order_gives_the_same_baseline(self, saved, later_posts):
        baselines = []
        for posts in (later_posts[:60], later_posts[59::-1]):
            predictor = EngagementPredictor.load(saved)
            for post in posts:
                predictor.learn(post, post["outcome"], post["published"] + timedelta(days=1))
            after = later_posts[59]["published"] + timedelta(days=2)
            baselines.append([predictor.predict(one(page=f"page {i}", published=after)).baseline for i in range(6)])
        assert baselines[0] == baselines[1]

    @pytest.mark.parametrize("outcome", [-1, math.nan, math.inf, True, "3", None])
    def test_outcomes_that_cannot_be(self, fitted, later_posts, outcome):
        with pytest.raises(PostDataError, match="outcome is"):
            fitted.learn(later_posts[0], outcome, LATER)

    def test_times_that_cannot_be(self, fitted):
        with pytest.raises(PostDataError, match="before the post"):
            fitted.learn(one(), 1, LATER - timedelta(seconds=1))
        with pytest.raises(PostDataError, match="in the future"):
            fitted.learn(one(), 1, datetime(2999, 1, 1, tzinfo=UTC))
        with pytest.raises(PostDataError, match="with a zone"):
            fitted.learn(one(), 1, datetime(2024, 1, 28))  # noqa: DTZ001 - that is what is refused
        with pytest.raises(PostDataError, match="no id or no time"):
            fitted.learn(one(published=None), 1, LATER)
        with pytest.raises(PostDataError, match="no id or no time"):
            fitted.learn(one(id=None), 1, LATER)


class TestFit:
    def test_order_does_not_matter(self, past_posts, fitted, later_posts):
        turned = EngagementPredictor().fit(past_posts[::-1])
        assert turned.predict_many(later_posts) == fitted.predict_many(later_posts)

    def test_the_seed_decides_what_is_learned_for_new_pages(self, past_posts, fitted):
        other = EngagementPredictor(seed=1).fit(past_posts)
        assert other.predict(one(page="new")).median != fitted.predict(one(page="new")).median
        assert other.predict(one()).baseline == fitted.predict(one()).baseline

    def test_of_a_post_that_is_there_twice_the_last_counts(self, past_posts, fitted, later_posts):
        twice = [{**past_posts[3], "outcome": 10**6}, *past_posts, past_posts[7]]
        assert EngagementPredictor().fit(twice).predict_many(later_posts) == fitted.predict_many(later_posts)

    def test_a_second_fit_forgets_the_first(self, past_posts, later_posts, fitted, made_posts):
        predictor = EngagementPredictor().fit(made_posts(100, seed=9))
        assert predictor.fit(past_posts).predict_many(later_posts) == fitted.predict_many(later_posts)

    @pytest.mark.parametrize("n", [0, 1, 79])
    def test_too_few_posts(self, past_posts, n):
        with pytest.raises(NotFittedError, match=f"{n} different posts"):
            EngagementPredictor().fit(past_posts[:n])

    def test_one_post_over_and_over_is_one(self, past_posts):
        with pytest.raises(NotFittedError, match="1 different posts"):
            EngagementPredictor().fit(past_posts[:1] * 100)

    def test_pages_with_one_post_each(self, made_posts):
        posts = [{**post, "page": f"page {i}"} for i, post in enumerate(made_posts(200, pages=1))]
        found = EngagementPredictor().fit(posts).predict(one(page="page 3", published=LATER))
        assert found.basis.startswith("1 post of the page; ")
        assert 0 <= found.low <= found.median <= found.high < math.inf

    def test_all_posts_at_once(self, past_posts):
        posts = [{**post, "published": LATER} for post in past_posts[:120]]
        found = EngagementPredictor().fit(posts).predict(one(published=LATER + timedelta(days=2)))
        assert math.isfinite(found.median)

    def test_labels_that_are_all_equal(self, past_posts):
        predictor = EngagementPredictor().fit([{**post, "outcome": 7} for post in past_posts])
        found = predictor.predict(one())
        assert found.median == pytest.approx(7, rel=0.05)
        assert found.p_above_baseline < 0.1
        assert found.baseline == 7

    def test_labels_that_are_all_nought(self, past_posts):
        found = EngagementPredictor().fit([{**post, "outcome": 0} for post in past_posts]).predict(one())
        assert (found.median, found.low, found.baseline) == (pytest.approx(0, abs=0.05), 0, 0)

    def test_huge_outcomes(self, past_posts):
        posts = [{**post, "outcome": 10**12 if i % 50 == 0 else post["outcome"]} for i, post in enumerate(past_posts)]
        found = EngagementPredictor().fit(posts).predict(one())
        assert found.median < 10_000
        assert found.high < math.inf

    def test_posts_from_the_future(self, past_posts):
        with pytest.raises(PostDataError, match="in the future"):
            EngagementPredictor(clock=lambda: LATER.timestamp() - 10 * 86400).fit(past_posts)

    def test_texts_of_any_kind(self, past_posts):
        texts = [
            "",
            "x" * 10_000_000,
            "\U0001f469\u200d\U0001f680" * 500,
            "مرحبا بالعالم",
            "日本語" * 50,
            "\0\ud800",
            "a " * 10**6,
        ]
        posts = [
            {**post, "text": texts[i % 700]} if i % 700 < len(texts) else post for i, post in enumerate(past_posts)
        ]
        predictor = EngagementPredictor().fit(posts)
        for text in texts:
            assert math.isfinite(predictor.predict(one(text=text)).median)

    @pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=30), timedelta(minutes=7), timedelta(minutes=20)])
    def test_posts_of_less_time_than_labels_take(self, made_posts, step):
        """No label could have come before the last post; what is expected is nevertheless what such posts got."""
        past = [
            {**post, "published": datetime(2024, 1, 1, tzinfo=UTC) + i * step} for i, post in enumerate(made_posts(200))
        ]
        outcomes = [post["outcome"] for post in past]
        predictor = EngagementPredictor().fit(past)
        for later in (timedelta(hours=1), timedelta(days=3)):
            for post in made_posts(20, seed=3):
                found = predictor.predict({**post, "published": past[-1]["published"] + later})
                assert 0 <= found.low <= found.median <= found.high
                assert min(outcomes) / 3 <= found.median <= max(outcomes) * 3
                assert 0.02 < found.p_above_baseline < 0.98

    @pytest.mark.parametrize("outcome", [0, 1, 7, 12345, 1e12])
    def test_an_outcome_that_all_have_lies_in_its_interval(self, made_posts, outcome):
        predictor = EngagementPredictor().fit([{**post, "outcome": outcome} for post in made_posts(200)])
        post = made_posts(201)[-1]
        for found in (predictor.predict(post), *predictor.predict_many([post])):
            assert found.low <= outcome <= found.high
            assert found.median == pytest.approx(outcome, rel=1e-6)


class TestSettings:
    @pytest.mark.parametrize(
        "bad",
        [{"target": ""}, {"target": None}, {"seed": -1}, {"seed": 1.5}, {"coverage": 0}, {"coverage": 1},
         {"maturity": -1}, {"window": 0}, {"pages": 0}, {"clock": 3}],
    )  # fmt: skip
    def test_that_cannot_be(self, bad):
        with pytest.raises(ValueError, match=next(iter(bad))):
            EngagementPredictor(**bad)

    def test_asked_before_it_learned(self, past_posts, tmp_path):
        predictor = EngagementPredictor()
        for ask in (
            lambda: predictor.predict(one()),
            lambda: predictor.predict_many([one()]),
            lambda: predictor.learn(one(), 1, LATER),
            lambda: predictor.evaluate(past_posts),
            lambda: predictor.save(tmp_path / "x"),
        ):
            with pytest.raises(NotFittedError):
                ask()

    def test_only_so_many_ids_are_remembered(self, learning, later_posts, monkeypatch):
        monkeypatch.setattr("postopt.engagement.expecting.learned.MOST_TOLD", 600)
        for post in later_posts[:5]:
            learning.learn(post, 5, post["published"] + timedelta(days=1))
        assert len(learning._state.told) == 600

    def test_memory_is_bounded_by_pages(self, made_posts):
        posts = [{**post, "page": f"page {i}"} for i, post in enumerate(made_posts(300, pages=1))]
        predictor = EngagementPredictor(pages=20).fit(posts)
        assert len(predictor._state.experts.baseline.histories) == 20


class TestEvaluate:
    def test_posts_that_were_learned_from_are_refused(self, fitted, past_posts):
        with pytest.raises(PostDataError, match="2 of the posts were learned from"):
            fitted.evaluate(past_posts[:2])

    def test_posts_from_the_future_are_refused(self, fitted, later_posts):
        far = [*later_posts[:3], {**later_posts[3], "published": datetime(2999, 1, 1, tzinfo=UTC)}]
        with pytest.raises(PostDataError, match="'later 3' has an outcome and a time in the future"):
            fitted.evaluate(far)

    @pytest.mark.parametrize(
        "bad",
        [["x"], "x", ["usual", 3], 3, None, [None], [["usual"]], [{}], {"mine": "usual"}, {"mine": 3}, [b"usual"]],
    )
    def test_unknown_baselines_are_refused(self, fitted, later_posts, bad):
        with pytest.raises(ValueError, match="allowed: page_median, median, usual, kind, a function of a post"):
            fitted.evaluate(later_posts, baselines=bad)

    @pytest.mark.parametrize("name", ["", 3, None])
    def test_names_of_baselines_are_texts(self, fitted, later_posts, name):
        with pytest.raises(ValueError, match="a baseline's name"):
            fitted.evaluate(later_posts, baselines={name: len})

    def test_baselines_of_ones_own(self, fitted, later_posts):
        """They are given the posts as they are, in order of time, and are compared with as all others."""
        asked = []

        def last_years_mean(post):
            asked.append(post)
            return np.float64(100)

        posts = later_posts[:60]
        given = ["median", "usual", "page_median", last_years_mean, "usual", lambda post: post["outcome"]]
        found = fitted.evaluate(posts[::-1], baselines=given)
        names = [against.name for against in found.against]
        assert names == ["the page's median", "the usual outcome of all posts", "last_years_mean", "baseline 6"]
        assert found.against[3].mae == 0
        assert all(mine is theirs for mine, theirs in zip(asked, posts, strict=True))
        named = fitted.evaluate(posts, baselines={"what we guessed": last_years_mean})
        assert named.against[1]._replace(name="last_years_mean") == found.against[2]
        assert "than what we guessed (" in named.sentence

    @pytest.mark.parametrize("alone", ["usual", lambda _: 3])
    def test_one_baseline_needs_no_list(self, fitted, later_posts, alone):
        alike = fitted.evaluate(later_posts[:60], baselines=[alone])
        assert fitted.evaluate(later_posts[:60], baselines=alone).against == alike.against
        assert len(alike.against) == 2

    def test_the_pages_median_is_always_there(self, fitted, later_posts):
        for name in ("median", "page_median"):
            found = fitted.evaluate(later_posts[:60], baselines=[name])
            assert [against.name for against in found.against] == ["the page's median"]

    def test_names_that_read_well(self, fitted, later_posts):
        says = fitted.evaluate(later_posts, baselines=["usual", "kind"]).sentence
        assert "They are better than the usual outcome of all posts (mean error" in says
        assert "They are better than the mean of posts of the same language and type (mean error" in says

    def test_two_baselines_of_one_name(self, fitted, later_posts):
        with pytest.raises(ValueError, match="two baselines are called 'len'"):
            fitted.evaluate(later_posts, baselines=[len, len])
        with pytest.raises(ValueError, match='two baselines are called "the page\'s median"'):
            fitted.evaluate(later_posts, baselines={"the page's median": len})

    @pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "3", None, True])
    def test_a_baseline_that_says_what_is_no_count(self, fitted, later_posts, bad):
        with pytest.raises(PostDataError, match="what mine says of the post with id 'later 0' is"):
            fitted.evaluate(later_posts, baselines={"mine": lambda _: bad})

    def test_no_posts(self, fitted):
        with pytest.raises(PostDataError):
            fitted.evaluate([])


class TestCounts:
    @pytest.mark.parametrize(
        "changes", [{name: -5} for name in COUNTS] + [{"comments": math.nan}, {"shares": 9, "reach": 8}]
    )
    def test_that_cannot_be_are_refused_everywhere(self, fitted, past_posts, later_posts, changes):
        bad = later_posts[0] | changes
        for ask in (
            lambda: EngagementPredictor().fit([*past_posts, bad]),
            lambda: fitted.learn(bad, 3, LATER + timedelta(days=9)),
            lambda: fitted.predict(bad),
            lambda: fitted.predict_many([later_posts[1], bad]),
            lambda: fitted.evaluate([later_posts[1], bad]),
        ):
            with pytest.raises(PostDataError, match=f"{next(iter(changes))} is "):
                ask()

    def test_that_can_be_change_nothing(self, fitted, later_posts):
        more = dict.fromkeys(COUNTS, 0) | {"reach": 10**12, "clicks": None}
        assert fitted.predict_many([post | more for post in later_posts]) == fitted.predict_many(later_posts)


class TestThreads:
    def test_a_page_is_known_at_every_step_of_learning(self, learning, later_posts):
        """Between any two lines that learn, a reader finds what the page's posts usually get."""
        baseline, post, found = learning._state.experts.baseline, later_posts[0], []

        def step(_, event, __):
            found.append(baseline.standing(post["page"], language="en", type="photo", now=LATER.timestamp()).n)
            return step

        def follow(frame, event, _):
            return step if frame.f_code is type(baseline).learn.__code__ else None

        before = sys.gettrace()
        sys.settrace(follow)
        try:
            learning.learn(post, 5, post["published"] + timedelta(days=1))
        finally:
            sys.settrace(before)
        assert len(found) > 5
        assert set(found) == {50}

    def test_predicting_while_another_learns(self, learning, later_posts):
        failed = []

        def predict():
            try:
                for post in later_posts:
                    assert math.isfinite(learning.predict(post).median)
            except BaseException as error:  # noqa: BLE001 - it is told by the test
                failed.append(error)

        threads = [threading.Thread(target=predict) for _ in range(2)]
        for thread in threads:
            thread.start()
        for post in later_posts:
            learning.learn(post, post["outcome"], post["published"] + timedelta(days=1))
        for thread in threads:
            thread.join()
        gc.collect()
        assert failed == []
