"""The score: 100 exactly where nothing measured is better, and honest about what it rests on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engine.catalog import CELLS
from postopt.engine.choice import WEIGHTS, costs
from postopt.engine.records import SIZES, Cell, Timing
from postopt.engine.score import score

NAMES = ("a", "b", "c")
# Whole nanoseconds: costs are then equal or differ by more than rounding does.
bursts = st.lists(st.integers(10, 10_000).map(lambda n: n * 1e-9), min_size=1, max_size=9).map(tuple)
timings = st.builds(lambda wall, size: Timing(wall, wall, size), bursts, st.integers(1, 10**6))
tables = st.dictionaries(
    st.sampled_from(CELLS), st.dictionaries(st.sampled_from(NAMES), timings, min_size=1), min_size=1, max_size=4
)


def constant(seconds):
    return Timing((seconds,) * 5, (seconds,) * 5)


@settings(max_examples=60, deadline=None)
@given(table=tables, data=st.data())
def test_it_is_100_exactly_if_every_choice_is_the_best_measured(table, data):
    chosen = {cell: data.draw(st.sampled_from(sorted(rows))) for cell, rows in table.items()}
    result = score(chosen, table)
    ratios = [min(costs(cell, rows).values()) / costs(cell, rows)[chosen[cell]] for cell, rows in table.items()]
    assert 0 < result.value <= 100
    assert (min(ratios) > 1 - 1e-9) == (result.value > 100 * (1 - 1e-9))
    low, high = result.interval
    assert 0 < low <= result.value <= high <= 100
    assert result == score(chosen, table)
    assert result.measured == len(table)
    assert 0 < result.coverage <= 1


def test_it_is_the_weighted_geometric_mean():
    fast, slow = constant(1e-6), constant(4e-6)
    table = {
        Cell("json", "dumps", 256): {"a": fast, "b": slow},
        Cell("hash", "digest", 256): {"a": fast, "b": constant(2e-6)},
    }
    result = score(dict.fromkeys(table, "b"), table)
    w_json, w_hash = WEIGHTS["json", "dumps"], WEIGHTS["hash", "digest"]
    assert result.value == pytest.approx(
        100 * math.exp((w_json * math.log(1 / 4) + w_hash * math.log(1 / 2)) / (w_json + w_hash))
    )
    assert result.interval == (pytest.approx(result.value), pytest.approx(result.value))


def test_a_slower_choice_changes_it_by_exactly_the_measured_ratio():
    table = {Cell("json", "dumps", size): {"a": constant(1e-6), "b": constant(5e-6)} for size in SIZES}
    best = score(dict.fromkeys(table, "a"), table)
    assert best.value == 100
    assert score(dict.fromkeys(table, "b"), table).value == pytest.approx(20)


def test_size_compares_bytes():
    cell = Cell("compression", "size", 4096)
    table = {cell: {"a": Timing((1e-6,), (1e-6,), 200), "b": Timing((9e-6,), (9e-6,), 100)}}
    assert score({cell: "b"}, table).value == 100
    assert score({cell: "a"}, table).value == pytest.approx(50)
    table[cell]["c"] = Timing((1e-6,), (1e-6,), 104)
    assert score({cell: "c"}, table).value == 100


@pytest.mark.parametrize("chosen", [{}, {CELLS[0]: "a"}], ids=["nothing used", "nothing measured"])
def test_without_measurements_there_is_no_score(chosen):
    result = score(chosen, {})
    assert (result.value, result.interval, result.tier, result.coverage) == (None, None, "unmeasured", 0)


@pytest.mark.parametrize(("ratio", "tier"), [(1.0, "A"), (0.94, "B"), (0.79, "C"), (0.49, "D")])
def test_the_tier_is_that_of_the_lower_end(ratio, tier):
    table = {CELLS[0]: {"a": constant(ratio), "b": constant(1.0)}}
    assert score({CELLS[0]: "b"}, table).tier == tier


def test_noise_widens_the_interval_and_lowers_the_tier():
    wall = (1.0, 1.1, 1.3, 0.7, 1.6, 0.8, 1.2, 1.0, 0.9)
    table = {CELLS[0]: {"a": Timing(wall, wall), "b": Timing(wall[::-1], wall[::-1])}}
    result = score({CELLS[0]: "a"}, table)
    low, high = result.interval
    assert (result.value, high) == (100, 100)
    assert low < 95
    assert result.tier != "A"
