import pytest

from postopt.generation.templates import english
from postopt.generation.templates.words import capitalise, count_emoji, ends_sentence, stems


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("price", "Price"),
        ("full price", "Full price"),
        ("ñandú", "Ñandú"),
        ("iPhone price", "iPhone price"),
        ("https://example.com", "https://example.com"),
        ("naps@example.com", "naps@example.com"),
        ("Price", "Price"),
        ("7 days", "7 days"),
        ("", ""),
        ("نخلة", "نخلة"),
    ],
)
def test_capitalise_leaves_words_of_their_own_spelling(text, shown):
    assert capitalise(text) == shown


def test_stems_ignore_case_accents_and_common_words():
    assert stems("The DETAILS, detail y Detállalo con esta gente") == {"detai", "detal", "gente"}


@pytest.mark.parametrize(("text", "count"), [("no", 0), ("👋 hi ☕", 2), ("⚠️", 1), ("👩‍🌾", 2)])
def test_emoji_are_counted(text, count):
    assert count_emoji(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "Really?!",
        "So…",
        "Fin 🌋",
        "Careful ⚠️",
        '"Stop!"',
        "(See below.)",
        "5 p. m.",
        "a, b,",
        "to:",
        "هل؟",
        "是。",
    ],
)
def test_ends_sentence(text):
    assert ends_sentence(text)


@pytest.mark.parametrize("text", ["Yes", "", "v2.1", "(so)", "€"])
def test_does_not_end_sentence(text):
    assert not ends_sentence(text)


@pytest.mark.parametrize("label", ["early-bird price", "Address", "running time"])
def test_english_nouns(label):
    noun = english.noun(label)
    assert noun is not None
    assert not noun.plural


@pytest.mark.parametrize("label", ["walk-in hours", "dates"])
def test_english_plurals(label):
    noun = english.noun(label)
    assert noun is not None
    assert noun.plural


@pytest.mark.parametrize("label", ["ends", "order by", "when", "doors close", "starts", "under 16s", "", "you may not"])
def test_what_is_no_noun_gets_no_article(label):
    assert english.noun(label) is None


def test_english_lists():
    assert english.join(["price"]) == "price"
    assert english.join(["price", "date", "place"]) == "price, date and place"
    assert english.join(["price", "date"], or_=True) == "price or date"
