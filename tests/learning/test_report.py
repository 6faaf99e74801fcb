"""A report says in words what was learned, what was changed, and what it would take to know more."""

import pytest

from postopt.learning.feedback import Waiting
from postopt.learning.report import StepReport

FULL = StepReport(
    step=7, now=1000.0, received=12, duplicate=1, conflicting=2, out_of_order=3, unknown=4, late=5, found=6, learned=1,
    posts=1, again=13, unclaimed=8, superseded=9, refused=10, deferred=11, waiting=Waiting(3, 4, 1000.0 + 3 * 3600),
    learners={"ad": 1},
    changes=(("ad", "paused the arm <b>"),), needs=(("ad", "9,000 impressions an arm for 10 %"),), skipped=("miner",),
    others=2, backwards=90.0, not_restored=("old",), unproposed=(("ad", "no route"),),
)  # fmt: skip


AGAIN = "sums add them, rates per post stay; a longer window= judges posts by all they get"


def test_all_of_it_is_in_words():
    assert str(FULL).splitlines() == [
        "Step 7",
        "What came",
        "  - 12 reports",
        "  - 1 had come before and did not count again",
        "  - 2 had the id of another with other content: the first one holds; ask the sender",
        "  - 3 came after one that was counted later; they count as all others",
        "  - 5 came too late for the step before; they count all the same",
        "  - 4 for posts that nobody knows; they are kept",
        "  - 6 for posts that were unknown until now",
        "What was learned",
        "  - 1 report of 1 post learned from",
        "  - ad: 1 report",
        f"  - 13 of them after their post was judged: {AGAIN}",
        "  - 8 mature, but no learner took them",
        "  - 9 said less than a report taken before, or the same",
        "  - 10 refused: a count was smaller than before, and readers are not taken back",
        "  - 11 left to the next report of their post: more new clicks than new impressions",
        "What was changed",
        "  - ad: paused the arm <b>",
        "  - the day's budget has no room for miner",
        "What it would take to know more",
        "  - ad: 9,000 impressions an arm for 10 %",
        "  - 3 reports until mature; the first one is in 3 hours",
        "  - 4 reports until somebody says with link() which decision led to their post",
        "To be looked at",
        "  - others took 2 steps on this store meanwhile; what they learned was taken over",
        "  - the clock went back by 90 seconds",
        "  - no restore(), so not brought to the state in the store: old",
        "  - ad could get no proposals this time: no route",
    ]


def test_a_learner_that_says_its_name_is_not_named_twice():
    report = StepReport(step=1, now=0.0, changes=(("ad", "ad: b is paused"),), needs=(("ad", "ad: too few"),))
    assert str(report).count("ad: ") == 2


def test_nothing_is_said_of_what_did_not_happen():
    assert str(StepReport(step=1, now=0.0)).splitlines() == [
        "Step 1", "What came", "  - 0 reports", "What was learned", "  - 0 reports learned from", "What was changed",
        "  - nothing",
    ]  # fmt: skip


def test_a_dry_run_and_a_stop_say_so():
    text = str(StepReport(step=1, now=0.0, dry_run=True, stopped="holidays"))
    assert "dry run: nothing of it was kept" in text
    assert "nothing: stopped: holidays; reports are counted on" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5.0, "5 seconds"), (119.0, "119 seconds"), (300.0, "5 minutes"), (5400.0, "90 minutes"),
     (7 * 86_400.0, "7 days"), (400 * 86_400.0, "400 days"), (0.5, "0.5 seconds")],
)  # fmt: skip
def test_times_are_read_at_a_glance(seconds, words):
    assert f"in {words}" in str(StepReport(step=1, now=0.0, waiting=Waiting(1, 0, seconds)))


def test_what_is_due_already_has_no_time():
    assert "1 report until mature\n" in str(StepReport(step=1, now=5.0, waiting=Waiting(1, 0, 4.0), others=1))


def test_html_says_the_same_and_escapes_it():
    html = FULL._repr_html_()
    assert "paused the arm &lt;b&gt;" in html
    assert "<b>Step 7</b>" in html
    assert html.count("<li>") == str(FULL).count("  - ")
    assert "dry run" in StepReport(step=1, now=0.0, dry_run=True)._repr_html_()
