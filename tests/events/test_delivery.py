"""What a published event does: it reaches its handlers in order, and their errors nobody else."""

import asyncio
import contextvars
import gc
import logging
import weakref
from dataclasses import dataclass

import pytest

from postopt.events import Event, EventBus

pytestmark = pytest.mark.anyio


class TestDelivery:
    async def test_plain_and_coroutine_functions_in_order(self, counters, event, numbered):
        plain, awaited = [], []

        async def handler(item):
            await asyncio.sleep(0)
            awaited.append(item.number)

        async with EventBus() as bus:
            first = bus.subscribe(numbered, lambda item: plain.append(item.number))
            second = bus.subscribe(numbered, handler)
            for number in range(100):
                await bus.publish(event(number))
        assert plain == awaited == list(range(100))
        assert counters(first) == counters(second) == (100, 0, 0, 0, 0)

    async def test_any_callable_and_any_awaitable(self, event, numbered):
        seen = []

        class Handler:
            def __call__(self, item):
                seen.append(item.number)
                return asyncio.sleep(0)

        async with EventBus() as bus:
            bus.subscribe(numbered, Handler())
            bus.subscribe(numbered, lambda item: asyncio.ensure_future(asyncio.sleep(0, seen.append(item.number))))
            bus.subscribe(numbered, lambda _: "what a handler returns is ignored")
            await bus.publish(event(7))
        assert seen == [7, 7]

    async def test_a_base_type_receives_its_subtypes(self, numbered):
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Special(numbered):
            pass

        everything, special = [], []
        async with EventBus() as bus:
            bus.subscribe(Event, everything.append)
            bus.subscribe(Special, special.append)
            await bus.publish(numbered(number=1))
            await bus.publish(Special(number=2))
            await bus.publish(Event(at=3.0))
        assert [type(item) for item in everything] == [numbered, Special, Event]
        assert [item.number for item in special] == [2]

    async def test_events_are_never_compared(self):
        class Touchy(Event):
            def __eq__(self, other):
                raise AssertionError

            __hash__ = None

        touchy, seen = Touchy(at=1.0), []
        async with EventBus() as bus:
            for policy in ("block", "drop_oldest", "drop_new", "coalesce"):
                bus.subscribe(Touchy, seen.append, policy=policy)
            await bus.publish(touchy)
        assert [item is touchy for item in seen] == [True] * 4

    async def test_nobody_listens(self, event):
        async with EventBus() as bus:
            await bus.publish(event())
            bus.publish_nowait(event())
            await bus.drain()

    async def test_publishing_does_not_run_handlers(self, event, numbered):
        seen = []
        async with EventBus() as bus:
            bus.subscribe(numbered, seen.append)
            await bus.publish(event())
            bus.publish_nowait(event())
            assert seen == []
            await bus.drain()
            assert len(seen) == 2

    async def test_a_slow_subscriber_delays_no_other(self, counters, event, numbered, held, settle):
        handler, seen = held(), []
        bus = EventBus()
        slow = bus.subscribe(numbered, handler)
        bus.subscribe(numbered, lambda item: seen.append(item.number))
        for number in range(3):
            await bus.publish(event(number))
        await settle()
        assert seen == [0, 1, 2]
        assert counters(slow) == (0, 0, 0, 0, 3)
        handler.let(None, None, None)
        await bus.aclose()
        assert counters(slow) == (3, 0, 0, 0, 0)

    async def test_handlers_see_the_subscribers_context(self, event, numbered):
        variable = contextvars.ContextVar("variable", default="nobody")
        seen = []

        def handler(_):
            seen.append(variable.get())
            variable.set("an earlier event")

        async with EventBus() as bus:
            variable.set("subscriber")
            bus.subscribe(numbered, handler)
            variable.set("publisher")
            for _ in range(2):
                await bus.publish(event())
                await bus.drain()
        assert seen == ["subscriber", "subscriber"]

    async def test_a_handler_that_never_waits_does_not_starve_the_loop(self, event, numbered):
        turns = 0

        def again(item):
            if item.number:
                bus.publish_nowait(event(item.number - 1))

        async def others():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with EventBus() as bus:
            bus.subscribe(numbered, again)
            other = asyncio.ensure_future(others())
            await bus.publish(event(50))
            await bus.drain()
            other.cancel()
        assert turns > 40

    async def test_no_task_is_left_between_bursts(self, delivering, event, numbered, settle):
        async with EventBus() as bus:
            bus.subscribe(numbered, lambda _: None)
            await bus.publish(event())
            await bus.drain()
            await settle()
            assert not delivering()


class TestErrors:
    async def test_an_error_stays_with_its_subscriber(self, counters, event, numbered, caplog):
        seen = []

        def broken(item):
            raise LookupError("the secret text")

        async with EventBus() as bus:
            with caplog.at_level(logging.DEBUG):
                failing = bus.subscribe(numbered, broken)
                bus.subscribe(numbered, lambda item: seen.append(item.number))
                for number in range(5):
                    await bus.publish(event(number))
                await bus.drain()
        assert seen == [0, 1, 2, 3, 4]
        assert counters(failing) == (0, 5, 0, 0, 0)
        assert failing.last_error is LookupError
        messages = [record.getMessage() for record in caplog.records if record.name == "postopt.events"]
        # At the first failure and each doubling: 1, 2, 4.
        assert len(messages) == 3
        assert all("LookupError" in message and "broken" in message for message in messages)
        assert "secret" not in caplog.text

    async def test_an_error_does_not_end_the_deliveries(self, counters, event, numbered, held):
        handler = held()
        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, handler)
            handler.let(None, ValueError(), None)
            for number in range(3):
                await bus.publish(event(number))
        assert handler.done == [0, 2]
        assert counters(subscription) == (2, 1, 0, 0, 0)

    async def test_a_handler_that_awaits_something_cancelled_has_failed(self, counters, event, numbered, held):
        handler = held()
        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, handler)
            handler.let(asyncio.CancelledError(), None)
            await bus.publish(event(0))
            await bus.publish(event(1))
        assert handler.done == [1]
        assert counters(subscription) == (1, 1, 0, 0, 0)
        assert subscription.last_error is asyncio.CancelledError

    async def test_the_error_is_not_kept(self, event, numbered):
        class MarkedError(Exception):
            pass

        references = []

        def broken(item):
            error = MarkedError()
            references.append(weakref.ref(error))
            raise error

        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, broken)
            await bus.publish(event())
            await bus.drain()
            gc.collect()
            assert references[0]() is None
            assert subscription.last_error is MarkedError

    async def test_counters_add_up_while_the_failure_is_logged(self, counters, event, numbered, caplog):
        sums = []

        class Watching(logging.Handler):
            def emit(self, record):
                sums.append(sum(counters(subscription)))

        def broken(item):
            raise ValueError

        bus = EventBus()
        subscription = bus.subscribe(numbered, broken)
        logger, watching = logging.getLogger("postopt.events"), Watching()
        logger.addHandler(watching)
        try:
            await bus.publish(event())
            await bus.publish(event())
            await bus.aclose()
        finally:
            logger.removeHandler(watching)
        assert sums == [2, 2]
