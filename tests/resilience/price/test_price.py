from datetime import date

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.resilience.price import Price
from postopt.types import Usage

MINI = Price(input=0.15, output=0.60, cached_input=0.075, as_of=date(2026, 11, 1))
counts = st.integers(-(10**20), 10**20)


def test_cached_tokens_are_priced_apart_and_never_twice():
    assert MINI.cost(Usage(input_tokens=1_000_000)) == pytest.approx(0.15)
    assert MINI.cost(Usage(input_tokens=1_000_000, cached_input_tokens=400_000)) == pytest.approx(0.12)
    assert MINI.cost(Usage(output_tokens=500_000)) == pytest.approx(0.30)
    assert Price(input=1, output=2).cost(Usage(input_tokens=10, cached_input_tokens=10)) == pytest.approx(1e-5)


@given(total=counts, cached=counts, output=counts)
def test_no_number_of_a_provider_makes_a_bill_negative_or_infinite(total, cached, output):
    cost = MINI.cost(Usage(input_tokens=total, cached_input_tokens=cached, output_tokens=output))
    assert 0 <= cost <= 1e12 * 0.75 / 1e6


@given(
    total=st.integers(0, 10**6),
    output=st.integers(0, 10**5),
    share=st.floats(0, 1),
    cached=st.none() | st.floats(0, 10),
    used=st.floats(0, 1),
)
def test_the_upper_bound_is_one(total, output, share, cached, used):
    price = Price(input=2.5, output=10.0, cached_input=cached)
    usage = Usage(input_tokens=total, cached_input_tokens=int(total * share), output_tokens=int(output * used))
    assert price.cost(usage) <= price.upper_bound(input_tokens=total, max_tokens=output) * (1 + 1e-12)


@pytest.mark.parametrize("wrong", [{"input_tokens": -1}, {"max_tokens": 1.5}, {"max_tokens": True}])
def test_an_upper_bound_of_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MINI.upper_bound(**{"input_tokens": 1, "max_tokens": 1, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"input": -1}, {"output": float("nan")}, {"input": True}, {"cached_input": float("inf")}, {"as_of": "2026"}],
)
def test_prices_of_nonsense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Price(**{"input": 1, "output": 1, **wrong})
