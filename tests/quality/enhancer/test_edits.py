"""Edits that follow from a finding: what each does to a text."""

import pytest

from postopt.quality import platform
from postopt.quality.mending.edits import Draft, _widened, edits
from postopt.quality.mending.sentences import holding, sentences, without
from postopt.quality.scorer import QualityScorer
from postopt.types import Brief

FACTS = {"price": "€8.25", "opening": "7:30 am"}


def proposed(text, rule, brief=None, profile="facebook", **of_brief):
    """Return the texts that are proposed because of a rule, in order."""
    if brief is None and of_brief:
        brief = Brief(**({"topic": "A bakery opens"} | of_brief))
    drafted = Draft(text, brief, platform.profile(profile), "en")
    report = QualityScorer(profile=profile).score(text, brief, language="en")
    return [edit.text for edit in edits(drafted, report) if edit.rule == rule]


class TestFacts:
    def test_a_changed_fact_is_put_back(self):
        assert proposed("A loaf is €8.50, we open 7:30 am.", "facts.changed", facts=FACTS) == [
            "A loaf is €8.25, we open 7:30 am."
        ]

    def test_what_stands_around_it_already_is_not_doubled(self):
        # However much of the fact was found to be changed.
        text = "A loaf is €8.25, we open 8:30 am."
        assert proposed(text, "facts.changed", facts=FACTS) == ["A loaf is €8.25, we open 7:30 am."]

    @pytest.mark.parametrize(
        ("text", "span", "value", "place"),
        [
            ("we open 8:30 am.", (8, 12), "7:30 am", (8, 15)), ("we are at No. 5", (14, 15), "No. 4", (10, 15)),
            ("we open 8:30", (8, 12), "7:30 am", (8, 12)), ("it is €8.50", (6, 11), "€8.25", (6, 11)),
        ],
    )  # fmt: skip
    def test_the_place_takes_in_what_the_fact_will_bring(self, text, span, value, place):
        assert _widened(text, span, value) == place

    def test_missing_facts_are_added_in_lines_before_the_hashtags(self):
        texts = proposed("We open.\n\n#bread #rolls", "facts.missing", facts=FACTS)
        assert texts[0] == "We open.\nPrice: €8.25\nOpening: 7:30 am\n\n#bread #rolls"
        assert "We open.\n€8.25\n7:30 am\n\n#bread #rolls" in texts
        assert "We open.\nPrice: €8.25\n\n#bread #rolls" in texts

    def test_the_place_of_the_number_is_mended_and_not_the_label(self):
        texts = proposed("→ Wheels: 9 wheels", "facts.changed", facts={"wheels": "8 wheels"})
        assert texts == ["→ Wheels: 8 wheels"]

    @pytest.mark.parametrize("wrong", ["2–3 weeks", "2 to 3 weeks", "2-3 hours"])
    def test_the_same_number_with_another_unit_is_put_back(self, wrong):
        texts = proposed(f"Bread ships in {wrong}.", "facts.changed", facts={"ship": "2-3 days"})
        assert texts == ["Bread ships in 2-3 days."]

    def test_what_seems_to_contradict_a_fact_is_not_said_beside_it(self):
        facts = {"shipping": "2-3 days", "price": "€8.25"}
        texts = proposed("Bread ships within weeks, in 5 weeks or so.", "facts.missing", facts=facts)
        assert texts
        assert all("2-3 days" not in text for text in texts)

    def test_an_amount_that_another_fact_states_contradicts_nothing(self):
        facts = {"shipping": "2-3 days", "express shipping": "24 hours"}
        texts = proposed("Express shipping takes 24 hours.", "facts.missing", facts=facts)
        assert texts[0] == "Express shipping takes 24 hours.\nShipping: 2-3 days"

    def test_room_is_made_for_them_where_there_is_none(self):
        text = "We bake bread. We do so every day of the week, and twice on Sundays."
        texts = proposed(text, "facts.missing", facts={"price": "€8.25"}, max_length=40)
        assert "We bake bread.\nPrice: €8.25" in texts


class TestForbidden:
    def test_the_sentence_goes_if_the_word_cannot_go_alone(self):
        texts = proposed(
            "We bake all day. We do not sell cheap. Come in.", "policy.forbidden_word", forbidden=("cheap",)
        )
        assert texts[0] == "We bake all day. Come in."

    def test_an_adjective_between_article_and_noun_goes_alone(self):
        texts = proposed("We bake. Come for our cheap bread.", "policy.forbidden_word", forbidden=("cheap",))
        assert texts[0] == "We bake. Come for our bread."

    def test_a_hashtag_goes_as_a_whole(self):
        texts = proposed("We bake. #GlutenFree #bread", "policy.forbidden_word", forbidden=("gluten-free",))
        assert texts[0] == "We bake. #bread"

    def test_a_sentence_with_a_fact_stays(self):
        text = "A cheap €8.25. We open at 7:30 am."
        assert proposed(text, "policy.forbidden_word", forbidden=("cheap",), facts=FACTS) == []


