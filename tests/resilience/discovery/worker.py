"""Serves and registers its address until standard input ends: `python worker.py REDIS LEASE_SECONDS`.

What it serves is a line of text with its own address, to whoever connects.
"""

from __future__ import annotations

import asyncio
import sys

from postopt.resilience.remote.registry import Registry


async def main(url: str, lease_seconds: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(f"{address}\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = "127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    registry = Registry(url, "writers", lease_seconds=lease_seconds)
    async with registry.registered(address):
        print(address, flush=True)  # noqa: T201 - the test waits for it
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await registry.aclose()
    print("left", flush=True)  # noqa: T201


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
