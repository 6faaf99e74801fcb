"""An experiment as a picture: the interval as it narrowed, and who was shown how often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO

from postopt._optional import needs
from postopt.experiments.course import Course, Point
from postopt.experiments.display import certainty
from postopt.experiments.replay import ReplayReport

with needs("matplotlib"):
    from matplotlib.axes import Axes as Axes  # noqa: PLC0414 - for annotations elsewhere
    from matplotlib.figure import Figure as Figure  # noqa: PLC0414
    from matplotlib.ticker import EngFormatter, PercentFormatter


class Picture(Figure):
    """A figure that a notebook shows without pyplot, and without its magics."""

    def _repr_png_(self) -> bytes:
        data = BytesIO()
        self.savefig(data, format="png")
        return data.getvalue()


def draw(course: Course, axes: Sequence[Axes] | None = None) -> Figure:
    """Draw the course of an experiment: the interval above, the arms' shares below.

    No window is opened and no state of pyplot is touched: `figure.savefig("experiment.png")` writes a file on any
    machine, and a notebook shows the figure that is returned.

    Args:
        course: what to draw.
        axes: two axes of one figure to draw on; a new figure if None.
    """
    if axes is None:
        figure: Figure = Picture(figsize=(8, 6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    else:
        above, below = axes
        figure = above.figure.figure  # of a figure inside another, the outer one
    _draw_interval(above, course)
    _draw_shares(below, course)
    return figure


def draw_replay(reports: Sequence[ReplayReport]) -> Figure:
    """Draw which share of the possible gain each policy reached in the replay, with two standard errors."""
    figure = Picture(figsize=(8, 1.5 + 0.4 * len(reports)), layout="constrained")
    axes = figure.subplots()
    names = [report.policy for report in reports]
    shares = [report.gain_share for report in reports]
    axes.barh(names, shares, xerr=[2 * report.error for report in reports], color="C0", alpha=0.6, capsize=3)
    axes.invert_yaxis()
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("extra clicks over even shares, as a share of what the best arm would bring")
    axes.set_title(f"{reports[0].tests:,} tests replayed, ± two standard errors")
    return figure


def _draw_interval(axes: Axes, course: Course) -> None:
    axes.set_title(course.title)
    axes.set_ylabel(f"lift of {course.leader} over {course.against}")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.axhline(0.0, color="black", linewidth=0.8)
    points = [point for point in course.points if math.isfinite(sum((*point.interval[:2], point.lift)))]
    if not points:
        axes.text(0.5, 0.6, "nothing to compare yet", transform=axes.transAxes, ha="center")
        return
    n = [point.n for point in points]
    low, high = [point.interval.low for point in points], [point.interval.high for point in points]
    label = f"{certainty(points[-1].interval)}, of all looks together"
    marker = "o" if len(points) < 30 else None
    if len(points) == 1:
        axes.vlines(n, low, high, alpha=0.5, linewidth=3, label=label)
    else:
        axes.fill_between(n, low, high, alpha=0.25, label=label)
    axes.plot(n, [point.lift for point in points], marker=marker, markersize=4, label="estimate")
    axes.set_ylim(*_reach(points))
    axes.legend(loc="best", frameon=False)


def _draw_shares(axes: Axes, course: Course) -> None:
    axes.set_ylabel("share of outcomes")
    axes.set_xlabel("outcomes")
    axes.set_ylim(0.0, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_formatter(EngFormatter())
    if not course.points:
        axes.text(0.5, 0.5, "no outcomes yet", transform=axes.transAxes, ha="center")
        return
    ends = [point.n for point in course.points]
    starts = [0.0, *ends[:-1]]
    widths = [end - start for start, end in zip(starts, ends, strict=True)]
    bottom = [0.0] * len(ends)
    for arm, shares in course.shares.items():
        axes.bar(starts, shares, width=widths, bottom=bottom, align="edge", label=arm)
        bottom = [low + share for low, share in zip(bottom, shares, strict=True)]
    axes.set_xlim(0.0, 1.02 * ends[-1])  # a marker at the end is not cut in two
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _reach(points: Sequence[Point]) -> tuple[float, float]:
    """Return what to show of the lifts: the first, widest intervals would flatten all others."""
    later = points[len(points) // 3 :]
    low = min(0.0, *(point.interval.low for point in later))
    high = max(0.0, *(point.interval.high for point in later))
    margin = 0.1 * max(high - low, 0.05)
    return low - margin, high + margin
