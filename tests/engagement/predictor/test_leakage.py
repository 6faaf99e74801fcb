"""What cannot be known is not used: shuffled outcomes and signals from the future gain nothing."""

import random
from datetime import timedelta

import numpy as np
import pytest

from postopt.engagement.expecting.replay import in_order
from postopt.engagement.posts import read_posts
from postopt.engagement.predictor import EngagementPredictor


def shuffled(posts, seed=0):
    """Return the same posts with each other's outcomes, within each page: what a page gets is still known."""
    chance = random.Random(seed)
    pages = {}
    for post in posts:
        pages.setdefault(post["page"], []).append(post["outcome"])
    for outcomes in pages.values():
        chance.shuffle(outcomes)
    return [{**post, "outcome": pages[post["page"]].pop()} for post in posts]


class TestShuffledOutcomes:
    def test_are_predicted_no_better_than_by_chance(self, made_posts):
        posts = shuffled(made_posts(900))
        found = EngagementPredictor().fit(posts[:600]).evaluate(posts[600:])
        # The median of 50 posts is off by chance, so that whoever knows the page's long run beats .5 a little.
        assert 0.42 < found.auc_above_baseline < 0.6
        assert found.auc_interval.low < 0.55
        assert abs(found.within_page_rank) < 0.15
        assert found.against[0].gain < 0.05

    @pytest.mark.parametrize("seed", [3, 4])
    def test_the_words_of_one_page_say_nothing(self, made_posts, seed):
        posts = shuffled(made_posts(900, pages=1, seed=seed), seed)
        found = EngagementPredictor().fit(posts[:600]).evaluate(posts[600:])
        # One standard error of a rank correlation of 300 is .058.
        assert abs(found.within_page_rank) < 0.2


class TestTheFuture:
    def test_outcomes_of_later_posts_change_no_earlier_prediction(self, saved, later_posts):
        """Each post's outcome is written into the text of the one before: only who looks ahead could use it."""
        told = [
            {**post, "title": f"next {later_posts[i + 1]['outcome']}" if i + 1 < len(later_posts) else ""}
            for i, post in enumerate(later_posts)
        ]
        changed = [{**post, "outcome": 1} if i > 150 else post for i, post in enumerate(told)]
        predictions = []
        for posts in (told, changed):
            predictor = EngagementPredictor.load(saved)
            predictions.append(replayed(predictor, posts)[:150])
        assert predictions[0] == predictions[1]

    def test_a_label_is_of_no_use_before_it_comes(self, made_posts):
        """Outcomes follow a level that changes every ten hours: who knew labels sooner than in a day would see it."""
        posts = made_posts(800, pages=1, noise=0.1)
        chance = random.Random(0)
        level = [chance.choice([1, 20]) for _ in range(80)]
        posts = [{**post, "outcome": post["outcome"] * level[i // 10]} for i, post in enumerate(posts)]
        late = EngagementPredictor().fit(posts[:500]).evaluate(posts[500:])
        early = EngagementPredictor(maturity=0).fit(posts[:500]).evaluate(posts[500:])
        assert early.r2 > late.r2 + 0.1

    def test_what_was_known_of_a_page_does_not_depend_on_what_came_later(self, past_posts):
        prefix, whole = EngagementPredictor().fit(past_posts[:400]), EngagementPredictor().fit(past_posts)
        for post in past_posts[380:400]:
            asked = {**post, "published": past_posts[399]["published"] + timedelta(hours=1)}
            before, after = (p.predict(asked) for p in (prefix, whole))
            assert before.baseline == after.baseline
            assert before.basis.split(";")[0] == after.basis.split(";")[0]

    def test_evaluating_more_posts_changes_no_earlier_prediction(self, saved, later_posts):
        assert (
            replayed(EngagementPredictor.load(saved), later_posts[:100])
            == (replayed(EngagementPredictor.load(saved), later_posts)[:100])
        )

    def test_context_of_past_posts_is_the_one_they_had(self, past_posts):
        """What `fit` was told of a post when it learned is what a predictor of only the posts before says of it."""
        columns, *_ = in_order(read_posts(past_posts, target="engagement"))
        whole = EngagementPredictor().fit(past_posts)._state.experts.baseline
        for place in range(500, 520):
            row = columns.row(place)
            known = columns.published + 86400.0 <= row.published
            mine = [
                o for o, page, k in zip(columns.outcomes, columns.pages, known, strict=True) if k and page == row.page
            ]
            found = whole.standing(row.page, language=row.language, type=row.type, now=row.published)
            assert found.baseline == np.median(mine[-50:])


def replayed(predictor, posts):
    """Return the prediction of each post, its label and those of all before learned a day after it."""
    due, found = 0, []
    for post in posts:
        while posts[due]["published"] + timedelta(days=1) <= post["published"]:
            told = posts[due]
            predictor.learn(told, told["outcome"], told["published"] + timedelta(days=1))
            due += 1
        found.append(predictor.predict(post))
    return found
