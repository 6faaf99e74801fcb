"""The README says what is so: its example runs and prints what it shows, and CI runs its test command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example_prints_what_it_shows():
    (example,), (shown,) = blocks("python"), blocks("text")
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, encoding="utf-8", check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == shown
    assert len(example.splitlines()) <= 10


def test_there_are_two_commands():
    install, test = blocks("sh")
    assert "postopt write --briefs examples/briefs.jsonl" in install
    assert "nox" in test
    assert len(README.splitlines()) < 120


@pytest.mark.skipif(sys.platform == "win32", reason="the CI script is for Debian")
def test_ci_runs_the_test_command_itself():
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    extract = re.search(r"command=\$\((awk .*?)\)$", script, re.MULTILINE)[1]
    done = subprocess.run(["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == blocks("sh")[1]
