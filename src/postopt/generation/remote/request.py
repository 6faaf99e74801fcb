"""The body of a request for a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from postopt.backends.base import JSONBackend
from postopt.errors import InvalidRequestError, shown
from postopt.generation.prompt import sampling
from postopt.generation.remote.schema import check_schema
from postopt.types import Prompt

# What a request holds because of a prompt or of a setting of its own; nothing else may set it.
OURS = ("model", "messages", "stream", "response_format", "max_tokens", "max_completion_tokens")

# What would let a call cost more than its price and its limit of tokens say: several answers, limits by other names,
# other models, tokens that are charged besides the answer's, searches.
COSTLY = (
    "n", "best_of", "num_return_sequences", "num_generations", "candidate_count", "use_beam_search", "num_beams",
    "beam_width", "max_new_tokens", "max_output_tokens", "max_length", "n_predict", "num_predict", "models",
    "fallbacks", "prediction", "web_search_options", "plugins",
)  # fmt: skip

_OPEN = ("temperature", "top_p", "seed", "stop")  # what a prompt may say, or leave open


class Requests:
    """Writes requests for one model; what is the same in all of them is written once.

    Args:
        model: whom to ask, unless a prompt names another.
        json: writes them.
        schema: JSON schema that the answer has to keep, or None.
        max_tokens: of an answer, unless a prompt says otherwise.
        token_limit: what the server calls `Prompt.max_tokens`.
        extra: further fields, of which those that are None are left out.

    Raises:
        ValueError: the model's name holds what is not printable; `token_limit` is unknown; `extra` sets a field that
            is ours or makes calls cost more than `max_cost` could know, or holds what is no JSON; `schema` is none.
    """

    def __init__(
        self,
        model: str,
        *,
        json: JSONBackend,
        schema: Mapping[str, Any] | None,
        max_tokens: int | None,
        token_limit: Literal["max_tokens", "max_completion_tokens"],
        extra: Mapping[str, Any],
    ) -> None:
        self._json = json
        self._max_tokens = max_tokens
        self._token_limit = token_limit
        self.model = check_model(model)
        if token_limit not in ("max_tokens", "max_completion_tokens"):
            raise ValueError(f"token_limit is {shown(token_limit)}; 'max_tokens' or 'max_completion_tokens' is needed")
        if theirs := set(extra) & {*OURS, *COSTLY}:
            raise ValueError(f"extra_body sets {shown(sorted(theirs))}, which is not its to set")
        fields = {"stream_options": {"include_usage": True}, **extra}
        if schema is not None:
            check_schema(schema)
            wanted = {"name": "post", "strict": True, "schema": schema}
            fields["response_format"] = {"type": "json_schema", "json_schema": wanted}
        fields = {name: value for name, value in fields.items() if value is not None}
        self._defaults = {name: fields.pop(name) for name in _OPEN if name in fields}
        try:
            json.dumps(self._defaults)
            self._streaming = json.dumps({"stream": True, **fields})[1:-1]
            fields.pop("stream_options", None)
            self._plain = json.dumps(fields)[1:-1]
            self._model = json.dumps(model)
        except TypeError as error:
            raise ValueError("extra_body or schema holds what JSON cannot") from error

    @property
    def fixed_bytes(self) -> int:
        """How long the part is that is the same in all requests: a bound of the tokens of a schema."""
        return len(self._plain)

    def limit(self, prompt: Prompt) -> int | None:
        """Return the most tokens that the answer to a prompt may have, or None."""
        return self._max_tokens if prompt.max_tokens is None else prompt.max_tokens

    def write(self, prompt: Prompt, told: list[dict[str, str]], *, stream: bool) -> bytes:
        """Return the body that asks for the answer to a prompt, whose messages are `told`.

        Raises:
            InvalidRequestError: the prompt holds what no request can: a lone surrogate, NaN, a model's name with a
                line end in it.
        """
        fields: dict[str, Any] = {"messages": told, **self._defaults, **sampling(prompt)}
        limit = fields.pop("max_tokens", self._max_tokens)
        if limit is not None:
            fields[self._token_limit] = limit
        try:
            model = self._model if prompt.model is None else self._json.dumps(check_model(prompt.model, "prompt.model"))
        except ValueError as error:
            raise InvalidRequestError(str(error)) from error
        body = b""
        with suppress(TypeError):  # which could quote the prompt, so that it must not be the context of ours
            body = self._json.dumps(fields)
        if not body:
            what = "a lone surrogate, or a number of more than 64 bits"
            raise InvalidRequestError(f"the prompt holds what JSON cannot: {what}")
        fixed = self._streaming if stream else self._plain
        return b"".join((b'{"model":', model, b",", fixed, b"," if fixed else b"", body[1:]))


def check_model(name: object, argument: str = "model") -> str:
    """Return a model's name, which reaches traces and logs.

    Raises:
        ValueError: it is no text, empty, or holds what is not printable, such as a line end.
    """
    if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 200:
        raise ValueError(f"{argument} is {shown(name)}; a printable name of at most 200 characters is needed")
    return name
