"""Briefs are checked where they enter; all nouns are immutable and survive copying."""

import copy
import json
import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import BriefError
from postopt.types import (
    MAX_ITEMS,
    MAX_TEXT,
    PLATFORMS,
    TONES,
    Brief,
    Completion,
    Facts,
    Post,
    Posts,
    Prompt,
    Rejection,
    Trace,
    Usage,
)

allowed_text = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t\r{}<>%$'\"\\é🥐\u202e"), max_size=40
)
filled_text = allowed_text.filter(str.strip)

briefs = st.builds(
    Brief,
    topic=filled_text,
    audience=allowed_text,
    tone=st.sampled_from(TONES),
    language=st.sampled_from(["en", "es", "es-MX", "pt-BR", "zh-Hant-TW"]),
    platform=st.sampled_from(PLATFORMS),
    call_to_action=st.none() | filled_text,
    keywords=st.lists(filled_text, max_size=4),
    facts=st.dictionaries(filled_text, filled_text, max_size=4),
    brand=st.none() | filled_text,
    forbidden=st.lists(filled_text, max_size=4).map(tuple),
    max_length=st.none() | st.integers(1, 100_000),
    priority=st.integers(0, 7),
    budget=st.none() | st.floats(0, 1e9) | st.integers(0, 10**9),
)


@given(briefs)
def test_a_brief_goes_through_json_and_back(brief):
    data = json.loads(json.dumps(brief.to_dict()))
    again = Brief.from_mapping(data)
    assert again == brief
    assert hash(again) == hash(brief)
    assert list(again.facts) == list(brief.facts)
    assert again.to_dict() == brief.to_dict()


@given(briefs)
def test_a_brief_can_be_copied_and_pickled(brief):
    assert pickle.loads(pickle.dumps(brief)) == brief
    assert copy.deepcopy(brief) == brief
    assert replace(brief) == brief


def test_a_brief_needs_only_a_topic():
    brief = Brief(topic="fresh bread")
    assert Brief.from_mapping({"topic": "fresh bread"}) == brief
    assert set(brief.to_dict()) == {field.name for field in fields(Brief)}


LONG = "x" * (MAX_TEXT + 1)
BAD = [
    ("topic", "", "a non-blank text"),
    ("topic", " \n\t", "a non-blank text"),
    ("topic", None, "a non-blank text"),
    ("topic", 3, "a non-blank text"),
    ("topic", b"bread", "a non-blank text"),
    ("topic", LONG, f"at most {MAX_TEXT} characters, got {MAX_TEXT + 1}"),
    ("topic", "bread\x00", "control characters"),
    ("topic", "bread\x1b[31m", "control characters"),
    ("topic", "bread\x7f", "control characters"),
    ("topic", "bread\x9b31m", "control characters"),
    ("topic", "bread\ud800", "lone surrogates"),
    ("audience", None, "a text"),
    ("audience", LONG, "at most"),
    ("call_to_action", "", "a non-blank text"),
    ("call_to_action", 7, "a non-blank text"),
    ("brand", " ", "a non-blank text"),
    ("tone", "loud", "professional, urgent"),
    ("tone", None, "professional, urgent"),
    ("tone", ["urgent"], "professional, urgent"),
    ("platform", "myspace", "facebook, facebook_ad"),
    ("language", "English", "a language tag"),
    ("language", "", "a language tag"),
    ("language", "es_MX", "a language tag"),
    ("language", "en\n", "a language tag"),
    ("language", None, "a language tag"),
    ("keywords", "bread", "a list of texts"),
    ("keywords", None, "a list of texts"),
    ("keywords", {"bread"}, "a list of texts"),
    ("keywords", ["x"] * (MAX_ITEMS + 1), f"at most {MAX_ITEMS} items"),
    ("forbidden", "bread", "a list of texts"),
    ("facts", [("price", "$3")], "an object"),
    ("facts", None, "an object"),
    ("facts", {str(n): "x" for n in range(MAX_ITEMS + 1)}, f"at most {MAX_ITEMS} items"),
    ("max_length", 0, "a whole number from 1"),
    ("max_length", 100_001, "to 100000"),
    ("max_length", 280.0, "a whole number"),
    ("max_length", "280", "a whole number"),
    ("max_length", True, "a whole number"),
    ("priority", -1, "a whole number from 0 to 7"),
    ("priority", 8, "a whole number from 0 to 7"),
    ("priority", None, "a whole number from 0 to 7"),
    ("priority", False, "a whole number from 0 to 7"),
    ("priority", 10**5000, "a whole number from 0 to 7"),
    ("budget", -0.01, "US dollars, zero or more"),
    ("budget", float("nan"), "US dollars"),
    ("budget", float("inf"), "US dollars"),
    ("budget", "5", "US dollars"),
    ("budget", True, "US dollars"),
]


@pytest.mark.parametrize(("field", "value", "allowed"), BAD, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(BAD)])
def test_a_bad_value_is_named_with_what_is_allowed(field, value, allowed):
    data = {"topic": "fresh bread", field: value}
    for make in (lambda: Brief(**data), lambda: Brief.from_mapping(data)):
        with pytest.raises(BriefError) as caught:
            make()
        assert caught.value.field == field
        assert caught.value.value is value
        assert allowed in caught.value.allowed
        assert f"brief.{field} is " in str(caught.value)


