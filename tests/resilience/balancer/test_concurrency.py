"""One balancer under many tasks, threads, event loops and in a forked child."""

import asyncio
import os
import random
import sys
import threading
from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from postopt.errors import CircuitOpenError, OverloadedError, RefusedError
from postopt.resilience.balancer import Balancer
from postopt.testing.loop import run_scripted


@pytest.fixture
def hurried():
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(count, work):
    errors = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - shown by the assert
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


class TestThreads:
    def test_loads_are_exact(self, hurried):
        balancer = Balancer(["a", "b", "c"], seed=1)

        def work(number):
            rng = random.Random(number)
            for _ in range(300):
                lease = balancer.pick(rng.choice([None, "x", "y"]))
                lease.end(rng.choice(["success", "failure", "cancelled", "success"]))

        in_threads(8, work)
        assert [state.outstanding for state in balancer.states] == [0, 0, 0]

    def test_a_replica_drains_once_and_is_called_no_more(self, hurried, listing):
        drained = []
        found = listing("r0", "r1")
        balancer = Balancer(found, drained=drained.append, seed=1)

        def work(number):
            for turn in range(200):
                if number == 0:
                    found.set(f"r{turn + 1}", f"r{turn + 2}")
                lease = balancer.pick()
                assert lease.name not in drained
                lease.end()

        in_threads(6, work)
        balancer.pick().end()
        assert len(drained) == len(set(drained)) == 200
        assert [state.name for state in balancer.states] == ["r200", "r201"]

    @pytest.mark.parametrize("path", ["acall", "pick"])
    def test_a_choice_made_just_before_its_replica_drained_is_made_again(self, path, listing):
        """Another thread sees that the replica has no calls between the choice and the counting of the call."""
        drained = []
        found = listing("old")
        balancer = Balancer(found, drained=drained.append)
        pool = balancer._pool

        class Pairs:
            def __next__(self):
                [old] = pool.members()
                found.set("new")
                with balancer.pick() as other:
                    assert (other, drained) == ("new", ["old"])
                return old, old

        pool.pairs = Pairs()
        if path == "acall":
            assert asyncio.run(balancer.acall(lambda replica: asyncio.sleep(0, replica))) == "new"
        else:
            assert balancer.pick().name == "new"
        assert [state.calls for state in balancer.states] == [2]

    def test_a_change_that_another_thread_has_followed_is_followed_once(self, listing):
        found = listing("a")
        balancer = Balancer(found)
        pairs = balancer._pool.pairs
        balancer._pool._follow()
        assert balancer._pool.pairs is pairs

    def test_a_trial_that_another_thread_has_begun_is_not_begun_again(self):
        now = 0.0
        balancer = Balancer(["a", "b"], clock=lambda: now)
        while not balancer.states[0].ejected:
            lease = balancer.pick()
            lease.end("failure" if lease.name == "a" else "success")
        now = 100.0
        due = balancer._pool._due_at
        trial = balancer.pick()
        balancer._pool._due_at = due  # what a thread read before the trial began
        assert (trial.name, balancer.pick().name) == ("a", "b")

    @pytest.mark.parametrize("hedge", [None, 0.05])
    def test_several_event_loops_share_one(self, hedge, hurried):
        balancer = Balancer(["a", "b", "bad"], hedge=hedge, seed=1)

        async def call(replica):
            for _ in range(random.Random(replica).randrange(3)):
                await asyncio.sleep(0)
            if replica == "bad":
                raise OverloadedError("down")
            return replica

        async def calls():
            return set(await asyncio.gather(*(balancer.acall(call) for _ in range(100))))

        results = []
        in_threads(4, lambda _: results.append(asyncio.run(calls())))
        assert all(result == {"a", "b"} for result in results)
        assert balancer.hedges <= 0.05 * 400
        assert [state.outstanding for state in balancer.states] == [0, 0, 0]


