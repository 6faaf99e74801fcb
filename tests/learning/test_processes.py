"""Several loops on one store take turns: threads, processes, and the child of a fork."""

import os
import threading

import pytest

from postopt.errors import ExperimentStoreError
from postopt.experiments.store import ExperimentStore


def test_threads_count_each_report_once(new_world, tmp_path, report):
    world = new_world(tmp_path / "store").decide(10)
    loop, errors = world.loop(), []

    def work(number):
        try:
            for i in range(20):
                loop.ingest([report(f"{number} {i}", f"d{i % 10}"), report(f"both {i}", f"d{i % 10}")])
                loop.step(200.0)
        except BaseException as error:  # noqa: BLE001 - a thread's errors are seen below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    loop.step(300.0)
    assert sum(n for n, _ in world.learner.counts.values()) == (4 * 20 + 20) * 100
    other = new_world().loop()
    other.replay(loop.log)
    assert other.snapshot() == loop.snapshot()


def test_processes_count_each_report_once(new_world, tmp_path, report, in_child):
    path = tmp_path / "store"
    new_world(path).decide(10).store.close()

    def work(number):
        world = new_world(path)
        loop = world.loop()
        for i in range(15):
            loop.ingest([report(f"{number} {i}", f"d{i % 10}"), report(f"both {i}", f"d{i % 10}")])
            loop.step(200.0 + i)
        world.store.close()

    children = []
    for number in range(3):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                work(number)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    world = new_world(path)
    loop = world.loop()
    loop.step(300.0)
    assert sum(n for n, _ in world.learner.counts.values()) == (3 * 15 + 15) * 100
    again = new_world().loop()
    again.replay(loop.log)
    assert again.snapshot() == loop.snapshot()


def test_the_child_of_a_fork_goes_on_for_itself(new_world, tmp_path, report, in_child):
    world = new_world(tmp_path / "store").decide(10)
    loop = world.loop()
    loop.ingest(report("f"))
    loop.step(200.0)

    def story():
        loop.ingest(report("g", "d1", at=300.0))
        assert loop.step(400.0).learned == 1

    in_child(story)
    step = loop.step(500.0)
    assert (step.learned, step.others) == (0, 1)
    assert world.learner.counts == {"a": (100, 5), "b": (100, 5)}


def test_a_fork_in_the_midst_of_a_step_finds_the_store_as_it_was(new_world, tmp_path, report, in_child, untraced):
    world = new_world(tmp_path / "store").decide(10)
    loop = world.loop()
    loop.ingest(report("f"))
    inside, go = threading.Event(), threading.Event()
    learn = world.learner.learn

    def slow(decision_id, feedback):
        inside.set()
        go.wait(60)
        return learn(decision_id, feedback)

    world.learner.learn = slow
    thread = threading.Thread(target=loop.step, args=(200.0,))
    thread.start()
    inside.wait(60)
    # A fork waits until nobody has the store, so somebody has to let the step end meanwhile.
    threading.Timer(0.05, go.set).start()

    def story():
        assert loop.step(300.0).learned == 0
        assert world.learner.counts == {"a": (100, 5)}

    in_child(story)
    thread.join()


def test_a_store_that_another_process_holds_is_an_error_that_passes(new_world, tmp_path, report):
    world = new_world(tmp_path / "store").decide(2)
    loop = world.loop()
    loop.ingest(report("f"))
    other = ExperimentStore(tmp_path / "store")
    world.store._file.seconds = world.store._seconds = 0.05
    with other.transaction(), pytest.raises(ExperimentStoreError) as caught:
        loop.step(200.0)
    assert caught.value.retryable
    assert loop.step(200.0).learned == 1
    other.close()
