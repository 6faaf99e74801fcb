"""Whatever comes is taken, or refused with a ValueError."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.backends.json import JSON
from postopt.errors import ProviderError
from postopt.generation.remote.answer import MOST_TOKENS, Answer, read_usage
from postopt.generation.remote.failures import Failure, failure_in, kind_of
from postopt.generation.remote.streaming import StreamedAnswer
from postopt.types import Usage

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
NAMES = st.sampled_from(
    ["choices", "message", "delta", "content", "text", "usage", "error", "code", "type", "finish_reason", "refusal",
     "prompt_tokens", "completion_tokens", "prompt_tokens_details", "model", "detail", "innererror"]
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
CHOICES = st.fixed_dictionaries({"choices": st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=2)})


@given(VALUES | CHOICES)
def test_any_value_is_an_answer_or_none(body):
    for read in (Answer().read, Answer().read_chunk):
        with suppress(ValueError):
            read(body)
    failure = failure_in(body)
    if failure is not None:
        assert isinstance(failure.message, str)
        assert all(isinstance(code, str) for code in failure.codes)


@given(st.integers(0, 999), st.text(max_size=30), st.lists(st.text(max_size=12) | st.just("429"), max_size=3))
def test_any_failure_is_an_error_of_ours(status, message, codes):
    assert issubclass(kind_of(status, Failure(message, tuple(codes))), ProviderError)


@given(st.lists(VALUES | CHOICES | st.just("[DONE]"), max_size=6), st.integers(1, 50))
def test_any_stream_is_an_answer_or_says_what_is_wrong(bodies, size):
    data = b"".join(
        b"data: " + (b"[DONE]" if body == "[DONE]" else json.dumps(body).encode()) + b"\n\n" for body in bodies
    )
    streamed = StreamedAnswer(json=JSON, max_bytes=1000)
    texts = []
    for at in range(0, len(data), size):
        if streamed.failure or streamed.problem or streamed.ended:
            break
        texts += streamed.feed(data[at : at + size])
    streamed.finish()
    assert streamed.answer.text == "".join(texts)
    assert all(texts)


@given(VALUES)
def test_a_usage_is_one_that_can_be_or_none(usage):
    counted = read_usage(usage)
    if counted is not None:
        assert 0 <= counted.cached_input_tokens <= counted.input_tokens <= MOST_TOKENS
        assert 0 <= counted.output_tokens <= MOST_TOKENS
        assert not counted.estimated


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(input_tokens=3, output_tokens=2)),
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "prompt_cache_hit_tokens": 1},
            Usage(input_tokens=3, output_tokens=2, cached_input_tokens=1),
        ),
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}},
            None,
        ),
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": -9}},
            Usage(input_tokens=3, output_tokens=2),
        ),
    ],
)
def test_cached_tokens_are_part_of_the_prompt_s(usage, counted):
    assert read_usage(usage) == counted
