"""The table of candidates, and what third parties add to it."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from postopt.engine import catalog
from postopt.engine.catalog import CATALOG, CELLS, ROLES, Candidate, contenders, read_entry_points, third_party
from postopt.engine.records import SIZES, Cell

LIGHT = [candidate for candidate in CATALOG if not candidate.heavy]


@pytest.mark.parametrize("candidate", LIGHT, ids=lambda c: c.target.rpartition(".")[2])
def test_targets_hold_a_backend_of_that_name(candidate):
    if candidate.library:
        pytest.importorskip(candidate.library)
    module, _, attribute = candidate.target.partition(":")
    assert getattr(importlib.import_module(module), attribute).name == candidate.name


def test_every_role_but_the_loop_starts_with_what_is_always_there():
    for role in set(ROLES) - {"loop"}:
        first = next(candidate for candidate in CATALOG if candidate.role == role)
        assert first.library in ("", "numpy")
        assert first.estimate == (1.0, 1.0, 1.0)


def test_candidates_of_one_name_differ_in_their_goals_only():
    by_key = {}
    for candidate in CATALOG:
        by_key.setdefault(candidate.key, []).append(candidate)
    for same in by_key.values():
        assert len({(c.library, c.minimum, c.heavy) for c in same}) == 1
        assert len({goal for c in same for goal in c.goals}) == sum(len(c.goals) for c in same)


def test_the_oldest_versions_are_those_that_the_package_asks_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [*project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        texts += extra
    texts += [text for text in project["dependency-groups"]["peers"] if isinstance(text, str)]
    floors = dict(re.match(r"([\w-]+)(?:\[.*?\])?>=([\d.]+)", text).groups() for text in texts if ">=" in text)
    for candidate in CATALOG:
        if candidate.library:
            assert floors[candidate.library] == ".".join(map(str, candidate.minimum)), candidate.library


def test_cells_cover_each_measured_role_goal_and_size_once():
    assert len(set(CELLS)) == len(CELLS)
    assert {cell.role for cell in CELLS} == set(ROLES) - {"loop"}
    assert {cell.size for cell in CELLS if cell.role != "scoring"} == set(SIZES)


def test_contenders_are_those_of_the_goal_in_the_order_of_the_table():
    names = [(c.name, c.target.rpartition(":")[2]) for c in contenders(Cell("compression", "size", 256))]
    assert names == [("zlib", "ZLIB_SIZE"), ("lz4", "SIZE"), ("zstandard", "SIZE")]
    assert [c.name for c in contenders(Cell("json", "dumps", 256))] == ["stdlib", "orjson", "msgspec"]


class TestEntryPoints:
    def read(self, *pairs):
        return read_entry_points(EntryPoint(name, value, catalog.ENTRY_POINT_GROUP) for name, value in pairs)

    def test_a_name_and_a_target_make_a_candidate(self):
        found = self.read(("json:simdjson", "postopt_simdjson.backend:JSON"))
        assert found == (
            (
                Candidate(
                    role="json", name="simdjson", library="postopt_simdjson", target="postopt_simdjson.backend:JSON"
                ),
            ),
            (),
        )

    @pytest.mark.parametrize(
        ("name", "value", "problem"),
        [
            ("simdjson", "a:B", "is not named role:name"),
            ("yaml:fast", "a:B", "is not named role:name"),
            ("json:", "a:B", "is not named role:name"),
            ("json:Bad Name", "a:B", "is not named role:name"),
            ("json:x", "module", "does not point to module:ATTRIBUTE"),
            ("json:x", "module:a.b", "does not point to module:ATTRIBUTE"),
            ("json:x", "a:B [extra]", "does not point to module:ATTRIBUTE"),
            ("json:x", "", "does not point to module:ATTRIBUTE"),
            ("json:orjson", "a:B", "that name is taken"),
        ],
    )
    def test_a_malformed_one_is_reported(self, name, value, problem):
        found = self.read((name, value))
        assert found.candidates == ()
        [text] = found.problems
        assert problem in text
        assert repr(name) in text

    def test_of_two_with_one_name_the_first_by_target_counts_wherever_they_were_installed(self):
        one, two = ("json:x", "aaa:B"), ("json:x", "bbb:B")
        assert self.read(one, two) == self.read(two, one)
        assert self.read(one, two).candidates[0].library == "aaa"

    def test_installed_ones_are_found_and_the_metadata_is_read_once(self, site, monkeypatch):
        site.add("raise SystemExit", name="thirdjson", metadata=False)
        site.add_metadata("thirdjson", "1.0", entry_points="[postopt.backends]\njson:third = thirdjson:BACKEND\n")
        monkeypatch.syspath_prepend(str(site.folder))
        calls = []
        read = importlib.metadata.entry_points
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda **kw: calls.append(kw) or read(**kw))
        third_party.cache_clear()
        try:
            first = third_party()
            assert third_party() is first
        finally:
            third_party.cache_clear()
        assert calls == [{"group": "postopt.backends"}]
        [found] = [candidate for candidate in first.candidates if candidate.name == "third"]
        assert (found.library, found.distribution) == ("thirdjson", "thirdjson")


def test_reading_the_table_imports_no_backend_and_no_metadata():
    code = (
        "import sys; from postopt.engine import catalog, sweep; sweep.sweep(catalog.CATALOG);"
        "print(sorted({'orjson', 'msgspec', 'numpy', 'importlib.metadata'} & set(sys.modules)))"
    )
    paths = "import sys; sys.path[:] = " + repr(sys.path) + "; "
    done = subprocess.run([sys.executable, "-I", "-c", paths + code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
