"""Which of several candidate posts reads best: plain rules, counted as demerits.

The idea of drawing several and keeping the one that repeats itself least is RosaeNLG's `choosebest`. The weights are
arbitrary in size and deliberate in order: a post that names nobody, or hides its subject below the fold, is worse
than one that says a word twice, and of two that do neither, the one with fewer words of its own is better.
"""

from __future__ import annotations

from collections.abc import Sequence

from postopt.generation.templates.clause import Option

FOLD = 125
"""Code points a phone shows of a Facebook post before "see more": common advice, not a documented limit."""

EMOJI_CAP = {"professional": 0, "technical": 0, "urgent": 1, "creative": 1, "friendly": 1, "playful": 2}


def demerits(options: Sequence[Option], lead_end: int, tone: str, *, branded: bool) -> int:
    """Return how much speaks against a post; lower is better.

    Args:
        options: the parts of the post.
        lead_end: code points up to the end of the part that holds the topic.
        tone: one of `postopt.types.TONES`.
        branded: whether the brief names a brand, which a post should then mention once.
    """
    words: set[str] = set()
    total = emoji = exclamations = brands = overhead = 0
    for option in options:
        total += len(option.stems)
        words |= option.stems
        emoji += option.emoji
        exclamations += option.exclamations
        brands += option.brands
        overhead += option.overhead
    return (
        2 * (total - len(words))
        + 4 * max(0, emoji - EMOJI_CAP[tone])
        + 3 * max(0, exclamations - 1)
        + 5 * (abs(brands - 1) if branded else 0)
        + 6 * (lead_end > FOLD)
        + overhead // 15
    )
