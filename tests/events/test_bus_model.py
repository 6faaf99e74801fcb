"""The bus against a model of each policy, in whatever order things happen.

Four subscribers, one a policy, share a bus. Each holds the event it is handling until the machine lets it go. The
model says after every step what each has delivered, lost and still has waiting, and which publishers wait.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from postopt.events import Event, EventBus

MAXSIZE = 2
POLICIES = ("block", "drop_oldest", "drop_new", "coalesce")
which = st.sampled_from(POLICIES)
keys = st.sampled_from("ab")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed(Event):
    at: float = 0.0
    number: int
    key: str


class Model:
    """What one subscriber should have done."""

    def __init__(self, policy):
        self.policy = policy
        self.handling = None
        self.waiting = deque()
        self.blocked = deque()  # (event, name of the publisher)
        self.handled = []
        self.counts = Counter()
        self.accepted = 0
        self.open = True

    def publish(self, event, publisher):
        """Take an event; return whether its publisher has to wait. `publisher` is None if it cannot."""
        if not self.open:
            return False
        if self.policy == "block" and len(self.waiting) >= MAXSIZE and publisher is not None:
            self.blocked.append((event, publisher))
            return True
        self.accepted += 1
        if self.policy == "coalesce":
            for place, waiting in enumerate(self.waiting):
                if waiting.key == event.key:
                    self.waiting[place] = event
                    self.counts["coalesced"] += 1
                    return False
        if len(self.waiting) < MAXSIZE:
            self.waiting.append(event)
        else:
            self.counts["dropped"] += 1
            if self.policy in ("drop_oldest", "coalesce"):
                self.waiting.popleft()
                self.waiting.append(event)
        return False

    def advance(self):
        """Begin the next event if none is being handled, and let a publisher have the place."""
        if self.handling is None and self.waiting:
            self.handling = self.waiting.popleft()
            self.handled.append(self.handling)
            if self.blocked:
                self.accepted += 1
                self.waiting.append(self.blocked.popleft()[0])

    def finish(self, outcome):
        self.counts[outcome] += 1
        self.handling = None
        self.advance()

    def unsubscribe(self):
        if self.open:
            self.open = False
            self.counts["dropped"] += len(self.waiting)
            self.waiting.clear()
            self.blocked.clear()

    @property
    def pending(self):
        return len(self.waiting) + (self.handling is not None)


class BusMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bus = EventBus(close_timeout=0.0)
        self.models = {policy: Model(policy) for policy in POLICIES}
        self.outcomes = {policy: asyncio.Queue() for policy in POLICIES}
        self.handled = {policy: [] for policy in POLICIES}
        self.publishers = {}
        self.number = 0
        self.subscriptions = {
            policy: self.bus.subscribe(
                Keyed, self.handler(policy), maxsize=MAXSIZE, policy=policy, key=lambda event: event.key
            )
            for policy in POLICIES
        }

    def handler(self, policy):
        async def handle(event):
            self.handled[policy].append(event)
            if await self.outcomes[policy].get() == "failed":
                raise ValueError

        return handle

    def settle(self):
        async def turns():
            self.bus._busy()  # start what was published without a loop
            for _ in range(15):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        for model in self.models.values():
            model.advance()

    def next_event(self, key):
        self.number += 1
        return Keyed(number=self.number, key=key)

    @rule(burst=st.lists(keys, min_size=1, max_size=4))
    def publish(self, burst):
        """Publish by tasks that begin one after another in the same turn of the loop."""
        for key in burst:
            event = self.next_event(key)
            self.publishers[event.number] = self.loop.create_task(self.bus.publish(event))
            for model in self.models.values():
                model.publish(event, event.number)
        self.settle()

    @rule(burst=st.lists(keys, min_size=1, max_size=4))
    def publish_nowait(self, burst):
        """Publish from synchronous code, here outside the running loop."""
        for key in burst:
            event = self.next_event(key)
            self.bus.publish_nowait(event)
            for model in self.models.values():
                model.publish(event, None)

    @rule()
    def let_the_loop_run(self):
        self.settle()

    @precondition(lambda self: any(model.handling for model in self.models.values()))
    @rule(data=st.data(), outcome=st.sampled_from(["delivered", "failed"]))
    def finish(self, data, outcome):
        """Let one handler return or fail."""
        policy = data.draw(st.sampled_from([p for p in POLICIES if self.models[p].handling is not None]))
        self.outcomes[policy].put_nowait(outcome)
        self.models[policy].finish(outcome)
        self.settle()

    @precondition(lambda self: self.models["block"].blocked)
    @rule(data=st.data())
    def cancel_a_publisher(self, data):
        blocked = self.models["block"].blocked
        entry = data.draw(st.sampled_from(list(blocked)))
        blocked.remove(entry)
        self.publishers.pop(entry[1]).cancel()
        self.settle()

    @precondition(lambda self: self.number > 8)
    @rule(policy=which)
    def unsubscribe(self, policy):
        self.subscriptions[policy].unsubscribe()
        self.models[policy].unsubscribe()
        self.settle()

    @invariant()
    def counters_are_the_models(self):
        for policy, model in self.models.items():
            subscription = self.subscriptions[policy]
            for counter in ("delivered", "failed", "dropped", "coalesced"):
                assert getattr(subscription, counter) == model.counts[counter], (policy, counter)
            assert subscription.pending == model.pending, policy
            assert subscription.pending <= MAXSIZE + 1
            assert model.accepted == sum(model.counts.values()) + model.pending

    @invariant()
    def handled_are_the_models_in_order(self):
        for policy, model in self.models.items():
            assert self.handled[policy] == model.handled, policy

    @invariant()
    def only_those_wait_that_must(self):
        waiting = {publisher for _, publisher in self.models["block"].blocked}
        assert {number for number, task in self.publishers.items() if not task.done()} == waiting

    def teardown(self):
        async def close():
            await self.bus.aclose()
            await asyncio.gather(*self.publishers.values(), return_exceptions=True)

        self.loop.run_until_complete(close())
        for subscription in self.subscriptions.values():
            assert subscription.pending == 0
        accepted = [self.models[policy].accepted for policy in POLICIES]
        counted = [s.delivered + s.failed + s.dropped + s.coalesced for s in self.subscriptions.values()]
        assert counted == accepted
        self.loop.close()


TestBusModel = BusMachine.TestCase
TestBusModel.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
