"""What is known when a model is chosen, read from a mapping or a brief.

- `text` is what the prompt says. The nearest texts of the warm start are looked up by it, and its length counts for the
  cost. Of a brief it is the topic.
- `max_tokens`, or `max_length` in characters, says how long the answer may be; else it counts `ANSWER_TOKENS`.
- `max_length` is also a coordinate of the cell, by powers of two: 200 and 250 are the same length, 60 is another.
- Every other key is a coordinate of the cell: `task`, `platform`, `language`, `tone`, and whatever the host has
  besides. Its value is a text of up to 64 characters, a bool, or an int, which counts as the text that it prints: task
  5 is task "5". None is as if the key were not there. All other values are refused.

A cell holds what is alike in all coordinates. What differs for nearly every call (a user, an address) is no coordinate:
it makes cells that never see a second call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from postopt.errors import shown
from postopt.selection.candidate import ANSWER_TOKENS, CHARACTERS_PER_TOKEN
from postopt.types import Brief

Coordinate: TypeAlias = tuple[str, str]
Cell: TypeAlias = tuple[Coordinate, ...]
Context: TypeAlias = Mapping[str, object] | Brief

LONGEST_COORDINATE = 64
_LENGTHS = ("max_length", "max_tokens")
_OF_A_BRIEF = ("platform", "language", "tone", "max_length")


class Reading(NamedTuple):
    """A context as the layers see it.

    Attributes:
        cell: the coordinates, sorted by name.
        text: what the prompt says, or "".
        answer_tokens: how many tokens the answer counts.
    """

    cell: Cell
    text: str
    answer_tokens: float


def read(context: Context) -> Reading:
    """Return what the layers use of a context.

    Raises:
        ValueError: it is neither a mapping nor a brief, its text is none, a length is negative or no number, or a
            value is no coordinate.
    """
    if context.__class__ is not dict:
        context = _mapping(context)
    text = ""
    tokens: float = ANSWER_TOKENS
    cell: list[Coordinate] = []
    for key, value in context.items():
        if key == "text":
            text = _text(value)
        elif key in _LENGTHS:
            tokens = _read_lengths(context, cell)
        elif value is not None:
            cell.append(_coordinate(key, value))
    if len(cell) > 1:
        cell = sorted(dict(cell).items())
    return Reading(tuple(cell), text, tokens)


def cell_json(cell: Cell) -> str:
    """Return a cell as JSON; `cell_of` gives it back."""
    return json.dumps(cell, separators=(",", ":"))


def cell_of(text: str) -> Cell:
    """Return the cell that `cell_json` wrote."""
    return tuple((name, value) for name, value in json.loads(text))


def cell_words(cell: Cell) -> str:
    """Return a cell as a reader sees it."""
    return ", ".join(f"{name}={value}" for name, value in cell) or "no known coordinate"


def _read_lengths(context: Mapping[str, object], cell: list[Coordinate]) -> float:
    """Add the length to the cell; return the tokens of the answer."""
    length = _length(context, "max_length")
    tokens = _length(context, "max_tokens")
    if length is not None:
        cell.append(("max_length", f"<{1 << int(length).bit_length()}"))
    if tokens is not None:
        return tokens
    return ANSWER_TOKENS if length is None else length / CHARACTERS_PER_TOKEN


def _mapping(context: object) -> Mapping[str, object]:
    if isinstance(context, Brief):
        return {"text": context.topic, **{name: getattr(context, name) for name in _OF_A_BRIEF}}
    if not isinstance(context, Mapping):
        raise ValueError(f"context is {shown(context)}; a mapping or a Brief is needed")  # noqa: TRY004 - as all others
    return context


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"context['text'] is {shown(value)}; a text is needed")  # noqa: TRY004 - as all others
    return value


def _coordinate(key: object, value: object) -> Coordinate:
    if not isinstance(key, str):
        raise ValueError(f"context has the key {shown(key)}; a text is needed")  # noqa: TRY004 - as all others
    if isinstance(value, str) and len(value) <= LONGEST_COORDINATE:
        return key, value
    if isinstance(value, int):
        return key, str(value)
    raise ValueError(
        f"context[{key!r}] is {shown(value)}; a text of up to {LONGEST_COORDINATE} characters, a bool or an int is "
        "needed (what the prompt says is context['text'])"
    )


def _length(context: Mapping[str, object], name: str) -> float | None:
    value = context.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1e9:
        raise ValueError(f"context[{name!r}] is {shown(value)}; a number from 0 to 1e9 is needed")
    return value
