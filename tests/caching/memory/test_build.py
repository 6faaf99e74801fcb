"""Where the table is compiled, and what stands in where it is not."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from postopt.caching.table import PythonTable, Table

HOOK = Path(__file__).parents[3] / "hatch_build.py"

pytestmark = pytest.mark.skipif(not HOOK.exists(), reason="the tests are not in a checkout")


class Interface:
    """What hatchling's interface of hooks does for ours; hatchling itself is there only while a package is built."""

    def __init__(self, root):
        self.root = str(root)
        self.warnings = []
        self.app = SimpleNamespace(display_warning=self.warnings.append)


@pytest.fixture
def build(monkeypatch):
    """The module of the hook."""
    name = "hatchling.builders.hooks.plugin.interface"
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(parts[end - 1]))
    sys.modules[name].BuildHookInterface = Interface
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "sysconfig", SimpleNamespace(get_config_var={}.get))
    monkeypatch.setattr(module, "sys", SimpleNamespace(implementation=SimpleNamespace(name="cpython")))
    return module


def initialized(build, root, version="standard", compiled=None):
    """Let the hook decide, with a compiler that gives `compiled`; return what it says of the build and to the user."""
    hook = build.CompileTable(root)
    targets = []

    def compile_to(target):
        targets.append(target)
        if isinstance(compiled, Exception):
            raise compiled
        return target / "postopt" / "caching" / "_table.so"

    hook._compile = compile_to
    data = {"force_include": {}}
    hook.initialize(version, data)
    hook.finalize(version, data, "")
    return data, targets, hook.warnings


def test_it_is_compiled_where_that_pays(build, tmp_path):
    data, targets, warnings = initialized(build, tmp_path)
    assert (data["pure_python"], data["infer_tag"], warnings) == (False, True, [])
    assert list(data["force_include"].values()) == ["postopt/caching/_table.so"]
    assert [target.exists() for target in targets] == [False]  # a folder of its own, which is gone


def test_it_is_compiled_beside_the_source_of_an_editable_installation(build, tmp_path):
    data, targets, _ = initialized(build, tmp_path, "editable")
    assert data["force_include"] == {}
    assert targets == [tmp_path / "src"]


def assert_pure(outcome):
    data, targets, warnings = outcome
    assert (data, targets, warnings) == ({"force_include": {}}, [], [])


def test_not_for_a_python_without_a_global_lock(build, tmp_path, monkeypatch):
    """Whose threads may be in the table at the same time, which nothing in it is made for."""
    monkeypatch.setattr(build, "sysconfig", SimpleNamespace(get_config_var={"Py_GIL_DISABLED": 1}.get))
    assert_pure(initialized(build, tmp_path))


def test_not_for_another_python(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "sys", SimpleNamespace(implementation=SimpleNamespace(name="pypy")))
    assert_pure(initialized(build, tmp_path))


def test_not_if_the_environment_says_so(build, tmp_path, monkeypatch):
    monkeypatch.setenv("POSTOPT_PURE", "1")
    assert_pure(initialized(build, tmp_path))


def test_without_a_compiler_the_package_is_installed_all_the_same(build, tmp_path):
    data, targets, warnings = initialized(build, tmp_path, compiled=OSError("gcc: not found"))
    assert data == {"force_include": {}}
    assert len(targets) == 1
    assert warnings == ["postopt is installed without its compiled table: gcc: not found"]


def test_without_it_a_store_has_the_table_in_python(store, request):
    without = request.node.callspec.id == "python"
    table = type(store()._entries).__mro__[1]
    assert table.__module__ == ("postopt.caching.table" if without else "postopt.caching._table")


def test_a_python_without_a_global_lock_has_the_table_in_python():
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert Table is PythonTable
