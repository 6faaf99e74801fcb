"""Make posts of pages whose truth is known: what the prediction notebook runs on where no real posts are at hand.

    python examples/page_posts.py > examples/page_posts.csv

Everything in it is invented, the outcomes too. The logarithm of a post's outcome is its page's level, the effects of
subject, type and hour below, and chance; a post that opens with a question loses a little.
"""

from __future__ import annotations

import csv
import random
import sys
from datetime import UTC, datetime, timedelta
from math import exp

PLACES = ("Oak Lane", "Harbour", "Mill Street", "Orchard", "Lantern", "North Beach", "Old Market", "Hill Road")
HOUSES = ("Bakery", "Swim Club", "Radio")
PAGES = [f"{place} {house}" for place in PLACES for house in HOUSES]
LEVEL, LEVELS = 3.8, 0.9  # mean and standard deviation of the pages' levels, in log units
POSTS = 100  # of each page
SUBJECTS = {
    "free tickets": 0.9,
    "the storm": 0.7,
    "a rescued dog": 0.8,
    "our volunteers": 0.3,
    "a new timetable": -0.5,
    "the annual report": -0.9,
    "opening hours": -0.4,
    "spare parts": -0.6,
    "the summer evening": 0.2,
    "old photographs": 0.5,
}
FORMS = (
    "Today: {subject}.",
    "What we know about {subject} so far.",
    "A few words on {subject}, and thank you all.",
    "{subject}, in pictures.",
    "Have you heard of {subject}?",
    "Here is the latest about {subject} in our street.",
)
TYPES = {"photo": 0.3, "link": -0.2, "video": 0.5, "status": -0.1}
NOISE = 0.8  # standard deviation of what nothing explains, in log units
START = datetime(2026, 3, 1, tzinfo=UTC)


def posts(seed: int = 1) -> list[dict[str, object]]:
    """Return the posts of all pages, in the order of time."""
    rng = random.Random(seed)
    rows: list[dict[str, object]] = []
    for page in PAGES:
        level = rng.gauss(LEVEL, LEVELS)
        for _ in range(POSTS):
            subject, kind, form = rng.choice(list(SUBJECTS)), rng.choice(list(TYPES)), rng.choice(FORMS)
            published = START + timedelta(minutes=rng.randrange(60 * 24 * 90))
            evening = 0.3 if 17 <= published.hour < 22 else 0.0
            question = -0.2 if "?" in form else 0.0
            log = level + SUBJECTS[subject] + TYPES[kind] + evening + question + rng.gauss(0, NOISE)
            text = form.format(subject=subject)
            rows.append({
                "text": text[0].upper() + text[1:], "page": page, "type": kind, "language": "en",
                "published": published.isoformat(), "outcome": int(exp(log)),
            })  # fmt: skip
    rows.sort(key=lambda row: str(row["published"]))
    return [{"id": f"p{number:04d}", **row} for number, row in enumerate(rows)]


if __name__ == "__main__":
    made = posts()
    writer = csv.DictWriter(sys.stdout, list(made[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(made)
