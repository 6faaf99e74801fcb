"""Callers that come while a run goes on share it, and nothing is kept."""

import asyncio
import contextvars

import pytest

from postopt.caching.coalescing import Coalescer
from postopt.errors import CacheError, CacheValueError, PostoptError, ReentrantError


def test_ten_thousand_callers_share_one_run(coalescer, computation, settle):
    flights, work = coalescer(), computation()

    async def main():
        callers = [asyncio.create_task(flights.run("key", work.in_task)) for _ in range(10_000)]
        await settle()
        assert len(flights) == 1
        work.end()
        return await asyncio.gather(*callers)

    assert asyncio.run(main()) == ["value"] * 10_000
    assert work.runs == 1
    assert (flights.runs, flights.joined, flights.failed, flights.abandoned) == (1, 9_999, 0, 0)


def test_all_get_the_same_object(coalescer, settle):
    async def make():
        await settle()
        return object()

    async def main():
        return await asyncio.gather(*(flights.run("key", make) for _ in range(100)))

    flights = coalescer()
    assert len(set(asyncio.run(main()))) == 1


def test_nothing_is_kept(coalescer, computation):
    flights, work = coalescer(), computation(held=False)

    async def main():
        for number in range(1, 4):
            assert await flights.run("key", work.in_task) == "value"
            assert len(flights) == 0
            assert work.runs == number
        assert flights.run_sync("key", work.in_thread) == "value"

    asyncio.run(main())
    assert (flights.runs, flights.joined) == (4, 0)


def test_keys_have_flights_of_their_own(coalescer, computation, settle):
    flights = coalescer()
    works = {key: computation(key) for key in ("a", ("a",), 1, None, b"")}

    async def main():
        callers = [asyncio.create_task(flights.run(key, work.in_task)) for key, work in works.items()]
        await settle()
        assert len(flights) == len(works)
        for work in reversed(works.values()):
            work.end()
        return await asyncio.gather(*callers)

    asyncio.run(main())
    assert [work.runs for work in works.values()] == [1] * len(works)


@pytest.mark.parametrize("value", [None, False, 0, "", b"", [], NotImplemented, ValueError("a value")], ids=repr)
def test_any_value_is_a_value(coalescer, value, settle):
    async def give():
        await settle()
        return value

    async def main():
        return await asyncio.gather(*(flights.run("key", give) for _ in range(3)))

    flights = coalescer()
    assert all(given is value for given in asyncio.run(main()))
    assert flights.run_sync("key", lambda: value) is value
    assert flights.runs == 2


def test_anything_that_can_be_awaited(coalescer):
    async def main():
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 1)
        assert await flights.run("key", lambda: future) == 1
        assert await flights.run("key", lambda: asyncio.sleep(0, 2)) == 2
        with pytest.raises(TypeError, match="await"):
            await flights.run("key", lambda: 3)
        with pytest.raises(TypeError, match="callable"):
            await flights.run("key", None)

    flights = coalescer()
    asyncio.run(main())
    assert flights.failed == 2


def test_a_run_is_a_task_of_its_own_with_its_leaders_context(coalescer):
    variable = contextvars.ContextVar("variable", default="nobody")

    async def compute():
        seen = variable.get()
        variable.set("the run")
        await asyncio.sleep(0)
        return seen, asyncio.current_task()

    async def call(name):
        variable.set(name)
        seen, task = await flights.run("key", compute)
        assert variable.get() == name
        return seen, task is asyncio.current_task()

    async def main():
        assert await asyncio.gather(call("first"), call("second")) == [("first", False)] * 2

    flights = coalescer()
    asyncio.run(main())


def test_a_thread_runs_in_its_own_context(coalescer):
    variable = contextvars.ContextVar("variable", default="nobody")

    def compute():
        seen = variable.get()
        variable.set("the run")
        return seen

    def call():
        variable.set("the caller")
        return coalescer().run_sync("key", compute), variable.get()

    assert contextvars.Context().run(call) == ("the caller", "the run")


@pytest.mark.parametrize("broken", ["unhashable", "hash", "equality"])
def test_a_key_that_cannot_be_looked_up_leaves_nothing(coalescer, computation, settle, broken):
    class Broken:
        def __hash__(self):
            if broken == "hash":
                raise ArithmeticError
            return hash("key")

        def __eq__(self, other):
            raise ArithmeticError

    flights, work = coalescer(), computation()

    async def main():
        healthy = asyncio.create_task(flights.run("key", work.in_task))
        await settle()
        key = [] if broken == "unhashable" else Broken()
        with pytest.raises(TypeError if broken == "unhashable" else ArithmeticError):
            await flights.run(key, work.in_task)
        with pytest.raises(TypeError if broken == "unhashable" else ArithmeticError):
            flights.run_sync(key, work.in_thread)
        work.end()
        return await healthy

    assert asyncio.run(main()) == "value"
    assert flights.runs == 1


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="eager tasks came with Python 3.12")
def test_eager_tasks(coalescer, computation, settle):
    flights, quick, held = coalescer(), computation("quick", held=False), computation()

    async def at_once():
        return "at once"

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        assert await flights.run("key", at_once) == "at once"
        assert await flights.run("key", quick.in_task) == "quick"
        callers = [asyncio.create_task(flights.run("key", held.in_task)) for _ in range(10)]
        callers[0].cancel()
        await settle()
        held.end()
        assert await asyncio.gather(*callers[1:]) == ["value"] * 9

        async def again():
            return await flights.run("key", again)

        with pytest.raises(ReentrantError):
            await flights.run("key", again)

    asyncio.run(main())
    assert flights.joined == 9


def test_a_task_factory_that_fails_fails_the_run(coalescer, computation, settle):
    flights = coalescer()
    first, second = computation(asyncio.CancelledError()), computation(held=False)

    def fail(loop, coroutine):
        raise LookupError("no task")

    async def main():
        loop = asyncio.get_running_loop()
        callers = [asyncio.create_task(flights.run("key", work.in_task)) for work in (first, second, second)]
        await settle()
        loop.set_task_factory(fail)
        with pytest.raises(LookupError, match="no task"):
            await flights.run("another key", second.in_task)
        first.end()
        await settle()
        loop.set_task_factory(None)
        return await asyncio.gather(*callers, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, LookupError, LookupError]
    assert (flights.runs, flights.failed, flights.abandoned) == (3, 2, 1)


def test_loops_of_uvloop(coalescer, computation, thread, settle):
    uvloop = pytest.importorskip("uvloop")
    flights, work = coalescer(), computation()

    async def main():
        callers = [asyncio.create_task(flights.run("key", work.in_task)) for _ in range(10)]
        await settle()
        callers[0].cancel()
        work.end()
        return await asyncio.gather(*callers[1:])

    def run():
        loop = uvloop.new_event_loop()
        try:
            return loop.run_until_complete(main())
        finally:
            loop.close()

    assert thread(run).outcome() == ["value"] * 9


def test_an_unknown_policy_is_refused():
    with pytest.raises(CacheValueError, match="'ignore'; allowed: share, retry, stale"):
        Coalescer(on_error="ignore")


def test_the_circle_error_is_a_cache_error():
    assert issubclass(ReentrantError, CacheError)
    assert issubclass(ReentrantError, PostoptError)
