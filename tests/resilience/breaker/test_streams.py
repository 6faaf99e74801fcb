"""Streams through a breaker: generators and async generators, read to the end, cut, slow and given up."""

import asyncio
import gc
from contextlib import aclosing, closing

import pytest

from postopt.errors import CircuitOpenError


class Closing:
    """An iterator of items, an exception among them is raised, that knows whether it was closed."""

    def __init__(self, *items):
        self.items = list(items)
        self.closed = False

    def __iter__(self):
        return self

    def __next__(self):
        if not self.items:
            raise StopIteration
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    def close(self):
        self.closed = True

    async def aclose(self):
        self.closed = True


def read(it, stream, most=None):
    with closing(it.breaker.iterate(stream)) as items:
        return [item for _, item in zip(range(most), items, strict=False)] if most else list(items)


def aread(it, stream, most=None):
    async def story():
        got = []
        async with aclosing(it.breaker.aiterate(stream)) as items:
            async for item in items:
                got.append(item)
                if len(got) == most:
                    break
        return got

    return asyncio.run(story())


READERS = [pytest.param(read, id="sync"), pytest.param(aread, id="async")]


@pytest.mark.parametrize("read", READERS)
class TestBothKinds:
    def test_a_stream_that_is_read_to_its_end_is_one_success(self, bench, read):
        it = bench()
        assert read(it, lambda: Closing("a", "b")) == ["a", "b"]
        assert read(it, Closing) == []
        assert it.ends() == {"success": 2}

    @pytest.mark.parametrize("items", [(), ("a",)])
    def test_an_error_counts_wherever_it_comes(self, bench, down, read, items):
        it = bench()
        for _ in range(3):
            with pytest.raises(down):
                read(it, lambda: Closing(*items, down()))
        assert it.ends() == {"failure": 3}
        assert it.breaker.state == "open"

    def test_an_error_of_the_function_counts(self, bench, down, read):
        it = bench()
        with pytest.raises(down):
            read(it, it.fall)
        with pytest.raises(TypeError):
            read(it, lambda: 7)  # no stream
        assert it.ends() == {"failure": 2}

    @pytest.mark.parametrize("state", ["closed", "half_open"])
    def test_giving_up_is_neutral_and_closes_the_source(self, bench, read, state):
        it = bench()
        if state == "half_open":
            it.half_open()
        source = Closing("a", "b")
        assert read(it, lambda: source, most=1) == ["a"]
        assert source.closed
        assert it.ends()["cancelled"] == 1
        assert it.breaker.state == state
        assert it.runs()

    def test_nothing_begins_before_the_first_item_is_asked_for(self, bench, read):
        it = bench().half_open()
        it.breaker.iterate(it.work)
        it.breaker.aiterate(it.work).aclose().close()
        assert it.ran == 3
        assert read(it, lambda: Closing("a")) == ["a"]

    def test_an_open_circuit_refuses(self, bench, read):
        it = bench().open()
        with pytest.raises(CircuitOpenError):
            read(it, it.work)
        assert it.ran == 3

    def test_a_late_first_item_is_slow(self, bench, read):
        it = bench(slow_call_seconds=1.0, slow_rate=0.5, minimum_calls=2)
        assert read(it, late(it, 1.0, 5.0)) == [1.0, 5.0]  # a gap is no matter
        assert it.ends() == {"success": 1}
        assert read(it, late(it, 1.5, 0.0)) == [1.5, 0.0]
        assert it.ends() == {"success": 1, "slow": 1}
        assert it.breaker.state == "open"

    def test_a_long_gap_is_slow(self, bench, read):
        it = bench(slow_gap_seconds=1.0)
        read(it, late(it, 5.0, 1.0, 1.0))
        assert it.ends() == {"success": 1}
        read(it, late(it, 0.0, 1.0, 1.5, 1.0))
        assert it.ends() == {"success": 1, "slow": 1}

    def test_an_end_that_comes_late_is_slow(self, bench, read):
        it = bench(slow_call_seconds=1.0, slow_gap_seconds=2.0)

        class LateEnd(Closing):
            def __next__(self):
                if not self.items:
                    it.clock.advance(1.5)
                return super().__next__()

        assert read(it, lambda: LateEnd("a")) == ["a"]
        assert it.ends() == {"success": 1}
        assert read(it, LateEnd) == []
        assert it.ends() == {"success": 1, "slow": 1}
        it = bench(slow_gap_seconds=1.0)
        assert read(it, lambda: LateEnd("a")) == ["a"]
        assert it.ends() == {"slow": 1}

    def test_the_time_that_the_consumer_takes_is_not_the_streams(self, bench, read):
        it = bench(slow_call_seconds=1.0, slow_gap_seconds=1.0)

        async def aconsume():
            async for _ in it.breaker.aiterate(lambda: Closing("a", "b")):
                it.clock.advance(50)

        if read is aread:
            asyncio.run(aconsume())
        else:
            for _ in it.breaker.iterate(lambda: Closing("a", "b")):
                it.clock.advance(50)
        assert it.ends() == {"success": 1}

    def test_phases(self, bench, down, read):
        outcomes = []
        it = bench(failure_threshold=1, listeners=[lambda change: outcomes.append(change.outcome)])
        for items in [(), ("a",)]:
            it.breaker.reset()
            with pytest.raises(down):
                read(it, lambda items=items: Closing(*items, down()))
        assert [outcome.phase for outcome in outcomes if outcome] == ["first_token", "stream"]


