"""`postopt experiments`, run as a program runs it, in this process."""

from __future__ import annotations

import json

import pytest

from postopt.cli import experiments
from postopt.experiments import Arm, Experiment, ExperimentStore


@pytest.fixture
def run(program):
    return program(experiments)


@pytest.fixture
def store(tmp_path):
    """Return the path of a store with an experiment that has a winner, and one that has none."""
    path = tmp_path / "experiments.db"
    with ExperimentStore(path) as store:
        for name, clicks in (("won", (320, 180)), ("open", (120, 121))):
            experiment = Experiment(name, [Arm("a"), Arm("b")], store=store)
            for arm, successes in zip("ab", clicks, strict=True):
                experiment.observe(arm, 10_000, successes)
    return path


class TestExperiments:
    def test_list_has_a_line_for_each(self, run, store):
        status, out, err = run("experiments", "list", store)
        header, *lines = out.splitlines()
        assert (status, err) == (0, "")
        assert header.split() == ["experiment", "state", "winner", "lift", "n"]
        assert sorted(line.split()[:2] for line in lines) == [["open", "RUNNING"], ["won", "WINNER"]]

    def test_list_of_an_empty_store_says_so(self, run, tmp_path):
        ExperimentStore(tmp_path / "empty.db").close()
        with ExperimentStore(tmp_path / "empty.db") as store:
            store.import_counts("past", [("a", "text", 10, 1)])
        assert run("experiments", "list", tmp_path / "empty.db")[:2] == (0, "The store holds no experiment.\n")

    def test_decide_says_by_its_status_whether_there_is_a_winner(self, run, store):
        assert run("experiments", "decide", store, "won")[0] == 0
        assert run("experiments", "decide", store, "open")[0] == 3

    def test_json_has_winner_lift_interval_and_n(self, run, store):
        _, out, _ = run("experiments", "decide", store, "won", "--json")
        data = json.loads(out)
        assert (data["state"], data["winner"], data["n"]) == ("WINNER", "a", 20_000)
        assert data["interval"][0] > 0
        assert data["interval"][0] < data["lift"] < data["interval"][1]
        listed = json.loads(run("experiments", "list", store, "--json")[1])
        assert {name: record["winner"] for name, record in listed.items()} == {"won": "a", "open": None}

    def test_what_is_unbounded_is_null_in_json(self, run, tmp_path):
        with ExperimentStore(tmp_path / "new.db") as store:
            Experiment("new", ["a", "b"], mode="earn", store=store)
        status, out, _ = run("experiments", "list", tmp_path / "new.db", "--json")
        assert status == 0
        assert json.loads(out, parse_constant=pytest.fail)["new"]["interval"] == [-1.0, None]

    def test_show_has_the_arms(self, run, store):
        status, out, _ = run("experiments", "show", store, "won")
        assert status == 0
        assert "WINNER" in out
        assert [line.split()[:3] for line in out.splitlines()[-2:]] == [
            ["a", "active", "10,000"],
            ["b", "active", "10,000"],
        ]

    def test_a_plot_is_a_picture(self, run, store, tmp_path):
        pytest.importorskip("matplotlib", reason="the extra plot")
        run("experiments", "show", store, "won", "--plot", tmp_path / "won.png")
        assert (tmp_path / "won.png").read_bytes().startswith(b"\x89PNG")

    def test_what_is_not_there_is_said_and_not_made(self, run, store, tmp_path):
        status, _, err = run("experiments", "list", tmp_path / "none.db")
        assert (status, "there is no store" in err) == (2, True)
        assert not (tmp_path / "none.db").exists()
        status, _, err = run("experiments", "show", store, "nope")
        assert (status, "'nope'" in err) == (2, True)

    def test_a_file_that_is_no_store_is_an_error_in_words(self, run, tmp_path):
        (tmp_path / "notes.txt").write_text("not a database, but long enough to be read as one" * 20)
        status, _, err = run("experiments", "list", tmp_path / "notes.txt")
        assert status == 2
        assert err.startswith("postopt experiments list: ")
