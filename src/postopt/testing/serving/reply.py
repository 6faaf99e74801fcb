"""What a scripted server answers to one call, and the bytes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JSON_TYPE = "application/json"
EVENT_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one call; without arguments, a plausible post.

    Attributes:
        text: what the model says; None for a post that holds the facts of the brief in the request.
        finish_reason: why it ends.
        usage: the usage block; None for a true count, and {} for no block at all.
        message: further members of the message, or of the first delta ({"refusal": "..."}).
        error: the error object to send in place of an answer, or of the second half of a stream.
        status: of the answer; from 300 on `error`, or one made up, is its body.
        headers: further ones.
        body: sent in place of all that, in one piece or, chunked, in several.
        raw: sent in place of the whole HTTP answer; the connection is closed behind it.
        content_type: in place of the right one.
        latency: seconds until anything is sent; None for the server's.
        hang: where the server stops until `release`: before the "headers", behind them ("first_token"), or in the
            midst of the body ("stream").
        cut: how many bytes of the body are sent before the connection is closed.
        drip: seconds between one byte of the body and the next.
        pieces: into how many deltas a stream cuts the text.
        repeat: how often a stream sends each event.
        done: whether a stream ends in "[DONE]".
        closes: whether the connection is closed behind the answer.
    """

    text: str | None = None
    finish_reason: str | None = "stop"
    usage: Mapping[str, Any] | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    error: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] | None = None
    raw: bytes | None = None
    content_type: str | None = None
    latency: float | None = None
    hang: Literal["", "headers", "first_token", "stream"] = ""
    cut: int | None = None
    drip: float = 0.0
    pieces: int = 4
    repeat: int = 1
    done: bool = True
    closes: bool = False


def head(reply: Reply, content_type: str, length: int | None) -> bytes:
    """Return the status line and headers; chunked if there is no length."""
    lines = [f"HTTP/1.1 {reply.status} Scripted", f"Content-Type: {reply.content_type or content_type}"]
    lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.closes:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(reply: Reply, model: str, text: str, usage: Mapping[str, Any]) -> bytes:
    """Return the body of an answer in one piece."""
    if reply.error is not None or reply.status >= 300:
        return json.dumps({"error": reply.error or _made_up(reply.status)}).encode()
    message = {"role": "assistant", "content": text, **reply.message}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    body = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}
    return json.dumps({**body, **({"usage": usage} if usage else {})}, ensure_ascii=False).encode()


def events(reply: Reply, model: str, text: str, usage: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield the text that each event of a stream adds, and the event."""
    frame = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 0, "model": model}
    pieces = list(_cut(text, reply.pieces))

    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        return event({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}) * reply.repeat

    yield "", chunk({"role": "assistant", "content": "", **reply.message})
    for number, piece in enumerate(pieces):
        if reply.error is not None and number >= len(pieces) // 2:
            yield "", event({"error": reply.error})
            return
        yield piece * reply.repeat, chunk({"content": piece})
    if reply.finish_reason:
        yield "", chunk({}, reply.finish_reason)
    if usage:
        yield "", event({**frame, "choices": [], "usage": usage}) * reply.repeat
    if reply.done:
        yield "", b"data: [DONE]\n\n" * reply.repeat


def event(body: Any) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def _cut(text: str, pieces: int) -> Iterator[str]:
    size = max(1, -(-len(text) // pieces))
    return (text[at : at + size] for at in range(0, len(text), size))


def _made_up(status: int) -> dict[str, Any]:
    return {"message": f"scripted status {status}", "type": None, "code": None, "param": None}
