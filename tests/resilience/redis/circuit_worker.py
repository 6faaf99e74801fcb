"""A process with one breaker that shares its state; it does what it is told, line by line, and answers each.

fail: make a call that fails. try: make a call; if it is let through, it is held until `release` or `cancel`.
state: tell the state.
"""

import asyncio
import sys
import threading

from postopt.errors import CircuitOpenError
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.remote.circuit import RedisCircuitState


class Worker:
    def __init__(self, url, interval, timeout, open_seconds):
        shared = RedisCircuitState(url, interval=float(interval), timeout=float(timeout))
        self.breaker = CircuitBreaker(
            "provider", failure_threshold=1, open_seconds=float(open_seconds), probe_lease_seconds=30.0, shared=shared
        )
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.call = None

    def fail(self):
        try:
            self.breaker.call(int, "x")
        except ValueError:
            return "failed"
        except CircuitOpenError:
            return "refused"

    def tries(self):
        begun = threading.Event()

        async def hold():
            self.held = self.loop.create_future()
            begun.set()
            await self.held

        async def call():
            try:
                await self.breaker.acall(hold)
            except CircuitOpenError:
                self.refused = True
                begun.set()

        self.refused = False
        self.call = asyncio.run_coroutine_threadsafe(call(), self.loop)
        assert begun.wait(60)
        return "refused" if self.refused else "through"

    def release(self):
        self.loop.call_soon_threadsafe(self.held.set_result, None)
        self.call.result(60)
        return "released"

    def cancel(self):
        self.loop.call_soon_threadsafe(self.held.cancel)
        try:
            self.call.result(60)
        except BaseException as error:  # noqa: BLE001 - which of two CancelledErrors does not matter
            return type(error).__name__

    def state(self):
        return self.breaker.state


if __name__ == "__main__":
    worker = Worker(*sys.argv[1:])
    does = {"fail": worker.fail, "try": worker.tries, "release": worker.release, "cancel": worker.cancel,
            "state": worker.state}  # fmt: skip
    for line in sys.stdin:
        sys.stdout.write(f"{does[line.strip()]()}\n")
        sys.stdout.flush()
