"""How subscriptions, buses and loops end."""

import asyncio
from dataclasses import dataclass

import pytest

from postopt.errors import EventBusClosedError
from postopt.events import Event, EventBus

pytestmark = pytest.mark.anyio


class TestUnsubscribe:
    async def test_what_waits_is_dropped_and_what_runs_may_finish(self, counters, event, numbered, held, settle):
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
    async def test_from_its_own_handler(self, counters, event, numbered, policy):
        def once(_):
            subscription.unsubscribe()

        async with EventBus() as bus:
            subscription = bus.subscribe(numbered, once, policy=policy, key=lambda item: item.number)
            for number in range(3):
                await bus.publish(event(number))
        assert counters(subscription) == (1, 0, 2, 0, 0)

    async def test_publishers_that_wait_go_on(self, counters, event, numbered, held, settle):
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

    async def test_a_stuck_handler_is_cancelled_and_counted(self, counters, event, numbered, held):
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

    async def test_a_handler_that_will_not_be_cancelled_does_not_hold_up_the_close(self, counters, event, numbered):
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

    async def test_a_cancelled_close_has_closed(self, counters, event, numbered, held, settle):
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
    def test_without_a_loop_events_wait_for_one(self, counters, event, numbered):
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
