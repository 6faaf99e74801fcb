from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from postopt.cli import predict

COLUMNS = "--column", "text=message", "--outcome", "likes+shares", "--zone", "Europe/Madrid"


@pytest.fixture
def run(program):
    return program(predict)


def write(path, first, last):
    """Write posts whose outcome depends on their subject."""
    rng = Random(1)
    rows = []
    for number in range(last):
        subject, usual = rng.choice([("timetable", 10), ("free tickets", 60), ("photographs", 30)])
        likes = round(usual * rng.lognormvariate(0, 0.5))
        published = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)
        row = {
            "id": f"p{number}",
            "message": f"Our {subject}, part {number % 5}.",
            "page": "bakery",
            "type": "photo",
            "language": "en",
            "published": published.replace(tzinfo=None).isoformat(),
            "likes": likes,
            "shares": 1,
        }
        rows.append(json.dumps(row))
    path.write_text("\n".join(rows[first:]), "utf-8")
    return path


@pytest.fixture
def model(run, tmp_path):
    past = write(tmp_path / "past.jsonl", 0, 200)
    status, out, _ = run("predict", "fit", past, "--out", tmp_path / "model", *COLUMNS)
    assert status == 0
    assert out.startswith("Learned from 200 posts of 1 page;")
    return tmp_path / "model"


class TestFit:
    def test_json_says_what_was_learned_from(self, run, tmp_path):
        past = write(tmp_path / "past.jsonl", 0, 200)
        status, out, _ = run("predict", "fit", past, "--out", tmp_path / "m", "--json", "--seed", 3, *COLUMNS)
        assert status == 0
        assert json.loads(out) == {"posts": 200, "pages": 1, "model": str(tmp_path / "m")}

    def test_too_few_posts(self, run, tmp_path):
        past = write(tmp_path / "past.jsonl", 0, 5)
        status, _, errors = run("predict", "fit", past, "--out", tmp_path / "m", *COLUMNS)
        assert status == 2
        assert errors.startswith("postopt predict fit: 5 different posts")
        assert not (tmp_path / "m").exists()

    def test_a_file_that_is_not_there(self, run, tmp_path):
        status, _, errors = run("predict", "fit", tmp_path / "none.csv", "--out", tmp_path / "m")
        assert status == 2
        assert "none.csv cannot be read" in errors

    @pytest.mark.parametrize(
        ("text", "fault", "mended_by"),
        [
            ("text,page\na,b\n", "p.csv, line 2: no column 'published'; there are text, page", "--column published="),
            ("text,published\na,2026-05-01T07:00Z\n", "p.csv, line 2: no column 'outcome'", "--outcome NAME"),
            ("text,published,outcome\na,,5\n", "p.csv, line 2, column published: there is nothing; a time", ""),
            ("text,published,outcome\na,2026-05-01T07:00,5\n", "p.csv, line 2, column published: ", "--zone Europe"),
            ("text,published,outcome\na,2026-05-01T07:00Z,-5\n", "p.csv, line 2, column outcome: '-5'; a count", ""),
            ("text;published;outcome\na;2026-05-01T07:00Z;1.234\n", "p.csv, line 2, column outcome: '1.234'", ""),
        ],
    )
    def test_a_row_that_nothing_can_be_learned_from_is_named(self, run, tmp_path, text, fault, mended_by):
        (tmp_path / "p.csv").write_text(text, "utf-8")
        status, _, errors = run("predict", "fit", tmp_path / "p.csv", "--out", tmp_path / "m")
        assert status == 2
        assert errors.startswith(f"postopt predict fit: {fault}")
        assert mended_by in errors

    @pytest.mark.parametrize("renamed", ["text", "text=", "txt=message", "=message"])
    def test_a_column_that_no_post_has(self, run, renamed, capsys):
        with pytest.raises(SystemExit) as left:
            run("predict", "fit", "f.csv", "--out", "m", "--column", renamed)
        assert left.value.code == 2
        assert "KEY=NAME is needed" in capsys.readouterr().err


class TestEvaluate:
    def test_it_says_how_good_the_model_is(self, run, model, tmp_path):
        later = write(tmp_path / "later.jsonl", 200, 300)
        status, out, _ = run("predict", "evaluate", later, "--model", model, *COLUMNS)
        assert status == 0
        assert "AUC, above the page's median" in out
        assert "On 100 posts of 1 page the predictions are better than the page's median" in out.replace("\n", " ")
        assert max(map(len, out.splitlines())) <= 80

    def test_json_holds_the_figures(self, run, model, tmp_path):
        later = write(tmp_path / "later.jsonl", 200, 300)
        status, out, _ = run("predict", "evaluate", later, "--model", model, "--json", *COLUMNS)
        assert status == 0
        figures = json.loads(out)
        assert figures["n"] == 100
        assert figures["auc_above_baseline"] > 0.6
        assert 0.7 < figures["coverage"] <= 1

    def test_a_picture(self, run, model, tmp_path):
        pytest.importorskip("matplotlib", reason="draws")
        later = write(tmp_path / "later.jsonl", 200, 300)
        status, _, _ = run("predict", "evaluate", later, "--model", model, "--plot", tmp_path / "e.png", *COLUMNS)
        assert status == 0
        assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")

    def test_posts_it_learned_from_are_no_test(self, run, model, tmp_path):
        past = write(tmp_path / "past.jsonl", 0, 200)
        status, _, errors = run("predict", "evaluate", past, "--model", model, *COLUMNS)
        assert status == 2
        assert errors.startswith("postopt predict evaluate:")

    def test_a_folder_that_holds_no_model(self, run, tmp_path):
        later = write(tmp_path / "later.jsonl", 200, 300)
        status, _, errors = run("predict", "evaluate", later, "--model", tmp_path, *COLUMNS)
        assert status == 2
        assert errors.startswith("postopt predict evaluate:")


