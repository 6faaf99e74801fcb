"""The kinds of columns that a post stands in, how sure each is beforehand, and in which order a post has them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from postopt.engagement.ngrams import MASK, Indices

Floats: TypeAlias = NDArray[np.float32]
Places: TypeAlias = NDArray[np.int32]
Sizes = TypeVar("Sizes", int, Indices)


class Space(NamedTuple):
    """Columns of one kind.

    Attributes:
        name: what they are.
        prior: variance of what one of them says, before anything is known. Fitted on open posts of 119 pages of 2016.
        least: variance that it keeps, so that old posts are forgotten; 0 forgets nothing.
    """

    name: str
    prior: float
    least: float = 0.0


SPACES: Final = (
    Space("words", 0.3),
    Space("title", 0.3),
    Space("pairs", 0.3),
    Space("title pairs", 0.3),
    Space("type's words", 0.3),
    Space("circumstances", 0.1, 0.002),
    Space("page", 3.0, 0.001),
    Space("page's words", 0.5),
    Space("page's circumstances", 0.1, 0.002),
)
WORDS, TITLE, PAIRS, TITLE_PAIRS, OF_TYPE, COMMON, PAGE, OF_PAGE, OWN = range(len(SPACES))

OF_ALL: Final = PAGE
"""So many of the spaces, the first, say the same on any page."""

CIRCUMSTANCES: Final = (COMMON,) * 4 + (PAGE,) + (OWN,) * 5 + (COMMON,) * 2
"""The spaces of a post's last columns: type, hour by language, hour by weekday, hour; page; on the page: always, type,
hour, weekday, length; length, length of the title."""

# So that one hash has another column in each space: multiples of an odd number (2^32 over the golden ratio).
KEYS: Final = np.array([place * 0x9E3779B1 & MASK for place in range(len(SPACES))], dtype=np.int32)

_LEAST = np.array([space.least / space.prior for space in SPACES], dtype=np.float32)
_IN_ORDER = np.array([WORDS, TITLE, OF_TYPE, OF_PAGE, PAIRS, TITLE_PAIRS, *CIRCUMSTANCES])
_ONCE = (1,) * len(CIRCUMSTANCES)


class Shape(NamedTuple):
    """What depends on nothing but how many tokens a post has.

    Its columns are those of its words (text, then title), of words by type, of words by page, of pairs, and its
    `CIRCUMSTANCES`. The pair of the text's last token and the title's first is there, and counts for nothing.

    Attributes:
        text: tokens of the text.
        title: tokens of the title.
        space: of each column.
        x: by how much each column counts: a space says the sum over its columns, over the square root of their number.
            In units in which each weight has a variance of 1 before anything is known.
        keys: that of each column's space.
        least: variance that each column's weight keeps, in the same units.
    """

    text: int
    title: int
    space: Indices
    x: Floats
    keys: Places
    least: Floats


def shape_of(text: int, title: int) -> Shape:
    """Return the shape of posts with so many tokens in text and title."""
    tokens = text + title
    titled = max(title - 1, 0)
    space = np.repeat(_IN_ORDER, (text, title, tokens, tokens, max(tokens - 1, 0) - titled, titled, *_ONCE))
    scales = [math.sqrt(kind.prior / max(n, 1)) for kind, n in zip(SPACES, sizes(text, title), strict=True)]
    x = np.array(scales, dtype=np.float32)[space]
    if text and title:
        x[3 * tokens + text - 1] = 0.0
    return Shape(text, title, space, x, KEYS[space], _LEAST[space])


def sizes(text: Sizes, title: Sizes) -> tuple[int | Sizes, ...]:
    """Return how many columns count in each of `SPACES`, of posts with so many tokens in text and title."""
    tokens = text + title
    common, page, own = (CIRCUMSTANCES.count(space) for space in (COMMON, PAGE, OWN))
    return text, title, text - (text > 0), title - (title > 0), tokens, common, page, tokens, own
