"""What the features of a text are, by example."""

import threading

import numpy as np
import pytest

from postopt.quality import features as module
from postopt.quality.counting.columns import CATEGORIES, COLUMNS
from postopt.quality.counting.scan import MOST_CHARACTERS, normal, scan
from postopt.quality.counting.tokens import kind, term, token_hash
from postopt.quality.features import FEATURE_NAMES, FEATURES_VERSION, FeatureSet
from postopt.quality.lexicon import WORDS
from postopt.quality.readable import language_of, read

FEATURES = FeatureSet()


def of(text, language=None):
    """The features that are not 0."""
    values = zip(FEATURE_NAMES, FEATURES.one(text, language).values, strict=True)
    return {name: value for name, value in values if value}


def tokens(text):
    return [token.strip() for token in scan(normal(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("It's 5 o'clock", ["It's", "5", "o'clock"]),
        ("It’s l’heure", ["It's", "l'heure"]),
        ("'quoted'", ["'", "quoted", "'"]),
        ("1,234.56 and 1.234,56", ["1,234.56", "and", "1.234,56"]),
        ("1,2, 3.", ["1,2", ",", "3", "."]),
        ("at 10:30, the 20th, 3.5M", ["at", "10:30", ",", "the", "20th", ",", "3.5M"]),
        ("1\u00a0234", ["1\u00a0234"]),
        ("$9.99 50€ 5%", ["$", "9.99", "50", "€", "5", "%"]),
        ("see http://cnn.it/1a?b=c#d.", ["see", "http://cnn.it/1a?b=c#d", "."]),
        ("(https://x.org/a)", ["(", "https://x.org/a", ")"]),
        ("www.cnn.com, cnn.com/a!", ["www.cnn.com", ",", "cnn.com/a", "!"]),
        ("end.Start 3.5/4", ["end", ".", "Start", "3.5", "/", "4"]),
        ("mail me@example.co.uk.", ["mail", "me@example.co.uk", "."]),
        ("#tag #1 #1st a#b #ñandú", ["#tag", "#", "1", "#1st", "a", "#", "b", "#ñandú"]),
        ("@me @a.b. a @ b", ["@me", "@a.b", ".", "a", "@", "b"]),
        ("Mr. Smith, J. K. Rowling", ["Mr", ".", "Smith", ",", "J", ".", "K", ".", "Rowling"]),
        ("the U.S. at 3 p.m. on", ["the", "U.S.", "at", "3", "p.m.", "on"]),
        ("Wait... what?! No!!", ["Wait", "...", "what", "?!", "No", "!!"]),
        ('He said "no."', ["He", "said", '"', "no", '."']),
        ("well-known - or — not", ["well", "-", "known", "-", "or", "—", "not"]),
        ("👍🏽👍", ["👍🏽", "👍"]),
        ("👩‍👩‍👧‍👦 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿", ["👩‍👩‍👧‍👦", "❤️‍🔥", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]),
        ("🇪🇸🇫🇷", ["🇪🇸", "🇫🇷"]),
        ("1️⃣ #️⃣ 10", ["1️⃣", "#️⃣", "10"]),
        ("©️ © ☕️", ["©️", "©", "☕️"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("日本語!", ["日", "本", "語", "!"]),
        ("안녕 하세요", ["안녕", "하세요"]),
        ("e\u0301te\u0301", ["été"]),
        ("مرحبا، שלום", ["مرحبا", "،", "שלום"]),
        ("\ud800\x00", ["\ud800", "\x00"]),
        ("snake_case", ["snake", "_", "case"]),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("token", "what", "said"),
    [
        ("Hello", "word", "hello"),
        ("U.S.", "word", "u.s"),
        ("20th", "number", "20th"),
        ("1.234,56", "number", "1.234,56"),
        ("http://www.CNN.com/a?b", "link", "//cnn.com"),
        ("bit.ly/abc", "link", "//bit.ly"),
        ("www.a.com", "link", "//a.com"),
        ("A@b.com", "link", "a@b.com"),
        ("#Tag", "hashtag", "#tag"),
        ("@Me", "mention", "@me"),
        ("#", "mark", "#"),
        ("👍🏽", "emoji", "👍🏽"),
        ("#️⃣", "emoji", "#️⃣"),
        ("2️⃣", "emoji", "2️⃣"),
        ("? ", "mark", "?"),
        ("!!!\n", "mark", "!!"),
        ('?!" ', "mark", "?!"),
        (". ", "mark", "."),
        ("... ", "mark", "…"),
        ("---- ", "mark", "-"),
        ("日", "word", "日"),
    ],
)
def test_what_a_token_is_and_what_is_hashed_of_it(token, what, said):
    assert (kind(token), term(token)) == (what, said)


# Never to change without FEATURES_VERSION: what models have learned is filed under these.
@pytest.mark.parametrize(
    ("token", "pinned"),
    [
        ("the", 2800107122), ("THE", 2800107122), ("¿", 438937028), ("niño", 165642033), ("#tag", 2167134543),
        ("👍🏽", 265866534), ("\ud800", 3881294392),
    ],
)  # fmt: skip
def test_hashes_are_pinned(token, pinned):
    assert FEATURES_VERSION == 1
    assert token_hash(token) == pinned


def test_an_english_post():
    text = "How MUCH is it? 3 loaves cost $4.50 at http://x.org/a 😀😀 #bread\n\nAsk @anna, or wait..."
    assert of(text) == {
        "chars": len(text), "lines": 3, "sentences": 2, "words": 10, "capitals": 6, "initials": 3, "shouted": 1,
        "numbers": 2, "digits": 4, "questions": 1, "ellipses": 1, "commas": 1, "currencies": 1, "emoji": 2,
        "hashtags": 1, "mentions": 1, "links": 1, "starts_with_question": 1, "ends_with_ellipsis": 1, "english": 1,
        "word_length": np.float32(32 / 10), "words_a_sentence": 6, "share_capitals": np.float32(6 / 32),
        "share_initials": np.float32(3 / 10), "share_distinct": np.float32(20 / 21),
        "share_function_words": np.float32(4 / 10), "syllables_a_word": 1, "reading_ease": np.float32(116.145),
        "says_question_word": 1,        "says_money": 1, "says_speech": 1,
    }  # fmt: skip


def test_a_spanish_post():
    found = of("¿Cómo estás? ¡Mañana es 50% más barato!", "es-MX")
    expected = {
        "sentences": 2, "words": 6, "inverted_marks": 2, "questions": 1, "exclamations": 1, "percents": 1,
        "starts_with_question": 1, "ends_with_exclamation": 1, "spanish": 1, "says_question_word": 1, "says_money": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("7 ways", {"starts_with_number"}),
        ('"Never," he said', {"starts_with_quotation", "says_he_she"}),
        ("¿Y?", {"starts_with_question", "ends_with_question", "spanish"}),
        ("Who is it", {"starts_with_question"}),
        ("The who", {"english"}),
        ("Go!", {"ends_with_exclamation"}),
        ('He said "go!"', {"ends_with_exclamation"}),
        ("Read more:", {"ends_with_colon"}),
        ("Read more: http://x.org/", {"ends_with_link", "colons"}),
        ("Привет мир", {"foreign"}),
        ("MADE IN SPAIN", {"shouted"}),
    ],
)
def test_a_text_has(text, names):
    assert names <= set(of(text))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The who", {"starts_with_question"}),
        ("Go! Now", {"ends_with_exclamation"}),
        ("a well-known fact", {"dashes"}),
        ("1,234.56", {"commas", "sentence_ends", "other_marks"}),
        ("at 10:30", {"colons"}),
        ("http://x.org/a?b", {"colons", "questions", "other_marks"}),
        ("Ça va très bien", {"foreign"}),
        ("Việt Nam", {"foreign"}),
    ],
)
def test_a_text_has_not(text, names):
    assert not names & set(of(text))


@pytest.mark.parametrize("text", ["", "the", "¿", "no", "El gato está en el techo", "The cat is on the roof", "🚀 1"])
def test_a_language_is_told_as_by_readable(text):
    assert FEATURES.one(text).language == language_of(read(text).words, text)


@pytest.mark.parametrize(
    ("given", "english", "spanish"),
    [("en", 1, 0), ("EN-us", 1, 0), ("es_MX", 0, 1), ("es", 0, 1), ("fr", 0, 0), ("", 0, 0), ("english", 0, 0)],
)
def test_a_given_language_is_believed_and_kept(given, english, spanish):
    found = FEATURES.one("The cat", given)
    assert found.language == given
    assert FEATURES.many(["The cat"], [given]).languages == (given,)
    assert found.values[FEATURE_NAMES.index("english")] == english
    assert found.values[FEATURE_NAMES.index("spanish")] == spanish


def test_ten_megabytes_are_read_in_part():
    text = "é word 👍! " * 1_000_000
    found = of(text, "en")
    assert found["chars"] == MOST_CHARACTERS
    assert found == of(text[:MOST_CHARACTERS], "en")
    assert FEATURES.many([text], ["en"]).values[0].tolist() == list(FEATURES.one(text, "en").values)


@pytest.mark.parametrize(
    "letter", ["a", "!", "1", "A.", "#", "@a", "http://", "a.", "👍", "-", "'", "\u0301", "\u0344"]
)
def test_the_longest_texts_overflow_nothing(letter):
    # U+0344 becomes two characters when composed.
    many = FEATURES.many([letter * MOST_CHARACTERS], ["en"])
    assert (many.values >= 0).all() or many.values[0, FEATURE_NAMES.index("reading_ease")] < 0
    assert many.values[0].tolist() == list(FEATURES.one(letter * MOST_CHARACTERS, "en").values)
    assert many.values.max() <= MOST_CHARACTERS + 1


def test_only_emoji():
    assert of("👍🏽❤️‍🔥🇪🇸") == {
        "chars": 8, "lines": 1, "sentences": 1, "emoji": 3, "share_distinct": 1,
    }  # fmt: skip


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_refuses_what_is_no_text(text):
    with pytest.raises(ValueError, match="text is"):
        FEATURES.one(text)
    with pytest.raises(ValueError, match="text is"):
        FEATURES.many(["a", text])


def test_refuses_what_is_no_language():
    with pytest.raises(ValueError, match="language is 3"):
        FEATURES.one("a", 3)
    with pytest.raises(ValueError, match="language is 3"):
        FEATURES.many(["a"], [3])
    with pytest.raises(ValueError, match="language is"):
        FEATURES.one("a", ["en"])
    with pytest.raises(ValueError, match="languages has 1 items; one for each of 2 texts"):
        FEATURES.many(["a", "b"], ["en"])
    with pytest.raises(ValueError, match="scan is 'numba'"):
        FeatureSet(scan="numba")


def test_a_batch_is_cut_where_it_is_large(monkeypatch):
    texts = [f"The cat {i} is {'on ' * (i % 7)}" for i in range(50)]
    whole = FEATURES.many(texts)
    monkeypatch.setattr(module, "_CHUNK", 40)
    cut = FEATURES.many(texts)
    assert all(np.array_equal(a, b) for a, b in zip(whole[:3], cut[:3], strict=True))
    assert whole.languages == cut.languages


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_TOKENS", 100)
    features = FeatureSet()
    for start in range(0, 2000, 40):
        features.one(" ".join(f"word{i}" for i in range(start, start + 40)))
        features.many([f"other{start} text"])
        assert sum(len(table) for table in features._idle) <= 100


def test_threads_share_a_feature_set():
    texts = [f"{i} is the number {i * i}! 👍 http://x{i}.org/" for i in range(200)]
    expected = [FeatureSet().one(text) for text in texts]
    shared, failures = FeatureSet(), []

    def work():
        for _ in range(3):
            failures.extend(text for text, right in zip(texts, expected, strict=True) if shared.one(text) != right)
            if shared.many(texts).values.tolist() != [list(features.values) for features in expected]:
                failures.append("many")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(shared._idle) <= 4


def test_columns_are_documented():
    assert 40 <= len(COLUMNS) <= 70
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert all(column.unit and column.says for column in COLUMNS)
    assert set(CATEGORIES) <= {name for name, _ in WORDS}
    assert "sensitive" not in CATEGORIES
