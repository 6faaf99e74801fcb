"""Each way in which a server can answer, and what it amounts to."""

import itertools
import json
from dataclasses import replace

import pytest

from postopt.errors import (
    AuthenticationError,
    ContextLengthError,
    CutOffError,
    EmptyAnswerError,
    InvalidRequestError,
    MalformedAnswerError,
    OverloadedError,
    ProviderTimeoutError,
    QuotaError,
    RateLimitError,
    RefusedError,
    SchemaViolationError,
    TruncatedError,
)
from postopt.resilience.price import Price
from postopt.testing.server import Reply, ScriptedServer
from postopt.types import Completion, Usage

PRICE = Price(input=1e5, output=2e5, cached_input=5e4)
COUNTED = {"prompt_tokens": 10, "completion_tokens": 5}


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request):
    return request.param


def body(**members):
    return json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], **members}).encode()


class TestAnAnswer:
    def test_says_what_was_said_and_who_said_it(self, play, stream, prompt):
        answer = play("Fresh bread, $3.50", price=PRICE, stream=stream)
        assert (answer.text, answer.finish_reason, answer.index, answer.seed) == ("Fresh bread, $3.50", "stop", 0, None)
        assert answer.generator.startswith("m@127.0.0.1:")
        assert (answer.trace.tier, answer.trace.model, answer.trace.notes) == ("remote", "m", ())

    def test_is_stripped_of_white_space_around_it_and_else_left_alone(self, play, stream):
        text = "a  \u00a0b\r\n\tç 🙂 \u2028 \x00 z"
        assert play(f" \n{text}\n ", stream=stream).text == text

    def test_is_priced_by_the_usage_that_comes_with_it(self, play, stream):
        usage = {**COUNTED, "prompt_tokens_details": {"cached_tokens": 4}}
        answer = play(Reply(text="x", usage=usage), price=PRICE, stream=stream)
        assert answer.usage == Usage(input_tokens=10, output_tokens=5, cached_input_tokens=4)
        assert answer.trace.cost_usd == pytest.approx(0.6 + 0.2 + 1.0)

    def test_without_a_price_says_so(self, play, stream):
        trace = play("x", stream=stream).trace
        assert (trace.cost_usd, trace.notes) == (0.0, ("price unknown",))

    @pytest.mark.parametrize(
        "usage",
        [
            {},
            {"prompt_tokens": 5},
            {"prompt_tokens": -1, "completion_tokens": 1},
            {"prompt_tokens": 1, "completion_tokens": 1.5},
            {"prompt_tokens": 10**30, "completion_tokens": 1},
            {"prompt_tokens": "12", "completion_tokens": "3"},
            {"prompt_tokens": True, "completion_tokens": 1},
            {"prompt_tokens": None, "completion_tokens": None},
            {"prompt_tokens": 0, "completion_tokens": 0},
            {"prompt_tokens": 5, "completion_tokens": 0},
            {"prompt_tokens": 5, "completion_tokens": 1025},
            {"prompt_tokens": 27 + 65, "completion_tokens": 1},
            {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 6}},
        ],
    )
    def test_with_a_usage_that_cannot_be_is_estimated(self, play, stream, usage, prompt):
        answer = play(Reply(text="x" * 40, usage=usage), price=PRICE, stream=stream)
        assert answer.usage == Usage(input_tokens=7, output_tokens=10, estimated=True)
        assert len(prompt.text) in range(25, 29)
        assert answer.trace.notes == ("tokens estimated",)
        assert answer.trace.cost_usd == PRICE.cost(answer.usage)

    def test_names_another_model_that_answered(self, play):
        assert play(Reply(body=body(model="m-2026-01-01"))).trace.notes[0] == "answered by m-2026-01-01"
        assert play(Reply(body=body(model="m\nevil"))).trace.notes == ("tokens estimated", "price unknown")

    def test_may_come_in_parts(self, play):
        parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
        assert play(Reply(body=body(choices=[{"message": {"content": parts}}]))).text == "ab"

    def test_may_come_whole_from_a_server_that_does_not_stream(self, play):
        assert play(Reply(body=body()), stream=True).text == "x"

    def test_may_be_sent_byte_by_byte(self, play, stream):
        assert play(Reply(text="ñ🙂", drip=1e-9), stream=stream).text == "ñ🙂"


