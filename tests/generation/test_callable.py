import asyncio
import threading
from types import SimpleNamespace

import pytest

from postopt.errors import (
    AuthenticationError,
    ContextLengthError,
    EmptyAnswerError,
    GenerationError,
    InvalidRequestError,
    MalformedAnswerError,
    OverloadedError,
    ProviderTimeoutError,
    QuotaError,
    RateLimitError,
    RefusedError,
    TruncatedError,
    UnreachableError,
)
from postopt.generation.callable import CallableGenerator
from postopt.generation.prompt import messages, sampling
from postopt.resilience.price import Price
from postopt.testing import GeneratorContract
from postopt.testing.server import Reply, ScriptedServer
from postopt.types import Brief, Completion, Prompt, Trace, Usage

PROMPT = Prompt(brief=Brief(topic="bread"), text="Sell bread", variant=2, seed=40)
PRICE = Price(input=1.0, output=2.0)
NAN, INF = float("nan"), float("inf")


def ask(result, **settings):
    """What a function that returns `result`, or raises it, comes to."""

    async def function(prompt):
        if isinstance(result, Exception):
            raise result
        return result

    return asyncio.run(CallableGenerator(function, name="f", **settings).generate(PROMPT))


class TestContract(GeneratorContract):
    def make(self):
        async def function(prompt):
            await asyncio.sleep(0)
            return f"version {prompt.variant}: $3.50"

        return CallableGenerator(function, name="coroutine function")


class TestThreadContract(GeneratorContract):
    def make(self):
        return CallableGenerator(lambda prompt: f"version {prompt.variant}: $3.50", name="function")


class TestWhatIsCalled:
    def test_a_function_runs_in_a_thread(self):
        threads = []

        def function(prompt):
            threads.append(threading.current_thread())
            return "x"

        asyncio.run(CallableGenerator(function, name="f").generate(PROMPT))
        assert threads[0] is not threading.current_thread()

    def test_what_a_function_returns_is_awaited_if_it_can_be(self):
        async def answer():
            return "later"

        assert asyncio.run(CallableGenerator(lambda _: answer(), name="f").generate(PROMPT)).text == "later"

    def test_an_object_whose_call_is_a_coroutine_function_is_awaited(self):
        class Ask:
            async def __call__(self, prompt):
                assert threading.current_thread() is threading.main_thread()
                return "x"

        assert asyncio.run(CallableGenerator(Ask(), name="f").generate(PROMPT)).text == "x"

    def test_a_mistake_in_the_function_is_let_through(self):
        with pytest.raises(KeyError):
            ask(KeyError("typo"))

        def stop(prompt):
            raise StopIteration

        with pytest.raises(RuntimeError, match="StopIteration"):
            asyncio.run(CallableGenerator(stop, name="f").generate(PROMPT))

    def test_an_error_of_ours_is_let_through(self):
        error = RateLimitError("m", retry_after=2.0)
        with pytest.raises(RateLimitError) as caught:
            ask(error)
        assert caught.value is error

    @pytest.mark.parametrize(
        "settings",
        [{"name": ""}, {"name": None}, {"max_cost_usd": -1}, {"max_cost_usd": float("nan")}, {"function": "f"}],
    )
    def test_arguments_are_checked(self, settings):
        with pytest.raises(ValueError, match=next(iter(settings))):
            CallableGenerator(**{"function": str, "name": "f", **settings})

    def test_what_it_can_cost_is_what_the_host_says(self):
        assert CallableGenerator(str, name="f").max_cost(PROMPT) is None
        assert CallableGenerator(str, name="f", max_cost_usd=0.5).max_cost(PROMPT) == 0.5


