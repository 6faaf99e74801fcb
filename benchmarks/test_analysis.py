"""Posts a second through `analyze_many`: rows and Arrow tables, by regular expressions and by the compiled scan.

    python benchmarks/test_analysis.py [FACEBOOK_PAGES.csv.gz]

A predictor is fitted on 40,000 real posts. 20,000 that follow a day later and more, so that no label comes among
them, are analysed in turn in one process: features and prediction, no reports. CPU time of one core, the median of the
rounds with the least and the largest; words were read in an earlier round, but for the last column. Without pyarrow or
numba their rows are left out.
"""

import platform
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import pytest

from postopt.engagement import EngagementPredictor, analyze_many
from postopt.engagement.postfile import read_post_file
from postopt.quality import FeatureSet, QualityScorer

DATA = Path(__file__).parents[2] / "shared" / "data" / "engagement" / "facebook_pages_2016.csv.gz"
PAST, NEW, ROUNDS = 40_000, 20_000, 5
REPORTED = 500
COLUMNS = {
    "columns": {"text": "message", "title": "link_name", "language": "lang"},
    "outcome": "num_reactions+num_comments+num_shares",
    "zone": "America/New_York",
}


def ways(new, predictor):
    """Return what is analysed, and by which predictor; with numba one reads by compiled code."""
    predictors = {"regex": predictor}
    try:
        scan = import_module("postopt.quality.counting.numba").NumbaTable
        with TemporaryDirectory() as folder:
            predictor.save(folder)
            predictors["numba"] = EngagementPredictor.load(folder, features=FeatureSet(scan=scan))
    except ImportError:
        print("numba is not installed")
    inputs = {"rows": new}
    try:
        pa = import_module("pyarrow")
        posts = [{key: value for key, value in post.items() if key != "outcome"} for post in new]
        inputs["Arrow"] = pa.Table.from_pylist(posts)
    except ImportError:
        print("pyarrow is not installed")
    return {(name, scan): (given, predictors[scan]) for name, given in inputs.items() for scan in predictors}


def took(posts, **options):
    begin = process_time()
    for _ in analyze_many(posts, **options):
        pass
    return process_time() - begin


def main(file=DATA):
    posts = sorted(read_post_file(file, **COLUMNS), key=lambda post: post["published"])
    past = posts[:PAST]
    settled = past[-1]["published"] + timedelta(days=1)
    new = [post for post in posts[PAST:] if post["published"] > settled][:NEW]
    tried = ways(new, EngagementPredictor(seed=0).fit(past))
    seconds = {way: [] for way in tried}
    for _ in range(ROUNDS + 1):
        for way, (given, predictor) in tried.items():
            seconds[way].append(took(given, predictor=predictor))
    print(f"\nCPython {platform.python_version()}, {len(new):,} posts, features and prediction, us a post (posts/s)")
    for (name, scan), rounds in seconds.items():
        cold, *warm = (1e6 * second / len(new) for second in rounds)
        middle = median(warm)
        spread = f"{min(warm):.1f} to {max(warm):.1f}"
        print(f"{name:6} {scan:6} {middle:6.1f} ({spread}), {1e6 / middle:9,.0f}/s; cold {cold:.0f}")
    reports = took(new[:REPORTED], scorer=QualityScorer())
    print(f"with a report of each, no brief: {1e6 * reports / REPORTED:.0f} us a post")


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not there")
def test_posts_a_second():
    main()


if __name__ == "__main__":
    main(*sys.argv[1:])
