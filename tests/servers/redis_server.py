"""A real redis-server, started here, which tests may freeze, kill and start again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 30
"""Seconds after which something counts as never happening."""

PROGRAM = shutil.which("redis-server")


class Server:
    """One redis-server on a Unix socket and a port of the loopback, which keeps nothing on disk."""

    def __init__(self, folder):
        self.path = f"{folder}/redis"
        self.url = f"unix://{self.path}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.tcp = f"redis://127.0.0.1:{self.port}/0"
        self._process = None

    def start(self, *options):
        """Start it, and return when it takes connections."""
        arguments = ["--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", self.path, "--save", "", *options]
        self._process = subprocess.Popen(
            [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(self.path).parent
        )
        said = b""
        for line in self._process.stdout:
            said += line
            if b"Ready to accept connections" in line:
                break
        self._process.stdout.close()
        assert b"Ready to accept connections" in said, said.decode()

    def kill(self):
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        """Stop it where it is: it keeps its connections and answers nobody."""
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self):
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGCONT)

    def ask(self, *command):
        """Return the server's answer to one command, by another connection."""
        import redis

        with redis.Redis(unix_socket_path=self.path, protocol=2) as client:
            return client.execute_command(*command)

    def clients(self):
        """Return how many connections there are beside the one that asks."""
        return len(self.ask("CLIENT", "LIST").splitlines()) - 1

    def calls(self, command):
        """Return how often a command has run since the statistics were reset."""
        found = self.ask("INFO", "commandstats").get(f"cmdstat_{command}")
        return found["calls"] if found else 0

    @staticmethod
    def until(condition):
        """Ask until `condition()` holds; the server takes note of some things only after a moment."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it never came to that"

    @staticmethod
    async def eventually(condition):
        """Let the loop go on until `condition()` holds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - nothing tells of all that is waited for here
                await asyncio.sleep(0)


@contextmanager
def running():
    if PROGRAM is None:
        pytest.skip("there is no redis-server on the PATH (Debian: apt-get install redis-server)")
    pytest.importorskip("redis", reason="redis-py is not installed")
    with tempfile.TemporaryDirectory(prefix="postopt") as folder:  # a socket's path must be short
        server = Server(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
