"""The hand-written lists hold what the code takes for granted."""

from collections import Counter

import pytest

from postopt.caching.gate.lexicon import LANGUAGES, Phrases, lexicon_of


@pytest.fixture(params=LANGUAGES)
def lexicon(request):
    return lexicon_of(request.param)


def phrases(table):
    return {" ".join(phrase): meaning for rest in table.by_first.values() for phrase, meaning in rest}


def groups(table):
    return Counter(phrases(table).values())


def test_there_are_hundreds_of_groups():
    assert {language: len(groups(lexicon_of(language).same)) > 150 for language in LANGUAGES} == {
        "en": True,
        "es": True,
    }


def test_no_word_is_in_two_groups(lexicon):
    """Each phrase has one meaning; that the first one wins would hide a mistake in the lists."""
    import tomllib
    from pathlib import Path

    from postopt.caching.gate import lexicon as module

    data = tomllib.loads((Path(module.__file__).with_name("lexicons") / f"{lexicon.language}.toml").read_text("utf-8"))
    for name, text in data["synonyms"].items():
        members = Counter(member for line in text.splitlines() for member in line.split(" | "))
        assert [member for member, count in members.items() if count > 1] == [], name


# What can be said with a negation and without.
SAID_BOTH_WAYS = {"free", "gratis", "nobody", "sin gluten", "sin azúcar", "sin lactosa", "sin alcohol"}


def test_negations_are_no_synonyms_of_anything_else(lexicon):
    for member, first in phrases(lexicon.same).items():
        denied = not lexicon.negations.isdisjoint(member.split())
        if denied != (not lexicon.negations.isdisjoint(first.split())):
            assert first in SAID_BOTH_WAYS, (member, first)


def test_nothing_that_turns_a_meaning_round_is_left_out(lexicon):
    left_out = lexicon.empty | {word for table in (lexicon.openers, lexicon.closers) for word in phrases(table)}
    assert lexicon.negations.isdisjoint(left_out)
    assert lexicon.strict.isdisjoint(lexicon.empty)
    assert lexicon.negations - lexicon.strict <= {"un", "non", "excluding"}


def test_numbers_mean_themselves(lexicon):
    for table in (lexicon.numbers, lexicon.ordinals):
        assert all(value.isdigit() for value in table.values())
    assert set(lexicon.months.values()) == set(range(1, 13))
    assert len(lexicon.weekdays) >= 7


def test_the_longest_phrase_wins():
    table = Phrases({"a": ((("a", "b"), "long"), (("a",), "short"))})
    assert table.match(["x", "a", "b"], 1) == (2, "long")
    assert table.match(["x", "a", "c"], 1) == (1, "short")
    assert table.match(["x"], 0) == (0, "")
    assert table.match(["x"], 5) == (0, "")
