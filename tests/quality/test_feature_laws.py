"""What holds for the features of any text."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from postopt.quality.counting import scan as scanning
from postopt.quality.counting.columns import COLUMNS, OF_TEXT, OF_TOKENS
from postopt.quality.counting.scan import MOST_CHARACTERS, normal, scan
from postopt.quality.counting.table import TokenTable
from postopt.quality.counting.tokens import LANES, kind, row, term, token_hash
from postopt.quality.features import FEATURE_NAMES, FeatureSet
from postopt.quality.readability import readability

# Each begins or ends something that a rule of the grammar reads.
PIECES = """
    Hello hello the The THE and of to you your el la los de que y en niño NIÑO ¿Cómo cómo estás? ¡Hola! What is best
    U.S. e.g. p.m. a.b U.S.A .A. Mr. Dr. Mrs. Prof. vs. J. I. x. Smith it's rock'n'roll rock'n.b l'homme d’or 'quoted'
    1 20 20th 1,234.56 1.234,56 10:30 3.5M 5% $9.99 50€ 1,2,3. #tag #1 #1st #a_b ##x a#b @me @a.b. a@@b a@b.com a@b
    x.y+z@mail.example.org http://cnn.it/1a HTTPS://x.y/z?q=1#f). http://http://a httpx:// www.a.com WWW.A.com Www.x
    wwW.b xwww.a cnn.com/a a.b.c.d.e.f.com/ a-b.co/ bit.ly/! https:// http://... ... … .. !!! ?!? !?" ." .) -- — – -
    -a _ __x ( ) [x] \\ " “ ” « » : ; , / // @ # 👍 👍🏽 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️‍🔥 🇪🇸 🇫🇷🇪 1️⃣ #️⃣ 1⃣ a⃣ ©️ © ™ ‼️ ☕ ☕️ ✂︎ 🏽
    日本語 テスト 안녕 नमस्ते สวัสดี مرحبا שלום мир می‌خواهم é ñ ² ½ ﬁ ß İ ŉ
