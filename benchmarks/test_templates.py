"""Template posts: how fast, how many, how different. Run with `python -m pytest benchmarks/test_templates.py -s`.

Speed is CPU time in one process, ours and tracery's rounds interleaved, medians of the rounds. Tracery gets the same
clauses in its own notation, so that both draw from about the same language; it knows no agreement, no facts to keep
and no length, and draws at random. Diversity is measured over all six tones of one brief: distinct-2 (share of
different word pairs; Li et al. 2016) and self-BLEU (mean BLEU-4 of each post against the others of its sample; Zhu et
al. 2018), both higher for more words in common.
"""

from __future__ import annotations

import math
import random
import re
import statistics
import time
from collections import Counter

import pytest

from postopt.generation.templates import TemplateGenerator
from postopt.generation.templates.bank import LANGUAGES, builtin
from postopt.types import TONES, Brief

ROUNDS = 15
POSTS = 400

BRIEFS = {
    "en": Brief(
        topic="Last early-bird tickets for the riverside folk weekend",
        audience="folk fans and families",
        call_to_action="Get your ticket",
        keywords=("folk", "festival"),
        facts={"early-bird price": "€59", "full price": "€95", "ends": "Sunday 31 May at 23:59"},
        brand="Reed Song",
    ),
    "es": Brief(
        topic="Vuelve el roscón de masa madre",
        audience="el público del barrio",
        language="es",
        call_to_action="Encarga el tuyo",
        keywords=("roscón", "masa madre"),
        facts={"precio": "24,50 €", "inscripción": "hasta el 3 de enero", "teléfono": "900 000 205"},
        brand="La Tahona",
    ),
}


def brief(language: str, tone: str) -> Brief:
    return Brief.from_mapping({**BRIEFS[language].to_dict(), "tone": tone})


@pytest.mark.parametrize("language", LANGUAGES)
def test_speed(language):
    one = brief(language, "friendly")
    posts = TemplateGenerator(seed=1).language(one)
    generator = TemplateGenerator(seed=1)
    generator.language(one)
    arms = {
        "unranked": lambda start: [posts.text(start + i) for i in range(POSTS)],
        "best of 16": lambda start: [generator.compose(one, start + i) for i in range(POSTS)],
        "compile a brief": lambda start: [_fresh(one, start + i) for i in range(20)],
    }
    tracery = _tracery(one)
    if tracery:
        arms["tracery"] = lambda _: [tracery.flatten("#origin#") for _ in range(POSTS)]
    seconds = {name: [] for name in arms}
    for round_ in range(ROUNDS):
        for name in random.Random(round_).sample(list(arms), len(arms)):
            start = time.process_time()
            made = arms[name](round_ * POSTS)
            seconds[name].append((time.process_time() - start) / len(made))
    print(f"\n{language}: CPU per post, median of {ROUNDS} rounds of {POSTS}")
    for name, times in seconds.items():
        print(
            f"  {name:16} {statistics.median(times) * 1e6:8.1f} us  ({min(times) * 1e6:.1f} .. {max(times) * 1e6:.1f})"
        )


def test_repeats_in_four_thousand():
    print("\nrepeats among 4,000 posts (size of the language)")
    for language in LANGUAGES:
        for tone in TONES:
            posts = TemplateGenerator(seed=1).language(brief(language, tone))
            repeats = 4000 - len({posts.text(index) for index in range(4000)})
            print(f"  {language} {tone:13} {repeats}  ({posts.size:.1e})")
    tracery = _tracery(brief("en", "friendly"))
    if tracery:
        print(f"  tracery          {4000 - len({tracery.flatten('#origin#') for _ in range(4000)})}")


def test_diversity():
    print("\ndiversity of 60 posts a brief (best of 16): distinct-2, self-BLEU")
    for language in LANGUAGES:
        for tone in TONES:
            generator = TemplateGenerator(seed=1)
            posts = [generator.compose(brief(language, tone), variant).text for variant in range(60)]
            print(f"  {language} {tone:13} {distinct_2(posts):.3f}  {self_bleu(posts):.3f}")


def words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.casefold())


def distinct_2(posts: list[str]) -> float:
    pairs = [pair for post in posts for pair in zip(words(post), words(post)[1:], strict=False)]
    return len(set(pairs)) / len(pairs)


def self_bleu(posts: list[str]) -> float:
    counts = [[_ngrams(words(post), n) for n in range(1, 5)] for post in posts]
    return statistics.mean(_bleu(i, counts) for i in range(len(posts)))


def _bleu(i: int, counts: list[list[Counter]]) -> float:
    logs = []
    for n in range(4):
        most: Counter = Counter()
        for j, other in enumerate(counts):
            if j != i:
                most |= other[n]
        own = counts[i][n]
        clipped = sum(min(count, most[gram]) for gram, count in own.items())
        logs.append(math.log(max(clipped, 1e-9) / max(1, sum(own.values()))))
    return math.exp(sum(logs) / 4)  # the references include posts of every length: no brevity penalty


def _ngrams(tokens: list[str], n: int) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _fresh(one: Brief, seed: int):
    return TemplateGenerator(seed=seed).language(one)


def _tracery(one: Brief):
    """Build tracery's grammar from the same clauses, or return None where it is not installed."""
    try:
        import tracery
    except ImportError:
        return None
    data = {"topic": one.topic, "audience": one.audience, "cta": one.call_to_action, "brand": one.brand}
    rules = {"origin": "#hook# #lead#\n#audience# #offer#\n" + "\n".join(f"{k}: {v}" for k, v in one.facts.items())}
    rules["origin"] += "\n#call# #close#"
    for kind, clauses in builtin(one.language, one.tone).clauses.items():
        usable = [c for c in clauses if c.slots <= data.keys() and not c.addressed]
        rules[kind] = [c.render(data, None, many=True).replace("#", "") for c in usable]
    return tracery.Grammar(rules)
