"""2. What is installed never changes a persisted byte or a cache key."""

from __future__ import annotations

from postopt._optional import _INSTALL

# None in place of a module makes its import fail, as if it were not installed.
HIDE = f"import sys; sys.modules.update(dict.fromkeys({sorted(_INSTALL)!r}))\n"

PERSIST = """
import asyncio, hashlib, json
from postopt import Brief, Prompt
from postopt.backends.json import canonical
from postopt.caching import Codec, Entry, cache_key
from postopt.generation.templates import TemplateGenerator
from postopt.writer import PostWriter

value = {"b": [1, 2.5, -0.0, 1e22, True, None], "a": "ñ 🙂 \\u2028", "nested": {"z": {}, "y": []}}
value |= {"\\U0001f600": 1, "\\uffee": 2}  # code points and UTF-16 units sort these two differently
brief = Brief(topic="a new bakery", facts={"price": "€3.50", "opens": "7:30"}, keywords=("bread",))
posts = asyncio.run(PostWriter(TemplateGenerator(seed=5)).write(brief, n=4))
print(json.dumps({
    "canonical": hashlib.sha256(canonical(value)).hexdigest(),
    "brief": hashlib.sha256(canonical(brief.to_dict())).hexdigest(),
    "ids": [post.id for post in posts],
    "texts": [post.text for post in posts],
    "grammar": posts[0].trace.model,
    "key": cache_key(Prompt(brief=brief, tenant="ñ", temperature=0.5), generator="remote", extra=value),
    "entry": Codec().encode(Entry(value=[value] * 40, cost=0.5, tags=("a", "b"), expires_at=1.8e9)).hex(),
}))
"""


def test_a_bare_and_a_full_installation_persist_the_same(run_python):
    full = run_python(PERSIST)
    assert len(set(full["ids"])) == 4
    assert run_python(HIDE + PERSIST) == full


def test_hash_randomization_changes_nothing(run_python):
    assert run_python(PERSIST, PYTHONHASHSEED="1") == run_python(PERSIST, PYTHONHASHSEED="2")


def test_the_canonical_form_is_pinned(run_python):
    """The digest holds in every installation and every version: to change it is to void all ids and cache keys."""
    digest = run_python(PERSIST)["canonical"]
    assert digest == "3bcae52d0894d836fb509e045322ec63cdf88e1a926a9c9714889d05a9041998"
