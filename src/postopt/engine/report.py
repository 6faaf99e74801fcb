"""What an engine chose, by how much, and what would be better: one object, three ways to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from postopt.engine.units import duration, payload

if TYPE_CHECKING:
    from postopt.engine.records import Verdict
    from postopt.engine.score import Score


@dataclass(frozen=True, slots=True)
class Measured:
    """One candidate in one cell, by the clock that decided there.

    Attributes:
        median: seconds per call, median of the bursts.
        spread: seconds per call, between the quartiles of the bursts.
        bytes_out: bytes the cell's payload compresses to; 0 for other roles.
    """

    median: float
    spread: float
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Who fills one cell, and the numbers of everybody measured there; roles without cells have goal "" and size 0."""

    role: str
    goal: str
    size: int
    name: str
    version: str
    source: str
    candidates: Mapping[str, Measured]


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
        lines = [self._headline()]
        if self.choices:
            lines += ["", *_aligned([_HEADER, *map(_cells_of_row, self.choices)])]
        if self.rejected:
            lines += ["", "Not used:", *_aligned([(f"  {v.role}", v.name, v.state, v.reason) for v in self.rejected])]
        for title, texts in (("Advice:", self.advice), ("Notes:", self.notes)):
            if texts:
                lines += ["", title, *(f"  {text}" for text in texts)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the report for a notebook: tables with inline style, every text escaped, no script."""
        from postopt.engine import page  # noqa: PLC0415  # only notebooks pay for importing html

        tables: list[page.Table] = [(_HEADER, [_cells_of_row(row) for row in self.choices])] if self.choices else []
        if self.rejected:
            rows = [(v.role, v.name, v.state, v.reason) for v in self.rejected]
            tables.append((("not used", "", "state", "reason"), rows))
        return page.page(self._headline(), tables, (*self.advice, *self.notes))

    def _headline(self) -> str:
        covered = f"{self.score.measured} of {self.score.cells} cells measured"
        if self.score.value is None or self.score.interval is None:
            return f"Score: unmeasured ({covered})"
        low, high = self.score.interval
        spent = f", measuring took {self.measuring_seconds * 1e3:.0f} ms" if self.measuring_seconds else ""
        return (
            f"Score: {self.score.value:.1f} of 100, 95 % interval {low:.1f} to {high:.1f}, tier {self.score.tier} "
            f"({covered}{spent}); compared with the libraries that work here"
        )


_HEADER = ("role", "goal", "size", "backend", "version", "why", "median (spread) of each candidate")


def _row_dict(row: Row) -> dict[str, Any]:
    candidates: dict[str, dict[str, float]] = {}
    for name, numbers in row.candidates.items():
        candidates[name] = {"median": numbers.median, "spread": numbers.spread}
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


def _cells_of_row(row: Row) -> tuple[str, ...]:
    numbers = ", ".join(
        f"{name} {duration(m.median)} ({duration(m.spread)})" + (f" {m.bytes_out} B" if m.bytes_out else "")
        for name, m in row.candidates.items()
    )
    return row.role, row.goal, payload(row.role, row.size), row.name, row.version, row.source, numbers or "-"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
