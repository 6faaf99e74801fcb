"""A budget's sums in Redis, for any number of processes and machines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from postopt._checks import check_name, check_positive
from postopt.errors import LedgerError, ShedError
from postopt.resilience.bulkhead import Bulkhead
from postopt.resilience.ledger import Limits, Sums
from postopt.resilience.remote.redis import LoopClients, RedisError, shown_url

_CONNECTIONS = 16
"""Most connections of a ledger, in all its event loops (arbitrary): a command takes 0.1 ms of one."""

# Differences stay where Lua's numbers are exact; a sum may be one too large for them and pass for the limit. A number
# begins with the time, so that a Redis that has lost its data gives none that it gave before.
_RESERVE = """
local found = redis.call('HMGET', KEYS[1], 'spent:' .. ARGV[1], 'held:' .. ARGV[1], 'spent', 'held', 'number')
local sums = {}
for i = 1, 5 do sums[i] = tonumber(found[i] or '0') end
local amount = tonumber(ARGV[2])
if (ARGV[3] ~= '' and amount > tonumber(ARGV[3]) - sums[1] - sums[2])
        or (ARGV[4] ~= '' and amount > tonumber(ARGV[4]) - sums[3] - sums[4]) then
    return {0, found[1] or '0', found[2] or '0', found[3] or '0', found[4] or '0'}
end
local now = redis.call('TIME')
local number = string.format('%.0f', math.max(tonumber(now[1]) * 1000000 + tonumber(now[2]), sums[5] + 1))
redis.call('HSET', KEYS[1], 'number', number)
redis.call('HINCRBY', KEYS[1], 'held:' .. ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'held', ARGV[2])
redis.call('HSET', KEYS[2], number, ARGV[1] .. ':' .. ARGV[2])
return {1, number}
"""
_SETTLE = """
local held = redis.call('HGET', KEYS[2], ARGV[1])
if not held then return 0 end
local day, amount = string.match(held, '^(-?%d+):(%d+)$')
if amount ~= '0' then
    redis.call('HINCRBY', KEYS[1], 'held:' .. day, '-' .. amount)
    redis.call('HINCRBY', KEYS[1], 'held', '-' .. amount)
end
redis.call('HINCRBY', KEYS[1], 'spent:' .. day, ARGV[2])
redis.call('HINCRBY', KEYS[1], 'spent', ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
"""
_READ = """
local found = redis.call('HMGET', KEYS[1], 'spent:' .. ARGV[1], 'held:' .. ARGV[1], 'spent', 'held')
return {found[1] or '0', found[2] or '0', found[3] or '0', found[4] or '0'}
"""


class _Places(Bulkhead):
    """Places that the callers' deadlines do not concern: what is settled late counts as well."""

    def _longest_wait(self) -> float:
        return self._max_wait


class RedisLedger:
    """A `Ledger` in Redis 6 or newer: each call is one script, which Redis runs by itself.

    The day is the caller's, as with every ledger, so that clocks that differ can at worst count a call for the day
    before or after; no day's sum passes the limit. A reservation whose process dies stays in the hash
    "postopt:budget:{name}:held".

    What Redis forgets is spent again: use one that keeps its data on disk (appendonly yes) and evicts none
    (maxmemory-policy noeviction). Without persistence a restart begins every budget anew.

    Args:
        url: "redis://host:6379/0", "rediss://..." or "unix:///path".
        budget: which budget's sums.
        seconds: after which a call is given up, its wait for a connection included (0.5 is arbitrary).

    Raises:
        ValueError: an argument is none of its kind.
    """

    def __init__(self, url: str, *, budget: str = "default", seconds: float = 0.5) -> None:
        name = check_name("budget", budget)
        self._where = shown_url(url)
        self._seconds = check_positive("seconds", seconds, "seconds")
        self._clients = LoopClients(url, seconds=self._seconds)
        # The braces keep both on one node of a cluster.
        self._keys = [f"postopt:budget:{{{name}}}", f"postopt:budget:{{{name}}}:held"]
        self._connections = _Places(_CONNECTIONS, max_waiting=1_000_000)

    async def reserve(self, day: int, amount: int, limits: Limits) -> int | Sums:
        """Hold an amount and return its number, or return the sums that leave no room for it."""
        most = ["" if limit is None else limit for limit in (limits.day, limits.total)]
        done, *answer = await self._run(_RESERVE, [day, amount, *most])
        return int(answer[0]) if done else _sums(answer)

    async def settle(self, number: int, spent: int) -> None:
        """Let go of what is held under this number and count `spent` instead, once however often it is called."""
        await self._run(_SETTLE, [number, spent])

    async def sums(self, day: int) -> Sums:
        """Return what is spent and held."""
        return _sums(await self._run(_READ, [day]))

    async def aclose(self) -> None:
        """Close the running loop's connections; the next call opens others."""
        await self._clients.aclose()

    async def _run(self, script: str, arguments: Sequence[int | str]) -> Any:  # Any: what a script returns
        try:
            async with asyncio.timeout(self._seconds), self._connections:
                return await self._clients.here().register_script(script)(self._keys, arguments)
        except (RedisError, OSError, ShedError) as error:  # a TimeoutError is an OSError
            raise LedgerError(
                f"the budget's sums at {self._where} cannot be reached: {type(error).__name__}",
                hint="nothing is spent until they can be",
            ) from error


def _sums(found: Sequence[bytes | str]) -> Sums:
    day_spent, day_held, total_spent, total_held = map(int, found)
    return Sums(day_spent=day_spent, day_held=day_held, total_spent=total_spent, total_held=total_held)
