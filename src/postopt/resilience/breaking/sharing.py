"""What circuits of one name in several processes tell each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from postopt.resilience.breaking.machine import News, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What others should know of a circuit.

    Attributes:
        news: what it has become by its own calls, or by its host, since this was asked last.
        state: as it is decided.
        open_seconds: how long it stays open, if it is.
        wanted: whether it is being tried, or calls were refused since this was asked last.
        lease_seconds: after how long a probe counts as lost.
    """

    news: News
    state: State
    open_seconds: float
    wanted: bool
    lease_seconds: float


class SharedCircuit(Protocol):
    """A circuit, as whoever carries its news sees it. Any thread may use it."""

    name: str

    def report(self) -> Report:
        """Return what has happened since this was asked last."""
        ...

    def open_for(self, seconds: float) -> None:
        """Be open at least so long, because others have seen failures."""
        ...

    def close(self) -> None:
        """Close, if open, because others' probes have succeeded."""
        ...


class SharedState(Protocol):
    """Carries news between the circuits of one name, off the path of every call."""

    def join(self, circuit: SharedCircuit) -> Callable[[], float]:
        """Carry news for `circuit` from now on, for as long as it lives.

        Returns:
            A function that says at once for how many seconds others are to try the circuit instead of this one, as far
            as is known; 0.0 if it may be tried here.
        """
        ...
