"""A breaker as a decorator, and as a block."""

import asyncio
import contextvars
import functools
import gc
import inspect
import pickle
import threading

import pytest

from postopt.caching.cooldown import Breaker
from postopt.errors import CircuitOpenError
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.breaking import blocks
from postopt.resilience.breaking.blocks import MOST


class TestDecorator:
    def test_a_function_keeps_its_face(self, bench):
        it = bench()

        @it.breaker
        def add(a: int, *, b: int = 1) -> int:
            """Add."""
            return a + b

        assert (add.__name__, add.__doc__, str(inspect.signature(add))) == (
            "add",
            "Add.",
            "(a: int, *, b: int = 1) -> int",
        )
        assert [add(1), add(1, b=2), add(a=3, b=4)] == [2, 3, 7]
        assert it.ends() == {"success": 3}

    @pytest.mark.parametrize("settings", [{}, {"classify": lambda cause, *_: "failure" if cause else "success"}])
    def test_successes_and_failures_count(self, bench, down, settings):
        it = bench(**settings)
        work, fall = it.breaker(it.work), it.breaker(it.fall)
        awork, afall = it.breaker(it.awork), it.breaker(it.afall)
        assert [work(), asyncio.run(awork())] == ["done", "done"]
        with pytest.raises(down):
            fall()
        with pytest.raises(down):
            asyncio.run(afall(error=down()))
        assert it.ends() == {"success": 2, "failure": 2}

    def test_a_method(self, bench):
        it = bench()

        class Client:
            @it.breaker
            def ask(self, question):
                return self, question

        client = Client()
        assert client.ask("why") == (client, "why")

    def test_a_coroutine_function(self, bench, down):
        it = bench()

        @it.breaker
        async def fails(*, error):
            raise error

        assert inspect.iscoroutinefunction(fails)
        for _ in range(3):
            with pytest.raises(down):
                asyncio.run(fails(error=down()))
        assert it.breaker.state == "open"

    @pytest.mark.parametrize("wrap", [lambda function: function, functools.partial], ids=["bare", "partial"])
    def test_generator_functions(self, bench, down, wrap):
        it = bench(failure_threshold=2)

        def stream(n, *, then):
            yield from range(n)
            raise then

        async def astream(n, *, then):
            for number in stream(n, then=then):
                yield number

        guarded, aguarded = it.breaker(wrap(stream)), it.breaker(wrap(astream))
        items = guarded(2, then=down())
        assert [next(items), next(items)] == [0, 1]
        with pytest.raises(down):
            next(items)

        async def story():
            with pytest.raises(down):
                assert [item async for item in aguarded(2, then=down())]

        asyncio.run(story())
        assert it.breaker.state == "open"

    def test_an_object_with_an_asynchronous_call(self, bench, held):
        it = bench().open()
        with pytest.raises(CircuitOpenError):
            asyncio.run(it.breaker(held)())
        assert not held.begun


def chain():
    """Return how many blocks this context remembers."""
    number, block = 0, blocks._innermost.get()
    while block is not None:
        number, block = number + 1, block.outer
    return number


