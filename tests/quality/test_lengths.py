"""How platforms count."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.counting.lengths import length, surplus_from, whole_until


class TestWeighted:
    # The examples of docs.x.com/fundamentals/counting-characters, and of twitter-text's ranges.
    @pytest.mark.parametrize(
        ("text", "weight"),
        [
            ("", 0),
            ("hello", 5),
            ("café", 4),
            ("cafe\u0301", 4),
            ("👾", 2),
            ("🙋🏽", 2),
            ("👨\u200d🎤", 2),
            ("👨\u200d👩\u200d👧\u200d👦", 2),
            ("🇪🇸", 2),
            ("7\ufe0f\u20e3", 2),
            ("日本", 4),
            ("“…”", 4),
            ("Ωñ", 2),
            ("https://example.com", 23),
            ("https://example.com/very/long/path/that/goes/on/and/on", 23),
            ("see example.com now", 31),
        ],
    )
    def test_examples(self, text, weight):
        assert length(text, "weighted") == weight

    @given(st.text(max_size=60) | st.text(alphabet="a日👾🏽\u200d🇪🇸. x.com/", max_size=60))
    def test_the_surplus_of_a_text_begins_where_its_weight_is_reached(self, text):
        text = unicodedata.normalize("NFC", text)
        weight = length(text, "weighted")
        assert surplus_from(text, "weighted", weight) == len(text)
        assert weight == 0 or surplus_from(text, "weighted", weight - 1) < len(text)

    @given(st.text(max_size=60))
    def test_a_text_weighs_once_or_twice_its_characters_at_most(self, text):
        assert length(text, "weighted") <= 2 * len(text) + 23 * (text.count(".") + text.count("//"))


class TestLength:
    def test_other_units(self):
        text = "#one and #two, me@example.com by @me and @you.too, a#b #3"
        assert length(text) == len(text)
        assert length(text, "hashtags") == 2
        assert length(text, "mentions") == 2

    def test_unknown_unit(self):
        with pytest.raises(ValueError, match="unit is 'pages'"):
            length("", "pages")

    def test_surplus(self):
        assert surplus_from("abcdef", "code_points", 4) == 4
        assert surplus_from("abc", "code_points", 4) == 3
        assert surplus_from("#a #b #c", "hashtags", 2) == 6
        assert surplus_from("@a", "mentions", 2) == 2
        assert surplus_from("ab👾c", "weighted", 3) == 2
        assert surplus_from("ab", "weighted", 3) == 2
        assert surplus_from("see example.com now", "weighted", 26) == 4
        assert surplus_from("see example.com now", "weighted", 28) == 16


class TestWholeUntil:
    @pytest.mark.parametrize("text", ["e\u0301", "👨\u200d🎤", "🙋🏽", "7\ufe0f\u20e3"])
    def test_cuts_nothing_in_two(self, text):
        for end in range(1, len(text)):
            assert whole_until("x" + text, end + 1) == 1
        assert whole_until("x" + text, len(text) + 1) == len(text) + 1

    @given(st.text(max_size=40), st.integers(0, 50))
    def test_never_longer(self, text, end):
        assert 0 <= whole_until(text, end) <= min(end, len(text))
