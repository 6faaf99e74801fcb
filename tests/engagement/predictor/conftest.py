"""Posts that are made up: what becomes of them depends on page, type and words as it is said here, and on chance."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from postopt.engagement.predictor import EngagementPredictor

START = datetime(2024, 1, 1, tzinfo=UTC)
WORDS = "game day sale new our team win today shop week coffee photo live people morning best store city park fresh"
GAIN = {"win": 1.2, "sale": -0.8, "live": 0.7}
TYPES = {"photo": 0.4, "link": -0.3, "video": 0.1}


def made(n=600, *, pages=6, seed=1, noise=0.5, start=START, prefix="p"):
    """Return posts, one every hour, in order of time; the logarithm of the outcome is level + words + type + noise."""
    chance = random.Random(seed)
    posts = []
    for i in range(n):
        page = chance.randrange(pages)
        words = chance.sample(WORDS.split(), 6)
        kind = chance.choice(list(TYPES))
        log = 3 + 0.8 * page + sum(GAIN.get(word, 0.0) for word in words) + TYPES[kind] + chance.gauss(0, noise)
        posts.append({
            "id": f"{prefix}{i}", "text": " ".join(words) + ".", "title": chance.choice(["", "A game", "Our city"]),
            "page": f"page {page}", "type": kind, "language": "en", "published": start + timedelta(hours=i),
            "outcome": max(round(math.expm1(log)), 0),
        })  # fmt: skip
    return posts


@pytest.fixture(scope="session")
def made_posts():
    return made


@pytest.fixture(scope="session")
def past_posts():
    return made(600)


@pytest.fixture(scope="session")
def later_posts():
    return made(300, seed=2, start=START + timedelta(hours=600), prefix="later ")


@pytest.fixture(scope="session")
def saved(past_posts, tmp_path_factory):
    """Return the folder of a predictor that was fitted on `past_posts`."""
    folder = tmp_path_factory.mktemp("model") / "predictor"
    EngagementPredictor().fit(past_posts).save(folder)
    return folder


@pytest.fixture(scope="session")
def fitted(saved):
    """Return a predictor that no test changes."""
    return EngagementPredictor.load(saved)


@pytest.fixture
def learning(saved):
    """Return an equal predictor that a test may change."""
    return EngagementPredictor.load(saved)
