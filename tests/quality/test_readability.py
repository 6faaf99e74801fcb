"""The formulas, against published examples and counts by hand."""

import math

import pytest

from postopt.quality.readability import fernandez_huerta, flesch_reading_ease, readability, szigriszt_pazos

# The first sentence of Don Quixote: 33 words, and 60 syllables counted by hand.
QUIXOTE = (
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de los de "
    "lanza en astillero, adarga antigua, rocín flaco y galgo corredor."
)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        # The worked examples of Wikipedia, "Flesch-Kincaid readability tests".
        ("The cat sat on the mat.", 116),
        ("This sentence, taken as a reading passage unto itself, is being used to prove a point.", 69),
        ("The Australian platypus is seemingly a hybrid of a mammal and reptilian creature.", 37.5),
    ],
)
def test_flesch_gives_the_published_scores(text, score):
    assert flesch_reading_ease(text) == pytest.approx(score, abs=0.5)


def test_flesch_by_hand():
    # 7 words, one a number, in 2 sentences, of 9 syllables.
    assert flesch_reading_ease("Bread for 20 people. Come and enjoy!") == pytest.approx(
        206.835 - 84.6 * 9 / 7 - 1.015 * 7 / 2
    )


def test_spanish_formulas_by_hand():
    assert szigriszt_pazos(QUIXOTE) == pytest.approx(206.835 - 62.3 * 60 / 33 - 33)
    assert fernandez_huerta(QUIXOTE) == pytest.approx(206.84 - 60 * 60 / 33 - 1.02 * 33)


def test_shorter_sentences_are_easier_by_every_formula():
    # What the formula of Fernandez Huerta says as it is mostly quoted, with the number of sentences, is the reverse.
    one, several = "el pan es bueno y el vino es caro", "el pan es bueno. y el vino. es caro"
    for score in (flesch_reading_ease, fernandez_huerta, szigriszt_pazos):
        assert score(several) > score(one)


@pytest.mark.parametrize(
    ("text", "words", "sentences"),
    [
        ("Dr. J. Smith went to St. Louis. He paid $3.50!", 10, 2),
        ("The U.S. team won at 3 p.m. on Sunday.", 9, 1),
        ("Wait... what?! No", 3, 3),
        ('He said "no." Then he left', 6, 2),
        ("See http://x.org/a. #bread @me 👍", 1, 2),
        ("well-known", 2, 1),
        ("version 1.5 is here", 4, 1),
    ],
)
def test_words_and_sentences(text, words, sentences):
    read = readability(text, "en")
    assert (read.words, read.sentences) == (words, sentences)


@pytest.mark.parametrize("text", ["", "  ", "👍🏽", "?!", "http://x.org/a #tag @me"])
def test_a_text_without_words_has_no_score(text):
    assert math.isnan(flesch_reading_ease(text))
    assert math.isnan(fernandez_huerta(text))
    assert math.isnan(szigriszt_pazos(text))
    assert readability(text, "en") is None
    assert readability(text, "es") is None


@pytest.mark.parametrize(
    ("text", "language", "scale", "band"),
    [
        ("The cat sat on the mat.", "en-US", "Flesch", "very easy"),
        ("Is the platypus seemingly a hybrid of mammal and reptilian creature?", "EN", "Flesch", "difficult"),
        ("Institutional accountability necessitates organizational transparency.", "en", "Flesch", "very difficult"),
        (QUIXOTE, "es_MX", "Szigriszt-Pazos", "normal"),
        ("El pan es bueno.", "es", "Szigriszt-Pazos", "very easy"),
        ("Responsabilidades organizativas internacionales.", "es", "Szigriszt-Pazos", "very difficult"),
    ],
)  # fmt: skip
def test_a_score_comes_with_its_scale_and_band(text, language, scale, band):
    read = readability(text, language)
    assert (read.scale, read.band) == (scale, band)
    assert read.score == (flesch_reading_ease if scale == "Flesch" else szigriszt_pazos)(text)


@pytest.mark.parametrize("language", ["fr", "", "english"])
def test_other_languages_have_no_scale(language):
    assert readability("Ça va bien", language) is None


def test_refuses_what_is_no_text():
    for score in (flesch_reading_ease, fernandez_huerta, szigriszt_pazos):
        with pytest.raises(ValueError, match="text is 3"):
            score(3)
    with pytest.raises(ValueError, match="text is None"):
        readability(None, "en")
    with pytest.raises(ValueError, match="language is None"):
        readability("a", None)


def test_ten_megabytes_are_read_in_part():
    text = "The cat sat on the mat. " * 400_000
    assert flesch_reading_ease(text) == pytest.approx(116.145, abs=0.1)