def test_every_field_has_a_bad_value_above():
    assert {name for name, _, _ in BAD} == {field.name for field in fields(Brief)}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"topic": "bread", "keywords": ["ok", ""]}, "keywords[1]"),
        ({"topic": "bread", "keywords": ["ok", 5]}, "keywords[1]"),
        ({"topic": "bread", "keywords": b"ok"}, "keywords[0]"),
        ({"topic": "bread", "forbidden": [None]}, "forbidden[0]"),
        ({"topic": "bread", "facts": {"price": 3.5}}, "facts['price']"),
        ({"topic": "bread", "facts": {"price": ""}}, "facts['price']"),
        ({"topic": "bread", "facts": {"": "$3"}}, "facts (name)"),
        ({"topic": "bread", "facts": {3: "$3"}}, "facts (name)"),
        ({"topic": "bread", "colour": "red"}, "colour"),
        ({"topic": "bread", 3: "red"}, "3"),
        ({}, "topic"),
        ({"tone": "urgent"}, "topic"),
        (["topic"], "*"),
        (None, "*"),
        ("topic", "*"),
    ],
)
def test_a_bad_item_or_mapping_is_named(data, field):
    with pytest.raises(BriefError) as caught:
        Brief.from_mapping(data)
    assert caught.value.field == field


@pytest.mark.parametrize("budget", [0, 0.0, 5, 2.5])
def test_money_may_be_nothing_or_whole(budget):
    assert Brief(topic="bread", budget=budget).budget == budget


def test_lists_become_tuples_so_that_the_brief_can_be_shared():
    keywords, facts = ["bread"], {"price": "$3"}
    brief = Brief(topic="bread", keywords=keywords, facts=facts)
    keywords.append("rolls")
    facts["price"] = "$4"
    assert brief.keywords == ("bread",)
    assert brief.facts == {"price": "$3"}


NOUNS = [
    Brief(topic="bread", facts={"price": "$3"}),
    Prompt(brief=Brief(topic="bread")),
    Usage(input_tokens=3),
    Trace(tier="template", model="en"),
    Completion(text="Bread!", generator="templates", trace=Trace(tier="template", model="en")),
    Post(
        id="p1",
        text="Bread!",
        brief=Brief(topic="bread"),
        generator="templates",
        seed=7,
        index=0,
        trace=Trace(tier="template", model="en"),
    ),
    Rejection(variant=1, reasons=("too long",)),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
class TestNoun:
    def test_is_frozen_and_slotted(self, noun):
        name = fields(noun)[0].name
        with pytest.raises(FrozenInstanceError):
            setattr(noun, name, None)
        assert not hasattr(noun, "__dict__")

    def test_is_hashable_and_survives_copying(self, noun):
        assert len({noun, pickle.loads(pickle.dumps(noun)), copy.deepcopy(noun)}) == 1

    def test_is_built_by_keyword_only(self, noun):
        with pytest.raises(TypeError):
            type(noun)("bread")


def test_variants_count_from_zero():
    with pytest.raises(ValueError, match="variant is -1"):
        Prompt(brief=Brief(topic="bread"), variant=-1)


class TestFacts:
    @given(st.dictionaries(st.text(), st.text()))
    def test_equals_hashes_and_iterates_like_its_items(self, items):
        facts = Facts(items)
        assert facts == items
        assert list(facts.items()) == list(items.items())
        assert len(facts) == len(items)
        turned = Facts(dict(reversed(items.items())))
        assert turned == facts
        assert hash(turned) == hash(facts)
        assert repr(facts) == repr(items)

    def test_pickles_and_copies(self):
        facts = Facts({"price": "$3", "since": "1998"})
        for again in (pickle.loads(pickle.dumps(facts)), copy.copy(facts), copy.deepcopy(facts)):
            assert again == facts
            assert list(again) == list(facts)

    def test_cannot_be_changed(self):
        source = {"price": "$3"}
        facts = Facts(source)
        source["price"] = "$4"
        assert facts["price"] == "$3"
        with pytest.raises(TypeError):
            facts["price"] = "$4"
        with pytest.raises(TypeError):
            del facts["price"]
        with pytest.raises(AttributeError):
            facts.price = "$4"


class TestPosts:
    def make(self, count=3):
        brief = Brief(topic="bread")
        trace = Trace(tier="template", model="en")
        return brief, [
            Post(id=str(n), text=f"Bread {n}", brief=brief, generator="t", seed=None, index=n, trace=trace)
            for n in range(count)
        ]

    def test_is_a_sequence_of_its_posts(self):
        brief, items = self.make()
        posts = Posts(brief, items, [Rejection(variant=3, reasons=("too long",))])
        assert isinstance(posts, Sequence)
        assert list(posts) == items
        assert list(reversed(posts)) == items[::-1]
        assert (posts[0], posts[-1]) == (items[0], items[-1])
        assert posts[1:] == tuple(items[1:])
        assert items[1] in posts
        assert (posts.index(items[2]), posts.count(items[2])) == (2, 1)
        assert posts.rejections == (Rejection(variant=3, reasons=("too long",)),)
        assert posts.brief is brief
        with pytest.raises(IndexError):
            posts[3]

    def test_keeps_no_hold_on_the_callers_lists(self):
        brief, items = self.make()
        posts = Posts(brief, items)
        items.clear()
        assert len(posts) == 3

    def test_may_be_empty_and_is_then_false(self):
        posts = Posts(Brief(topic="bread"), [])
        assert not posts
        assert list(posts) == []

    def test_repr_counts_and_shows_no_post(self):
        brief, items = self.make()
        assert repr(Posts(brief, items)) == "Posts(3 written, 0 rejected, topic='bread')"
