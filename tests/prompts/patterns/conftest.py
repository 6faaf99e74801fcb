"""Contrasts of made-up headlines in which three features earn or cost clicks."""

import numpy as np
import pytest

WORDS = ["river", "stone", "garden", "paper", "window", "market", "silver", "button", "letter", "forest"]


@pytest.fixture(scope="session")
def planted():
    """Groups in which a question mark costs 25 % of the odds, a digit adds 25 %, and words of fear add 25 %."""

    def make(groups=250, *, seed=0, sign=1, effect=0.25):
        draw = np.random.default_rng(seed)
        made = []
        for _ in range(groups):
            group, level = [], draw.normal(-3.5, 0.4)
            for _ in range(4):
                words = list(draw.choice(WORDS, 5, replace=False))
                question, digit, fear, comma = draw.random(4) < 0.4
                if digit:
                    words[2] = str(draw.integers(10, 99))
                if fear:
                    words[3] = "terrifying"
                if comma:
                    words[1] += ","
                truth = draw.normal(0, 0.1) + sign * effect * (-1.0 * question + digit + fear)
                clicks = draw.binomial(5000, 1 / (1 + np.exp(-level - truth)))
                group.append((" ".join(words) + "?" * int(question), 5000, int(clicks)))
            made.append(group)
        return made

    return make
