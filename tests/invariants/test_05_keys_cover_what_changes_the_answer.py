"""5. A cache key covers everything that can change the answer: any changed field changes it. Tenants never share."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace

import pytest

from postopt import Brief, Prompt
from postopt.caching import MemoryStore, TieredCache, cache_key
from postopt.caching.keys import NOT_IN_KEY
from postopt.generation.wrappers import Cached
from postopt.testing import ScriptedGenerator

BRIEF = Brief(topic="bread", facts={"price": "$3.50", "opens": "7:30"}, keywords=("fresh", "warm"))
PROMPT = Prompt(brief=BRIEF, text="Write.")
# Another value for each field; a field that comes later has none here, and fails until somebody thinks of it.
OTHER = {
    Prompt: {
        "brief": replace(BRIEF, topic="cake"),
        "variant": 1,
        "text": "Rewrite.",
        "system": "You are brief.",
        "tenant": "another",
        "model": "large",
        "seed": 5,
        "temperature": 0.25,
        "top_p": 0.5,
        "max_tokens": 7,
        "stop": ("END",),
    },
    Brief: {
        "topic": "cake",
        "audience": "friends",
        "tone": "urgent",
        "language": "es",
        "platform": "linkedin",
        "call_to_action": "Come in",
        "keywords": ("warm", "fresh"),
        "facts": {"opens": "7:30", "price": "$3.50"},  # in another order, in which a post may name them
        "brand": "Baker's",
        "forbidden": ("cheap",),
        "max_length": 100,
        "priority": 0,
        "budget": 0.5,
    },
}
FIELDS = [(kind, field.name) for kind in OTHER for field in fields(kind)]


def changed(kind, name):
    other = {name: OTHER[kind][name]}
    return replace(PROMPT, **other) if kind is Prompt else replace(PROMPT, brief=replace(BRIEF, **other))


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_what_was_kept_answers_no_other_prompt(kind, name):
    """The cache asks the generator again if any field has changed, but for those that say when and at what price."""
    first, second = (f"{which}: from $3.50, 7:30" for which in ("First", "Second"))  # what keeps the facts is kept
    asked = ScriptedGenerator([first, second])
    generator = Cached(asked, TieredCache(MemoryStore()))

    async def ask():
        return [(await generator.generate(prompt)).text for prompt in (PROMPT, PROMPT, changed(kind, name))]

    denied = name in NOT_IN_KEY[kind] and name != "variant"
    assert asyncio.run(ask()) == [first, first, first if denied else second]


def test_the_deny_list_is_short_and_known():
    assert NOT_IN_KEY[Brief] == {"priority", "budget"}
    assert NOT_IN_KEY[Prompt] == {"variant"}  # which stands behind the digest instead


def test_tenants_share_nothing_even_under_names_made_to_collide():
    names = ["", "a", "a/b", "a%2Fb", "a/sha256.1:0/0", "ä", "a\N{COMBINING DIAERESIS}", "\ud800", "A"]
    keys = [cache_key(replace(PROMPT, tenant=name)) for name in names]
    assert len({key.partition("/")[0] for key in keys}) == len({key.split(":")[1] for key in keys}) == len(names)
    assert {key.count("/") for key in keys} == {2}