class TestAStream:
    def test_may_lack_its_end_mark_if_it_says_why_it_ended(self, play):
        assert play(Reply(text="abc", done=False), stream=True).text == "abc"

    def test_may_lack_the_reason_if_it_has_its_end_mark(self, play):
        assert play(Reply(text="abc", finish_reason=None), stream=True).finish_reason == "stop"

    def test_that_ends_with_neither_was_cut_off(self, play):
        error = play(Reply(text="abcdefgh", finish_reason=None, done=False, usage={}), stream=True)
        assert (type(error), error.partial_text, error.phase) == (CutOffError, "abcdefgh", "stream")

    def test_counts_usage_end_and_reason_once_however_often_they_come(self, play):
        usage = {"prompt_tokens": 3, "completion_tokens": 2}
        answer = play(Reply(text="ab", pieces=1, repeat=3, usage=usage), stream=True)
        assert answer.usage == Usage(input_tokens=3, output_tokens=2)
        assert answer.text == "ababab"  # nothing tells it from a text that says so

    def test_loses_no_word_that_is_said_twice_under_one_id(self, play):
        piece = json.dumps({"choices": [{"delta": {"content": "ha"}}]})
        last = json.dumps({"choices": [], "usage": COUNTED})
        events = f"id: 1\ndata: {piece}\n\n" * 2 + f"id: 1\ndata: {last}\n\n" * 2 + "data: [DONE]\n\n" * 2
        reply = Reply(body=[events.encode()], content_type="text/event-stream")
        answer = play(reply, stream=True)
        assert (answer.text, answer.usage) == ("haha", Usage(input_tokens=10, output_tokens=5))

    def test_cut_after_its_last_word_is_whole(self, play):
        events = b'data: {"choices": [{"delta": {"content": "all"}, "finish_reason": "stop"}]}\n\n'
        reply = Reply(body=[events, b": going on\n\n"], cut=len(events) + 1, content_type="text/event-stream")
        assert play(reply, stream=True).text == "all"

    def test_that_is_whole_does_not_wait_for_its_usage_for_ever(self, play, monkeypatch):
        monkeypatch.setattr("postopt.generation.openai._USAGE_SECONDS", 0.05)
        events = b'data: {"choices": [{"delta": {"content": "all"}, "finish_reason": "stop"}]}\n\n'
        reply = Reply(body=[events, b": going on\n\n", b""], hang="stream", content_type="text/event-stream")
        answer = play(reply, stream=True, seconds=20, gap_seconds=20)
        assert (answer.text, answer.usage.estimated) == ("all", True)

    def test_with_an_error_in_its_midst_keeps_what_had_come(self, play):
        error = play(Reply(text="abcd", error={"message": "m", "code": "server_error"}), stream=True)
        assert (type(error), error.partial_text, error.phase) == (OverloadedError, "ab", "stream")

    @pytest.mark.parametrize(
        ("events", "said"),
        [
            (b"<html>", "no event came"),
            (b"", "no event came"),
            (b"data: {nonsense\n\n", "no JSON"),
            (b"data: \xff\n\n", "no JSON"),
            (b"data: []\n\n", "no part of an answer"),
            (b'data: {"choices": [{"delta": 5}]}\n\n', "no part of an answer"),
            (b'data: {"choices": [5]}\n\n', "no part of an answer"),
            (b'data: {"choices": [{"delta": {"content": 5}}]}\n\n', "no part of an answer"),
            (b"data: " + b"x" * 5000, "more than 4096 bytes"),
        ],
    )
    def test_of_something_else_is_malformed(self, play, events, said):
        reply = Reply(body=[events], content_type="text/event-stream")
        error = play(reply, stream=True, max_answer_bytes=4096)
        assert isinstance(error, MalformedAnswerError)
        assert said in str(error)


class TestAnAnswerOfNoUse:
    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(text="abc", finish_reason="length", usage=COUNTED), TruncatedError),
            (Reply(text="", finish_reason="length", usage=COUNTED), TruncatedError),
            (Reply(text="abc", finish_reason="content_filter", usage=COUNTED), RefusedError),
            (Reply(text="", message={"refusal": "I cannot help with that."}, usage=COUNTED), RefusedError),
            (Reply(text="", usage=COUNTED), EmptyAnswerError),
            (Reply(text=" \n\t ", usage=COUNTED), EmptyAnswerError),
            (Reply(text="", finish_reason="tool_calls", usage=COUNTED), EmptyAnswerError),
            (Reply(text="abc", finish_reason="error", usage=COUNTED), OverloadedError),
        ],
    )
    def test_is_an_error_that_says_what_it_cost(self, play, reply, kind, stream):
        error = play(reply, price=PRICE, stream=stream)
        assert type(error) is kind
        assert (error.partial_text, error.cost_usd, error.unsettled_usd) == (reply.text.strip(), 2.0, 0.0)
        assert (error.provider[:2], error.status, error.phase) == ("m@", 200, "stream")

    def test_that_was_truncated_can_be_accepted(self, play, stream):
        answer = play(Reply(text="abc", finish_reason="length"), truncated="accept", stream=stream)
        assert (answer.text, answer.finish_reason) == ("abc", "length")

    def test_does_not_quote_a_refusal(self, play):
        assert "cannot help" not in str(play(Reply(text="", message={"refusal": "I cannot help with that."})))


