"""1. `import postopt` loads no third-party module, touches no network, starts no thread, reads no file."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Runs before the import under test: every audit event from then on is seen. The import system itself opens
# source and bytecode; what else is opened, connected or started is ours.
SCRIPT = """
import sys, _thread
events = []

def watch(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")) and arguments[1] is not None:
        events.append([event, str(arguments[0])])
    elif event.startswith(("socket.", "urllib.", "subprocess.", "ctypes.", "os.fork", "os.exec", "os.posix_spawn")):
        events.append([event, ""])
    elif event in ("_thread.start_new_thread", "_thread.start_joinable_thread", "os.mkdir"):
        events.append([event, ""])

before = set(sys.modules)
sys.addaudithook(watch)
IMPORT
loaded = sorted(set(sys.modules) - before)
seen = {"events": list(events), "loaded": loaded, "threads": _thread._count()}
import json
print(json.dumps(seen))
"""


def observe(statement):
    script = SCRIPT.replace("IMPORT", statement)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("statement", ["import postopt", "from postopt import *"], ids=["import", "every name"])
class TestImport:
    def test_no_third_party_module_is_loaded(self, statement):
        loaded = {name.partition(".")[0] for name in observe(statement)["loaded"]}
        assert "postopt" in loaded
        assert loaded <= {"postopt", *sys.stdlib_module_names}

    def test_nothing_is_opened_connected_or_started(self, statement):
        seen = observe(statement)
        assert (seen["events"], seen["threads"]) == ([], 0)  # the main thread is not counted


def test_the_import_alone_loads_nothing_costly():
    # What each costs, as a multiple of a bare start of the interpreter: docs/design/0006-import.md.
    assert observe("import postopt")["loaded"] == ["postopt"]
