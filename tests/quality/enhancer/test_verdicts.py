"""Whether an edit stays: each reason for which it does not."""

from types import SimpleNamespace

import pytest

from postopt.judgement import Axis, Finding, QualityReport
from postopt.quality.mending.edits import Edit
from postopt.quality.mending.verdicts import Judged, of_edit, of_rewrite
from postopt.stats import Interval


def judged(*rules, states=("price",), **values):
    """Return a text whose report has these rules ("!" in front: hard) and these values of axes."""
    found = tuple(Finding(rule=rule.strip("!"), axis="policy", message="m", hard=rule[0] == "!") for rule in rules)
    axes = {"policy": Axis(name="policy", value=1 / (1 + len(found)), findings=found)}
    axes |= {name: Axis(name=name, value=value) for name, value in values.items()}
    return Judged("text", QualityReport(axes=axes), frozenset(states))


def edit(rule="r", *, hard=False, content=False):
    return Edit(rule, "policy", hard=hard, content=content, did="did", text="other")


SURE = SimpleNamespace(
    compare=lambda first, second: SimpleNamespace(p=0.9, interval=Interval(0.1, 0.2, 0.95, 9), abstains=False)
)
LETTER, CONTENT, HARD = edit(), edit(content=True), edit(hard=True, content=True)


@pytest.mark.parametrize(
    ("what", "before", "after", "ranker", "keep", "judge"),
    [
        (LETTER, judged("r"), judged(), None, True, "checkers"),
        (LETTER, judged("r", "r"), judged("r"), None, True, "checkers"),
        (LETTER, judged("r"), judged("r"), SURE, False, "checkers"),
        (LETTER, judged("r", "r"), judged("s"), SURE, False, "checkers"),
        (LETTER, judged("r"), judged("!s"), SURE, False, "checkers"),
        (LETTER, judged("r"), judged(states=()), SURE, False, "facts"),
        # Readability has no say on a mended letter: "are are" is no easier to read for its formula's reasons.
        (LETTER, judged("r", readability=0.5), judged(readability=0.4), None, True, "checkers"),
        (LETTER, judged("r", readability=0.5), judged(readability=None), None, True, "checkers"),
        (LETTER, judged("r", novelty=0.5), judged(novelty=0.46), None, True, "checkers"),
        (LETTER, judged("r", novelty=0.5), judged(novelty=0.4), SURE, False, "checkers"),
        (LETTER, judged("r", response=0.5), judged(response=None), SURE, False, "checkers"),
        (CONTENT, judged("r", readability=0.5), judged(readability=0.4), SURE, False, "checkers"),
        (LETTER, judged("r", readability=None), judged(readability=0.1), None, True, "checkers"),
        (CONTENT, judged("r"), judged(), None, False, "ranker"),
        (CONTENT, judged("r"), judged(), SURE, True, "ranker"),
        (CONTENT, judged("r", response=0.5), judged(response=0.49), SURE, False, "checkers"),
        (HARD, judged("!r"), judged(), None, True, "checkers"),
        (HARD, judged("!r", response=0.5), judged("s", response=0.1), None, True, "checkers"),
        (HARD, judged("!r", "r"), judged("!r"), SURE, False, "checkers"),
        (HARD, judged("!r"), judged("!s"), SURE, False, "checkers"),
        (HARD, judged("!r"), judged(states=()), SURE, False, "facts"),
    ],
)
def test_an_edit(what, before, after, ranker, keep, judge):
    verdict = of_edit(what, before, after, ranker)
    assert (verdict.keep, verdict.judge) == (keep, judge)
    assert verdict.reason


@pytest.mark.parametrize(
    ("before", "after", "ranker", "keep", "judge"),
    [
        (judged("!r"), judged("s", "s"), None, True, "checkers"),
        (judged("!r"), judged("!r"), None, False, "ranker"),
        (judged("!r", "!r"), judged("!s"), SURE, False, "checkers"),
        (judged("!r"), judged(states=()), SURE, False, "facts"),
        (judged("r"), judged(), None, False, "ranker"),
        (judged("r"), judged(), SURE, True, "ranker"),
        (judged("r"), judged("r", "s"), SURE, False, "checkers"),
        (judged(readability=0.5), judged(readability=0.49), SURE, False, "checkers"),
    ],
)
def test_a_rewrite(before, after, ranker, keep, judge):
    verdict = of_rewrite(before, after, ranker)
    assert (verdict.keep, verdict.judge) == (keep, judge)
    assert verdict.reason
