"""Doing again what a log tells of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from typing import Any, NamedTuple

from postopt.errors import ExperimentError, ExperimentStoreError, ReplayError
from postopt.learning import feedback as ledger
from postopt.learning.canonical import canonical
from postopt.learning.log import Entry
from postopt.learning.progress import Progress
from postopt.learning.rows import KINDS, RowStore
from postopt.learning.snapshot import Snapshot
from postopt.learning.stepping import Settings
from postopt.types import Feedback


class Does(NamedTuple):
    """Who does what a log tells of.

    Attributes:
        rows: takes what others wrote into the store.
        feedback: takes reports.
        step: takes a step, with its time, its settings and the names of its learners.
        restore: sets the learners back.
        note: takes all else: its kind and body.
    """

    rows: RowStore
    feedback: Callable[[Sequence[Feedback]], object]
    step: Callable[[float, Settings, Sequence[str]], None]
    restore: Callable[[Snapshot], object]
    note: Callable[[str, dict[str, Any]], None]


def replay(entries: Iterable[Entry], does: Does) -> None:
    """Do all of it again, in its order.

    Raises:
        ReplayError: a line cannot be done; the message says which.
    """
    for kind, group in groupby(entries, key=lambda entry: entry.kind):
        while lot := list(islice(group, ledger.PAGE)):
            with _at(lot):
                _do(kind, [entry.body for entry in lot], does)


def note(state: Progress, kind: str, body: Mapping[str, Any]) -> None:
    """Do to the loop's progress what an entry of kind "stop", "resume" or "spent" says."""
    if kind == "stop":
        state.stopped = body["reason"]
    elif kind == "resume":
        state.stopped, state.changes, state.spent = None, 0, 0
    else:
        state.on(body["now"])
        state.spent += body["micros"]


def _do(kind: str, bodies: list[Any], does: Does) -> None:
    if kind in KINDS:
        KINDS[kind].write(does.rows, bodies)
    elif kind == "feedback":
        does.feedback([ledger.checked(ledger.from_body(canonical(body))) for body in bodies])
    else:
        for body in bodies:
            if kind == "step":
                settings = {name: value for name, value in body.items() if name not in ("now", "learners")}
                does.step(body["now"], Settings(**settings), body["learners"])
            elif kind == "restore":
                does.restore(Snapshot.from_bytes(canonical(body)))
            else:
                does.note(kind, body)


@contextmanager
def _at(lot: Sequence[Entry]) -> Iterator[None]:
    """Say where in the log something cannot be done."""
    first, last = lot[0].line, lot[-1].line
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    try:
        yield
    except ExperimentStoreError:
        raise
    except (ExperimentError, ReplayError) as error:
        raise ReplayError(f"{lines} of the log: {error}", hint=error.hint) from error
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise ReplayError(f"{lines} of the log: nobody can make sense of it: {error}") from error
