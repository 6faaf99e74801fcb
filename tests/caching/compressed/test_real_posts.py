"""Real posts, with what their platform says of them: those of 1 KB take a third of their bytes."""

from __future__ import annotations

import csv
import gzip
from random import Random

import pytest

from postopt.caching import Codec, CompressedStore

pytestmark = [pytest.mark.long, pytest.mark.shared_data]


@pytest.fixture(scope="module")
def records_of():
    def read(folder):
        with gzip.open(
            folder / "engagement" / "facebook_pages_2016.csv.gz", "rt", encoding="utf-8", newline=""
        ) as file:
            rows = {row["message"]: row for row in csv.DictReader(file)}
        records = [row for _, row in sorted(rows.items()) if 600 <= size(row) <= 4_000]
        Random(1).shuffle(records)
        return records

    return read


def size(value):
    return len(Codec().plain(value)[1])


# benchmarks/test_cache_compressed.py measures 2.9; zlib's dictionary is an eighth of zstandard's.
@pytest.mark.parametrize(("hides", "least"), [((), 2.7), (("zstandard", "lz4"), 2.2)], ids=["zstandard", "zlib"])
def test_they_take_a_third(shared_data, records_of, hidden, packed, hides, least):
    if not hides:
        pytest.importorskip("zstandard")
    with hidden(*hides):
        store = CompressedStore(start=lambda work: work())
    records = records_of(shared_data)
    for number, record in enumerate(records):
        store.set_nowait(f"{number}", record)
    assert [store.get_nowait(f"{number}") for number in range(len(records))] == records
    later = [number for number in range(len(records) * 4 // 5, len(records)) if 700 <= size(records[number]) <= 1_300]
    ratio = sum(size(records[number]) for number in later) / sum(len(packed(store, f"{number}")) for number in later)
    assert ratio > least
