"""The notebooks run as they stand: on the invented data beside them, and on the real ones where they are."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADLINES, POSTS = "learn_from_headlines.ipynb", "what_can_be_predicted.ipynb"


@pytest.mark.parametrize("made", ["headline_tests", "page_posts"])
def test_invented_data_are_what_their_script_makes(made):
    done = subprocess.run([sys.executable, EXAMPLES / f"{made}.py"], capture_output=True, check=True, timeout=60)
    assert done.stdout == (EXAMPLES / f"{made}.csv").read_bytes()


def said_by(name, variable, file, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="runs the notebook")
    nbformat = pytest.importorskip("nbformat", reason="reads the notebook")
    pytest.importorskip("matplotlib", reason="the notebook draws a plot")
    monkeypatch.setenv(variable, str(file))
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))


@pytest.mark.long
def test_it_runs_on_invented_tests_and_finds_what_was_planted(monkeypatch):
    said = said_by(HEADLINES, "POSTOPT_TESTS", EXAMPLES / "headline_tests.csv", monkeypatch)
    for planted in ("question mark", "has digits", "exclamation mark"):
        assert any(planted in line and "Confirmed" in line for line in said.splitlines())


@pytest.mark.long
def test_it_runs_on_invented_posts_and_is_better_than_the_pages_median(monkeypatch):
    said = said_by(POSTS, "POSTOPT_POSTS", EXAMPLES / "page_posts.csv", monkeypatch)
    assert "the predictions are better than the page's median" in said
    assert "randomised" in said


@pytest.mark.long
@pytest.mark.shared_data
def test_it_runs_on_real_tests(shared_data, monkeypatch):
    said = said_by(HEADLINES, "POSTOPT_TESTS", shared_data / "ab" / "upworthy_open.csv.gz", monkeypatch)
    assert "clicks over" in said


def figures_of_real_posts(said):
    """Return AUC, coverage and R2 of later posts and of other pages, as the last section prints them."""
    section = said[said.index("later posts of the same pages") :]
    row = re.compile(r"^(?:AUC, .*?|coverage, to be .*?|R2) {3,}([0-9.]+)", re.MULTILINE)
    return [float(figure) for figure in row.findall(section)]


@pytest.mark.long
@pytest.mark.shared_data
def test_the_figures_of_real_posts_are_those_that_it_shows(shared_data, monkeypatch):
    monkeypatch.setenv("POSTOPT_REAL_POSTS", str(shared_data / "engagement" / "facebook_pages_2016.csv.gz"))
    cells = json.loads((EXAMPLES / POSTS).read_text("utf-8"))["cells"]
    shown = "".join("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ()))
    now = figures_of_real_posts(said_by(POSTS, "POSTOPT_POSTS", EXAMPLES / "page_posts.csv", monkeypatch))
    assert len(now) == 6
    assert now == pytest.approx(figures_of_real_posts(shown), abs=0.01)


@pytest.mark.parametrize("name", [HEADLINES, POSTS])
def test_a_notebook_shows_what_it_printed(name):
    cells = json.loads((EXAMPLES / name).read_text("utf-8"))["cells"]
    assert all(cell["outputs"] for cell in cells if cell["cell_type"] == "code" and "print(" in "".join(cell["source"]))
