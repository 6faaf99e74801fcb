"""What a quality report is worth: false alarms, calibration of acceptance, what an enhancer repairs, and what it costs.

    python benchmarks/test_quality.py [FOLDER]

The folder holds `engagement/facebook_pages_2016.csv.gz` (public posts of pages: columns page, lang, message) and
`briefs/briefs.jsonl` (briefs as users write them).

False alarms: the rules of correctness on posts that publishers published, by language, the language told and untold. A
share is no rate of errors: most of what is found there is wrong in the post. Eyes decided which rules stay.
Near duplicates: of posts against the 100 before them on the same page.
Acceptance: simulated hosts, who accept by a logistic rule of the reports of real posts, or at random (strength 0). The
error is the mean distance between the probability said and the true one, in tenths of 4,000 texts that were not learned
from; "told" is the share of hosts for whom the axes were found to tell more than the base rate. "held out" is the error
that `evaluate` reports, by the decisions themselves, and "chance" what it reports to be due to chance.
Enhancer: the topic of each brief with its facts, one of them changed, one missing, a forbidden word, marks and a
number that nobody stated. Counted are texts with hard failures before and after, and facts that stand before and
after. Posts of templates, which are right, are to stay as they are.
Forbidden words: real posts with a describing word that is forbidden afterwards. How often it goes alone or with its
sentence, and how often nothing does, since what would be left is for a writer; the first of each are shown, to be read.
Speed: microseconds a post, medians of rounds in turn with `Constraints.violations`, and the ratio. Not asserted.
"""

import asyncio
import csv
import gzip
import json
import platform
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import pytest

from postopt.generation.constraints import Constraints
from postopt.generation.templates import TemplateGenerator
from postopt.quality import acceptance, axes, correctness
from postopt.quality.enhancer import Enhancer
from postopt.quality.novelty import NEAR, RecentPosts
from postopt.quality.scorer import QualityScorer
from postopt.quality.stating.facts import broken_facts
from postopt.types import Brief
from postopt.writer import PostWriter

DATA = Path(__file__).parents[2] / "shared" / "data"
WORLDS = 20
TEXTS = 4_000


def read_posts(folder):
    with gzip.open(folder / "engagement" / "facebook_pages_2016.csv.gz", "rt", encoding="utf-8") as file:
        return [(row["page"], row["lang"], row["message"]) for row in csv.DictReader(file) if row["message"]]


