"""The laws of the event bus, one by one; tests/events/test_bus_model.py mixes them."""

import asyncio
import contextvars
import gc
import logging
import weakref
from dataclasses import dataclass

import pytest

from postopt.errors import EventBusClosedError
from postopt.events import Event, EventBus

pytestmark = pytest.mark.anyio


def counters(subscription):
    return (
        subscription.delivered,
        subscription.failed,
        subscription.dropped,
        subscription.coalesced,
        subscription.pending,
    )


class TestDelivery:
    async def test_plain_and_coroutine_functions_in_order(self, event, numbered):
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

    async def test_a_slow_subscriber_delays_no_other(self, event, numbered, held, settle):
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

    async def test_no_task_is_left_between_bursts(self, event, numbered, settle):
        async with EventBus() as bus:
            bus.subscribe(numbered, lambda _: None)
            await bus.publish(event())
            await bus.drain()
            await settle()
            assert not _tasks_of("_deliver")


def _tasks_of(name):
    return {task for task in asyncio.all_tasks() if name in repr(task.get_coro())}


class TestErrors:
    async def test_an_error_stays_with_its_subscriber(self, event, numbered, caplog):
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

    async def test_an_error_does_not_end_the_deliveries(self, event, numbered, held):
        handler = held()
        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, handler)
            handler.let(None, ValueError(), None)
            for number in range(3):
                await bus.publish(event(number))
        assert handler.done == [0, 2]
        assert counters(subscription) == (2, 1, 0, 0, 0)

    async def test_a_handler_that_awaits_something_cancelled_has_failed(self, event, numbered, held):
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

    async def test_counters_add_up_while_the_failure_is_logged(self, event, numbered, caplog):
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


class TestPolicies:
    @pytest.mark.parametrize(
        ("policy", "delivered", "dropped"), [("drop_oldest", [0, 3, 4], 2), ("drop_new", [0, 1, 2], 2)]
    )
    async def test_dropping(self, event, numbered, held, settle, policy, delivered, dropped):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler, maxsize=2, policy=policy)
        await bus.publish(event(0))
        await settle()  # the first is being handled and takes no room
        for number in range(1, 5):
            await bus.publish(event(number))
        assert counters(subscription) == (0, 0, dropped, 0, 3)
        handler.let(None, None, None)
        await bus.aclose()
        assert handler.done == delivered
        assert counters(subscription) == (3, 0, dropped, 0, 0)

    async def test_coalescing_keeps_the_newest_in_the_place_of_the_oldest(self, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler, maxsize=2, policy="coalesce", key=lambda item: item.key)
        await bus.publish(event(0, "a"))
        await settle()
        for number, key in enumerate("abab", 1):
            await bus.publish(event(number, key))
        assert counters(subscription) == (0, 0, 0, 2, 3)
        await bus.publish(event(5, "c"))  # a third key: the oldest goes
        assert counters(subscription) == (0, 0, 1, 2, 3)
        handler.let(None, None, None)
        await bus.aclose()
        assert handler.done == [0, 4, 5]

    async def test_coalescing_by_type_unless_told_otherwise(self, event, numbered):
        seen = []
        async with EventBus() as bus:
            bus.subscribe(Event, seen.append, policy="coalesce")
            bus.publish_nowait(event(1))
            bus.publish_nowait(Event(at=1.0))
            bus.publish_nowait(event(2))
        assert seen == [event(2), Event(at=1.0)]

    async def test_a_broken_key_is_the_subscribers_failure(self, event, numbered):
        async with EventBus() as bus:
            broken = bus.subscribe(numbered, lambda _: None, policy="coalesce", key=lambda _: 1 / 0)
            unhashable = bus.subscribe(numbered, lambda _: None, policy="coalesce", key=lambda _: [])
            await bus.publish(event())
        assert counters(broken) == counters(unhashable) == (0, 1, 0, 0, 0)
        assert (broken.last_error, unhashable.last_error) == (ZeroDivisionError, TypeError)

    async def test_blocking_waits_for_room_in_turn(self, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler, maxsize=1, policy="block")
        publishers = [asyncio.ensure_future(bus.publish(event(number))) for number in range(4)]
        await settle()
        assert [publisher.done() for publisher in publishers] == [True, True, False, False]
        assert counters(subscription) == (0, 0, 0, 0, 2)
        handler.let(None)
        await settle()
        assert [publisher.done() for publisher in publishers] == [True, True, True, False]
        # Whoever comes now does not overtake the one that waits.
        publishers.append(asyncio.ensure_future(bus.publish(event(4))))
        handler.let(None, None, None, None)
        await asyncio.gather(*publishers)
        await bus.aclose()
        assert handler.done == [0, 1, 2, 3, 4]
        assert counters(subscription) == (5, 0, 0, 0, 0)

    async def test_publish_nowait_never_waits_and_counts_what_is_lost(self, event, numbered, held, settle):
        handler, seen = held(), []
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler, maxsize=1, policy="block")
        bus.subscribe(numbered, lambda item: seen.append(item.number))
        for number in range(3):
            bus.publish_nowait(event(number))
        assert counters(subscription) == (0, 0, 2, 0, 1)
        handler.let(None)
        await bus.aclose()
        assert handler.done == [0]
        assert seen == [0, 1, 2]

    async def test_only_blocking_can_wait(self, event, numbered, held, settle):
        bus = EventBus(close_timeout=0.0)
        for policy in ("drop_oldest", "drop_new", "coalesce"):
            bus.subscribe(numbered, held(), maxsize=1, policy=policy)
        for number in range(5):
            waiting = bus.publish(event(number))
            with pytest.raises(StopIteration):  # ends without ever suspending
                waiting.send(None)
        await bus.aclose()

    def test_refuses_the_impossible(self, numbered):
        bus = EventBus()
        with pytest.raises(ValueError, match="maxsize is 0"):
            bus.subscribe(numbered, print, maxsize=0)
        with pytest.raises(ValueError, match="allowed: block, drop_oldest, drop_new, coalesce"):
            bus.subscribe(numbered, print, policy="latest")

    async def test_refuses_what_is_no_event(self):
        bus = EventBus()
        with pytest.raises(TypeError, match="str is no Event"):
            await bus.publish("post written")


