"""Certificates are checked, always."""

import ssl
from pathlib import Path

import pytest

from postopt.errors import UnreachableError
from postopt.testing.server import ScriptedServer

CERTIFICATE = Path(__file__).with_name("loopback.pem")  # of 127.0.0.1, issued by itself, for this test alone


@pytest.fixture
def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(client, prompt, run, tls):
    async def call():
        async with ScriptedServer(tls=tls) as server, client(server.url, "m", api_key="sk-1") as ours:
            with pytest.raises(UnreachableError, match="no trust") as caught:
                await ours.generate(prompt)
            assert not caught.value.retryable
            assert "ssl.SSLContext" in caught.value.hint
            assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
            assert server.calls == 0

    run(call())


@pytest.mark.parametrize("stream", [False, True])
def test_a_certificate_of_a_known_issuer_is_accepted(client, prompt, run, tls, stream):
    trust = ssl.create_default_context(cafile=CERTIFICATE)

    async def call():
        async with ScriptedServer(tls=tls) as server, client(server.url, "m", tls=trust, stream=stream) as ours:
            for _ in range(2):
                assert (await ours.generate(prompt)).text
            assert server.connections == 1

    run(call())


def test_a_server_without_tls_is_unreachable_by_https(client, prompt, run):
    async def call():
        async with ScriptedServer() as server, client(server.url.replace("http:", "https:"), "m") as ours:
            with pytest.raises(UnreachableError):
                await ours.generate(prompt)

    run(call())
