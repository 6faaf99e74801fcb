import pytest

from postopt.generation.remote.schema import breaks, check_schema


@pytest.mark.parametrize(
    ("value", "schema", "problem"),
    [
        ({}, {}, None),
        ({}, True, None),
        ({}, False, "may not be there"),
        ("x", {"type": "string"}, None),
        (1, {"type": "string"}, "not of type string"),
        (1, {"type": ["string", "integer"]}, None),
        (1.0, {"type": "integer"}, None),
        (1.5, {"type": "integer"}, "not of type integer"),
        (True, {"type": "integer"}, "not of type integer"),
        (True, {"type": "boolean"}, None),
        (None, {"type": "null"}, None),
        (1, {"type": "number"}, None),
        (1, {"type": "unheard of"}, "not of type"),
        ("b", {"enum": ["a", "b"]}, None),
        ("c", {"enum": ["a", "b"]}, "none of the values"),
        (True, {"enum": [1]}, "none of the values"),
        (1, {"const": 1}, None),
        (2, {"const": 1}, "not the value"),
        (1, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, None),
        (None, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "none of the forms"),
        ("abc", {"minLength": 3, "maxLength": 3}, None),
        ("abc", {"minLength": 4}, "less than 4 characters"),
        ("abc", {"maxLength": 2}, "more than 2 characters"),
        ([1], {"minItems": 2}, "less than 2 items"),
        ([1], {"maxItems": 0}, "more than 0 items"),
        (1, {"minimum": 2}, "less than 2"),
        (1, {"maximum": 0}, "more than 0"),
        ({"a": 1}, {"required": ["b"]}, "lacks 'b'"),
        ({"a": 1}, {"properties": {"a": {"type": "string"}}}, "answer.a is not"),
        ({"a": 1}, {"additionalProperties": False}, "not allowed"),
        ({"a": 1}, {"additionalProperties": {"type": "string"}}, "a member of the answer is not"),
        ([[1, "x"]], {"items": {"items": {"type": "integer"}}}, "answer[0][1] is not"),
        ({"a": 1}, {"patternProperties": {"a": False}}, None),
    ],
)
def test_what_breaks_a_schema(value, schema, problem):
    found = list(breaks(value, schema))
    assert (found == []) if problem is None else (problem in found[0])


@pytest.mark.parametrize(
    "schema",
    [5, None, ["object"], {"type": 5}, {"type": "text"}, {"type": ["string", 5]}, {"enum": "a"}, {"required": [1]},
     {"required": "a"}, {"properties": []}, {"minLength": "1"}, {"maximum": True}, {"anyOf": {}},
     {"anyOf": [{}, {"type": 5}]}, {"items": {"items": {"type": 5}}}, {"additionalProperties": 5},
     {"properties": {"a": {"type": 5}}}],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_its_place(schema):
    with pytest.raises(ValueError, match=r"^schema"):
        check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [True, {}, {"type": ["string", "null"], "minLength": 1.0}, {"items": True, "additionalProperties": False},
     {"properties": {"a": {"anyOf": [{"const": 5}, False]}}, "required": ["a"], "$defs": 5}],
)  # fmt: skip
def test_a_schema_is_accepted(schema):
    check_schema(schema)