class TestCancellation:
    async def test_a_cancelled_publisher_withdraws_its_event(self, event, numbered, held, settle):
        handler, seen = held(), []
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler, maxsize=1, policy="block")
        bus.subscribe(numbered, lambda item: seen.append(item.number))
        publishers = [asyncio.ensure_future(bus.publish(event(number))) for number in range(4)]
        await settle()
        publishers[2].cancel()
        handler.let(None)  # room and cancellation in the same turn
        await settle()
        assert publishers[2].cancelled()
        assert publishers[3].done()
        handler.let(None, None)
        await bus.aclose()
        assert handler.done == [0, 1, 3]
        assert seen == [0, 1, 2, 3]  # those that had room have it entirely
        assert counters(subscription) == (3, 0, 0, 0, 0)

    async def test_cancelled_publishers_leave_nothing_behind(self, event, numbered, held, settle):
        bus = EventBus(close_timeout=0.0)
        bus.subscribe(numbered, held(), maxsize=1, policy="block")
        await bus.publish(event())
        await settle()
        await bus.publish(event())
        [inbox] = bus._inboxes
        for _ in range(50):
            publisher = asyncio.ensure_future(bus.publish(event()))
            await settle()
            assert len(inbox.blocked) == 1
            publisher.cancel()
            await settle()
            assert not inbox.blocked
        await bus.aclose()

    async def test_a_cancelled_drain_loses_nothing(self, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler)
        for number in range(3):
            await bus.publish(event(number))
        draining = asyncio.ensure_future(bus.drain())
        await settle()
        draining.cancel()
        await settle()
        assert draining.cancelled()
        assert counters(subscription) == (0, 0, 0, 0, 3)
        handler.let(None, None, None)
        await bus.drain()
        assert handler.done == [0, 1, 2]

    async def test_a_cancelled_delivery_goes_on_at_the_next_event(self, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler)
        await bus.publish(event(0))
        await bus.publish(event(1))
        await settle()
        [task] = _tasks_of("_deliver")
        task.cancel()  # as asyncio.run does to every task at its end
        await settle()
        assert counters(subscription) == (0, 1, 0, 0, 1)
        handler.let(None, None)
        await bus.publish(event(2))
        await bus.drain()
        assert handler.done == [1, 2]
        assert counters(subscription) == (2, 1, 0, 0, 0)

    async def test_a_delivery_cancelled_before_it_began_loses_nothing(self, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        bus.subscribe(numbered, handler)
        await bus.publish(event(0))
        [task] = _tasks_of("_deliver")
        task.cancel()
        await settle()
        handler.let(None)
        await bus.drain()
        assert handler.done == [0]


class TestFromHandlers:
    async def test_a_handler_may_publish(self, event, numbered):
        seen = []

        async def chain(item):
            seen.append(item.number)
            if item.number < 5:
                await bus.publish(event(item.number + 1))

        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, chain, maxsize=1, policy="block")
            await bus.publish(event(0))
        assert seen == [0, 1, 2, 3, 4, 5]
        assert counters(subscription) == (6, 0, 0, 0, 0)

    async def test_a_handler_never_waits_for_its_own_full_queue(self, event, numbered):
        async def double(item):
            if item.number < 3:
                await bus.publish(event(item.number + 1))
                await bus.publish(event(item.number + 1))

        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, double, maxsize=1, policy="block")
            await bus.publish(event(0))
        assert counters(subscription) == (4, 0, 3, 0, 0)

    async def test_two_handlers_never_wait_for_each_other(self, held, settle):
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Ping(Event):
            at: float = 0.0

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Pong(Event):
            at: float = 0.0

        async def on_ping(_):
            await bus.publish(Pong())
            await bus.publish(Pong())

        async def on_pong(_):
            await bus.publish(Ping())
            await bus.publish(Ping())

        bus = EventBus()
        pings = bus.subscribe(Ping, on_ping, maxsize=1, policy="block")
        pongs = bus.subscribe(Pong, on_pong, maxsize=1, policy="block")
        await bus.publish(Ping())
        for _ in range(20):
            await settle()
        # Still alive: the numbers go on growing, and only events that could never be placed were dropped.
        before = pings.delivered
        await settle()
        assert pings.delivered > before
        assert pings.dropped + pongs.dropped > 0
        pings.unsubscribe()
        await bus.aclose()

    async def test_a_handler_waits_for_another_that_does_not_wait_for_it(self, event, numbered, held, settle):
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Next(Event):
            at: float = 0.0

        handler = held()

        async def forward(_):
            await bus.publish(Next())

        bus = EventBus()
        first = bus.subscribe(numbered, forward)
        second = bus.subscribe(Next, lambda _: handler(event()), maxsize=1, policy="block")
        for number in range(5):
            await bus.publish(event(number))
        await settle()
        assert counters(first) == (2, 0, 0, 0, 3)  # one handled, one waiting, the third waits for room
        handler.let(*[None] * 5)
        await bus.aclose()
        assert counters(first) == counters(second) == (5, 0, 0, 0, 0)

    async def test_drain_and_close_would_wait_for_themselves(self, event, numbered):
        async def drain(_):
            await bus.drain()

        async def close(_):
            await bus.aclose()

        async with EventBus() as bus:
            subscriptions = [bus.subscribe(numbered, drain), bus.subscribe(numbered, close)]
            await bus.publish(event())
        assert [s.last_error for s in subscriptions] == [RuntimeError, RuntimeError]

    async def test_subscribing_from_a_handler_starts_with_the_next_event(self, event, numbered):
        late = []

        def handler(item):
            if item.number == 0:
                bus.subscribe(numbered, lambda item: late.append(item.number))

        async with EventBus() as bus:
            bus.subscribe(numbered, handler)
            await bus.publish(event(0))
            await bus.drain()
            await bus.publish(event(1))
        assert late == [1]


