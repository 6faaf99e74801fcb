"""The coalescer against a model, in whatever order callers come, leave, fail and call one another.

Three keys share a coalescer. Each run does what the machine tells it: call for a key itself, or end in one of the ways
in which a run can end. The model says after every step who waits, whose run goes on, and who was told what.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postopt.caching.coalescing import Coalescer
from postopt.caching.flights.flight import blocked
from postopt.errors import ReentrantError

KEYS = ("a", "b", "c")
ENDS = ("value", "error", "cancelled")
keys = st.sampled_from(KEYS)


@dataclass(eq=False)
class Call:
    """A caller of the model, and the task and run of the real one."""

    number: int
    key: str
    stale: bool
    parent: "Call | None" = None
    told: object = None
    task: asyncio.Task | None = None
    orders: asyncio.Queue = field(default_factory=asyncio.Queue)
    running: bool = False


class Flight:
    def __init__(self, leader):
        self.leader = leader
        self.callers = [leader]


class CoalescerMachine(RuleBasedStateMachine):
    @initialize(policy=st.sampled_from(["share", "retry", "stale"]))
    def begin(self, policy):
        self.policy = policy
        self.loop = asyncio.new_event_loop()
        self.coalescer = Coalescer(on_error=policy)
        self.flights = {}
        self.calls = []
        self.counts = Counter()

    # What is really done.

    def settle(self):
        async def turns():
            for _ in range(20):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def start(self, call):
        async def compute():
            call.running = True
            try:
                while True:
                    order = await call.orders.get()
                    if isinstance(order, Call):
                        self.start(order)  # in the context of this run, so it is part of it
                    else:
                        return give(order, call)
            finally:
                call.running = False

        options = {"stale": ("stale", call.number)} if call.stale else {}
        call.task = asyncio.get_running_loop().create_task(self.coalescer.run(call.key, compute, **options))

    def do(self, action, *arguments):
        self.loop.call_soon(action, *arguments)
        self.settle()

    # What the model thinks of it.

    def needs(self, key):
        """Yield the keys whose flights have to end before that of `key` can."""
        seen, unseen = {key}, [key]
        while unseen:
            one = unseen.pop()
            yield one
            leader = self.flights[one].leader
            following = {
                call.key for flight in self.flights.values() for call in flight.callers if call.parent is leader
            }
            unseen += following - seen
            seen |= following

    def arrive(self, call):
        self.calls.append(call)
        flight = self.flights.get(call.key)
        if flight is None:
            self.flights[call.key] = Flight(call)
            self.counts["runs"] += 1
        elif call.parent is not None and any(self.flights[key].leader is call.parent for key in self.needs(call.key)):
            call.told = "circle"
        else:
            flight.callers.append(call)
            self.counts["joined"] += 1

    def leave(self, call):
        call.told = "cancelled"
        flight = self.flights[call.key]
        flight.callers.remove(call)
        if not flight.callers:
            self.counts["abandoned"] += 1
            del self.flights[call.key]

    def end(self, key, how):
        flight = self.flights[key]
        leader = flight.leader
        self.counts["failed"] += how == "error"
        self.counts["abandoned"] += how == "cancelled"
        if how == "value" or (how == "error" and self.policy != "retry"):
            for call in flight.callers:
                instead = how == "error" and self.policy == "stale" and call.stale
                call.told = ("stale", call.number) if instead else (how, leader.number)
            del self.flights[key]
            return
        if leader in flight.callers:
            leader.told = (how, leader.number) if how == "error" else how
            flight.callers.remove(leader)
        if flight.callers:
            flight.leader = flight.callers[0]
            self.counts["runs"] += 1
        else:
            del self.flights[key]

    def waiting(self):
        return [call for flight in self.flights.values() for call in flight.callers]

    # The rules.

    @rule(key=keys, stale=st.booleans())
    def call(self, key, stale):
        call = Call(len(self.calls), key, stale)
        self.arrive(call)
        self.do(self.start, call)

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), key=keys, stale=st.booleans())
    def call_from_a_run(self, data, key, stale):
        leader = self.flights[data.draw(st.sampled_from(sorted(self.flights)))].leader
        call = Call(len(self.calls), key, stale, parent=leader)
        self.arrive(call)
        self.do(leader.orders.put_nowait, call)

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def end_a_run(self, data, how):
        key = data.draw(st.sampled_from(sorted(self.flights)))
        leader = self.flights[key].leader
        self.end(key, how)
        self.do(leader.orders.put_nowait, how)

    @precondition(lambda self: self.flights)
    @rule(data=st.data())
    def cancel_a_run(self, data):
        """By its own task, as the end of a loop does."""
        key = data.draw(st.sampled_from(sorted(self.flights)))
        run = self.flights[key].leader
        (task,) = (task for task in asyncio.all_tasks(self.loop) if self.is_run_of(task, run))
        self.end(key, "cancelled")
        self.do(task.cancel)

    def is_run_of(self, task, call):
        coroutine = task.get_coro()
        return coroutine.__name__ == "compute_in_task" and coroutine.cr_frame.f_locals["caller"].flight.key == call.key

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def cancel_a_caller(self, data):
        call = data.draw(st.sampled_from(self.waiting()))
        self.leave(call)
        self.do(call.task.cancel)

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def cancel_a_caller_in_the_turn_in_which_its_run_ends(self, data, how):
        """Nobody can say which comes first; whatever it is told, no other is hurt."""
        key = data.draw(st.sampled_from(sorted(self.flights)))
        flight = self.flights[key]
        call = data.draw(st.sampled_from(flight.callers))
        leader = flight.leader
        self.leave(call)
        if key in self.flights:
            self.end(key, how)

        def both():
            leader.orders.put_nowait(how)
            call.task.cancel()

        self.do(both)

    # What holds after each step.

    @invariant()
    def everybody_was_told_what_the_model_says(self):
        for call in self.calls:
            assert told(call) == call.told, call

    @invariant()
    def exactly_the_leaders_run(self):
        leaders = {flight.leader for flight in self.flights.values()}
        assert {call for call in self.calls if call.running} == leaders
        assert len(self.coalescer) == len(self.flights)

    @invariant()
    def the_counters_are_the_models(self):
        for counter in ("runs", "joined", "failed", "abandoned"):
            assert getattr(self.coalescer, counter) == self.counts[counter], counter

    def teardown(self):
        for key in list(self.flights):
            while key in self.flights:
                self.end_all(key)
        assert len(self.coalescer) == 0
        assert not blocked
        assert all(call.task.done() for call in self.calls)
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()

    def end_all(self, key):
        leader = self.flights[key].leader
        self.end(key, "value")
        self.do(leader.orders.put_nowait, "value")


def give(how, call):
    if how == "error":
        raise ValueError(call.number)
    if how == "cancelled":
        raise asyncio.CancelledError
    return ("value", call.number)


def told(call):
    if not call.task.done():
        return None
    if call.task.cancelled():
        return "cancelled"
    error = call.task.exception()
    if error is None:
        return call.task.result()
    return "circle" if isinstance(error, ReentrantError) else ("error", *error.args)


TestCoalescerModel = CoalescerMachine.TestCase
TestCoalescerModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
