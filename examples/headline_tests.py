"""Make headline tests whose truth is known: what the learning notebook runs on where no real tests are at hand.

    python examples/headline_tests.py > examples/headline_tests.csv

Everything in it is invented, the clicks too. True click rates follow from wording: per headline, the log-odds move by
the effects below, and by chance. The columns are those of the Upworthy Research Archive, so that the same notebook
runs on that.
"""

from __future__ import annotations

import csv
import math
import random
import sys

TESTS = 240
EFFECTS = {"question": -0.15, "digit": 0.12, "this": 0.10, "exclamation": -0.12}
SPREAD = 0.12  # standard deviation of what no wording explains, in log-odds

PEOPLE = "bakers|cyclists|gardeners|teachers|nurses|bus drivers|beekeepers|fishermen|students|grandparents".split("|")
PLACES = "in a small town|by the sea|in the old market|on the night shift|behind the station|up in the hills".split("|")
THINGS = (
    "fixed a bridge|opened a library|saved an orchard|built a boat|taught a choir|painted a school|"
    "planted a street|shared a kitchen|repaired a clock|found a letter"
).split("|")
PLAIN = ("Some {people} {place} {thing}", "How a few {people} {place} {thing}", "The {people} who {thing} {place}")
FORMS = {
    "": PLAIN,
    "question": ("Why have some {people} {place} {thing}?", "Who are the {people} who {thing} {place}?"),
    "digit": ("{number} {people} {place} {thing}", "It took {number} days: {people} {place} {thing}"),
    "this": ("This is how {people} {place} {thing}", "These {people} {place} {thing}"),
    "exclamation": ("Some {people} {place} {thing}!", "Look: {people} {place} {thing}!"),
}


def tests(seed: int = 1) -> list[dict[str, object]]:
    """Return one row for each arm of each test."""
    rng = random.Random(seed)
    rows: list[dict[str, object]] = []
    for number in range(TESTS):
        subject = {"people": rng.choice(PEOPLE), "place": rng.choice(PLACES), "thing": rng.choice(THINGS)}
        base = rng.gauss(math.log(0.015), 0.4)
        impressions = rng.randint(2500, 5500)
        for arm, form in enumerate(rng.sample(sorted(FORMS), rng.randint(3, 4))):
            pattern = rng.choice(FORMS[form])
            headline = pattern.format(number=rng.randint(3, 40), **subject).capitalize()
            log_odds = base + EFFECTS.get(form, 0.0) + rng.gauss(0, SPREAD)
            shown = impressions + rng.randint(-60, 60)
            rate = 1 / (1 + math.exp(-log_odds))
            clicks = sum(rng.random() < rate for _ in range(shown))
            rows.append({
                "test_id": f"t{number:03d}", "arm": arm, "headline": headline, "eyecatcher_id": f"i{number:03d}",
                "excerpt": "", "impressions": shown, "clicks": clicks, "winner": False, "first_place": False,
                "test_week": 202401 + number // 20, "randomization_risk": 0,
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    rows = tests()
    writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
