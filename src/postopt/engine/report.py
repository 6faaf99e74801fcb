"""What an engine chose, by how much, and what would be better: one object, three ways to read it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from postopt.engine.units import duration, payload, percent

if TYPE_CHECKING:
    from postopt.engine.records import Verdict
    from postopt.engine.score import Score

WIDTH = 100
NUMBERS = "Median of n bursts, in brackets their spread between the quartiles"
LEGEND = f"{NUMBERS}; * marks the choice."


@dataclass(frozen=True, slots=True)
class Measured:
    """One candidate in one cell, by the clock that decided there.

    Attributes:
        median: seconds per call, median of the bursts.
        spread: seconds per call, between the quartiles of the bursts.
        n: how many bursts.
        bytes_out: what a payload of the cell compresses to on average, in bytes; 0 for other roles.
    """

    median: float
    spread: float
    n: int
    bytes_out: int = 0

    def __str__(self) -> str:
        size = f" {self.bytes_out} B" if self.bytes_out else ""
        return f"{duration(self.median)}{size} ({percent(self.spread / self.median)}, n {self.n})"


@dataclass(frozen=True, slots=True)
class Row:
    """Who fills one cell, and the numbers of everybody measured there; roles without cells have goal "" and size 0."""

    slot: str
    role: str
    goal: str
    size: int
    name: str
    version: str
    source: str
    candidates: Mapping[str, Measured]

    def numbers(self) -> list[str]:
        """Return one text a candidate, the fastest first and the chosen one marked."""
        return [f"{'*' if name == self.name else ''}{name} {m}" for name, m in self.candidates.items()]


@dataclass(frozen=True, slots=True)
class EngineReport:
    """A snapshot of an engine; print it, show it in a notebook, or pass `to_dict()` on as JSON.

    Attributes:
        score: 0-100 with interval, tier and coverage; see `postopt.engine.score`.
        measuring_seconds: what this engine spent on measuring; 0 if wisdom knew.
        choices: one row a cell of the roles used so far.
        rejected: candidates that cannot be chosen, and why.
        advice: what would be better, and whether it is worth it.
        notes: what did not go as it normally would.
    """

    score: Score
    measuring_seconds: float
    choices: tuple[Row, ...]
    rejected: tuple[Verdict, ...]
    advice: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types; times in seconds, `measuring_ms` in milliseconds."""
        return {
            "score": self.score.value,
            "interval": None if self.score.interval is None else list(self.score.interval),
            "tier": self.score.tier,
            "coverage": self.score.coverage,
            "measuring_ms": self.measuring_seconds * 1e3,
            "choices": [_row_dict(row) for row in self.choices],
            "rejected": [
                {"library": v.library, "state": v.state, "reason": v.reason, "role": v.role, "name": v.name}
                for v in self.rejected
            ],
            "advice": list(self.advice),
        }

    def __str__(self) -> str:
        blocks = [self._headline()]
        if self.choices:
            blocks.append(self._table())
        blocks += [[title, *_listed(texts)] for title, texts in self._lists()]
        return "\n\n".join("\n".join(lines) for lines in blocks)

    def _repr_html_(self) -> str:
        """Return the report for a notebook: tables with inline style, every text escaped, no script."""
        from postopt.engine import page  # noqa: PLC0415  # only notebooks pay for importing html

        header = ("role", "backend", "why", "goal", "size", "candidates")
        rows = [
            (row.slot, f"{row.name} {row.version}", row.source, row.goal, payload(row.role, row.size), row.numbers())
            for row in self.choices
        ]
        return page.page(self._headline(), header, rows, self._legend(), self._lists())

    def _headline(self) -> list[str]:
        covered = f"{self.score.measured} of {self.score.cells} cells measured"
        if self.score.value is None or self.score.interval is None:
            return [f"Score: unmeasured ({covered})"]
        low, high = self.score.interval
        spent = f" in {self.measuring_seconds * 1e3:.0f} ms" if self.measuring_seconds else ""
        score = f"{self.score.value:.1f} of 100, 95 % interval {low:.1f} to {high:.1f}, tier {self.score.tier}"
        return [
            f"Score: {score} ({covered}{spent})",
            "100 means that nothing which works here is faster. What is not installed is not compared.",
        ]

    def _table(self) -> list[str]:
        """Return the choices, a heading for each slot and a line for each cell that was measured."""
        wide = max(len(row.goal) for row in self.choices)
        lines: list[str] = []
        for slot, group in groupby(self.choices, lambda row: row.slot):
            rows = list(group)
            backends = dict.fromkeys(f"{row.name} {row.version}" for row in rows)
            lines.append(f"{slot}: {', '.join(backends)} ({rows[0].source})")
            lines += [
                f"  {row.goal:{wide}}  {payload(row.role, row.size):9}  {', '.join(row.numbers())}"
                for row in rows
                if row.candidates
            ]
        return [*lines, *self._legend()]

    def _legend(self) -> list[str]:
        return [LEGEND] if any(row.candidates for row in self.choices) else []

    def _lists(self) -> list[tuple[str, Sequence[str]]]:
        """Return titles and entries of what is not empty."""
        same: dict[tuple[str, str], dict[str, None]] = {}
        for verdict in self.rejected:
            same.setdefault((verdict.state, verdict.reason), {})[verdict.name] = None
        rejected = [f"{', '.join(names)}: {state}, {reason}" for (state, reason), names in same.items()]
        lists = (("Not used:", rejected), ("Advice:", self.advice), ("Notes:", self.notes))
        return [(title, texts) for title, texts in lists if texts]


def _row_dict(row: Row) -> dict[str, Any]:
    candidates: dict[str, dict[str, float]] = {}
    for name, numbers in row.candidates.items():
        candidates[name] = {"median": numbers.median, "spread": numbers.spread, "n": numbers.n}
        if numbers.bytes_out:
            candidates[name]["bytes"] = numbers.bytes_out
    return {
        "role": row.role,
        "goal": row.goal,
        "size": row.size,
        "name": row.name,
        "version": row.version,
        "candidates": candidates,
    }


def _listed(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in wrapped(f"  {text}", "    ")]


def wrapped(text: str, indent: str) -> list[str]:
    """Return `text` in lines of at most 100 characters, unless a single word is longer."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
