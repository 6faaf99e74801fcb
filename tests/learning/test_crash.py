"""A process that dies in the midst of a step leaves all of it or nothing, and each report counts once."""

import os
import signal

import pytest

from postopt.errors import ExperimentStoreError


@pytest.fixture
def killed(new_world, tmp_path, report):
    """Step in a process that is killed before its n-th statement; say whether it came to its end."""
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    path = tmp_path / "store"

    def run(before, action):
        pid = os.fork()
        if not pid:
            try:
                world = new_world(path)
                loop = world.loop()
                world.store.get("any", "thing")  # opened
                count = 0

                def trace(statement):
                    nonlocal count
                    count += 1
                    if count == before:
                        os.kill(os.getpid(), signal.SIGKILL)

                with world.store.transaction() as connection:
                    pass
                connection.set_trace_callback(trace)
                action(loop)
            finally:
                os._exit(0)
        return os.waitpid(pid, 0)[1] == 0

    run.path = path
    return run


def test_a_step_is_whole_or_not_there(killed, new_world, report):
    world = new_world(killed.path).decide(6)
    world.loop().ingest([report(f"f{i}", f"d{i % 6}", clicks=i) for i in range(12)] + [report("u", "nobody's")])
    world.store.close()
    before, died = 1, 0
    while not killed(before, lambda loop: loop.step(200.0)):
        died += 1
        before += 1 + before // 12
        world = new_world(killed.path)
        assert world.loop().history() in ([], [(0, None), (1, 200.0)])  # the last write may be the commit
        assert world.store.audit() == []
        if world.loop().history():
            break
        world.store.close()
    assert died > 15
    world = new_world(killed.path)
    loop = world.loop()
    step = loop.step(300.0)
    assert world.learner.counts == {"a": (600, 30), "b": (600, 36)}
    assert (step.step, step.learned) == (2, 0)
    assert world.store.get("best", "counting") == "b"


def test_an_ingest_is_whole_or_not_there(killed, new_world, report):
    world = new_world(killed.path).decide(6)
    world.store.close()
    reports = [report(f"f{i}", f"d{i % 6}") for i in range(6)]
    before = 1
    while not killed(before, lambda loop: loop.ingest(reports)):
        before += 1
        world = new_world(killed.path)
        lines = len(list(world.loop().log))
        world.store.close()
        assert lines in (2, 8)
    assert before > 8
    world = new_world(killed.path)
    world.loop().ingest(reports)  # whoever does not know sends again
    assert world.loop().step(200.0).learned == 6


def test_a_full_disk_undoes_the_step(new_world, tmp_path, report):
    world = new_world(tmp_path / "store").decide(6)
    loop = world.loop()
    loop.ingest([report(f"f{i}", f"d{i % 6}") for i in range(500)])
    with world.store.transaction() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    world.learner.step = lambda now: world.store.put("big", "x", "y" * 100_000, now) or ["grew"]
    with pytest.raises(ExperimentStoreError, match="full"):
        loop.step(200.0)
    assert world.learner.counts == {}
    del world.learner.step
    world.store.close()
    again = new_world(tmp_path / "store")
    assert again.loop().step(200.0).learned == 500
