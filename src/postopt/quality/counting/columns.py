"""The columns of the feature set: their names, units and what each counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CATEGORIES: Final = (
    "I", "we", "you", "he_she", "they", "deixis", "negation", "look", "superlative", "question_word", "why",
    "call_to_action", "urgency", "new_free", "modal", "people", "man", "woman", "child", "speech", "thought",
    "intensifier", "positive_emotion", "negative_emotion", "money",
)  # fmt: skip
"""The lists of `lexicon.WORDS` whose words are counted, not their pairs; nothing is to be learned from "sensitive"."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number about a text.

    Attributes:
        name: unique.
        unit: "count", "share" (0 to 1), "yes" (0 or 1), or what it is measured in.
        says: what it counts.
    """

    name: str
    unit: str
    says: str


OF_TEXT: Final = (
    Column("chars", "count", "code points that were read, composed (NFC)"),
    Column("lines", "count", "lines, the empty ones too"),
    Column("sentences", "count", "marks that end a sentence, and one more where something follows the last"),
)

OF_TOKENS: Final = (
    Column("words", "count", "words; one of Han or kana is a character"),
    Column("long_words", "count", "words of 7 letters or more"),
    Column("foreign", "count", "words that do not begin with a Latin letter"),
    Column("capitals", "count", "capital letters in words"),
    Column("initials", "count", "words that begin with a capital"),
    Column("shouted", "count", "words of 3 letters or more that are all capitals"),
    Column("numbers", "count", "numbers, each with its separators and what is written together with it"),
    Column("digits", "count", "digits in numbers"),
    Column("questions", "count", "question marks"),
    Column("exclamations", "count", "exclamation marks"),
    Column("ellipses", "count", "runs of two full stops or more, and ellipsis signs"),
    Column("commas", "count", "commas outside numbers"),
    Column("colons", "count", "colons outside numbers and links"),
    Column("dashes", "count", "runs of dashes; a single hyphen is one only before white space"),
    Column("quotation_marks", "count", "quotation marks, opening and closing"),
    Column("parentheses", "count", "opening parentheses"),
    Column("currencies", "count", "currency signs"),
    Column("percents", "count", "percent signs"),
    Column("inverted_marks", "count", "inverted question and exclamation marks"),
    Column("other_marks", "count", "marks and symbols that no other column counts; no full stops that end a sentence"),
    Column("emoji", "count", "emoji; a joined sequence, a flag, a keycap, and one with a skin tone are one each"),
    Column("hashtags", "count", "hashtags"),
    Column("mentions", "count", "mentions of an account"),
    Column("links", "count", "links and e-mail addresses"),
)

YES: Final = (
    Column("starts_with_number", "yes", "begins with a number"),
    Column("starts_with_quotation", "yes", "begins with a quotation mark"),
    Column("starts_with_question", "yes", "begins with a question word of its language, or with an inverted mark"),
    Column("ends_with_question", "yes", "ends with a question mark"),
    Column("ends_with_exclamation", "yes", "ends with an exclamation mark"),
    Column("ends_with_ellipsis", "yes", "ends with an ellipsis"),
    Column("ends_with_colon", "yes", "ends with a colon"),
    Column("ends_with_link", "yes", "ends with a link"),
    Column("english", "yes", "is in English: given, or told by its function words"),
    Column("spanish", "yes", "is in Spanish: likewise. Neither: all columns that need a language are 0"),
)

SHARES: Final = (
    Column("word_length", "letters", "letters a word"),
    Column("words_a_sentence", "words", "words and numbers a sentence"),
    Column("share_capitals", "share", "capitals among the letters"),
    Column("share_initials", "share", "words that begin with a capital"),
    Column("share_distinct", "share", "tokens, as written, that are distinct"),
    Column("share_function_words", "share", "words that are function words of its language"),
    Column("syllables_a_word", "syllables", "syllables a word by its language's rules; a number has one"),
    Column("reading_ease", "points", "Flesch's score in English, that of Szigriszt Pazos in Spanish (`readability`)"),
)

IN_LANGUAGE: Final = tuple(
    Column(f"says_{name}", "count", f"words of the list {name!r} of its language") for name in CATEGORIES
)

COLUMNS: Final = (*OF_TEXT, *OF_TOKENS, *YES, *SHARES, *IN_LANGUAGE)
"""All columns, in the order of the values."""

LANES: Final = (
    *(column.name for column in OF_TOKENS),
    "letters", "sentence_ends", "spanish_marks", "function_words_en", "function_words_es", "syllables_en",
    "syllables_es",
)  # fmt: skip
"""What is counted of each token: the columns `OF_TOKENS`, and what other columns are computed from."""