class TestResidue:
    def test_a_sentence_with_a_place_to_fill_in_goes(self):
        assert proposed("Dear {name}! We bake bread today.", "correctness.placeholder")[0] == "We bake bread today."

    def test_where_it_holds_a_fact_only_the_place_goes(self):
        texts = proposed("Hi {name}, from 7:30 am, €8.25.", "correctness.placeholder", facts=FACTS)
        assert texts == ["Hi, from 7:30 am, €8.25."]

    def test_a_greeting_without_a_name_goes_where_it_needs_one(self):
        assert proposed("Dear {name}, we bake. See us today!", "correctness.placeholder")[0] == "We bake. See us today!"
        assert proposed("We bake.\nHola {name}!", "correctness.placeholder")[0] == "We bake.\nHola!"
        assert proposed("Dear {name} of ours", "correctness.placeholder") == []

    @pytest.mark.parametrize(
        "text",
        ["Brought to you by [Brand].", "Call us on [phone number] or visit [website].", "We bake. At [address], 7"],
    )
    def test_a_place_to_fill_in_is_not_cut_out_of_its_sentence(self, text):
        assert all(half not in after for after in proposed(text, "correctness.placeholder") for half in ("by.", "At,"))

    @pytest.mark.parametrize(
        "text",
        [
            "Sure! Here is your post:\n\n{}",
            "Here's your post: {}",
            "{} Let me know if you'd like me to change the tone!",
        ],
    )
    def test_what_a_model_says_around_the_post_goes(self, text):
        bread = "We bake bread every day."
        assert proposed(text.format(bread), "correctness.model_talk") == [bread]

    @pytest.mark.parametrize(
        "text",
        ["As an AI language model, I cannot write.", "I'm sorry, but I can't help with that. We bake. We bake bread."],
    )
    def test_no_edit_touches_a_refusal(self, text):
        assert proposed(text, "correctness.model_talk") == []

    @pytest.mark.parametrize("bad", ["\x00", "\ud800", "\x1b"])
    def test_characters_that_nothing_shows_go(self, bad):
        rule = "platform.unencodable" if bad == "\ud800" else "platform.control_character"
        assert proposed(f"We {bad}bake.", rule) == ["We bake."]


class TestLengths:
    def test_the_last_sentences_go_but_those_with_facts_and_the_call(self):
        text = "We bake bread. It is good. A loaf is €8.25 from 7:30 am. Some more words. Come in now."
        texts = proposed(text, "platform.too_long", facts=FACTS, max_length=70, call_to_action="Come in now")
        assert texts == ["We bake bread. It is good. A loaf is €8.25 from 7:30 am. Come in now."]

    def test_x_counts_its_own_way(self):
        text = "We bake bread, every day and every night. " * 8
        (shorter,) = proposed(text, "platform.too_long", profile="x")
        assert platform.length(shorter, "weighted") <= 280
        assert text.startswith(shorter)

    def test_a_recommendation_is_kept_too_if_asked_for(self):
        text = "We bake bread, every day and every night. " * 4
        (shorter,) = proposed(text, "platform.longer_than_recommended", profile="facebook_ad")
        assert len(shorter) <= 125

    def test_the_last_hashtags_go_where_there_are_too_many(self):
        (limit,) = [limit for limit in platform.profile("instagram").limits if limit.unit == "hashtags"]
        text = "We bake. " + " ".join(f"#tag{n}" for n in range(140))
        (shorter,) = proposed(text, "platform.too_many_hashtags", profile="instagram")
        assert shorter.startswith("We bake. #tag0 #tag1")
        assert shorter.count("#") == limit.maximum

    @pytest.mark.parametrize(
        "ending", ["\n\n— The Ninth Latch", "\n\n— The Ninth Latch\n\n#rooms #play", " #rooms\n— The Ninth Latch"]
    )
    def test_facts_are_added_before_a_signature(self, ending):
        text = f"Come and play.{ending}"
        assert proposed(text, "facts.missing", facts={"price": "€8.25"})[0] == f"Come and play.\nPrice: €8.25{ending}"

    def test_facts_are_added_before_any_number_of_hashtags_at_least_a_hundred(self):
        text = "We bake. " + " ".join(f"#tag{n}" for n in range(140))
        assert "Price: €8.25" in proposed(text, "facts.missing", facts={"price": "€8.25"})[0]

    def test_a_text_that_could_be_more_is_cut_to_what_is_not_disputed(self):
        text = "We bake bread, every day and every night. " * 300
        (shorter,) = proposed(text, "platform.too_long")
        assert 9_900 < len(shorter) <= 10_000

    def test_nothing_is_cut_for_a_fold_that_no_cut_reaches(self):
        text = f"We bake bread. {'and on ' * 40}. Come in now."
        held = proposed(text, "platform.fold", call_to_action="Come in now", facts={"so": "and on"})
        assert held == []

    def test_sentences_before_a_hidden_call_go(self):
        text = f"We bake bread. {'And we do so every day of the week. ' * 4}Come in now."
        (shorter,) = proposed(text, "platform.fold", call_to_action="Come in now")
        assert shorter.startswith("We bake bread. And")
        assert shorter.endswith("Come in now.")
        assert len(shorter) < len(text)


