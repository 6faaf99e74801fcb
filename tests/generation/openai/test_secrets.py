"""Key, password and query are sent, and are nowhere else."""

import asyncio
import base64
import gc
import json
import logging
import traceback
from dataclasses import replace

import pytest

from postopt.errors import AuthenticationError, PostoptError
from postopt.testing.server import Reply, ScriptedServer

KEY = "sk-canary-7f3a"
PASSWORD = "pass-canary-91"
QUERY = "query-canary-55"


def said_by(error):
    """All that an error says, its causes and contexts included, with the variables of its own."""
    said = ["".join(traceback.format_exception(error))]
    while error is not None:
        said += [str(error), repr(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(said)


@pytest.fixture
def logged(caplog):
    with caplog.at_level(logging.DEBUG):
        yield caplog


FAULTS = [
    401,
    500,
    Reply(status=400, error={"message": f"bad key {KEY} in {QUERY}", "code": f"{KEY}"[:10]}),
    Reply(status=301, headers={"Location": f"http://evil.invalid/?{KEY}"}),
    Reply(raw=b"no http " + KEY.encode() + b"\r\n"),
    Reply(raw=b""),
    Reply(body=f"<html>{KEY}".encode()),
    Reply(cut=3),
    Reply(hang="headers"),
    Reply(hang="first_token"),
    Reply(error={"message": f"{KEY} {QUERY}", "code": "server_error"}),
]


class TestNoSecretIsTold:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("fault", FAULTS)
    def test_by_an_error_or_a_log(self, client, prompt, run, logged, fault, stream):
        async def call():
            asyncio.get_running_loop().set_debug(True)
            async with ScriptedServer([fault]) as server:
                url = f"{server.url}?api-version={QUERY}"
                async with client(url, "m", api_key=KEY, stream=stream, first_token_seconds=0.05) as ours:
                    with pytest.raises(PostoptError) as caught:
                        await ours.generate(prompt)
                    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
                    assert server.requests[0].path == f"/v1/chat/completions?api-version={QUERY}"
                    return said_by(caught.value) + repr(ours) + repr(vars(ours)) + ours.name + str(server.url)

        said = run(call()) + logged.text
        assert [secret for secret in (KEY, PASSWORD, QUERY) if secret in said] == []

    def test_by_a_key_s_refusal_that_quotes_it(self, client, prompt, run):
        async def call():
            async with ScriptedServer(api_key="another") as server, client(server.url, "m", api_key=KEY) as ours:
                with pytest.raises(AuthenticationError) as caught:
                    await ours.generate(prompt)
                assert "check api_key" in caught.value.hint
                return said_by(caught.value)

        assert KEY not in run(call())

    def test_in_an_address(self, client, prompt, run):
        async def call():
            async with ScriptedServer([500]) as server:
                url = server.url.replace("://", f"://user:{PASSWORD}@")
                async with client(url, "m") as ours:
                    with pytest.raises(PostoptError) as caught:
                        await ours.generate(prompt)
                    sent = server.requests[0].headers["authorization"]
                    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == f"user:{PASSWORD}"
                    return said_by(caught.value) + repr(ours) + ours.name + repr(vars(ours))

        said = run(call())
        assert PASSWORD not in said
        assert base64.b64encode(f"user:{PASSWORD}".encode()).decode() not in said

    @pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}\r\nX: y", f"{KEY} ", f"ñ{KEY}", f"{KEY}\0"])
    def test_by_refusing_a_key_that_no_header_takes(self, client, key):
        with pytest.raises(ValueError, match="api_key holds") as caught:
            client("http://127.0.0.1", "m", api_key=key)
        assert KEY not in said_by(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            f"http://user:{PASSWORD}@",
            f"ftp://user:{PASSWORD}@host",
            f"http://user:{PASSWORD}@host:notaport",
            f"http://user:{PASSWORD}@host/#x",
            f"user:{PASSWORD}@host",
            f"http://user:{PASSWORD} @host",
            f"http://[user:{PASSWORD}@host",
        ],
    )
    def test_by_refusing_an_address(self, client, url):
        with pytest.raises(ValueError, match="base_url") as caught:
            client(url, "m")
        assert PASSWORD not in said_by(caught.value)


