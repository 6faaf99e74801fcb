"""Measurements survive runs and nothing else: whatever is wrong with the file, it counts as absent."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engine import machine as this_machine
from postopt.engine import wisdom as module
from postopt.engine.catalog import CELLS
from postopt.engine.records import Cell, Timing, Verdict
from postopt.engine.wisdom import MAX_BYTES, TTL_SECONDS, Entry, Finding, Wisdom, locate
from postopt.errors import WisdomError

FACTS = {"cpu": "abacus", "python": "3.11"}
NOW = 1.8e9
ONE = Timing((1e-6,), (1e-6,))
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes and special files")


def entry(name="orjson", *, cell=CELLS[0], saved=NOW, version="3.11", timing=ONE, contract=1):
    return Entry(cell, name, version, f"{name} stamp", "measure", contract, saved, timing)


def finding(name="orjson", *, saved=NOW, state="working", contract=1):
    return Finding(Verdict("json", name, name, state, "", "3.11", f"{name} stamp"), contract, saved)


@pytest.fixture
def wisdom(tmp_path):
    return Wisdom(tmp_path / "cache" / "wisdom.json", now=lambda: NOW, facts=FACTS)


class TestFile:
    def test_what_was_added_is_read(self, wisdom):
        assert wisdom.read() == module.Knowledge()
        assert wisdom.add([finding()], [entry()]) == ""
        assert wisdom.add([finding("msgspec")], [entry("msgspec"), entry(timing=Timing((2e-6,), (1e-6,)))]) == ""
        known = wisdom.read()
        assert {f.verdict.name for f in known.findings} == {"orjson", "msgspec"}
        assert {e.name: e.timing.wall for e in known.entries} == {"orjson": (2e-6,), "msgspec": (1e-6,)}

    @posix
    def test_it_is_private(self, wisdom):
        wisdom.add([finding()], [entry()])
        assert stat.S_IMODE(wisdom.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(wisdom.path.parent.stat().st_mode) == 0o700
        assert list(wisdom.path.parent.iterdir()) == [wisdom.path]

    @settings(max_examples=50, deadline=None)
    @given(
        wall=st.lists(st.floats(1e-9, 10), min_size=1, max_size=15),
        text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        cell=st.sampled_from(CELLS),
        size=st.integers(1, 10**9),
    )
    def test_a_round_trip_changes_nothing(self, tmp_path_factory, wall, text, cell, size):
        wisdom = Wisdom(tmp_path_factory.mktemp("w") / "w.json", now=lambda: NOW, facts=FACTS)
        kept = replace(entry(text, cell=cell, version=text), timing=Timing(tuple(wall), tuple(wall), size))
        seen = Finding(Verdict("hash", text, text, "wrong", text, text, text, import_seconds=wall[0]), 1, NOW)
        wisdom.add([seen], [kept])
        assert wisdom.read() == module.Knowledge((seen,), (kept,))

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "damaged"),
            (b"\xff\x00\x80", "damaged"),
            (b"[" * 100_000, "damaged"),
            (b"[]", "format"),
            (b'{"format": "postopt wisdom 0"}', "format"),
            (b'{"format": "postopt wisdom 1"}', "another machine"),
            (b'{"format": "postopt wisdom 1", "machine": {"cpu": "abacus", "python": "3.11"}}', "damaged"),
            (b" " * (MAX_BYTES + 1), "size"),
        ],
        ids=["empty", "binary", "deep", "list", "other format", "no machine", "no entries", "huge"],
    )
    def test_anything_else_counts_as_absent_and_says_so(self, wisdom, content, reason):
        wisdom.path.parent.mkdir()
        wisdom.path.write_bytes(content)
        known = wisdom.read()
        assert (known.findings, known.entries) == ((), ())
        assert reason in known.problem
        assert str(wisdom.path) in known.problem
        assert wisdom.add([finding()], []) == ""
        assert len(wisdom.read().findings) == 1

    @pytest.mark.parametrize("kept", [1, 10, 100, 400, -1])
    def test_a_truncated_file_counts_as_absent(self, wisdom, kept):
        wisdom.add([finding()], [entry()])
        wisdom.path.write_bytes(wisdom.path.read_bytes()[:kept])
        assert "damaged" in wisdom.read().problem

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda d: d["entries"][0]["timing"].update(wall=[]),
            lambda d: d["entries"][0]["timing"].update(wall=[float("nan")]),
            lambda d: d["entries"][0]["timing"].update(wall=[-1.0]),
            lambda d: d["entries"][0]["timing"].update(wall=["fast"]),
            lambda d: d["entries"][0].update(cell=["json", "dumps"]),
            lambda d: d["entries"][0].update(cell=["nothing", "dumps", 256]),
            lambda d: d["entries"][0].update(rigor="guess"),
            lambda d: d["entries"][0].update(saved=None),
            lambda d: d["entries"][0].update(saved=10**400),
            lambda d: d["entries"][0].update(contract=float("inf")),
            lambda d: d["findings"][0].update(contract=float("-inf")),
            lambda d: d["findings"][0]["verdict"].update(import_seconds=10**400),
            lambda d: d["findings"][0]["verdict"].update(state="fine"),
            lambda d: d["findings"][0]["verdict"].update(final="yes"),
            lambda d: d["findings"][0]["verdict"].update(reason=3),
            lambda d: d["findings"][0].update(verdict={"role": "json"}),
            lambda d: d.update(entries={"a": 1}),
        ],
    )
    def test_a_spoiled_entry_spoils_the_file(self, wisdom, spoil):
        wisdom.add([finding()], [entry()])
        document = json.loads(wisdom.path.read_bytes())
        spoil(document)
        wisdom.path.write_text(json.dumps(document))
        assert "damaged" in wisdom.read().problem

    def test_a_folder_in_its_place_stays(self, wisdom):
        wisdom.path.mkdir(parents=True)
        assert "not a regular file" in wisdom.read().problem
        assert wisdom.add([finding()], []).startswith("wisdom not saved: ")
        assert list(wisdom.path.parent.iterdir()) == [wisdom.path]

    @posix
    def test_a_link_is_read_and_then_replaced_what_it_points_to_stays(self, wisdom, tmp_path):
        wisdom.add([finding()], [])
        other = wisdom.path.replace(tmp_path / "other.json")
        wisdom.path.symlink_to(other)
        before = other.read_bytes()
        wisdom.add([], [entry()])
        assert (len(wisdom.read().findings), len(wisdom.read().entries)) == (1, 1)
        assert not wisdom.path.is_symlink()
        assert other.read_bytes() == before

    @posix
    def test_a_pipe_in_its_place_is_not_opened(self, wisdom):
        wisdom.path.parent.mkdir()
        os.mkfifo(wisdom.path)
        assert "not a regular file" in wisdom.read().problem

    def test_a_full_disk_keeps_the_old_file(self, wisdom, monkeypatch):
        wisdom.add([finding()], [entry()])
        before = wisdom.path.read_bytes()

        class Full:
            def __init__(self, descriptor, mode):
                self.file = open(descriptor, mode)  # noqa: PTH123, SIM115  # of a descriptor, closed below

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.file.close()

            def write(self, data):
                self.file.write(data[:10])
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fdopen", Full)
        assert "No space left on device" in wisdom.add([], [entry("msgspec")])
        assert wisdom.path.read_bytes() == before
        assert list(wisdom.path.parent.iterdir()) == [wisdom.path]

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path):
        (tmp_path / "file").write_text("")
        wisdom = Wisdom(tmp_path / "file" / "w.json", facts=FACTS)
        assert "not saved" in wisdom.add([finding()], [])

    def test_read_only_is_never_written(self, wisdom):
        wisdom.add([finding()], [])
        before = wisdom.path.read_bytes()
        frozen = Wisdom(wisdom.path, readonly=True, now=lambda: NOW, facts=FACTS)
        assert frozen.add([], [entry()]) == ""
        assert wisdom.path.read_bytes() == before
        with pytest.raises(WisdomError, match="read-only"):
            frozen.clear()

    @pytest.mark.parametrize("age", [TTL_SECONDS + 1, -2 * 86_400])
    def test_old_entries_and_those_from_the_future_do_not_count(self, wisdom, age):
        wisdom.add([finding(saved=NOW - age)], [entry(saved=NOW - age), entry("msgspec")])
        known = wisdom.read()
        assert (known.findings, [e.name for e in known.entries]) == ((), ["msgspec"])

    def test_entries_under_another_contract_do_not_count(self, wisdom):
        wisdom.add([finding(contract=0)], [entry(contract=0)])
        assert wisdom.read() == module.Knowledge()

    def test_writers_at_once_leave_one_whole_file(self, wisdom):
        wisdom.add([finding()], [entry()])
        problems = []

        def write(name):
            for _ in range(20):
                problems.append(wisdom.add([finding(name)], [entry(name)]))
                problems.append(wisdom.read().problem)

        threads = [threading.Thread(target=write, args=(f"b{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(problems) == {""}
        assert wisdom.read().entries
        assert list(wisdom.path.parent.iterdir()) == [wisdom.path]

    def test_two_processes_that_write_at_once_leave_one_whole_file(self, wisdom, tmp_path):
        code = (
            "import sys; from postopt.engine import wisdom, machine; from postopt.engine.records import Verdict\n"
            "kept = wisdom.Wisdom(wisdom.Path(sys.argv[1]))\n"
            "for i in range(50):\n"
            "    seen = Verdict('json', f'{sys.argv[2]}{i % 5}', 'a', 'working', version='1', stamp='s')\n"
            "    problem = kept.add([wisdom.Finding(seen, 1, wisdom.time.time())], []) or kept.read().problem\n"
            "    assert not problem, problem\n"
        )
        file = tmp_path / "shared.json"
        command = [sys.executable, "-c", code, str(file)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        writers = [subprocess.Popen([*command, name], env=environment) for name in ("one", "two")]
        assert [writer.wait(60) for writer in writers] == [0, 0]
        assert 5 <= len(Wisdom(file).read().findings) <= 10
        assert list(tmp_path.iterdir()) == [file]

    def test_it_is_bounded(self, wisdom):
        many = [entry(f"b{i}", saved=NOW - 5000 + i) for i in range(module.MAX_ENTRIES + 10)]
        wisdom.add([], many)
        assert len(wisdom.read().entries) == module.MAX_ENTRIES
        assert wisdom.read().entries[-1] == many[-1]


class TestExport:
    def test_export_clear_import(self, wisdom, tmp_path):
        wisdom.add([finding()], [entry()])
        known = wisdom.read()
        assert wisdom.export(tmp_path / "exported.json") == 1
        wisdom.clear()
        wisdom.clear()
        assert wisdom.read() == module.Knowledge()
        assert wisdom.load(tmp_path / "exported.json") == 1
        assert wisdom.read() == known

    def test_another_machines_is_refused_with_the_difference(self, wisdom, tmp_path):
        wisdom.add([finding()], [entry()])
        wisdom.export(tmp_path / "exported.json")
        other = Wisdom(tmp_path / "other.json", now=lambda: NOW, facts={**FACTS, "cpu": "slide rule"})
        with pytest.raises(WisdomError, match="cpu: 'abacus', here 'slide rule'"):
            other.load(tmp_path / "exported.json")

    def test_there_must_be_something(self, wisdom, tmp_path):
        with pytest.raises(WisdomError, match="no wisdom"):
            wisdom.export(tmp_path / "exported.json")
        with pytest.raises(WisdomError, match="No such file"):
            wisdom.load(tmp_path / "nowhere.json")


class TestLocate:
    def test_settings(self, tmp_path):
        assert locate(None) is None
        assert locate("off") is None
        assert locate(tmp_path / "w.json", facts=FACTS).path == tmp_path / "w.json"
        assert locate(tmp_path, facts=FACTS).path == tmp_path / f"{this_machine.key(FACTS)}.json"
        default, frozen = locate("default", facts=FACTS), locate("readonly", facts=FACTS)
        assert default.path == frozen.path
        assert default.path.parent.name == "wisdom-v1"
        assert (default.readonly, frozen.readonly) == (False, True)

    def test_the_key_follows_every_fact(self):
        facts = this_machine.describe()
        assert all(isinstance(value, str) for value in facts.values())
        keys = {this_machine.key({**facts, name: value + "x"}) for name, value in facts.items()}
        assert len(keys | {this_machine.key(facts)}) == len(facts) + 1
        assert this_machine.key(this_machine.describe()) == this_machine.key(facts)

    def test_a_system_that_tells_little_is_described_all_the_same(self, monkeypatch, tmp_path):
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setitem(sys.modules, "ssl", None)
        monkeypatch.setattr(this_machine, "_CPUINFO", tmp_path / "nowhere")
        this_machine._processor.cache_clear()
        try:
            facts = this_machine.describe()
        finally:
            this_machine._processor.cache_clear()
        assert facts["openssl"].startswith("none")
        assert int(facts["cores"]) >= 1
        assert facts["cpu"]

    def test_masked_instructions_are_another_machine(self, monkeypatch):
        before = this_machine.describe()
        monkeypatch.setenv("OPENSSL_ia32cap", "~0x20000000")
        assert this_machine.describe() != before

    def test_without_a_home_there_is_no_default(self, monkeypatch):
        monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: "~/.cache/postopt")  # older versions
        with pytest.raises(WisdomError, match="no cache folder"):
            locate("default")


class TestEngine:
    def test_without_a_home_it_works_and_says_so(self, machine, monkeypatch):
        def fail(*_):
            raise RuntimeError("could not determine the home directory")

        monkeypatch.setattr("platformdirs.user_cache_dir", fail)
        engine = machine.engine(wisdom="default")
        assert engine.json.name == "orjson"
        assert "wisdom is neither read nor kept: could not determine the home" in engine.report().notes[0]

    def test_a_second_run_measures_nothing(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path).prepare()
        engine = machine.engine(wisdom=tmp_path)
        engine.prepare()
        assert len(machine.asked) == 1
        assert engine.json.name == "orjson"
        report = engine.report()
        assert report.measuring_seconds == 0
        assert report.score.measured > 0
        assert "measured earlier" in engine.explain("json")

    def test_a_new_library_is_measured_beside_what_is_known(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path).json.dumps(1)
        machine.installed["msgspec"] = "0.19"
        machine.engine(wisdom=tmp_path).json.dumps(1)
        (_, _), (examined, cells) = machine.asked
        assert examined == ["msgspec"]
        assert {cell.role for cell in cells} == {"json"}
        assert set(machine.passed[1][Cell("json", "dumps", 256)]) == {"stdlib", "orjson"}
        assert machine.engine(wisdom=tmp_path).json.name == "orjson"
        assert len(machine.asked) == 2

    def test_an_upgraded_library_is_measured_again(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path).json.dumps(1)
        machine.installed["orjson"] = "3.12"
        machine.engine(wisdom=tmp_path).json.dumps(1)
        assert machine.asked[1][0] == ["orjson"]
        assert set(machine.passed[1][Cell("json", "dumps", 256)]) == {"stdlib"}

    def test_a_broken_library_is_remembered(self, machine, tmp_path):
        machine.states["json", "orjson"] = ("broken", "killed by signal 11")
        machine.engine(wisdom=tmp_path).json.dumps(1)
        machine.asked.clear()
        engine = machine.engine(wisdom=tmp_path)
        assert engine.json.name == "stdlib"
        assert machine.asked == []
        assert "signal 11" in str(engine.report())

    def test_patient_does_not_trust_what_was_measured_in_haste(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path).json.dumps(1)
        machine.engine(wisdom=tmp_path, rigor="patient").json.dumps(1)
        assert len(machine.asked) == 2
        machine.engine(wisdom=tmp_path, rigor="patient").json.dumps(1)
        machine.engine(wisdom=tmp_path).json.dumps(1)
        assert len(machine.asked) == 2

    def test_none_and_off_touch_no_file(self, machine, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        machine.engine().prepare()
        monkeypatch.setenv("POSTOPT_WISDOM", "off")
        machine.engine(wisdom="default").prepare()
        assert list(tmp_path.rglob("*")) == []

    def test_the_environment_names_the_file(self, machine, tmp_path, monkeypatch):
        monkeypatch.setenv("POSTOPT_WISDOM", str(tmp_path / "here.json"))
        machine.engine(wisdom="default").json.dumps(1)
        assert [path.name for path in tmp_path.iterdir()] == ["here.json"]

    def test_the_hosts_own_payloads_leave_no_trace(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path, payloads=[{"secret": "word"}]).json.dumps(1)
        (path,) = tmp_path.iterdir()
        assert json.loads(path.read_bytes())["entries"] == []
        assert b"secret" not in path.read_bytes()
        machine.engine(wisdom=tmp_path).json.dumps(1)
        machine.engine(wisdom=tmp_path, payloads=[{"other": "word"}]).json.dumps(1)
        assert [len(cells) for _, cells in machine.asked] == [6, 6, 6]

    def test_a_damaged_file_is_told_in_the_report(self, machine, tmp_path):
        path = tmp_path / "w.json"
        path.write_text("{")
        engine = machine.engine(wisdom=path)
        assert engine.json.name == "orjson"
        assert any("damaged" in note for note in engine.report().notes)
