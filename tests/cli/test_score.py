from __future__ import annotations

import json

import pytest

from postopt.cli import score, write


@pytest.fixture
def run(program):
    return program(score)


def posts(path, *texts):
    rows = [{"id": f"p{number}", "text": text, "language": "en"} for number, text in enumerate(texts)]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


class TestScore:
    def test_posts_that_may_be_published(self, run, tmp_path):
        status, out, _ = run("score", posts(tmp_path / "p.jsonl", "Fresh bread every morning.", "Come in."))
        assert status == 0
        assert out.splitlines() == [
            "── p0: may be published, nothing found", "── p1: may be published, nothing found",
            "2 posts: 2 may be published, 0 may not",
        ]  # fmt: skip

    def test_what_was_found_stands_axis_by_axis_within_the_width_of_the_terminal(self, run, tmp_path, monkeypatch):
        file = posts(tmp_path / "p.jsonl", "Fresh bread  is here every morning, and some of it is warm.")
        for width in (60, 140):
            monkeypatch.setenv("COLUMNS", str(width))
            _, out, _ = run("score", file)
            for axis in ("policy", "platform", "correctness", "readability"):
                assert axis in out
            assert max(map(len, out.splitlines())) <= width

    def test_a_broken_brief_forbids_it_and_says_where(self, run, tmp_path):
        (tmp_path / "brief.json").write_text(json.dumps({"topic": "Bread", "facts": {"price": "€5"}}), "utf-8")
        file = posts(tmp_path / "p.jsonl", "Bread for €5.", "Bread for €6.")
        status, out, _ = run("score", file, "--brief", tmp_path / "brief.json")
        assert status == 1
        assert "── p0: may be published" in out
        assert "── p1: may not be published" in out
        assert "€6" in out
        assert out.endswith("2 posts: 1 may be published, 1 may not\n")

    def test_a_message_quotes_a_place_once(self, run, tmp_path):
        (tmp_path / "brief.json").write_text(json.dumps({"topic": "Bread", "forbidden": ["cheap"]}), "utf-8")
        _, out, _ = run("score", posts(tmp_path / "p.jsonl", "Our cheap bread."), "--brief", tmp_path / "brief.json")
        assert out.count("cheap") == 1

    @pytest.mark.parametrize(
        ("row", "fault"),
        [
            ('{"text": 5}', "p.jsonl, line 2, column text: 5; a text is needed"),
            ("{", "p.jsonl, line 2: not JSON"),
            ("[]", "p.jsonl, line 2: []; an object is needed"),
            ("{}", "p.jsonl, line 2: no column 'text'; there are none"),
        ],
    )
    def test_a_row_that_cannot_be_read_costs_no_other(self, run, tmp_path, row, fault):
        file = tmp_path / "p.jsonl"
        file.write_text(f'{{"text": "Bread."}}\n{row}\n{{"text": "Cake."}}\n', "utf-8")
        status, out, errors = run("score", file)
        assert status == 2
        assert errors.startswith(f"postopt score: {fault}")
        assert "── line-1: may" in out
        assert "── line-3: may" in out
        assert out.endswith("3 posts: 2 may be published, 0 may not, 1 unreadable\n")
        status, out, errors = run("score", file, "--json")
        assert (status, errors) == (2, "")
        first, bad, last = map(json.loads, out.splitlines())
        assert (first["id"], last["id"]) == ("line-1", "line-3")
        assert bad["id"] == "line-2"
        assert bad["error"].startswith(fault)

    @pytest.mark.parametrize(("name", "text"), [("p.jsonl", ""), ("p.jsonl", "\n"), ("p.csv", ""), ("p.csv", "text\n")])
    def test_a_file_without_posts_is_said(self, run, tmp_path, name, text):
        (tmp_path / name).write_text(text, "utf-8")
        assert run("score", tmp_path / name) == (0, "", f"postopt score: no posts in {tmp_path / name}\n")

    def test_a_platform_has_its_own_rules(self, run, tmp_path):
        file = posts(tmp_path / "p.jsonl", "Bread. " * 60)
        assert run("score", file)[0] == 0
        assert run("score", file, "--platform", "x")[0] == 1

    def test_json_gives_an_object_a_post(self, run, tmp_path):
        status, out, _ = run(
            "score", posts(tmp_path / "p.jsonl", "Are you diabetic?"), "--platform=facebook_ad", "--json"
        )
        assert status == 1
        said = json.loads(out)
        assert said["id"] == "p0"
        assert said["fit"] is False
        (finding,) = [finding for finding in said["findings"] if finding["hard"]]
        assert finding["rule"] == "policy.personal_attribute.health"
        assert "Are you diabetic?"[slice(*finding["span"])]
        assert said["calibration"] == "uncalibrated"

    def test_what_write_prints_can_be_scored(self, program, tmp_path):
        out = program(write)("write", "--topic", "Sourdough weekend", "--fact", "price=€5", "--json")[1]
        (tmp_path / "posts.jsonl").write_text(out, "utf-8")
        assert program(score)("score", tmp_path / "posts.jsonl")[0] == 0

    def test_a_terminal_is_not_moved_by_a_text(self, run, tmp_path):
        _, out, _ = run("score", posts(tmp_path / "p.jsonl", "Bread  \x1b[31mred\x07 {name}"))
        assert "\x1b" not in out
        assert "\x07" not in out

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "not JSON"),
            ('{"text": 7}', "column text: 7; a text is needed"),
            ('{"message": "a"}', "no column 'text'"),
        ],
    )
    def test_what_cannot_be_read(self, run, tmp_path, text, message):
        (tmp_path / "p.jsonl").write_text(text, "utf-8")
        status, _, errors = run("score", tmp_path / "p.jsonl")
        assert status == 2
        assert message in errors

    @pytest.mark.parametrize("brief", ["{", "[]", '{"topic": ""}', '{"topic": "a", "colour": "red"}'])
    def test_a_brief_that_is_none(self, run, tmp_path, brief):
        (tmp_path / "brief.json").write_text(brief, "utf-8")
        status, _, errors = run("score", posts(tmp_path / "p.jsonl", "Bread."), "--brief", tmp_path / "brief.json")
        assert status == 2
        assert errors.startswith(f"postopt score: {tmp_path / 'brief.json'}")

    def test_columns_that_are_missing_say_which_option_names_them(self, run, tmp_path):
        (tmp_path / "p.csv").write_text("message,page\nBread,bakery\n", "utf-8")
        status, _, errors = run("score", tmp_path / "p.csv")
        assert status == 2
        assert errors.startswith("postopt score: p.csv, line 2: no column 'text'; there are message, page\n")
        assert "--column text=NAME" in errors
        assert run("score", tmp_path / "p.csv", "--column", "text=Message")[0] == 0
