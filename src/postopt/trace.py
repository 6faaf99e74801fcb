"""Who answered a call and why: the record that every answer carries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Who answered and why. It holds names, numbers and codes, never a text of a prompt or a post.

    Attributes:
        tier: kind of source: "template", "local", "remote" or "cache".
        model: name of the model or grammar that answered.
        source: "primary", or what stood in for it: "other provider", "stale" or "templates".
        attempts: calls made until this answer, this one included; those of the generators in `fallbacks` count, too.
        retries: how many of them asked the same generator, or another replica of it, again.
        fallbacks: what was tried before and why it did not answer, oldest first.
        waits: where the call waited for its turn and how many seconds: ("queue", 0.2), ("retry", 1.5).
        cost_usd: what the answer cost, with the attempts that failed; 0 for a hit or a template.
        unsettled_usd: what attempts that were given up may have cost besides, at most: nobody knows.
        saved_usd: what it would have cost, had it not been there already.
        seconds: from request to answer by the writer's clock, or None if nobody measured.
        notes: further decisions worth knowing ("best of 16").
        arm: which version of the prompt it was written with, where several are compared.
        propensity: with what probability prompt and model were chosen, together; 1 where nothing was left to chance.
        why: the reasons for prompt and model.
        decisions: under which ids these choices are written down, for feedback.
    """

    tier: str
    model: str
    source: str = "primary"
    attempts: int = 1
    retries: int = 0
    fallbacks: tuple[str, ...] = ()
    waits: tuple[tuple[str, float], ...] = ()
    cost_usd: float = 0.0
    unsettled_usd: float = 0.0
    saved_usd: float = 0.0
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    arm: str = ""
    propensity: float = 1.0
    why: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()

    def noted(self, note: str) -> Trace:
        """Return the trace with one more note."""
        return replace(self, notes=(*self.notes, note))

    def summary(self) -> str:
        """Return all of it that is worth a look, on one line."""
        who = self.model if self.tier == "remote" else f"{self.model} ({self.tier})"
        parts = [who if self.source == "primary" else f"{who} as {self.source}"]
        if self.fallbacks:
            parts.append("instead of " + "; ".join(self.fallbacks))
        if self.attempts > 1:
            retried = f", {_count(self.retries, 'retry', 'retries')}" if self.retries else ""
            parts.append(f"{_count(self.attempts, 'attempt', 'attempts')}{retried}")
        parts += [f"{_duration(seconds)} in {where}" for where, seconds in self.waits]
        if self.seconds is not None:
            parts.append(_duration(self.seconds))
        parts.append(self._cost())
        if self.saved_usd:
            parts.append(f"${self.saved_usd:.6f} saved")
        return " ".join(" | ".join([*parts, *self.notes, *self._chosen()]).split())

    def _chosen(self) -> list[str]:
        """Return what was chosen and why, in words."""
        chosen = [f"arm {self.arm}"] if self.arm else []
        if self.propensity < 1:
            chosen.append(f"chosen with probability {self.propensity:.3g}")
        return [*chosen, *self.why]

    def _cost(self) -> str:
        cost = f"${self.cost_usd:.6f}" if self.cost_usd else "$0"
        return f"{cost} and up to ${self.unsettled_usd:.6f} for calls given up" if self.unsettled_usd else cost

    def _repr_html_(self) -> str:
        cells = {
            "answered by": f"{self.model} ({self.tier}), {self.source}",
            "instead of": "; ".join(self.fallbacks),
            "attempts": f"{self.attempts}, of them retries: {self.retries}",
            "waited": ", ".join(f"{_duration(seconds)} in {where}" for where, seconds in self.waits),
            "cost": self._cost() + (f" (${self.saved_usd:.6f} saved)" if self.saved_usd else ""),
            "took": "" if self.seconds is None else _duration(self.seconds),
            "notes": "; ".join(self.notes),
            "chosen": "; ".join(self._chosen()),
        }
        rows = (f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in cells.items() if text)
        return f"<table>{''.join(rows)}</table>"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
