"""What a rule of correctness finds, and what would mend it."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


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


def links_covered(text: str) -> str:
    """Return a text of the same length in which no mark belongs to a link: those are written over with "x"."""
    return _LINK.sub(lambda link: "x" * len(link[0]), text)
