"""Cumulative reports count what came since the last one of their post."""

import pytest


@pytest.fixture
def loop(world):
    return world.loop(cumulative=True)


def test_each_adds_what_is_new(world, loop, report):
    for number, (impressions, clicks) in enumerate([(100, 5), (150, 5), (400, 30)]):
        loop.ingest(report(f"f{number}", "d0", impressions, clicks, at=100.0 + number))
        loop.step(200.0 + number)
    assert world.learner.counts == {"a": (400, 30)}


def test_posts_are_apart(world, loop, report):
    loop.ingest([report("f", "d0", 100, 5), report("g", "d2", 90, 4)])
    loop.step(200.0)
    assert world.learner.counts == {"a": (190, 9)}


def test_their_order_does_not_matter_within_a_step(world, loop, report):
    loop.ingest([report("f3", "d0", 400, 30, at=3.0), report("f1", "d0", 100, 5, at=1.0)])
    step = loop.step(200.0)
    assert (step.learned, step.superseded) == (2, 0)
    assert world.learner.counts == {"a": (400, 30)}


def test_an_older_one_that_comes_late_adds_nothing(world, loop, report):
    loop.ingest(report("f3", "d0", 400, 30, at=3.0))
    loop.step(200.0)
    loop.ingest(report("f1", "d0", 100, 5, at=1.0))
    step = loop.step(300.0)
    assert (step.late, step.learned, step.superseded) == (1, 0, 1)
    assert world.learner.counts == {"a": (400, 30)}


def test_the_same_again_adds_nothing(world, loop, report):
    loop.ingest([report("f", "d0", 100, 5, at=1.0), report("g", "d0", 100, 5, at=2.0)])
    step = loop.step(200.0)
    assert (step.learned, step.superseded) == (1, 1)


@pytest.mark.parametrize("less", [{"impressions": 99}, {"clicks": 4}, {"reactions": 1}, {"hides": 0}])
def test_a_count_that_shrinks_is_refused_and_a_later_one_may_be_right(world, loop, report, less):
    counts = {"impressions": 100, "clicks": 5, "reactions": 2, "hides": 1}
    loop.ingest(report("f", "d0", at=1.0, **counts))
    loop.ingest(report("g", "d0", at=2.0, **{**counts, **less}))
    loop.ingest(report("h", "d0", at=3.0, **{**counts, "impressions": 120, "clicks": 6}))
    step = loop.step(200.0)
    assert (step.learned, step.refused) == (2, 1)
    assert world.learner.counts == {"a": (120, 6)}


@pytest.mark.parametrize("name", ["reactions", "hides", "revenue"])
def test_what_a_report_did_not_count_is_not_what_it_counted_as_none(world, report, name):
    told = []
    world.learner.learn = lambda decision_id, feedback: told.append(getattr(feedback, name)) or True
    loop = world.loop(cumulative=True)
    for number, amount in enumerate((None, 0, None, 3, 3, None, 5)):
        loop.ingest(report(f"f{number}", "d0", 100 + 10 * number, 5, at=100.0 + number, **{name: amount}))
        loop.step(200.0 + number)
    assert told == [None, 0, None, 3, 0, None, 2]
    assert f'"{name}":{5 if name != "revenue" else 5_000_000}'.encode() in loop.snapshot()


def test_the_counts_of_one_step_are_one_report(world, report):
    told = []
    world.learner.learn = lambda decision_id, feedback: told.append(feedback) or True
    loop = world.loop(cumulative=True)
    for step, counts in enumerate([[(100, 5), (150, 5)], [(120, 4), (400, 30), (410, 30)]]):
        for number, (impressions, clicks) in enumerate(counts):
            loop.ingest(report(f"{step} {number}", "d0", impressions, clicks, at=100.0 * step + number))
        done = loop.step(200.0 + step)
    assert [(feedback.id, feedback.impressions, feedback.clicks) for feedback in told] == [
        ("0 1", 150, 5),
        ("1 2", 260, 25),
    ]
    assert (done.learned, done.refused, done.again) == (2, 1, 2)


def test_a_refund_is_no_count(world, loop, report):
    loop.ingest([report("f", "d0", at=1.0, revenue=10.0), report("g", "d0", at=2.0, revenue=-0.7)])
    assert loop.step(200.0).learned == 2
    assert b'"revenue":-700000' in loop.snapshot()


@pytest.mark.parametrize("more", [{"clicks": 8}, {"hides": 3}])
def test_more_clicks_than_impressions_wait_for_the_next_report(world, loop, report, more):
    loop.ingest(report("f", "d0", 100, 5, at=1.0))
    loop.ingest(report("g", "d0", 101, **{"clicks": 5, **more}, at=2.0))
    first = loop.step(200.0)
    assert (first.learned, first.deferred) == (1, 1)
    loop.ingest(report("h", "d0", 200, **{"clicks": 5, **more}, at=3.0))
    assert loop.step(300.0).learned == 1
    assert world.learner.counts == {"a": (200, more.get("clicks", 5))}


def test_counts_of_a_step_that_failed_are_not_lost(world, loop, report, monkeypatch):
    loop.ingest(report("f", "d0", 100, 5, at=1.0))
    with monkeypatch.context() as patch:
        patch.setattr(world.learner, "step", lambda now: 1 / 0)
        with pytest.raises(Exception, match="failed in step"):
            loop.step(200.0)
    loop.step(200.0)
    assert world.learner.counts == {"a": (100, 5)}
