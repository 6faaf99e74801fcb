"""`postopt doctor` and `postopt wisdom`, run as a program runs them, in this process."""

from __future__ import annotations

import json

import pytest

from postopt.cli import doctor, wisdom
from postopt.engine.wisdom import locate


@pytest.fixture
def run(program, tmp_path, monkeypatch):
    """Return a function that runs a command line with its own wisdom."""
    monkeypatch.setenv("POSTOPT_WISDOM", str(tmp_path / "cache"))
    return program(doctor, wisdom)


class TestDoctor:
    def test_without_measure_nothing_is_measured_or_kept(self, run, tmp_path):
        status, out, err = run("doctor", "--json")
        data = json.loads(out)
        assert (status, err) == (0, "")
        assert (data["score"], data["tier"], data["measuring_ms"]) == (None, "unmeasured", 0)
        assert data["device"]["device"] in ("cpu", "cuda")
        assert data["versions"]["python"]
        assert not (tmp_path / "cache").exists()

    def test_measure_then_look(self, run):
        status, out, _ = run("doctor", "--measure", "--json", "--calls-per-second", 5)
        measured = json.loads(out)
        assert status == 0
        assert 0 < measured["score"] <= 100
        assert measured["coverage"] == 1
        status, out, _ = run("doctor", "--json")
        later = json.loads(out)
        assert later["measuring_ms"] == 0
        assert later["coverage"] > 0
        assert later["wisdom"]["exists"]
        names = {(row["role"], row["goal"], row["size"]): row["name"] for row in measured["choices"]}
        assert all(names[row["role"], row["goal"], row["size"]] == row["name"] for row in later["choices"])

    def test_text_says_what_to_type(self, run):
        status, out, _ = run("doctor")
        assert status == 0
        assert "postopt doctor --measure" in out
        assert "Wisdom: " in out
        assert "Libraries: " in out

    def test_a_wrong_environment_variable_is_an_error(self, run, monkeypatch):
        monkeypatch.setenv("POSTOPT_JSON", "simplejson")
        status, out, err = run("doctor")
        assert (status, out) == (1, "")
        assert "simplejson" in err
        assert "orjson" in err

    def test_a_user_without_a_home(self, run, monkeypatch):
        def fail(*_):
            raise RuntimeError("could not determine the home directory")

        monkeypatch.delenv("POSTOPT_WISDOM")
        monkeypatch.setattr("platformdirs.user_cache_dir", fail)
        status, out, _ = run("doctor")
        assert status == 0
        assert "wisdom is neither read nor kept: could not determine the home directory" in out
        status, _, err = run("wisdom", "clear")
        assert status == 1
        assert "set POSTOPT_WISDOM to a path, or to off" in err

    def test_wisdom_may_be_off(self, run, monkeypatch):
        monkeypatch.setenv("POSTOPT_WISDOM", "off")
        status, out, _ = run("doctor")
        assert status == 0
        assert "Wisdom: neither read nor kept" in out


class TestWisdom:
    def test_export_clear_import(self, run, tmp_path):
        file = tmp_path / "exported.json"
        status, _, err = run("wisdom", "export", file)
        assert status == 1
        assert "postopt doctor --measure" in err
        run("doctor", "--measure")
        before = locate(tmp_path / "cache").read()
        status, out, _ = run("wisdom", "export", file)
        assert status == 0
        assert f"{len(before.entries)} timings written" in out
        assert run("wisdom", "clear")[0] == 0
        assert locate(tmp_path / "cache").read().entries == ()
        assert run("wisdom", "import", file)[0] == 0
        assert locate(tmp_path / "cache").read() == before

    def test_a_foreign_file_is_refused_with_the_difference(self, run, tmp_path):
        run("doctor", "--measure")
        file = tmp_path / "exported.json"
        run("wisdom", "export", file)
        document = json.loads(file.read_bytes())
        document["machine"]["cpu"] = "abacus"
        file.write_text(json.dumps(document))
        status, _, err = run("wisdom", "import", file)
        assert status == 1
        assert "abacus" in err

    def test_off_is_said(self, run, monkeypatch, tmp_path):
        monkeypatch.setenv("POSTOPT_WISDOM", "off")
        status, _, err = run("wisdom", "clear")
        assert status == 1
        assert "POSTOPT_WISDOM" in err

    def test_a_command_is_needed(self, run):
        with pytest.raises(SystemExit):
            run("wisdom")