class TestExplain:
    def test_a_table_with_intervals_and_reasons(self, run, model, tmp_path):
        drafts = write(tmp_path / "drafts.jsonl", 200, 203)
        status, out, _ = run("predict", "explain", drafts, "--model", model, *COLUMNS[:2], *COLUMNS[4:])
        assert status == 0
        lines = out.splitlines()
        assert lines[0].split() == ["post", "median", "interval", "above", "text"]
        assert [line.split()[0] for line in lines if line.startswith("p2")] == ["p200", "p201", "p202"]
        assert all("Our " in line for line in lines if line.startswith("p2"))
        assert "90 are to lie within their intervals" in out
        assert "associations" in out

    def test_json_gives_an_object_a_post(self, run, model, tmp_path):
        drafts = write(tmp_path / "drafts.jsonl", 200, 220)
        line = ("predict", "explain", drafts, "--model", model, "--json", "--limit", 4, *COLUMNS[:2], *COLUMNS[4:])
        status, out, _ = run(*line)
        assert status == 0
        said = [json.loads(line) for line in out.splitlines()]
        assert [one["id"] for one in said] == ["p200", "p201", "p202", "p203"]
        assert all(one["low"] <= one["median"] <= one["high"] for one in said)
        assert all(one["reasons"] for one in said)

    @pytest.mark.parametrize("width", [60, 80, 200])
    def test_the_table_is_as_wide_as_the_terminal_and_has_the_text(self, run, model, tmp_path, monkeypatch, width):
        monkeypatch.setenv("COLUMNS", str(width))
        draft = {"id": "d" * 99, "message": "Our free\ttickets\x1b[31m " * 30, "page": "bakery", "language": "en"}
        (tmp_path / "drafts.jsonl").write_text(json.dumps(draft), "utf-8")
        _, out, _ = run("predict", "explain", tmp_path / "drafts.jsonl", "--model", model, *COLUMNS[:2])
        assert max(map(len, out.splitlines())) <= width
        assert "\x1b" not in out
        assert "Our free" in out
        assert "…" in out.splitlines()[1]

    def test_json_gives_all_posts_and_a_table_says_what_it_left_out(self, run, model, tmp_path):
        drafts = write(tmp_path / "drafts.jsonl", 200, 213)
        line = ("predict", "explain", drafts, "--model", model, *COLUMNS[:2], *COLUMNS[4:])
        status, out, errors = run(*line, "--json")
        assert (status, len(out.splitlines()), errors) == (0, 13, "")
        status, out, errors = run(*line)
        assert (status, sum(line.startswith("p2") for line in out.splitlines())) == (0, predict.SHOWN)
        assert errors.startswith("The first 10 posts; --limit N")
        assert run(*line, "--limit", 13)[2] == ""
        drafts.write_text(drafts.read_text("utf-8") + "\n{", "utf-8")
        assert run(*line, "--limit", 13)[0] == 0
        assert run(*line, "--json", "--limit", 4)[2].startswith("The first 4 posts")

    def test_no_posts_are_no_error(self, run, model, tmp_path):
        (tmp_path / "none.jsonl").write_text("", "utf-8")
        status, out, errors = run("predict", "explain", tmp_path / "none.jsonl", "--model", model)
        assert status == 0
        assert out.startswith("post")
        assert errors == f"postopt predict explain: no posts in {tmp_path / 'none.jsonl'}\n"


@pytest.mark.parametrize("value", ["-1", "0", "x", "1.5", "1_000", "nan", "", "9" * 30])
def test_a_limit_that_is_no_count_is_refused_before_anything_is_read(run, value, capsys):
    with pytest.raises(SystemExit) as caught:
        run("predict", "explain", "none.csv", "--model", "none", f"--limit={value}")
    assert caught.value.code == 2
    assert f"argument --limit: {value!r} is no whole number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "1_000", ""])
def test_a_seed_that_is_none_is_refused_before_anything_is_read(run, value, capsys):
    with pytest.raises(SystemExit) as caught:
        run("predict", "fit", "none.csv", "--out", "none", f"--seed={value}")
    assert caught.value.code == 2
    assert f"argument --seed: {value!r} is no whole number of 0 or more" in capsys.readouterr().err


@pytest.mark.long
def test_the_example_of_the_help_runs_on_the_posts_of_the_examples(tmp_path):
    posts = Path(__file__).parents[2] / "examples" / "page_posts.csv"
    rows = posts.read_text("utf-8").splitlines()
    (tmp_path / "past.csv").write_text("\n".join(rows[:2001]), "utf-8")
    (tmp_path / "later.csv").write_text("\n".join([rows[0], *rows[2001:]]), "utf-8")
    for line in ("fit past.csv --out model", "evaluate later.csv --model model", "explain later.csv --model model"):
        command = [sys.executable, "-m", "postopt", "predict", *line.split()]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
