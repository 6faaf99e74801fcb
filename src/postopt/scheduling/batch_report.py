"""What a batcher has done, and what waits in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """A batcher at one moment.

    Attributes:
        waiting: items that were not sent yet, those of callers that have left included until their turn comes.
        running: batches that are being run.
        batches: batches that were chosen; parts of those that failed are not counted again.
        items: items in them.
        failed: batches that raised.
        resent: calls of `run` with parts of those.
        shed: items that were refused, by reason: "full", "deadline", "closed".
        seconds_per_token: a of the fitted cost a n + b; per item if tokens are not counted.
        seconds_per_batch: b of it.
    """

    waiting: int
    running: int
    batches: int
    items: int
    failed: int
    resent: int
    shed: Mapping[str, int]
    seconds_per_token: float
    seconds_per_batch: float
