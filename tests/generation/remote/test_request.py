import json

import pytest

from postopt.backends.json import JSON
from postopt.errors import InvalidRequestError
from postopt.generation.prompt import messages
from postopt.generation.remote.request import Requests
from postopt.types import Brief, Prompt

BRIEF = Brief(topic="bread")
SETTINGS = {"json": JSON, "schema": None, "max_tokens": None, "token_limit": "max_tokens", "extra": {}}


def written(prompt=None, *, stream=False, model="m", **settings):
    prompt = prompt or Prompt(brief=BRIEF, text="Hi ñ")
    body = Requests(model, **{**SETTINGS, **settings}).write(prompt, messages(prompt), stream=stream)
    return json.loads(body)


def test_the_least():
    assert written() == {"model": "m", "messages": [{"role": "user", "content": "Hi ñ"}]}


def test_a_stream_with_its_usage():
    assert written(stream=True)["stream"] is True
    assert written(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in written(extra={"stream_options": {"x": 1}})


def test_stream_options_can_be_left_out():
    assert "stream_options" not in written(stream=True, extra={"stream_options": None})


def test_all_that_a_prompt_says():
    prompt = Prompt(
        brief=BRIEF, text="t", system="s", model="other", seed=1, variant=2, temperature=0.5, top_p=0.9, max_tokens=7,
        stop=("x",),
    )  # fmt: skip
    assert written(prompt, extra={"user": "u"}) == {
        "model": "other",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "t"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "seed": 3,
        "stop": ["x"],
        "user": "u",
    }


def test_the_limit_of_tokens():
    assert written(max_tokens=5)["max_tokens"] == 5
    assert written(Prompt(brief=BRIEF, max_tokens=6), max_tokens=5)["max_tokens"] == 6
    assert written(max_tokens=5, token_limit="max_completion_tokens")["max_completion_tokens"] == 5


def test_what_a_prompt_leaves_open_may_have_a_default():
    extra = {"temperature": 0.1, "stop": ["y"], "top_k": 4}
    assert written(Prompt(brief=BRIEF, temperature=0.5), extra=extra)["temperature"] == 0.5
    assert written(extra=extra) == {**written(), **extra}


def test_a_schema():
    schema = {"type": "object"}
    format_ = {"type": "json_schema", "json_schema": {"name": "post", "strict": True, "schema": schema}}
    assert written(schema=schema)["response_format"] == format_


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(brief=BRIEF, text="\ud800"),
        Prompt(brief=BRIEF, text="t", stop=("\ud800",)),
        Prompt(brief=BRIEF, text="t", seed=10**30),
        Prompt(brief=BRIEF, text="t", temperature=float("nan")),
        Prompt(brief=BRIEF, text="t", model="a\nb"),
        Prompt(brief=BRIEF, text="t", model=""),
    ],
)
def test_what_no_request_can_hold_is_refused(prompt):
    with pytest.raises(InvalidRequestError) as caught:
        written(prompt)
    error = caught.value.__cause__ or caught.value.__context__
    assert error is None or isinstance(error, ValueError)


@pytest.mark.parametrize("model", ["", "a\nb", "a\x00", None, 5, "x" * 201])
def test_a_name_that_is_none_is_refused(model):
    with pytest.raises(ValueError, match="model"):
        written(model=model)


@pytest.mark.parametrize(
    "extra",
    [
        {"messages": []},
        {"model": "x"},
        {"stream": True},
        {"n": 2},
        {"max_tokens": 5},
        {"seed": object()},
        {"x": object()},
        {"x": {1, 2}},
    ],
)
def test_extras_that_are_ours_or_no_json_are_refused(extra):
    with pytest.raises(ValueError, match="extra_body"):
        written(extra=extra)
