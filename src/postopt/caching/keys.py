"""Keys that change with everything that can change the answer.

A field that somebody forgot to put into a key is the classic wrong hit, so nothing is put in here by name: a key is
made from every field of a prompt and its brief, those added in later versions too, but for a short deny-list. The
digest is SHA-256 of canonical JSON, both from the standard library and our own code, so neither what is installed nor
the version of Python changes a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias
from urllib.parse import quote

from postopt.backends.json import canonical
from postopt.caching.base import Key
from postopt.errors import CacheValueError
from postopt.types import Brief, Prompt

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"

ALGORITHM = "sha256.1"
"""Names the digest and the form of what is digested; a change of either is a change of this name."""

NOT_IN_KEY = {Prompt: {"variant"}, Brief: {"priority", "budget"}}
"""What no key covers: how urgent an answer is and what it may cost, which change when it comes but not what it says;
and the variant, which stands behind the digest in the clear."""


def cache_key(prompt: Prompt, *, generator: str = "", extra: Mapping[str, JSONValue] | None = None) -> Key:
    """Return the key of a prompt's answer: `tenant/algorithm:digest/variant`.

    Two prompts share a key only if every field is equal but those of `NOT_IN_KEY`; so do two requests that differ in
    `generator` or `extra`. The tenant is part of the digest as well as the namespace in front of it (percent-encoded).

    Args:
        prompt: what is asked.
        generator: who is asked, if more than one generator shares a cache.
        extra: whatever else can change the answer and is no field of the prompt, such as the version of a model or
            the address of an endpoint.

    Raises:
        CacheValueError: a field or `extra` holds what JSON cannot (NaN, bytes, lone surrogates).
    """
    request = {"prompt": _plain(prompt), "generator": generator, "extra": dict(extra or {})}
    try:
        digest = hashlib.sha256(canonical(request)).hexdigest()
    except TypeError as error:
        raise CacheValueError(f"this prompt has no key: {error}") from error
    return f"{quote(prompt.tenant, safe='')}/{ALGORITHM}:{digest}/{prompt.variant}"


def _plain(value: Any) -> Any:
    """Return a prompt or brief as what JSON holds; mappings as pairs, because the order of facts changes a post."""
    kind = type(value)
    if kind in NOT_IN_KEY:
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in NOT_IN_KEY[kind]}
    if isinstance(value, Mapping):
        return [[name, _plain(member)] for name, member in value.items()]
    return value
