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
        assert "── p0: may be published" in out
        assert "── p1: may be published" in out
        for axis in ("policy", "platform", "correctness", "readability"):
            assert axis in out

    def test_a_broken_brief_forbids_it_and_says_where(self, run, tmp_path):
        (tmp_path / "brief.json").write_text(json.dumps({"topic": "Bread", "facts": {"price": "€5"}}), "utf-8")
        file = posts(tmp_path / "p.jsonl", "Bread for €5.", "Bread for €6.")
        status, out, _ = run("score", file, "--brief", tmp_path / "brief.json")
        assert status == 1
        assert "── p0: may be published" in out
        assert "── p1: may not be published" in out
        assert "€6" in out

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
        assert errors.startswith("postopt score:")
