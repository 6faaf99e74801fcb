"""Headline tests that are made up, so that what works in them is known."""

import numpy as np
import pytest

WORDS = ["river", "stone", "garden", "paper", "window", "market", "silver", "button", "letter", "forest"]


@pytest.fixture(scope="session")
def planted():
    """Groups in which "?" costs a quarter of the log-odds, a digit adds one, words of fear add one, a comma nothing."""

    def make(groups=200, *, seed=0, effect=0.25):
        draw = np.random.default_rng(seed)
        made = []
        for index in range(groups):
            group, level = [], draw.normal(-3.5, 0.4)
            for arm in range(4):
                words = ["the", *draw.choice(WORDS, 5, replace=False), f"{'abcdefghij'[index % 10]}{'klmn'[arm]}"]
                question, digit, fear, comma = draw.random(4) < 0.4
                words[2] = str(draw.integers(10, 99)) if digit else words[2]
                words[3] = "terrifying" if fear else words[3]
                words[1] += "," * int(comma)
                truth = draw.normal(0, 0.1) + effect * (-1.0 * question + digit + fear)
                clicks = draw.binomial(5000, 1 / (1 + np.exp(-level - truth)))
                group.append((" ".join(words) + "?" * int(question), 5000, int(clicks)))
            made.append(group)
        return made

    return make
