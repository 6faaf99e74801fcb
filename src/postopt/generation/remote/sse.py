"""Server-sent events, out of bytes that may be cut anywhere."""

from __future__ import annotations


class EventStream:
    """Takes the bytes of an event stream as they come and gives back the data of the events that are whole.

    Laws:
        - The events are the same however the bytes are cut.
        - Lines end in LF, CR or CRLF; a line that begins with a colon is a comment; `data` lines are joined by LF; an
          event without data is none; what no blank line ends is no event.
        - An event with `id` and data of the event before it is that event again, as after a proxy's retry, and is
          dropped. Events without an id cannot be told from ones that happen to be alike, and are all kept; so are all
          of a stream that gives one id to different events.
        - At most `max_bytes` of an event that is not whole are kept.

    Source: WHATWG, HTML Living Standard, 9.2.6 "Interpreting an event stream". `event` and `retry` are ignored:
    an answer has one type of events, and nobody reconnects to it. Data stay bytes: who decodes them judges their UTF-8.

    Args:
        max_bytes: most bytes of one event.
    """

    __slots__ = ("_after_cr", "_data", "_id", "_ids_tell", "_last", "_max_bytes", "_rest", "_size", "_started")

    def __init__(self, *, max_bytes: int = 2**20) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()  # of a line that has not ended
        self._after_cr = False  # the LF that belongs to the last CR may be still to come
        self._started = False  # a byte order mark is behind us
        self._last: tuple[bytes | None, list[bytes]] = (None, [])  # id and data of the event before
        self._ids_tell = True  # no id was given to two different events
        self._id: bytes | None = None
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
        elif field == b"id" and b"\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> bytes | None:
        data, identity = self._data, self._id
        self._clear()
        if not data:
            return None
        same_id = identity is not None and identity == self._last[0]
        same = data == self._last[1]
        self._ids_tell = self._ids_tell and (same or not same_id)
        self._last = identity, data
        return None if same_id and same and self._ids_tell else b"\n".join(data)

    def _clear(self) -> None:
        self._data: list[bytes] = []
        self._size = 0
        self._id = None
