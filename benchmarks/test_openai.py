"""What a call of a remote model costs this process, against what else could make it.

    python benchmarks/test_openai.py

The server is another process, so that `time.process_time` sees only the client: sockets, HTTP, JSON, and what stands
around them. 64 calls are in flight at a time, each for a post of some 100 characters with a prompt of some 1,000; each
client makes a round of 1,024 calls in turn, and the medians of the rounds are shown. Raw: aiohttp with a body made
beforehand and `json.loads`, nothing checked. Ours is the whole of `OpenAIGenerator.generate`: prompt from brief, limits
by phase, checks, costs; also with orjson, and as a stream of 8 events.
httpx and openai take part where they are installed. Times are CPU per call; ratios are to raw aiohttp.
"""

import asyncio
import importlib.metadata
import json
import platform
import subprocess
import sys
from statistics import median
from time import process_time

import aiohttp

from postopt import Brief
from postopt.generation.openai import OpenAIGenerator
from postopt.generation.prompt import render
from postopt.resilience.price import Price
from postopt.types import Prompt

CALLS = 1024
IN_FLIGHT = 64
ROUNDS = 7
PRICE = Price(input=0.15, output=0.6)
BRIEF = Brief(
    topic="a bakery that opens at five",
    audience="early risers",
    call_to_action="come by before work",
    facts={"price": "$3.50", "street": "12 Mill Lane", "opening": "from 5 a.m."},
    forbidden=("cheap", "best"),
)
PROMPT = Prompt(brief=BRIEF)
SYSTEM, USER = render(PROMPT)
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]


async def in_flight(call):
    """Return CPU seconds per call."""
    left = CALLS

    async def work():
        nonlocal left
        while left:
            left -= 1
            await call()

    start = process_time()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return (process_time() - start) / CALLS


def raw(url):
    body = json.dumps({"model": "m", "messages": MESSAGES, "max_tokens": 1024}).encode()
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))

    async def call():
        async with session.post(f"{url}/chat/completions", data=body) as response:
            return json.loads(await response.read())["choices"][0]["message"]["content"]

    return call, session.close


def ours(url, **settings):
    generator = OpenAIGenerator(url, "m", price=PRICE, api_key="sk-test", **settings)
    return lambda: generator.generate(PROMPT), generator.aclose


def with_httpx(url):
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=100))
    body = {"model": "m", "messages": MESSAGES, "max_tokens": 1024}

    async def call():
        response = await client.post(f"{url}/chat/completions", json=body)
        return response.json()["choices"][0]["message"]["content"]

    return call, client.aclose


def with_openai(url):
    import openai

    client = openai.AsyncOpenAI(base_url=url, api_key="sk-test", max_retries=0)
    return lambda: client.chat.completions.create(model="m", messages=MESSAGES, max_tokens=1024), client.close


def with_orjson(url):
    from postopt.backends.orjson import JSON

    return ours(url, json=JSON)


def clients(url):
    makers = {
        "aiohttp, raw": raw,
        "OpenAIGenerator": ours,
        "OpenAIGenerator, orjson": with_orjson,
        "OpenAIGenerator, streamed": lambda url: ours(url, stream=True),
        "httpx": with_httpx,
        "openai": with_openai,
    }
    for name, make in makers.items():
        try:
            yield name, *make(url)
        except ImportError:
            print(f"{name}: not installed")


async def compare(url):
    found = list(clients(url))
    seconds = {name: [] for name, *_ in found}
    for _, call, _ in found:
        await in_flight(call)  # connections, caches
    for number in range(ROUNDS):
        for name, call, _ in found if number % 2 else reversed(found):
            seconds[name].append(await in_flight(call))
    for _, _, close in found:
        await close()
    return seconds


def test_client_cpu_per_call():
    command = [sys.executable, "-m", "postopt.testing.server"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        seconds = asyncio.run(compare(server.stdout.readline().strip()))
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    print(f"\n{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    for name in ("aiohttp", "httpx", "openai", "orjson"):
        try:
            print(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue
    base = median(seconds["aiohttp, raw"])
    print(f"CPU per call, {IN_FLIGHT} in flight, median of {ROUNDS} rounds of {CALLS}")
    for name, rounds in seconds.items():
        print(f"  {name:27} {median(rounds) * 1e3:6.3f} ms  {median(rounds) / base:5.1f}x")


if __name__ == "__main__":
    test_client_cpu_per_call()
