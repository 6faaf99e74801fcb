"""What becomes of prompts whose true effect is known, and what would without a re-check.

    python benchmarks/test_prompts.py

Simulation: the base prompt's click rate is 2 %; a rate differs from post to post by a log-normal factor of standard
deviation 0.3 (arbitrary), and each post has about 500 readers. Three candidates are tried beside the base prompt by a
`PromptOptimizer` with its defaults but 1,000 posts an experiment and no guardrail. Beside it stands what is often done:
promote whichever prompt has the best mean after 300 posts. Lifts are relative, intervals Wilson's at 95 %. It takes
about two minutes of one core.
"""

import platform
from statistics import mean, median

import numpy as np

from postopt.experiments.store import ExperimentStore
from postopt.prompts.optimizer import PromptOptimizer
from postopt.prompts.template import PromptTemplate
from postopt.stats import wilson_interval
from postopt.testing import ScriptedClock
from postopt.types import Brief, Feedback

BRIEF = Brief(topic="bread")
BASE = PromptTemplate("Write about {topic}.")
OTHERS = [PromptTemplate(f"Write about {{topic}} like a {who}.") for who in ("baker", "poet", "clerk")]
RUNS = 30
POSTS = 3000
NAIVE = 300
READERS = 500
RATE = 0.02
SPREAD = 0.3


def live(seed, effects):
    """Return the optimizer's promotions, the posts until the first, and what the naive rule would promote."""
    random = np.random.default_rng(seed)
    clock = ScriptedClock(1_700_000_000.0)
    with ExperimentStore(salt=str(seed).encode(), clock=clock) as store:
        optimizer = PromptOptimizer(BASE, store=store, clock=clock, posts=1000, guardrails=())
        for other in OTHERS:
            optimizer.offer(other, by="simulation")
        truth = {other.version: 1 + effect for other, effect in zip(OTHERS, effects, strict=True)}
        rates, naive, when, began = {}, None, None, False
        for post in range(POSTS):
            if post % 25 == 0:
                optimizer.step(clock())
                stage = optimizer.state()["progress"]["stage"]
                if optimizer.changes() and when is None:
                    when = post
                if (began and stage == "idle") or stage == "watch":
                    break
                began = True
            clock.advance(300.0)
            choice = optimizer.choose(BRIEF, f"post {post}")
            rate = RATE * truth.get(choice.version, 1.0) * np.exp(random.normal(-(SPREAD**2) / 2, SPREAD))
            shown = int(random.poisson(READERS))
            clicks = int(random.binomial(shown, min(1.0, rate)))
            optimizer.learn(choice.id, Feedback(f"f{post}", choice.id, shown, clicks, clock()))
            rates.setdefault(choice.version, []).append(clicks / max(1, shown))
            if post == NAIVE:
                best = max(rates, key=lambda version: mean(rates[version]))
                seen = mean(rates[best]) / mean(rates[BASE.version]) - 1
                naive = None if best == BASE.version else (truth[best] - 1, seen)
        promoted = [truth[change.version] - 1 for change in optimizer.changes()]
        return promoted, when, naive


def share(count, n):
    interval = wilson_interval(count, n)
    return f"{count / n:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def show(title, effects, runs=RUNS):
    lives = [live(seed, effects) for seed in range(runs)]
    waits = [when for _, when, _ in lives if when is not None]
    naive = [one for _, _, one in lives if one is not None]
    print(f"{title} (true lifts {', '.join(f'{effect:+.0%}' for effect in effects)}; {runs} runs)")
    for name, promoted in (
        ("optimizer", [effect for one, _, _ in lives for effect in one]),
        (f"best after {NAIVE}", [effect for effect, _ in naive]),
    ):
        better = sum(effect > 0 for effect in promoted)
        print(f"  {name}: promoted a better one {share(better, runs)}", end=", ")
        print(f"one that is not {share(len(promoted) - better, runs)}")
    if waits:
        print(f"  optimizer: posts until then, median {median(waits):.0f} of {len(waits)}")
    if naive:
        seen, true = mean(seen for _, seen in naive), mean(true for true, _ in naive)
        print(f"  best after {NAIVE}: mean lift as seen {seen:+.1%}, in truth {true:+.1%}, n = {len(naive)}")


def main():
    print(f"Python {platform.python_version()}, numpy {np.__version__}")
    show("nothing is better", (0.0, 0.0, 0.0))
    show("one is better", (0.0, 0.3, 0.0), runs=RUNS // 2)
    show("one is a little better", (0.0, 0.1, -0.1), runs=RUNS // 2)
    show("all are worse", (-0.1, -0.2, -0.05), runs=RUNS // 4 + 1)


def test_prompts():
    main()


if __name__ == "__main__":
    main()
