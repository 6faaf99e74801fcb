"""Learners go back to an earlier step."""

import pytest

from postopt.errors import ExperimentError, ReplayError


@pytest.fixture
def loop(world, report):
    loop = world.loop()
    for number in range(1, 4):
        loop.ingest(report(f"f{number}", "d0", at=100.0 * number))
        loop.step(100.0 * number)
    return loop


def test_a_snapshot_that_is_restored_is_the_snapshot(world, loop):
    data = loop.snapshot(1)
    assert loop.snapshot() != data
    assert loop.restore(data) == ()
    assert loop.snapshot() == data
    assert world.learner.counts == {"a": (100, 5)}


def test_what_was_learned_since_is_not_learned_again(world, loop, report):
    loop.restore(loop.snapshot(1))
    loop.ingest([report("f2", at=200.0), report("g", at=400.0)])
    step = loop.step(400.0)
    assert (step.learned, step.duplicate) == (1, 1)
    assert world.learner.counts == {"a": (200, 10)}


def test_step_0_is_what_was_there_before(world, loop):
    loop.restore(loop.snapshot(0))
    assert world.learner.counts == {}


def test_other_loops_follow(world, counting, loop):
    second = counting(world.store)
    other = world.loop([second])
    other.step(350.0)
    loop.restore(loop.snapshot(1))
    other.step(400.0)
    assert second.counts == {"a": (100, 5)}


def test_the_history_names_what_is_kept(world, report):
    loop = world.loop(history=2)
    for now in (10.0, 20.0, 30.0, 40.0):
        loop.step(now)
    assert loop.history() == [(2, 20.0), (3, 30.0), (4, 40.0)]
    with pytest.raises(ExperimentError, match="no snapshot of step 1"):
        loop.snapshot(1)


def test_a_fresh_loop_has_an_empty_snapshot(world):
    loop = world.loop()
    assert loop.history() == []
    assert loop.restore(loop.snapshot()) == ()
    with pytest.raises(ExperimentError, match="no snapshot"):
        loop.snapshot(5)


def test_learners_that_cannot_go_back_are_named(world, report):
    class Fixed:
        name, n = "fixed", 0

        def learn(self, decision_id, feedback):
            self.n += 1
            return True

        def step(self, now):
            return ()

        def state(self):
            return {"n": self.n}

    loop = world.loop([world.learner, Fixed()])
    for number in (1, 2):
        loop.ingest(report(f"f{number}", at=float(number)))
        loop.step(float(number))
    assert loop.restore(loop.snapshot(1)) == ("fixed",)
    assert world.learner.counts == {"a": (100, 5)}
    assert b'"fixed":{"n":2}' in loop.snapshot()


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", None, b'{"format":"postopt learning snapshot","version":2}', b"[" * 100_000,
     b'{"format":"postopt learning snapshot","version":1,"learned":{"reports":1.5},"learners":{}}',
     b'{"format":"postopt learning snapshot","version":1,"learned":[],"learners":{}}',
     b'{"format":"postopt learning snapshot","version":1,"learned":{},"learners":[]}',
     b'{"format":"postopt learning snapshot","version":1,"learned":{},"learners":{"a":NaN}}'],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused(loop, data):
    before = loop.snapshot()
    with pytest.raises(ReplayError, match="snapshot"):
        loop.restore(data)
    assert loop.snapshot() == before


def test_a_state_the_learner_does_not_take_changes_nothing(world, loop):
    before = loop.snapshot()
    data = before.replace(b'{"counts":{"a":[300,15]}}', b'{"other":1}')
    assert data != before
    with pytest.raises(ExperimentError, match="'counting' failed in restore"):
        loop.restore(data)
    assert loop.snapshot() == before
    assert world.learner.counts == {"a": (300, 15)}
