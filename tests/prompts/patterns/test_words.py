"""Words of the better texts, for display."""

import math

import pytest

from postopt.prompts.words import fighting_words


def test_the_words_of_better_texts_come_first(planted):
    words = fighting_words(planted())
    assert words[-1].word == "?" or words[-1].word.endswith("?")
    assert words[0].word == "terrifying"
    assert words[0].above > 1.5 * words[0].below


def test_a_rare_word_is_not_surer_than_a_frequent_one():
    groups = [[(f"good {i}", 1000, 60), (f"bad {i}", 1000, 40)] for i in range(30)]
    words = {word.word: word for word in fighting_words(groups)}
    assert words["good"].z > 3 * words["good 7"].z > 0
    assert words["bad"].z == pytest.approx(-words["good"].z)


@pytest.mark.parametrize("groups", [[], [[("a", 9, 1)]], [[("", 9, 1), (" ", 9, 2)]]])
def test_nothing_to_compare(groups):
    assert fighting_words(groups) == ()


def test_the_only_word_there_is_says_nothing():
    (word,) = fighting_words([[("same", 9, 1), ("SAME", 9, 2)]])
    assert word == ("same", 0.0, 1, 1)


@pytest.mark.parametrize("prior", [0, -1, math.nan, "x"])
def test_refuses_a_prior(prior):
    with pytest.raises(ValueError, match="prior"):
        fighting_words([], prior=prior)
