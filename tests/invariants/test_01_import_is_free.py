"""1. `import postopt` loads no third-party module, touches no network, starts no thread, reads no file."""

from __future__ import annotations

import json
import subprocess
import sys

# Runs before the import under test: every audit event from then on is seen. The import system itself opens
# source and bytecode; what else is opened, connected or started is ours.
SCRIPT = """
import json, sys, threading, _imp
events = []

def watch(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")) and arguments[1] is not None:
        events.append([event, str(arguments[0])])
    elif event.startswith(("socket.", "urllib.", "subprocess.", "ctypes.", "os.fork", "os.exec", "os.posix_spawn")):
        events.append([event, ""])
    elif event in ("_thread.start_new_thread", "_thread.start_joinable_thread", "exec_unmarshalled", "os.mkdir"):
        events.append([event, ""])

before = set(sys.modules)
sys.addaudithook(watch)
import postopt
loaded = sorted(set(sys.modules) - before)
print(json.dumps({"events": events, "loaded": loaded, "threads": threading.active_count()}))
"""


def observe(*flags):
    done = subprocess.run(
        [sys.executable, *flags, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_no_third_party_module_is_loaded():
    loaded = {name.partition(".")[0] for name in observe()["loaded"]}
    assert "postopt" in loaded
    assert loaded <= {"postopt", *sys.stdlib_module_names}


def test_nothing_is_opened_connected_or_started():
    assert observe() == observe() | {"events": [], "threads": 1}


def test_the_costly_modules_of_the_standard_library_stay_out():
    # asyncio alone doubles the start of the interpreter; the figure is 2.5 in all (benchmarks/test_import.py).
    assert not {"asyncio", "inspect_", "json", "ssl", "logging", "importlib.metadata"} & set(observe()["loaded"])
