"""The example of a service, driven by a real client over real connections, while its models are killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from postopt.testing.server import Reply, ScriptedServer

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 60.0
"""Seconds after which something counts as never happening."""

for library in ("aiohttp", "fastapi", "uvicorn"):
    pytest.importorskip(library, reason=f"the example needs {library}")


@contextmanager
def service(*urls):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--app-dir", EXAMPLES, "posts_service:app", "--port", str(port)],
        env={**os.environ, "POSTS_MODELS": ",".join(urls)},
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                assert time.monotonic() < end
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def call(url, brief=None):
    """Return status and answer, over a connection of its own."""
    data = None if brief is None else json.dumps(brief).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


BRIEF = {"topic": "Fresh bread", "facts": {"price": "€3.50"}}


@pytest.mark.long
def test_posts_come_from_the_model_and_from_templates_when_it_has_gone():
    refusal = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    script = ["Bread for €3.50!", Reply(body=json.dumps(refusal).encode())]
    with ScriptedServer(script) as model, service(model.url) as url:
        status, answer = call(f"{url}/posts", BRIEF)
        assert (status, answer["posts"][0]["text"]) == (200, "Bread for €3.50!")
        assert answer["posts"][0]["source"] == "primary"
        status, answer = call(f"{url}/posts", {**BRIEF, "topic": "Old bread"})
        assert (status, answer["error"]) == (422, "RefusedError")
        status, answer = call(f"{url}/posts", {"topic": "Bread", "tone": "loud"})
        assert status == 422
        assert "professional, urgent" in json.dumps(answer)
        model.refuse()
        model.drop()
        status, answer = call(f"{url}/posts?n=3", BRIEF)
        assert status == 200
        assert [post["source"] for post in answer["posts"]] == ["templates"] * 3
        assert all("€3.50" in post["text"] for post in answer["posts"])
        assert call(f"{url}/budget")[1]["spent_today"] > 0


@pytest.mark.long
def test_what_cannot_be_used_is_a_typed_error():
    with ScriptedServer() as model, service(model.url) as url:
        for query in ("n=0", "n=-1", "n=21", "n=200000", "n=x"):
            status, answer = call(f"{url}/posts?{query}", BRIEF)
            assert (status, answer["error"], answer["cost_usd"], answer["unsettled_usd"]) == (422, "ValueError", 0, 0)
            assert "query: n: " in answer["message"]
        for wrong in ({"budget": float("nan")}, {"budget": -1}, {"tone": "loud"}, {"facts": {"price": 3.5}}):
            status, answer = call(f"{url}/posts", {**BRIEF, **wrong})
            assert (status, answer["error"]) == (422, "ValueError")
            assert next(iter(wrong)) in answer["message"]
        assert model.calls == 0
        assert call(f"{url}/posts", BRIEF)[1]["posts"][0]["unsettled_usd"] == 0


def load(*options):
    arguments = [sys.executable, str(EXAMPLES / "load_posts_service.py"), "--seconds", "4", "--rate", "50", *options]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=10 * PATIENCE)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.mark.long
def test_under_load_answers_cost_to_the_cent_what_the_models_bill():
    figures = load("--steady")
    assert (figures["answered"], figures["typed_errors"], figures["neither"]) == (200, {}, {})
    assert figures["cost_of_answers_usd"] == figures["billed_by_models_usd"] > 0


@pytest.mark.long
def test_while_models_are_killed_nobody_is_left_without_an_answer_and_the_budget_counts_all_that_is_billed():
    figures = load()
    assert figures["kills"] > 0
    assert figures["answered"] + sum(figures["typed_errors"].values()) == figures["sent"] == 200
    assert figures["billed_by_models_usd"] <= figures["spent_by_budget_usd"]
    assert figures["cost_of_answers_usd"] <= figures["spent_by_budget_usd"]
