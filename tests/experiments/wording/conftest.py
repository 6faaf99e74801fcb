"""Contrasts of made-up headlines in which some words earn clicks and most do nothing."""

import numpy as np
import pytest

FILLER = [f"word{i}" for i in range(10, 70)]


@pytest.fixture(scope="session")
def planted():
    """Groups in which "golden" adds .3 to the log-odds, "leaden" takes .3, and a question mark takes .2."""

    def make(groups=300, *, seed=0, n=4000, arms=4, effect=1.0):
        draw = np.random.default_rng(seed)
        made = []
        for _ in range(groups):
            group, level = [], draw.normal(-3.5, 0.5)
            for _ in range(arms):
                words = list(draw.choice(FILLER, 6, replace=False))
                truth = draw.normal(0, 0.05)
                for word, gain in (("golden", 0.3), ("leaden", -0.3)):
                    if draw.random() < 0.3:
                        words[draw.integers(6)] = word
                        truth += effect * gain * (word in words)
                question = draw.random() < 0.3
                truth -= effect * 0.2 * question
                clicks = draw.binomial(n, 1 / (1 + np.exp(-level - truth)))
                group.append((" ".join(words) + "?" * question, n, int(clicks)))
            made.append(group)
        return made

    return make
