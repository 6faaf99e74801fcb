"""What happened, told to whoever asked, without ever holding up who did it."""

from postopt.events.bus import EventBus
from postopt.events.records import BackendChosen, Event, PostRejected, PostWritten
from postopt.events.subscription import Subscription

__all__ = ["BackendChosen", "Event", "EventBus", "PostRejected", "PostWritten", "Subscription"]