SCHEMA = {
    "type": "object",
    "properties": {"post": {"type": "string", "minLength": 1}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["post"],
    "additionalProperties": False,
}


class TestASchema:
    def test_is_asked_for_and_kept(self, play, stream):
        answer = play(Reply(), schema=SCHEMA, stream=stream)
        assert "$3.50" in json.loads(answer.text)["post"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("no JSON", "no JSON"),
            ("[]", "not of type object"),
            ("{}", "lacks 'post'"),
            ('{"post": ""}', "less than 1 characters"),
            ('{"post": "x", "tags": [1]}', "tags[0] is not of type string"),
            ('{"post": "x", "secret": 1}', "a member that is not allowed"),
        ],
    )
    def test_that_is_broken_is_an_error(self, play, text, said, stream):
        error = play(Reply(text=text, usage=COUNTED), schema=SCHEMA, price=PRICE, stream=stream)
        assert isinstance(error, SchemaViolationError)
        assert said in str(error)
        assert (error.partial_text, error.cost_usd) == (text, 2.0)
        assert "secret" not in str(error)


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, InvalidRequestError),
            (401, AuthenticationError),
            (402, QuotaError),
            (403, AuthenticationError),
            (404, InvalidRequestError),
            (408, ProviderTimeoutError),
            (409, OverloadedError),
            (413, ContextLengthError),
            (422, InvalidRequestError),
            (425, OverloadedError),
            (429, RateLimitError),
            (500, OverloadedError),
            (502, OverloadedError),
            (503, OverloadedError),
            (504, ProviderTimeoutError),
            (529, OverloadedError),
        ],
    )
    def test_by_status(self, play, status, kind, stream):
        error = play(status, stream=stream)
        assert (type(error), error.status, error.phase) == (kind, status, "first_token")

    def test_but_any_status_of_success_is_one(self, play):
        assert play(Reply(status=201, body=body())).text == "x"
        assert isinstance(play(Reply(status=204, body=b"")), EmptyAnswerError)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, play, status, stream, run):
        error = play(Reply(status=status, headers={"Location": "http://127.0.0.1:1/"}), stream=stream)
        assert isinstance(error, MalformedAnswerError)
        assert "set base_url to where it leads" in error.hint
        assert error.unsettled_usd == 0

    @pytest.mark.parametrize(
        ("status", "error", "kind"),
        [
            (429, {"code": "insufficient_quota", "type": "insufficient_quota"}, QuotaError),
            (400, {"code": "context_length_exceeded"}, ContextLengthError),
            (400, {"message": "This model's maximum context length is 4096 tokens", "code": 400}, ContextLengthError),
            (400, {"code": "content_filter"}, RefusedError),
            (400, {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}, RefusedError),
            (401, {"type": "invalid_request_error", "code": "invalid_api_key"}, AuthenticationError),
            (200, {"code": "server_error"}, OverloadedError),
            (200, {"code": 429}, RateLimitError),
            (200, {"code": "503"}, OverloadedError),
            (200, {"type": "invalid_request_error"}, InvalidRequestError),
            (200, {"message": "?"}, OverloadedError),
            (200, "in words", OverloadedError),
            (529, {"type": "overloaded_error"}, OverloadedError),
            (500, {"status": "RESOURCE_EXHAUSTED"}, RateLimitError),
        ],
    )
    def test_by_code_before_status(self, play, status, error, kind, stream):
        found = play(Reply(status=status, error=error), stream=stream)
        assert type(found) is kind

    def test_in_fastapi_s_words_and_old_vllm_s(self, play):
        pinned = play(Reply(status=400, body=b'{"detail": "Server is pinned to a model"}'))
        assert isinstance(pinned, InvalidRequestError)
        old = play(Reply(body=b'{"object": "error", "message": "gone", "code": 404}'))
        assert isinstance(old, InvalidRequestError)

    def test_in_place_of_choices_and_beside_them(self, play):
        error = {"message": "m", "code": "server_error"}
        assert isinstance(play(Reply(body=body(error=error))), OverloadedError)
        assert play(Reply(body=body(error=None, detail="of interest"))).text == "x"

    def test_with_a_page_of_a_proxy_goes_by_the_status(self, play):
        assert isinstance(play(Reply(status=502, body=b"<html>" + b"x" * 100_000)), OverloadedError)

    @pytest.mark.parametrize(
        ("data", "kind", "said"),
        [
            (b"", EmptyAnswerError, "empty"),
            (b" \r\n", EmptyAnswerError, "empty"),
            (b"\xff\xfe{}", MalformedAnswerError, "not UTF-8"),
            (b"<!doctype html>", MalformedAnswerError, "HTML"),
            (b"hello", MalformedAnswerError, "no JSON"),
            (b'{"choices": [{"message"', CutOffError, "in the midst"),
            (b'{"choices": [NaN]}', MalformedAnswerError, "no JSON"),
            (b"[" * 100_000, MalformedAnswerError, "no JSON"),
            (b"[]", MalformedAnswerError, "no JSON object"),
            (b"{}", MalformedAnswerError, "no list of choices"),
            (b'{"choices": {}}', MalformedAnswerError, "no list of choices"),
            (b'{"choices": []}', EmptyAnswerError, "no text"),
            (b'{"choices": [null]}', MalformedAnswerError, "a choice"),
            (b'{"choices": [{}]}', MalformedAnswerError, "no message"),
            (b'{"choices": [{"message": {"content": 5}}]}', MalformedAnswerError, "content is no text"),
            (b'{"choices": [{"message": {"content": null}}]}', EmptyAnswerError, "no text"),
            (b'{"choices": [{"message": {"content": "\\ud800"}}]}', MalformedAnswerError, "no JSON"),
        ],
    )
    def test_of_garbage(self, play, data, kind, said):
        error = play(Reply(body=data))
        assert type(error) is kind
        assert said in str(error)

    def test_of_a_body_that_never_ends(self, play):
        endless = itertools.repeat(b"x" * 65536)
        error = play(Reply(body=endless), max_answer_bytes=300_000)
        assert (type(error), "more than 300000 bytes" in str(error)) == (MalformedAnswerError, True)

    def test_of_a_stream_that_never_ends(self, play):
        piece = b'data: {"choices": [{"delta": {"content": "' + b"x" * 1000 + b'"}}]}\n\n'
        reply = Reply(body=itertools.repeat(piece), content_type="text/event-stream")
        error = play(reply, stream=True, max_answer_bytes=10_000)
        assert isinstance(error, MalformedAnswerError)
        assert len(error.partial_text) <= 12_000

    def test_of_a_malformed_answer_says_what_it_cost(self, play):
        data = json.dumps({"choices": [{}], "usage": COUNTED}).encode()
        error = play(Reply(body=data), price=PRICE)
        assert (error.cost_usd, error.unsettled_usd) == (2.0, 0.0)

    @pytest.mark.parametrize(
        "raw",
        [
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"\x00\x01\x02" * 100,
            b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        ],
    )
    def test_of_what_is_no_http(self, play, raw, stream):
        assert isinstance(play(Reply(raw=raw), stream=stream), MalformedAnswerError | CutOffError)

    @pytest.mark.parametrize("cut", [0, 1, 40, 120])
    def test_cut_off(self, play, cut, stream):
        error = play(Reply(text="abcdefgh", cut=cut), price=PRICE, stream=stream)
        assert (type(error), error.retryable, error.at_fault) == (CutOffError, True, "provider")
        assert error.cost_usd == 0
        assert error.unsettled_usd > 0  # the provider may charge for it: nobody knows

    def test_cut_off_before_the_headers(self, play, stream):
        error = play(Reply(raw=b""), stream=stream)
        assert (type(error), error.phase) == (CutOffError, "first_token")

    def test_cut_off_behind_a_usage_costs_what_that_says(self, play):
        event = json.dumps({"choices": [{"delta": {"content": "a"}}], "usage": COUNTED}).encode()
        reply = Reply(body=[b"data: " + event + b"\n\n"], content_type="text/event-stream")
        error = play(reply, stream=True, price=PRICE)
        assert (type(error), error.cost_usd, error.unsettled_usd) == (CutOffError, 2.0, 0.0)

    def test_cut_off_in_a_stream_keeps_what_had_come(self, play):
        error = play(Reply(text="abcdefgh", cut=450), stream=True)
        assert "abcdefgh".startswith(error.partial_text)
        assert error.partial_text

    def test_goes_on_after_it(self, play):
        faults = [Reply(cut=5), Reply(raw=b"?"), 500, Reply(body=b"?"), 429, Reply(text=""), "well"]
        assert play(*faults)[-1].text == "well"


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"Retry-After": "7"}, 7.0),
            ({"Retry-After": "0.5"}, 0.5),
            ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5),
            ({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
            ({"Retry-After": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
            ({"Retry-After": "-5"}, None),
            ({"Retry-After": "inf"}, None),
            ({"Retry-After": "1e300"}, None),
            ({"Retry-After": "soon"}, None),
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m3.5s"}, 63.5),
            ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "250ms"}, 0.25),
            ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2"}, 2.0),
            ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.2.3s"}, None),
            ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "x" * 99}, None),
            ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "2"}, None),
            ({}, None),
        ],
    )
    def test_is_what_the_provider_says_in_earnest(self, play, headers, seconds):
        error = play(Reply(status=429, headers=headers), wall_clock=lambda: 10.0)
        assert error.retry_after == (seconds if seconds is None else pytest.approx(seconds))

    def test_the_request_s_name_is_kept_if_it_is_one(self, play):
        assert play(Reply(status=500, headers={"x-request-id": "req_1-a"})).request_id == "req_1-a"
        assert play(Reply(status=500, headers={"x-request-id": "a b\tc"})).request_id == ""


