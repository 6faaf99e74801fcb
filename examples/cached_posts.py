"""Write the same posts again tomorrow, and pay for them once: `python examples/cached_posts.py [posts.db]`.

Run it twice with a file: what the first run wrote, the second one finds there (`pip install "postopt[sql]"`).
"""

# ruff: noqa: INP001, T201  # a script, which prints

from __future__ import annotations

import asyncio
import sys

from postopt import Brief, Completion, PostWriter, Prompt, TemplateGenerator, Trace
from postopt.caching import MemoryStore, Store, TieredCache
from postopt.generation.wrappers import Cached


class PricedGenerator:
    """Stands in for a model that takes its time and its price."""

    name = "priced"

    def __init__(self) -> None:
        self._templates = TemplateGenerator(seed=7)

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, for a fifth of a cent."""
        await asyncio.sleep(0.3)
        text = (await self._templates.generate(prompt)).text
        return Completion(text=text, generator=self.name, trace=Trace(tier="remote", model="m1", cost_usd=0.002))


async def write_posts(levels: list[Store]) -> None:
    """Ask for three posts twice, and print what each cost."""
    brief = Brief(topic="Sourdough workshop for beginners", facts={"price": "€42"})
    async with TieredCache(*levels) as cache:
        writer = PostWriter(Cached(PricedGenerator(), cache, ttl=7 * 24 * 3600))
        for _ in range(2):
            for post in await writer.write(brief, n=3):
                trace, first_line = post.trace, post.text.partition("\n")[0]
                print(f"{trace.tier}: cost ${trace.cost_usd:.3f}, saved ${trace.saved_usd:.3f}: {first_line}")
        print(cache.stats())


def main() -> None:
    """Keep posts in memory, and in a file if there is a name of one."""
    levels: list[Store] = [MemoryStore()]
    for path in sys.argv[1:]:
        from postopt.caching.sql import SQLStore  # noqa: PLC0415  # optional

        levels.append(SQLStore(f"sqlite:///{path}"))
    asyncio.run(write_posts(levels))


if __name__ == "__main__":
    main()