class TestUnsubscribe:
    async def test_what_waits_is_dropped_and_what_runs_may_finish(self, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler)
        for number in range(3):
            await bus.publish(event(number))
        await settle()
        subscription.unsubscribe()
        subscription.unsubscribe()
        assert counters(subscription) == (0, 0, 2, 0, 1)
        await bus.publish(event(3))
        handler.let(None)
        await bus.drain()
        assert handler.done == [0]
        assert counters(subscription) == (1, 0, 2, 0, 0)
        assert subscription.closed

    @pytest.mark.parametrize("policy", ["block", "drop_oldest", "drop_new", "coalesce"])
    async def test_from_its_own_handler(self, event, numbered, policy):
        def once(_):
            subscription.unsubscribe()

        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, once, policy=policy, key=lambda item: item.number)
            for number in range(3):
                await bus.publish(event(number))
        assert counters(subscription) == (1, 0, 2, 0, 0)

    async def test_publishers_that_wait_go_on(self, event, numbered, held, settle):
        bus = EventBus()
        handler = held()
        subscription = bus.subscribe(numbered, handler, maxsize=1, policy="block")
        publishers = [asyncio.ensure_future(bus.publish(event(number))) for number in range(4)]
        await settle()
        publishers[2].cancel()
        subscription.unsubscribe()
        await settle()
        assert all(publisher.done() for publisher in publishers)
        assert publishers[3].result() is None
        assert counters(subscription) == (0, 0, 1, 0, 1)
        handler.let(None)
        await bus.aclose()

    async def test_nothing_is_left_of_many_subscribers(self, event, numbered):
        async with EventBus() as bus:
            for number in range(200):
                subscription = bus.subscribe(numbered, lambda _: None)
                await bus.publish(event(number))
                if number % 2:
                    await bus.drain()
                subscription.unsubscribe()
            await bus.drain()
            await asyncio.sleep(0)
            assert not bus._inboxes
            assert not bus._routes

    def test_a_subscription_shows_its_counters(self, numbered):
        subscription = EventBus().subscribe(numbered, print, policy="drop_new")
        assert repr(subscription) == (
            "<Subscription Numbered drop_new delivered=0 failed=0 dropped=0 coalesced=0 pending=0>"
        )