class TestWhatComesBack:
    def test_may_be_a_text(self):
        answer = ask(" x \n", price=PRICE, tier="local", model="m")
        assert (answer.text, answer.index, answer.seed, answer.generator) == ("x", 2, 40, "f")
        assert (answer.trace.tier, answer.trace.model, answer.trace.notes) == ("local", "m", ("tokens estimated",))

    def test_may_be_a_completion(self):
        completion = Completion(text="x", generator="g", trace=Trace(tier="local", model="m"))
        assert ask(completion) is completion

    @pytest.mark.parametrize("as_object", [False, True])
    def test_may_be_a_response_of_openai_s_interface(self, as_object):
        def plain(**members):
            return SimpleNamespace(**members) if as_object else members

        response = plain(
            choices=[plain(message=plain(content="x", refusal=None), finish_reason="stop")],
            usage=plain(prompt_tokens=10, completion_tokens=5, prompt_tokens_details=plain(cached_tokens=4)),
            model="m-1",
            id="i",
        )
        answer = ask(response, price=PRICE, model="m")
        assert answer.usage == Usage(input_tokens=10, output_tokens=5, cached_input_tokens=4)
        assert answer.trace.cost_usd == PRICE.cost(answer.usage)
        assert answer.trace.notes == ("answered by m-1",)

    def test_may_be_a_message_of_langchain_s(self):
        message = SimpleNamespace(content="x", usage_metadata={"input_tokens": 3, "output_tokens": 2})
        assert ask(message).usage == Usage(input_tokens=3, output_tokens=2)
        assert ask(SimpleNamespace(content="x")).usage.estimated

    @pytest.mark.parametrize(
        "result",
        [None, 5, b"x", {}, {"choices": [{}]}, {"choices": 5}, {"choices": "x"}, SimpleNamespace(content=[1]), []],
    )
    def test_of_any_other_kind_is_malformed(self, result):
        with pytest.raises(MalformedAnswerError, match="the function returned a"):
            ask(result)

    @pytest.mark.parametrize(
        ("choice", "kind"),
        [
            ({"message": {"content": ""}, "finish_reason": "stop"}, EmptyAnswerError),
            ({"message": {"content": "x"}, "finish_reason": "length"}, TruncatedError),
            ({"message": {"content": "x"}, "finish_reason": "content_filter"}, RefusedError),
            ({"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}, RefusedError),
        ],
    )
    def test_of_no_use_says_what_it_cost(self, choice, kind):
        usage = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000}
        with pytest.raises(kind) as caught:
            ask({"choices": [choice], "usage": usage}, price=PRICE)
        assert caught.value.cost_usd == 2.0
        with pytest.raises(kind) as caught:
            ask({"choices": [choice], "usage": usage}, cost=lambda _: 0.25)
        assert caught.value.cost_usd == 0.25

    def test_may_say_what_it_cost(self):
        assert ask("x", cost=lambda _: 0.25).trace.cost_usd == 0.25
        assert ask("x", price=PRICE, cost=lambda _: None).trace.cost_usd > 0

    @pytest.mark.parametrize("cost", [lambda _: 1 / 0, *(lambda _, c=c: c for c in (NAN, INF, -1, True, "1", [0.25]))])
    def test_whose_cost_cannot_be_read_is_priced(self, cost):
        assert ask("x", price=PRICE, cost=cost).trace.cost_usd == ask("x", price=PRICE).trace.cost_usd

    def test_that_nobody_counted_may_cost_up_to_the_bound(self):
        trace = ask("x", price=PRICE, max_cost_usd=0.5).trace
        assert trace.cost_usd + trace.unsettled_usd == 0.5
        assert ask("x", max_cost_usd=0.5).trace.unsettled_usd == 0.5
        assert ask("x", cost=lambda _: 0.25, max_cost_usd=0.5).trace.unsettled_usd == 0.0
        with pytest.raises(EmptyAnswerError) as caught:
            ask("", max_cost_usd=0.5)
        assert caught.value.unsettled_usd == 0.5

    def test_that_cannot_be_a_usage_is_estimated(self):
        choice = {"message": {"content": "x"}, "finish_reason": "stop"}
        counts = {"prompt_tokens": 3, "completion_tokens": 0}
        assert ask({"choices": [choice], "usage": counts}).usage.estimated


def named(name, base=Exception, **attributes):
    error = type(name, (base,), {"__module__": "somewhere"})("secret words")
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


class TestErrorsOfClients:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (named("AuthenticationError"), AuthenticationError),
            (named("MyError", type(named("RateLimitError"))), RateLimitError),
            (named("RateLimitError", code="insufficient_quota"), QuotaError),
            (named("BadRequestError", code="context_length_exceeded"), ContextLengthError),
            (named("ContextWindowExceededError", type(named("BadRequestError"))), ContextLengthError),
            (named("Oops", status_code=503), OverloadedError),
            (named("Oops", code=429), RateLimitError),
            (named("Oops", response=SimpleNamespace(status_code=401)), AuthenticationError),
            (named("Timeout"), ProviderTimeoutError),
            (TimeoutError(), ProviderTimeoutError),
            (ConnectionRefusedError(), UnreachableError),
        ],
    )
    def test_become_ours(self, error, kind):
        with pytest.raises(kind) as caught:
            ask(error)
        assert type(caught.value) is kind
        assert caught.value.__cause__ is error
        assert caught.value.provider == "f"
        assert "secret" not in str(caught.value)

    def test_may_have_cost_something_all_the_same(self):
        with pytest.raises(ProviderTimeoutError) as caught:
            ask(TimeoutError(), max_cost_usd=0.5)
        assert caught.value.unsettled_usd == 0.5

    def test_say_when_to_come_back_and_what_the_call_was_called(self):
        response = SimpleNamespace(status_code=429, headers={"Retry-After": "3"})
        with pytest.raises(RateLimitError) as caught:
            ask(named("RateLimitError", response=response, request_id="req_1"))
        assert (caught.value.retry_after, caught.value.status, caught.value.request_id) == (3.0, 429, "req_1")


class TestOpenAIsOwnClient:
    """The real one, against the scripted server."""

    def play(self, *script, awaited=True):
        openai = pytest.importorskip("openai", reason="the openai SDK is not installed")

        async def calls():
            async with ScriptedServer(script) as server:
                settings = {"base_url": server.url, "api_key": "sk-1", "max_retries": 0}
                client = (openai.AsyncOpenAI if awaited else openai.OpenAI)(**settings)

                def create(prompt):
                    return client.chat.completions.create(
                        model="m", messages=messages(prompt), **sampling(prompt), timeout=20
                    )

                ends = []
                for _ in script:
                    try:
                        ends.append(await CallableGenerator(create, name="sdk", price=PRICE).generate(PROMPT))
                    except GenerationError as error:
                        ends.append(error)
                await asyncio.to_thread(client.close) if not awaited else await client.close()
                return ends

        return asyncio.run(calls())

    @pytest.mark.parametrize("awaited", [True, False])
    def test_answers(self, awaited):
        (answer,) = self.play("well", awaited=awaited)
        assert (answer.text, answer.usage.estimated) == ("well", False)
        assert answer.trace.cost_usd == PRICE.cost(answer.usage)

    def test_s_errors_become_ours(self):
        quota = Reply(status=429, error={"message": "m", "code": "insufficient_quota", "type": "insufficient_quota"})
        late = Reply(status=429, headers={"Retry-After": "7"})
        ends = self.play(401, quota, late, 404, 503, Reply(text="x", finish_reason="length"), Reply(raw=b""))
        kinds = [AuthenticationError, QuotaError, RateLimitError, InvalidRequestError, OverloadedError, TruncatedError,
                 UnreachableError]  # fmt: skip
        assert [type(end) for end in ends] == kinds
        assert ends[2].retry_after == 7.0
