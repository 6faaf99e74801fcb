"""The ways in which an installed library is not usable, each as a fake install: the host lives, and is told why.

Limits are short here, so that libraries that hang do not hold the suite up; verdicts are asserted, never times.
"""

from __future__ import annotations

import signal
import sys

import pytest

from postopt.engine.probe import examine

LIMIT = 1.0
WORKING = "from postopt.backends.json import JSON as BACKEND"
MOJIBAKE = """
from types import SimpleNamespace
from postopt.backends.json import JSON

def loads(data):  # what a released JSON library did to every text that is not ASCII
    return JSON.loads(bytes(data).decode("latin-1") if not isinstance(data, str) else data)

BACKEND = SimpleNamespace(name="orjson", version="3.11.0", dumps=JSON.dumps, loads=loads)
"""
EXAMINED = {
    "missing attribute": ("", "broken", "AttributeError: module 'orjson' has no attribute 'BACKEND'"),
    "OSError": ("raise OSError('libc.so.7: cannot open shared object file')", "broken", "OSError: libc.so.7"),
    "SystemExit": ("raise SystemExit(3)", "broken", "SystemExit: 3"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "broken", "killed the process with SIGSEGV"),
    "SIGILL": ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "broken", "killed the process with SIGILL"),
    "hang": ("while True: pass", "broken", f"did not finish within {LIMIT:g} s"),
    "wrong answer": (MOJIBAKE, "wrong", ""),
    # Beyond the eleven kinds of the drill.
    "os._exit": ("import os; os._exit(0)", "broken", "ended the process with status 0"),
    "no such module": ("import a_module_that_is_not_there", "broken", "ModuleNotFoundError: No module named 'a_mod"),
    "syntax error": ("def", "broken", "SyntaxError"),
    "interrupt": ("raise KeyboardInterrupt", "broken", "KeyboardInterrupt"),
    "error without a text": (
        "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E",
        "broken",
        "cannot be imported: E",
    ),
    # Whether the end of the reports or of the process is seen first is up to the scheduler.
    "closed files": ("import os; os.closerange(0, 64)", "broken", ""),
}


def verdicts(site, *candidates, **settings):
    settings = {"limit_seconds": LIMIT, "path": site.path, **settings}
    return {v.name: v for v in examine(candidates, **settings).verdicts}


@pytest.mark.parametrize(("source", "state", "reason"), EXAMINED.values(), ids=EXAMINED)
def test_what_breaks_in_the_subprocess_is_told_and_nothing_else_suffers(site, candidate, stdlib, source, state, reason):
    site.add(source)
    site.add(WORKING, name="after", version="3.11.0")
    found = verdicts(site, stdlib, candidate(), candidate("after"))
    assert found["orjson"].state == state
    assert reason in found["orjson"].reason != ""
    assert found["stdlib"].state == found["after"].state == "working"
    assert "orjson" not in sys.modules or not sys.modules["orjson"].__file__.startswith(str(site.folder))


class TestInstallsThatNeedNoSubprocess:
    """The other four of the eleven: the folders tell."""

    def test_too_old(self, site, candidate):
        site.add(WORKING, version="3.9.1")
        verdict = verdicts(site, candidate())["orjson"]
        assert (verdict.state, verdict.reason) == ("too_old", "version 3.9.1 is older than 3.10")

    def test_empty_namespace_folder(self, site, candidate):
        (site.folder / "orjson").mkdir(parents=True)
        verdict = verdicts(site, candidate(), path=[str(site.folder)])["orjson"]
        assert verdict.state == "broken"
        assert "without __init__.py" in verdict.reason

    def test_shadowing_local_folder(self, site, candidate, tmp_path):
        local = tmp_path / "project"
        (local / "orjson").mkdir(parents=True)
        (local / "orjson" / "__init__.py").write_text(WORKING)
        site.add(WORKING)
        verdict = verdicts(site, candidate(), path=[str(local), *site.path])["orjson"]
        assert verdict.state == "broken"
        assert verdict.reason == f"{local / 'orjson'} shadows the orjson that is installed in {site.folder}"

    def test_missing_metadata(self, site, candidate):
        site.add(WORKING, metadata=False)
        verdict = verdicts(site, candidate(), path=[str(site.folder)])["orjson"]
        assert verdict.state == "broken"
        assert "no metadata" in verdict.reason


