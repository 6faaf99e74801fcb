"""The scripted server as a host sees it: over plain HTTP, with a client of the standard library."""

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from postopt.generation.constraints import violations
from postopt.generation.prompt import estimate_tokens, messages
from postopt.generation.remote.schema import breaks
from postopt.resilience.price import Price
from postopt.testing.server import Reply, ScriptedServer, _failing, main
from postopt.types import Brief, Prompt

PRICE = Price(input=1.0, output=2.0)


def ask(url, text="hello", *, headers=None, **fields):
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()


def get(url, path):
    with urllib.request.urlopen(f"{url}{path}", timeout=30) as response:
        return json.loads(response.read())


def text_of(data):
    return json.loads(data)["choices"][0]["message"]["content"]


def status_of(url, **request):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(url, **request)
    with caught.value:
        return caught.value.code, json.loads(caught.value.read())["error"]


@pytest.fixture
def serve():
    """Run a server in a thread until the test ends."""
    with ExitStack() as running:
        yield lambda *script, **settings: running.enter_context(ScriptedServer(script, **settings))


class TestAnswers:
    def test_come_from_the_script_then_from_the_default(self, serve):
        server = serve("first", 429)
        assert text_of(ask(server.url)) == "first"
        assert status_of(server.url)[0] == 429
        assert text_of(ask(server.url)) == "(3) hello"

    def test_hold_the_facts_of_a_brief_and_differ(self, serve):
        server = serve()
        brief = Brief(topic="bread", facts={"price": "$3.50", "who": 'a "b"\nc'}, call_to_action="come")
        prompts = [messages(Prompt(brief=brief, variant=variant))[-1]["content"] for variant in range(3)]
        texts = [text_of(ask(server.url, prompt)) for prompt in prompts]
        assert len(set(texts)) == 3
        assert [violations(text, brief) for text in texts] == [()] * 3
        assert all("come" in text for text in texts)

    def test_are_short_if_the_brief_says_so(self, serve):
        brief = Brief(topic="a topic of many words", facts={"price": "$3.50"}, max_length=10)
        assert text_of(ask(serve().url, messages(Prompt(brief=brief))[-1]["content"])) == "$3.50"

    def test_give_back_what_looks_like_a_brief_and_is_none(self, serve):
        assert text_of(ask(serve().url, '{"topic": broken')) == '(1) {"topic": broken'

    def test_keep_a_schema(self, serve):
        schema = {
            "type": "object",
            "properties": {
                "post": {"type": "string"}, "n": {"type": "integer"}, "x": {"type": "number"}, "b": {"type": "boolean"},
                "none": {"type": "null"}, "kind": {"enum": ["a"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        }  # fmt: skip
        wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        value = json.loads(text_of(ask(serve().url, response_format=wanted)))
        assert list(breaks(value, {**schema, "required": list(schema["properties"])})) == []

    def test_are_sent_as_a_stream_if_asked(self, serve):
        events = ask(serve(Reply(text="abcd", pieces=2)).url, stream=True).decode().split("\n\n")
        chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
        deltas = [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"]]
        assert deltas == ["", "ab", "cd", None]
        assert chunks[-1]["usage"]["completion_tokens"] == 1
        assert events[-2:] == ["data: [DONE]", ""]

    def test_to_what_is_no_request_for_one(self, serve):
        server = serve()
        request = urllib.request.Request(f"{server.url}/chat/completions", b"{", method="POST")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        with caught.value:
            assert caught.value.code == 400
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(server.url, "/elsewhere")
        with caught.value:
            assert caught.value.code == 404

    def test_of_a_model_or_key_that_is_wrong(self, serve):
        server = serve(models=["m"], api_key="right")
        assert status_of(server.url, headers={"Authorization": "Bearer wrong"})[1]["code"] == "invalid_api_key"
        key = {"Authorization": "Bearer right"}
        assert status_of(server.url, headers=key, model="other")[1]["code"] == "model_not_found"
        assert text_of(ask(server.url, headers=key))
        assert [model["id"] for model in get(server.url, "/models")["data"]] == ["m"]

    def test_wait_as_long_as_the_test_says(self):
        waited = []

        async def sleep(seconds):
            waited.append(seconds)

        with ScriptedServer(
            [Reply(), Reply(latency=5.0), Reply(drip=0.5, text="ñ")], latency=9.0, sleep=sleep
        ) as server:
            assert text_of(ask(server.url))
            assert text_of(ask(server.url))
            assert text_of(ask(server.url)) == "ñ"
        assert waited[:3] == [9.0, 5.0, 9.0]
        assert set(waited[3:]) == {0.5}

    def test_may_take_a_time_that_is_drawn(self):
        waited = []

        async def sleep(seconds):
            waited.append(seconds)

        draws = iter([0.25, 0.75])
        with ScriptedServer(latency=lambda: next(draws), sleep=sleep) as server:
            ask(server.url)
            ask(server.url)
        assert waited == [0.25, 0.75]


class TestCounts:
    def test_of_tokens_and_costs_are_what_was_answered(self, serve):
        server = serve("abcdefgh", 500, Reply(error={"message": "m"}), price=PRICE)
        ask(server.url)
        status_of(server.url)
        ask(server.url)
        counts = get(server.url, "/counts")
        assert counts["calls"] == 3
        assert (counts["input_tokens"], counts["output_tokens"]) == (estimate_tokens("hello"), 2)
        assert counts["cost_usd"] == pytest.approx((2 * 1.0 + 2 * 2.0) / 1e6)

    def test_of_a_stream_grow_with_it(self, serve):
        server = serve(Reply(text="abcdefgh" * 4, pieces=4, cut=400), price=PRICE)
        with pytest.raises(http.client.IncompleteRead):
            ask(server.url, stream=True)
        assert 0 < server.output_tokens < 8

    def test_of_clients_that_left(self, serve):
        server = serve(Reply(hang="headers"))
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.split(":")[2].split("/")[0]), timeout=30)
        body = json.dumps({"messages": [{"content": "x"}]})
        connection.request("POST", "/v1/chat/completions", body)
        while server.calls == 0:
            pass
        connection.close()
        while server.disconnects == 0:
            pass
        assert get(server.url, "/counts")["open_connections"] == 1


class TestFaults:
    def test_an_answer_that_hangs_goes_on_when_it_is_released(self, serve):
        server = serve(*[Reply(hang=hang, text="x" * 50) for hang in ("headers", "first_token", "stream")])
        with ThreadPoolExecutor(3) as pool:
            answers = [pool.submit(ask, server.url) for _ in range(3)]
            while server.calls < 3:
                pass
            assert not any(answer.done() for answer in answers)
            server.release()
            assert [text_of(answer.result(timeout=30)) for answer in answers] == ["x" * 50] * 3

    def test_of_the_connection(self, serve):
        server = serve(Reply(raw=b"nonsense\r\n\r\n"), Reply(cut=5), Reply(closes=True))
        with pytest.raises(http.client.BadStatusLine):
            ask(server.url)
        with pytest.raises(http.client.IncompleteRead):
            ask(server.url)
        assert text_of(ask(server.url))

    def test_refusing_and_taking_connections(self):
        async def use():
            async with ScriptedServer() as server:
                url = server.url
                assert text_of(await asyncio.to_thread(ask, url))
                server.refuse()
                await asyncio.sleep(0)
                with pytest.raises(urllib.error.URLError):
                    await asyncio.to_thread(ask, url)
                await server.accept()
                assert server.url == url
                assert text_of(await asyncio.to_thread(ask, url))

        asyncio.run(use())

    def test_what_is_no_http_is_cut(self, serve):
        server = serve()
        for data in (b"\x16\x03\x01", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server._port), timeout=30) as connection:
                connection.sendall(data)
                with suppress(ConnectionResetError):
                    assert connection.recv(100) == b""

    def test_a_script_that_fails_is_shown(self, serve):
        def script():
            yield "one"
            raise RuntimeError("a mistake in the script")

        shown = []
        server = serve()
        server._loop.set_exception_handler(lambda loop, context: shown.append(str(context.get("exception"))))
        server._script = script()
        assert text_of(ask(server.url)) == "one"
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(server.url)
        assert shown == ["a mistake in the script"]

    def test_requests_may_follow_each_other_at_once(self, serve):
        server = serve("one", "two")
        body = json.dumps({"messages": [{"content": "x"}]}).encode()
        request = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        with socket.create_connection(("127.0.0.1", server._port), timeout=30) as connection:
            connection.sendall(request + request[:50])
            connection.sendall(request[50:])
            received = b""
            while b"two" not in received:
                received += connection.recv(4096)
        assert received.index(b"one") < received.index(b"two")

    def test_a_port_that_is_taken_is_an_error(self, serve):
        server = serve()
        with pytest.raises(OSError, match="in use"):
            serve(port=server._port)


class TestProcess:
    def test_prints_where_it_is_and_can_be_killed(self):
        command = [sys.executable, "-m", "postopt.testing.server", "--fail-share", "1", "--latency", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                url = process.stdout.readline().strip()
                assert status_of(url)[0] == 503
                assert get(url, "/counts")["calls"] == 1
            finally:
                process.kill()
        assert process.returncode == -signal.SIGKILL

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--fail-share", "nan"),
            ("--fail-share", "1.1"),
            ("--latency", "-1"),
            ("--latency", "inf"),
            ("--port", "70000"),
            ("--port", "-1"),
            ("--input-price", "free"),
        ],
    )
    def test_what_cannot_be_is_refused_before_it_begins(self, option, value, capsys):
        with pytest.raises(SystemExit) as ended:
            main([f"{option}={value}"])
        assert ended.value.code == 2
        assert f"argument {option}: {value!r} is no" in capsys.readouterr().err

    def test_fails_as_often_as_it_is_told(self, monkeypatch, capsys):
        def run(coroutine):
            coroutine.close()
            raise KeyboardInterrupt

        monkeypatch.setattr(asyncio, "run", run)
        main(["--port", "0", "--fail-share", "0.5"])
        assert capsys.readouterr().out == ""
        statuses = [reply.status for reply, _ in zip(_failing(0.5, 7), range(1000), strict=False)]
        assert 400 < statuses.count(503) < 600
        assert statuses == [reply.status for reply, _ in zip(_failing(0.5, 7), range(1000), strict=False)]
