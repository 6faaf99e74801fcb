"""The nearest place in a text, against the edit distance by its definition."""

from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.stating.nearest import MOST_READ, _least_edits, nearest

few = st.text(alphabet="abc ", max_size=20)


def edits(text, value):
    """Return the least edits between `value` and any part of `text`, by dynamic programming."""
    row = [0] * (len(text) + 1)
    for i, mark in enumerate(value, 1):
        new = [i]
        for j, other in enumerate(text, 1):
            new.append(min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (mark != other)))
        row = new
    return min(row)


class TestNearest:
    @given(few, st.text(alphabet="abc ", min_size=1, max_size=12))
    def test_edits_are_the_fewest(self, text, value):
        end, least = _least_edits(text, value)
        assert least == edits(text, value)
        assert least == edits(text[:end], value)

    @given(few, st.text(alphabet="abc ", min_size=1, max_size=12))
    def test_anchored_begins_where_the_text_does(self, text, value):
        end, least = _least_edits(text, value, anchored=True)
        assert least >= edits(text, value)
        assert least <= len(value)
        assert 0 <= end <= len(text)

    def test_whole_words(self):
        text = "Come to the Larkfeld Community Hall today"
        assert text[slice(*nearest(text, "Larkfield Community Hall", 0.25))] == "Larkfeld Community Hall"
        assert text[slice(*nearest(text, "larkfield", 0.25))] == "Larkfeld"

    def test_whole_numbers(self):
        text = "It costs 12,345.50 today"
        assert text[slice(*nearest(text, "2,345.50", 0.25))] == "12,345.50"
        assert text[slice(*nearest(text, "12,345", 0.25))] == "12,345.50"

    def test_a_changed_end_belongs_to_it(self):
        text = "see example.com/a/c."
        assert text[slice(*nearest(text, "example.com/a/b", 0.25))] == "example.com/a/c"

    def test_nothing_near(self):
        assert nearest("something else entirely", "Larkfield", 0.25) is None
        assert nearest("", "Larkfield", 0.25) is None
        assert nearest("15 and 25", "20", 1.0) is None  # too short to be near anything

    def test_reads_only_the_beginning(self):
        assert nearest("x" * MOST_READ + " Larkfeld", "Larkfield", 0.25) is None

    @given(st.text(max_size=60), st.text(max_size=20))
    def test_any_text(self, text, value):
        span = nearest(text, value, 0.25)
        assert span is None or 0 <= span[0] < span[1] <= len(text)
