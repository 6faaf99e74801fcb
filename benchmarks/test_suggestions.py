"""Whether suggestions keep their sign on later headline tests, and how often there are none.

    python benchmarks/test_suggestions.py [FILE.csv.gz [POSTS.csv.gz]]

The file has the columns test_id, headline, eyecatcher_id, impressions, clicks, test_week and randomization_risk, as the
Upworthy Research Archive has (Matias, Munger, Aubin Le Quere, Scientific Data 2021). A contrast is the headlines of one
test under one picture; tests of the weeks in which assignment was faulty are left out, and so are tests that share a
headline with one on the other side. What each figure rests on: replay of real tests.

A catalogue is built from the earlier three fifths of the tests, of which its own last two fifths confirm. Every
headline of the later tests gets its suggestions: what is shown by default, and with `advice=True`. An edit keeps its
sign if later headlines that are as the edit would make them do better than those of the same contrast that are not;
estimates as in `estimates`. Counted over the suggestions shown, so that an edit weighs as often as it is shown, and
over edits; with the confirmation and without it. The interval of the share is a bootstrap over the later contrasts:
which of them there are decides both what is shown and how it turns out. Once by time and for 20 deals by hash, with
tests of all times on both sides; the deals overlap.

A host's experiments: some of the later contrasts update the catalogue, and are compared with the others: root mean
square distances in log-odds, the error of the others taken out. It is the same publisher, so that a host that differs
is not in it.

How often there is nothing: 2,000 headlines, and 3,000 posts of public pages in English (columns message,
lang), by hash.
Folk advice: what the catalogue says of it. Speed: microseconds of a call; not asserted.
"""

import csv
import gzip
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from zlib import crc32

import numpy as np
import pytest

from postopt.engagement.advising.cataloguing import build, sides
from postopt.engagement.advising.estimates import estimates
from postopt.engagement.advising.record import SAME_SIGN
from postopt.engagement.evidence import EvidenceCatalogue
from postopt.engagement.suggestions import suggest
from postopt.experiments.replaytests import read_tests

DATA = Path(__file__).parents[2] / "shared" / "data" / "ab" / "upworthy_open.csv.gz"
POSTS = DATA.parents[1] / "engagement" / "facebook_pages_2016.csv.gz"
FOLK = ("question", "ends_with_question", "exclamation", "short", "at_most_12_words", "emphasis", "you", "superlative")


def tests_of(path):
    return [test for test in read_tests(path, alike="eyecatcher_id") if not test.risk]


def dealt(tests, deal):
    """Return the tests with other times, so that what was early by chance is looked at first."""
    return [replace(test, period=f"{crc32(f'{deal} {test.id}'.encode()):010d}") for test in tests]


def split(tests):
    """Return the earlier tests, and the contrasts of the later ones."""
    earlier, later = sides(tests)
    first = {row for group in earlier for row in group}
    return [test for test in tests if first.intersection(test.arms)], later


def unconfirmed(catalogue):
    return EvidenceCatalogue((replace(record, confirmed=True) for record in catalogue.records), spread=catalogue.spread)


def suggested(catalogue, later, *, advice=False):
    """Return what is suggested for each headline."""
    texts = {row[0] for group in later for row in group}
    return {text: suggest({"text": text, "language": "en"}, catalogue=catalogue, advice=advice) for text in texts}


def judge(given, later):
    """Return the share of suggestions that keep their sign, of how many, by edit, how often each is shown, and none."""
    shown, evidence, none, headlines = Counter(), {}, 0, 0
    for text, _, _ in (row for group in later for row in group):
        headlines += 1
        none += not given[text]
        for suggestion in given[text]:
            shown[suggestion.edit] += 1
            evidence[suggestion.edit] = suggestion.evidence
    measured = estimates(later, language="en")
    same = {
        edit: (measured[record.trait].effect.log_odds > 0) is record.wanted
        for edit, record in evidence.items()
        if record.trait in measured
    }
    judged = sum(shown[edit] for edit in same)
    share = sum(shown[edit] for edit, yes in same.items() if yes) / max(judged, 1)
    return share, judged, same, shown, none / max(headlines, 1)


def bootstrap(given, later, rounds=100):
    draw = np.random.default_rng(0)
    shares = []
    for _ in range(rounds):
        counted = Counter(draw.integers(len(later), size=len(later)).tolist())
        # Of a contrast that is drawn k times the counts are k times as large: as a copy it would be left out.
        sample = [[(text, n * k, s * k) for text, n, s in later[index]] for index, k in counted.items()]
        shares.append(judge(given, sample)[0])
    return np.quantile(shares, [0.025, 0.975])


def show_judged(name, catalogue, later, *, advice=False):
    given = suggested(catalogue, later, advice=advice)
    share, judged, same, shown, none = judge(given, later)
    low, high = bootstrap(given, later)
    print(
        f"{name}: {share:.4f} [{low:.3f}, {high:.3f}] of {judged} suggestions keep their sign, {sum(same.values())} of "
        f"{len(same)} edits; no suggestion for {100 * none:.1f} % of headlines"
    )
    for edit, times in shown.most_common():
        verdict = {True: "kept", False: "not kept", None: "too few to tell"}[same.get(edit)]
        print(f"    {edit:32} {times:6} {verdict}")