@given(st.integers(0, 2**32), st.sampled_from([None, 0.3]), st.integers(0, 3))
@settings(max_examples=40)
def test_whatever_happens_every_call_ends_in_one_way_and_leaves_nothing(seed, hedge, retries):
    """Replicas answer, fail, refuse, reject and hang at random; callers give up at random; time is virtual."""

    async def main():
        rng = random.Random(seed)
        loop = asyncio.get_running_loop()
        balancer = Balancer(list("abcde")[: rng.randint(1, 5)], hedge=hedge, retry_elsewhere=retries,
                            eject_seconds=3.0, clock=loop.time, seed=seed)  # fmt: skip
        ends = Counter()

        def wait(seconds):
            future = loop.create_future()
            loop.call_later(seconds, lambda: future.done() or future.set_result(None))
            return future

        async def one(key):
            sent = []

            async def call(replica):
                sent.append(replica)
                await wait(rng.choice([0.0, 0.1, 1.0, 1.0, 50.0]))
                error = rng.choice([None, None, None, OverloadedError("x"), RefusedError("x"), CircuitOpenError("x")])
                if error is not None:
                    if isinstance(error, CircuitOpenError):
                        sent.remove(replica)
                    raise error
                return replica

            try:
                async with asyncio.timeout(rng.choice([0.0, 0.5, 5.0, None])):
                    answer = await balancer.acall(call, key)
                assert answer in sent
                ends["answer"] += 1
            except (OverloadedError, RefusedError, CircuitOpenError, TimeoutError) as error:
                ends[type(error).__name__] += 1
            assert len(sent) <= balancer.most_sends
            assert len(set(sent)) == len(sent)

        tasks = []
        for _ in range(100):
            tasks.append(asyncio.ensure_future(one(rng.choice([None, "k"]))))
            await wait(rng.random())
        await asyncio.gather(*tasks)
        assert sum(ends.values()) == 100
        assert balancer.hedges <= (hedge or 0) * 100
        assert not any(state.outstanding for state in balancer.states)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_scripted(main())


class TestCancellation:
    @pytest.mark.parametrize("hedge", [None, 0.05])
    def test_a_storm_of_it_leaves_no_call_behind(self, hedge, scripted, ask, settle):
        async def main():
            rng = random.Random(3)
            replicas = [scripted(name) for name in "abc"]
            balancer = Balancer(replicas, hedge=hedge, seed=1)
            for replica in replicas:
                replica.behave = asyncio.get_running_loop().create_future
            tasks = [asyncio.ensure_future(balancer.acall(ask, rng.choice([None, "k"]))) for _ in range(300)]
            for _ in range(5):
                await asyncio.sleep(0)
                for task in rng.sample(tasks, 60):
                    task.cancel()
            await settle()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert [state.outstanding for state in balancer.states] == [0, 0, 0]
            assert not any(state.failures for state in balancer.states)

        asyncio.run(main())

    @pytest.mark.parametrize("hedge", [None, 0.05])
    def test_a_timeout_around_the_call_is_one(self, hedge, pause):
        async def main():
            balancer = Balancer(["a", "b"], hedge=hedge)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await balancer.acall(lambda replica: pause(10.0))
            assert not any(state.outstanding or state.failures for state in balancer.states)

        run_scripted(main())

    def test_a_call_that_is_closed_before_it_began_has_no_replica(self):
        balancer = Balancer(["a"])
        balancer.acall(lambda replica: asyncio.sleep(0)).close()
        assert balancer.states[0].outstanding == balancer.states[0].calls == 0


class TestFork:
    def test_counting_begins_anew(self):
        """What runs in a child, run here: the calls of other threads stayed in the parent."""
        balancer = Balancer(["a", "b"], seed=1)
        leases = [balancer.pick() for _ in range(5)]
        balancer._pool.after_fork()
        assert [state.outstanding for state in balancer.states] == [0, 0]
        new = balancer.pick()
        for lease in leases:
            lease.end("failure")
        assert sum(state.outstanding for state in balancer.states) == 1
        new.end()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
    def test_the_childs_loads_are_its_own(self):
        """Calls of the parent never end in the child, and a lock that a thread held there would never be free."""
        balancer = Balancer(["a", "b"], seed=1)
        leases = [balancer.pick() for _ in range(5)]
        balancer._pool.lock.acquire()
        pid = os.fork()
        if pid == 0:
            try:
                assert [state.outstanding for state in balancer.states] == [0, 0]
                for lease in leases:
                    lease.end("failure")
                assert [state.outstanding for state in balancer.states] == [0, 0]
                with balancer.pick():
                    assert sum(state.outstanding for state in balancer.states) == 1
                os._exit(0)
            except BaseException:  # noqa: BLE001 - the child must not go on with the parent's tests
                os._exit(1)
        balancer._pool.lock.release()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert sum(state.outstanding for state in balancer.states) == 5
