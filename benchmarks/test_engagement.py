"""What becomes of real posts: how well it is predicted, with labels a day late, and how fast.

    python benchmarks/test_engagement.py [FILE.csv.gz] [later|new|both|shuffled|speed ...]

The file has the columns page, lang, type, published (US Eastern), message, link_name, num_reactions, num_comments and
num_shares, as the posts of 119 public Facebook pages of 2016 have (interactive-facebook-reactions, MIT). An outcome is
the sum of the three counts. What each figure rests on: replay of real posts; the counts are those of weeks later.

Later: fitted on the posts before 5 May 2016, judged on those after, same pages. New: fitted on about five sixths of the
pages, by a hash of the name, judged on all posts of the others, from the first on. Both: fitted before 5 May on five
sixths of the pages, judged after it on the others. Shuffled: as later, with the outcomes of each page dealt out anew
among its posts: what can be told then is how far a page's recent median lies from its usual one, by chance. In all,
each post is predicted before its label is learned, and labels come 24 hours after it. Parts of the model were compared
on posts from 2 May on and other splits by page, so that the figures of "later" are a little too good;
docs/design/0028-predictor.md says which.
Speed: seconds of CPU of one core for a fit, microseconds for a prediction and a label; not asserted.
"""

import hashlib
import random
import resource
import sys
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from postopt.engagement.postfile import read_post_file
from postopt.engagement.posts import read_posts
from postopt.engagement.predictor import EngagementPredictor

DATA = Path(__file__).parents[2] / "shared" / "data" / "engagement" / "facebook_pages_2016.csv.gz"
CUT = datetime.fromisoformat("2016-05-05T00:00:00-04:00")


def read(path):
    """Return the posts in order of time."""
    posts = read_post_file(
        path,
        columns={"text": "message", "title": "link_name", "language": "lang"},
        outcome="num_reactions+num_comments+num_shares",
        zone="America/New_York",
    )
    return sorted(posts, key=lambda post: post["published"])


def is_new(post):
    return hashlib.md5(post["page"].encode()).digest()[0] % 6 == 0


def judge(name, past, later):
    began = process_time()
    predictor = EngagementPredictor().fit(past)
    fit, began = process_time() - began, process_time()
    found = predictor.evaluate(later, baselines=["usual", "kind"])
    each = (process_time() - began) / len(later) * 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{name}: fitted on {len(past):,} posts in {fit:.1f} s of CPU, at most {peak:.2f} GB")
    print(f"predicting and learning, one by one: {each:.0f} us a post\n{found}")
    return predictor


def shuffled(posts, seed=0):
    """Return the posts with the outcomes of each page dealt out anew."""
    outcomes, chance = defaultdict(list), random.Random(seed)
    for post in posts:
        outcomes[post["page"]].append(post["outcome"])
    for of_page in outcomes.values():
        chance.shuffle(of_page)
    return [{**post, "outcome": outcomes[post["page"]].pop()} for post in posts]


def speed(past, later):
    predictor = EngagementPredictor().fit(past)
    later = [{**post, "published": post["published"] + timedelta(days=2)} for post in later]
    rounds = []
    for _ in range(5):
        each = []
        for post in later[:2000]:
            began = process_time()
            predictor.predict(post)
            each.append(process_time() - began)
        rounds.append(np.percentile(each, [50, 99]) * 1e6)
    print("\none prediction: p50 {:.0f} us, p99 {:.0f} us".format(*np.median(rounds, axis=0)))
    for name, ask, asked in (
        ("reading many", read_posts, later),
        ("predict_many", predictor.predict_many, later),
        ("predict_columns", predictor.predict_columns, read_posts(later)),
    ):
        ask(asked)
        began = process_time()
        ask(asked)
        print(f"{name}: {(process_time() - began) / len(later) * 1e6:.1f} us a post")
    began = process_time()
    for post in later[:2000]:
        predictor.learn(post, post["outcome"], post["published"] + timedelta(days=1))
    print(f"learn: {(process_time() - began) / 2000 * 1e6:.0f} us")


PARTS = ("later", "new", "both", "shuffled", "speed")


def main(path, parts):
    posts = read(path)
    past = [post for post in posts if post["published"] < CUT]
    later = [post for post in posts if post["published"] >= CUT]
    if "later" in parts:
        judge("later posts of the same pages", past, later)
    if "new" in parts:
        judge("pages that were not learned from", [p for p in posts if not is_new(p)], [p for p in posts if is_new(p)])
    if "both" in parts:
        judge("other pages, later", [p for p in past if not is_new(p)], [p for p in later if is_new(p)])
    if "shuffled" in parts:
        mixed = shuffled(posts)
        judge("outcomes dealt out anew", mixed[: len(past)], mixed[len(past) :])
    if "speed" in parts:
        speed(past[-20_000:], later[:20_000])


def test_real_posts():
    if not DATA.exists():
        pytest.skip(f"{DATA} is not there")
    main(DATA, PARTS)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument not in PARTS]
    main(Path(given[0]) if given else DATA, [a for a in sys.argv[1:] if a not in given] or PARTS)
