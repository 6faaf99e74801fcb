"""What a rule of correctness finds, and what would mend it."""

from __future__ import annotations

from typing import NamedTuple


class Defect(NamedTuple):
    """One defect of a text.

    Attributes:
        rule: the rule's id, such as "correctness.doubled_word".
        start: where it begins, in code points.
        end: where it ends; the same as `start` where something is missing.
        mended: what should stand there instead, or None if no rule can tell.
        message: what is wrong and what to do.
        hard: whether no text with it may be published.
    """

    rule: str
    start: int
    end: int
    mended: str | None
    message: str
    hard: bool = False


def quoted(text: str) -> str:
    """Return a piece of a text as a message shows it, 60 characters at most."""
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}..."'
