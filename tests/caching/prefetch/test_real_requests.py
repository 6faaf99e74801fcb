"""On real requests: never negative, and most of what can be gained is gained."""

import csv
import lzma

import pytest

from postopt.caching.prefetch import Prefetcher

pytestmark = [pytest.mark.long, pytest.mark.shared_data]


@pytest.fixture(scope="module")
def requests_of():
    def read(folder, name):
        with lzma.open(folder / "traces" / f"{name}.csv.xz", "rt") as file:
            return [(int(row["key"]), row.get("client")) for row in csv.DictReader(file)]

    return read


def replay(cache, requests):
    for key, client in requests:
        cache.ask(key, context=client)
    return cache


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("name", ["apache_web", "lirs_multi3"])
def test_misses_are_never_more_and_money_is_never_lost(name, share, shared_data, requests_of, host):
    requests = requests_of(shared_data, name)
    size = int(share * len({key for key, _ in requests}))
    without, with_it = (replay(host(size, prefetcher), requests) for prefetcher in (None, Prefetcher()))
    assert with_it.misses <= without.misses
    assert with_it.lost <= with_it.saved


@pytest.mark.parametrize(("name", "removed", "precision"), [("apache_web", 0.08, 0.7), ("lirs_multi3", 0.4, 0.9)])
def test_misses_are_removed(name, removed, precision, shared_data, requests_of, host):
    requests = requests_of(shared_data, name)
    size = len({key for key, _ in requests}) // 10
    without, with_it = (replay(host(size, prefetcher), requests) for prefetcher in (None, Prefetcher()))
    assert with_it.misses < (1 - removed) * without.misses
    assert with_it.useful > precision * with_it.issued
