"""What happens at a full queue, to a publisher that is cancelled, and to handlers that publish."""

import asyncio
from dataclasses import dataclass

import pytest

from postopt.events import Event, EventBus

pytestmark = pytest.mark.anyio


class TestPolicies:
    @pytest.mark.parametrize(
        ("policy", "delivered", "dropped"), [("drop_oldest", [0, 3, 4], 2), ("drop_new", [0, 1, 2], 2)]
    )
    async def test_dropping(self, counters, event, numbered, held, settle, policy, delivered, dropped):
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

    async def test_coalescing_puts_the_newest_in_place_of_the_oldest(self, counters, event, numbered, held, settle):
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

    async def test_a_broken_key_is_the_subscribers_failure(self, counters, event, numbered):
        async with EventBus() as bus:
            broken = bus.subscribe(numbered, lambda _: None, policy="coalesce", key=lambda _: 1 / 0)
            unhashable = bus.subscribe(numbered, lambda _: None, policy="coalesce", key=lambda _: [])
            await bus.publish(event())
        assert counters(broken) == counters(unhashable) == (0, 1, 0, 0, 0)
        assert (broken.last_error, unhashable.last_error) == (ZeroDivisionError, TypeError)

    async def test_blocking_waits_for_room_in_turn(self, counters, event, numbered, held, settle):
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

    async def test_publish_nowait_never_waits_and_counts_what_is_lost(self, counters, event, numbered, held, settle):
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
    async def test_a_cancelled_publisher_withdraws_its_event(self, counters, event, numbered, held, settle):
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

    async def test_a_cancelled_drain_loses_nothing(self, counters, event, numbered, held, settle):
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

    async def test_a_cancelled_delivery_goes_on_at_the_next(self, delivering, counters, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        subscription = bus.subscribe(numbered, handler)
        await bus.publish(event(0))
        await bus.publish(event(1))
        await settle()
        [task] = delivering()
        task.cancel()  # as asyncio.run does to every task at its end
        await settle()
        assert counters(subscription) == (0, 1, 0, 0, 1)
        handler.let(None, None)
        await bus.publish(event(2))
        await bus.drain()
        assert handler.done == [1, 2]
        assert counters(subscription) == (2, 1, 0, 0, 0)

    async def test_a_delivery_cancelled_before_it_began_loses_nothing(self, delivering, event, numbered, held, settle):
        handler = held()
        bus = EventBus()
        bus.subscribe(numbered, handler)
        await bus.publish(event(0))
        [task] = delivering()
        task.cancel()
        await settle()
        handler.let(None)
        await bus.drain()
        assert handler.done == [0]


class TestFromHandlers:
    async def test_a_handler_may_publish(self, counters, event, numbered):
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

    async def test_a_handler_never_waits_for_its_own_full_queue(self, counters, event, numbered):
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

    async def test_a_handler_waits_for_another_that_does_not_wait_for_it(self, counters, event, numbered, held, settle):
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
