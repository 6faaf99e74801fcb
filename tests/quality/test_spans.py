"""Places in texts, and in what becomes of them."""

from hypothesis import given
from hypothesis import strategies as st

from postopt.judgement import Finding
from postopt.quality.spans import fold, folded, in_order, joined, legible, masked, overlap, quoted

accented = st.text(alphabet="aeñ\u0301\u0303 \n\tßİ가ᄀ ᅡ👍", max_size=30)


class TestSpans:
    @given(accented)
    def test_every_place_of_the_legible_text_has_an_origin(self, text):
        plain, origin = legible(text)
        places = [origin(place) for place in range(len(plain) + 1)]
        assert places == sorted(places)
        assert places[-1] == len(text)

    def test_legible_places(self):
        text = "cafe\u0301 ano\u0303"
        plain, origin = legible(text)
        assert plain == "café anõ"
        assert text[origin(3) : origin(4)] == "e\u0301"
        assert legible("café")[0] == "café"

    def test_folded_places(self):
        text = "Große  Straße"
        plain, origin = folded(text)
        assert plain == "grosse strasse" == fold(text)
        start = plain.index("strasse")
        assert text[origin(start) : origin(start + 7)] == "Straße"

    @given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4))
    def test_masked_keeps_the_length(self, text, spans):
        spans = [(min(a, b, len(text)), min(max(a, b), len(text))) for a, b in spans]
        hidden = masked(text, spans)
        assert len(hidden) == len(text)
        for place, (before, after) in enumerate(zip(text, hidden, strict=True)):
            assert after == ("\0" if any(a <= place < b for a, b in spans) else before)

    def test_order(self):
        none, first, second = (
            Finding(rule=str(span), axis="", message="", span=span) for span in (None, (0, 4), (3, 5))
        )
        assert in_order([none, second, first]) == [first, second, none]
        assert overlap((0, 4), (3, 5))
        assert not overlap((0, 3), (3, 5))

    def test_joined(self):
        for text, place in (("cutting", 3), ("12.5", 2), ("12.5", 3), ("7:30", 1), ("né", 1)):
            assert joined(text, place)
        for text, place in (("cut it", 3), ("12. 5", 2), ("a.5", 2), ("約5", 1), ("5", 0), ("5", 1), ("a", 5)):
            assert not joined(text, place)

    def test_quoted(self):
        assert quoted("abc", (1, 3)) == '"bc"'
        assert len(quoted("x" * 200, (0, 200))) == 82
