"""What numbers say, in both decimal conventions and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.stating.numbers import multiplied, readings, spelled


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("1,299.00", {"1299"}),
        ("1.299,00", {"1299"}),
        ("1 299,50", {"1299.5"}),
        ("1'299.50", {"1299.5"}),
        ("1.299", {"1299", "1.299"}),
        ("12,5", {"12.5"}),
        ("0,50", {"0.5"}),
        ("007", {"7"}),
        ("1.250.000", {"1250000"}),
        ("2.9.1", {"2.9.1"}),
        ("1,23,456", {"1,23,456"}),
        ("1234.567", {"1234.567"}),
        ("٢٥", {"25"}),
        ("１２", {"12"}),
    ],
)
def test_readings(number, says):
    assert readings(number) == says


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_both_conventions_say_the_same(whole, cents):
    english = f"{whole:,}.{cents:02}"
    spanish = english.translate(str.maketrans(",.", ".,"))
    assert readings(english) & readings(spanish)
    assert readings(english) & readings(f"{whole}.{cents:02}")


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_other_numbers_say_something_else(one, other):
    assert bool(readings(str(one)) & readings(str(other))) == (one == other)


def test_a_number_of_a_million_digits_is_read_as_it_is():
    assert readings("9" * 1_000_000) == {"9" * 1_000_000}


@pytest.mark.parametrize(
    ("says", "word", "more"),
    [("25", "k", "25000"), ("1.5", " million", "1500000"), ("25", " mil", "25000"), ("0", "M", "0")],
)
def test_multiplied(says, word, more):
    assert multiplied(frozenset({says}), word) == {more}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("fifty", "50"),
        ("Twenty-two", "22"),
        ("cuarenta y cuatro", "44"),
        ("seiscientas sesenta", "660"),
        ("two hundred and five", "205"),
        ("tres mil doscientos", "3200"),
        ("mil", "1000"),
        ("hundred", "100"),
    ],
)
def test_spelled(words, says):
    assert spelled(words) == says
