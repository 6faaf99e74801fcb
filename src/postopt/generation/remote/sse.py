"""Server-sent events, out of bytes that may be cut anywhere."""

from __future__ import annotations


class EventStream:
    """Takes the bytes of an event stream as they come and gives back the data of the events that are whole.

    Laws:
        - The events are the same however the bytes are cut.
        - Lines end in LF, CR or CRLF; a line that begins with a colon is a comment; `data` lines are joined by LF; an
          event without data is none; what no blank line ends is no event.
        - Every event counts, also one like that before it, whatever its id: servers give one id to different events, so
          that an event sent twice cannot be told from a word said twice, and a word lost is worse.
        - At most `max_bytes` of an event that is not whole are kept.

    Source: WHATWG, HTML Living Standard, 9.2.6 "Interpreting an event stream". `event`, `id` and `retry` are
    ignored: an answer has one type of events, and nobody reconnects to it. Data stay bytes: who
    decodes them judges their UTF-8.

    Args:
        max_bytes: most bytes of one event.
    """

    __slots__ = ("_after_cr", "_data", "_max_bytes", "_rest", "_size", "_started")

    def __init__(self, *, max_bytes: int = 2**20) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()  # of a line that has not ended
        self._after_cr = False  # the LF that belongs to the last CR may be still to come
        self._started = False  # a byte order mark is behind us
        self._clear()

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes; return the data of the events that they complete.

        Raises:
            ValueError: an event is larger than `max_bytes`.
        """
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        self._rest += data
        if not self._started and not self._begin():
            return []
        if b"\n" not in data and b"\r" not in data:
            self._check_size(self._size + len(self._rest))
            return []
        self._after_cr = data.endswith(b"\r")
        *lines, rest = bytes(self._rest).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = bytearray(rest)
        events = [event for line in lines if (event := self._take(line)) is not None]
        self._check_size(self._size + len(rest))
        return events

    def _begin(self) -> bool:
        """Take a byte order mark away; False while it cannot be told whether there is one."""
        mark = b"\xef\xbb\xbf"
        if len(self._rest) < len(mark) and mark.startswith(self._rest):
            return False
        self._started = True
        if self._rest.startswith(mark):
            del self._rest[: len(mark)]
        return True

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise ValueError(f"an event has more than {self._max_bytes} bytes")

    def _take(self, line: bytes) -> bytes | None:
        if not line:
            return self._dispatch()
        self._check_size(self._size + len(line))
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._size += len(line) + 1  # so that empty lines count, too
        return None

    def _dispatch(self) -> bytes | None:
        data = self._data
        self._clear()
        return b"\n".join(data) if data else None

    def _clear(self) -> None:
        self._data: list[bytes] = []
        self._size = 0
