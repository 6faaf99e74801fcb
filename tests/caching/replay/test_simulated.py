"""ARC and W-TinyLFU against models of them that are slow and plain."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.replay.arc import ARC
from postopt.caching.replay.wtinylfu import WTinyLFU

requests = st.lists(st.integers(0, 12), max_size=120)


def arc(keys, c):  # noqa: C901 - as in the paper: four cases, one after the other
    """Return the hits of ARC(c), by the words of figure 4 of the paper; each list has its LRU page in front."""
    t1, t2, b1, b2, p, hits = [], [], [], [], 0.0, 0

    def replace(x):
        if t1 and ((x in b2 and len(t1) == p) or len(t1) > p):
            b1.append(t1.pop(0))
        else:
            b2.append(t2.pop(0))

    for x in keys:
        if x in t1 or x in t2:  # I
            hits += 1
            (t1 if x in t1 else t2).remove(x)
        elif x in b1:  # II
            p = min(p + max(1, len(b2) / len(b1)), c)
            replace(x)
            b1.remove(x)
        elif x in b2:  # III
            p = max(p - max(1, len(b1) / len(b2)), 0)
            replace(x)
            b2.remove(x)
        else:  # IV
            if len(t1) + len(b1) == c:
                if len(t1) < c:
                    b1.pop(0)
                    replace(x)
                else:
                    t1.pop(0)
            elif len(t1) + len(t2) + len(b1) + len(b2) >= c:
                if len(t1) + len(t2) + len(b1) + len(b2) == 2 * c:
                    b2.pop(0)
                replace(x)
            t1.append(x)
            continue
        t2.append(x)
    return hits


class TestARC:
    @given(requests, st.integers(1, 8))
    def test_it_is_what_the_paper_says(self, keys, entries):
        assert ARC(entries).hits(keys) == arc(keys, entries)

    def test_a_scan_does_not_sweep_out_what_is_used_again_and_again(self):
        keys = [*range(5)] * 4 + [*range(100, 200)] + [*range(5)]
        assert ARC(10).hits(keys) == 15 + 5

    @given(requests, st.integers(1, 8))
    def test_it_holds_no_more_than_it_may(self, keys, entries):
        cache = ARC(entries)
        for key in keys:
            cache.hits([key])
            assert len(cache._recent) + len(cache._frequent) <= entries
            assert len(cache._left_recent) + len(cache._left_frequent) <= entries


def w_tinylfu(keys, entries):
    """Return the hits of W-TinyLFU with a window of one entry (1 % of fewer than 200), oldest in front."""
    window, probation, protected, uses, since, hits = [], [], [], {}, 0, 0
    for key in keys:
        uses[key] = min(uses.get(key, 0) + 1, 15)
        since += 1
        if since >= 10 * entries:
            uses = {one: times // 2 for one, times in uses.items()}
            since //= 2
        if key in window + probation + protected:
            hits += 1
            if key in window:
                continue
            (probation if key in probation else protected).remove(key)
            protected.append(key)
            if len(protected) > int(0.8 * (entries - 1)):
                probation.append(protected.pop(0))
            continue
        window.append(key)
        if len(window) == 1:
            continue
        candidate = window.pop(0)
        if 1 + len(probation) + len(protected) < entries:
            probation.append(candidate)
            continue
        main = probation or protected
        if main and uses.get(candidate, 0) > uses.get(main[0], 0):
            main.pop(0)
            probation.append(candidate)
    return hits


def draws(seed, count, keys):
    """Return requests of which few keys get most."""
    draw = Random(seed)
    return [int(keys * draw.random() ** 3) for _ in range(count)]


class TestWTinyLFU:
    @given(requests, st.integers(1, 9))
    def test_it_is_what_the_paper_says(self, keys, entries):
        assert WTinyLFU(entries, climbing=False).hits(keys) == w_tinylfu(keys, entries)

    @pytest.mark.parametrize("entries", [1, 2, 10, 60, 199])
    def test_also_for_long(self, entries):
        keys = draws(entries, 5_000, 700)
        assert WTinyLFU(entries, climbing=False).hits(keys) == w_tinylfu(keys, entries)

    @given(requests, st.integers(1, 9), st.booleans())
    def test_it_holds_no_more_than_it_may(self, keys, entries, climbing):
        cache = WTinyLFU(entries, climbing=climbing)
        for key in keys * 3:
            cache.hits([key])
            assert len(cache._window) + len(cache._probation) + len(cache._protected) <= entries
            assert 1 <= cache._window_size <= max(1, 0.8 * entries)

    def test_the_window_grows_where_what_was_asked_for_last_comes_next(self):
        draw = Random(1)
        keys = [max(0, number - int(draw.expovariate(1 / 40))) for number in range(60_000)]
        fixed, climbing = WTinyLFU(100, climbing=False), WTinyLFU(100, climbing=True)
        assert climbing.hits(keys) > 1.2 * fixed.hits(keys)
        assert climbing._window_size > 30

    def test_and_shrinks_where_it_does_not(self):
        keys = draws(2, 60_000, 1_000)
        climbing = WTinyLFU(100, climbing=True)
        assert climbing.hits(keys) > 0.9 * WTinyLFU(100, climbing=False).hits(keys)
