"""Whether a JSON value keeps a schema, as far as answers of a model need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from postopt.errors import shown

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def breaks(value: Any, schema: Any, place: str = "the answer") -> Iterator[str]:
    """Yield how a decoded value breaks a JSON schema, a sentence each, naming places and quoting no text.

    Checked are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `minItems`,
    `maxItems`, `minLength`, `maxLength`, `minimum`, `maximum` and `anyOf`: what servers with structured output accept.
    Other keywords are the server's to keep; they are not checked here.
    """
    if schema is False:
        yield f"{place} may not be there"
    if not isinstance(schema, Mapping):
        return
    kinds = schema.get("type")
    if kinds is not None and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{place} is not of type {kinds}"
        return
    if "enum" in schema and not any(_equal(value, allowed) for allowed in schema["enum"]):
        yield f"{place} is none of the values allowed"
    if "const" in schema and not _equal(value, schema["const"]):
        yield f"{place} is not the value asked for"
    if "anyOf" in schema and all(next(breaks(value, choice, place), None) for choice in schema["anyOf"]):
        yield f"{place} is none of the forms allowed"
    yield from _bounds(value, schema, place)
    if isinstance(value, dict):
        yield from _members(value, schema, place)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from breaks(item, schema["items"], f"{place}[{index}]")


def _members(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place} lacks {name!r}"
    others = schema.get("additionalProperties", True)
    for name, member in value.items():
        if name in properties:
            yield from breaks(member, properties[name], f"{place}.{name}")
        elif others is False:
            yield f"{place} has a member that is not allowed"
        else:
            yield from breaks(member, others, f"a member of {place}")


def _bounds(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    size: float
    if isinstance(value, str):
        size, low, high, what = len(value), schema.get("minLength"), schema.get("maxLength"), "characters"
    elif isinstance(value, list):
        size, low, high, what = len(value), schema.get("minItems"), schema.get("maxItems"), "items"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size, low, high, what = value, schema.get("minimum"), schema.get("maximum"), ""
    else:
        return
    if low is not None and size < low:
        yield f"{place} is less than {low} {what}".rstrip()
    if high is not None and size > high:
        yield f"{place} is more than {high} {what}".rstrip()


def _is(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return bool(kind == "boolean")
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))


def _equal(value: Any, other: Any) -> bool:
    """JSON's equality: true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def check_schema(schema: Any, place: str = "schema") -> None:
    """Refuse what is no JSON schema in a keyword that `breaks` reads, so that no answer that was paid for meets it.

    Raises:
        ValueError: names the place.
    """
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise ValueError(f"{place} is {shown(schema)}; a JSON schema, which is a mapping, is needed")  # noqa: TRY004
    for keyword, (holds, what) in _FORMS.items():
        if keyword in schema and not holds(schema[keyword]):
            raise ValueError(f"{place}.{keyword} is {shown(schema[keyword])}; {what} is needed")
    for name, inner in schema.get("properties", {}).items():
        check_schema(inner, f"{place}.properties.{name}")
    for index, inner in enumerate(schema.get("anyOf", ())):
        check_schema(inner, f"{place}.anyOf[{index}]")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            check_schema(schema[keyword], f"{place}.{keyword}")


def _is_type(value: Any) -> bool:
    kinds = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(kind, str) and kind in _TYPES for kind in kinds)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_is_type, "the name of a JSON type, or a list of them,"),
    "enum": (_is_list, "a list"),
    "anyOf": (_is_list, "a list"),
    "required": (lambda value: _is_list(value) and all(isinstance(name, str) for name in value), "a list of names"),
    "properties": (lambda value: isinstance(value, Mapping), "a mapping"),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"), (_is_number, "a number")),
}
