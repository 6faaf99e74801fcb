"""What a cache has done, and what it holds: for people, and for metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any

from postopt.caching.coalescing import Coalescer
from postopt.caching.levels import Level
from postopt.caching.negatives import Negatives


@dataclass(slots=True)
class Counters:
    """What a tiered cache counts itself.

    Attributes:
        hits: values that were there.
        misses: lookups by `get` that found nothing.
        computed: values that were made.
        stale_served: of the hits, those that were no longer fresh.
        refreshed: values that were made anew while an older one was served.
        refresh_failed: attempts at that which raised.
        failed: attempts to make a value that raised.
        negative_hits: errors that were raised again instead of trying.
        unkept: values that were not kept, because they cannot be or the host did not want them kept.
        unreadable: entries whose value the cache's codec did not make.
        overdue: times that a thread gave up waiting for a level.
        cost_saved: what the hits would have cost.
        cost_spent: what the computed values cost.
    """

    hits: int = 0
    misses: int = 0
    computed: int = 0
    stale_served: int = 0
    refreshed: int = 0
    refresh_failed: int = 0
    failed: int = 0
    negative_hits: int = 0
    unkept: int = 0
    unreadable: int = 0
    overdue: int = 0
    cost_saved: float = 0.0
    cost_spent: float = 0.0


@dataclass(frozen=True, slots=True)
class LevelReport:
    """One level: who answered how often, how full it is, what went wrong.

    Attributes:
        name: its number and class.
        hits: entries served from here.
        refused: values that it cannot keep.
        faults: failed calls, by the name of the error.
        owed: changes that it has not taken over yet.
        details: what the store itself reports.
    """

    name: str
    hits: int
    refused: int
    faults: dict[str, int]
    owed: int
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CacheReport:
    """A tiered cache since it was made.

    Attributes:
        counters: see `Counters`.
        coalesced: callers that got the value of another one's computation.
        levels: from the quickest on.
    """

    counters: Counters
    coalesced: int
    levels: tuple[LevelReport, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON types."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join([*self._headlines(), *(f"{name}: {text}" for name, text in self._level_lines())])

    def _repr_html_(self) -> str:
        """Return the report for a notebook: inline style, every text escaped, no script."""
        head = "".join(f"<p>{escape(line)}</p>" for line in self._headlines())
        cell = "text-align:left;vertical-align:top;padding:2px 1em 2px 0"
        rows = "".join(
            f'<tr><th style="{cell};white-space:nowrap">{escape(name)}</th><td style="{cell}">{escape(text)}</td></tr>'
            for name, text in self._level_lines()
        )
        return f'<div>{head}<table style="border-collapse:collapse">{rows}</table></div>'

    def _headlines(self) -> list[str]:
        counters = self.counters
        asked = counters.hits + counters.misses + counters.computed + counters.failed + self.coalesced
        share = f"{counters.hits / asked:.1%} of {asked:,}" if asked else "nothing asked yet"
        lines = [
            f"{counters.hits:,} hits ({share}), {counters.computed:,} computed, {self.coalesced:,} coalesced",
            f"cost: {counters.cost_saved:.6g} saved by hits, {counters.cost_spent:.6g} spent on computing",
        ]
        if counters.failed or counters.negative_hits:
            lines.append(
                f"{counters.failed:,} attempts failed, {counters.negative_hits:,} not made because one had failed"
            )
        if counters.stale_served or counters.refreshed or counters.refresh_failed:
            lines.append(
                f"{counters.stale_served:,} served stale, {counters.refreshed:,} made anew meanwhile, "
                f"{counters.refresh_failed:,} times in vain"
            )
        return lines

    def _level_lines(self) -> list[tuple[str, str]]:
        return [(level.name, _level_text(level)) for level in self.levels]


def make_report(
    levels: Sequence[Level[Any]], counters: Counters, negatives: Negatives, coalescer: Coalescer
) -> CacheReport:
    """Return the present state."""
    return CacheReport(
        counters=replace(counters, negative_hits=negatives.raised),
        coalesced=coalescer.joined,
        levels=tuple(
            LevelReport(
                level.name,
                hits=level.hits,
                refused=level.refused,
                faults=dict(level.faults),
                owed=len(level.owed),
                details=_details(level.store),
            )
            for level in levels
        ),
    )


def _details(store: object) -> dict[str, Any]:
    stats = getattr(store, "stats", None)
    if stats is None:
        return {}
    try:
        found = stats()
        return found.to_dict() if hasattr(found, "to_dict") else asdict(found)
    except Exception as error:  # noqa: BLE001 - a store that cannot report is reported
        return {"error": type(error).__name__}


def _level_text(level: LevelReport) -> str:
    parts = [f"{level.hits:,} served"]
    parts += [f"{name.replace('_', ' ')} {_shown(value)}" for name, value in level.details.items() if value]
    if level.refused:
        parts.append(f"{level.refused:,} values refused")
    if level.faults:
        parts.append("faults: " + ", ".join(f"{name} {times:,}" for name, times in level.faults.items()))
    if level.owed:
        parts.append(f"{level.owed:,} changes owed")
    return ", ".join(parts)


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
