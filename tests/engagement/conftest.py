"""Records of evidence that are made up."""

import pytest

from postopt.engagement.advising.record import Evidence
from postopt.experiments.effects import Effect


@pytest.fixture(scope="session")
def known():
    """A record that stands, unless something of it is changed."""

    def make(trait="question", log_odds=-0.1, error=0.02, **changes):
        values = {
            "effect": Effect(log_odds, error, 300, 200.0), "measured": log_odds, "pairs": 900, "tests": 250,
            "impressions": 10**6, "outcome": "clicks", "kind": "randomised", "source": "tests", "years": (2013, 2015),
            "language": "en", "publisher": "somebody", "found": True, "confirmed": True,
        } | changes  # fmt: skip
        return Evidence(trait=trait, **values)

    return make
