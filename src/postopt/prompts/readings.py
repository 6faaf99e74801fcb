"""What one report about a post says in the terms of a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from postopt.types import Feedback

Reading: TypeAlias = Callable[[Feedback], float | None]
"""Returns a metric's value for one post, or None where the report says nothing of it."""


def _per_impression(count: str) -> Reading:
    def read(feedback: Feedback) -> float | None:
        # A post that nobody was shown says nothing of its prompt, and hides that nobody counted are not no hides:
        # neither is an outcome, least of all one of 0.
        value = getattr(feedback, count)
        return None if value is None or not feedback.impressions else value / feedback.impressions

    return read


READINGS: Mapping[str, Reading] = MappingProxyType(
    {
        "click_rate": _per_impression("clicks"),
        "hide_rate": _per_impression("hides"),
        "reaction_rate": _per_impression("reactions"),
    }
)
"""By the metric's name; each is a count per impression of one post."""
