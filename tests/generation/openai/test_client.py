"""What it is made of, and what it says of itself."""

import asyncio
import base64
import json
import pickle
import ssl
from dataclasses import replace
from itertools import product

import pytest

from postopt.errors import InvalidRequestError, TruncatedError, UnreachableError
from postopt.generation.prompt import render
from postopt.resilience.price import Price
from postopt.testing.server import Reply, ScriptedServer
from postopt.types import Brief, Prompt
from postopt.writer import PostWriter

URL = "http://127.0.0.1:9/v1"
PRICE = Price(input=1.0, output=2.0)


class TestArguments:
    @pytest.mark.parametrize(
        ("argument", "value"),
        [
            *product(
                ("connect_seconds", "first_token_seconds", "gap_seconds", "seconds"),
                (0, -1, float("nan"), float("inf"), None, "1", True),
            ),
            *product(("max_connections", "max_answer_bytes", "max_tokens"), (0, -1, 1.5, "1", True)),
            ("tls", False),
            ("tls", True),
            ("price", 0.5),
            ("truncated", "maybe"),
            ("model", "a\nb"),
            ("model", ""),
            ("extra_body", {"messages": []}),
            ("schema", {"x": object()}),
        ],
    )
    def test_out_of_range_are_refused_by_name(self, client, argument, value):
        with pytest.raises(ValueError, match=argument):
            client(**{"base_url": URL, "model": "m", argument: value})

    def test_two_ways_to_prove_who_one_is_are_one_too_many(self, client):
        with pytest.raises(ValueError, match="one of them"):
            client("http://user:pass@h", "m", api_key="sk-1")

    def test_make_a_name(self, client):
        assert client(URL, "m").name == "m@127.0.0.1:9"
        assert client("https://u:p@example.com/v1?key=s", "m").name == "m@example.com"
        assert client(URL, "m", name="n").name == "n"
        assert repr(client(URL, "m")) == "OpenAIGenerator('http://127.0.0.1:9/v1', 'm')"

    def test_nothing_is_opened_before_the_first_call(self, client):
        client(URL, "m", api_key="sk-1")


class TestMaxCost:
    def test_is_above_what_a_call_costs(self, client, prompt, run):
        async def call():
            async with ScriptedServer(price=PRICE) as server, client(server.url, "m", price=PRICE) as ours:
                for asked in (prompt, Prompt(brief=Brief(topic="ñ🙂" * 300))):
                    bound = ours.max_cost(asked)
                    assert (await ours.generate(asked)).trace.cost_usd < bound

        run(call())

    def test_is_what_bytes_and_limit_amount_to(self, client, prompt):
        size = sum(len(text.encode()) for text in render(prompt))
        bound = client(URL, "m", price=PRICE, max_tokens=100).max_cost(prompt)
        assert bound == pytest.approx((size + 64) / 1e6 + 200 / 1e6)

    def test_is_unknown_without_a_price_or_a_limit(self, client, prompt):
        assert client(URL, "m").max_cost(prompt) is None
        assert client(URL, "m", price=PRICE, max_tokens=None).max_cost(prompt) is None
        limited = Prompt(brief=prompt.brief, text="x", max_tokens=5)
        assert client(URL, "m", price=PRICE, max_tokens=None).max_cost(limited) > 0

    @pytest.mark.parametrize("max_tokens", [0, -1])
    def test_is_nothing_for_a_prompt_that_is_refused(self, client, prompt, max_tokens):
        assert client(URL, "m", price=PRICE).max_cost(replace(prompt, max_tokens=max_tokens)) == 0


NO_CHECKS = ssl.create_default_context()
NO_CHECKS.check_hostname = False
NO_CHECKS.verify_mode = ssl.CERT_NONE


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("schema", {"type": 5}),
        ("schema", {"properties": {"a": {"type": "text"}}}),
        ("schema", ["object"]),
        ("token_limit", "n"),
        ("wall_clock", None),
        ("name", "a\nb"),
        ("name", 5),
        ("tls", NO_CHECKS),
        ("extra_body", {"best_of": 8}),
        ("extra_body", {"n": 2}),
        ("extra_body", {"num_return_sequences": 2}),
    ],
)
def test_what_would_fail_at_an_answer_that_was_paid_for_is_refused_before(client, argument, value):
    with pytest.raises(ValueError, match=argument):
        client(URL, "m", **{argument: value})


