"""Drive `posts_service.py` while its models are killed and restarted: `python examples/load_posts_service.py`.

Starts three scripted models and the service as processes of their own, on loopback, asks for posts at a steady rate,
whatever comes back, and every few seconds ends a model as `kill -9` does and starts it again. At the end it says what
came back, and compares what the answers say they cost with what the models have billed.

    pip install "postopt[openai]" fastapi 'uvicorn[standard]'
    python examples/load_posts_service.py --seconds 60 --rate 500
"""

# ruff: noqa: INP001, T201  # a script, which prints

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

MODELS = 3
PATIENCE = 30.0  # seconds after which something counts as never happening


@dataclass
class Tally:
    """What came back."""

    sent: int = 0
    answered: int = 0
    typed_errors: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0
    seconds: list[float] = field(default_factory=list)
    kills: int = 0


class Model:
    """A scripted model in a process of its own, which writes down what it bills."""

    def __init__(self, bill: Path) -> None:
        self.port = _free_port()
        self._bill = bill
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = ["--port", str(self.port), "--latency", "0.05", "--input-price", "0.15", "--output-price", "0.6"]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "postopt.testing.server", *options, "--bill", str(self._bill), stdout=PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def run(seconds: float, rate: float, *, count: int = 1, kill: bool = True, seed: int = 0) -> dict[str, object]:
    """Drive so many services for so many seconds at so many requests a second in all; return what came of it."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="postopt") as folder:
        bills = [Path(folder, f"bill{number}") for number in range(MODELS)]
        models = [Model(bill) for bill in bills]
        services: list[Process] = []
        try:
            await asyncio.gather(*(model.start() for model in models))
            urls = []
            for _ in range(count):
                service, url = await _start_service(models)
                services.append(service)
                urls.append(url)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                killing = asyncio.create_task(_kill_in_turn(models if kill else [], tally, random.Random(seed)))  # noqa: S311
                await _drive(session, urls, tally, seconds, rate)
                killing.cancel()
                await asyncio.wait({killing})
                spent = sum([await _spent(session, url) for url in urls])
        finally:
            for service in services:
                if service.returncode is None:
                    service.terminate()
                    await service.wait()
            await asyncio.gather(*(model.kill() for model in models))
        billed = sum(float(line) for bill in bills for line in bill.read_text("utf-8").split())
    return _summary(tally, billed=billed, spent=spent)


async def _start_service(models: list[Model]) -> tuple[Process, str]:
    port = _free_port()
    urls = ",".join(f"http://127.0.0.1:{model.port}/v1" for model in models)
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "--app-dir", str(Path(__file__).parent), "posts_service:app"),
        *("--port", str(port), "--log-level", "error", "--no-access-log"),
        env={**os.environ, "POSTS_MODELS": urls, "POSTS_USD_PER_DAY": "1000"},
    )
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + PATIENCE
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/budget"):
                    return service, url
            except aiohttp.ClientConnectionError:
                if time.monotonic() > end or service.returncode is not None:
                    raise
                await asyncio.sleep(0.05)


async def _spent(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(f"{url}/budget") as response:
        spent: float = (await response.json())["spent_today"]
        return spent


async def _drive(session: aiohttp.ClientSession, urls: list[str], tally: Tally, seconds: float, rate: float) -> None:
    """Send requests at their time, whatever became of those before."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as calls:
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
            calls.create_task(_ask(session, urls[number % len(urls)], tally, number))


async def _ask(session: aiohttp.ClientSession, url: str, tally: Tally, number: int) -> None:
    tally.sent += 1
    began = time.monotonic()
    try:
        body = {"topic": f"Fresh bread no. {number}", "facts": {"price": "€3.50"}}
        async with session.post(f"{url}/posts", json=body) as response:
            answer = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        tally.lost[type(error).__name__] += 1
        return
    tally.seconds.append(time.monotonic() - began)
    if response.status == 200 and answer["posts"]:
        tally.answered += 1
        tally.sources[answer["posts"][0]["source"]] += 1
        tally.cost_usd += sum(post["cost_usd"] for post in answer["posts"])
    elif "error" in answer:
        tally.typed_errors[answer["error"]] += 1
        tally.cost_usd += answer["cost_usd"]
    else:
        tally.lost[f"status {response.status}"] += 1


async def _kill_in_turn(models: list[Model], tally: Tally, rng: random.Random) -> None:
    """End a model every second or two, and start it again a moment later."""
    while models:
        for model in models:
            await asyncio.sleep(rng.uniform(0.5, 1.5))
            await model.kill()
            tally.kills += 1
            await asyncio.sleep(rng.uniform(0.2, 1.0))
            await model.start()


def _summary(tally: Tally, *, billed: float, spent: float) -> dict[str, object]:
    took = sorted(tally.seconds)
    return {
        "sent": tally.sent,
        "answered": tally.answered,
        "typed_errors": dict(tally.typed_errors),
        "neither": dict(tally.lost),
        "answered_by": dict(tally.sources),
        "kills": tally.kills,
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p99_ms": round(took[len(took) * 99 // 100] * 1000, 1),
        "max_ms": round(took[-1] * 1000, 1),
        "cost_of_answers_usd": round(tally.cost_usd, 9),
        "billed_by_models_usd": round(billed, 9),
        "spent_by_budget_usd": round(spent, 9),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def main() -> None:
    """Run, and print the figures; exit status 1 if a request was lost, or a bill passed the budget."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    parser.add_argument("--services", type=int, default=1, metavar="N", help="processes of the service, asked in turn")
    parser.add_argument("--steady", action="store_true", help="kill nobody")
    parser.add_argument("--seed", type=int, default=0, help="decides when models are killed")
    chosen = parser.parse_args()
    figures = asyncio.run(
        run(chosen.seconds, chosen.rate, count=chosen.services, kill=not chosen.steady, seed=chosen.seed)
    )
    print(json.dumps(figures, indent=1))
    sys.exit(1 if figures["neither"] or figures["billed_by_models_usd"] > figures["spent_by_budget_usd"] else 0)


if __name__ == "__main__":
    main()
