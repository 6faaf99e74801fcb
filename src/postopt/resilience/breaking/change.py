"""Telling others that a circuit has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from postopt.errors import shown
from postopt.resilience.breaking.machine import State
from postopt.resilience.breaking.plain import check_plain
from postopt.resilience.breaking.tally import Tally
from postopt.resilience.outcome import Outcome

_log = logging.getLogger("postopt.resilience")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A breaker has another state.

    Attributes:
        name: the breaker's.
        before: the state it had.
        after: the state it has.
        outcome: the call that led there; None if it was the host, another process, or that time passed.
        retry_after: seconds until it may be tried, if it has opened; else 0.
    """

    name: str
    before: State
    after: State
    outcome: Outcome | None
    retry_after: float


Listener: TypeAlias = Callable[[Change], object]
"""Called with each change. It must not block: the call that changed the state waits for it."""


class Listeners:
    """Those who are told of changes. What they raise is counted and goes no further, but for an interrupt.

    An interrupt (KeyboardInterrupt, SystemExit) is counted, too, and goes on to whoever made the change.

    Attributes:
        errors: how often one raised.
    """

    __slots__ = ("_listeners", "errors")

    def __init__(self, listeners: Iterable[Listener]) -> None:
        try:
            self._listeners = tuple(listeners)
        except TypeError as error:
            needed = "a list of functions is needed that take a Change"
            raise ValueError(f"listeners is {shown(listeners)}; {needed}") from error
        self.errors = Tally()
        for listener in self._listeners:
            check_plain("each of listeners", listener, "takes a Change")

    def tell(self, change: Change) -> None:
        """Call them all with it, in order."""
        for listener in self._listeners:
            try:
                listener(change)
            except (KeyboardInterrupt, SystemExit):
                self.errors.tick()
                raise
            except BaseException as error:  # noqa: BLE001 - no listener may change the result of a call
                self.errors.tick()
                # By its type alone: what an error says may quote a post.
                _log.warning("a listener of circuit %r raised %s", change.name, type(error).__name__)
