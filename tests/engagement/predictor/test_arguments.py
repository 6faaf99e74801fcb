"""Whole arguments that cannot be, for what is learned: a typed error that says what is allowed."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from postopt.engagement import EngagementPredictor, VariantRanker, analyze_many
from postopt.engagement.posts import read_post, read_posts
from postopt.errors import PostDataError
from postopt.quality import FeatureSet

ARRAY = np.zeros((2, 2))


@pytest.mark.parametrize("field", ["title", "page", "type", "language"])
@pytest.mark.parametrize("value", [ARRAY, 5.5, True, [1], {}])
class TestAFieldOfAnotherType:
    def test_is_named_with_its_row(self, fitted, past_posts, field, value):
        posts = [past_posts[0], {**past_posts[1], field: value}]
        with pytest.raises(PostDataError, match=f"row 1: {field} is"):
            fitted.predict_many(posts)
        with pytest.raises(PostDataError, match=f"row 1: {field} is"):
            read_posts(posts)

    def test_costs_no_other_post(self, fitted, past_posts, field, value):
        rows = list(analyze_many([past_posts[0], {**past_posts[1], field: value}, past_posts[2]], predictor=fitted))
        assert [bool(row.error) for row in rows] == [False, True, False]
        assert field in rows[1].error


@pytest.mark.parametrize("target", [5, "", b"likes", ["likes"], ARRAY])
def test_a_target_that_is_no_name(past_posts, target):
    with pytest.raises(ValueError, match="target is"):
        read_post(past_posts[0], target=target)
    with pytest.raises(ValueError, match="target is"):
        read_posts(past_posts[:2], target=target)


@pytest.mark.parametrize("path", [None, 5, b"model", ["model"], "a\0b"])
def test_a_path_that_is_none(fitted, path):
    for load in (EngagementPredictor.load, VariantRanker.load):
        with pytest.raises(ValueError, match=r"path is .*; a path is needed"):
            load(path)
    with pytest.raises(ValueError, match=r"path is .*; a path is needed"):
        fitted.save(path)


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, object(), math.nan])
def test_columns_that_are_none(fitted, value):
    with pytest.raises(ValueError, match="columns is"):
        fitted.predict_columns(value)


def test_texts_that_were_not_read_of_these_posts(fitted, past_posts):
    for texts in (5, "x", [], FeatureSet().many(["one text"])):
        with pytest.raises(ValueError, match="texts is"):
            fitted.predict_many(past_posts[:2], texts)


@pytest.mark.parametrize("texts", [None, 5, "text", {"a": 1}])
def test_texts_that_are_no_collection(texts):
    with pytest.raises(ValueError, match="texts is"):
        FeatureSet().many(texts)
    with pytest.raises(ValueError, match="languages is"):
        FeatureSet().many(["text"], texts if texts is not None else 5)


class TestPickled:
    """What Ray, Spark and Dask do with a function that holds a predictor."""

    def test_says_the_same_and_learns_on_by_itself(self, learning, later_posts):
        other = pickle.loads(pickle.dumps(learning))
        assert other.predict(later_posts[0]) == learning.predict(later_posts[0])
        before = learning.predict(later_posts[1])
        other.learn(later_posts[0], 10**6, later_posts[5]["published"])
        assert learning.predict(later_posts[1]) == before

    def test_unfitted_it_is_unfitted(self):
        other = pickle.loads(pickle.dumps(EngagementPredictor("likes", seed=3, window=7)))
        assert (other.target, other.seed, other.window) == ("likes", 3, 7)

    def test_while_others_learn_it_is_whole(self, learning, later_posts):
        with ThreadPoolExecutor(2) as threads:
            done = threads.submit(
                lambda: [learning.learn(post, post["outcome"], later_posts[-1]["published"]) for post in later_posts]
            )
            copies = [pickle.loads(pickle.dumps(learning)) for _ in range(2)]
            done.result()
        assert all(copy.predict(later_posts[0]).median > 0 for copy in copies)
