"""Any function or client as a generator: the openai SDK, a LiteLLM router, a LangChain runnable, one's own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from postopt._checks import check_amount, check_callable, check_name
from postopt.backends.json import JSON
from postopt.errors import (
    GenerationError,
    MalformedAnswerError,
    ProviderError,
    ProviderTimeoutError,
    UnreachableError,
)
from postopt.generation.prompt import messages
from postopt.generation.remote.answer import Answer, read_usage
from postopt.generation.remote.foreign import failure_of
from postopt.generation.remote.redaction import Redaction
from postopt.generation.remote.verdict import Asked, Verdicts
from postopt.resilience.price import Price
from postopt.types import Completion, Prompt


class CallableGenerator:
    """A `Generator` that asks a function of the host's.

    The function takes a `Prompt`; `generation.prompt.messages` and `sampling` turn one into what most clients take::

        client = openai.AsyncOpenAI(max_retries=0)

        async def ask(prompt):
            return await client.chat.completions.create(model="m", messages=messages(prompt), **sampling(prompt))

        generator = CallableGenerator(ask, name="m@openai", price=Price(input=0.15, output=0.6))

    It may return a text, a `Completion`, what OpenAI's interface answers (a mapping or an object with `choices`), or a
    message of LangChain's (an object with `content`). A usage that comes with it is priced, one that does not, or that
    cannot be, is estimated; what the call may have cost beyond an estimate, up to `max_cost_usd`, is in
    `trace.unsettled_usd`, and so is all of it where nobody knows a price. An answer without text, refused or cut at its
    limit of tokens is the error that `OpenAIGenerator` raises for it. Errors of clients become ours by their class's
    name, their status or their kind, with the client's as the cause (`failure_of`); all others, which are mistakes in
    the function, are let through.

    A coroutine function is awaited. Any other is called in a thread of the loop's default executor, and what it returns
    is awaited if it can be. A cancelled call is left alone by its caller at once, but a thread goes on until its
    function returns: give it a time limit of its own. Only one of client and `Retried` should retry.

    Attributes:
        name: as in `Generator`.

    Args:
        function: asks.
        name: how traces, metrics and cache keys call it.
        model: for the trace; `name` unless given.
        tier: for the trace: "remote" or "local".
        price: what tokens of `model` cost; a prompt that names another has no known price.
        cost: reads off an answer what it cost in US dollars, for clients that say so; None where it does not say. If
            it raises, or returns what no cost is, nobody knows.
        max_cost_usd: the most that a call can cost, for budgets.

    Raises:
        ValueError: an argument is of the wrong kind, or negative.
    """

    def __init__(
        self,
        function: Callable[[Prompt], object],
        *,
        name: str,
        model: str = "",
        tier: str = "remote",
        price: Price | None = None,
        cost: Callable[[Any], float | None] | None = None,
        max_cost_usd: float | None = None,
    ) -> None:
        check_callable("function", function, "takes a Prompt")
        self.name = check_name("name", name)
        self._function = function
        self._awaited = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object whose call is a coroutine function
        )
        self._model = model or name
        self._tier = tier
        self._cost = cost
        self._max_cost = None if max_cost_usd is None else check_amount("max_cost_usd", max_cost_usd, "US dollars")
        self._verdicts = Verdicts(
            name, self._model, price=price, max_cost=self.max_cost, schema=None, accepts_truncated=False, json=JSON
        )

    def max_cost(self, prompt: Prompt) -> float | None:  # noqa: ARG002 - others need it
        """Return the most US dollars that a call can cost, or None if nobody said."""
        return self._max_cost

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer with what the function answers.

        Raises:
            GenerationError: the function raised one, or its client an error that amounts to one; or its answer is of
                no use.
        """
        words = "\n".join(message["content"] for message in messages(prompt))
        asked = Asked(prompt, words, Redaction((), words))
        try:
            result = await self._call(prompt)
        except GenerationError:
            raise
        except Exception as error:
            failure = failure_of(error, self.name)
            if failure is None:
                raise
            failure.request_id = asked.redaction.name(failure.request_id)
            if isinstance(failure, ProviderTimeoutError | UnreachableError):  # it may have arrived all the same
                failure.unsettled_usd = self._max_cost or 0.0
            raise failure from error
        if isinstance(result, Completion):
            return result
        answer, cost = Answer(), self._cost_of(result)
        try:
            self._read(answer, result)
            completion = self._verdicts.completion(answer, asked, self)
        except ProviderError as error:
            if cost is None:
                self._verdicts.settle(error, answer, asked)
            else:
                error.cost_usd = cost
            raise
        trace = replace(completion.trace, tier=self._tier)
        if cost is not None:
            trace = replace(trace, cost_usd=cost, unsettled_usd=0.0)
        return replace(completion, trace=trace)

    def error(self, kind: type[ProviderError], message: str, **more: Any) -> ProviderError:
        """Return an error of this generator's."""
        return kind(f"{self.name}: {message}", provider=self.name, **more)

    async def _call(self, prompt: Prompt) -> object:
        if self._awaited:
            return await _awaitable(self._function(prompt))
        # Not raised in the executor: a StopIteration would never arrive.
        result, error = await asyncio.to_thread(_try, self._function, prompt)
        if error is not None:
            raise error
        return await result if inspect.isawaitable(result) else result

    def _read(self, answer: Answer, result: object) -> None:
        try:
            _read_into(answer, result)
        except ValueError as error:
            what = f"the function returned a {type(result).__name__} that holds no answer"
            raise self.error(MalformedAnswerError, f"{what}: {error}") from error

    def _cost_of(self, result: object) -> float | None:
        """Return what the function `cost` says, or None if that is nothing: the answer has been paid for already."""
        if self._cost is None:
            return None
        try:
            cost = self._cost(result)
        except Exception:  # noqa: BLE001 - the host's own function, whatever it raises
            return None
        known = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < inf
        return float(cost) if known and cost is not None else None


