"""Tags by generation: a number for each tag in Redis, which never comes back once it is another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from postopt.caching.remote.batches import Batches, refusal
from postopt.caching.remote.naming import Names
from postopt.caching.remote.resp import ReplyError
from postopt.caching.remote.scripts import NEXT_TOKEN

TAG_SECONDS = 30 * 86_400
"""How long a tag's generation is kept, and so the longest that an entry with tags lives; arbitrary."""

GENERATION_BYTES = 8

_EXPIRY = (b"EX", b"%d" % TAG_SECONDS)


class Generations:
    """The generations of the tags in one namespace.

    An entry carries those that its tags had when it was set, and counts only while they are the same. So a tag is
    invalidated by one write, however many entries have it; and a generation that Redis lost invalidates its entries,
    because the next one is another (`NEXT_TOKEN`).
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    async def of(self, tags: Sequence[str], batches: Batches) -> list[bytes | None]:
        """Return the generation of each tag, or None if it has none."""
        return await asyncio.gather(*(batches.read(self._names.tag(tag)) for tag in tags))

    async def ensure(self, tags: Sequence[str], batches: Batches) -> list[bytes]:
        """Return the generation of each tag; one that has none gets one."""
        found = await self.of(tags, batches)
        return await asyncio.gather(
            *(self._ensure(tag, known, batches) for tag, known in zip(tags, found, strict=True))
        )

    async def renew(self, tag: str, batches: Batches) -> bytes:
        """Give a tag another generation, and return it."""
        fresh = await self._fresh(batches)
        await batches.write((b"SET", self._names.tag(tag), fresh, *_EXPIRY))
        return fresh

    async def _ensure(self, tag: str, known: bytes | None, batches: Batches) -> bytes:
        found: object = known
        if known is None:
            name = self._names.tag(tag)
            # Somebody else may be quicker: then all go by theirs.
            first = (b"SET", name, await self._fresh(batches), *_EXPIRY, b"NX")
            outcome, found = await batches.attempt(first, (b"GET", name))
            if isinstance(outcome, ReplyError):
                raise refusal(outcome) from outcome
        if isinstance(found, bytes) and len(found) == GENERATION_BYTES:
            return found
        return await self.renew(tag, batches)  # what is there is not ours

    async def _fresh(self, batches: Batches) -> bytes:
        [token] = await batches.write((b"EVAL", NEXT_TOKEN, b"1", self._names.counter))
        return int(token).to_bytes(GENERATION_BYTES)
