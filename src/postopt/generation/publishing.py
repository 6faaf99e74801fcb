"""What a writer tells the outside about each post and each rejection: names, numbers and codes, no text."""

from __future__ import annotations

from typing import Protocol

from postopt.clock import Clock
from postopt.events.records import Event, PostRejected, PostWritten
from postopt.types import Post, Rejection


class EventSink(Protocol):
    """Where a writer publishes; `postopt.events.EventBus` is one."""

    def publish_nowait(self, event: Event) -> object:
        """Take an event without waiting."""
        ...


class Publisher:
    """Tells a sink, if there is one, what became of each variant.

    Args:
        sink: who is told.
        generator: name of the generator that was asked.
        wall_clock: seconds since the epoch, for the events.

    Attributes:
        failed: how many events the sink did not take.
    """

    def __init__(self, sink: EventSink | None, generator: str, wall_clock: Clock) -> None:
        self.failed = 0
        self._sink = sink
        self._generator = generator
        self._wall_clock = wall_clock

    def __call__(self, outcome: Post | Rejection, code: str) -> None:
        """Tell of a post or a rejection; `code` stands for the reasons, which quote the brief.

        Codes: "conflict" (no post can keep the brief), "refused" (by the generator), "broken" (the text breaks the
        brief), "repeated", "no_text" (the generator is out of order).
        """
        if self._sink is None:
            return
        try:
            self._sink.publish_nowait(self._event(outcome, code))
        except Exception:  # noqa: BLE001  # an event that cannot be told must not cost the post it tells of
            self.failed += 1

    def _event(self, outcome: Post | Rejection, code: str) -> Event:
        at = self._wall_clock()
        if isinstance(outcome, Rejection):
            return PostRejected(at=at, generator=self._generator, variant=outcome.variant, reason_codes=(code,))
        trace = outcome.trace
        return PostWritten(
            at=at,
            post_id=outcome.id,
            generator=outcome.generator,
            tier=trace.tier,
            model=trace.model,
            attempts=trace.attempts,
            cost_usd=trace.cost_usd,
            seconds=trace.seconds,
        )
