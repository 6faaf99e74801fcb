"""Telling others what an experiment settled, without depending on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from postopt._checks import check_callable
from postopt.events.records import Event


class EventSink(Protocol):
    """Where an experiment publishes; `postopt.events.EventBus` is one."""

    def publish_nowait(self, event: Event) -> object:
        """Take an event without waiting."""
        ...


class Publisher:
    """Tells a sink, if there is one.

    Attributes:
        failed: how many events the sink did not take.

    Raises:
        ValueError: the sink takes no events.
    """

    def __init__(self, sink: EventSink | None) -> None:
        if sink is not None:
            check_callable("events.publish_nowait", getattr(sink, "publish_nowait", None), "takes an event")
        self.failed = 0
        self._sink = sink

    def __call__(self, events: Iterable[Event]) -> None:
        """Tell of each; what the sink raises is counted, because what happened has happened."""
        if self._sink is None:
            return
        for event in events:
            try:
                self._sink.publish_nowait(event)
            except Exception:  # noqa: BLE001  # a sink that fails must not fail the experiment
                self.failed += 1
