"""How the displays are drawn."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import numpy as np

from postopt._optional import needs
from postopt.engagement.displays import CalibrationDisplay, CoverageDisplay, ReliabilityDisplay, Share
from postopt.engagement.evaluation import Evaluation
from postopt.errors import shown
from postopt.experiments.matplotlib import Picture
from postopt.stats.metrics import Curve, Vector

with needs("matplotlib"):
    from matplotlib import font_manager
    from matplotlib.axes import Axes as Axes  # noqa: PLC0414 - for annotations elsewhere
    from matplotlib.figure import Figure as Figure  # noqa: PLC0414
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator, PercentFormatter

_DAY = 86_400
_BY_CHANCE = "by chance (95 %), posts taken as independent"
_NAMED = 5  # pages whose names are written below the picture; arbitrary
_LONGEST = 60  # characters of a name; arbitrary
_FEW = 30  # posts of a day or page below which its point says nothing, and is drawn only if all are so; arbitrary


def draw(evaluation: Evaluation) -> Figure:
    """Draw an evaluation: calibration of the probabilities on the left, coverage by day and by page on the right."""
    figure = Picture(figsize=(13.0, 7.5), layout="constrained")
    axes = figure.subplot_mosaic([["left", "above"], ["left", "below"]], width_ratios=(5, 6))
    CalibrationDisplay.from_evaluation(evaluation).plot(axes["left"])
    CoverageDisplay.from_evaluation(evaluation, by="day").plot(axes["above"])
    CoverageDisplay.from_evaluation(evaluation, by="page").plot(axes["below"])
    return figure


def draw_calibration(display: CalibrationDisplay, ax: Axes | None) -> tuple[Axes, Figure]:
    """Draw a calibration curve and the band in which a perfect one would lie."""
    axes = _axes(ax, (5.5, 5.5))
    curve = display.curve
    middle, chance = np.r_[0.0, curve.predicted, 1.0], np.r_[0.0, display.chance, 0.0]
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    _band(axes, middle, middle - chance, middle + chance, "perfect, by chance (95 %)")
    axes.plot(curve.predicted, curve.observed, marker="o", markersize=4, color="C0", clip_on=False,
              label=_plain(display.name) or "observed")  # fmt: skip
    _square(axes)
    title = f"calibration error {display.ece:.3f} (by chance {display.ece_floor:.3f}), n = {int(curve.n.sum()):,}"
    _head(axes, title)
    return axes, axes.figure.figure


def draw_reliability(display: ReliabilityDisplay, ax: Axes | None) -> tuple[Axes, Figure]:
    """Draw a reliability diagram: bars of what happened, with intervals, and the diagonal that they should touch."""
    axes = _axes(ax, (6.5, 5.5))
    curve, width = display.curve, display.edges[1] - display.edges[0]
    left = np.minimum(np.floor(curve.predicted / width + 1e-9), len(display.edges) - 2) * width
    axes.bar(left, curve.observed, width=width, align="edge", color="C0", alpha=0.3, edgecolor="white")
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, label="perfect")
    error = np.abs([curve.observed - display.low, display.high - curve.observed])
    axes.errorbar(curve.predicted, curve.observed, yerr=error, fmt="o", markersize=4, capsize=3, color="C0",
                  clip_on=False, label=f"{_plain(display.name) or 'observed'}, 95 % interval")  # fmt: skip
    _square(axes)
    _write_counts(axes, left + width / 2, curve)
    _head(axes, f"calibration error {display.ece:.3f}, n = {int(curve.n.sum()):,}, of which in each bin:", above=0.03)
    return axes, axes.figure.figure


def draw_coverage(display: CoverageDisplay, ax: Axes | None) -> tuple[Axes, Figure]:
    """Draw coverage by day as a line, or by page over its outcomes; grey is where chance alone would put it."""
    axes = _axes(ax, (8.0, 4.5))
    axes.axhline(display.target, color="black", linewidth=0.8, label=f"target {display.target:.4g}")
    if display.by == "day":
        _draw_days(axes, display)
    else:
        _draw_pages(axes, display)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("outcomes within their intervals")
    noun = "outcome" if display.n == 1 else "outcomes"
    _head(axes, f"coverage {display.coverage:.1%} of {display.n:,} {noun}, by {display.by}")
    return axes, axes.figure.figure


def _head(axes: Axes, title: str, above: float = 0.0) -> None:
    """Write title and legend above the axes, by `above` of their height: there may be a point anywhere within."""
    height = axes.get_window_extent().height * 72 / axes.figure.figure.dpi
    axes.set_title(title, fontsize=10, pad=20 + above * height)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1 + above), ncols=4, frameon=False, fontsize=8, borderaxespad=0.2,
                handlelength=1.5, columnspacing=1.2)  # fmt: skip


def _draw_days(axes: Axes, display: CoverageDisplay) -> None:
    shares, left_out = _shown(display)
    days = [int(share.name) // _DAY for share in shares]
    low, high = [share.low for share in shares], [share.high for share in shares]
    sides = [day + side for day in days for side in (-0.5, 0.5)]
    _band(axes, np.array(sides), np.repeat(low, 2), np.repeat(high, 2), _BY_CHANCE)
    axes.plot(days, [share.coverage for share in shares], marker="o", markersize=4, color="C0", clip_on=False,
              label="a day")  # fmt: skip
    axes.set_xlim(sides[0] - 0.5, sides[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_date))
    axes.set_xlabel(f"day of publication (UTC){left_out}")
    axes.set_ylim(min(0.75, *(share.coverage - 0.02 for share in shares)), 1.0)


def _date(day: float, _: object) -> str:
    try:
        when = datetime.fromtimestamp(day * _DAY, UTC)
    except (ValueError, OverflowError, OSError):  # the axis may go on where there are no dates
        return ""
    return f"{when.day} {when:%b} {when.year}"


def _draw_pages(axes: Axes, display: CoverageDisplay) -> None:
    shares, left_out = _shown(display)
    least, most = min(share.n for share in shares), max(share.n for share in shares)
    n = np.geomspace(least / 1.2, most * 1.2, 200)
    half = 1.96 * np.sqrt(display.target * (1 - display.target) / n)
    band = np.clip([display.target - half, display.target + half], 0, 1)
    _band(axes, n, band[0], band[1], _BY_CHANCE)
    outside = [share for share in shares if not share.low <= share.coverage <= share.high]
    inside = [share for share in shares if share.low <= share.coverage <= share.high]
    for pages, colour, label in ((inside, "C0", "a page"), (outside, "C3", "a page outside")):
        if pages:
            axes.scatter([p.n for p in pages], [p.coverage for p in pages], s=16, color=colour, zorder=3, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(_count))
    if most == least:
        axes.set_xticks([most])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(FuncFormatter(_count) if most < 8 * least else NullFormatter())
    axes.set_xlabel(f"outcomes of the page{left_out}")
    axes.set_ylim(min(0.75, *(share.coverage - 0.03 for share in shares)), 1.01)
    _name(axes, sorted(outside, key=lambda share: share.coverage)[:_NAMED])


def _name(axes: Axes, pages: list[Share]) -> None:
    """Number the points of some pages, and write their names below the axes, where they cover nothing."""
    lines = []
    for number, page in enumerate(pages, 1):
        axes.annotate(f"{number}", (page.n, page.coverage), xytext=(4, -3), textcoords="offset points", fontsize=8)
        lines.append(f"{number}  {page.coverage:.1%} of {page.n:,}: {_plain(page.name)}")
    below = (axes.transAxes, axes.xaxis.label)
    axes.annotate("\n".join(lines), (0, 0), xycoords=below, xytext=(0, -4), textcoords="offset points", va="top",
                  fontsize=8)  # fmt: skip


def _shown(display: CoverageDisplay) -> tuple[list[Share], str]:
    shares = [share for share in display.shares if share.n >= _FEW] or list(display.shares)
    few = len(display.shares) - len(shares)
    return shares, f"; {display.by}s of fewer than {_FEW} posts not shown: {few:,}" if few else ""


def _count(value: float, _: object) -> str:
    return f"{value:,.0f}"


def _plain(text: str) -> str:
    """Return a name in one line; what matplotlib's fonts do not have, of which it would warn, is a question mark."""
    line = " ".join(text.split())
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 1]}…"
    families = [FontProperties(family=[name]) for name in FontProperties().get_family()]
    fonts = [font_manager.get_font(font_manager.findfont(family)) for family in families]
    there = (_drawn(character, fonts) for character in line)
    return "".join(there).replace("$", r"\$")  # two of them would be the begin and end of a formula


def _drawn(character: str, fonts: list[FT2Font]) -> str:
    if any(font.get_char_index(ord(character)) for font in fonts):
        return character
    # What joins or marks others, as in emoji, says nothing without them.
    return "" if unicodedata.category(character)[0] in "CM" else "?"


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is None:
        return Picture(figsize=size, layout="constrained").subplots()
    if not isinstance(ax, Axes):
        raise ValueError(f"ax is {shown(ax)}; matplotlib's Axes, or None, are needed")  # noqa: TRY004 - as all others
    return ax


def _band(axes: Axes, x: Vector, low: Vector, high: Vector, label: str) -> None:
    axes.fill_between(x, low, high, facecolor="0.85", edgecolor="0.6", linewidth=0.5, label=label)


def _square(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.set_xlabel("probability that was given")
    axes.set_ylabel("share that happened")


def _write_counts(axes: Axes, middle: Vector, curve: Curve) -> None:
    for x, n in zip(middle.tolist(), curve.n.tolist(), strict=True):
        text = f"{n:,}" if n < 10_000 else f"{n / 1000:,.0f}k"
        axes.text(x, 1.01, text, ha="center", va="bottom", fontsize=7, color="0.35")