def late(it, *gaps):
    """Return a function that makes a stream whose items come after such gaps."""

    class Late(Closing):
        def __next__(self):
            gap = super().__next__()
            it.clock.advance(gap)
            return gap

    return lambda: Late(*gaps)


class TestGenerators:
    def test_sent_values_and_the_result_pass(self, bench):
        it = bench()

        def echo():
            got = yield "begin"
            got = yield f"got {got}"
            return f"then {got}"

        def outer():
            return (yield from it.breaker.iterate(echo))

        stream = outer()
        assert [next(stream), stream.send(1)] == ["begin", "got 1"]
        with pytest.raises(StopIteration) as end:
            stream.send(2)
        assert end.value.value == "then 2"
        assert it.ends() == {"success": 1}

    def test_an_error_thrown_in_may_be_caught_and_is_not_the_providers(self, bench):
        it = bench()

        def catches():
            try:
                yield 1
            except ValueError:
                yield 2

        stream = it.breaker.iterate(catches)
        assert [next(stream), stream.throw(ValueError())] == [1, 2]
        assert list(stream) == []
        for source in (catches, lambda: iter([1])):
            stream = it.breaker.iterate(source)
            next(stream)
            with pytest.raises(KeyError):
                stream.throw(KeyError())
        assert it.ends() == {"success": 1, "cancelled": 2}

    def test_one_that_nobody_reads_on_is_neutral_once_it_is_collected(self, bench):
        it = bench().half_open()
        stream = it.breaker.iterate(lambda: iter("ab"))
        next(stream)
        assert not it.runs()
        del stream
        gc.collect()
        assert it.runs()

    def test_what_its_end_raises_reaches_whoever_closes_it(self, bench):
        it = bench()

        def stubborn():
            try:
                yield 1
            finally:
                raise KeyError("on the way out")

        stream = it.breaker.iterate(stubborn)
        next(stream)
        with pytest.raises(KeyError, match="on the way out"):
            stream.close()
        assert it.ends() == {"cancelled": 1}


class TestAsyncGenerators:
    def test_sent_values_pass(self, bench):
        it = bench()

        async def echo():
            got = yield "begin"
            yield f"got {got}"

        async def story():
            stream = it.breaker.aiterate(echo)
            assert [await anext(stream), await stream.asend(1)] == ["begin", "got 1"]
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

        asyncio.run(story())
        assert it.ends() == {"success": 1}

    def test_an_error_thrown_in_may_be_caught_and_is_not_the_providers(self, bench):
        it = bench()

        async def catches():
            try:
                yield 1
            except ValueError:
                yield 2

        async def story():
            stream = it.breaker.aiterate(catches)
            assert [await anext(stream), await stream.athrow(ValueError())] == [1, 2]
            await stream.aclose()
            for source in (catches, lambda: Closing(1)):
                stream = it.breaker.aiterate(source)
                await anext(stream)
                with pytest.raises(KeyError):
                    await stream.athrow(KeyError())

        asyncio.run(story())
        assert it.ends() == {"cancelled": 3}

    def test_a_cancelled_reader_is_neutral_and_the_source_is_closed(self, bench, settle):
        it = bench().half_open()
        ends = []

        async def hangs():
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ends.append("closed")

        async def consume():
            async for _ in it.breaker.aiterate(hangs):
                pass

        async def story():
            task = asyncio.create_task(consume())
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(story())
        assert ends == ["closed"]
        assert it.ends()["cancelled"] == 1
        assert it.breaker.state == "half_open"

    def test_a_coroutine_function_may_open_the_stream(self, bench, down):
        it = bench()

        async def opens():
            return Closing("a", "b")

        assert aread(it, opens) == ["a", "b"]
        with pytest.raises(down):
            aread(it, it.afall)
        assert it.ends() == {"success": 1, "failure": 1}
