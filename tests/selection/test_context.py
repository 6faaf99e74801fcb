"""What is read of a context."""

from types import MappingProxyType

import pytest

from postopt.selection.candidate import ANSWER_TOKENS
from postopt.selection.context import cell_json, cell_of, cell_words, read
from postopt.types import Brief


class TestCell:
    def test_short_texts_and_bools_are_coordinates_in_the_order_of_their_names(self):
        reading = read({"tone": "friendly", "task": "ad", "urgent": True, "text": "Shoes"})
        assert reading.cell == (("task", "ad"), ("tone", "friendly"), ("urgent", "True"))
        assert reading.text == "Shoes"

    def test_the_order_of_the_mapping_does_not_matter(self):
        assert read({"b": "2", "a": "1"}).cell == read({"a": "1", "b": "2"}).cell

    def test_an_int_counts_as_the_text_that_it_prints(self):
        assert read({"task": 5}) == read({"task": "5"})

    def test_none_is_as_if_the_key_were_not_there(self):
        assert read({"task": "ad", "tone": None}) == read({"task": "ad"})

    def test_lengths_are_alike_within_a_power_of_two(self):
        assert read({"max_length": 200}).cell == read({"max_length": 250}).cell != read({"max_length": 60}).cell

    def test_a_coordinate_that_is_named_as_the_length_gives_way_to_it(self):
        assert read({"max_length": 100, "max_tokens": None}).cell == (("max_length", "<128"),)

    def test_a_brief_has_its_platform_language_tone_and_length(self):
        brief = Brief(topic="Our new shoes", platform="x", language="es", tone="playful", max_length=280)
        reading = read(brief)
        assert dict(reading.cell) == {"platform": "x", "language": "es", "tone": "playful", "max_length": "<512"}
        assert reading.text == "Our new shoes"

    def test_json_gives_the_cell_back(self):
        cell = (("platform", "x"), ("tono", 'áspero "'))
        assert cell_of(cell_json(cell)) == cell

    def test_in_words(self):
        assert cell_words((("task", "ad"),)) == "task=ad"
        assert cell_words(()) == "no known coordinate"


class TestAnswerTokens:
    def test_max_tokens_comes_first_then_the_length_then_the_usual(self):
        assert read({"max_tokens": 20, "max_length": 400}).answer_tokens == 20
        assert read({"max_length": 400}).answer_tokens == 100
        assert read({"text": "x"}).answer_tokens == ANSWER_TOKENS
        assert read({"max_length": None, "max_tokens": None}).answer_tokens == ANSWER_TOKENS


class TestBadInput:
    @pytest.mark.parametrize("context", [None, "text", 3, ["text"]])
    def test_what_is_neither_mapping_nor_brief_is_refused(self, context):
        with pytest.raises(ValueError, match="context is"):
            read(context)

    @pytest.mark.parametrize("value", [3.5, ["x"], {"x": 1}, "y" * 65, b"x"])
    def test_what_is_no_coordinate_is_refused_by_its_key(self, value):
        with pytest.raises(ValueError, match=r"context\['tone'\]"):
            read({"task": "ad", "tone": value})

    @pytest.mark.parametrize("key", [1, ("a",), None])
    def test_a_key_that_is_no_text_is_refused(self, key):
        with pytest.raises(ValueError, match="context has the key"):
            read({key: "x"})

    def test_any_mapping_will_do(self):
        assert read(MappingProxyType({"task": "ad"})) == read({"task": "ad"})

    @pytest.mark.parametrize("text", [3, b"x", ["x"]])
    def test_a_text_that_is_none_is_refused(self, text):
        with pytest.raises(ValueError, match=r"context\['text'\]"):
            read({"text": text})

    def test_no_text_is_an_empty_one(self):
        assert read({"text": None}).text == ""

    @pytest.mark.parametrize("name", ["max_length", "max_tokens"])
    @pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "200", True])
    def test_a_length_that_is_none_is_refused(self, name, value):
        with pytest.raises(ValueError, match=name):
            read({name: value})
