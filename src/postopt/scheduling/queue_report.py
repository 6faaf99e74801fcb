"""What a queue has done, and who waits in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """A queue at one moment.

    Attributes:
        limit: how many may run at once.
        running: how many do.
        waiting: how many wait, by lane.
        served: turns that have ended.
        waited: turns that had to be waited for.
        waited_p50: seconds that half of those waited at most, within 1 %; None if there were none.
        waited_p99: the same for 99 of 100.
        waited_max: the longest.
        shed: how many were refused, by reason: "full", "displaced", "deadline", "closed".
        left: how many were cancelled while they waited.
        turn_seconds: how long a turn takes, as estimates take it; None before the first was timed.
    """

    limit: int
    running: int
    waiting: tuple[int, ...]
    served: int
    waited: int
    waited_p50: float | None
    waited_p99: float | None
    waited_max: float | None
    shed: Mapping[str, int]
    left: int
    turn_seconds: float | None
