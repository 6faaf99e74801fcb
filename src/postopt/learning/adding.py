"""What a post got, added up: it is judged once, by all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, NamedTuple

from postopt.errors import OutcomeError
from postopt.types import Feedback


class Sum(NamedTuple):
    """Several reports of one post as one.

    Attributes:
        feedback: what they say together, with `id` and `at` of the last one.
        reports: how many they are.
    """

    feedback: Feedback
    reports: int


def added_up(reports: Iterable[Feedback]) -> list[Sum]:
    """Return the sum of one post's reports, given in their order; none of none.

    What was counted in some of them is their sum, what was counted in none is None. What passes the greatest count of a
    `Feedback` goes on in a second sum.
    """
    sums: list[Sum] = []
    for report in reports:
        whole = _added(sums[-1].feedback, report) if sums else None
        if whole is None:
            sums.append(Sum(report, 1))
        else:
            sums[-1] = Sum(whole, sums[-1].reports + 1)
    return sums


_AMOUNTS = tuple(field.name for field in fields(Feedback) if field.name not in ("id", "post_id", "at"))


def _added(first: Feedback, second: Feedback) -> Feedback | None:
    """Return both as one, or None if it cannot hold that much."""
    amounts: dict[str, Any] = {}  # fields of the report by name
    for name in _AMOUNTS:
        one, other = getattr(first, name), getattr(second, name)
        # A millionth of a dollar: sums of floats are not exact. Those of whole numbers stay what they are.
        amounts[name] = one if other is None else other if one is None else round(one + other, 6)
    try:
        return replace(second, **amounts)
    except OutcomeError:
        return None
