"""The client against the scripted server, in one loop; skipped where aiohttp is absent."""

from __future__ import annotations

import asyncio

import pytest

from postopt.errors import PostoptError
from postopt.testing.server import ScriptedServer
from postopt.types import Brief, Prompt

PATIENCE = 30.0


@pytest.fixture
def prompt():
    return Prompt(brief=Brief(topic="fresh bread", facts={"price": "$3.50"}), text="Sell fresh bread for $3.50.")


@pytest.fixture
def client():
    """The class under test."""
    pytest.importorskip("aiohttp", reason="the client stands on aiohttp")
    from postopt.generation.openai import OpenAIGenerator

    return OpenAIGenerator


@pytest.fixture
def run():
    """Run a coroutine to its end, which it has to have."""

    def run(coroutine):
        async def within_patience():
            async with asyncio.timeout(PATIENCE):
                return await coroutine

        return asyncio.run(within_patience())

    return run


@pytest.fixture
def eventually():
    """Wait, without a clock, until something holds."""

    async def eventually(holds):
        while not holds():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)

    return eventually


@pytest.fixture
def play(client, prompt, run):
    """Ask a server with that script, and return what each call ended with: one, or the list of several."""

    def play(*script, server=None, prompt=prompt, **settings):
        async def calls():
            async with (
                ScriptedServer(script, **(server or {})) as scripted,
                client(scripted.url, "m", **settings) as ours,
            ):
                return [await _end_of(ours.generate(prompt)) for _ in script]

        ends = run(calls())
        return ends[0] if len(ends) == 1 else ends

    return play


async def _end_of(call):
    try:
        return await call
    except PostoptError as error:
        return error
