"""The face of the library is a list: what `__init__` files hold, and what the reference documents."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import postopt
from postopt._optional import _INSTALL
from postopt.cli import main

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
PACKAGES = ["postopt", *(module.name for module in pkgutil.walk_packages(postopt.__path__, "postopt.") if module.ispkg)]


@pytest.fixture(params=PACKAGES)
def package(request):
    return importlib.import_module(request.param)


def test_all_is_what_the_package_holds(package):
    """Read from the source: the top package imports for type checkers, and loads each name when it is first used."""
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if node.module.startswith("postopt") and "._" not in node.module]
    homes = {alias.asname or alias.name: node.module for node in ours for alias in node.names}
    for name, home in homes.items():
        assert getattr(package, name) is importlib.import_module(home).__dict__[name]
    held = {name for name in homes if not isinstance(getattr(package, name), ModuleType)}
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert held | {name for name in defined if not name.startswith("_")} == set(getattr(package, "__all__", []))


def test_no_package_imports_an_optional_library():
    # None in place of a module makes its import fail; a file that needs it would then fail as well.
    hide = f"import sys; sys.modules.update(dict.fromkeys({sorted(_INSTALL)!r}))"
    imports = "; ".join(f"import {name}" for name in PACKAGES)
    done = subprocess.run([sys.executable, "-c", f"{hide}; {imports}"], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_name_that_is_not_listed_is_not_there():
    assert "Brief" in dir(postopt)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = postopt.no_such_name


def test_all_is_sorted_and_without_repeats(package):
    # Constants, then classes, then the rest, each in order: as ruff sorts them.
    names = getattr(package, "__all__", [])
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), not name[:1].isupper(), name))


def test_the_face_is_short(package):
    assert len(getattr(package, "__all__", [])) <= (25 if package is postopt else 12)


def test_every_public_name_is_in_the_reference(package):
    """A page documents what its module defines and, for a package, what its `__init__` lists."""
    pages = "\n".join(page.read_text("utf-8") for page in REFERENCE.glob("*.md"))
    modules = {name: importlib.import_module(name) for name in re.findall(r"automodule:: ([\w.]+)", pages)}
    listed = [getattr(module, name) for module in modules.values() for name in getattr(module, "__all__", [])]
    missing = [
        name
        for name in getattr(package, "__all__", [])
        if getattr(package, name) not in listed
        and getattr(package, name).__module__ not in modules
        and f":: {package.__name__}.{name}\n" not in pages
    ]
    assert missing == []


COMMANDS = [
    "", "write", "score", "predict", "predict fit", "predict evaluate", "predict explain", "experiments",
    "experiments list", "experiments show", "experiments decide", "learn", "learn replay", "doctor", "bench",
    "bench cache", "wisdom", "wisdom export", "wisdom import", "wisdom clear",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_the_command_line_is_in_the_reference(command, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*command.split(), "--help"])
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", capsys.readouterr().out)) - {"-h"}
    page = (REFERENCE / "cli.md").read_text("utf-8")
    assert options >= {"--help"}
    assert {option for option in options if not re.search(rf"`{option}\b", page)} == set()


def test_every_public_module_beside_the_packages_is_in_the_reference():
    """errors, types, clock, blocking, writer: what a host may import without a package's list of names."""
    pages = "\n".join(page.read_text("utf-8") for page in REFERENCE.glob("*.md"))
    modules = {module.name for module in pkgutil.iter_modules(postopt.__path__) if not module.ispkg}
    documented = set(re.findall(r"automodule:: postopt\.(\w+)$", pages, re.MULTILINE))
    assert {name for name in modules if not name.startswith("_")} <= documented
