"""An answer that comes as server-sent events."""

from __future__ import annotations

from postopt.backends.base import JSONBackend
from postopt.generation.remote.answer import Answer
from postopt.generation.remote.failures import Failure, failure_in
from postopt.generation.remote.sse import EventStream


class StreamedAnswer:
    """Takes the bytes of a streamed answer and gives back the texts that they add.

    What follows a failure, a problem or the end is not looked at. A repeated usage, finish reason or end counts once.

    Attributes:
        answer: all that has come; its text is put together by `finish`.
        failure: the error that the provider sent in the midst, if it did.
        problem: what makes this no answer, or "".
        ended: whether the provider said that this is all ("[DONE]").

    Args:
        json: reads the events.
        max_bytes: most bytes of the text, and of one event.
    """

    def __init__(self, *, json: JSONBackend, max_bytes: int) -> None:
        self.answer = Answer()
        self.failure: Failure | None = None
        self.problem = ""
        self.ended = False
        self._json = json
        self._max_bytes = max_bytes
        self._events = EventStream(max_bytes=max_bytes)
        self._parts: list[str] = []
        self._left = max_bytes
        self._seen = False

    @property
    def whole(self) -> bool:
        """Whether the text has come to its end, though the usage may be missing."""
        return self.ended or bool(self.answer.finish_reason)

    def feed(self, data: bytes) -> list[str]:
        """Take more bytes; return the texts that they add, none of them empty."""
        texts: list[str] = []
        try:
            for event in self._events.feed(data):
                self._seen = True
                if event == b"[DONE]":
                    self.ended = True
                    break
                try:
                    body = self._json.loads(event)
                except ValueError:
                    self.problem = "an event is no JSON"
                    break
                self.failure = failure_in(body)
                if self.failure is not None:
                    break
                if text := self.answer.read_chunk(body):
                    texts.append(text)
                    self._left -= len(text.encode())
                    if self._left < 0:
                        self.problem = f"the answer has more than {self._max_bytes} bytes"
                        break
        except ValueError as error:
            self.problem = f"an event is no part of an answer ({error})"
        self._parts += texts
        return texts

    def finish(self) -> None:
        """Take note that no more bytes come."""
        if not self._seen and not self.problem:
            self.problem = "no event came"
        self.answer.text = "".join(self._parts)
