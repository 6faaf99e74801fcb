"""One record of evidence: what it says, of which texts, and when it may be shown."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.engagement.advising.record import SAME_SIGN, Evidence
from postopt.engagement.advising.traits import TRAITS
from postopt.quality.readable import DENIED


class TestWhatItSays:
    def test_lift_and_interval_are_relative_changes_of_the_odds(self, known):
        record = known(log_odds=0.1, error=0.02)
        assert record.lift == pytest.approx(math.expm1(0.1))
        assert record.interval.low == pytest.approx(math.expm1(0.1 - 1.97 * 0.02), abs=1e-3)
        assert record.interval.level == 0.95
        assert record.interval.n == record.n == 300

    def test_it_is_about_texts_with_the_trait_or_about_those_without(self, known):
        question = known("question", log_odds=-0.1)
        without = question.reversed()
        assert (question.edit, without.edit) == ("question", "without_question")
        assert question.matches("Is it?")
        assert not without.matches("Is it?")
        assert without.matches("It is.")
        assert without.lift == pytest.approx(math.expm1(0.1))
        assert without.interval.low > 0 > question.interval.high

    @pytest.mark.parametrize("trait", sorted(TRAITS))
    def test_turned_twice_it_is_the_same(self, known, trait):
        record = known(trait)
        assert record.reversed().reversed() == record
        for text in ("", "Is she 5?", "https://example.org/?a=1"):
            assert record.matches(text) is not record.reversed().matches(text)

    @given(st.text())
    def test_every_text_matches_or_does_not(self, text):
        record = Evidence.from_state(STATE)
        assert record.matches(text) in (True, False)

    @pytest.mark.parametrize("text", [None, 1, b"text", ["text"]])
    def test_what_is_no_text_is_refused(self, known, text):
        with pytest.raises(ValueError, match="a str is needed"):
            known().matches(text)

    def test_an_address_asks_nothing_and_counts_nothing(self, known):
        text = "Read it at https://example.org/7?page=2 now"
        assert not known("question").matches(text)
        assert not known("digits").matches(text)
        assert known("link").matches(text)

    def test_words_are_those_of_its_language(self, known):
        assert known("he_she").matches("She came")
        assert not known("he_she", language="es").matches("She came")
        assert known("he_she", language="es").matches("Ella vino")
        assert known("he_she", language="").matches("Ella vino de la casa")

    def test_the_words_name_outcome_source_and_what_is_not_known(self, known):
        said = known().explain()
        for part in ("odds of a click", "interval", "300 contrasts", "somebody", "2013 to 2015", "chance", "again"):
            assert part.casefold() in said.casefold()
        said = str(known(kind="association", outcome="engagement", confirmed=None, years=None, language=""))
        assert "nothing of causes" in said
        assert "% engagement" in said
        assert "nobody looked again" in said
        assert "any language" in said


class TestWhetherItStands:
    @pytest.mark.parametrize(
        "changes",
        [
            {"found": False},
            {"confirmed": False},
            {"confirmed": None},
            {"log_odds": 0.01},
            {"log_odds": -0.041, "error": 0.02},  # an interval without 0, but another sample may have the other sign
        ],
    )
    def test_what_is_not_told_from_no_effect_and_seen_again_does_not(self, known, changes):
        assert known().stands
        assert not known(**changes).stands

    def test_new_data_as_large_give_the_same_sign_as_often_as_is_said(self, known):
        draws = known(log_odds=0.05, error=0.03).p_again
        assert draws == pytest.approx(0.5 * (1 + math.erf(0.05 / 0.03 / 2)))
        assert known().p_again > SAME_SIGN

    def test_it_says_whether_it_is_denied(self, known):
        assert {trait for trait in TRAITS if known(trait).denied} == DENIED


STATE = {
    "trait": "question", "wanted": True, "log_odds": -0.1, "error": 0.02, "n": 300, "clusters": 200.0,
    "measured": -0.11, "pairs": 900, "tests": 250, "impressions": 10**6, "outcome": "clicks", "kind": "randomised",
    "source": "tests", "years": [2013, 2015], "language": "en", "publisher": "somebody", "found": True,
    "confirmed": True,
}  # fmt: skip


class TestWritingItDown:
    @pytest.mark.parametrize("confirmed", [True, False, None])
    @pytest.mark.parametrize("years", [None, (2013, 2015)])
    def test_what_is_read_is_what_was_written(self, known, confirmed, years):
        record = known(confirmed=confirmed, years=years).reversed()
        assert Evidence.from_state(json.loads(json.dumps(record.state()))) == record

    @pytest.mark.parametrize("name", sorted(STATE))
    def test_a_field_that_lacks_is_refused(self, name):
        state = {key: value for key, value in STATE.items() if key != name}
        if name == "wanted":
            assert Evidence.from_state(state).wanted
        else:
            with pytest.raises(ValueError, match="no state"):
                Evidence.from_state(state)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("log_odds", math.nan), ("log_odds", "x"), ("log_odds", True), ("error", 0.0), ("error", math.inf),
            ("n", -1), ("clusters", 1.0), ("clusters", None), ("measured", math.inf), ("pairs", -1), ("pairs", "9"),
            ("tests", None), ("impressions", -5), ("wanted", "yes"), ("found", 2), ("confirmed", "no"),
            ("kind", "guessed"), ("outcome", ""), ("source", None), ("publisher", 1), ("language", None),
            ("years", [2013]), ("years", ["a", "b"]), ("years", 2013), ("unknown", 1),
        ],
    )  # fmt: skip
    def test_a_value_that_cannot_be_is_refused(self, name, value):
        with pytest.raises(ValueError, match=r".+"):
            Evidence.from_state(STATE | {name: value})

    @pytest.mark.parametrize("state", [None, 1, [], "state"])
    def test_what_is_no_state_is_refused(self, state):
        with pytest.raises(ValueError, match="no state"):
            Evidence.from_state(state)
