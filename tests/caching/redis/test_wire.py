"""One connection, without a network: what it takes for a server to count as silent, and for a wire as lost."""

import asyncio

import pytest

from postopt.caching.remote.wire import Exchange, Wire
from postopt.errors import StoreError

PING = [(b"PING",)]


class Transport(asyncio.Transport):
    """Keeps what is written, and hands over nothing by itself."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.closing = self.aborted = False

    def set_protocol(self, protocol):
        self.protocol = protocol

    def write(self, data):
        self.written += data

    def is_closing(self):
        return self.closing

    def abort(self):
        self.closing = self.aborted = True


def run(story):
    async def main():
        transport, pushed = Transport(), []
        await story(Wire(transport, pushed.append), transport, pushed)

    asyncio.run(main())


def send(wire):
    exchange = Exchange(PING)
    wire.send(exchange)
    return exchange.replies


def test_answers_go_to_those_who_asked_in_order():
    async def story(wire, transport, pushed):
        first, second, third = send(wire), send(wire), send(wire)
        second.cancel()
        wire.data_received(b"+one\r\n>2\r\n+invalidate\r\n_\r\n+two\r\n-ERR three\r\n")
        assert await first == [b"one"]
        [error] = await third
        assert str(error) == "ERR three"
        assert pushed == [[b"invalidate", None]]
        assert wire.is_open

    run(story)


def test_silence_is_an_answer_that_was_due_for_a_whole_interval():
    async def story(wire, transport, pushed):
        assert not wire.is_silent()
        assert not wire.is_silent()  # nothing was asked
        send(wire)
        assert not wire.is_silent()  # asked only just now
        assert wire.is_silent()

    run(story)


@pytest.mark.parametrize("data", [b"+PONG\r\n", b"+PO", b">2\r\n+invalidate\r\n_\r\n"])
def test_whatever_comes_is_a_sign_of_life(data):
    async def story(wire, transport, pushed):
        for _ in range(3):
            send(wire)
        assert not wire.is_silent()
        wire.data_received(data)
        assert not wire.is_silent()

    run(story)


def test_one_answer_for_another_is_no_silence():
    async def story(wire, transport, pushed):
        assert not wire.is_silent()
        for _ in range(3):
            send(wire)
            assert not wire.is_silent()
            wire.data_received(b"+PONG\r\n")
            assert not wire.is_silent()

    run(story)


def test_a_transport_that_is_closing_is_not_open():
    async def story(wire, transport, pushed):
        assert wire.is_open
        transport.closing = True
        assert not wire.is_open

    run(story)


@pytest.mark.parametrize("data", [b"garbage\r\n", b"+PONG\r\n+PONG\r\n", b"-READONLY no\r\n"])
def test_what_cannot_be_trusted_is_given_up(data):
    async def story(wire, transport, pushed):
        asked, waiting = send(wire), None
        if not data.startswith(b"+"):
            waiting = send(wire)
        wire.data_received(data)
        assert transport.aborted
        assert not wire.is_open
        assert isinstance(await wire.lost, Exception)
        for replies in filter(None, (asked, waiting)):
            if replies.exception() is not None:
                assert isinstance(replies.exception(), StoreError)
        if waiting is not None:
            assert waiting.exception() is not None

    run(story)


def test_a_listener_that_fails_costs_the_connection():
    async def main():
        def fail(message):
            raise LookupError

        wire = Wire(Transport(), fail)
        wire.data_received(b">2\r\n+invalidate\r\n_\r\n")
        assert isinstance(await wire.lost, LookupError)

    asyncio.run(main())


def test_it_is_lost_once():
    async def story(wire, transport, pushed):
        replies = send(wire)
        wire.lose(StoreError("first"))
        wire.connection_lost(OSError("second"))
        assert str(await wire.lost) == "first"
        with pytest.raises(StoreError, match="first"):
            await replies
        assert len(wire.sent) == 1

    run(story)
