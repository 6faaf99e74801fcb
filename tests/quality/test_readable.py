"""What a text has: readable features, in English and Spanish."""

import re

import pytest
from hypothesis import given as anything
from hypothesis import strategies as st

from postopt.quality.lexicon import WORDS
from postopt.quality.readable import DENIED, FEATURES, given, language_of, read

BY_NAME = {feature.name: feature for feature in FEATURES}


def has(text, language=None):
    return {feature.name for feature in FEATURES if feature.holds(read(text, language))}


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("digits", "Top 10 tips", "Top ten tips"),
        ("starts_with_number", "“7 ways to rest", "The 7 ways"),
        ("amount", "Save 20% now", "Save a lot"),
        ("question", "Is it? Yes.", "It is."),
        ("ends_with_question", "¿Lo sabías?", "Why? Because."),
        ("exclamation", "¡Mira!", "Mira."),
        ("ellipsis", "And then…", "And then."),
        ("quotation", "He said 'no way' twice", "It's what dogs' owners want"),
        ("starts_with_quotation", "«Nunca»", "No es «nunca»"),
        ("ends_with_stop", 'He said "no."', "And then..."),
        ("sentences", "One. Two.", "One 2.5 three."),
        ("emphasis", "This is HUGE", "This is NY"),
        ("emoji", "Go 🚀", "Go ✓ing".replace("✓", "")),
        ("several_emoji", "🚀 and 🎉", "🚀"),
        ("hashtag", "Go #green", "C# and 3#4"),
        ("mention", "Ask @anna", "a@b.org"),
        ("link", "See https://x.org", "See x"),
        ("title_case", "This Is All There Is", "This is all there is"),
        ("short", "Five words are not many", " ".join(["word"] * 15)),
        ("long", " ".join(["word"] * 17), " ".join(["word"] * 16)),
        ("you", "You'll love it", "They love it"),
        ("you", "¿Querés que vos y tus hijos rían?", "Ella quiere que rían"),
        ("you", "Usted puede", "El perro puede"),
        ("formal_you", "Usted puede", "Tú puedes"),
        ("I", "I’m here", "Mine shafts were dug".replace("Mine", "Deep")),
        ("we", "Nuestro equipo y la gente", "El equipo y la gente"),
        ("he_she", "She did it", "The shed did it"),
        ("deixis", "Mira esto", "Mira la casa"),
        ("negation", "Nunca digas que no", "Di que sí"),
        ("negation", "They don't", "They do"),
        ("look", "¡Mirá el video!", "El video"),
        ("call_to_action", "Sign up for the list", "A sign points up to the list"),
        ("call_to_action", "Comprá hoy el libro", "El libro de hoy"),
        ("question_word", "¿Cómo es el amor?", "Come el pan"),
        ("superlative", "The best of all", "The bestseller of all"),
        ("fear", "A terrifying night", "A quiet night"),
        ("sensitive", "¿Tienes cáncer?", "¿Tienes un perro?"),
        ("man_woman_he_she", "A girl did it", "They did it"),
        ("this_or_look", "Watch the dog", "The dog barks"),
        ("says_or_thinks", "Ella dijo que sí", "Ella fue al mar"),
        ("short_question", "Is it?", "It is."),
        ("short_question", "Is it?", "Is " + "it " * 15 + "?"),
    ],
)  # fmt: skip
def test_a_feature_holds_for_one_text_and_not_for_another(name, yes, no):
    assert name in has(yes)
    assert name not in has(no)


@pytest.mark.parametrize(
    "text",
    [
        "Living with diabetes", "She was depressed", "He went bankrupt", "Too fat to fly", "Drowning in debt",
        "Un final aterrador", "Vive con diabetes", "Está deprimida", "En bancarrota", "Demasiado gordo", "Sus deudas",
        "An alarming trend", "The synagogue on our street", "Es católica", "A transgender pilot", "Da mucho miedo",
    ],
)  # fmt: skip
def test_what_nobody_is_to_be_pushed_by_is_denied(text):
    assert has(text) & DENIED


@pytest.mark.parametrize(
    "text",
    [
        "Fresh bread every morning", "Save 20% on running shoes", "Our summer menu is here", "A loan of books for kids",
        "Green tea and a cross word", "Blindfold tasting tonight", "The stroke of a brush",
        "Pan recién hecho", "Gana un viaje a Roma", "Una parada en el camino", "Envío al extranjero",
    ],
)  # fmt: skip
def test_plain_words_are_not(text):
    assert not has(text) & DENIED


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat is on the roof", "en"),
        ("El gato está en el techo", "es"),
        ("¿Gatos?", "es"),
        ("me lo dijo he", "es"),
        ("no", ""),
        ("", ""),
        ("12345 🚀", ""),
    ],
)
def test_language(text, language):
    assert language_of(read(text).words, text) == language


def test_a_given_language_is_believed():
    assert "you" in has("su casa, usted", "es-MX")
    assert "you" not in has("your house", "es")
    assert "you" not in has("your house", "fr")
    assert "question" in has("Ça va?", "fr")


def test_accents_typed_as_combining_marks_are_the_same():
    assert has("¿Co\u0301mo es tu\u0301 casa?") == has("¿Cómo es tú casa?")


def test_names_are_unique_slugs_and_words_are_whole():
    assert len(BY_NAME) == len(FEATURES)
    assert all(re.fullmatch(r"\w+", name) and feature.says for name, feature in BY_NAME.items())
    assert all(name in BY_NAME for name in DENIED)
    for lists in WORDS.values():
        for words in lists.values():
            assert all(word == word.casefold() for word in words.split())


@anything(st.text())
def test_any_text_can_be_read(text):
    assert has(text) <= set(BY_NAME)


def test_a_huge_text_is_read_in_part():
    assert "at_least_150_words" in has("word " * 1_000_000)


@pytest.mark.parametrize(
    "features",
    [{"": "x"}, {3: "x"}, {"question": "x"}, {"x": "("}, {"x": 3}, {"x": re.compile(b"x")}, "x", [("x", "y")]],
)
def test_refuses_what_is_no_feature(features):
    with pytest.raises(ValueError, match=r"feature"):
        given(features)
