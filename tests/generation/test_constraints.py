import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.constraints import Constraints, conflicts, violations
from postopt.types import Brief


def brief(*facts, forbidden=(), max_length=None):
    named = {f"fact {place}": value for place, value in enumerate(facts)}
    return Brief(topic="Bread", facts=named, forbidden=forbidden, max_length=max_length)


class TestFacts:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("5 %", "Now 5 % off."),
            ("5 %", "15 % on jam, 5 % on bread"),
            ("cut", "cutting cut"),
            ("cut", "(cut)"),
            ("12.50", "€12.50 per seat"),
            ("12.50", "only 12.50."),
            ("9:00", "open 9:00-17:00"),
            ("2", "1, 2, 3"),
            ("https://example.com/a", "See https://example.com/a."),
            ("https://example.com/a", "See https://example.com/a, or call."),
            ("https://example.com/a", "(https://example.com/a)"),
            ("example.com", "https://example.com"),
            ("example.com", "Visit us... example.com"),
            ("12.50", "12.50/month"),
            ("500円", "価格は500円です"),
            ("500원", "500원을 내세요"),
            ("¡Ya!", "¡Ya!¡Ya!"),
            ("{{ name }}", "Write {{ name }} here"),
            ('say "hi"\nnow', 'They say "hi"\nnow and'),
            ("مخبز", "من مخبز."),
        ],
    )
    def test_a_value_that_stands_on_its_own_is_kept(self, value, text):
        assert violations(text, brief(value)) == ()

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("5 %", "Now 15 % off."),
            ("5 %", "Now 2,5 % off."),
            ("5 %", "Now 5\u00a0% off."),
            ("€12", "€12.50"),
            ("€12", "€12,000"),
            ("166", "900\u00a0000\u00a0166"),
            ("9", "9:30"),
            ("cut", "cutting"),
            ("cut", "undercut"),
            ("Cut", "cut"),
            ("café", unicodedata.normalize("NFD", "café")),
            ("cafe", "cafe\u0301"),
            ("👩", "👩\u200d🚀"),
            ("5円", "15円"),
            ("https://example.com/a", "https://example.com/a/b"),
            ("https://example.com/a", "https://example.com/a?b=1"),
            ("https://example.com/", "https://example.com/b"),
            ("example.com", "shop.example.com"),
            ("example.com", "info@example.com"),
            ("info@example.com", "info@example.com.mx"),
            ("12.50", "12.5"),
        ],
    )
    def test_a_value_that_is_changed_or_part_of_another_is_missing(self, value, text):
        (reason,) = violations(text, brief(value))
        assert reason == f'The fact "fact 0" does not appear unchanged and on its own: "{value}".'

    def test_a_value_inside_a_longer_one_needs_a_place_of_its_own(self):
        both = brief("12.50", "€12.50 per seat")
        assert violations("€12.50 per seat, or 12.50 for one", both) == ()
        (reason,) = violations("Now €12.50 per seat", both)
        assert '"12.50"' in reason

    def test_values_that_share_an_end_need_two_places(self):
        both = brief("9:00 to 12:00", "12:00 to 15:00")
        assert len(violations("Open 9:00 to 12:00 to 15:00", both)) == 1
        assert violations("Open 9:00 to 12:00 and 12:00 to 15:00", both) == ()

    def test_equal_values_share_a_place(self):
        assert violations("Only €5", brief("€5", "€5")) == ()

    def test_a_long_value_is_shortened_in_the_reason_only(self):
        (reason,) = violations("nothing", brief("x" * 5000))
        assert len(reason) < 200

    @given(st.lists(st.text("ab5. €é", min_size=1).filter(str.strip), min_size=1, max_size=6), st.randoms())
    def test_values_side_by_side_are_kept_in_any_order(self, values, random):
        subject = brief(*values)
        random.shuffle(values)
        # "|" is in no value, so that no value runs across two others.
        assert violations("|".join(values), subject) == ()

    @given(st.text(max_size=60), st.text("ab 15%", min_size=1, max_size=5).filter(str.strip))
    def test_no_violation_means_that_the_value_is_in_the_text(self, text, value):
        if not violations(text, brief(value)):
            assert value in text


