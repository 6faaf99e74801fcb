"""What a subscriber holds: its counters, and the way out."""

from __future__ import annotations

from postopt.events.inbox import Inbox, Policy
from postopt.events.records import Event


class Subscription:
    """A handler's place at a bus, made by `EventBus.subscribe`.

    Every event accepted for the handler is, at every moment, in exactly one counter:
    accepted = delivered + failed + dropped + coalesced + pending.
    """

    __slots__ = ("_inbox",)

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __repr__(self) -> str:
        return (
            f"<Subscription {self.event_type.__name__} {self.policy} delivered={self.delivered} failed={self.failed} "
            f"dropped={self.dropped} coalesced={self.coalesced} pending={self.pending}>"
        )

    def unsubscribe(self) -> None:
        """End the subscription; what is waiting is dropped and counted, a handler at work may finish.

        Publishers that wait for room go on without this subscriber. Doing it again has no effect.
        """
        self._inbox.close()

    @property
    def event_type(self) -> type[Event]:
        """Events of this type and its subtypes are received."""
        return self._inbox.event_type

    @property
    def policy(self) -> Policy:
        """What happens to an event that finds the queue full (see `EventBus.subscribe`)."""
        return self._inbox.policy

    @property
    def closed(self) -> bool:
        """Whether the subscription has ended, by `unsubscribe` or with its bus."""
        return self._inbox.closed

    @property
    def delivered(self) -> int:
        """Events whose handler returned."""
        return self._inbox.delivered

    @property
    def failed(self) -> int:
        """Events whose handler raised or was cancelled, or whose coalescing key could not be computed."""
        return self._inbox.failed

    @property
    def dropped(self) -> int:
        """Events discarded because the queue was full or the subscription ended."""
        return self._inbox.dropped

    @property
    def coalesced(self) -> int:
        """Events replaced, while they waited, by a newer one of the same key."""
        return self._inbox.coalesced

    @property
    def pending(self) -> int:
        """Events accepted and not done with: those waiting and the one being handled."""
        return self._inbox.pending

    @property
    def last_error(self) -> type[BaseException] | None:
        """Type of the latest failure; the exception itself may hold texts and is not kept."""
        return self._inbox.last_error
