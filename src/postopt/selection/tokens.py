"""The words, marks and shape of a text, as numbers of a vocabulary."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

HEAD = 200
TAIL = 60
"""Of a text its first 200 and last 60 characters are read: what it is about and what it asks for. On open routing data
this chose better than the whole text, and its time is bounded."""

MOST_TOKENS = 2048
"""Tokens of a vocabulary, the most frequent; twice as many chose no better."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Return the words and marks of a text in lower case, and its shape: how it begins and ends, case, lines, length.

    The shape's tokens begin with a blank, which no word does.
    """
    shown = text if len(text) <= HEAD + TAIL else f"{text[:HEAD]} {text[-TAIL:]}"
    found = _TOKEN.findall(shown.lower())
    if not found:
        return [" empty"]
    # The square's bits: two steps of length for each doubling.
    found += (f" first {found[0]}", f" last {found[-1]}", f" length {(len(text) * len(text)).bit_length()}")
    if shown[0].isupper():
        found.append(" upper")
    if "\n" in shown:
        found.append(" lines")
    return found


class Vocabulary:
    """The tokens that are known, each with a number and a weight.

    The weight is the inverse document frequency, log((1 + texts) / (1 + texts with it)) + 1. Tokens of one text only
    are left out.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        found = Counter(token for text in texts for token in set(text))
        # By frequency, then by name: the same texts in another order give the same numbers.
        kept = sorted((-n, token) for token, n in found.items() if n > 1)[:MOST_TOKENS]
        self.numbers = {token: number for number, (_, token) in enumerate(kept)}
        self.weights = [math.log((1 + len(texts)) / (1 - n)) + 1 for n, _ in kept]

    def __len__(self) -> int:
        return len(self.numbers)

    def of(self, text: Sequence[str]) -> list[int]:
        """Return the numbers of a text's known tokens, each once."""
        return [number for number in set(map(self.numbers.get, text)) if number is not None]
