"""16. Facts given in a brief appear unchanged in every post, or the post is rejected."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from postopt import Brief
from postopt.generation.templates import TemplateGenerator
from postopt.testing import FaultPlan
from postopt.types import TONES
from postopt.writer import PostWriter

# What real facts look like, and what tries to break out of a template.
VALUES = st.one_of(
    st.sampled_from(
        ["€3.50", "24/12/2026", "https://example.com/a?b=c&d", "Zoë O'Hara", "50 % off", "{topic}", "%s", "<b>"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).filter(str.strip),
)
NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=10)
BRIEFS = st.builds(
    Brief,
    topic=st.sampled_from(["our new bakery", "nuestra panadería"]),
    language=st.sampled_from(["en", "es"]),
    tone=st.sampled_from(TONES),
    facts=st.dictionaries(NAMES, VALUES, max_size=4),
    max_length=st.none() | st.integers(40, 600),
)


def write(generator, brief, n):
    return asyncio.run(PostWriter(generator).write(brief, n))


@settings(max_examples=100, deadline=None)
@given(brief=BRIEFS, seed=st.integers(0, 2**32))
def test_every_template_post_holds_every_fact(brief, seed):
    posts = write(TemplateGenerator(seed=seed), brief, 2)
    assert len(posts) + len(posts.rejections) == 2
    for post in posts:
        assert [value for value in brief.facts.values() if value not in post.text] == []
    for rejection in posts.rejections:
        assert rejection.reasons


def test_a_generator_that_alters_facts_is_not_let_through():
    brief = Brief(topic="our new bakery", facts={"price": "€3.50", "opens": "7:30"})
    generator = FaultPlan(TemplateGenerator(seed=3), ["wrong_facts", "ok", "wrong_facts"])
    posts = write(generator, brief, 3)
    assert [post.index for post in posts] == [1]
    assert [rejection.variant for rejection in posts.rejections] == [0, 2]
