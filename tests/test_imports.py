"""The import contracts of pyproject.toml notice what they are there to notice."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="only the session `imports` installs import-linter")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the package and its contracts, to break."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.toml"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "third_party_contract.py", tmp_path / "tests")
    return tmp_path


def lint(root):
    """Run import-linter on the copy; return its exit status and what it printed."""
    script = "import sys; sys.path[:0] = ['src', '.']; from importlinter.cli import lint_imports_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def append(path, line):
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def test_the_contracts_hold(copy):
    status, printed = lint(copy)
    assert status == 0, printed
    assert "2 kept, 0 broken" in printed


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("errors.py", "from postopt import types"),
        ("types.py", "import postopt.engine"),
        ("backends/base.py", "from postopt.events import bus"),
        ("engine/records.py", "def late():\n    import postopt.generation.base"),
    ],
    ids=["upwards", "three rooms up", "between neighbours", "inside a function"],
)
def test_an_import_against_the_layers_is_noticed(copy, module, line):
    append(copy / "src/postopt" / module, line)
    status, printed = lint(copy)
    assert status == 1
    assert "Imports run one way BROKEN" in printed


def test_a_room_outside_the_layers_is_noticed(copy):
    (copy / "src/postopt/managers.py").touch()
    status, printed = lint(copy)
    assert status == 1
    assert "Imports run one way BROKEN" in printed
    assert "managers" in printed


@pytest.mark.parametrize("library", ["numpy", "orjson", "a_library_nobody_has_heard_of"])
def test_a_third_party_import_outside_the_table_is_noticed(copy, library):
    append(copy / "src/postopt/types.py", f"import {library}")
    status, printed = lint(copy)
    assert status == 1
    assert f"postopt.types -> {library}: not in the table" in printed


def test_a_row_of_the_table_that_nothing_uses_is_noticed(copy):
    pyproject = copy / "pyproject.toml"
    text = pyproject.read_text("utf-8")
    row = '"postopt.backends.base -> numpy"'
    assert row in text
    pyproject.write_text(text.replace(row, f'{row}, "postopt.types -> numpy"'), "utf-8")
    status, printed = lint(copy)
    assert status == 1
    assert "postopt.types -> numpy: no longer imported" in printed