class TestLimits:
    def test_nobody_is_waited_for_longer_than_two_seconds(self, site, candidate):
        site.add("import threading; threading.Event().wait()")
        verdict = examine([candidate()], path=site.path).verdicts[0]
        assert verdict.reason == "did not finish within 2 s"

    def test_a_hang_may_end_differently_next_time_but_a_crash_will_not(self, site, candidate):
        site.add("while True: pass", name="hangs")
        site.add("import ctypes; ctypes.string_at(0)", name="crashes")
        found = verdicts(site, candidate("hangs"), candidate("crashes"))
        assert not found["hangs"].final
        assert found["crashes"].final

    def test_a_process_that_was_killed_from_outside_is_asked_again_next_time(self, site, candidate):
        site.add("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        verdict = verdicts(site, candidate())["orjson"]
        assert (verdict.state, verdict.final) == ("broken", False)
        assert signal.SIGKILL.name in verdict.reason

    def test_the_whole_examination_has_an_end(self, site, candidate, stdlib):
        for name in ("one", "two"):
            site.add("while True: pass", name=name)
        result = examine([stdlib, candidate("one"), candidate("two")], path=site.path, deadline_seconds=1.5)
        found = {v.name: v for v in result.verdicts}
        assert found["stdlib"].state == "working"
        assert found["two"].state == "present"
        assert found["two"].reason == "not everything was examined: the time was over"
        assert not found["two"].final
        assert found["two"].reason in result.notes


class TestBadManners:
    """Libraries that work, and do what they should not while they are imported."""

    @pytest.mark.parametrize(
        "source",
        [
            "import os\nfor _ in range(64): os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)\nprint('{}' * 10000)",
            "import sys; sys.stdout = sys.stderr = sys.stdin = None",
            "import sys; assert sys.stdin.read() == ''",
            "import logging; logging.disable(); import atexit, os; atexit.register(os._exit, 3)",
            "import threading; threading.Thread(target=threading.Event().wait).start()",
            "import os; os.fork()",
            "from signal import *; signal(SIGTERM, SIG_IGN); signal(SIGINT, SIG_IGN)",
            "import os; os.setpgid(0, 0) if os.getpgrp() != os.getpid() else None",
        ],
        ids=["prints 8 MB", "replaces streams", "reads stdin", "exit handler", "thread", "forks", "signals", "group"],
    )
    def test_they_are_examined_all_the_same(self, site, candidate, source):
        site.add(f"{source}\n{WORKING}")
        assert verdicts(site, candidate(), limit_seconds=2.0)["orjson"].state == "working"

    def test_no_grandchild_stays(self, site, candidate, tmp_path):
        fcntl = pytest.importorskip("fcntl")
        lock, finished = tmp_path / "lock", tmp_path / "finished"
        site.add(
            "import fcntl, os, time\n"
            f"held = open({str(lock)!r}, 'w')\n"
            "fcntl.flock(held, fcntl.LOCK_EX)\n"
            "if os.fork() == 0:\n"
            "    time.sleep(60)\n"
            f"    open({str(finished)!r}, 'w').close()\n"
            "    os._exit(0)\n"
            f"{WORKING}"
        )
        assert verdicts(site, candidate(), limit_seconds=2.0)["orjson"].state == "working"
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # free only once every process that inherited it is gone
        assert not finished.exists()

    def test_a_grandchild_that_holds_the_pipe_does_not_hide_a_crash(self, site, candidate):
        site.add("import os, time\nif os.fork() == 0: time.sleep(60)\nimport ctypes; ctypes.string_at(0)")
        assert "SIGSEGV" in verdicts(site, candidate(), limit_seconds=2.0)["orjson"].reason

    def test_a_library_that_removes_itself_is_absent_the_next_time(self, site, candidate):
        source = "import pathlib, shutil\nshutil.rmtree(pathlib.Path(__file__).parent.parent)"
        site.add(f"{source}\n{WORKING}", name="leaves")
        assert verdicts(site, candidate("leaves"))["leaves"].state == "working"
        assert verdicts(site, candidate("leaves"))["leaves"].state == "absent"
