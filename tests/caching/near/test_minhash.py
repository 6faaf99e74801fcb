"""Signatures: pinned, and as good as the formula says."""

import random

from postopt.caching.minhash import BANDS, ROWS, bands, sign


def test_a_signature_is_pinned():
    assert sign({"bread"})[:3] == (420683511, 1324685200, 3522704103)
    assert len(sign({"bread"})) == BANDS * ROWS
    assert sign({"bread", "cake"}) == tuple(map(min, sign({"bread"}), sign({"cake"})))


def test_equal_sets_share_every_band_and_buckets_none():
    members = {f"word {number}" for number in range(30)}
    assert bands(sign(members), b"a") == bands(sign(set(members)), b"a")
    assert not set(bands(sign(members), b"a")) & set(bands(sign(members), b"b"))


def test_the_share_of_pairs_found_is_what_the_formula_says():
    draw = random.Random(7)
    for similarity, low, high in ((0.8, 0.82, 0.94), (0.5, 0.16, 0.31)):
        found = 0
        for trial in range(400):
            common = [f"{trial} {draw.random()}" for _ in range(round(40 * similarity))]
            only = [[f"{trial} {draw.random()}" for _ in range((40 - len(common)) // 2)] for _ in range(2)]
            first, second = (set(bands(sign({*common, *own}), b"")) for own in only)
            found += bool(first & second)
        assert low < found / 400 < high  # 1 - (1 - s**4)**4, give or take three standard errors
