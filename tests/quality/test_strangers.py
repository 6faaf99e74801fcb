"""What careless and hostile callers hand in: an error that says what is needed, or a result that is defined."""

import asyncio

import pytest

from postopt.errors import ModelFileError, PostDataError
from postopt.quality import Enhancer, QualityScorer
from postopt.quality.claims import check as claims
from postopt.quality.policy import check as policy
from postopt.quality.policy import forbidden_places
from postopt.quality.stating.facts import broken_facts
from postopt.quality.stating.figures import figures
from postopt.types import Brief


@pytest.mark.parametrize("language", [5, b"en", ["en"]])
def test_a_language_that_is_no_tag_is_refused(language):
    with pytest.raises(PostDataError, match="language is"):
        QualityScorer().score("Fresh bread.", language=language)
    with pytest.raises(PostDataError, match="language is"):
        QualityScorer().record("Fresh bread.", "accepted", language=language)
    with pytest.raises(PostDataError, match="language is"):
        asyncio.run(Enhancer().enhance("Fresh bread.", language=language))


@pytest.mark.parametrize("prediction", [3, "high", {"median": 3}])
def test_a_prediction_that_is_none_is_refused(prediction):
    with pytest.raises(PostDataError, match="prediction is"):
        QualityScorer().score("Fresh bread.", prediction=prediction)


@pytest.mark.parametrize("setting", [{"recent": 3}, {"recent": None}, {"seed": "x"}, {"seed": -1}, {"seed": None}])
def test_a_scorer_refuses_a_setting_when_it_is_made(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} is"):
        QualityScorer(**setting)


@pytest.mark.parametrize("setting", [{"generator": 3}, {"scorer": 3}, {"scorer": "facebook"}])
def test_an_enhancer_refuses_a_setting_when_it_is_made(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} is"):
        Enhancer(**setting)


def test_a_record_with_a_number_too_large_or_a_foreign_format_is_damaged():
    state = QualityScorer().state()
    row = ["key", [10**400] * len(state["columns"]), True]
    for damaged in (state | {"decisions": [row]}, state | {"format": 0}, state | {"format": -5}):
        with pytest.raises(ModelFileError):
            QualityScorer().restore(damaged)


@pytest.mark.parametrize("hidden", ["fr\u200bee", "f\u00adree", "fre\u2060e", "\ufefffree", "FR\u200bE\u200bE"])
def test_characters_that_do_not_show_hide_no_forbidden_word(hidden):
    text = f"Get it {hidden} now"
    [(word, (start, end))] = forbidden_places(text, Brief(topic="bread", forbidden=("free",)))
    assert word == "free"
    assert text[start:end].casefold().strip("\ufeff") == hidden.casefold().strip("\ufeff")


def test_a_row_of_groups_of_digits_is_not_read_anew_from_each_of_them():
    # Without a bound on the parts of a number, this takes minutes.
    text = "123 " * 25_000
    assert figures(text)
    assert claims(text, Brief(topic="bread"))
    assert [figure.span for figure in figures("1 234 567 890")] == [(0, 13)]


def test_each_missing_fact_is_named_once():
    brief = Brief(topic="bread", facts={"price": "12.50", "seat": "12.50 per seat", "again": "12.50"})
    assert [fact.name for fact in broken_facts("Only 12.50 per seat.", brief)] == ["price"]
    assert [fact.name for fact in broken_facts("Nothing.", brief)] == ["price", "seat"]
    assert broken_facts("12.50, or 12.50 per seat", brief) == ()


def test_control_characters_are_counted_and_found_once():
    [found] = [finding for finding in QualityScorer().score("\0" * 1000).findings if "control" in finding.rule]
    assert "999 more" in found.message


@pytest.mark.parametrize("asked", ["Are you  diabetic", "Are you d\u200biabetic", "Are \t you dia\u00adbetic"])
def test_spaces_and_characters_that_do_not_show_hide_no_personal_attribute(asked):
    text = f"Hello. {asked}? Come in."
    [found] = policy(text)
    assert found.rule == "policy.personal_attribute.health"
    assert text[slice(*found.span)] == asked


@pytest.mark.parametrize("link", ["bit.ly/abc", "youtu.be/dQw4", "goo.gl/x1", "lnkd.in/e5", "amzn.to/3"])
def test_a_shortened_link_without_its_scheme_is_a_claim(link):
    text = f"Bread is at {link} today."
    [found] = claims(text, Brief(topic="bread"))
    assert (found.rule, text[slice(*found.span)]) == ("claims.link", link)


def test_a_forgotten_space_makes_no_link():
    assert claims("What a day to be.in or out. Let it be.", Brief(topic="bread")) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [("loved by Taylor Swift", "Taylor Swift"), ("Recomendado por Rafael Nadal.", "Rafael Nadal")],
)
def test_a_short_line_with_a_name_is_no_title(text, name):
    [found] = claims(text, Brief(topic="bread"))
    assert (found.rule, text[slice(*found.span)]) == ("claims.name", name)


def test_forbidden_words_are_counted_up_to_a_bound_and_sought_behind_it():
    brief = Brief(topic="bread", forbidden=("free",))
    assert forbidden_places("a " * 50_000 + "freedom", brief) == ()
    assert forbidden_places("a" * 99_996 + "freedom", brief) == ()
    assert forbidden_places("a " * 50_000 + "free", brief) == (("free", (100_000, 100_004)),)
    assert len(forbidden_places("free " * 100_000, brief)) == 20_000
