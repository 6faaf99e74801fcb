"""A server that dies, freezes and comes back."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter

import pytest

from postopt.errors import CutOffError, GenerationError, ProviderTimeoutError, UnreachableError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signals here")


class Process:
    """The scripted server as a process of its own."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "postopt.testing.server", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        self.port = self.url.split(":")[2].split("/")[0]

    def calls(self):
        with urllib.request.urlopen(f"{self.url}/counts", timeout=30) as response:
            return json.load(response)["calls"]

    def wait(self):
        self._process.wait()

    def signal(self, number):
        os.kill(self._process.pid, number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


async def end_of(call):
    try:
        return await call
    except GenerationError as error:
        return error


@pytest.mark.parametrize("stream", [False, True])
def test_killed_under_calls_it_costs_these_and_no_others(client, prompt, run, stream):
    async def calls(process):
        ours = client(process.url, "m", stream=stream, max_connections=20)
        async with ours:
            tasks = [asyncio.create_task(end_of(ours.generate(prompt))) for _ in range(20)]
            while await asyncio.to_thread(process.calls) < 20:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0)
            process.signal(signal.SIGKILL)
            ends = await asyncio.gather(*tasks)
            await asyncio.to_thread(process.wait)
            assert Counter(map(type, ends)) == {CutOffError: 20}
            assert isinstance(await end_of(ours.generate(prompt)), UnreachableError)
            with Process("--port", process.port):
                assert (await ours.generate(prompt)).text

    with Process("--latency", "60") as process:
        run(calls(process))


@pytest.mark.parametrize("stream", [False, True])
def test_frozen_it_is_noticed_and_thawed_it_is_asked_again(client, prompt, run, stream):
    async def calls(process):
        async with client(process.url, "m", stream=stream, first_token_seconds=1.0) as ours:
            assert (await ours.generate(prompt)).text
            process.signal(signal.SIGSTOP)
            assert isinstance(await end_of(ours.generate(prompt)), ProviderTimeoutError)
            process.signal(signal.SIGCONT)
            assert (await ours.generate(prompt)).text

    with Process() as process:
        run(calls(process))
