"""A decision in words and as a table."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from postopt.stats.interval import Interval

if TYPE_CHECKING:
    from postopt.experiments.decision import ArmResult, Decision

_SHOWN_ARMS = 50  # arbitrary: more rows nobody reads; the others are in `Decision.arms`


def percent(lift: float) -> str:
    """Return a relative difference with its sign."""
    return f"{lift:+.1%}"


def span(interval: Interval) -> str:
    """Return an interval of relative differences, such as "[+2.0%, +31.5%]"."""
    low = "-100%" if interval.low <= -1 else percent(interval.low)
    high = "unbounded" if math.isinf(interval.high) else percent(interval.high)
    return f"[{low}, {high}]"


def certainty(interval: Interval) -> str:
    """Return how sure an interval is, such as "97.5% interval"."""
    return f"{100 * interval.level:.3g}% interval"


def words(decision: Decision) -> str:
    """Return what a decision says, a line for each thing."""
    return "\n".join([headline(decision), *(f"- {reason}" for reason in decision.reasons)])


def headline(decision: Decision) -> str:
    """Return state, lift, interval and n on one line."""
    who = f"{decision.state}: {decision.winner}" if decision.winner is not None else str(decision.state)
    return (
        f"{decision.experiment}: {who}; {decision.leader} against {decision.against} "
        f"{percent(decision.lift)}, {certainty(decision.interval)} {span(decision.interval)}, n = {decision.n:,}"
    )


def html(decision: Decision) -> str:
    """Return the decision for a notebook: inline style, every text escaped, no script."""
    cell = "text-align:left;padding:2px 1em 2px 0"
    head = "".join(f'<th style="{cell}">{name}</th>' for name in _COLUMNS)
    rows = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{escape(text)}</td>' for text in _cells(result)) + "</tr>"
        for result in decision.arms[:_SHOWN_ARMS]
    )
    left = len(decision.arms) - _SHOWN_ARMS
    more = f"<p>and {left:,} more arms</p>" if left > 0 else ""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
    return (
        f"<div><p><b>{escape(headline(decision))}</b></p><ul>{reasons}</ul>"
        f'<table style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>{more}</div>'
    )


_COLUMNS = ("arm", "status", "assigned", "n", "mean", "lift over control", "interval", "share of what comes next")


def _cells(result: ArmResult) -> tuple[str, ...]:
    return (
        result.arm.name,
        result.status,
        f"{result.assigned:,}",
        f"{result.n:,}",
        f"{result.mean:.4g}",
        percent(result.lift),
        span(result.interval),
        f"{result.share:.1%}",
    )