""".split()
PIECES += ["e\u0301", "\u0301", "1\u00a0234", "1\u202f234", "a\u200db", "\u200d", "\u200c", "\ufe0f", "\u20e3"]
PIECES += ["ー", "\u3099", "ℹ\ufe0f", "\u24c2\ufe0f", "𠀀", "\U00033480", "\U000e0100", "٣", "a٣"]
PIECES += ["\ud800", "\udfff", "\x00", "\u00ad", "\ufeff", "\u0344", "\U000e0067"]
GAPS = ["", " ", "\n", "\r\n", "\t", "\u2028", "\x1c", "\u3000", "\u00a0"]

posts = st.lists(
    st.tuples(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), st.sampled_from(GAPS)).map("".join), max_size=16
).map("".join)
languages = st.sampled_from([None, "en", "es", "es-MX", "EN_gb", "fr", ""])
batches = st.lists(st.tuples(posts, languages), max_size=6)

FEATURES = FeatureSet()


def row_of(batch, i):
    start, end = batch.offsets[i : i + 2]
    return tuple(batch.values[i].tolist()), tuple(batch.tokens[start:end].tolist()), batch.languages[i]


@given(batches)
@example([])
@example([("", None), ("a", None), ("", "en"), ("", None)])
def test_one_post_and_a_batch_have_equal_features(batch):
    texts, spoken = [text for text, _ in batch], [language for _, language in batch]
    many = FEATURES.many(texts, spoken)
    assert many.values.shape == (len(texts), len(FEATURE_NAMES))
    assert many.values.dtype == np.float32
    assert many.tokens.dtype == np.uint32
    assert many.offsets.dtype == np.int64
    assert len(many.tokens) == many.offsets[-1]
    assert [row_of(many, i) for i in range(len(texts))] == [FEATURES.one(*each) for each in batch]
    assert all(map(np.array_equal, FEATURES.tokens(texts), (many.tokens, many.offsets)))


@given(posts, languages)
def test_what_was_read_before_changes_nothing(text, language):
    assert FeatureSet().one(text, language) == FEATURES.one(text, language)


@given(posts)
@settings(max_examples=300)
def test_the_rules_left_out_would_have_found_nothing(text):
    text = normal(text)
    whole = scanning._grammar(links=True, tags=True, emoji=True, scripts=True, letters="all")
    assert scan(text) == whole.findall(text + " ")


@given(posts)
def test_nothing_but_white_space_lies_between_tokens(text):
    text = normal(text)
    place = 0
    for token in scan(text):
        found = (text + " ").index(token, place)
        assert not text[place:found].strip()
        place = found + len(token)
    assert not text[place:].strip()


@given(posts)
def test_no_lane_counts_more_than_one_for_each_character(text):
    # So no sum of a text of 65,535 characters runs over 16 bits, and the sums of packed rows are right.
    for token in scan(normal(text)):
        assert len(row(token)) == len(LANES)
        assert all(0 <= count <= len(token) for count in row(token))
        assert 0 <= token_hash(token) < 2**32
        assert term(token)
        assert kind(token) in {"word", "number", "link", "hashtag", "mention", "emoji", "mark"}


@given(posts, languages)
def test_values_are_finite_and_in_their_units(text, language):
    values = dict(zip(FEATURE_NAMES, FEATURES.one(text, language).values, strict=True))
    for column in COLUMNS:
        value = values[column.name]
        assert math.isfinite(value)
        if column.unit == "yes":
            assert value in (0, 1)
        elif column.unit == "share":
            assert 0 <= value <= 1
        elif column.unit == "count":
            assert value >= 0
            assert value == int(value)


@given(posts, st.sampled_from(["en", "es"]))
def test_reading_ease_is_the_score_of_readability(text, language):
    values = dict(zip(FEATURE_NAMES, FEATURES.one(text, language).values, strict=True))
    read = readability(text, language)
    assert values["reading_ease"] == (0 if read is None else np.float32(read.score))


@given(posts)
def test_an_unknown_language_leaves_only_what_needs_none(text):
    values = dict(zip(FEATURE_NAMES, FEATURES.one(text, "fr").values, strict=True))
    in_language = {name for name in FEATURE_NAMES if name.startswith("says_")}
    in_language |= {"english", "spanish", "share_function_words", "syllables_a_word", "reading_ease"}
    assert not any(values[name] for name in in_language)
    known = dict(zip(FEATURE_NAMES, FEATURES.one(text, "en").values, strict=True))
    assert all(values[name] == known[name] for name in set(FEATURE_NAMES) - in_language - {"starts_with_question"})


@given(posts, posts)
def test_counts_of_two_texts_add_up(first, second):
    # A letter and an end of line keep the two apart.
    parts = [normal(f"{text}x") for text in (first, second)]
    of_tokens = slice(len(OF_TEXT), len(OF_TEXT) + len(OF_TOKENS))
    together, one, other = (np.array(FEATURES.one(text, "en").values[of_tokens]) for text in ("\n".join(parts), *parts))
    assert np.array_equal(one + other, together)


@pytest.mark.long
def test_compiled_code_finds_the_same_tokens():
    pytest.importorskip("numba", reason="an optional library")
    from postopt.quality.counting.numba import NumbaTable

    compiled, plain = FeatureSet(scan=NumbaTable), FeatureSet()

    @given(batches)
    @settings(max_examples=200)
    @example([(" ".join(PIECES[i:] + PIECES[:i]), None) for i in range(len(PIECES))])
    @example([(first + second, None) for first in PIECES for second in PIECES[::7]])
    @example([("Mr. 😀 Smith and J. \n Jones. 😀 U.S. Army 😀.\n\n A 1 -\n- 1 234 مرحبا ", None)])
    def same(batch):
        texts, spoken = [text for text, _ in batch], [language for _, language in batch]
        found, expected = compiled.many(texts, spoken), plain.many(texts, spoken)
        assert [row_of(found, i) for i in range(len(texts))] == [row_of(expected, i) for i in range(len(texts))]

    same()
    assert type(compiled._idle[0]) is NumbaTable
    assert type(plain._idle[0]) is TokenTable


@pytest.mark.long
def test_compiled_code_makes_room_as_it_goes():
    pytest.importorskip("numba", reason="an optional library")
    from postopt.quality.counting.numba import NumbaTable

    compiled, plain = NumbaTable(), TokenTable()
    grows = [
        [""],
        ["a"],
        [f"w{i} \ud800\udfff{i}" for i in range(500)],
        ["b" * MOST_CHARACTERS, "a " * 30_000, "a"],
        [],
    ]
    for texts in [*grows, *grows[::-1]]:
        found, expected = compiled.read(texts), plain.read(texts)
        hashes = [table.arrays().hashes[read.numbers] for table, read in ((compiled, found), (plain, expected))]
        assert np.array_equal(*hashes)
        assert np.array_equal(found.lengths, expected.lengths)
        assert np.array_equal(found.distinct, expected.distinct)
    assert compiled.keys() == plain.keys()
