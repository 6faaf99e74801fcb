"""Fake installs: packages with metadata in a temporary folder, posing as libraries that the engine looks for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from postopt.engine.catalog import Candidate


@dataclass
class FakeSite:
    """A folder like site-packages that comes before the real ones."""

    folder: Path

    @property
    def path(self) -> list[str]:
        return [str(self.folder), *sys.path]

    def add(self, source: str, *, name: str = "orjson", version: str = "3.11.0", metadata: bool = True) -> Path:
        """Install a package that consists of one `__init__.py`, and return its folder."""
        package = self.folder / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(source, encoding="utf-8")
        if metadata:
            self.add_metadata(name, version)
        return package

    def add_metadata(self, name: str, version: str, *, entry_points: str = "") -> Path:
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        if entry_points:
            (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        return info


@pytest.fixture
def site(tmp_path):
    return FakeSite(tmp_path / "site")


def fake(name: str = "orjson", **facts) -> Candidate:
    """A candidate for the role "json" whose library is one of the fakes."""
    facts = {"minimum": (3, 10), "library": name, "target": f"{name}:BACKEND", **facts}
    return Candidate(role="json", name=name, **facts)


@pytest.fixture
def candidate():
    return fake


STDLIB = Candidate(role="json", name="stdlib", target="postopt.backends.json:JSON")


@pytest.fixture
def stdlib():
    return STDLIB
