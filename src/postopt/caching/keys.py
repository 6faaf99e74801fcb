"""Keys that change with everything that can change the answer.

A field that somebody forgot to put into a key is the classic wrong hit, so nothing is put in here by name: a key is
made from every field of a prompt and its brief, those added in later versions too, but for a short deny-list. What is
digested is JSON by the standard library, in one form (sorted keys, UTF-8), and the digest is SHA-256, so neither what
is installed nor the version of Python changes a key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias
from urllib.parse import quote

from postopt.backends.strict import is_plain
from postopt.caching.base import Key
from postopt.errors import CacheValueError
from postopt.types import Brief, Facts, Prompt

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
        CacheValueError: a field or `extra` holds what JSON cannot: NaN, bytes, keys that are no text, ...; or `extra`
            is nested more than 254 levels deep.
    """
    try:
        # Brief and facts here, and not by `default`, which takes as long as all the rest.
        asked = _plain(prompt)
        asked["brief"] = brief = _plain(prompt.brief)
        brief["facts"] = _plain(prompt.brief.facts)
        request = _encode({"prompt": asked, "generator": generator, "extra": _checked(extra)})
        namespace = quote(prompt.tenant, safe="", errors="surrogatepass")
        variant = str(prompt.variant)
    except (TypeError, ValueError, RecursionError) as error:
        raise CacheValueError(f"this prompt has no key: {error}") from error
    # surrogatepass: half a surrogate pair is no valid text, and two of them are still not the text that a pair is.
    digest = hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{namespace}/{ALGORITHM}:{digest}/{variant}"


def _plain(value: object) -> Any:
    """Return what JSON has no form for in one that it has; facts as pairs, because their order changes a post."""
    if isinstance(value, Prompt | Brief):
        return {name: getattr(value, name) for name in _covered(type(value))}
    if isinstance(value, Facts):
        return list(value.items())
    raise TypeError(f"a {type(value).__name__} is not JSON")


_names: dict[type, tuple[str, ...]] = {}


def _covered(kind: type[Prompt | Brief]) -> tuple[str, ...]:
    names = _names.get(kind)
    if names is None:
        denied = NOT_IN_KEY[Prompt if issubclass(kind, Prompt) else Brief]
        names = _names[kind] = tuple(field.name for field in fields(kind) if field.name not in denied)
    return names


_encode = json.JSONEncoder(
    ensure_ascii=False,
    sort_keys=True,
    allow_nan=False,
    separators=(",", ":"),
    default=_plain,
    check_circular=False,  # `extra` is 254 levels deep at most, and a prompt holds itself nowhere
).encode


def _checked(extra: object) -> dict[str, JSONValue]:
    """Return `extra` as a dict; raises TypeError for what the encoder would write like something else."""
    if extra is None:
        return {}
    if not isinstance(extra, Mapping) or not is_plain(plain := dict(extra)):
        raise TypeError("extra has to map texts to JSON's types, with texts as keys and integers of 64 bits throughout")
    return plain
