"""Which table of tokens reads texts sooner, here and now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from postopt._checks import check_count
from postopt.clock import Clock
from postopt.quality.counting.scan import normal
from postopt.quality.counting.table import TokenTable

# Arbitrary: what is not a tenth sooner is not worth the seconds that compiling takes.
_WORTH = 0.9


def sooner(texts: Sequence[str], *, rounds: int = 5, clock: Clock = time.perf_counter) -> type[TokenTable]:
    """Return the class of tables that reads texts like these sooner, to be given to `FeatureSet(scan=...)`.

    That is `numba.NumbaTable` if numba can be imported, finds the same tokens in all of the texts, and is at least a
    tenth sooner by the median over rounds in turn; else `TokenTable`. It compiles in this process, which takes seconds:
    worth it before hundreds of thousands of posts.

    Args:
        texts: a sample of what is to be read; a thousand posts are plenty.
        rounds: how often each reads them all, after once unmeasured.
        clock: monotonic, seconds.

    Raises:
        ValueError: `rounds` is no positive int.
    """
    check_count("rounds", rounds)
    try:
        from postopt.quality.counting.numba import NumbaTable  # noqa: PLC0415 - only where it is asked for; numba is optional
    except ImportError:
        return TokenTable
    texts = [normal(text) for text in texts]
    plain, compiled = TokenTable(), NumbaTable()
    if _tokens(plain, texts) != _tokens(compiled, texts):
        return TokenTable
    ratios = [_seconds(compiled, texts, clock) / max(_seconds(plain, texts, clock), 1e-9) for _ in range(rounds)]
    return NumbaTable if median(ratios) < _WORTH else TokenTable


def _tokens(table: TokenTable, texts: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
    numbers, lengths, distinct = table.read(texts)
    return table.arrays().hashes[numbers].tolist(), lengths.tolist(), distinct.tolist()


def _seconds(table: TokenTable, texts: Sequence[str], clock: Clock) -> float:
    start = clock()
    table.read(texts)
    return clock() - start
