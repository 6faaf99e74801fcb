"""Whatever can change an answer changes its key, and nothing else does.

The fields are read from the classes, so that one added later is under test before anybody thinks of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postopt.caching import cache_key
from postopt.caching.keys import ALGORITHM, NOT_IN_KEY
from postopt.errors import BriefError, CacheValueError
from postopt.types import PLATFORMS, TONES, Brief, Prompt

CHOICES = {"tone": TONES, "platform": PLATFORMS, "language": ("en", "es", "es-MX", "pt")}
BOUNDS = {"priority": (0, 7), "max_length": (1, 100_000), "variant": (0, 10**6)}

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6).filter(str.strip)
any_text = st.text(st.characters(), max_size=6)  # lone surrogates too: prompts hold what a caller gave them


def strategy(kind: Any, name: str, hint: Any) -> st.SearchStrategy[Any]:
    """Return values for a field of `Prompt` or `Brief`, by its type."""
    if name in CHOICES:
        return st.sampled_from(CHOICES[name])
    if hint is Brief:
        return briefs
    if type(None) in get_args(hint):
        [inner] = [option for option in get_args(hint) if option is not type(None)]
        return st.none() | strategy(kind, name, inner)
    text = printable if kind is Brief else any_text
    strategies = {
        str: text,
        int: st.integers(*BOUNDS.get(name, (-(2**63), 2**63))),
        float: st.floats(0, 2),
        tuple: st.lists(text, max_size=3).map(tuple),
        Mapping: st.dictionaries(printable, printable, max_size=3),
    }
    return strategies[get_origin(hint) or hint]  # a KeyError is a field of a kind that this test does not know yet


def of(kind: Any) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(kind)
    return {field.name: strategy(kind, field.name, hints[field.name]) for field in fields(kind)}


BRIEF = of(Brief)
briefs = st.builds(Brief, **BRIEF)
PROMPT = of(Prompt)
prompts = st.builds(Prompt, **PROMPT)
FIELDS = [*((Prompt, name) for name in PROMPT), *((Brief, name) for name in BRIEF)]


def with_field(prompt: Prompt, kind: Any, name: str, value: Any) -> Prompt:
    if kind is Prompt:
        return replace(prompt, **{name: value})
    return replace(prompt, brief=replace(prompt.brief, **{name: value}))


def known(prompt: Prompt) -> tuple[Any, ...]:
    """Return all of a prompt that a key has to tell apart, the order of facts included."""

    def told(whole: Any, kind: Any, also: str) -> list[Any]:
        names = [name for name in of(kind) if name not in NOT_IN_KEY[kind] or name == also]
        return [repr(getattr(whole, name)) for name in names if name != "brief"]

    return (*told(prompt, Prompt, "variant"), *told(prompt.brief, Brief, ""))


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
class TestFields:
    @given(data=st.data(), prompt=prompts)
    def test_a_changed_field_changes_the_key_unless_it_is_denied(self, kind, name, data, prompt):
        value = data.draw(of(kind)[name])
        other = with_field(prompt, kind, name, value)
        assume(repr(other) != repr(prompt))
        if name in NOT_IN_KEY[kind] and name != "variant":
            assert cache_key(other) == cache_key(prompt)
        elif name == "brief":
            assert (cache_key(other) == cache_key(prompt)) == (known(other) == known(prompt))
        else:
            assert cache_key(other) != cache_key(prompt)


class TestPairs:
    @given(prompts, prompts)
    def test_two_prompts_share_a_key_only_if_they_ask_the_same(self, one, other):
        assert (cache_key(one) == cache_key(other)) == (known(one) == known(other))

    @given(prompts)
    def test_an_equal_prompt_has_the_same_key(self, prompt):
        again = replace(prompt, brief=Brief.from_mapping(prompt.brief.to_dict()))
        assert cache_key(again) == cache_key(prompt)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"text": "ab", "system": "c"}, {"text": "a", "system": "bc"}),
            ({"text": '","system":"x'}, {"text": "", "system": "x"}),
            ({"model": None}, {"model": "null"}),
            ({"model": None}, {"model": ""}),
            ({"seed": 1}, {"max_tokens": 1}),
            ({"stop": ("a", "b")}, {"stop": ("ab",)}),
            ({"stop": ("a",)}, {"stop": ("a", "")}),
            ({"stop": ("a,b",)}, {"stop": ("a", "b")}),
            ({"temperature": 0.1}, {"temperature": math.nextafter(0.1, 1)}),
            ({"temperature": 0.0}, {"temperature": None}),
            ({"text": "é"}, {"text": "e\u0301"}),
            ({"text": "\ud83d\ude00"}, {"text": "\U0001f600"}),  # two halves, and the whole
            ({"text": "\\ud83d"}, {"text": "\ud83d"}),
            ({"text": "a"}, {"text": "a "}),
            ({"text": "a\x00"}, {"text": "a"}),
            ({"text": "a\n"}, {"text": "a\r\n"}),
        ],
    )
    def test_what_looks_alike_is_told_apart(self, one, other):
        brief = Brief(topic="bread")
        assert cache_key(Prompt(brief=brief, **one)) != cache_key(Prompt(brief=brief, **other))

    def test_the_order_of_facts_and_keywords_matters(self):
        def key(**given):
            return cache_key(Prompt(brief=Brief(topic="bread", **given)))

        assert key(facts={"price": "1", "opens": "7"}) != key(facts={"opens": "7", "price": "1"})
        assert key(facts={"a": "b"}) != key(facts={"b": "a"})
        assert key(keywords=["a", "b"]) != key(keywords=["b", "a"])
        assert key(keywords=["a"]) != key(forbidden=["a"])

    def test_a_field_of_a_subclass_is_covered(self):
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Dated(Brief):
            season: str = ""

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Sampled(Prompt):
            top_k: int = 0

        one, other = (Prompt(brief=Dated(topic="bread", season=season)) for season in ("spring", "autumn"))
        assert cache_key(one) != cache_key(other)
        brief = Brief(topic="bread")
        assert cache_key(Sampled(brief=brief, top_k=1)) != cache_key(Sampled(brief=brief, top_k=2))
        assert cache_key(Sampled(brief=replace(brief, budget=1.0))) == cache_key(Sampled(brief=brief))


class TestForm:
    def test_the_key_says_whose_how_and_which(self):
        key = cache_key(Prompt(brief=Brief(topic="bread"), tenant="ana", variant=3))
        tenant, digest, variant = key.split("/")
        assert (tenant, variant) == ("ana", "3")
        assert digest.startswith(f"{ALGORITHM}:")
        assert len(digest.partition(":")[2]) == 64

    @given(prompts, prompts)
    def test_tenants_never_share(self, one, other):
        assume(one.tenant != other.tenant)
        namespaces = [cache_key(prompt).partition("/")[0] for prompt in (one, replace(one, tenant=other.tenant), other)]
        assert namespaces[1:] == [namespaces[2]] * 2
        assert namespaces[0] != namespaces[1]
        assert all(namespace.isascii() for namespace in namespaces)
        # Not even if somebody took the namespace away.
        assert cache_key(one).partition("/")[2] != cache_key(replace(one, tenant=other.tenant)).partition("/")[2]

    @pytest.mark.parametrize(
        "tenant", ["", "a/b", "a%2Fb", "%", "a/", "/", "..", "ñ", "a\ud800", "a:b", "\x00", "a\nb"]
    )
    def test_no_tenant_looks_like_another_one(self, tenant):
        others = ["", "a", "a/b", "a%2Fb", "a%252Fb", "%25", "a/b/c", "%C3%B1", "n", "..", "a:b"]
        brief = Brief(topic="bread")
        keys = {cache_key(Prompt(brief=brief, tenant=name)) for name in {*others, tenant}}
        assert len({key.partition("/")[0] for key in keys}) == len(keys) == len({*others, tenant})
        assert {key.count("/") for key in keys} == {2}

    def test_a_long_prompt_has_a_short_key(self):
        brief, long = Brief(topic="bread"), "\ud800ñ" * 2**20
        keys = {cache_key(Prompt(brief=brief, text=text)) for text in (long, long + " ", " " + long, long[:-1])}
        assert len(keys) == 4
        assert {len(key) for key in keys} == {len(cache_key(Prompt(brief=brief)))}

    def test_variants_of_a_prompt_share_all_but_the_end(self):
        keys = [cache_key(Prompt(brief=Brief(topic="bread"), variant=variant)) for variant in range(12)]
        assert len(set(keys)) == 12
        assert {key.rpartition("/")[0] for key in keys} == {keys[0].rpartition("/")[0]}


class TestBesideThePrompt:
    def test_generator_and_extra_matter(self):
        prompt = Prompt(brief=Brief(topic="bread"))
        asked = [
            {},
            {"generator": "a"},
            {"generator": "b"},
            {"extra": {"revision": 1}},
            {"extra": {"revision": 1.0}},
            {"extra": {"revision": True}},
            {"extra": {"revision": "1"}},
            {"extra": {"revision": None}},
            {"extra": {"revision": [1]}},
            {"extra": {"revision": {"a": 1}}},
            {"extra": {"generator": "a"}},
            {"extra": {"revision": -0.0}},
            {"extra": {"revision": "\ud83d\ude00"}},
            {"extra": {"revision": "\U0001f600"}},
        ]
        assert len({cache_key(prompt, **given) for given in asked}) == len(asked)

    def test_the_order_of_extra_does_not(self):
        prompt = Prompt(brief=Brief(topic="bread"))
        one = cache_key(prompt, extra={"a": {"x": 1, "y": 2}, "b": 2})
        assert one == cache_key(prompt, extra=MappingProxyType({"b": 2, "a": {"y": 2, "x": 1}}))
        assert cache_key(prompt) == cache_key(prompt, extra={}) == cache_key(prompt, extra=None)

    def test_extra_may_be_as_deep_as_what_is_cached(self):
        nested: Any = 1
        for _ in range(253):
            nested = [nested]
        assert cache_key(Prompt(brief=Brief(topic="bread")), extra={"nested": nested})


def deep(levels, around=lambda inner: [inner]):
    nested = 1
    for _ in range(levels):
        nested = around(nested)
    return nested


def circle(kind):
    whole = kind()
    inner = [whole]
    if kind is dict:
        whole["inner"] = inner
    else:
        whole.append(inner)
    return whole


class TestWhatHasNoKey:
    @pytest.mark.parametrize(
        "value",
        [
            math.nan, math.inf, -math.inf, b"bytes", bytearray(b"x"), {1: 2}, {None: 1}, {True: 1}, {"a": {2.5: 1}},
            {("a",): 1}, {1, 2}, object(), 1j, MappingProxyType({"a": 1}), 2**64, Brief(topic="bread"), circle(dict),
            circle(list), deep(255), deep(10_000), deep(10_000, lambda inner: {"a": inner}), deep(50_000),
            deep(10_000, lambda inner: (inner,)), dataclasses.field, Ellipsis,
        ],
        ids=lambda value: type(value).__name__,
    )  # fmt: skip
    def test_extra_that_is_not_json(self, value):
        with pytest.raises(CacheValueError, match="this prompt has no key"):
            cache_key(Prompt(brief=Brief(topic="bread")), extra={"value": value})

    @pytest.mark.parametrize("extra", [[1], ["ab"], "text", b"bytes", 1, {1: 2}, [("a", 1)], {"a"}], ids=repr)
    def test_extra_that_is_no_mapping_of_texts(self, extra):
        with pytest.raises(CacheValueError, match="extra has to map texts"):
            cache_key(Prompt(brief=Brief(topic="bread")), extra=extra)

    @pytest.mark.parametrize(
        "field",
        [
            {"temperature": math.nan}, {"top_p": math.inf}, {"text": b"bytes"}, {"tenant": None}, {"tenant": b"a"},
            {"tenant": 1}, {"model": object()}, {"stop": {"a"}}, {"seed": 1j}, {"variant": 10**5000},
            {"seed": 10**5000}, {"stop": deep(10_000)}, {"stop": circle(list)},
        ],
        ids=lambda field: next(iter(field)),
    )  # fmt: skip
    def test_a_prompt_whose_fields_are_not_json(self, field):
        with pytest.raises(CacheValueError, match="this prompt has no key"):
            cache_key(Prompt(brief=Brief(topic="bread"), **field))

    def test_a_brief_holds_no_such_thing(self):
        with pytest.raises(BriefError):
            Brief(topic="\ud83d\ude00")


def test_the_form_is_pinned():
    """Made by hand: whoever changes the form changes the name of the algorithm too."""
    prompt = Prompt(brief=Brief(topic="Brot für 2 €", facts={"z": "1", "a": "2"}), temperature=0.5, stop=("\ud800",))
    digested = (
        '{"extra":{"r":[1,null]},"generator":"g","prompt":{'
        '"brief":{"audience":"","brand":null,"call_to_action":null,"facts":[["z","1"],["a","2"]],"forbidden":[],'
        '"keywords":[],"language":"en","max_length":null,"platform":"facebook","tone":"professional",'
        '"topic":"Brot für 2 €"},'
        '"max_tokens":null,"model":null,"seed":null,"stop":["\ud800"],"system":"","temperature":0.5,"tenant":"",'
        '"text":"","top_p":null}}'
    )
    digest = hashlib.sha256(digested.encode("utf-8", "surrogatepass")).hexdigest()
    assert cache_key(prompt, generator="g", extra={"r": (1, None)}) == f"/sha256.1:{digest}/0"


def test_no_process_makes_another_key():
    """Whatever its hashes, its locale, and the libraries that it has."""
    brief = Brief(topic="2 €", facts={"b": "1", "a": "2"})
    script = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]));"
        "from postopt import Brief; from postopt.types import Prompt; from postopt.caching import cache_key;"
        "print(cache_key(Prompt(brief=Brief(topic='2 \\u20ac', facts=dict(b='1', a='2'))), extra=dict(y=1, x=[])))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script, *hidden],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C"},
            capture_output=True,
            check=True,
        ).stdout
        for seed, hidden in (("1", []), ("2", ["orjson", "msgspec", "xxhash", "blake3", "numpy"]))
    }
    assert printed == {f"{cache_key(Prompt(brief=brief), extra={'x': [], 'y': 1})}\n".encode()}
