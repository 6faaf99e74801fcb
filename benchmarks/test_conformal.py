"""Intervals on real posts with labels a day late: how many outcomes they hold, how wide they are, what they cost.

    python benchmarks/test_conformal.py [FILE.csv.gz]

The file has the columns page, published, type, message, link_name, num_reactions, num_comments and num_shares. What is
predicted is log1p of their sum; widths are in that unit. What the figures rest on: replay of real posts, each method
fed the same predictions. They come from a stand-in for the predictor, learned once on the first three fifths of the
time: LightGBM on the page's last 50 matured labels and on a ridge regression of hashed words; a fifth of the pages
(by hash) are not learned from at all. From then on posts come in order and labels a day after them. The first week is
for the intervals to begin; judged is what comes after it, pages that were learned from and the others apart.

Columns: coverage, mean width, coverage of the tenth-percentile page and of the worst page (of 100 posts or more),
and of the worst day. "each label moves the level" is adaptive inference as published, with steps of .01 at once.
Speed: one interval and one of many, interleaved with a call that does nothing; not asserted.
"""

import csv
import gzip
import sys
from collections import defaultdict, deque
from datetime import datetime
from pathlib import Path
from time import perf_counter
from zlib import crc32

import numpy as np
import pytest

from postopt.engagement.conformal import MondrianConformal, QuantileConformal, SplitConformal
from postopt.engagement.covering.adaptive import AdaptiveConformal, Level
from postopt.engagement.covering.intervals import Intervals
from postopt.engagement.covering.rolling import RollingConformal

DATA = Path(__file__).parents[2] / "shared" / "data" / "engagement" / "facebook_pages_2016.csv.gz"
DAY = 86_400
WEEK = 7 * DAY


def read(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["published"])
    times = np.array([datetime.fromisoformat(row["published"] + "+00:00").timestamp() for row in rows])
    total = [sum(int(row[f"num_{kind}"]) for kind in ("reactions", "comments", "shares")) for row in rows]
    return rows, times, np.log1p(np.array(total, dtype=float))