class TestClose:
    async def test_drains_then_refuses(self, event, numbered):
        seen = []
        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, lambda item: seen.append(item.number))
            for number in range(10):
                bus.publish_nowait(event(number))
        assert seen == list(range(10))
        assert subscription.closed
        with pytest.raises(EventBusClosedError):
            await bus.publish(event())
        with pytest.raises(EventBusClosedError):
            bus.publish_nowait(event())
        with pytest.raises(EventBusClosedError):
            bus.subscribe(numbered, print)
        await bus.drain()
        await bus.aclose()

    async def test_events_of_handlers_are_delivered_too(self, numbered):
        @dataclass(frozen=True, slots=True, kw_only=True)
        class Derived(Event):
            at: float = 0.0

        seen = []

        async def derive(_):
            await asyncio.sleep(0)
            await bus.publish(Derived())

        async with EventBus() as bus:
            bus.subscribe(numbered, derive)
            bus.subscribe(Derived, seen.append)
            await bus.publish(numbered())
        assert seen == [Derived()]

    async def test_a_stuck_handler_is_cancelled_and_counted(self, event, numbered, held):
        handler, seen = held(), []
        bus = EventBus(close_timeout=0.0)
        stuck = bus.subscribe(numbered, handler)
        bus.subscribe(numbered, lambda item: seen.append(item.number))
        await bus.publish(event(0))
        await bus.publish(event(1))
        await bus.publish(event(2))
        await asyncio.sleep(0)
        await bus.aclose()
        assert seen == [0, 1, 2]
        assert counters(stuck) == (0, 1, 2, 0, 0)
        assert stuck.last_error is asyncio.CancelledError

    async def test_a_handler_that_will_not_be_cancelled_does_not_hold_up_the_close(self, event, numbered):
        let_go = asyncio.Event()

        async def stubborn(_):
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue

        bus = EventBus(close_timeout=0.0)
        subscription = bus.subscribe(numbered, stubborn)
        await bus.publish(event())
        await asyncio.sleep(0)
        await bus.aclose()
        assert subscription.pending == 1
        let_go.set()
        await bus.drain()
        assert counters(subscription) == (1, 0, 0, 0, 0)

    async def test_publishers_that_wait_are_refused(self, event, numbered, held, settle):
        bus = EventBus(close_timeout=0.0)
        bus.subscribe(numbered, held(), maxsize=1, policy="block")
        publishers = [asyncio.ensure_future(bus.publish(event(number))) for number in range(3)]
        await settle()
        await bus.aclose()
        with pytest.raises(EventBusClosedError):
            await publishers[2]

    async def test_a_cancelled_close_has_closed(self, event, numbered, held, settle):
        bus = EventBus()
        subscription = bus.subscribe(numbered, held())
        await bus.publish(event(0))
        await bus.publish(event(1))
        closing = asyncio.ensure_future(bus.aclose())
        await settle()
        closing.cancel()
        await settle()
        assert closing.cancelled()
        assert counters(subscription) == (0, 1, 1, 0, 0)
        with pytest.raises(EventBusClosedError):
            await bus.publish(event())

    async def test_the_blocks_own_error_passes(self, event, numbered):
        seen = []

        async def main():
            async with EventBus() as bus:
                bus.subscribe(numbered, seen.append)
                await bus.publish(event())
                raise LookupError

        with pytest.raises(LookupError):
            await main()
        assert len(seen) == 1