RULES = {
    "Benjamini-Hochberg": lambda record: record.found,
    "and confirmed": lambda record: record.found and record.confirmed is True,
    "and the same sign again with 95 % (shown)": lambda record: record.stands,
    "without the confirmation": lambda record: record.found and record.p_again >= SAME_SIGN,
}


def show_deals(tests, deals=20):
    """Show the share of suggestions, and of records under each rule, that keep their sign over deals by hash."""
    totals = Counter()
    for deal in range(deals):
        earlier, later = split(dealt(tests, deal))
        catalogue = build(earlier)
        for advice in (False, True):
            share, judged, same, _, none = judge(suggested(catalogue, later, advice=advice), later)
            found = {"kept": share * judged, "judged": judged, "signs": sum(same.values()), "edits": len(same)}
            totals.update({(advice, name): value for name, value in (found | {"none": none}).items()})
        measured = estimates(later, language="en")
        for record in catalogue.records:
            for rule, holds in RULES.items():
                if record.trait in measured and holds(record):
                    same_sign = (measured[record.trait].effect.log_odds > 0) == (record.effect.log_odds > 0)
                    totals.update({(rule, "records"): 1, (rule, "kept"): same_sign})
    for advice in (False, True):
        kept, judged, signs, edits, none = (
            totals[advice, name] for name in ("kept", "judged", "signs", "edits", "none")
        )
        print(
            f"{deals} deals by hash, advice={advice}: {kept / judged:.4f} of {judged} suggestions keep their sign, "
            f"{signs} of {edits} edits; none for {100 * none / deals:.1f} %"
        )
    for rule in RULES:
        kept, n = totals[rule, "kept"], totals[rule, "records"]
        print(f"    {rule:44} {kept / n:.4f} of {n} records")


def show_host(catalogue, later, draws=12, host=120):
    """Show how far a host's estimates, the catalogue's and both are from those of the other later contrasts."""
    draw = np.random.default_rng(0)
    squares, held = {"host alone": [], "catalogue alone": [], "both": []}, []
    for _ in range(draws):
        order = draw.permutation(len(later))
        own, rest = ([later[index] for index in side] for side in (order[:host], order[host:]))
        alone, truth, both = (
            estimates(own, language="en"),
            estimates(rest, language="en"),
            catalogue.with_experiments(own),
        )
        for trait in alone.keys() & truth.keys() & {record.trait for record in catalogue.records}:
            true, error = truth[trait].effect.log_odds, truth[trait].effect.error
            found = [alone[trait].effect, catalogue.about(trait).effect, both.about(trait).effect]
            for name, effect in zip(squares, found, strict=True):
                squares[name].append((effect.log_odds - true) ** 2 - error**2)
            held.append(abs(found[2].log_odds - true) <= 1.96 * np.hypot(found[2].error, error))
    distances = ", ".join(f"{name} {np.sqrt(max(np.mean(some), 0)):.3f}" for name, some in squares.items())
    print(f"{draws} draws of {host} contrasts as the host's: {distances}; {np.mean(held):.3f} of the intervals hold")


def main(path, posts=POSTS):
    tests = tests_of(path)
    earlier, later = split(tests)
    catalogue = build(earlier)
    standing = sum(record.stands for record in catalogue.records)
    print(f"{len(earlier)} earlier tests, {len(later)} later contrasts; {standing} of {len(catalogue)} traits stand")
    show_judged("by time, confirmed", catalogue, later)
    show_judged("by time, confirmed, advice=True", catalogue, later, advice=True)
    show_judged("by time, not confirmed", unconfirmed(catalogue), later)
    show_deals(tests)
    show_host(catalogue, later)
    show_folk(build(tests))
    headlines = by_hash({text for test in tests for text, _, _ in test.arms}, 2000)
    show_none("headlines", headlines)
    if Path(posts).exists():
        show_none("posts", by_hash(english(posts), 3000))
    show_speed(headlines)


def by_hash(texts, count):
    return sorted(sorted(set(texts)), key=lambda text: crc32(text.encode()))[:count]


def english(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return {row["message"] for row in csv.DictReader(file) if row["lang"] == "en" and row["message"].strip()}


def show_none(name, texts):
    for advice in (False, True):
        given = [suggest({"text": text, "language": "en"}, advice=advice) for text in texts]
        shown = Counter((one.edit, one.rewritten) for several in given for one in several)
        none = 100 * sum(not several for several in given) / len(given)
        edits = ", ".join(f"{'' if rewritten else 'advice '}{edit} {n}" for (edit, rewritten), n in shown.most_common())
        print(f"{len(texts)} {name}, advice={advice}: none for {none:.1f} %; {edits}")


def show_folk(catalogue):
    for edit in FOLK:
        record = catalogue.about(edit)
        print(f"{record.explain() if record else edit} Stands: {record.stands if record else False}.")


def show_speed(texts):
    took = []
    for text in texts:
        start = perf_counter()
        suggest(text)
        took.append(1e6 * (perf_counter() - start))
    print("suggest: p50 {:.0f} us, p99 {:.0f} us".format(*np.quantile(took, [0.5, 0.99])))


@pytest.mark.skipif(not DATA.exists(), reason="the archive is not redistributed with the library")
def test_suggestions():
    main(DATA)


if __name__ == "__main__":
    main(*sys.argv[1:] or [DATA])
