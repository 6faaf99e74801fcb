import asyncio
import socket
import threading

import pytest

from postopt.testing import no_network

# TEST-NET-1 of RFC 5737: nobody answers there, should a guard fail.
FAR = ("192.0.2.1", 80)


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.connect(FAR),
        lambda s: s.connect_ex(FAR),
        lambda s: s.sendto(b"x", FAR),
        lambda s: s.sendto(b"x", 0, FAR),
        lambda s: s.sendmsg([b"x"], [], 0, FAR),
        lambda s: socket.create_connection(FAR),
        lambda s: socket.getaddrinfo("example.org", 80),
    ],
    ids=["connect", "connect_ex", "sendto", "sendto with flags", "sendmsg", "create_connection", "getaddrinfo"],
)
@pytest.mark.parametrize("loopback", [False, True])
def test_the_network_is_out_of_reach(use, loopback):
    guard, caught = no_network(loopback=loopback), pytest.raises(AssertionError, match="no_network")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, guard, caught:
        use(sock)


def test_loopback_only_if_asked(server):
    with no_network(), pytest.raises(AssertionError):
        socket.create_connection(server)
    with no_network(loopback=True), socket.create_connection(("localhost", server[1]), timeout=10):
        pass


def test_unix_sockets_only_if_asked(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        with no_network(loopback=True), socket.socket(socket.AF_UNIX) as client, pytest.raises(AssertionError):
            client.connect(path)
        with no_network(unix=True), socket.socket(socket.AF_UNIX) as client:
            client.connect(path)


def test_a_connected_socket_may_go_on(server):
    with socket.create_connection(server) as client, no_network():
        client.sendall(b"x")
        client.sendmsg([b"x"])


def test_an_event_loop_can_be_used(server):
    async def main():
        await asyncio.sleep(0)
        with pytest.raises(AssertionError):
            await asyncio.open_connection(*server)

    with no_network():
        asyncio.run(main())


def test_all_threads_are_guarded(server):
    caught = []

    def connect():
        try:
            socket.create_connection(server)
        except AssertionError as error:
            caught.append(error)

    with no_network():
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_everything_is_put_back_also_after_an_error(server):
    before = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto", "sendmsg")}
    lookup = socket.getaddrinfo

    def fail():
        assert socket.getaddrinfo is not lookup
        raise LookupError

    with pytest.raises(LookupError), no_network(), no_network(loopback=True):
        fail()
    assert {name: getattr(socket.socket, name) for name in before} == before
    assert socket.getaddrinfo is lookup
    socket.create_connection(server, timeout=10).close()


def test_an_inner_block_cannot_open_what_an_outer_one_closed(server):
    with no_network(), no_network(loopback=True), pytest.raises(AssertionError):
        socket.create_connection(server)


def test_as_a_decorator(server):
    @no_network()
    def connect():
        socket.create_connection(server)

    with pytest.raises(AssertionError):
        connect()