class TestLoops:
    def test_without_a_loop_events_wait_for_one(self, event, numbered):
        bus, seen = EventBus(), []
        subscriptions = [
            bus.subscribe(numbered, lambda item: seen.append(item.number), maxsize=2, policy=policy)
            for policy in ("block", "drop_oldest", "drop_new", "coalesce")
        ]
        for number in range(3):
            bus.publish_nowait(event(number))
        assert seen == []
        assert [s.pending for s in subscriptions] == [2, 2, 2, 1]

        async def publish():
            await bus.publish(event(9))
            await bus.drain()

        asyncio.run(publish())
        assert [sum(counters(s)) for s in subscriptions] == [4, 4, 4, 4]
        assert [s.pending for s in subscriptions] == [0, 0, 0, 0]

    def test_drain_alone_delivers_them(self, event, numbered):
        bus, seen = EventBus(), []
        bus.subscribe(numbered, seen.append)
        bus.publish_nowait(event())
        asyncio.run(bus.drain())
        assert len(seen) == 1

    def test_one_loop_after_another(self, event, numbered):
        bus, seen = EventBus(), []
        bus.subscribe(numbered, lambda item: seen.append(item.number))

        async def main(number):
            await bus.publish(event(number))
            if number:
                await bus.drain()

        for number in range(3):
            asyncio.run(main(number))  # the first loop ends with its delivery cancelled
        assert seen == [0, 1, 2]

    def test_another_thread(self, event, numbered):
        seen = []

        async def main():
            async with EventBus() as bus:
                bus.subscribe(numbered, lambda item: seen.append(item.number))
                loop = asyncio.get_running_loop()

                def publish():
                    for number in range(50):
                        loop.call_soon_threadsafe(bus.publish_nowait, event(number))

                await asyncio.to_thread(publish)

        asyncio.run(main())
        assert seen == list(range(50))

    @pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="eager tasks came with Python 3.12")
    def test_eager_tasks_keep_the_order(self, event, numbered):
        seen = []

        def handler(item):
            seen.append(item.number)
            if item.number < 3:
                bus.publish_nowait(event(item.number + 1))
                bus.publish_nowait(event(item.number + 10))

        async def main():
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            bus.subscribe(numbered, handler)
            await bus.publish(event(0))
            await bus.aclose()

        bus = EventBus()
        asyncio.run(main())
        assert seen == [0, 1, 10, 2, 11, 3, 12]
