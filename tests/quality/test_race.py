"""Which table is chosen, by a scripted clock."""

import sys
import types

import pytest

from postopt.quality.counting.race import sooner
from postopt.quality.counting.table import Scanned, TokenTable
from postopt.quality.features import FeatureSet


class Compiled(TokenTable):
    """Stands in for compiled code; finds what the other finds."""


class Wrong(TokenTable):
    def read(self, texts):
        numbers, lengths, distinct = super().read(texts)
        return Scanned(numbers, lengths, distinct + 1)


def with_compiled(monkeypatch, table):
    module = types.ModuleType("postopt.quality.counting.numba")
    module.NumbaTable = table
    monkeypatch.setitem(sys.modules, "postopt.quality.counting.numba", module)


def clock_of(*durations):
    times = iter([time for duration in durations for time in (0.0, duration)])
    return lambda: next(times)


@pytest.mark.parametrize(
    ("durations", "chosen"),
    [
        ((1, 2, 1, 2, 1, 2), Compiled),
        ((1, 2, 9, 2, 1, 2), Compiled),  # one slow round
        ((2, 1, 2, 1, 2, 1), TokenTable),
        ((0.95, 1, 0.95, 1, 0.95, 1), TokenTable),  # not worth it
        ((0, 0, 0, 0, 0, 0), Compiled),  # a clock too coarse to tell
    ],
)
def test_compiled_code_is_taken_where_it_is_a_tenth_sooner(monkeypatch, durations, chosen):
    with_compiled(monkeypatch, Compiled)
    assert sooner(["The cat", "el gato 👍"], rounds=3, clock=clock_of(*durations)) is chosen


def test_compiled_code_that_finds_other_tokens_is_not_taken(monkeypatch):
    with_compiled(monkeypatch, Wrong)
    assert sooner(["The cat"], clock=clock_of()) is TokenTable


def test_without_numba_nothing_is_measured(monkeypatch):
    monkeypatch.delitem(sys.modules, "postopt.quality.counting.numba", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert sooner(["The cat"], clock=clock_of()) is TokenTable


def test_refuses_no_rounds():
    with pytest.raises(ValueError, match="rounds is 0"):
        sooner(["a"], rounds=0)


class TestRaceOfAFeatureSet:
    def test_reads_by_the_winner_from_then_on(self, monkeypatch):
        monkeypatch.setattr("postopt.quality.features.sooner", lambda texts: Compiled)
        built = []
        monkeypatch.setattr(Compiled, "__init__", lambda self: (built.append(self), TokenTable.__init__(self))[1])
        features = FeatureSet()
        before = features.one("The cat")
        features.race(["The cat"])
        assert features.one("The cat") == before
        assert len(built) == 1
        features.many(["a cat", "the dog"])
        assert len(built) == 1

    def test_a_scan_that_was_given_stays(self, monkeypatch):
        monkeypatch.setattr("postopt.quality.features.sooner", lambda texts: pytest.fail("measured"))
        FeatureSet(scan=TokenTable).race(["The cat"])

    def test_refuses_what_is_no_text(self):
        with pytest.raises(ValueError, match="text is 5"):
            FeatureSet().race([5])
