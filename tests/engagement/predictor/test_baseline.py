"""The median of a page's last matured posts, as it was known at any time."""

import math
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.baseline import DAY, ENOUGH, PageBaseline

HOUR = 3600.0


def learn(baseline, page, outcome, published, **more):
    baseline.learn(page, outcome, published=published, at=published + DAY, **more)


def standing(baseline, now, page="a", **more):
    return baseline.standing(page, **{"language": "en", "type": "photo"} | more, now=now)


class TestMatured:
    @given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 500)), min_size=ENOUGH, max_size=80), st.randoms())
    def test_is_the_plain_median_of_the_last_window_in_any_order_of_arrival(self, posts, chance):
        posts = [(hours * HOUR + i, outcome) for i, (hours, outcome) in enumerate(posts)]
        baseline = PageBaseline()
        arrived = list(posts)
        chance.shuffle(arrived)
        for i, (published, outcome) in enumerate(arrived):
            learn(baseline, "a", outcome, published, id=i)
        expected = median(outcome for _, outcome in sorted(posts)[-50:])
        found = standing(baseline, 1e9)
        assert found.baseline == expected
        assert found.n == min(len(posts), 50)
        assert found.stand_in == ""

    @given(st.integers(0, 150))
    def test_nothing_that_came_later_counts(self, hours):
        baseline = PageBaseline()
        for i in range(90):
            learn(baseline, "a", i, i * HOUR, id=i)
        now = hours * HOUR
        known = [i for i in range(90) if i * HOUR + DAY <= now]
        found = standing(baseline, now)
        assert found.n == min(len(known), 50)
        if len(known) >= ENOUGH:
            assert found.baseline == median(known[-50:])

    def test_an_early_label_counts_once_its_post_is_old_enough(self):
        baseline = PageBaseline()
        baseline.learn("a", 5, published=0.0, at=HOUR)
        assert standing(baseline, 2 * HOUR).n == 0
        assert standing(baseline, DAY).n == 1

    def test_a_second_label_takes_the_place_of_the_first(self):
        baseline = PageBaseline()
        for i in range(ENOUGH):
            learn(baseline, "a", 5, i * HOUR, id=i)
        before = baseline.kinds["", ""]
        for i in range(ENOUGH):
            learn(baseline, "a", 8, i * HOUR, id=i, again=True)
        assert standing(baseline, 1e9).baseline == 8
        assert baseline.kinds["", ""] == before


class TestNewPages:
    def test_a_page_without_posts_stands_where_its_kind_does(self):
        baseline = PageBaseline()
        for i in range(200):
            learn(baseline, f"page {i}", 100, i, language="en", type="photo")
            learn(baseline, f"page {i}", 10, i, language="en", type="link")
        photo, link = (standing(baseline, 1e9, "new", type=kind) for kind in ("photo", "link"))
        assert photo.baseline == pytest.approx(100, rel=0.15)
        assert link.baseline == pytest.approx(10, rel=0.15)
        assert photo.stand_in == "posts of type photo in en"
        assert standing(baseline, 1e9, "new", type="event").stand_in == "posts in en"
        assert standing(baseline, 1e9, "new", language="xx", type="event").stand_in == "all posts"

    def test_few_posts_pull_it_to_the_page(self):
        baseline = PageBaseline()
        for i in range(100):
            learn(baseline, "other", 10, i, id=i, language="en", type="photo")
        levels = []
        for i in range(ENOUGH):
            levels.append(standing(baseline, 1e9, "new").level)
            learn(baseline, "new", 1000, 1000.0 + i, id=i, language="en", type="photo")
        assert levels == sorted(levels)
        assert levels[0] == pytest.approx(math.log1p(10))
        assert standing(baseline, 1e9, "new").baseline == 1000

    def test_nobody_knows_anything(self):
        found = standing(PageBaseline(), 0.0)
        assert (found.baseline, found.n, found.stand_in) == (0.0, 0, "nothing")


class TestBounds:
    def test_the_page_that_learned_least_recently_is_forgotten(self):
        baseline = PageBaseline(pages=2)
        for page in ("a", "b", "a", "c"):
            learn(baseline, page, 5, 0.0)
        assert list(baseline.histories) == ["a", "c"]

    def test_two_windows_of_labels_are_kept_and_those_too_young_to_count(self):
        baseline = PageBaseline(window=3)
        for i in range(100):
            learn(baseline, "a", i, i * HOUR, id=i)
        assert [label.id for label in baseline.histories["a"].labels] == list(range(100 - 6 - 24, 100))

    def test_at_most_ten_windows_of_young_labels_are_kept(self):
        baseline = PageBaseline(window=3)
        for i in range(1000):
            learn(baseline, "a", i, i * HOUR / 60, id=i)
        assert len(baseline.histories["a"].labels) == 6 + 30

    def test_a_page_that_posts_often_is_known_the_next_day(self):
        """Labels told with the post itself, as `fit` does: those of a whole day are too young to count."""
        baseline = PageBaseline()
        for i in range(1000):
            learn(baseline, "a", i, i * HOUR / 6, id=i)
        found = standing(baseline, 999 * HOUR / 6)
        assert (found.n, found.stand_in) == (50, "")
        assert found.baseline == median(range(856 - 50, 856))

    def test_kinds_are_bounded(self):
        baseline = PageBaseline(pages=10)
        for i in range(3000):
            learn(baseline, "a", 1, i, language=f"l{i}", type="x")
        assert len(baseline.kinds) <= 1000

    @pytest.mark.parametrize("bad", [{"window": 0}, {"maturity": -1}, {"pages": 0}, {"maturity": math.nan}])
    def test_settings_that_cannot_be(self, bad):
        with pytest.raises(ValueError, match=next(iter(bad))):
            PageBaseline(**bad)