def history(rows, times, y):
    """Return what is known of each page when a post is published: labels of posts a day old or more."""
    known, late, done = defaultdict(lambda: deque(maxlen=50)), np.zeros((len(rows), 6)), 0
    usual = float(np.median(y[: len(y) // 20]))
    for row, now in enumerate(times):
        while times[done] + DAY <= now:
            known[rows[done]["page"]].append((y[done], rows[done]["type"]))
            done += 1
        labels = known[rows[row]["page"]] or [(usual, "")]
        values = np.array([value for value, _ in labels])
        same = [value for value, kind in labels if kind == rows[row]["type"]]
        late[row] = (np.median(values), np.median(values[-10:]), np.median(same or values), len(same), len(values),
                     values.std())  # fmt: skip
    return late


def predictions(rows, times, y):
    """Return median and the 5 % and 95 % quantiles of each post, and which were learned from."""
    import lightgbm
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import Ridge

    late = history(rows, times, y)
    error = y - late[:, 0]
    seen = np.array([crc32(row["page"].encode()) % 5 > 0 for row in rows])
    ends = np.quantile(times, [0.35, 0.6])
    words, heads = seen & (times < ends[0]), seen & (ends[0] <= times) & (times < ends[1])
    hashed = HashingVectorizer(n_features=2**18, ngram_range=(1, 2), alternate_sign=False).transform(
        [f"{row['message']} || {row['link_name']}" for row in rows]
    )
    ridge = Ridge(alpha=3, solver="sparse_cg", tol=1e-3).fit(hashed[words], error[words])
    kinds = {kind: place for place, kind in enumerate(sorted({row["type"] for row in rows}))}
    other = [(len(row["message"]), kinds[row["type"]], now // 3600 % 24) for row, now in zip(rows, times, strict=True)]
    columns = np.column_stack([ridge.predict(hashed), late, other])
    settings = {"num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 100, "num_threads": 1, "verbose": -1}
    found = [
        lightgbm.train(
            settings | {"objective": "quantile", "alpha": tail}, lightgbm.Dataset(columns[heads], error[heads]), 200
        ).predict(columns)
        + late[:, 0]
        for tail in (0.5, 0.05, 0.95)
    ]
    return found, seen, times >= ends[1]


def replay(model, pages, centre, spread, y, times):
    """Return the bounds that were given out, each label learned a day after its post."""
    bounds, done = np.full((len(pages), 2), np.nan), 0
    for row, now in enumerate(times):
        while times[done] + DAY <= now:
            model.learn(pages[done], centre[done], spread[done], y[done], times[done], times[done] + DAY)
            done += 1
        if model.n >= 100:
            bounds[row] = model.around(pages[row], centre[row], spread[row], now)
    return bounds


def calibrated(model, first, pages, centre, spread, y):
    """Return bounds of all posts, calibrated once on the `first` of them."""
    model.fit([page for page, use in zip(pages, first, strict=True) if use], centre[first], spread[first], y[first])
    return np.column_stack(model.around_many(pages, centre, spread))


def figures(bounds, pages, y, times, rows):
    pages, days = np.array(pages)[rows], times[rows] // DAY
    low, high = bounds[rows].T
    inside = (low <= y[rows]) & (y[rows] <= high)
    by_page = [inside[pages == page].mean() for page in np.unique(pages) if np.sum(pages == page) >= 100]
    worst_day = min(inside[days == day].mean() for day in np.unique(days) if np.sum(days == day) >= 30)
    return (
        f"{inside.mean():.3f}  {np.mean(high - low):.2f}  {np.quantile(by_page, 0.1):.3f}  {min(by_page):.2f}  "
        f"{worst_day:.2f}"
    )


class EachLabel(AdaptiveConformal):
    """Adaptive inference whose steps are not divided by the labels in flight."""

    def __init__(self):
        super().__init__(gamma=1e9)


def main(path):
    rows, times, y = read(path)
    (centre, low, high), seen, replayed = predictions(rows, times, y)
    pages = [row["page"] for row, use in zip(rows, replayed, strict=True) if use]
    centre, low, high, y, times, seen = (column[replayed] for column in (centre, low, high, y, times, seen))
    first = times < times[0] + WEEK
    middle, half, one = (low + high) / 2, np.maximum((high - low) / 2, 1e-6), np.ones(len(y))
    print(
        f"{len(y):,} posts replayed, judged {np.sum(~first & seen):,} of known pages and {np.sum(~first & ~seen):,} "
        "of new ones"
    )
    lists = [column.tolist() for column in (centre, one, y, times)]
    methods = {
        "LightGBM's own quantiles": lambda: np.column_stack([low, high]),
        "split": lambda: calibrated(SplitConformal(), first, pages, centre, one, y),
        "CQR": lambda: calibrated(QuantileConformal(), first, pages, middle, half, y),
        "Mondrian by page": lambda: calibrated(MondrianConformal(), first, pages, centre, one, y),
        "rolling, 3,000": lambda: replay(RollingConformal(), pages, *lists),
        "adaptive by page": lambda: replay(AdaptiveConformal(), pages, *lists),
        "each label moves the level": lambda: replay(EachLabel(), pages, *lists),
        "Intervals": lambda: replay(Intervals(), pages, *lists),
        "Intervals, LightGBM's spread": lambda: replay(
            Intervals(), pages, middle.tolist(), half.tolist(), y.tolist(), times.tolist()
        ),
    }
    for name, bounds in methods.items():
        got = bounds()
        known, new = (figures(got, pages, y, times, ~first & kind) for kind in (seen, ~seen))
        print(f"{name:29} {known}  | new pages {new}")
    show_level()
    show_speed(pages, lists)


def show_level(n=40_000, in_flight=2000):
    """Simulation: the tail of uniform errors, labels `in_flight` later; the range of the level in the second half."""
    errors = np.random.default_rng(0).random(n)
    for name, divisor in (("divided by the labels in flight", in_flight), ("steps of .005", 40)):
        level, issued = Level(0.05, 0.2), []
        for row in range(n):
            issued.append(level.miss)
            if row >= in_flight:
                level.learn(missed=bool(errors[row - in_flight] < issued[row - in_flight]), in_flight=divisor)
        half = issued[n // 2 :]
        print(f"simulated level for .05, {in_flight:,} labels in flight, {name}: {min(half):.3f} to {max(half):.3f}")


def show_speed(pages, lists):
    intervals = Intervals()
    start = perf_counter()
    intervals.fit(pages, *lists[:3], lists[3], np.array(lists[3]) + DAY)
    learn = (perf_counter() - start) / len(pages)
    some = list(zip(pages[-20_000:], *(column[-20_000:] for column in (lists[0], lists[1], lists[3])), strict=True))
    many = [pages * 10, *(np.tile(lists[k], 10) for k in (0, 1, 3))]
    one, bare, of_many = [], [], []
    for _ in range(7):
        one.append(timed(lambda: [intervals.around(*row) for row in some]) / len(some))
        bare.append(timed(lambda: [call(*row) for row in some]) / len(some))
        of_many.append(timed(lambda: intervals.around_many(*many)) / len(many[0]))
    one, bare, of_many = (1e6 * np.median(seconds) for seconds in (one, bare, of_many))
    print(f"one {one:.2f} us, {one / bare:.1f} bare calls; of many {of_many:.3f} us, {of_many / bare:.2f} bare calls; "
          f"learned {1e6 * learn:.1f} us; numpy {np.__version__}, Python {sys.version.split()[0]}")  # fmt: skip


def call(page, centre, spread, now):
    return page, centre, spread, now


def timed(work):
    start = perf_counter()
    work()
    return perf_counter() - start


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not there")
def test_conformal():
    pytest.importorskip("lightgbm", reason="the stand-in for the predictor needs it")
    pytest.importorskip("sklearn", reason="the stand-in for the predictor needs it")
    main(DATA)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else DATA)
