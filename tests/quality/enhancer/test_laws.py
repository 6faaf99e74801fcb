"""What holds of every enhanced text, whatever the brief and however bad the text."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.constraints import Constraints
from postopt.quality.enhancer import Enhancer
from postopt.quality.scorer import QualityScorer
from postopt.quality.stating.facts import broken_facts
from postopt.types import Brief

ENHANCER = Enhancer(scorer=QualityScorer())

WORDS = [
    "fresh bread", "Price", "artisan", "the the", "we open", "abrimos hoy", "cheap", "#cheap", "now!!!", "{name}",
    "**new**", "Ã©", "http:/x.org", "As an AI", "como estas?", "Mr. Low", "5 p. m.", "\x00", "\n\n", " ,", "(", '"',
    "🎉", "#bread", "Buy 3.", "Call 555 0199.", "Are you depressed?", "Best in town!", "Sure! Here's a post:",
]  # fmt: skip
FACTS = [
    "€8.25",
    "7:30 am",
    "https://loaf.example.com/a",
    "Loaf & Co",
    "{{ nombre }}",
    "12 May",
    "5 p. m.",
    "cheap bread",
]


@st.composite
def cases(draw):
    values = draw(st.lists(st.sampled_from(FACTS), max_size=4, unique=True))
    brief = Brief(
        topic="A bakery opens",
        language=draw(st.sampled_from(["en", "es", "fr"])),
        platform=draw(st.sampled_from(["facebook", "facebook_ad", "x", "instagram", "linkedin"])),
        facts={f"fact {number}": value for number, value in enumerate(values)},
        forbidden=tuple(draw(st.lists(st.sampled_from(["artisan", "cheap", "fact", "open"]), max_size=2))),
        call_to_action=draw(st.sampled_from([None, "Come and see us"])),
        max_length=draw(st.sampled_from([None, 40, 120, 400])),
    )
    pieces = st.one_of(st.sampled_from(WORDS), st.sampled_from([*values, "€8.50", "13 May"]), st.text(max_size=12))
    text = draw(st.sampled_from(["", " ", ". "])).join(draw(st.lists(pieces, max_size=14)))
    return text, draw(st.sampled_from([brief, None])) if draw(st.booleans()) else brief


def enhanced(text, brief, **settings):
    return asyncio.run(ENHANCER.enhance(text, brief, **settings))


def hard(report):
    return sorted(finding.rule for finding in report.hard_failures)


def lost(text, brief):
    return {fact.name for fact in broken_facts(text, brief)} if brief is not None else set()


def check_the_laws(text, brief):
    after = enhanced(text, brief)
    assert after.changed == (after.text != text)
    assert lost(after.text, brief) <= lost(text, brief)
    for rule in set(hard(after.after)):
        assert hard(after.after).count(rule) <= hard(after.before).count(rule)
    assert after.after == ENHANCER.scorer.score(after.text, brief)
    assert all(decision.reason and decision.judge for decision in after.decisions)
    if len(hard(after.after)) == len(hard(after.before)):
        # Estimates apart, which an edit of the letter may move a little.
        for name in ("policy", "platform", "correctness", "fidelity"):
            if after.before.axes[name].value is not None:
                assert after.after.axes[name].value >= after.before.axes[name].value
    again = enhanced(after.text, brief)
    assert (again.text, again.changed, again.rules) == (after.text, False, ())
    return after


@given(cases())
def test_no_fact_is_lost_nothing_hard_is_added_no_axis_falls_and_twice_is_once(case):
    check_the_laws(*case)


@pytest.mark.long
@pytest.mark.shared_data
class TestBriefsOfUsers:
    """120 briefs, awkward on purpose, and texts that get each of them wrong in several ways."""

    @pytest.fixture
    def briefs(self, shared_data):
        lines = (shared_data / "briefs" / "briefs.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        return [Brief.from_mapping({name: row[name] for name in row if name != "id"}) for row in rows]

    def test_the_laws_hold_for_each(self, briefs):
        for brief in briefs:
            values = list(brief.facts.values())
            broken = f"{brief.topic}!!!  {' '.join(values[1:])} {' '.join(brief.forbidden[:1])}. Only 7 left for $1.99."
            check_the_laws(broken, brief)

    def test_what_lacks_every_fact_has_them_all_afterwards_where_there_is_room(self, briefs):
        repaired = 0
        for brief in briefs:
            after = enhanced(brief.topic, brief)
            repaired += not Constraints(brief).violations(after.text)
        assert repaired >= 0.95 * len(briefs)
