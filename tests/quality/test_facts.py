"""Which facts a text has lost, and what stands in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.constraints import violations
from postopt.quality.claims import broken_facts
from postopt.quality.stating.facts import kept_places
from postopt.types import Brief

FACTS = {
    "price": "€1,299.00",
    "discount": "20 %",
    "day": "12 May",
    "hall": "Larkfield Community Hall",
    "link": "https://example.com/a/b",
    "opening": "7:30 am",
    "address": "41 Canal Street",
}
BRIEF = Brief(topic="Bread on Canal Street", facts=FACTS)
KEPT = (
    "Bread on Canal Street: €1,299.00, 20 % off on 12 May in Larkfield Community Hall, 41 Canal Street, at 7:30 am. "
    "https://example.com/a/b"
)


def broken(text, brief=BRIEF):
    return {fact.name: None if fact.span is None else text[slice(*fact.span)] for fact in broken_facts(text, brief)}


class TestBrokenFacts:
    def test_none(self):
        assert broken(KEPT) == {}
        assert broken("anything", Brief(topic="Bread")) == {}

    @pytest.mark.parametrize(
        ("name", "variant"),
        [
            ("price", "1.299,00 €"),
            ("price", "€1299"),
            ("price", "€1,199.00"),
            ("price", "$5"),
            ("discount", "25 %"),
            ("discount", "20%"),
            ("discount", "twenty percent"),
            ("day", "13 May"),
            ("day", "May 12"),
            ("day", "12 de mayo"),
            ("hall", "Larkfeld Community Hall"),
            ("hall", "Larkfield Community hall"),
            ("link", "https://example.com/a/c"),
            ("link", "http://other.example.org/"),
            ("opening", "07:30"),
            ("opening", "8:30 am"),
            ("address", "14 Canal Street"),
        ],
    )
    def test_variants(self, name, variant):
        text = KEPT.replace(FACTS[name], variant)
        assert broken(text) == {name: variant}
        fact = broken_facts(text, BRIEF)[0]
        assert fact.value == FACTS[name]
        # The place is what an editor replaces: that repairs the fact.
        repaired = text[: fact.span[0]] + fact.value + text[fact.span[1] :]
        assert broken(repaired) == {}

    def test_only_the_same_date_is_the_same(self):
        for variant, same in (("May 12", True), ("12 de mayo", True), ("12 MAY", False), ("12 Ma", False)):
            text = KEPT.replace("12 May", variant)
            assert [fact.same for fact in broken_facts(text, BRIEF)] == [same]
        assert [fact.same for fact in broken_facts(KEPT.replace("€1,299.00", "1.299,00 €"), BRIEF)] == [False]

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("Saturday, March 7, 2026", "Saturday, March 7, 2026"),
            ("el sábado 7 de marzo de 2026", "sábado 7 de marzo de 2026"),
            ("on Sunday, March 8, 2026", "Sunday, March 8, 2026"),
            ("on 7 March", "7 March"),
            ("in 2026", None),
        ],
    )
    def test_a_date_of_several_parts_has_one_place(self, text, place):
        assert broken(text, Brief(topic="Bread", facts={"day": "Saturday 7 March 2026"})) == {"day": place}

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("Open 9 March – 28 June", "9 March – 28 June"),
            ("Open 6 March – 29 June", "6 March – 29 June"),
            ("Open March 6 – June 29", "March 6"),  # nothing that cuts the second day in two
        ],
    )
    def test_the_place_of_a_range_cuts_no_date(self, text, place):
        assert broken(text, Brief(topic="Show", facts={"open": "6 March – 28 June"})) == {"open": place}

    @pytest.mark.parametrize(
        ("language", "value", "text", "same"),
        [
            ("en-US", "3/4/2026", "March 4, 2026", True),
            ("en-US", "3/4/2026", "3 April 2026", False),
            ("es", "3/4/2026", "3 de abril de 2026", True),
            ("es", "3/4/2026", "4 de marzo de 2026", False),
            ("en-GB", "3 April 2026", "3/4/2026", True),
            ("en-GB", "4 March 2026", "3/4/2026", False),
            ("en", "3/4/2026", "March 4, 2026", True),
            ("en", "3/4/2026", "April 3, 2026", True),
            ("en", "3/4/2026", "4/3/2026", False),
        ],
    )
    def test_which_digits_are_the_day_is_the_languages_to_say(self, language, value, text, same):
        (fact,) = broken_facts(text, Brief(topic="Bread", language=language, facts={"day": value}))
        assert fact.same == same
        assert text[slice(*fact.span)] == text

    def test_missing(self):
        assert broken(KEPT.replace(FACTS["price"], "a little")) == {"price": None}
        assert broken("") == dict.fromkeys(FACTS)

    def test_the_briefs_own_phrases_are_no_variants(self):
        assert broken(KEPT.replace(", 41 Canal Street", "")) == {"address": None}

    def test_other_facts_are_no_variants(self):
        brief = Brief(topic="Tiles", facts={"least": "5 %", "most": "15 %"})
        assert broken("Loss: 15 %", brief) == {"least": None}
        assert broken("Loss: 5 %", brief) == {"most": None}
        assert broken("Loss: 5 % to 16 %", brief) == {"most": "16 %"}

    def test_no_place_stands_for_two(self):
        brief = Brief(topic="Tickets", facts={"early": "€59", "late": "€95"})
        assert broken("Only €77.", brief) == {"early": "€77", "late": None}

    def test_facts_with_equal_values_count_once(self):
        brief = Brief(topic="Tickets", facts={"early": "€59", "first": "€59"})
        assert list(broken("Nothing.", brief)) == ["early"]

    def test_the_order_of_facts_makes_no_difference(self):
        # Such briefs are equal, so that nothing may be remembered by the brief alone.
        for facts in ({"early": "€59", "late": "€95"}, {"late": "€95", "early": "€59"}):
            assert broken("Only €95.", Brief(topic="Tickets", facts=facts)) == {"early": None}

    def test_many_places_of_a_fact(self):
        brief = Brief(topic="Tickets", facts={"seats": "5", "rows": "7"})
        assert broken("5 " * 20_000, brief) == {"rows": None}

    @given(st.text(max_size=80), st.dictionaries(st.sampled_from("abc"), st.sampled_from([*FACTS.values(), "5", "x"])))
    def test_as_many_as_constraints_find(self, text, facts):
        brief = Brief(topic="Bread", facts=facts)
        reasons = [reason for reason in violations(text, brief) if reason.startswith("The fact")]
        assert len(broken_facts(text, brief)) == len(reasons)

    @given(st.sampled_from([*FACTS]), st.integers(0, 30), st.characters(exclude_categories=["Cs"]))
    def test_any_changed_character_is_found(self, name, place, mark):
        value = FACTS[name]
        place %= len(value)
        changed = value[:place] + mark + value[place + 1 :]
        text = KEPT.replace(value, changed)
        if violations(text, BRIEF):  # else it is the same character
            assert name in broken(text)


def test_kept_places_stand_on_their_own():
    brief = Brief(topic="Tiles", facts={"least": "5 %", "number": "12", "word": "cut"})
    text = "5 %, 15 %, 12, 12.5, 1.12, 12. cut cutting"
    assert [text[max(0, a - 1) : b + 1] for a, b in sorted(kept_places(text, brief))] == [
        "5 %,",
        " 12,",
        " 12.",
        " cut ",
    ]
