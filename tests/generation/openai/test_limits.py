"""Every call ends: in whose time, in which phase, and at whose fault."""

import asyncio
import socket
from contextlib import aclosing

import pytest

from postopt.errors import (
    CallRejectedError,
    DeadlineExceededError,
    ProviderTimeoutError,
    RateLimitError,
    ShedError,
    UnreachableError,
)
from postopt.resilience.deadline import within
from postopt.resilience.outcome import classify
from postopt.resilience.price import Price
from postopt.testing import ScriptedClock
from postopt.testing.server import Reply, ScriptedServer

SOON = 0.05
PRICE = Price(input=1.0, output=2.0)


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request):
    return request.param


class TestAPhase:
    @pytest.mark.parametrize("hang", ["headers", "first_token"])
    def test_until_the_first_token(self, play, hang, stream):
        error = play(Reply(hang=hang), first_token_seconds=SOON, stream=stream, price=PRICE)
        assert (type(error), error.phase) == (ProviderTimeoutError, "first_token")
        assert "within 0.05 s" in str(error)
        assert error.unsettled_usd > 0

    def test_between_two_parts(self, play):
        error = play(Reply(text="abcdefgh", hang="stream"), gap_seconds=SOON, stream=True)
        assert (type(error), error.phase, error.partial_text) == (ProviderTimeoutError, "stream", "ab")

    def test_between_two_parts_of_a_whole_answer(self, play):
        error = play(Reply(hang="stream"), gap_seconds=SOON)
        assert (type(error), error.phase) == (ProviderTimeoutError, "stream")

    def test_of_all_of_it_however_the_answer_drips(self, play, stream):
        drip = Reply(text="x" * 10_000, pieces=10_000, drip=0.001)
        error = play(drip, seconds=SOON, stream=stream)
        assert isinstance(error, ProviderTimeoutError)
        assert "no whole answer within 0.05 s" in str(error)

    def test_of_the_body_of_an_error_whose_status_is_known(self, play, stream, monkeypatch):
        monkeypatch.setattr("postopt.generation.openai._FAILURE_SECONDS", SOON)
        slow = Reply(
            status=429, hang="stream", body=[b'{"error": ', b'{"message": "m"}}'], headers={"Retry-After": "7"}
        )
        error = play(slow, stream=stream, first_token_seconds=1e6, gap_seconds=1e6, seconds=1e6)
        assert (type(error), error.retry_after) == (RateLimitError, 7.0)

    def test_until_there_is_a_connection(self, client, prompt, run):
        # A listener with a full backlog drops what wants to connect.
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
            first.connect(listener.getsockname())
            others = [socket.socket() for _ in range(4)]
            for other in others:
                other.setblocking(False)
                other.connect_ex(listener.getsockname())

            async def call():
                async with client(f"http://127.0.0.1:{listener.getsockname()[1]}", "m", connect_seconds=SOON) as ours:
                    with pytest.raises(ProviderTimeoutError, match=r"no connection within 0.05 s") as caught:
                        await ours.generate(prompt)
                assert caught.value.phase == "send"
                assert caught.value.unsettled_usd == 0

            run(call())
            for other in others:
                other.close()

    def test_of_waiting_for_a_connection_is_no_fault_of_the_provider(self, client, prompt, run):
        async def calls():
            async with ScriptedServer() as server, client(server.url, "m", max_connections=1, seconds=SOON) as ours:
                async with aclosing(ours.stream(prompt)) as chunks:
                    await anext(chunks)
                    with pytest.raises(ShedError, match="all 1 connections") as caught:
                        await ours.generate(prompt)
                    assert (classify(caught.value), caught.value.attempts) == ("rejected", 0)
                    with within(SOON / 2), pytest.raises(DeadlineExceededError, match="in use") as caught:
                        await ours.generate(prompt)
                    assert (classify(caught.value), caught.value.attempts) == ("ignored", 0)
                assert server.calls == 1

        run(calls())

    def test_that_was_spent_on_waiting_is_no_fault_of_the_provider_either(self, client, prompt, run):
        async def calls():
            script = [Reply(), Reply(hang="headers")]
            async with (
                ScriptedServer(script) as server,
                client(server.url, "m", max_connections=1, seconds=0.5) as ours,
            ):
                async with aclosing(ours.stream(prompt)) as chunks:
                    await anext(chunks)
                    waiting = asyncio.create_task(ours.generate(prompt))
                    await asyncio.sleep(0)
                with pytest.raises(DeadlineExceededError, match="that were left"):
                    await waiting
                assert server.calls == 2

        run(calls())


class TestNobodyThere:
    def test_is_unreachable(self, client, prompt, run):
        async def call():
            async with ScriptedServer() as server, client(server.url, "m") as ours:
                server.refuse()
                await asyncio.sleep(0)
                with pytest.raises(UnreachableError) as caught:
                    await ours.generate(prompt)
                assert (caught.value.phase, caught.value.retryable) == ("send", True)
                assert isinstance(caught.value.__cause__, ConnectionRefusedError)
                await server.accept()
                assert (await ours.generate(prompt)).text

        run(call())

    def test_nor_a_host_of_that_name(self, client, prompt, run):
        async def call():
            async with client("http://no-such-host.invalid", "m") as ours:
                with pytest.raises(UnreachableError):
                    await ours.generate(prompt)

        run(call())

    def test_any_more_is_not_remembered(self, client, prompt, run, eventually):
        async def calls():
            async with ScriptedServer() as server, client(server.url, "m") as ours:
                assert (await ours.generate(prompt)).text
                server.drop()
                await eventually(lambda: server.open_connections == 0)
                for _ in range(3):  # the client may still have to hear of it
                    await asyncio.sleep(0)
                assert (await ours.generate(prompt)).text
                assert server.connections == 2

        run(calls())


class TestTheCaller:
    def test_in_a_hurry_is_told_that_it_was(self, client, prompt, run, stream):
        async def call():
            async with (
                ScriptedServer([Reply(hang="headers")]) as server,
                client(server.url, "m", stream=stream) as ours,
            ):
                with within(SOON), pytest.raises(DeadlineExceededError) as caught:
                    await ours.generate(prompt)
                assert classify(caught.value) == "ignored"

        run(call())

    def test_with_time_enough_has_a_slow_provider(self, client, prompt, run, monkeypatch):
        monkeypatch.setattr("postopt.generation.remote.aiohttp._FAIR_SECONDS", SOON / 2)

        async def call():
            async with ScriptedServer([Reply(hang="headers")]) as server, client(server.url, "m") as ours:
                with within(SOON), pytest.raises(DeadlineExceededError, match="no whole answer") as caught:
                    await ours.generate(prompt)
                assert classify(caught.value) == "failure"

        run(call())

    def test_without_time_is_not_served(self, client, prompt, run, stream):
        clock = ScriptedClock()

        async def call():
            async with ScriptedServer() as server, client(server.url, "m", stream=stream) as ours:
                with within(1.0, clock=clock):
                    clock.advance(1.0)
                    with pytest.raises(DeadlineExceededError) as caught:
                        await ours.generate(prompt)
                assert (caught.value.attempts, server.calls) == (0, 0)

        run(call())

    def test_who_comes_after_the_end_is_rejected(self, client, prompt, run, stream):
        async def call():
            async with ScriptedServer() as server:
                async with client(server.url, "m", stream=stream) as ours:
                    await ours.generate(prompt)
                with pytest.raises(CallRejectedError, match="closed"):
                    await ours.generate(prompt)
                await ours.aclose()

        run(call())
