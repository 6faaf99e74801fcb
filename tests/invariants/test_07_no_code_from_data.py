"""7. No pickle, no eval, no class named by data, anywhere; files are written whole or not at all, mode 0600."""

from __future__ import annotations

import ast
import os
import stat
from pathlib import Path

import pytest

from postopt._files import write_whole

MODULES = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "builtins.compile"}
# A name becomes code only here: a name of the face, a target of our own table of backends, or one of an entry point
# that somebody installed.
IMPORT_BY_NAME = {"__init__.py", "_lazy.py", "engine/catalog.py"}
# Functions that write a file: `write_whole` goes through a temporary one, the worker's is a pipe, and the scripted
# server appends to the bill that a test asked for. What is printed to a closed stream goes to the null device.
WRITERS = {
    "_files.py:write_whole",
    "engine/worker.py:main",
    "testing/server.py:__init__",
    "cli/streams.py:usable_streams",
}


def test_nothing_runs_that_came_as_data(package):
    assert {module.path: found for module in package if (found := module.imports & MODULES)} == {}
    called = {module.path: {name for name, _ in module.calls()} for module in package}
    assert {path: found for path, names in called.items() if (found := names & CALLS)} == {}


def test_the_places_that_import_by_name_are_known(package):
    found = {
        module.path
        for module in package
        if any(name.rpartition(".")[2] in ("import_module", "exec_module", "load_module") for name, _ in module.calls())
    }
    assert found == IMPORT_BY_NAME


def test_files_are_written_in_known_places(package):
    functions = [
        (module, node)
        for module in package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = {
        f"{module.path}:{function.name}"
        for module, function in functions
        if any(writes(name.rpartition(".")[2], call) for name, call in module.calls(function))
    }
    assert found == WRITERS


def writes(method, call):
    """Whether a call of this name writes a file; a call of `open` does if any of its arguments is such a mode."""
    if method in ("write_text", "write_bytes"):
        return True
    values = [getattr(value, "value", None) for value in (*call.args, *(word.value for word in call.keywords))]
    texts = [value for value in values if isinstance(value, str)]
    return method in ("open", "fdopen") and any(
        set("wax+") & set(text) and set(text) <= set("rwaxbt+") for text in texts
    )


class TestAFileIsWrittenWhole:
    def test_its_mode_is_private(self, tmp_path):
        path = tmp_path / "new" / "file.json"
        write_whole(path, b"whole")
        assert path.read_bytes() == b"whole"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch):
        path = tmp_path / "file.json"
        write_whole(path, b"old")

        def fail(*_):
            raise OSError(28, "no space left")

        monkeypatch.setattr("pathlib.Path.replace", fail)
        with pytest.raises(OSError, match="no space"):
            write_whole(path, b"new")
        assert path.read_bytes() == b"old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(tmp_path, make):
    path = tmp_path / "here"
    make(path)
    mode = path.stat().st_mode
    with pytest.raises(OSError, match="no regular file"):
        write_whole(path, b"data")
    assert (path.stat().st_mode, list(tmp_path.iterdir())) == (mode, [path])
