"""Every way from one stage to the next, without a store."""

import json

import pytest

from postopt.errors import PromptError
from postopt.prompts.stages import MOST_PAST, MOST_REFUSED, MOST_WAITING, Progress, Stage, Waiting

IDLE = Progress(production="a")
TEST = IDLE.with_waiting([Waiting("b"), Waiting("c")]).tested(["b", "c"], 1.0)
CHECK = TEST.checked("c", 2.0)
WATCH = CHECK.promoted(3.0)


def test_the_way_of_a_winner():
    assert (TEST.stage, TEST.arms, TEST.waiting, TEST.experiment("p")) == (Stage.TEST, ("a", "b", "c"), (), "p/1/test")
    assert (CHECK.arms, CHECK.tried, CHECK.experiment("p")) == (("a", "c"), ("b",), "p/2/check")
    assert CHECK.earlier("p") == ("p/1/test",)
    assert (WATCH.production, WATCH.past, WATCH.arms, WATCH.changes) == ("c", ("a",), ("a", "c"), 1)
    assert (WATCH.experiment("p"), WATCH.earlier("p")) == ("p/3/watch", ("p/2/check", "p/1/test"))
    end = WATCH.ended(4.0)
    assert (end.stage, end.production, end.arms, end.tried, end.since) == (Stage.IDLE, "c", (), ("b",), 4.0)
    assert end.refused == ()
    assert (IDLE.experiment("p"), TEST.earlier("p")) == ("", ())


def test_who_was_worse_is_refused_and_who_showed_nothing_was_tried():
    end = TEST.ended(2.0, worse=["c"])
    assert (end.refused, end.tried, end.production) == (("c",), ("b",), "a")
    check = TEST.checked("c", 2.0, worse=["b"])
    assert (check.refused, check.tried) == (("b",), ())
    assert (CHECK.ended(3.0).refused, CHECK.ended(3.0).tried) == ((), ("b", "c"))


def test_what_was_tried_may_wait_and_be_tried_again():
    again = TEST.ended(2.0).with_waiting([Waiting("b")]).tested(["b"], 3.0)
    assert (again.arms, again.tried, again.round) == (("a", "b"), ("c",), 2)


@pytest.mark.parametrize("progress", [WATCH, WATCH.ended(4.0), WATCH.ended(4.0).tested(["d"], 5.0)])
def test_a_rollback_goes_back_at_once(progress):
    back = progress.rolled_back(9.0)
    assert (back.production, back.past, back.stage, back.arms, back.changes) == ("a", (), Stage.IDLE, (), 2)
    assert "c" in back.refused
    assert back.with_waiting([Waiting("c")]).waiting == ()
    with pytest.raises(PromptError, match="no former"):
        back.rolled_back(10.0)


def test_json_gives_an_equal_one_back():
    for progress in (IDLE, TEST, CHECK, WATCH, IDLE.with_waiting([Waiting("b", 0.5)])):
        assert Progress.from_mapping(json.loads(json.dumps(progress.to_dict()))) == progress
    for data in (
        {},
        {**IDLE.to_dict(), "stage": "x"},
        {**IDLE.to_dict(), "more": 1},
        {**IDLE.to_dict(), "waiting": [1]},
    ):
        with pytest.raises(PromptError):
            Progress.from_mapping(data)


class TestWaiting:
    def test_the_best_score_first_and_those_without_last(self):
        waiting = IDLE.with_waiting([Waiting("b"), Waiting("c", 0.1), Waiting("d", 0.9)]).with_waiting(
            [Waiting("e", 0.5)]
        )
        assert [one.version for one in waiting.waiting] == ["d", "e", "c", "b"]

    def test_nobody_twice_and_nobody_who_was_refused(self):
        progress = IDLE.with_refused(["x"]).with_waiting([Waiting("b"), Waiting("a"), Waiting("x"), Waiting("b", 1.0)])
        assert [one.version for one in progress.with_waiting([Waiting("b", 2.0)]).waiting] == ["b"]
        assert progress.with_refused(["b"]).waiting == ()

    def test_everything_is_bounded(self):
        progress = IDLE.with_waiting(Waiting(f"w{place}") for place in range(100))
        assert len(progress.waiting) == MOST_WAITING
        assert IDLE.with_refused(f"r{place}" for place in range(1000)).refused[-1] == "r999"
        assert len(IDLE.with_refused(f"r{place}" for place in range(1000)).refused) == MOST_REFUSED
        for place in range(100):
            progress = progress.tested([f"t{place}"], 0.0).checked(f"t{place}", 0.0).promoted(0.0).ended(0.0)
        assert len(progress.past) == MOST_PAST


class TestCalls:
    def test_each_day_has_its_own(self):
        progress = IDLE.with_asked(10, 3).with_asked(10, 2)
        assert (progress.asked_on(10), progress.asked_on(11)) == (5, 0)
        assert progress.with_asked(11, 1).asked_on(11) == 1

    def test_a_clock_that_goes_back_gains_none(self):
        progress = IDLE.with_asked(10, 3).with_asked(9, 2)
        assert (progress.asked_on(9), progress.asked_on(10)) == (5, 5)
