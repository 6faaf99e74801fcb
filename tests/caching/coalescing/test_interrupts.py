"""A KeyboardInterrupt at any place of the coalescer's own code: it reaches one caller, and nobody else hangs.

Python raises it between two instructions, after a call or at the start of a function. Here it is raised at the first
such place that one caller comes by, then at the second, and so on, while others wait with it.
"""

import asyncio
import dis
import gc
import sys

import pytest

import postopt.caching.coalescing
import postopt.caching.flights
from postopt.caching.coalescing import _guard

pytestmark = pytest.mark.long

FILES = (postopt.caching.coalescing.__file__, *postopt.caching.flights.__path__)


class InterruptAt:
    """A trace function that raises KeyboardInterrupt at one place where Python may."""

    def __init__(self, place):
        self._left = place
        self._last = {}
        self.where = None

    def __call__(self, frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(FILES):
            frame.f_trace_opcodes = True
            self._last.pop(id(frame), None)  # of an earlier frame; one that is kept would keep all that it refers to
            return self._step
        return None

    def _step(self, frame, event, argument):
        if event == "opcode" and self.where is None:
            before = self._last.get(id(frame))
            self._last[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before is not None and before.startswith(("CALL", "RESUME", "JUMP_BACKWARD")):
                self._left -= 1
                if not self._left:
                    self.where = frame.f_code.co_qualname, frame.f_lineno
                    raise KeyboardInterrupt
        return self._step


def in_thread(flights, work):
    return flights.run_sync("key", work.in_thread)


def in_task(flights, work):
    return asyncio.run(flights.run("key", work.in_task))


@pytest.fixture
def interrupted(thread):
    """Return a function that makes a call in a thread under a trace function."""

    def traced(tracer, call, flights, work):
        sys.settrace(tracer)
        try:
            return call(flights, work)
        finally:
            sys.settrace(None)
            flights._boarded.release()  # whoever waits for this caller, need not any more

    return lambda *arguments: thread(traced, *arguments)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="since 3.12, tracing skips instructions of single threads")
# An interrupt between making a coroutine and awaiting it, and one in a __del__, which gets no further.
@pytest.mark.filterwarnings("ignore:coroutine", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("policy", ["share", "retry"])
@pytest.mark.parametrize("role", ["leading", "waiting"])
@pytest.mark.parametrize("call", [in_thread, in_task])
def test_others_go_on(coalescer, computation, thread, interrupted, call, role, policy):
    for place in range(1, 10_000):
        flights, tracer = coalescer(on_error=policy), InterruptAt(place)
        first = computation(ValueError("again") if policy == "retry" else "value")
        second = computation("value", held=False)
        if role == "leading":
            victim = interrupted(tracer, call, flights, first)
            flights.wait_for_callers()
            others = [thread(in_thread, flights, second)]
        else:
            others = [thread(in_thread, flights, first)]
            first.wait_until_begun()
            flights.wait_for_callers()
            victim = interrupted(tracer, call, flights, second)
            flights.wait_for_callers()
        others += [thread(in_thread, flights, second), thread(in_task, flights, second)]
        flights.wait_for_callers(2)
        first.end()
        outcomes = [victim.outcome(), *(each.outcome() for each in others)]
        assert not _guard.lock.locked(), tracer.where
        assert len(flights) == 0, tracer.where
        for outcome in outcomes[1:]:
            assert outcome == "value" or (policy == "retry" and isinstance(outcome, ValueError)), tracer.where
        if tracer.where is None:
            assert place > 30
            gc.collect()
            return
        assert isinstance(outcomes[0], KeyboardInterrupt | ValueError) or outcomes[0] == "value", tracer.where
