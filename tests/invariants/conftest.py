"""The package's and the tests' own source, parsed: what the scans of this folder look through."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

import postopt


@dataclass
class Module:
    """One Python file: its path below the scanned folder, and its syntax tree."""

    path: str
    tree: ast.Module

    @cached_property
    def nodes(self):
        """All nodes of the tree, which is walked once."""
        return list(ast.walk(self.tree))

    @cached_property
    def names(self):
        """Full names by local name: {"Path": "pathlib.Path", "np": "numpy"}."""
        names = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                # `import os.path` binds "os", and its use is written in full.
                names |= {alias.asname or (root := alias.name.partition(".")[0]): alias.name if alias.asname else root
                          for alias in node.names}  # fmt: skip
            elif isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return names

    @cached_property
    def imports(self):
        """Top-level names of the packages that are imported."""
        found = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
        return found

    def calls(self, tree=None):
        """Yield each call's full name ("time.sleep", "eval") and its node; a call of anything else has no name."""
        for node in ast.walk(tree) if tree else self.nodes:
            if isinstance(node, ast.Call) and (name := self.full_name(node.func)):
                yield name, node

    def full_name(self, node):
        """Return "a.b.c" for such an expression, with imported names in full, and "" for any other expression."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.full_name(node.value)
            return f"{owner}.{node.attr}" if owner else f"?.{node.attr}"
        return ""


def parse(root):
    return [
        Module(path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8")))
        for path in sorted(root.rglob("*.py"))
    ]


@pytest.fixture(scope="session")
def package():
    """Every module of the package under test."""
    return parse(Path(postopt.__file__).parent)


@pytest.fixture(scope="session")
def tests():
    """Every module of the tests."""
    return parse(Path(__file__).parents[1])


@pytest.fixture
def run_python(tmp_path):
    """Return a function that runs a script in a new interpreter, with fake packages first on its path.

    It returns the JSON object that the script prints last. What the script prints to stderr fails the test.
    """
    fakes = tmp_path / "fakes"
    fakes.mkdir()

    def run(script, *, fake=None, version="99.0", **environment):
        for name, source in (fake or {}).items():
            (fakes / f"{name}.py").write_text(source, "utf-8")
            metadata = fakes / f"{name}-{version}.dist-info"
            metadata.mkdir(exist_ok=True)
            (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
        path = [str(fakes), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **environment},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout.splitlines()[-1])

    return run
