"""How many misses a prefetcher removes from real requests, what it wastes, and how long it takes.

    python benchmarks/test_cache_prefetch.py [trace ...]

Replays whole traces (those of docs/design/0009, if they lie beside the checkout) through an LRU cache of 1 % and 10 %
of the keys. What was asked for and missed is put in, and so is what the prefetcher says; both cost one fetch.

A key that was fetched ahead is useful if somebody asks for it while it is in the cache, and wasted if it leaves, or the
trace ends, before. Precision is useful of all fetched ahead. Removed is 1 - misses with / misses without, so a useful
entry that was pushed out by a wasted one counts against it; "new" is the share of the misses that are first requests
of a key, which nothing that knows only keys can remove. The money columns repeat the replay with costs that differ from
key to key (Pareto, exponent 1.2): what misses cost less than without, and what useless fetches cost of what useful ones
saved. The last column is the processor time of `observe`, two readings of the clock included.

Where a trace names clients, it is replayed with and without them. A second table asks how far it depends on LRU.
"""

import csv
import lzma
import platform
import random
import sys
from pathlib import Path
from time import thread_time_ns

from cachetools import FIFOCache, LFUCache, LRUCache

from postopt.caching.prefetch import Prefetcher

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"
SHARES = (0.01, 0.1)


def read(name):
    """Return keys and clients (or Nones) of a trace."""
    with lzma.open(TRACES / f"{name}.csv.xz", "rt") as file:
        rows = csv.reader(file)
        header = next(rows)
        key, client = header.index("key"), header.index("client") if "client" in header else None
        pairs = [(int(row[key]), None if client is None else row[client]) for row in rows]
    return [key for key, _ in pairs], [client for _, client in pairs]


class Replay:
    """Requests through a cache, with or without a prefetcher, counted from outside."""

    def __init__(self, requests, cache, prefetcher=None, cost_of=None):
        self.misses = self.issued = self.useful = 0
        self.missed = self.spent = self.saved = 0.0
        self.nanoseconds = 0
        ahead = set()
        for key, client in requests:
            cost = cost_of(key) if cost_of else 1.0
            hit = key in cache
            if hit:
                cache[key]  # what the policy has to know
                if key in ahead:
                    self.useful += 1
                    self.saved += cost
            else:
                self.misses += 1
                self.missed += cost
                cache[key] = True
            ahead.discard(key)
            if prefetcher is None:
                continue
            start = thread_time_ns()
            wanted = prefetcher.observe(key, hit=hit, resident=cache, cost=cost, context=client, now=0.0)
            self.nanoseconds += thread_time_ns() - start
            for other in wanted:
                assert other != key
                assert other not in cache
                self.issued += 1
                self.spent += cost_of(other) if cost_of else 1.0
                cache[other] = True
                ahead.add(other)

    @property
    def precision(self):
        return self.useful / self.issued if self.issued else float("nan")


def pareto(key):
    return random.Random(key).paretovariate(1.2)


def replay_all(name):
    keys, clients = read(name)
    unique = len(set(keys))
    prices = {key: pareto(key) for key in set(keys)}
    for with_clients in sorted({False, clients[0] is not None}):
        label = name + (" by client" if with_clients else "")
        requests = list(zip(keys, clients if with_clients else [None] * len(keys), strict=True))
        for share in SHARES:
            size = int(share * unique)
            without = Replay(requests, LRUCache(size))
            mine = Replay(requests, LRUCache(size), Prefetcher())
            dear = Replay(requests, LRUCache(size), cost_of=prices.get)
            mine_dear = Replay(requests, LRUCache(size), Prefetcher(), cost_of=prices.get)
            wasted = mine_dear.spent - mine_dear.saved
            yield (
                f"{label:32}{share:>5.0%}{without.misses / len(keys):8.3f}{unique / without.misses:7.2f}"
                f"{1 - mine.misses / without.misses:10.2%}{mine.precision:7.2f}{mine.issued:9,}"
                f"{mine.issued - mine.useful:8,}{1 - mine_dear.missed / dear.missed:10.2%}"
                f"{wasted / mine_dear.saved if mine_dear.saved else float('nan'):8.2f}"
                f"{mine.nanoseconds / len(keys) / 1000:7.1f}"
            )


def other_policies(name, limit=60_000):
    keys, clients = read(name)
    requests = list(zip(keys, clients, strict=True))[:limit]
    unique = len({key for key, _ in requests})
    for share in SHARES:
        cells = []
        for policy in (LRUCache, FIFOCache, LFUCache):
            without = Replay(requests, policy(int(share * unique)))
            mine = Replay(requests, policy(int(share * unique)), Prefetcher())
            cells.append(f"{1 - mine.misses / without.misses:10.2%}{mine.precision:6.2f}")
        yield f"{name:32}{share:>5.0%}" + "".join(cells)


def names():
    found = sorted(path.name.removesuffix(".csv.xz") for path in TRACES.glob("*.csv.xz"))
    return [name for name in sys.argv[1:] or found if name in found and name != "azure_llm_conv"]  # it has no keys


def test_prefetch():
    if not TRACES.is_dir():
        print(f"\n{TRACES} is not there")
        return
    print(f"\nPython {platform.python_version()}, LRU")
    print(f"{'trace':32}{'size':>5}{'misses':>8}{'new':>7}{'removed':>10}{'prec.':>7}", end="")
    print(f"{'fetched':>9}{'wasted':>8}{'cost less':>10}{'waste':>8}{'us':>7}")
    for name in names():
        for row in replay_all(name):
            print(row, flush=True)


def test_other_policies():
    if not TRACES.is_dir():
        return
    print(f"\nfirst 60,000 requests; removed and precision with each policy\n{'trace':32}{'size':>5}", end="")
    print("".join(f"{name:>16}" for name in ("LRU", "FIFO", "LFU")))
    for name in names():
        for row in other_policies(name):
            print(row, flush=True)


if __name__ == "__main__":
    test_prefetch()
    test_other_policies()
