"""A call that is cancelled, or left alone, ends at the server too, and leaves no dirty connection."""

import asyncio
from contextlib import aclosing

import pytest

from postopt.errors import CallRejectedError, CutOffError, ProviderTimeoutError
from postopt.testing import GeneratorContract
from postopt.testing.server import Reply, ScriptedServer


class TestContract(GeneratorContract):
    """As every generator; each test has a server of its own."""

    stream = False

    @pytest.fixture(autouse=True)
    def _client(self, client):
        self.client = client

    def make(self):
        server = ScriptedServer()
        server.__enter__()
        ours = self.client(server.url, "m", stream=self.stream)
        close = ours.aclose

        async def aclose():
            await close()
            server.__exit__()

        ours.aclose = aclose
        return ours


class TestStreamedContract(TestContract):
    stream = True


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request):
    return request.param


@pytest.mark.parametrize("hang", ["headers", "first_token", "stream"])
def test_a_cancelled_call_closes_its_connection(client, prompt, run, eventually, hang, stream):
    async def call():
        async with ScriptedServer([Reply(hang=hang), "next"]) as server, client(server.url, "m", stream=stream) as ours:
            task = asyncio.create_task(ours.generate(prompt))
            await eventually(lambda: server.calls)
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await eventually(lambda: server.disconnects == 1)
            assert server.open_connections == 0
            assert (await ours.generate(prompt)).text == "next"
            assert server.connections == 2

    run(call())


@pytest.mark.parametrize("steps", range(40))
def test_a_call_that_is_cancelled_anywhere_leaves_the_client_in_order(client, prompt, run, steps, stream):
    async def call():
        async with ScriptedServer() as server, client(server.url, "m", stream=stream, max_connections=1) as ours:
            await ours.generate(prompt)
            task = asyncio.create_task(ours.generate(prompt))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled() or task.result().text
            texts = [(await ours.generate(prompt)).text for _ in range(3)]
            # Each gets the answer to its own call: the server numbers them.
            assert [int(text[1 : text.index(")")]) for text in texts] == list(range(server.calls - 2, server.calls + 1))

    run(call())


def test_a_stream_that_is_left_early_closes_its_connection(client, prompt, run, eventually):
    async def call():
        async with ScriptedServer([Reply(text="abcd", hang="stream")]) as server, client(server.url, "m") as ours:
            async with aclosing(ours.stream(prompt)) as chunks:
                async for chunk in chunks:
                    assert chunk.text == "a"
                    break
            await eventually(lambda: server.disconnects == 1)

    run(call())


def test_a_stream_that_was_read_to_its_end_gives_its_connection_back(client, prompt, run):
    async def calls():
        async with ScriptedServer() as server, client(server.url, "m") as ours:
            for _ in range(3):
                chunks = [chunk async for chunk in ours.stream(prompt)]
                assert chunks[-1].finish_reason == "stop"
            assert server.connections == 1

    run(calls())


def test_a_server_that_goes_on_after_its_end_mark_is_left(client, prompt, run, eventually):
    events = b'data: {"choices": [{"delta": {"content": "all"}}]}\n\ndata: [DONE]\n\n'

    async def calls():
        reply = Reply(body=[events, b"", b": on and on\n\n"], hang="stream", content_type="text/event-stream")
        async with ScriptedServer([reply]) as server, client(server.url, "m", stream=True) as ours:
            assert (await ours.generate(prompt)).text == "all"
            await eventually(lambda: server.disconnects == 1)

    run(calls())


def test_a_stream_is_not_limited_by_how_long_its_reader_takes(client, prompt, run):
    """The reader's own time is not the provider's."""

    async def call():
        limits = {"gap_seconds": 0.05, "seconds": 0.1}
        async with ScriptedServer([Reply(text="abcd")]) as server, client(server.url, "m", **limits) as ours:
            loop, texts = asyncio.get_running_loop(), []
            async for chunk in ours.stream(prompt):
                texts.append(chunk.text)
                reader_is_done = loop.create_future()
                loop.call_later(0.06, reader_is_done.set_result, None)
                await reader_is_done
            assert "".join(texts) == "abcd"

    run(call())


def test_many_calls_at_once_each_get_their_own_answer(client, prompt, run):
    async def calls():
        async with ScriptedServer() as server, client(server.url, "m", max_connections=8) as ours:
            texts = [answer.text for answer in await asyncio.gather(*(ours.generate(prompt) for _ in range(200)))]
            assert len(set(texts)) == 200
            assert server.connections == 8

    run(calls())


def test_closing_ends_calls_that_are_under_way_or_waiting(client, prompt, run, eventually, stream):
    async def calls():
        async with ScriptedServer([Reply(hang="headers")]) as server:
            ours = client(server.url, "m", max_connections=1, stream=stream)
            tasks = [asyncio.create_task(ours.generate(prompt)) for _ in range(3)]
            await eventually(lambda: server.calls)
            await ours.aclose()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(end) for end in ends] == [CutOffError, CallRejectedError, CallRejectedError]
            assert server.calls == 1

    run(calls())


def test_closing_cuts_a_stream_off(client, prompt, run):
    async def calls():
        async with ScriptedServer([Reply(text="abcd", hang="stream")]) as server:
            ours = client(server.url, "m", gap_seconds=0.5)
            chunks = ours.stream(prompt)
            assert (await anext(chunks)).text == "a"
            await ours.aclose()
            # The old ones of aiohttp's versions do not wake who reads from a connection that they close.
            with pytest.raises((CutOffError, ProviderTimeoutError)) as caught:
                await anext(chunks)
            assert caught.value.partial_text == "a"

    run(calls())
