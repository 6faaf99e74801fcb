"""What an edit may not lose: the facts of the brief, or without one, the numbers, links and accounts of a text."""

from __future__ import annotations

import re

from postopt.quality.spans import Span, occurrences
from postopt.quality.stating.facts import broken_facts
from postopt.types import Brief

_STATED = re.compile(r"(?:https?://|www\.)\S*[\w/]|@\w+|\d+(?:[.,:/]\d+)*")


def kept(text: str, brief: Brief | None) -> frozenset[str]:
    """Return what a text states and must go on stating: names of facts that stand in it unchanged."""
    if brief is None:
        return frozenset(_STATED.findall(text))
    broken = {fact.name for fact in broken_facts(text, brief)}
    return frozenset(name for name in brief.facts if name not in broken)


def places(text: str, brief: Brief | None) -> list[Span]:
    """Return where that stands, and the call to action: what is left standing when a text is shortened."""
    if brief is None:
        return [found.span() for found in _STATED.finditer(text)]
    held = [*brief.facts.values(), *([brief.call_to_action] if brief.call_to_action else [])]
    return [place for value in held for place in occurrences(text, value)]