def _awaitable(value: object) -> Awaitable[object]:
    assert inspect.isawaitable(value)  # noqa: S101 - for the type checker
    return value


def _try(function: Callable[[Prompt], object], prompt: Prompt) -> tuple[object, Exception | None]:
    try:
        return function(prompt), None
    except Exception as error:  # noqa: BLE001 - raised by the caller
        return None, error


def _read_into(answer: Answer, result: object) -> None:
    """Take the answer that a client's result holds.

    Raises:
        ValueError: it holds none.
    """
    if isinstance(result, str):
        answer.text, answer.begun = result, True
        return
    choices = _member(result, "choices")
    if choices is not None:
        if not isinstance(choices, Iterable) or isinstance(choices, str | bytes | Mapping):
            raise ValueError("its choices are no list")
        answer.read(
            {
                "choices": [_plain_choice(choice) for choice in list(choices)[:1]],
                "usage": _plain_usage(_member(result, "usage")),
                "model": _member(result, "model"),
                "id": _member(result, "id"),
            }
        )
        return
    content = _member(result, "content")
    if not isinstance(content, str):
        raise ValueError("neither choices nor a text as content")  # noqa: TRY004 - it is what came that is wrong
    usage = _member(result, "usage_metadata")
    counts = {"prompt_tokens": _member(usage, "input_tokens"), "completion_tokens": _member(usage, "output_tokens")}
    answer.text, answer.usage, answer.begun = content, read_usage(counts), True


def _plain_choice(choice: object) -> dict[str, Any]:
    message = _member(choice, "message")
    plain = {name: _member(message, name) for name in ("content", "refusal")}
    return {"message": None if message is None else plain, "finish_reason": _member(choice, "finish_reason")}


def _plain_usage(usage: object) -> dict[str, Any]:
    cached = _member(_member(usage, "prompt_tokens_details"), "cached_tokens")
    counts = {name: _member(usage, name) for name in ("prompt_tokens", "completion_tokens")}
    return {**counts, "prompt_tokens_details": {"cached_tokens": cached}}


def _member(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
