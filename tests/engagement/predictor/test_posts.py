"""What is read of posts, one by one and all at once, and what is refused."""

import math
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.posts import COUNTS, check_counts, columns_of, read_post, read_posts
from postopt.errors import PostDataError
from postopt.trace import Trace
from postopt.types import Brief, Post

WHEN = datetime(2024, 5, 4, 21, 30, tzinfo=timezone(timedelta(hours=-5)))


def post(**changes):
    return {"id": "1", "text": "Hi", "title": "T", "page": "p", "type": "Photo", "language": "en-US",
            "published": WHEN, "outcome": 3} | changes  # fmt: skip


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name in ("published", "outcomes"))
               for name in one.__slots__)  # fmt: skip


class Nowhere(tzinfo):
    def utcoffset(self, _):
        return None


class NotATime(datetime):
    """Like the NaT of pandas: a datetime that differs from itself."""

    __hash__ = None

    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True


optional = st.none() | st.just(math.nan) | st.text(max_size=5)
stamps = st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("America/New_York"), timezone(timedelta(hours=9))]))
rows = st.fixed_dictionaries(
    {"id": st.text(min_size=1) | st.integers(), "text": st.text(), "published": stamps,
     "outcome": st.integers(0, 10**12) | st.floats(0, 1e12) | st.integers(0, 9).map(np.int64)},
    optional={"title": optional, "page": optional, "type": optional, "language": optional,
              "reach": st.none() | st.just(10**12), "shares": st.integers(0, 9), "clicks": st.none() | st.floats(0, 9)},
)  # fmt: skip


class TestReading:
    def test_hour_and_weekday_are_those_of_the_stamps_own_zone(self):
        row = read_post(post())
        assert (row.hour, row.weekday, row.published) == (21, 5, WHEN.timestamp())

    def test_type_and_language_are_told_apart_without_case_and_region(self):
        row = read_post(post(language="pt_BR"))
        assert (row.type, row.language) == ("photo", "pt")

    def test_only_the_text_is_needed(self):
        row = read_post({"text": ""})
        assert (row.id, row.page, row.hour, row.weekday) == (None, "", -1, -1)
        assert math.isnan(row.published)
        assert math.isnan(row.outcome)

    def test_a_post_of_ours_has_its_briefs_brand_and_language(self):
        brief = Brief(topic="x", brand="Acme", language="es-MX")
        ours = Post(
            id="a", text="Hola", brief=brief, generator="g", seed=None, index=0, trace=Trace(tier="remote", model="m")
        )
        row = read_post(ours)
        assert (row.id, row.text, row.page, row.language, row.type) == ("a", "Hola", "Acme", "es", "")

    @pytest.mark.parametrize("target", [None, "engagement"])
    @pytest.mark.parametrize(("given", "id_type"), [(np.int64(7), int), (np.uint8(7), int), (np.str_("a"), str)])
    def test_ids_of_numpy_are_kept_as_pythons(self, given, id_type, target):
        for row in (read_post(post(id=given), target=target), read_posts([post(id=given)], target=target).row(0)):
            assert row.id == given
            assert type(row.id) is id_type

    def test_posts_without_an_id_have_none(self):
        posts = [post(), {"text": "x"}, post(id=None)]
        assert read_posts(posts).ids == ["1", None, None]
        assert read_posts([post(id=None), post()]).ids == [None, "1"]
        with pytest.raises(PostDataError, match="row 2: id is None"):
            read_posts([post(id=0), post(), post(id=None)], target="engagement")

    @pytest.mark.parametrize("nothing", [None, math.nan, NotATime(2024, 1, 1, tzinfo=UTC)])
    def test_what_a_table_holds_for_no_time(self, nothing):
        for row in (read_post(post(published=nothing)), read_posts([post(published=nothing)]).row(0)):
            assert math.isnan(row.published)
            assert row.hour == -1
        with pytest.raises(PostDataError, match="published is "):
            read_post(post(published=nothing), target="engagement")

    def test_another_target_reads_its_own_key(self):
        assert read_post(post(shares=9), target="shares").outcome == 9

    @given(st.lists(rows, max_size=5))
    def test_many_at_once_are_as_one_by_one(self, posts):
        one_by_one = [read_post(each, target="engagement") for each in posts]
        columns = read_posts(posts, target="engagement")
        assert same(columns, columns_of(one_by_one))
        assert [columns.row(place) for place in range(len(columns))] == one_by_one

    def test_places_can_be_taken_in_any_order(self):
        columns = read_posts([post(id=i, outcome=i) for i in range(4)], target="engagement")
        taken = columns.take([2, 0, 2])
        assert taken.ids == [2, 0, 2]
        assert taken.outcomes.tolist() == [2, 0, 2]


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "names"),
        [
            ({"text": None}, "text"),
            ({"text": b"bytes"}, "text"),
            ({"id": ""}, "id"),
            ({"id": True}, "id"),
            ({"id": 1.5}, "id"),
            ({"title": 3}, "title"),
            ({"language": ["en"]}, "language"),
            ({"published": WHEN.replace(tzinfo=None)}, "published"),
            ({"published": WHEN.replace(tzinfo=Nowhere())}, "published"),
            ({"published": "2024-05-04"}, "published"),
            ({"published": None}, "published"),
            ({"outcome": -1}, "outcome"),
            ({"outcome": math.nan}, "outcome"),
            ({"outcome": math.inf}, "outcome"),
            ({"outcome": 10**400}, "outcome"),
            ({"outcome": True}, "outcome"),
            ({"outcome": "3"}, "outcome"),
            ({"outcome": None}, "outcome"),
            ({"reach": 5, "shares": 6}, "shares"),
            ({"reach": 5, "reactions": 6.5}, "reactions"),
            ({"reach": -1}, "reach"),
            *(({name: bad}, name) for name in COUNTS for bad in (-5, math.nan, math.inf, True, "3", [1])),
            ({"reactions": np.array([1, 2])}, "reactions"),
            ({"outcome": np.array([1, 2])}, "outcome"),
        ],
    )
    def test_the_message_names_row_and_field(self, changes, names):
        with pytest.raises(PostDataError, match=rf"row 1: {names} is "):
            read_posts([post(), post(**changes)], target="engagement")
        with pytest.raises(PostDataError, match=rf"the post: {names} is "):
            read_post(post(**changes), target="engagement")

    @pytest.mark.parametrize("name", COUNTS)
    def test_counts_are_checked_without_a_target_too(self, name):
        with pytest.raises(PostDataError, match=rf"row 1: {name} is -5"):
            read_posts([post(), post(**{name: -5})])
        with pytest.raises(PostDataError, match=rf"that one: {name} is nan"):
            check_counts({name: math.nan}, "that one")
        check_counts({name: None}, "that one")
        check_counts({name: 0}, "that one")

    @pytest.mark.parametrize("bad", [None, "posts", b"x", {"id": 1}, 7])
    def test_what_is_no_collection_of_posts(self, bad):
        with pytest.raises(PostDataError):
            read_posts(bad)

    @pytest.mark.parametrize("bad", [None, "a", 3, ["id"]])
    def test_what_is_no_post(self, bad):
        with pytest.raises(PostDataError, match="a Post or a mapping is needed"):
            read_post(bad)
