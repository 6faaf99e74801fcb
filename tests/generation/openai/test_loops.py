"""One client in several loops, threads and processes."""

import asyncio
import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from postopt.testing.server import ScriptedServer


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


def test_two_runs_in_a_row(client, prompt, server):
    ours = client(server.url, "m")
    for _ in range(3):
        assert asyncio.run(ours.generate(prompt)).text
    assert server.connections == 3


def test_several_threads_at_once(client, prompt, server):
    ours = client(server.url, "m")
    begin = threading.Barrier(4)

    def use(_):
        async def calls():
            return [answer.text for answer in await asyncio.gather(*(ours.generate(prompt) for _ in range(25)))]

        begin.wait()
        return asyncio.run(calls())

    with ThreadPoolExecutor(4) as pool:
        texts = [text for texts in pool.map(use, range(4)) for text in texts]
    assert len(set(texts)) == 100


def test_closing_in_one_loop_closes_the_others(client, prompt, server):
    ours = client(server.url, "m")
    used, closed = threading.Event(), threading.Event()

    async def use_and_wait():
        await ours.generate(prompt)
        used.set()
        while not closed.is_set():  # noqa: ASYNC110 - set by another loop
            await asyncio.sleep(0)
        while server.open_connections:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)

    async def close():
        await ours.generate(prompt)
        await ours.aclose()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(asyncio.run, use_and_wait())
        used.wait()
        asyncio.run(close())
        closed.set()
        other.result(timeout=30)
    assert server.open_connections == 0


def test_a_loop_that_was_closed_without_a_word(client, prompt, server):
    """Not as `asyncio.run` does it; then the client is told by nobody, and is in order all the same."""
    ours = client(server.url, "m")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ours.generate(prompt))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert asyncio.run(ours.generate(prompt)).text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_child_of_a_fork_has_connections_of_its_own(client, prompt, server):
    ours = client(server.url, "m")

    async def calls():
        await ours.generate(prompt)
        child = os.fork()
        if child == 0:
            # The parent's loop is running in the child's copy of this thread; another thread has none.
            code = 1
            try:
                with ThreadPoolExecutor(1) as pool:
                    code = 0 if pool.submit(asyncio.run, ours.generate(prompt)).result(timeout=20).text else 2
            finally:
                os._exit(code)
        while os.waitpid(child, os.WNOHANG) == (0, 0):  # noqa: ASYNC110, ASYNC222 - it does not wait
            await asyncio.sleep(0)
        # The child's end has not touched the parent's connection.
        await ours.generate(prompt)

    asyncio.run(calls())
    assert server.calls == 3
    assert server.connections == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python's own, of transports left open
def test_loops_closed_in_haste_leave_no_connections(client, prompt, server, eventually):
    ours = client(server.url, "m")
    for _ in range(5):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ours.generate(prompt))
        loop.close()

    async def only_one_is_open():
        await ours.generate(prompt)
        async with asyncio.timeout(30):
            await eventually(lambda: server.open_connections == 1)

    asyncio.run(only_one_is_open())
    gc.collect()