class TestForbidden:
    @pytest.mark.parametrize(
        ("word", "text"),
        [
            ("win", "Win a loaf"),
            ("win", "(win)"),
            ("win", "#win_big"),
            ("free", "#FreeBread"),
            ("free", "#BreadÉpicFree"),
            ("gluten free", "#GlutenFree"),
            ("gluten-free", "now #glutenfree!"),
            ("sold  out", "SOLD OUT!"),
            ("sold out", "sold\n\tout"),
            ("sold out", "sold\u00a0out"),
            ("café", unicodedata.normalize("NFD", "CAFÉ")),
            ("straße", "STRASSE"),
            ("100 % segura", "es 100 % Segura."),
            ("免费", "今天免费送"),
            ("out of", "unsold out of stock"),
            ("acme", "see acme.com"),
        ],
    )
    def test_a_forbidden_word_is_found_whatever_its_case_and_spacing(self, word, text):
        assert violations(text, brief(forbidden=(word,))) == (f'The forbidden "{word}" appears.',)

    @pytest.mark.parametrize(
        ("word", "text"),
        [
            ("win", "renewing"),
            ("win", "winner"),
            ("5 %", "15 %"),
            ("5 %", "2,5 %"),
            ("cafe", "café"),
            ("ano", "año"),
            ("free", "#freeze"),
            ("c++", "#C"),
        ],
    )
    def test_a_part_of_a_word_is_not_forbidden(self, word, text):
        assert violations(text, brief(forbidden=(word,))) == ()

    @given(st.text("aZ é.", max_size=20), st.text("aZé", min_size=1, max_size=3))
    def test_inserting_a_forbidden_word_is_always_noticed(self, text, word):
        constraints = Constraints(brief(forbidden=(word,)))
        assert constraints.forbidden_in(f"{text} {word.swapcase()} {text}") == (word,)


class TestLimits:
    def test_length_is_counted_in_code_points(self):
        assert violations("ñ🎉", brief(max_length=2)) == ()
        assert violations("ñ🎉!", brief(max_length=2)) == ("The text has 3 characters; at most 2 are allowed.",)

    @pytest.mark.parametrize("text", ["", " ", "\n\u00a0"])
    def test_a_blank_text_is_no_post(self, text):
        assert violations(text, brief()) == ("The text is blank.",)

    def test_a_text_that_cannot_be_written_is_no_post(self):
        (reason,) = violations("bread \ud800", brief())
        assert "lone surrogate" in reason

    def test_every_reason_is_given(self):
        assert len(violations("Win!", brief("€5", "€6", forbidden=("win",), max_length=3))) == 4


class TestConflicts:
    def test_an_ordinary_brief_has_none(self):
        assert conflicts(brief("€5", "renewing", forbidden=("win",), max_length=10)) == ()

    def test_a_fact_that_holds_a_forbidden_word(self):
        (reason,) = conflicts(brief("Free entry", forbidden=("FREE",)))
        assert reason == 'The fact "fact 0" contains the forbidden "FREE": "Free entry".'

    def test_facts_longer_than_the_post_may_be(self):
        assert conflicts(brief("12345", "67", max_length=6)) == (
            "The facts alone have 7 characters; at most 6 are allowed.",
        )
        assert conflicts(brief("12345", "12345", max_length=5)) == ()

    @given(
        st.lists(st.text("ab1 .", min_size=1, max_size=4).filter(str.strip), max_size=3),
        st.lists(st.text("ab1 ", min_size=1, max_size=2).filter(str.strip), max_size=2),
        st.integers(1, 12),
        st.text("ab1 .|", max_size=16),
    )
    def test_no_text_keeps_a_brief_that_has_a_conflict(self, facts, forbidden, max_length, text):
        subject = Constraints(brief(*facts, forbidden=tuple(forbidden), max_length=max_length))
        if subject.conflicts():
            assert subject.violations(text)
            assert subject.violations("|".join(facts))
