"""The pairs that come with the package."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import postopt.testing
from postopt.testing.pairs import NearPair, near_pairs


def test_each_line_is_a_pair():
    lines = Path(postopt.testing.__file__).with_name("near_pairs.tsv").read_text("utf-8").splitlines()
    pairs = near_pairs()
    assert len(pairs) == len(lines) - 1 > 2_000
    assert lines[0] == "verdict\tkind\tlanguage\tseed\tfirst\tsecond"
    for line, pair in zip(lines[1:], pairs, strict=True):
        verdict = "same" if pair.same else "different"
        assert line.split("\t") == [verdict, pair.kind, pair.language, pair.seed, pair.first, pair.second]


def test_they_say_what_they_are():
    pairs = near_pairs()
    assert pairs[0] == NearPair(
        same=True,
        kind="light",
        language="en",
        seed="en000",
        first="Write a friendly post about our new sourdough bread, price 3.50 €",
        second="please write a friendly Facebook post on our new sourdough bread (price: €3.50)",
    )
    assert {pair.language for pair in pairs} == {"en", "es", "en es"}
    assert {pair.kind for pair in pairs if pair.same} == {"light", "free", "asked", "fresh"}
    assert min(Counter(pair.same for pair in pairs).values()) >= 300
    assert all(pair.first != pair.second for pair in pairs)
