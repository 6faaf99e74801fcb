"""An evaluation in words and as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from postopt.stats import Interval

if TYPE_CHECKING:
    from postopt.engagement.evaluation import Against, Evaluation

LEAST_OF_DAY = 30
"""Posts of a day below which its coverage says nothing; arbitrary."""


def sentence(evaluation: Evaluation) -> str:
    """Return what an evaluation comes to, in plain words."""
    e = evaluation
    first, *others = [_compared(against) for against in e.against]
    return " ".join([
        f"On {e.n:,} posts of {e.pages:,} {'page' if e.pages == 1 else 'pages'} the predictions are {first}",
        *(f"They are {other}" for other in others),
        _told_apart(e),
        _covered(e),
    ])  # fmt: skip


def _compared(against: Against) -> str:
    low, high = against.interval[:2]
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"neither better nor worse than {against.name} as far as so few posts can say."
    change = f"mean error {100 * abs(against.gain):.1f} % {'smaller' if against.gain >= 0 else 'larger'}"
    says = f"({change}, 95 % interval of the gain {_percent(low)} to {_percent(high)})."
    return f"{'better' if low > 0 else 'worse' if high < 0 else 'no better'} than {against.name} {says}"


def _told_apart(e: Evaluation) -> str:
    low, high = e.auc_interval[:2]
    if not math.isfinite(low):
        return "Whether they tell a post above its page's median from one that is not cannot be judged here."
    says = f"{100 * e.auc_above_baseline:.1f} % of pairs ({_span(e.auc_interval)})"
    if low <= 0.5 <= high:
        return f"They tell a post above its page's median from one that is not no better than chance does: in {says}."
    return f"They tell a post above its page's median from one that is not in {says}; chance is 50 %."


def _covered(e: Evaluation) -> str:
    says = f"{100 * e.coverage:.1f} % of outcomes lay within their intervals"
    low, high = e.coverage_interval[:2]
    if not math.isfinite(low):
        return f"{says}, {100 * e.target:.4g} % were to."
    verdict = "fewer than the" if high < e.target else "more than the" if low > e.target else "in line with the"
    return f"{says} ({_span(e.coverage_interval)}), {verdict} {100 * e.target:.4g} % that were to."


def table(evaluation: Evaluation) -> str:
    """Return the figures as lines of text, the sentence last."""
    e = evaluation
    rows = [
        ("posts, pages", f"{e.n:,}, {e.pages:,}"),
        ("R2", _number(e.r2)),
        ("mean absolute error, log1p", _number(e.mae)),
        ("rank correlation, all posts", _number(e.spearman)),
        ("rank correlation, within pages", f"{_number(e.within_page_rank)}  ({e.within_pages:,} pages)"),
        ("AUC, above the page's median", f"{_number(e.auc_above_baseline)}  ({_span(e.auc_interval, share=False)})"),
        ("calibration error", f"{_number(e.ece)}  (by chance {_number(e.ece_floor)})"),
        ("Brier score", _number(e.brier)),
        (f"coverage, to be {e.target:.4g}", f"{_number(e.coverage)}  ({_span(e.coverage_interval, share=False)})"),
        ("mean width, log1p", _number(e.width)),
        (
            "coverage of pages, 10th percentile",
            f"{_number(e.coverage_page_tenth)}  (worst {_number(e.coverage_page_worst)}, {e.coverage_pages:,} pages)",
        ),
        (f"coverage of the worst day of {LEAST_OF_DAY} posts", _worst_day(e)),
    ]
    rows += [(f"against {other.name}", _beside(other)) for other in e.against]
    width = max(len(name) for name, _ in rows)
    return "\n".join([*(f"{name:{width}}  {value}" for name, value in rows), "", e.sentence])


def _worst_day(e: Evaluation) -> str:
    days = [day.coverage for day in e.by_day.values() if day.n >= LEAST_OF_DAY]
    return f"{_number(min(days, default=math.nan))}  ({len(days):,} days)"


def _beside(other: Against) -> str:
    low, high = other.interval[:2]
    return (
        f"mean error {_percent(-other.gain)}  (gain {_percent(low)} to {_percent(high)}; "
        f"its R2 {_number(other.r2)}, error {_number(other.mae)})"
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _percent(value: float) -> str:
    return f"{100 * value:+.1f} %" if math.isfinite(value) else "-"


def _span(interval: Interval, *, share: bool = True) -> str:
    low, high = interval[:2]
    if not math.isfinite(low):
        return "no interval"
    return f"95 % interval {100 * low:.1f} to {100 * high:.1f} %" if share else f"95 % interval {low:.3f} to {high:.3f}"
