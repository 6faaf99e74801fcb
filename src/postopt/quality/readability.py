"""How easy a text is to read, by the classical formulas, in English and Spanish.

Each takes the syllables of a word and the words of a sentence, on average. After Flesch, a number is a word of one
syllable; links, addresses, hashtags, mentions and emoji are no words. Unlike there, the parts of a hyphenated word
count each, and a sentence ends only at . ! ? or an ellipsis with white space behind it, not after a title or an initial
("Dr. J. Smith"); what follows the last end is one more. Syllables are counted by rules (`syllables`): nothing is
downloaded.

The formulas were made for prose of a hundred words and more. A post of ten words moves by ten points and more with one
word.

Sources:

- R. Flesch, "A new readability yardstick", Journal of Applied Psychology 32(3), 1948, 221-233.
- J. Fernandez Huerta, "Medidas sencillas de lecturabilidad", Consigna 214, 1959, 29-32.
- G. Law, "Error in the Fernandez Huerta readability formula", LINGUIST List 22.2332, 2011.
- F. Szigriszt Pazos, "Sistemas predictivos de legibilidad del mensaje escrito: formula de perspicuidad", doctoral
  thesis, Universidad Complutense de Madrid, 1993.
- I. M. Barrio-Cantalejo et al., "Validacion de la Escala INFLESZ para evaluar la legibilidad de los textos dirigidos a
  pacientes", Anales del Sistema Sanitario de Navarra 31(2), 2008, 135-152.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from postopt.errors import shown
from postopt.quality.counting.columns import LANES
from postopt.quality.counting.scan import normal, scan
from postopt.quality.counting.tokens import row
from postopt.quality.lexicon import primary


class Formula(NamedTuple):
    """A score: `constant` - `syllables` * syllables a word - `words` * words a sentence."""

    constant: float
    syllables: float
    words: float


FLESCH: Final = Formula(206.835, 84.6, 1.015)
FERNANDEZ_HUERTA: Final = Formula(206.84, 60.0, 1.02)
SZIGRISZT_PAZOS: Final = Formula(206.835, 62.3, 1.0)

# Flesch's own table (1948), and the INFLESZ scale of Barrio-Cantalejo et al. (2008): a band is from its number up.
_FLESCH_BANDS = {
    90.0: "very easy", 80.0: "easy", 70.0: "fairly easy", 60.0: "standard", 50.0: "fairly difficult",
    30.0: "difficult", -math.inf: "very difficult",
}  # fmt: skip
_INFLESZ_BANDS = {
    80.0: "very easy", 65.0: "fairly easy", 55.0: "normal", 40.0: "somewhat difficult", -math.inf: "very difficult",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Readability:
    """How easy a text is to read.

    Attributes:
        score: points; more is easier. Most prose has 0 to 100, a short text may have less or more.
        scale: "Flesch" or "Szigriszt-Pazos".
        band: the score in words: Flesch's own, or those of the INFLESZ scale.
        words: how many words and numbers it rests on.
        sentences: how many sentences.
        syllables: how many syllables.
    """

    score: float
    scale: str
    band: str
    words: int
    sentences: int
    syllables: int


class _Sizes(NamedTuple):
    words: int
    sentences: int
    syllables: int


def flesch_reading_ease(text: str) -> float:
    """Return Flesch's reading ease (1948): 206.835 - 84.6 syllables a word - 1.015 words a sentence.

    NaN for a text without words. Raises ValueError if `text` is no str.
    """
    return _score(FLESCH, _sizes(text, "syllables_en"))


def fernandez_huerta(text: str) -> float:
    """Return the lecturabilidad of Fernandez Huerta (1959): 206.84 - 60 syllables a word - 1.02 words a sentence.

    It is mostly quoted as 206.84 - 0.60 P - 1.02 F, with P the syllables and F the *sentences* in a hundred words. By
    that, shorter sentences, of which there are more, would make a text harder to read. Law (2011) argues that F must be
    the words of a sentence, as in the formula of Flesch that this one adapts; that form is used here.

    NaN for a text without words. Raises ValueError if `text` is no str.
    """
    return _score(FERNANDEZ_HUERTA, _sizes(text, "syllables_es"))


def szigriszt_pazos(text: str) -> float:
    """Return the perspicuidad of Szigriszt Pazos (1993): 206.835 - 62.3 syllables a word - words a sentence.

    The INFLESZ scale gives its bands for today's readers. NaN for a text without words. Raises ValueError if `text` is
    no str.
    """
    return _score(SZIGRISZT_PAZOS, _sizes(text, "syllables_es"))


def readability(text: str, language: str) -> Readability | None:
    """Return how easy a text is to read, in its language's scale.

    Args:
        text: what is to be read.
        language: a tag such as "en" or "es-MX".

    Returns:
        None if the language is neither English nor Spanish, or the text has no words.

    Raises:
        ValueError: `text` or `language` is no str.
    """
    if not isinstance(language, str):
        raise ValueError(f"language is {shown(language)}; a tag such as 'en' is needed")  # noqa: TRY004 - as all others
    match primary(language):
        case "en":
            sizes, formula, scale, bands = _sizes(text, "syllables_en"), FLESCH, "Flesch", _FLESCH_BANDS
        case "es":
            sizes, formula, scale = _sizes(text, "syllables_es"), SZIGRISZT_PAZOS, "Szigriszt-Pazos"
            bands = _INFLESZ_BANDS
        case _:
            return None
    if not sizes.words:
        return None
    score = _score(formula, sizes)
    return Readability(score, scale, next(band for least, band in bands.items() if score >= least), *sizes)


def _score(formula: Formula, sizes: _Sizes) -> float:
    if not sizes.words:
        return math.nan
    syllables, words = sizes.syllables / sizes.words, sizes.words / sizes.sentences
    return formula.constant - formula.syllables * syllables - formula.words * words


def _sizes(text: str, lane: str) -> _Sizes:
    if not isinstance(text, str):
        raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
    rows = [dict(zip(LANES, row(token), strict=True)) for token in scan(normal(text))]
    words = sum(row["words"] + row["numbers"] for row in rows)
    open_end = bool(rows) and not rows[-1]["sentence_ends"]
    return _Sizes(words, sum(row["sentence_ends"] for row in rows) + open_end, sum(row[lane] for row in rows))
