"""What may be found out here and now: not everything, not everywhere."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

IN_LOOP = "an event loop runs in this thread"
FORKED = "this process was forked from the one that made the engine"


class Permission(NamedTuple):
    """Whether unknown libraries may be examined in a subprocess, whether they may be raced, and if not, why."""

    probe: bool
    measure: bool
    reason: str = ""


def here(owner: int) -> Permission:
    """Return what an engine that was made in process `owner` may do in this thread of this process.

    An event loop must not wait. A forked child would race beside its parent and its siblings, and measure those.
    """
    if in_event_loop():
        return Permission(probe=False, measure=False, reason=IN_LOOP)
    if os.getpid() != owner:
        return Permission(probe=True, measure=False, reason=FORKED)
    return Permission(probe=True, measure=True)


def in_event_loop() -> bool:
    """Whether an asyncio event loop runs in this thread."""
    # asyncio itself is not imported: where nobody did, no loop runs.
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return running is not None and running() is not None
