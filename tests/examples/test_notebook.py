"""The notebook runs as it stands: on the invented tests beside it, and on the real ones where they are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_invented_tests_are_what_their_script_makes():
    made = subprocess.run([sys.executable, EXAMPLES / "headline_tests.py"], capture_output=True, check=True, timeout=60)
    assert made.stdout == (EXAMPLES / "headline_tests.csv").read_bytes()


def said_by_the_notebook(file, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="runs the notebook")
    nbformat = pytest.importorskip("nbformat", reason="reads the notebook")
    pytest.importorskip("matplotlib", reason="the notebook draws a plot")
    monkeypatch.setenv("POSTOPT_TESTS", str(file))
    notebook = nbformat.read(EXAMPLES / "learn_from_headlines.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))


@pytest.mark.long
def test_it_runs_on_invented_tests_and_finds_what_was_planted(monkeypatch):
    said = said_by_the_notebook(EXAMPLES / "headline_tests.csv", monkeypatch)
    for planted in ("question mark", "has digits", "exclamation mark"):
        assert any(planted in line and "Confirmed" in line for line in said.splitlines())


@pytest.mark.long
@pytest.mark.shared_data
def test_it_runs_on_real_tests(shared_data, monkeypatch):
    said = said_by_the_notebook(shared_data / "ab" / "upworthy_open.csv.gz", monkeypatch)
    assert "clicks over" in said


def test_the_notebook_shows_what_it_printed():
    cells = json.loads((EXAMPLES / "learn_from_headlines.ipynb").read_text("utf-8"))["cells"]
    assert all(cell["outputs"] for cell in cells if cell["cell_type"] == "code" and "print(" in "".join(cell["source"]))