def a_reply(where, secret):
    """A server that puts a secret there."""
    if where in ("code", "type", "param", "message"):
        return Reply(status=400, error={"message": "m", where: secret})
    if where == "straddling":
        return Reply(status=400, error={"message": "x" * 185 + " " + secret})
    if where == "x-request-id":
        return Reply(status=400, error={"message": "m"}, headers={"x-request-id": secret})
    message = {"content": f"say {secret} ", "refusal": "no" if where == "refusal" else None}
    choice = {"message": message, "finish_reason": secret[:40] if where == "finish_reason" else "stop"}
    return Reply(body=json.dumps({"choices": [choice], "model": secret, "id": secret}).encode())


class TestNothingThatAServerSays:
    @pytest.mark.parametrize(
        "where",
        ["code", "type", "param", "message", "straddling", "x-request-id", "model", "finish_reason", "refusal"],
    )
    @pytest.mark.parametrize(
        ("secret", "query", "settings"),
        [
            (KEY, "", {"api_key": KEY}),
            (KEY, "", {"api_key": lambda: KEY}),
            (base64.b64encode(f"user:{PASSWORD}".encode()).decode(), "", {}),
            ("ab+canary/d99", "?code=ab%2Bcanary%2Fd99", {}),
        ],
        ids=["key", "key of a function", "basic", "decoded query"],
    )
    def test_tells_a_secret(self, client, prompt, run, where, secret, query, settings):
        async def call():
            async with ScriptedServer([a_reply(where, secret)]) as server:
                url = server.url + query
                if not settings and not query:
                    url = url.replace("://", f"://user:{PASSWORD}@")
                async with client(url, "m", **settings) as ours:
                    try:
                        return repr(await ours.generate(prompt))
                    except PostoptError as error:
                        return said_by(error)

        assert secret[:8] not in run(call())


def test_a_secret_of_one_letter_hides_no_common_reason(client, prompt, run):
    async def call():
        async with ScriptedServer(["x"]) as server, client(server.url.replace("://", "://s:t@"), "m") as ours:
            return (await ours.generate(prompt)).finish_reason

    assert run(call()) == "stop"


class TestAFunctionThatGivesTheKey:
    def test_is_asked_for_each_call(self, client, prompt, run):
        keys = iter(["one", "two"])

        async def calls():
            async with ScriptedServer() as server, client(server.url, "m", api_key=lambda: next(keys)) as ours:
                await ours.generate(prompt)
                await ours.generate(prompt)
                return [request.headers["authorization"] for request in server.requests]

        assert run(calls()) == ["Bearer one", "Bearer two"]

    @pytest.mark.parametrize("give", [lambda: f"{KEY}\n", lambda: None, lambda: 1 / 0, lambda: KEY + PASSWORD[99]])
    def test_that_fails_is_an_error_that_tells_nothing(self, client, prompt, run, give):
        async def call():
            async with ScriptedServer() as server, client(server.url, "m", api_key=give) as ours:
                with pytest.raises(AuthenticationError, match=r"api_key\(\) gave no key") as caught:
                    await ours.generate(prompt)
                assert (caught.value.attempts, server.calls) == (0, 0)
                return said_by(caught.value)

        assert KEY not in run(call())


class TestTheProvidersWords:
    @pytest.mark.parametrize("status", [200, 400, 500])
    def test_name_code_and_parameter(self, play, status):
        fault = {"message": "must be at most 2", "code": "invalid_value", "param": "temperature"}
        error = play(Reply(status=status, error=fault))
        assert str(error).endswith(": invalid_value: temperature")

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("IBAN DE89 3704", "your text 'IBAN DE89 3704' is odd"),
            ("Ann Smith,\nage 41,\nHIV positive", "your text: Ann Smith, age 41, HIV positive, is odd"),
            ("Zoë Müller kündigt überall", "your text: Zo\\u00eb M\\u00fcller k\\u00fcndigt"),
            ("x" * 200_000, "any words"),
        ],
    )
    def test_sentences_are_never_quoted(self, play, prompt, asked, said):
        for status in (200, 400, 500):
            error = play(Reply(status=status, error={"message": said}), prompt=replace(prompt, text=asked))
            assert set(str(error).split(": ")[1:]) <= {"status 400", "status 500", "an error in place of an answer"}

    @pytest.mark.parametrize("place", ["code", "type", "param"])
    def test_names_are_not_quoted_where_they_quote_the_prompt(self, play, prompt, place):
        error = play(Reply(status=400, error={"message": "m", place: "no_smith"}), prompt=replace(prompt, text="Smith"))
        assert "smith" not in str(error)


def test_nothing_is_left_open(client, prompt, run):
    async def call():
        async with ScriptedServer() as server:
            ours = client(server.url, "m")
            await ours.generate(prompt)
            del ours

    run(call())
    gc.collect()  # what was left open would warn, and a warning is an error