def read_briefs(folder):
    lines = (folder / "briefs" / "briefs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Brief.from_mapping({name: row[name] for name in row if name != "id"}) for row in rows]


def show_false_alarms(posts, draw):
    by_language = defaultdict(list)
    for _, language, text in posts:
        by_language[language].append(text)
    for language, most in (("en", 20_000), ("es", 1_000), ("pt", 4_000), ("fr", 1_000), ("it", 1_000)):
        texts = draw.sample(by_language[language], min(most, len(by_language[language])))
        for told in (language, None):
            found = Counter(
                rule for text in texts for rule in {finding.rule for finding in correctness.check(text, None, told)}
            )
            shares = ", ".join(f"{rule[12:]} {count / len(texts):.2%}" for rule, count in found.most_common())
            print(f"{language}, {'told' if told else 'untold'}, {len(texts)} posts: {shares}")


def show_near_duplicates(posts):
    recent = defaultdict(lambda: RecentPosts(most=100))
    similar = []
    for page, _, text in posts[:10_000]:
        similar.append(recent[page].nearest(text).similarity)
        recent[page].add(text)
    shares = ", ".join(f"{least:.1f} {np.mean(np.array(similar) >= least):.1%}" for least in (0.3, NEAR, 0.7, 1.0))
    print(f"similarity to one of the last 100 of the page of at least: {shares}; {len(similar)} posts")


def show_acceptance(posts, draw):
    texts = draw.sample([text for _, language, text in posts if language == "en"], TEXTS + 1_000)
    scorer = QualityScorer(recent=[text for _, _, text in posts[:300]])
    columns = np.array([axes.columns(scorer.score(text), text) for text in texts])
    spread = columns.std(axis=0)
    standard = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    for strength in (0.0, 1.0, 2.0):
        for n in (30, 50, 100, 200, 500, 1_000):
            show_hosts(columns, standard, strength=strength, n=n)


def show_hosts(columns, standard, *, strength, n):
    errors, told, reported, chance, auc = [], [], [], [], []
    for world in range(WORLDS):
        draw = np.random.default_rng(world)
        weights = draw.normal(size=columns.shape[1])
        odds = standard @ weights
        odds *= strength / max(float(odds.std()), 1e-9)
        truth = 1 / (1 + np.exp(-odds - 0.5))
        outcomes = (draw.random(len(truth)) < truth).astype(float)
        rows = draw.permutation(len(truth))
        model = acceptance.fit(columns[rows[:n]], outcomes[rows[:n]], seed=0)
        rest = rows[-TEXTS:]
        said = np.array([model(row) for row in columns[rest]])
        tenths = np.array_split(np.argsort(said, kind="stable"), 10)
        errors.append(sum(abs(float(np.sum(said[t] - truth[rest][t]))) for t in tenths) / len(rest))
        told.append(model.reliability.informative)
        reported.append(model.reliability.ece)
        chance.append(model.reliability.ece_by_chance)
        auc.append(model.reliability.auc)
    print(
        f"strength {strength}, {n:5} decisions: error {np.mean(errors):.3f} (90 % of {WORLDS} hosts below "
        f"{np.quantile(errors, 0.9):.3f}), told {np.mean(told):.0%}, held out {np.mean(reported):.3f}, "
        f"chance {np.mean(chance):.3f}, AUC {np.mean(auc):.2f}"
    )


def broken(brief, draw):
    """Return a text that gets a brief wrong in five ways."""
    values = list(brief.facts.values())
    draw.shuffle(values)
    digit = next((mark for mark in values[0] if mark.isdigit()), None) if values else None
    if digit is not None:
        values[0] = values[0].replace(digit, str((int(digit) + 3) % 10), 1)
    parts = [f"{brief.topic}.", f"{', '.join(values[:-1] or values)}.", f"{brief.call_to_action or ''}!!!"]
    parts += [f"We are {brief.forbidden[0]} too."] if brief.forbidden else []
    return "  ".join([*parts, "Only 37 left."])


def show_enhancer(briefs, draw):
    enhancer = Enhancer()
    before, after, standing, kept, facts, rules, left = 0, 0, 0, 0, 0, Counter(), Counter()
    for brief in briefs:
        text = broken(brief, draw)
        result = asyncio.run(enhancer.enhance(text, brief))
        before += not result.before.fit
        after += not result.after.fit
        facts += len(brief.facts)
        standing += len(brief.facts) - len(broken_facts(text, brief))
        kept += len(brief.facts) - len(broken_facts(result.text, brief))
        rules.update(result.rules)
        left.update({finding.rule for finding in result.after.hard_failures})
    print(f"{len(briefs)} briefs: texts with hard failures {before} before, {after} after; facts that stand {standing} "
          f"before, {kept} after, of {facts}")  # fmt: skip
    print("repaired: " + ", ".join(f"{rule} {count}" for rule, count in rules.most_common()))
    print("left: " + ", ".join(f"{rule} {count}" for rule, count in left.most_common()))


DESCRIBING = {
    "en": "cheap free new easy great simple special amazing perfect healthy fresh exclusive incredible strong".split(),
    "es": "nuevo nueva gran gratis increíble especial perfecto feliz oficial fuerte importante".split(),
}


def show_forbidden(posts, draw):
    enhancer = Enhancer()
    for language, words in DESCRIBING.items():
        went, shown = Counter(), []
        texts = [text for _, spoken, text in posts if spoken == language and len(text) < 400]
        for text in draw.sample(texts, len(texts)):
            held = [word for word in words if f" {word} " in text]
            if not held or went.total() == 500:
                continue
            brief = Brief(topic="-", language=language, forbidden=(draw.choice(held),))
            result = asyncio.run(enhancer.enhance(text, brief))
            kept = [edit.did for edit in result.decisions if edit.kept and edit.rule == "policy.forbidden_word"]
            went[kept[0] if kept else "nothing"] += 1
            if kept and len(shown) < 20:
                shown.append(f"  {text!r}\n    {brief.forbidden[0]}: {result.text!r}")
        print(f"{language}, a forbidden word in {went.total()} posts: {dict(went)}", *shown, sep="\n")


def show_templates(briefs):
    writer, enhancer = PostWriter(TemplateGenerator()), Enhancer()
    found, changed, count = Counter(), 0, 0
    for brief in briefs:
        for post in asyncio.run(writer.write(brief, 3)):
            result = asyncio.run(enhancer.enhance(post))
            found.update({finding.rule for finding in result.before.findings})
            changed += result.changed
            count += 1
    shares = ", ".join(f"{rule} {number}" for rule, number in found.most_common())
    print(f"{count} posts of templates for the same briefs: {changed} changed; with findings: {shares}")


def show_speed(posts, draw):
    texts = draw.sample([text for _, language, text in posts if language == "en"], 700)
    brief = Brief(topic="A bakery", facts={"price": "€8.25", "opening": "7:30 am"}, forbidden=("cheap",))
    with_facts = [f"{text} €8.25, 7:30 am" for text in texts]
    bare = Constraints(brief)
    plain, recent = QualityScorer(), QualityScorer(recent=[text for _, _, text in posts[:500]])
    ways = {
        "Constraints.violations": (bare.violations, with_facts),
        "correctness": (lambda text: correctness.check(text, brief), with_facts),
        "report without a brief": (plain.score, texts),
        "report, every fact in it": (lambda text: plain.score(text, brief), with_facts),
        "the same, 500 recent posts": (lambda text: recent.score(text, brief), with_facts),
    }
    took = defaultdict(list)
    for number in range(7):
        for name, (call, given) in ways.items():
            start = process_time()
            for text in given[number * 100 : (number + 1) * 100]:
                call(text)
            took[name].append((process_time() - start) / 100)
    unit = median(took["Constraints.violations"])
    for name, seconds in took.items():
        print(f"{name}: {1e6 * median(seconds):.0f} us a post, {median(seconds) / unit:.0f} times")


def main(folder):
    posts = read_posts(folder)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {len(posts)} posts")
    show_false_alarms(posts, random.Random(0))
    show_near_duplicates(posts)
    show_acceptance(posts, random.Random(0))
    show_enhancer(read_briefs(folder), random.Random(0))
    show_forbidden(posts, random.Random(0))
    show_templates(read_briefs(folder))
    show_speed(posts, random.Random(0))


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not there")
def test_quality():
    main(DATA)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
