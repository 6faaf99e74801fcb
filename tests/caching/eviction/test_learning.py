"""What the default policy makes of requests of known kinds, beside LRU."""

from __future__ import annotations

import pytest

from postopt.caching.eviction import GDSF, LRU, Density
from postopt.caching.memory import MemoryStore

pytestmark = pytest.mark.long

REQUESTS = 20_000


class Unguarded(Density):
    """Never follows LRU."""

    def _guard(self):
        pass


@pytest.fixture
def hits(replay):
    """Return the hits of a policy in a store of so many entries."""
    return lambda policy, keys, entries: replay(MemoryStore(max_bytes=entries, policy=policy), keys)


class TestRecency:
    """Requests by the LRU stack model: nothing is better than LRU where short distances are the likeliest."""

    @pytest.mark.parametrize("seed", [1, 2])
    @pytest.mark.parametrize("entries", [60, 200, 400])
    def test_it_is_at_most_one_percent_below_lru(self, hits, lru_stack, seed, entries):
        for depth in (lambda draw: draw.expovariate(1 / 150), lambda draw: 10 * draw.paretovariate(0.8) - 10):
            keys = lru_stack(REQUESTS, seed=seed, depth=depth)
            assert hits(Density(), keys, entries) >= 0.99 * hits(LRU(), keys, entries)

    def test_the_guard_finds_out_where_the_policy_is_wrong(self, hits, lru_stack):
        """Keys come back just before LRU would let them go: the worst case for whoever draws at random."""
        keys = lru_stack(REQUESTS, seed=1, depth=lambda draw: abs(draw.gauss(150, 40)), fresh=0.3)
        lru = hits(LRU(), keys, 200)
        assert hits(Unguarded(), keys, 200) < 0.95 * lru
        guarded = Density()
        assert hits(guarded, keys, 200) > 0.98 * lru
        assert guarded._patience > 16  # it was needed

    def test_the_guard_lets_go_when_the_requests_change(self, replay, hits, lru_stack, zipf):
        policy = Density()
        one = MemoryStore(max_bytes=200, policy=policy)
        replay(one, lru_stack(REQUESTS, seed=1, depth=lambda draw: abs(draw.gauss(150, 40)), fresh=0.3))
        popular = [("popular", key) for key in zipf(REQUESTS, seed=2)]
        replay(one, popular[: REQUESTS // 2])
        assert replay(one, popular[REQUESTS // 2 :]) > 0.97 * hits(Density(), popular[REQUESTS // 2 :], 200)
        assert not policy._recency


class TestOthers:
    def test_a_loop_larger_than_the_store(self, hits):
        """LRU hits nothing; who keeps what is there, half of it here."""
        keys = [number % 400 for number in range(REQUESTS)]
        assert hits(LRU(), keys, 200) == 0
        assert hits(Density(), keys, 200) > 0.9 * REQUESTS * 200 / 400

    def test_popular_keys(self, hits, zipf):
        keys = zipf(REQUESTS, seed=1)
        assert hits(Density(), keys, 300) > 1.2 * hits(LRU(), keys, 300)

    def test_a_scan_takes_little_with_it(self, hits, zipf):
        keys = zipf(REQUESTS, seed=1)
        scanned = []
        for begin in range(0, REQUESTS, 4_000):
            scanned += keys[begin : begin + 4_000]
            scanned += [("once", begin, number) for number in range(2_000)]
        found = hits(Density(), scanned, 300)
        assert found > 0.96 * hits(Density(), keys, 300)
        assert found > 1.2 * hits(LRU(), scanned, 300)

    def test_what_was_popular_makes_room(self, replay, hits, zipf):
        one = MemoryStore(max_bytes=300)
        replay(one, zipf(REQUESTS // 2, seed=1))
        after = [("after", key) for key in zipf(REQUESTS // 2, seed=2)]
        assert replay(one, after) > 0.9 * hits(Density(), after, 300)


class TestSavings:
    def test_with_costs_and_weights_that_differ_it_saves_more_than_lru_and_gdsf(self, zipf):
        keys = zipf(REQUESTS, seed=3)
        saved = {}
        for policy in (Density, LRU, GDSF):
            store = MemoryStore(max_bytes=100_000, policy=policy())
            saved[policy] = 0.0
            for key in keys:
                cost = (1.0, 1.0, 1.0, 5.0, 40.0)[key % 5]
                if store.get_nowait(key) is None:
                    store.set_nowait(key, "value", weight=500 + key % 7 * 100, cost=cost)
                else:
                    saved[policy] += cost
        assert saved[Density] > 1.3 * saved[LRU]
        assert saved[Density] > saved[GDSF]
