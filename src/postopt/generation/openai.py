"""Posts from any server with OpenAI's HTTP interface: OpenAI itself, vLLM, llama.cpp, Ollama, a gateway."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Literal, Self

from postopt._checks import check_callable, check_count, check_positive
from postopt.backends.base import JSONBackend
from postopt.backends.json import JSON
from postopt.clock import Clock
from postopt.errors import (
    AuthenticationError,
    CallRejectedError,
    CutOffError,
    DeadlineExceededError,
    EmptyAnswerError,
    GenerationError,
    InvalidRequestError,
    MalformedAnswerError,
    ProviderError,
    ProviderTimeoutError,
    shown,
)
from postopt.generation.base import Chunk
from postopt.generation.prompt import messages, render
from postopt.generation.remote.address import Secret, check_key, parse_address
from postopt.generation.remote.aiohttp import Exchange, Limits, Site
from postopt.generation.remote.answer import Answer
from postopt.generation.remote.failures import Failure, failure_in, retry_after
from postopt.generation.remote.proxies import environment_proxy
from postopt.generation.remote.redaction import Redaction, disguises
from postopt.generation.remote.request import Requests, check_model
from postopt.generation.remote.streaming import StreamedAnswer
from postopt.generation.remote.verdict import Asked, Verdicts
from postopt.resilience import deadline
from postopt.resilience.price import Price
from postopt.types import Completion, Prompt

_MOST_OF_A_FAILURE = 65_536  # bytes of an error's body; what is longer is a page, and says nothing more

# After these the provider may well have done its work, and charge for it: a request that no answer came to, an answer
# that broke off, and a gateway that did not wait for it.
_MAY_BE_BILLED = (0, 408, 504)
_UNSETTLED = (CutOffError, DeadlineExceededError, EmptyAnswerError, MalformedAnswerError, ProviderTimeoutError)

# What a server has to send the body of an error whose status is known. Arbitrary.
_FAILURE_SECONDS = 2.0

# What a server has to send the usage, once it has said why the text ends. Arbitrary.
_USAGE_SECONDS = 1.0

_UNREADABLE = object()

_ROLES = 64  # tokens at most for what a server puts around two messages; arbitrary


class OpenAIGenerator:
    """A `Generator` and `StreamingGenerator` that asks a server with OpenAI's chat completions interface.

    A prompt with text is sent as it is, one without is made from its brief (`generation.prompt.render`). What comes
    back is stripped of white space around it and else not touched. One call is one request: nothing is retried here.

    Laws:
        - A call ends with an answer, one of our errors or its cancellation, and within `seconds`, or within the
          deadline of whoever calls (`resilience.deadline`) if that comes first.
        - A cancelled call closes its connection, so that the server can stop. No connection is used again unless the
          answer before was read to its end.
        - Key, user, password and query of the address are in no error, cause, repr or trace. Errors name a provider's
          codes and parameters where these quote neither secret nor prompt, and never its sentences.
        - Redirects are not followed. Certificates are checked, always. Proxies of the environment are left alone
          unless asked for; ~/.netrc is never read.
        - An answer that cannot be true is an error; a usage that cannot be (no tokens for a text, more than the limits
          allow) is estimated, and marked so. What a call may cost beyond an estimate, up to `max_cost`, is in
          `trace.unsettled_usd`, and so it is in an error once an answer had begun or may have.

    One object serves any number of event loops and threads at a time, with connections of their own for each; the
    child of a fork opens its own.

    Attributes:
        name: as in `Generator`.
        model: whom it asks unless a prompt names another.
        price: what tokens cost, or None.
        keeps_deadline: True: a call ends by itself when its deadline comes.

    Args:
        base_url: up to where "/chat/completions" begins: "http://127.0.0.1:8000/v1". A user and password in it are
            sent as such.
        model: the server's name for the model.
        api_key: sent as a bearer token; or a function that returns one, called in the event loop for each request, so
            it must not wait.
        price: of `model`, for `trace.cost_usd`; without it, and where a prompt names another model, costs are 0, and
            the trace says that the price is unknown.
        name: "model@host" unless given; printable.
        schema: JSON schema of the answer, which the server is asked to keep and which is checked here (`breaks` in
            generation/remote/schema.py says what of it); the answer's text is then JSON.
        stream: have `generate` ask for a stream, so that a call that breaks off has `partial_text`, and a server that
            has stopped in the midst is noticed within `gap_seconds`; costs more time of this process per call.
        connect_seconds: until there is a connection. This and the other limits are arbitrary.
        first_token_seconds: from then until the first of the answer; without a stream that is all of the generation.
        gap_seconds: between one part of the answer and the next.
        seconds: for the whole call.
        max_connections: most at one time in each event loop; further calls wait.
        max_tokens: of an answer whose prompt sets no limit; 1,024 are arbitrary, several long posts. With None nobody
            knows what a call can cost (`max_cost`).
        max_answer_bytes: a longer answer is malformed; 4 MiB are arbitrary, above any answer of a model.
        token_limit: what the server calls the limit of tokens; OpenAI's reasoning models take the second only.
        extra_body: further fields of each request, `temperature` and the like where a prompt leaves them open; None for
            `stream_options` leaves that out. What would let a call cost more than `max_cost` says (`n`, `best_of` and
            others, `COSTLY` in generation/remote/request.py) is refused.
        truncated: whether an answer that ended at its limit of tokens raises TruncatedError or is accepted.
        tls: knows which certificates to trust; the system's unless given. One that checks none is refused.
        environment_proxies: whether HTTPS_PROXY and the like, as they are now, are heeded.
        json: reads and writes JSON.
        wall_clock: seconds since the epoch, for dates in `Retry-After`.

    Raises:
        ValueError: an argument is out of range; no secret is quoted.
    """

    def __init__(  # noqa: PLR0913 - a server has as many sides
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | Callable[[], str] | None = None,
        price: Price | None = None,
        name: str = "",
        schema: Mapping[str, Any] | None = None,
        stream: bool = False,
        connect_seconds: float = 5.0,
        first_token_seconds: float = 30.0,
        gap_seconds: float = 10.0,
        seconds: float = 60.0,
        max_connections: int = 100,
        max_tokens: int | None = 1024,
        max_answer_bytes: int = 4 * 2**20,
        token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",  # noqa: S107
        extra_body: Mapping[str, Any] | None = None,
        truncated: Literal["raise", "accept"] = "raise",
        tls: ssl.SSLContext | None = None,
        environment_proxies: bool = False,
        json: JSONBackend = JSON,
        wall_clock: Clock = time.time,
    ) -> None:
        limits = Limits(connect=connect_seconds, first_token=first_token_seconds, gap=gap_seconds, total=seconds)
        _check_arguments(limits, tls, price, truncated)
        check_callable("wall_clock", wall_clock, "returns the seconds since the epoch")
        check_count("max_connections", max_connections)
        check_count("max_answer_bytes", max_answer_bytes)
        if max_tokens is not None:
            check_count("max_tokens", max_tokens)
        address = parse_address(base_url)
        key = None if api_key is None or callable(api_key) else Secret(check_key(api_key))
        if api_key is not None and address.authorization is not None:
            raise ValueError("api_key is given, and base_url holds a user or password; a server takes one of them")
        self.model = model
        self.name = check_model(name, "name") if name else f"{check_model(model)}@{address.host}"
        self.price = price
        self._address = address.shown
        self._ask_for_key = api_key if callable(api_key) else None
        self.keeps_deadline = True
        self._stream = stream
        self._max_bytes = max_answer_bytes
        self._json = json
        self._wall_clock = wall_clock
        self._closed = False
        self._requests = Requests(
            model, json=json, schema=schema, max_tokens=max_tokens, token_limit=token_limit, extra=extra_body or {}
        )
        self._verdicts = Verdicts(
            self.name, model, price=price, max_cost=self.max_cost, schema=schema,
            accepts_truncated=truncated == "accept", json=json,
        )  # fmt: skip
        proxy = environment_proxy(address.shown) if environment_proxies else None
        keys = disguises([key] if key else [])
        self._secrets = (*map(Secret, keys), *address.secrets, *(proxy.secrets if proxy else ()))
        authorization = Secret(f"Bearer {key}") if key else address.authorization
        self._site = Site(
            address.chat, name=self.name, authorization=authorization, limits=limits, connections=max_connections,
            tls=tls, proxy=proxy.url if proxy else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"OpenAIGenerator({self._address!r}, {self.model!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return the most US dollars that a call can cost, or None if its price or its length is unknown.

        A byte is a token at most, so the bytes of the prompt are a bound of its tokens. A prompt that names another
        model has no known price, and one that will be refused because of its `max_tokens` costs nothing.
        """
        max_tokens, price = self._requests.limit(prompt), self._verdicts.price_for(prompt)
        if price is None or max_tokens is None:
            return None
        if type(max_tokens) is not int or max_tokens < 1:
            return 0.0
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in render(prompt))
        return price.upper_bound(input_tokens=size + self._requests.fixed_bytes + _ROLES, max_tokens=max_tokens)

    async def aclose(self) -> None:
        """Close all connections, of other loops too; calls under way there fail, and further ones are rejected."""
        self._closed = True
        await self._site.aclose()

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer one prompt.

        Raises:
            ProviderError: its subclasses say what went wrong, and where it says `cost_usd`, it was paid for.
            DeadlineExceededError: the caller's deadline left no time worth the name.
            ShedError: no connection got free in time.
            CallRejectedError: this generator is closed.
        """
        if self._stream:
            async with aclosing(self._pieces(prompt)) as pieces:
                last = [piece async for piece in pieces][-1]
            assert isinstance(last, Completion)  # noqa: S101 - for the type checker
            return last
        asked, exchange = self._prepare(prompt, stream=False)
        answer = Answer()
        try:
            async with exchange:
                if not exchange.answered:
                    raise await self._failure(exchange, asked)
                self._read(answer, await exchange.read_all(self._max_bytes), exchange, asked)
                return self._verdicts.completion(answer, asked, exchange)
        except GenerationError as error:
            self._settle(error, exchange, answer, asked)
            raise

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Yield the answer as it comes; white space around it is left as it is. Raises what `generate` raises.

        If the answer breaks off, `partial_text` of the error is what had been yielded.
        """
        async with aclosing(self._pieces(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield Chunk(text=piece)
                else:
                    yield Chunk(text="", finish_reason=piece.finish_reason, usage=piece.usage, trace=piece.trace)

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | Completion, None]:
        """Yield the texts as they come, and last what they amount to."""
        asked, exchange = self._prepare(prompt, stream=True)
        streamed = StreamedAnswer(json=self._json, max_bytes=self._max_bytes)
        answer = streamed.answer
        try:
            async with exchange:
                if not exchange.answered:
                    raise await self._failure(exchange, asked)
                if exchange.content_type == "application/json":  # a server that does not stream
                    self._read(answer, await exchange.read_all(self._max_bytes), exchange, asked)
                    if answer.text:
                        yield answer.text
                else:
                    while (texts := await self._more(exchange, streamed, asked)) is not None:
                        for text in texts:
                            yield text
                completion = self._verdicts.completion(answer, asked, exchange)
        except GenerationError as error:
            self._settle(error, exchange, answer, asked)
            raise
        yield completion

    async def _more(self, exchange: Exchange, streamed: StreamedAnswer, asked: Asked) -> list[str] | None:
        """Return the next texts, or None once there are no more."""
        try:
            return await self._next(exchange, streamed, asked)
        except GenerationError as error:
            streamed.finish()
            if streamed.whole and isinstance(error, _UNSETTLED) and not streamed.problem:
                return None  # all of the text is there; what is missing is its usage at most
            if isinstance(error, ProviderError):
                error.partial_text = asked.redaction.text(streamed.answer.text)
            raise

    async def _next(self, exchange: Exchange, streamed: StreamedAnswer, asked: Asked) -> list[str] | None:
        if streamed.failure is not None:
            raise self._verdicts.failure(streamed.failure, 200, asked, exchange)
        if not streamed.problem and not streamed.ended and (data := await exchange.read()):
            texts = streamed.feed(data)
            if texts:
                exchange.phase = "stream"
            if streamed.whole and not streamed.ended:
                exchange.end_within(_USAGE_SECONDS)
            return texts
        streamed.finish()
        if streamed.problem:
            raise exchange.error(MalformedAnswerError, streamed.problem)
        if not streamed.whole:
            raise exchange.error(CutOffError, "the stream ended before the answer")
        exchange.phase = "stream"
        await exchange.end()
        return None

    def _prepare(self, prompt: Prompt, *, stream: bool) -> tuple[Asked, Exchange]:
        """Return what is asked for, and the exchange that begins with sending it."""
        if self._closed:
            raise CallRejectedError(f"{self.name}: this generator is closed")
        try:
            deadline.check(self.name)
        except DeadlineExceededError as error:
            error.attempts = 0
            raise
        told = messages(prompt)
        try:
            body = self._requests.write(prompt, told, stream=stream)
        except InvalidRequestError as error:
            error.provider, error.attempts = self.name, 0
            raise
        secrets, headers = self._secrets, None
        if self._ask_for_key is not None:
            key = self._ask(self._ask_for_key)
            secrets, headers = (key, *secrets), {"Authorization": Secret(f"Bearer {key}")}
        words = "\n".join([message["content"] for message in told])
        redaction = Redaction(secrets, words)
        limit, fixed = self._requests.limit(prompt), self._requests.fixed_bytes + _ROLES
        return Asked(prompt, words, redaction, limit, fixed), self._site.post(body, redaction, headers)

    def _ask(self, for_key: Callable[[], str]) -> Secret:
        try:
            return Secret(check_key(for_key()))
        except Exception as error:  # noqa: BLE001 - the host's own function, whatever it raises
            reason = type(error).__name__
        failure = AuthenticationError(f"{self.name}: api_key() gave no key ({reason})", provider=self.name)
        failure.attempts = 0
        raise failure  # outside of the block: what the function raised may quote the key

    def _settle(self, error: GenerationError, exchange: Exchange, answer: Answer, asked: Asked) -> None:
        """Put into an error what the call cost, and what it may have cost if nobody will ever say so."""
        sent = exchange.phase in ("first_token", "stream")
        unclear = isinstance(error, _UNSETTLED) and (exchange.answered or exchange.status in _MAY_BE_BILLED)
        if answer.begun or answer.usage is not None or (sent and unclear):
            self._verdicts.settle(error, answer, asked)

    def _read(self, answer: Answer, data: bytes, exchange: Exchange, asked: Asked) -> None:
        """Take the answer that the body of a success holds."""
        body: Any = _UNREADABLE
        with suppress(ValueError):  # which quotes the answer, so that it must not be the context of ours
            body = self._json.loads(data)
        if body is _UNREADABLE:
            raise _unreadable(data, exchange)
        if (failure := failure_in(body)) is not None:
            raise self._verdicts.failure(failure, 200, asked, exchange)
        try:
            answer.read(body)
        except ValueError as error:
            raise exchange.error(MalformedAnswerError, f"the answer is none: {error}") from error

    async def _failure(self, exchange: Exchange, asked: Asked) -> ProviderError:
        """Return the error that an answer without success amounts to."""
        exchange.end_within(_FAILURE_SECONDS)
        try:
            failure = failure_in(self._json.loads(await exchange.read_all(_MOST_OF_A_FAILURE)))
        except (ValueError, GenerationError):  # no JSON, or no end of it: then the status says what there is to say
            failure = None
        exchange.phase = "first_token"  # that is what did not come
        wait = retry_after(exchange.headers, self._wall_clock())
        return self._verdicts.failure(failure or Failure(), exchange.status, asked, exchange, retry_after=wait)


def _unreadable(data: bytes, exchange: Exchange) -> ProviderError:
    """Return what an answer amounts to that is no JSON."""
    text = data.strip()
    if not text:
        return exchange.error(EmptyAnswerError, "the answer is empty")
    try:
        data.decode()
    except UnicodeDecodeError:
        return exchange.error(MalformedAnswerError, "the answer is not UTF-8")
    if text.startswith(b"{") and not text.endswith(b"}"):
        return exchange.error(CutOffError, "the answer ends in the midst of its JSON")
    what = "a page of HTML, as from a proxy" if text.startswith(b"<") else "no JSON"
    return exchange.error(MalformedAnswerError, f"the answer is {what}")


def _check_arguments(limits: Limits, tls: object, price: object, truncated: object) -> None:
    for name, value in zip(("connect_seconds", "first_token_seconds", "gap_seconds", "seconds"), limits, strict=True):
        check_positive(name, value, "seconds")
    if tls is not None and not isinstance(tls, ssl.SSLContext):
        raise ValueError(f"tls is {shown(tls)}; an ssl.SSLContext, or None for the system's, is needed")
    if tls is not None and tls.verify_mode == ssl.CERT_NONE:
        raise ValueError("tls has verify_mode CERT_NONE; load the certificate of whoever signed the server's instead")
    if price is not None and not isinstance(price, Price):
        raise ValueError(f"price is {shown(price)}; a Price, or None, is needed")
    if truncated not in ("raise", "accept"):
        raise ValueError(f"truncated is {shown(truncated)}; 'raise' or 'accept' is needed")