class TestAProxyOfTheEnvironment:
    @pytest.fixture(autouse=True)
    def _environment(self, monkeypatch):
        for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "REQUEST_METHOD"):
            monkeypatch.delenv(name, raising=False)
        self.set = monkeypatch.setenv

    def test_gets_the_request_and_its_own_password(self, client, run, prompt):
        async def call():
            async with ScriptedServer() as proxy:
                self.set("http_proxy", proxy.url.replace("/v1", "").replace("://", "://user:pass-canary@"))
                async with client("http://unknown.invalid/v1", "m", environment_proxies=True) as ours:
                    with pytest.raises(InvalidRequestError):  # this server is no proxy
                        await ours.generate(prompt)
                    assert "pass-canary" not in repr(vars(ours)) + repr(vars(ours._site))
                return proxy.requests[0]

        request = run(call())
        assert (request.path, request.headers["host"]) == (
            "http://unknown.invalid/v1/chat/completions",
            "unknown.invalid",
        )
        assert request.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'user:pass-canary').decode()}"

    def test_is_passed_by_for_hosts_that_need_none(self, client, run, prompt):
        self.set("http_proxy", "http://127.0.0.1:9")
        self.set("no_proxy", "127.0.0.1")

        async def call():
            async with ScriptedServer() as server, client(server.url, "m", environment_proxies=True) as ours:
                return await ours.generate(prompt)

        assert run(call()).text

    @pytest.mark.parametrize("proxy", ["socks5://u:pass-canary@h:1", "http://u:pass-canary@h:x", "http://"])
    def test_that_is_none_is_refused(self, client, proxy):
        self.set("http_proxy", proxy)
        with pytest.raises(ValueError, match="HTTP_PROXY") as caught:
            client(URL, "m", environment_proxies=True)
        assert "canary" not in str(caught.value)

    def test_leaves_netrc_alone(self, client, run, prompt, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login u password p\n")
        netrc.chmod(0o600)
        self.set("NETRC", str(netrc))

        async def call():
            async with (
                ScriptedServer(api_key="sk-1") as server,
                client(server.url, "m", api_key="sk-1", environment_proxies=True) as ours,
            ):
                return await ours.generate(prompt)

        assert run(call()).text


class TestRequests:
    def sent(self, client, run, prompt, **settings):
        async def call():
            async with ScriptedServer() as server, client(server.url, "m", **settings) as ours:
                await ours.generate(prompt)
                return server.requests[0]

        return run(call())

    def test_say_what_is_asked(self, client, run, prompt):
        request = self.sent(client, run, prompt, extra_body={"top_k": 5})
        assert json.loads(request.body) == {
            "model": "m",
            "messages": [{"role": "user", "content": prompt.text}],
            "max_tokens": 1024,
            "top_k": 5,
        }
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept-encoding"] == "identity"
        assert "authorization" not in request.headers
        assert "cookie" not in request.headers

    def test_are_made_from_the_brief_if_there_is_no_text(self, client, run, prompt):
        asked = Prompt(brief=prompt.brief)
        contents = [m["content"] for m in json.loads(self.sent(client, run, asked).body)["messages"]]
        assert contents == list(render(asked))

    def test_of_ten_megabytes_are_sent_whole(self, client, run, prompt):
        async def call():
            async with ScriptedServer(["x"]) as server, client(server.url, "m") as ours:
                answer = await ours.generate(Prompt(brief=prompt.brief, text="ñ" * 5_000_000))
                sent = json.loads(server.requests[0].body)["messages"][0]["content"]
                return answer, sent

        answer, sent = run(call())
        assert (answer.text, sent) == ("x", "ñ" * 5_000_000)
        assert answer.usage.input_tokens == 2_500_000

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("bad", [{"text": "\ud800"}, {"text": "x", "top_p": float("nan")}, {"model": "a\nb"},
                                     {"max_tokens": 0}, {"max_tokens": -1}, {"max_tokens": "7"}])  # fmt: skip
    def test_that_cannot_be_are_not_sent(self, client, run, prompt, bad, stream):
        async def call():
            async with ScriptedServer() as server, client(server.url, "m", stream=stream) as ours:
                with pytest.raises(InvalidRequestError) as caught:
                    await ours.generate(Prompt(brief=prompt.brief, **bad))
                assert (caught.value.provider, caught.value.attempts, server.calls) == (ours.name, 0, 0)

        run(call())

    def test_do_not_pass_a_proxy_of_the_environment_unless_asked(self, client, run, prompt, monkeypatch):
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert self.sent(client, run, prompt)

        async def call():
            async with ScriptedServer() as server, client(server.url, "m", environment_proxies=True) as ours:
                with pytest.raises(UnreachableError):
                    await ours.generate(prompt)

        run(call())


class TestStream:
    def test_yields_texts_and_last_what_they_amount_to(self, client, run, prompt):
        async def call():
            async with (
                ScriptedServer([Reply(text=" abcd ", pieces=3)]) as server,
                client(server.url, "m", price=PRICE) as ours,
            ):
                *texts, last = [chunk async for chunk in ours.stream(prompt)]
                assert [chunk.text for chunk in texts] == [" a", "bc", "d "]
                assert {(chunk.finish_reason, chunk.usage, chunk.trace) for chunk in texts} == {("", None, None)}
                assert (last.text, last.finish_reason, last.usage.estimated) == ("", "stop", False)
                assert last.trace.cost_usd == PRICE.cost(last.usage)

        run(call())

    def test_that_is_of_no_use_raises_at_its_end(self, client, run, prompt):
        async def call():
            reply = Reply(text="abcd", finish_reason="length")
            async with ScriptedServer([reply]) as server, client(server.url, "m") as ours:
                seen = []

                async def read():
                    async for chunk in ours.stream(prompt):
                        seen.append(chunk.text)  # noqa: PERF401 - what comes before the error counts

                with pytest.raises(TruncatedError) as caught:
                    await read()
                assert "".join(seen) == caught.value.partial_text == "abcd"

        run(call())

    def test_sends_nothing_before_it_is_asked_for_a_piece(self, client, run, prompt):
        async def call():
            async with ScriptedServer() as server, client(server.url, "m") as ours:
                chunks = ours.stream(prompt)
                await asyncio.sleep(0)
                await chunks.aclose()
                assert server.connections == 0

        run(call())

    def test_of_a_whole_answer_without_text_is_an_error_like_any(self, play):
        body = json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}).encode()
        assert isinstance(play(Reply(body=body), stream=True), TruncatedError)


def test_a_writer_writes_with_it(client, run):
    async def write():
        async with ScriptedServer() as server, client(server.url, "m") as ours:
            brief = Brief(topic="bread", facts={"price": "$3.50", "where": "https://example.com/a"}, max_length=200)
            posts = await PostWriter(ours).write(brief, n=5)
            assert (len(posts), posts.rejections) == (5, ())

    run(write())


def test_its_errors_can_be_sent_to_another_process(play):
    error = play(Reply(status=429, headers={"Retry-After": "2"}))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.retry_after, copy.provider) == (
        type(error), str(error), error.retry_after, error.provider,
    )  # fmt: skip