def test_an_answer_is_a_completion(play, stream):
    assert isinstance(play("x", stream=stream), Completion)


def mid_stream(**error):
    return Reply(text="word " * 40, error={"message": "boom", **error})


class TestWhatNobodyCounted:
    """An estimate is no bill: what may come on top of it is said."""

    def test_is_up_to_the_bound(self, client, run, prompt, stream):
        async def call():
            reply = Reply(text="word " * 40, usage={})
            async with ScriptedServer([reply]) as server, client(server.url, "m", price=PRICE, stream=stream) as ours:
                trace = (await ours.generate(prompt)).trace
                assert 0 < trace.cost_usd < ours.max_cost(prompt)
                assert trace.cost_usd + trace.unsettled_usd == pytest.approx(ours.max_cost(prompt))

        run(call())

    def test_is_all_of_the_limit_for_an_answer_that_ended_there(self, play, stream):
        reply = Reply(text="ok", finish_reason="length", usage={})
        error = play(reply, price=Price(input=0.0, output=1000.0), max_tokens=1000, stream=stream)
        assert (type(error), error.cost_usd, error.unsettled_usd) == (TruncatedError, 1.0, 0.0)
        accepted = play(reply, max_tokens=1000, truncated="accept", stream=stream)
        assert accepted.usage.output_tokens == 1000

    def test_of_an_answer_without_text_is_up_to_the_bound(self, play, stream):
        error = play(Reply(text="", usage={}), price=Price(input=0.0, output=1000.0), max_tokens=1000, stream=stream)
        assert (type(error), error.cost_usd + error.unsettled_usd) == (EmptyAnswerError, 1.0)

    @pytest.mark.parametrize("kind", ["server_error", "rate_limit_error", "content_filter", "invalid_request_error"])
    def test_of_a_stream_that_an_error_ends_is_up_to_the_bound(self, play, kind):
        error = play(mid_stream(type=kind), price=Price(input=0.0, output=1000.0), max_tokens=1000, stream=True)
        assert error.partial_text
        assert (error.cost_usd, error.unsettled_usd) == (0.0, 1.0)

    @pytest.mark.parametrize("kind", ["server_error", "rate_limit_error"])
    def test_is_nothing_for_an_error_in_place_of_an_answer(self, play, kind):
        error = play(Reply(error={"message": "m", "type": kind}), price=PRICE)
        assert (error.cost_usd, error.unsettled_usd) == (0.0, 0.0)

    def test_is_not_guessed_for_another_model(self, client, run, prompt):
        async def call():
            async with ScriptedServer() as server, client(server.url, "m", price=PRICE) as ours:
                other = replace(prompt, model="dearer")
                assert ours.max_cost(other) is None
                assert ours.max_cost(replace(prompt, model="m")) > 0
                trace = (await ours.generate(other)).trace
                assert (trace.cost_usd, trace.unsettled_usd) == (0.0, 0.0)
                assert "price unknown" in trace.notes

        run(call())
