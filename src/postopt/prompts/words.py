"""Which words are used more in the texts that did better: for display, not for claims."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from postopt._checks import check_positive
from postopt.experiments.contrasts import contrasts, read_groups
from postopt.experiments.records import Group
from postopt.experiments.terms import tokens


class Word(NamedTuple):
    """A word, or a pair of neighbours.

    Attributes:
        word: as it is written, case aside.
        z: how many standard errors its log-odds of being in a text above the mean of its contrast are from those of
            being in one below.
        above: texts above the mean that have it.
        below: texts below.
    """

    word: str
    z: float
    above: int
    below: int


def fighting_words(groups: Iterable[Group], *, prior: float = 500.0) -> tuple[Word, ...]:
    """Return the words and pairs of past contrasts, those of the better texts first.

    What stands out among thousands of words does so partly by chance: on headlines that were not looked at, the effect
    of the first and the last twenty was half as large. So this is for reading, and no pattern.

    Args:
        groups: past contrasts, each the `(text, n, successes)` of texts that were compared at random.
        prior: how many words of an average text are added to each side; it pulls rare words towards 0. The default is
            the usual one, and arbitrary.

    Raises:
        OutcomeError: a row is no `(text, n, successes)`, or its counts cannot be.
        ValueError: `prior` is not more than zero.

    Source: B. L. Monroe, M. P. Colaresi and K. M. Quinn, "Fightin' Words", Political Analysis 16(4), 2008, 372-403.
    """
    check_positive("prior", prior, "words")
    data = contrasts(read_groups(groups))
    better = data.centred(data.effect, 1 / data.variance) > 0
    above: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for text, side in zip(data.texts, better.tolist(), strict=True):
        found = tokens(text)
        (above if side else below).update({*found, *(f"{a} {b}" for a, b in pairwise(found))})
    total = above + below
    sums = above.total(), below.total(), total.total()
    words = [
        _word(word, above[word], below[word], prior * count / sums[2], prior, sums) for word, count in total.items()
    ]
    return tuple(sorted(words, key=lambda word: (-word.z, word.word)))


def _word(word: str, above: int, below: int, own: float, prior: float, sums: tuple[int, int, int]) -> Word:
    if above + below == sums[2]:  # the only word there is
        return Word(word, 0.0, above, below)
    a, b = above + own, below + own
    odds = math.log(a / (sums[0] + prior - a)) - math.log(b / (sums[1] + prior - b))
    return Word(word, odds / math.sqrt(1 / a + 1 / b), above, below)