class TestBlocks:
    def test_the_block_is_the_call(self, bench, down):
        it = bench()
        with it.breaker as breaker:
            assert breaker is it.breaker
        for _ in range(3):
            with pytest.raises(down), it.breaker:
                raise down
        with pytest.raises(CircuitOpenError):
            it.breaker.__enter__()
        assert it.ends() == {"success": 1, "failure": 3, "rejected": 1}

    def test_blocks_within_blocks(self, bench, down):
        outer, inner = bench(), bench()
        with outer.breaker, inner.breaker, outer.breaker, pytest.raises(down), inner.breaker:
            raise down
        assert outer.ends() == {"success": 2}
        assert inner.ends() == {"success": 1, "failure": 1}

    def test_many_tasks_share_one_object(self, bench, down, settle):
        async def story():
            it = bench(half_open_probes=50, successes_to_close=25).half_open()
            go = asyncio.Event()

            async def block(number):
                async with it.breaker:
                    await go.wait()
                    if number == 30:
                        raise down

            tasks = [asyncio.create_task(block(number)) for number in range(50)]
            await settle()
            assert not it.runs()
            go.set()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert it.breaker.state == "closed"
            assert it.ends() == {"failure": 4, "success": 49, "rejected": 2, "stale": 25}

        asyncio.run(story())

    def test_blocks_of_generators_that_take_turns(self, bench, down):
        it, other = bench(), bench()

        def block(breaker):
            with breaker:
                yield

        one, two, three = block(it.breaker), block(other.breaker), block(other.breaker)
        for generator in (one, two, three):
            next(generator)
        next(one, None)  # the outermost ends first
        with pytest.raises(down):
            two.throw(down())
        next(three, None)
        assert it.ends() == {"success": 1}
        assert other.ends() == {"failure": 1, "success": 1}

    def test_abandoned_streams_leave_nothing_behind(self, bench, settle):
        it, outer = bench(), bench()

        async def stream():
            async with it.breaker:
                yield 1
                yield 2

        async def story():
            with outer.breaker:
                for _ in range(300):
                    async for _ in stream():
                        break
                    gc.collect(0)
                    await settle()
            assert it.ends() == {"cancelled": 300}
            assert outer.ends() == {"success": 1}
            assert chain() <= 1

        asyncio.run(story())

    def test_blocks_that_are_lost_are_bounded_and_the_oldest_end_as_abandoned(self, bench):
        it, kept = bench(), bench(half_open_probes=3_000).half_open()

        def lose(number):
            for _ in range(number):
                kept.breaker.__enter__()

        def story():
            lose(MOST)
            assert kept.ends() == {"failure": 3, "rejected": 1}
            with it.breaker:
                assert chain() == MOST // 2 + 1
                assert kept.ends()["cancelled"] == MOST // 2
                lose(3 * MOST)
                assert chain() <= MOST
            assert it.ends() == {"cancelled": 1}  # it was the oldest at some time
            kept.breaker.__exit__(None, None, None)
            assert kept.breaker.state == "closed"

        contextvars.Context().run(story)

    def test_what_has_ended_amid_a_chain_makes_room(self, bench):
        it, other = bench(), bench()

        def story():
            with other.breaker:
                for _ in range(MOST - 3):
                    it.breaker.__enter__()
                with other.breaker:
                    inside = contextvars.copy_context()
                    for _ in range(MOST - 3):
                        inside.copy().run(it.breaker.__exit__, None, None, None)
                    for _ in range(10):
                        it.breaker.__enter__()
                    assert chain() <= 12
            assert it.ends() == {"success": MOST - 3}
            assert other.ends() == {"success": 2}

        contextvars.Context().run(story)

    def test_a_block_counts_once_though_a_task_within_it_ends_it_too(self, bench, down):
        it = bench()

        async def story():
            await it.breaker.__aenter__()
            leave = it.breaker.__aexit__
            await asyncio.create_task(leave(down, down(), None))
            await leave(down, down(), None)

        asyncio.run(story())
        assert it.ends() == {"failure": 1}

    def test_a_block_counts_once_though_threads_end_it_at_the_same_time(self, bench, crowd, busy_switching):
        it = bench()
        for _ in range(50):
            it.breaker.__enter__()
            contexts = [contextvars.copy_context() for _ in range(4)]
            crowd.run(4, lambda number, contexts=contexts: contexts[number].run(it.breaker.__exit__, None, None, None))
        assert it.ends() == {"success": 50}

    def test_a_block_that_ends_elsewhere_has_not_ended(self, bench):
        it = bench().half_open()
        it.breaker.__enter__()
        thread = threading.Thread(target=it.breaker.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        assert it.breaker.state == "half_open"
        it.clock.advance(60)
        assert it.runs()
        assert it.ends()["lost"] == 1
        it.breaker.__exit__(None, None, None)
        assert it.ends()["stale"] == 1


def test_a_cache_level_may_have_it_for_its_breaker(bench):
    breaker: Breaker = bench().breaker
    assert asyncio.run(breaker.acall(asyncio.sleep, 0)) is None


def test_its_error_survives_a_copy(bench):
    it = bench().open()
    with pytest.raises(CircuitOpenError) as caught:
        it.breaker.call(it.work)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.retry_after, copy.at_fault) == (str(caught.value), 10.0, "caller")
    assert repr(it.breaker) == "CircuitBreaker('provider', state='open')"


def test_the_name_is_quoted():
    breaker = CircuitBreaker("two\nlines")
    breaker.force_open()
    with pytest.raises(CircuitOpenError, match=r"^circuit 'two\\nlines' is forced open until the host resets it$"):
        breaker.call(int)
