"""What surrounds a generator and is one: a cache, and the sharing of calls that are under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postopt.caching.coalescing import Coalescer
from postopt.caching.keys import JSONValue, cache_key
from postopt.caching.near import NearDuplicates, split_prompt
from postopt.caching.tiered import TieredCache
from postopt.generation.base import Generator
from postopt.types import Completion, Prompt, Trace


class Cached:
    """Answers from a cache what was asked before.

    The variant is part of the key: what is kept of a brief is a pool of up to `pool` answers, each for the variant that
    it was the answer to, and never one as "the" answer. Variants from `pool` on are not kept. Prompts that differ in
    anything else that can change the answer never share one (`cache_key`), nor do tenants.

    A hit says so: its tier is "cache", it used no tokens and cost nothing, and `trace.saved_usd` is what the answer had
    cost. So does an answer that another caller was waiting for already.

    Args:
        generator: who is asked what is not there.
        cache: where answers are kept, perhaps beside those of other generators; not closed with this.
        pool: most variants of one prompt that are kept (8 is arbitrary).
        ttl: seconds that an answer is fresh, or None for ever.
        stale_ttl: seconds after that in which it may be served while it is made anew.
        tags: names by which to invalidate all answers of this generator.
        usd_per_second: what it is worth not to wait a second, for the cache to weigh answers that cost time against
            those that cost money (0.0001 is arbitrary).
        extra: what can change the answer and is in no prompt, such as a model's revision; part of every key.
        near: also answers what was asked in other words, as far as its gate lets that pass. Off unless given.
    """

    def __init__(
        self,
        generator: Generator,
        cache: TieredCache,
        *,
        pool: int = 8,
        ttl: float | None = None,
        stale_ttl: float = 0.0,
        tags: tuple[str, ...] = (),
        usd_per_second: float = 0.0001,
        extra: Mapping[str, JSONValue] | None = None,
        near: NearDuplicates[dict[str, Any]] | None = None,
    ) -> None:
        self.name = generator.name
        self._near = near
        self._generator = generator
        self._cache = cache
        self._pool = pool
        self._ttl = ttl
        self._stale_ttl = stale_ttl
        self._tags = tags
        self._usd_per_second = usd_per_second
        self._extra = dict(extra or {})

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer from the cache, or let the generator answer and keep that; raises what the generator raises."""
        if prompt.variant >= self._pool:
            return await self._generator.generate(prompt)
        made: list[Completion] = []

        async def make() -> dict[str, Any]:
            if (similar := self._find_near(prompt)) is not None:
                return similar
            completion = await self._generator.generate(prompt)
            made.append(completion)
            kept = _plain(completion)
            self._add_near(prompt, kept)
            return kept

        def cost_of(kept: dict[str, Any], seconds: float) -> float:
            if not made:  # found in other words, where it will be found again
                return 0.0
            cost: float = kept["cost_usd"]
            return cost + seconds * self._usd_per_second

        kept = await self._cache.get_or_compute(
            cache_key(prompt, generator=self.name, extra=self._extra),
            make,
            ttl=self._ttl,
            stale_ttl=self._stale_ttl,
            # Briefs count from 0, the first in the queue; a cache keeps its highest class longest.
            priority=7 - prompt.brief.priority,
            tags=self._tags,
            cost_of=cost_of,
        )
        return made[0] if made else _from_cache(kept)

    async def aclose(self) -> None:
        """Close the generator, if it can be closed."""
        if aclose := getattr(self._generator, "aclose", None):
            await aclose()

    def _find_near(self, prompt: Prompt) -> dict[str, Any] | None:
        if self._near is None:
            return None
        text, context = split_prompt(prompt, generator=self.name, extra=self._extra)
        match = self._near.find(text, context=context)
        return None if match is None else match.value

    def _add_near(self, prompt: Prompt, kept: dict[str, Any]) -> None:
        if self._near is not None:
            text, context = split_prompt(prompt, generator=self.name, extra=self._extra)
            self._near.add(text, kept, context=context)


class Coalesced:
    """Lets calls with equal prompts that are under way at the same time share one (`Coalescer`).

    Nothing is kept. Whoever gets the answer to another one's call sees that it cost nothing.

    Args:
        generator: who is asked.
        coalescer: shares with other generators that answer alike; one of its own unless given.
    """

    def __init__(self, generator: Generator, coalescer: Coalescer | None = None) -> None:
        self.name = generator.name
        self._generator = generator
        self._coalescer = Coalescer() if coalescer is None else coalescer

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, or wait for the answer that is on its way; raises what the generator raises."""
        made: list[Completion] = []

        async def make() -> Completion:
            completion = await self._generator.generate(prompt)
            made.append(completion)
            return completion

        completion = await self._coalescer.run(cache_key(prompt, generator=self.name), make)
        return completion if made else _from_cache(_plain(completion))

    async def aclose(self) -> None:
        """Close the generator, if it can be closed."""
        if aclose := getattr(self._generator, "aclose", None):
            await aclose()


def _plain(completion: Completion) -> dict[str, Any]:
    """Return what is worth keeping of an answer, in JSON's types."""
    return {
        "text": completion.text,
        "generator": completion.generator,
        "model": completion.trace.model,
        "tier": completion.trace.tier,
        "cost_usd": completion.trace.cost_usd + completion.trace.saved_usd,
        "finish_reason": completion.finish_reason,
        # As text: they may have more digits than JSON holds.
        "index": str(completion.index),
        "seed": None if completion.seed is None else str(completion.seed),
    }


def _from_cache(kept: dict[str, Any]) -> Completion:
    return Completion(
        text=kept["text"],
        generator=kept["generator"],
        trace=Trace(
            tier="cache",
            model=kept["model"],
            saved_usd=kept["cost_usd"],
            notes=(f"kept from tier {kept['tier']}",),
        ),
        finish_reason=kept["finish_reason"],
        index=int(kept["index"]),
        seed=None if kept["seed"] is None else int(kept["seed"]),
    )
