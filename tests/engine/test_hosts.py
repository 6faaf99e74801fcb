"""Hosts that are not what one expects: each starts a Python of its own, uses a role and prints who fills it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

import postopt

USE = """
from postopt.engine import OptimizedEngine
engine = OptimizedEngine()
if len(engine.hash.digest(b"x")) != 32:
    raise ValueError
report = engine.report()
print(report.score.tier, *report.notes)
"""
MEASURED = ("A", "B", "C", "D")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def host(code, *options, path=sys.path, cwd=None, file=None, **environment):
    """Run `code` in a new Python and return what it prints."""
    start = f"import sys; sys.path[:] = {path!r}\n"
    command = [sys.executable, *options, *(["-c", start + code] if file is None else [str(file)])]
    # Nobody measures coverage there: of code in an archive it cannot be reported.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    variables = {**inherited, "POSTOPT_WISDOM": "off", **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=variables, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("options", [["-OO"], ["-I"], ["-S"], ["-P"], ["-X", "utf8=0"], ["-bb"], ["-W", "error"]])
def test_options_of_the_interpreter(options):
    assert host(USE, *options).startswith(MEASURED)


@pytest.mark.parametrize("value", [None, ""])
def test_an_interpreter_that_does_not_know_where_it_is(value):
    tier, _, notes = host(f"sys.executable = {value!r}\n{USE}").partition(" ")
    assert tier == "unmeasured"
    assert notes.count("there is no interpreter to start") == 1


def test_a_path_with_all_that_people_put_there(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 not really")
    (tmp_path / "closed").mkdir(mode=0)
    odd = ["", str(tmp_path / "broken.zip"), str(tmp_path / "closed"), str(tmp_path / "nowhere"), os.devnull]
    code = f"import pathlib; sys.path[:0] = [pathlib.Path('/'), *{odd!r}]\n{USE}"
    assert host(code, cwd=tmp_path).startswith(MEASURED)


def test_an_application_in_one_archive(tmp_path):
    source = Path(postopt.__file__).parent
    tree = tmp_path / "tree"
    for file in source.rglob("*.py"):
        copy = tree / "postopt" / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (tree / "__main__.py").write_text(USE)
    zipapp.create_archive(tree, tmp_path / "app.pyz")
    others = [entry for entry in sys.path if entry and not (Path(entry) / "postopt").is_dir()]
    found = host("", file="app.pyz", cwd=tmp_path, PYTHONPATH=os.pathsep.join(others))
    assert found.startswith(MEASURED)


@posix
def test_a_full_disk(tmp_path):
    limit = "import resource, signal; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    notes = host(limit + USE, POSTOPT_WISDOM=str(tmp_path))
    assert "wisdom not saved" in notes
    assert list(tmp_path.iterdir()) == []


@posix
def test_no_process_and_no_open_file_is_left(tmp_path):
    code = f"""
import os
before = sorted(os.listdir("/dev/fd"))
{USE}
assert sorted(os.listdir("/dev/fd")) == before
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""
    assert host(code).endswith("no child")


@posix
@pytest.mark.parametrize("milliseconds", [1, 5, 20, 40, 80, 120])
def test_an_interrupt_leaves_nothing_behind_and_the_next_use_works(milliseconds):
    """Wherever the Ctrl-C hits, or after everything: no child is left, and the role is resolved at the next use."""
    code = f"""
import os, signal
import postopt.engine.resolve
signal.signal(signal.SIGALRM, signal.default_int_handler)
from postopt.engine import OptimizedEngine
engine = OptimizedEngine()
try:
    signal.setitimer(signal.ITIMER_REAL, {milliseconds / 1e3})
    engine.hash.digest(b"x")
    signal.setitimer(signal.ITIMER_REAL, 0)
except KeyboardInterrupt:
    pass
assert engine.hash.digest(b"x")
assert engine.report().score.tier != "unmeasured"
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child")
"""
    assert host(code) == "no child"