def test_a_cut_that_leaves_less_than_half_is_not_proposed():
    text = "Only 7 left at $1.99 this morning in the old mill. We bake."
    assert proposed(text, "claims.number", facts={"shop": "We bake"}) == []


def test_nothing_is_proposed_where_nothing_was_found():
    assert proposed("We bake bread.", "anything") == []


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("One. Two! Three?", ["One.", "Two!", "Three?"]), ("Mr. Low came. He saw.", ["Mr. Low came.", "He saw."]),
            ("A las 5 p. m. abrimos. Ven.", ["A las 5 p. m. abrimos.", "Ven."]),
            ("A line\nand another", ["A line", "and another"]),
            ("He said “no.” We left…", ["He said “no.”", "We left…"]), ("Save 2.50 now", ["Save 2.50 now"]),
            ("", []), (" \n", []), ("J. R. R. wrote. Yes.", ["J. R. R. wrote.", "Yes."]),
            ("Is it? maybe.", ["Is it?", "maybe."]), ("Desde 1.299,50 € hoy. Ven.", ["Desde 1.299,50 € hoy.", "Ven."]),
            ("See www.acme.es/a?b. C. Now.", ["See www.acme.es/a?b.", "C. Now."]),
            ("Write to a.b@loaf.com. Now.", ["Write to a.b@loaf.com.", "Now."]),
            ("El Sr. Ruiz y la Dra. Gil, p. ej. hoy. Ven.", ["El Sr. Ruiz y la Dra. Gil, p. ej. hoy.", "Ven."]),
            ("En EE. UU. y en U.S. Virgin. Sí.", ["En EE. UU. y en U.S. Virgin.", "Sí."]),
            ("At 9 a.m. St. John. At No. 4 too.", ["At 9 a.m. St. John.", "At No. 4 too."]),
            ("Is it dear? No. It is not.", ["Is it dear?", "No.", "It is not."]),
            ("Bread, tea, etc. We open. Don't. Go.", ["Bread, tea, etc.", "We open.", "Don't.", "Go."]),
            ("So:\n1. Bread.\n2. Tea.", ["So:", "1. Bread.", "2. Tea."]),
            ("A las 14:30 h. Ven.", ["A las 14:30 h.", "Ven."]),
        ],
    )  # fmt: skip
    def test_they_end_where_a_reader_ends_them(self, text, parts):
        assert [text[part.start : part.end] for part in sentences(text)] == parts

    @pytest.mark.parametrize("piece", ["…", ".", "a.", "\n", "1.", ").", "St. "])
    def test_a_long_text_is_read_in_linear_time(self, piece):
        # It would not end otherwise.
        assert len(sentences(piece * 100_000)) <= 200_000

    def test_none_ends_within_a_fact(self):
        text = "Open at No. 4. Main St. B today. Yes."
        whole = (text.index("4. Main"), text.index("4. Main") + len("4. Main St. B"))
        assert len(sentences(text)) > len(sentences(text, [whole, whole])) == 2

    def test_a_paragraph_still_ends_without_its_last_sentence(self):
        text = "One. Two.\n\nThree."
        parts = sentences(text)
        assert without(text, holding([(5, 6)], parts), parts) == "One.\n\nThree."
        assert without(text, {0}, parts) == "Two.\n\nThree."
        assert without(text, {0, 1, 2}, parts) == ""
