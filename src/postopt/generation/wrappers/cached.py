"""Answers that were given before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from postopt.caching.base import Key, check_amount, check_tags, check_ttl
from postopt.caching.keys import JSONValue, cache_key
from postopt.caching.near import NearDuplicates, split_prompt
from postopt.caching.tiered import TieredCache
from postopt.clock import Clock
from postopt.errors import CacheValueError, shown
from postopt.generation.base import Generator
from postopt.generation.constraints import violations
from postopt.generation.wrappers.kept import from_cache, may_lead, of_another, plain
from postopt.generation.wrappers.order import Wrapper, call_of
from postopt.types import Completion, Prompt


class Cached(Wrapper):
    """Answers from a cache what was asked before.

    The variant is part of the key: what is kept of a brief is a pool of up to `pool` answers, each for the variant that
    it was the answer to, and never one as "the" answer. Variants from `pool` on are not kept. Prompts that differ in
    anything else that can change the answer never share one (`cache_key`), nor do tenants.

    Only what keeps the brief is kept (`violations`): what a writer would reject is no use the next time either. Nor is
    what templates wrote in place of a model that could not (`Fallback`): it is asked again the next time.

    A hit says so: its tier is "cache", it used no tokens and cost nothing, and `trace.saved_usd` is what the answer had
    cost. So does an answer that another caller was waiting for already. One that is past its `ttl` and served while it
    is made anew, or because that fails, has the source "stale".

    Attributes:
        near_failures: calls of `near` that raised; then it counts as having nothing.

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
        clock: seconds since the epoch, for telling what is stale.
        near: finds what was asked in other words, as far as its gate lets that pass, and the answer to that is taken
            as long as the cache has it. Off unless given.

    Raises:
        CacheValueError: a number is negative, NaN or out of range, or the cache no `TieredCache`.
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
        near: NearDuplicates[Key] | None = None,
        clock: Clock = time.time,
    ) -> None:
        if not isinstance(cache, TieredCache):
            raise CacheValueError(
                f"cache is a {type(cache).__name__}; a TieredCache is needed: TieredCache(MemoryStore())"
            )
        if type(pool) is not int or pool < 1:
            raise CacheValueError(f"pool is {shown(pool)}; an int, at least 1, is needed")
        check_ttl(ttl)
        check_ttl(stale_ttl, "stale_ttl")
        super().__init__(generator)
        self.keeps_deadline = False  # it may wait for somebody else's call, who has more time
        self.near_failures = 0
        self._near = near
        self._clock = clock
        self._call = call_of(generator)
        self._cache = cache
        self._pool = pool
        self._ttl = ttl
        self._stale_ttl = stale_ttl
        self._tags = check_tags(tags)
        self._usd_per_second = check_amount("usd_per_second", usd_per_second)
        self._extra = dict(extra or {})

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer from the cache, or let the generator answer and keep that; raises what the generator raises."""
        if prompt.variant >= self._pool:
            return await self._call(prompt)
        key = cache_key(prompt, generator=self.name, extra=self._extra)
        for first in (True, False):
            made: list[Completion] = []
            led: list[bool] = []
            try:
                kept = await self._ask(prompt, key, made, led)
            except Exception as error:
                if led:
                    raise
                if first and may_lead(error):
                    continue
                raise of_another(error) from error
            if made:
                return made[0]
            try:
                return from_cache(kept, now=self._clock())
            except (AttributeError, LookupError, TypeError, ValueError):  # somebody else's, under our key
                await self._cache.delete(key)
        return await self._call(prompt)

    async def _ask(self, prompt: Prompt, key: Key, made: list[Completion], led: list[bool]) -> Any:
        """Return what the cache has, or what the generator makes: that one is put into `made`, too.

        `led` is filled if it was this call that asked, and not another one that was under way already.
        """

        async def make() -> Any:
            led.append(True)
            if self._near is not None and (similar := await self._find_near(self._near, prompt, key)) is not None:
                return similar
            completion = await self._call(prompt)
            made.append(completion)
            if self._near is not None and _is_good(completion.text, prompt):
                self._add_near(self._near, prompt, key)
            return plain(completion, fresh_until=None if self._ttl is None else self._clock() + self._ttl)

        return await self._cache.get_or_compute(
            key,
            make,
            ttl=self._ttl,
            stale_ttl=self._stale_ttl,
            # Briefs count from 0, the first in the queue; a cache keeps its highest class longest.
            priority=7 - prompt.brief.priority,
            tags=self._tags,
            cost_of=lambda kept, seconds: kept["cost_usd"] + seconds * self._usd_per_second if made else 0.0,
            # What was found in other words will be found there again, for as long as it lives there.
            keep=lambda _: bool(made) and made[0].trace.source != "templates" and _is_good(made[0].text, prompt),
        )

    async def _find_near(self, near: NearDuplicates[Key], prompt: Prompt, key: Key) -> Any:
        """Return what the cache has for the same in other words."""
        try:
            text, context = split_prompt(prompt, generator=self.name, extra=self._extra)
            while (match := near.find(text, context=context)) is not None:
                entry = await self._cache.get(match.value) if match.value != key else None
                if entry is not None:
                    return entry.value
                near.remove(match.text, context=context)  # it has ended, or was deleted
        except Exception:  # noqa: BLE001 - it is there to save money, not to cost an answer
            self.near_failures += 1
        return None

    def _add_near(self, near: NearDuplicates[Key], prompt: Prompt, key: Key) -> None:
        try:
            text, context = split_prompt(prompt, generator=self.name, extra=self._extra)
            near.add(text, key, context=context)
        except Exception:  # noqa: BLE001 - as above
            self.near_failures += 1


def _is_good(text: str, prompt: Prompt) -> bool:
    return bool(text.strip()) and not violations(text, prompt.brief)
