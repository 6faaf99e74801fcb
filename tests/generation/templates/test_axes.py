import pytest

from postopt.generation.constraints import Constraints
from postopt.generation.templates.axes import axes_of
from postopt.types import Brief


def tags(bank, *keywords, forbidden=()):
    brief = Brief(topic="News", tone="friendly", keywords=keywords, forbidden=forbidden)
    allowed = Constraints(brief).forbidden_in
    axes = axes_of(bank, brief, None, lambda text: not allowed(text))
    return {option.text for option in axes["tags"].options} if "tags" in axes else set()


@pytest.mark.parametrize(
    ("keyword", "tag"),
    [
        ("master's in law", "#MastersInLaw"),
        ("#landlord", "#Landlord"),
        ("iPhone", "#iPhone"),
        ("NYC", "#NYC"),
        ("otoño", "#Otoño"),
        ("gas-safe", "#GasSafe"),
        ("نخلة", "#نخلة"),
    ],
)
def test_a_keyword_becomes_a_hashtag(bank, keyword, tag):
    assert tags(bank, keyword) == {tag}


@pytest.mark.parametrize("keyword", ["C++", "C#", "100 %", "2024", "🎉"])
def test_what_would_not_be_the_keyword_becomes_none(bank, keyword):
    assert tags(bank, keyword) == set()


@pytest.mark.parametrize(
    ("keyword", "word"), [("gluten-free", "gluten free"), ("gluten free", "free"), ("gluten free", "gluten-free")]
)
def test_a_forbidden_word_is_in_no_hashtag(bank, keyword, word):
    assert tags(bank, keyword, "bread", forbidden=(word,)) == {"#Bread"}


def test_at_most_three_hashtags(bank):
    assert max(tag.count("#") for tag in tags(bank, "a", "b", "c", "d")) == 3


def test_a_brand_signs_and_a_bank_cannot_sign_twice(bank):
    """The bank of the tests has "— {brand}" among its closing lines."""
    axes = axes_of(bank, Brief(topic="News", tone="friendly", brand="Ember"), None, lambda text: True)
    assert [option.text for option in axes["sign"].options] == ["— Ember"]
    assert [option.text for option in axes["close"].options] == ["Bye."]


def test_a_list_of_names_counts_as_words_of_ours(bank):
    """The facts stand below it with their names: it says them twice, and is chosen last."""
    brief = Brief(topic="News", tone="friendly", facts={"price": "€5", "address": "1 Mill Lane"})
    plain, names = axes_of(bank, brief, None, lambda text: True)["offer"].options
    assert names.text == "price and address: all here."
    assert names.overhead == len(names.text) > plain.overhead
