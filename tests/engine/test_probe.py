"""The probe with libraries that behave: what it answers, remembers, measures and refuses to wait for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from postopt.engine import probe
from postopt.engine.catalog import CATALOG, CELLS, Candidate
from postopt.engine.probe import examine
from postopt.engine.process import WorkerProcess
from postopt.engine.progress import Fault, Limits, Progress
from postopt.engine.records import Cell, Timing
from postopt.engine.sweep import sweep

WORKING = "from postopt.backends.json import JSON as BACKEND"
DUMPS = Cell("json", "dumps", 256)
SHA256 = Candidate(role="hash", name="sha256", target="postopt.backends.hashing:SHA256")
BLAKE2B = Candidate(role="hash", name="blake2b", target="postopt.backends.hashing:BLAKE2B")
ZLIB = tuple(
    Candidate(
        role="compression", name="zlib", target=f"postopt.backends.compression:ZLIB_{goal}", goals=(goal.lower(),)
    )
    for goal in ("SPEED", "SIZE")
)


@pytest.fixture
def processes(monkeypatch):
    """Counts the processes that examinations start."""
    started = []

    class Counted(WorkerProcess):
        def __init__(self, *args):
            started.append(args)
            super().__init__(*args)

    monkeypatch.setattr(probe, "WorkerProcess", Counted)
    return started


class TestExamine:
    def test_light_candidates_that_are_installed_work(self):
        for verdict in examine(CATALOG).verdicts:
            heavy = any(c.heavy for c in CATALOG if c.name == verdict.name)
            if verdict.state != "absent" and not heavy:
                assert (verdict.state, verdict.reason) == ("working", ""), verdict
                assert verdict.version
                assert verdict.stamp

    def test_one_process_serves_all_that_behave(self, site, candidate, stdlib, processes):
        for name in ("one", "two", "three"):
            site.add(WORKING, name=name)
        result = examine([stdlib, *map(candidate, ("one", "two", "three"))], path=site.path, cells=[DUMPS])
        assert {v.state for v in result.verdicts} == {"working"}
        assert len(processes) == 1

    def test_verdicts_come_in_the_order_of_the_candidates_one_a_name(self, site):
        verdicts = examine([SHA256, *ZLIB, BLAKE2B]).verdicts
        assert [v.name for v in verdicts] == ["sha256", "zlib", "blake2b"]

    def test_the_import_bill_is_measured(self, site, candidate):
        site.add(f"for _ in range(10**6): pass\n{WORKING}")
        assert examine([candidate()], path=site.path).verdicts[0].import_seconds > 0

    def test_heavy_libraries_wait_for_patience(self, site, candidate, processes):
        site.add(WORKING, name="weighty")
        heavy = candidate("weighty", heavy=True)
        [verdict] = examine([heavy], path=site.path).verdicts
        assert verdict.state == "present"
        assert "patient" in verdict.reason
        assert not verdict.final
        assert not processes
        assert examine([heavy], path=site.path, rigor="patient").verdicts[0].state == "working"

    def test_heavy_libraries_that_the_host_uses_already_take_part(self, site, candidate, monkeypatch):
        site.add(WORKING, name="weighty")
        monkeypatch.setitem(sys.modules, "weighty", sys)
        assert examine([candidate("weighty", heavy=True)], path=site.path).verdicts[0].state == "working"

    def test_the_host_imports_nothing(self, site, candidate):
        site.add(WORKING, name="stays_outside")
        assert examine([candidate("stays_outside")], path=site.path, cells=[DUMPS]).races
        assert "stays_outside" not in sys.modules


class TestKnown:
    def test_final_verdicts_hold_while_the_stamp_does(self, site, candidate, processes):
        package = site.add("raise OSError")
        first = examine([candidate()], path=site.path).verdicts
        assert examine([candidate()], path=site.path, known=first).verdicts == first
        assert len(processes) == 1
        (package / "__init__.py").write_text(f"# mended\n{WORKING}")
        assert examine([candidate()], path=site.path, known=first).verdicts[0].state == "working"

    def test_others_are_examined_again(self, site, candidate):
        site.add(WORKING)
        [working] = examine([candidate()], path=site.path).verdicts
        doubtful = replace(working, state="broken", reason="did not finish within 2 s", final=False)
        assert examine([candidate()], path=site.path, known=[doubtful]).verdicts == (
            replace(working, import_seconds=pytest.approx(working.import_seconds, abs=1.0)),
        )

    def test_folders_overrule_what_is_known(self, site, candidate):
        site.add(WORKING)
        known = examine([candidate()], path=site.path).verdicts
        [verdict] = examine([candidate(minimum=(9,))], path=site.path, known=known).verdicts
        assert verdict.state == "too_old"

    def test_a_library_that_breaks_later_is_found_when_it_is_loaded_to_race(self, site, candidate, stdlib):
        site.add(WORKING)
        [working] = examine([candidate()], path=site.path).verdicts
        wanted = candidate(target="orjson:GONE")
        result = examine([stdlib, wanted], path=site.path, known=[working], cells=[DUMPS])
        assert result.verdicts[1].state == "broken"
        assert [(race.cell, race.winner) for race in result.races] == [(DUMPS, "stdlib")]


class TestRaces:
    def test_every_cell_of_the_light_roles_is_decided(self):
        result = examine(CATALOG, cells=CELLS)
        working = {(v.role, v.name) for v in result.verdicts if v.state == "working"}
        assert {race.cell for race in result.races} == set(CELLS)
        for race in result.races:
            assert race.winner in race.timings
            assert {(race.cell.role, name) for name in race.timings} <= working
            for timing in race.timings.values():
                assert len(timing.wall) == len(timing.cpu) >= 3
                assert (timing.bytes_out > 0) == (race.cell.role == "compression")
        assert 0 < result.measuring_seconds == pytest.approx(sum(race.seconds for race in result.races))
        assert result.notes == ()

    def test_only_those_that_work_race(self, site, candidate, stdlib):
        site.add("raise OSError")
        result = examine([stdlib, candidate()], path=site.path, cells=[DUMPS])
        [race] = result.races
        assert set(race.timings) == {"stdlib"}

    def test_a_cell_that_nobody_can_fill_has_no_race(self, site, candidate):
        site.add("raise OSError")
        assert examine([candidate()], path=site.path, cells=[DUMPS]).races == ()
        assert examine([SHA256], cells=[DUMPS]).races == ()

    def test_the_callers_payloads_are_measured(self):
        size = Cell("compression", "size", 4096)
        [synthetic] = examine(ZLIB, cells=[size]).races
        [own] = examine(ZLIB, cells=[size], payloads=["a" * 4096]).races
        assert own.timings["zlib"].bytes_out < synthetic.timings["zlib"].bytes_out / 10

    def test_payloads_that_are_not_json_are_the_callers_error(self, processes):
        with pytest.raises(TypeError):
            examine([SHA256], cells=[Cell("hash", "digest", 256)], payloads=[{1, 2}])
        assert not processes

    def test_a_backend_that_fails_on_posts_leaves_the_race_and_is_noted(self, site, candidate, stdlib):
        site.add(
            f"{WORKING}\nfrom types import SimpleNamespace\nJSON = BACKEND\n"
            "def dumps(value):\n"
            "    if isinstance(value, dict) and 'score' in value: raise TypeError('no scores')\n"
            "    return JSON.dumps(value)\n"
            "BACKEND = SimpleNamespace(name='orjson', version='3.11.0', dumps=dumps, loads=JSON.loads)"
        )
        result = examine([stdlib, candidate()], path=site.path, cells=[DUMPS])
        [race] = result.races
        assert set(race.timings) == {"stdlib"}
        assert result.notes == ("orjson is out of the race for json dumps at 256 bytes: TypeError: no scores",)

    def test_a_crash_in_a_race_costs_that_cell_and_its_third_parties_only(self, site, candidate, stdlib):
        site.add(
            f"{WORKING}\nfrom types import SimpleNamespace\nimport ctypes\nJSON = BACKEND\n"
            "def dumps(value):\n"
            "    if isinstance(value, dict) and 'score' in value: ctypes.string_at(0)\n"
            "    return JSON.dumps(value)\n"
            "BACKEND = SimpleNamespace(name='orjson', version='3.11.0', dumps=dumps, loads=JSON.loads)"
        )
        loads = Cell("json", "loads", 256)
        result = examine([stdlib, candidate()], path=site.path, cells=[DUMPS, loads])
        found = {v.name: v for v in result.verdicts}
        assert found["stdlib"].state == "working"
        assert found["orjson"].state == "broken"
        assert "SIGSEGV while json dumps at 256 bytes was measured" in found["orjson"].reason
        assert [race.cell for race in result.races] == [loads]
        assert set(result.races[0].timings) == {"stdlib"}


class TestStoredTimings:
    CELL = Cell("hash", "digest", 256)

    def test_all_stored_takes_no_process(self, processes):
        known = examine([SHA256, BLAKE2B]).verdicts
        stored = {self.CELL: {"sha256": Timing((2.0,), (2.0,)), "blake2b": Timing((1.0,), (1.0,))}}
        started = len(processes)
        result = examine([SHA256, BLAKE2B], known=known, cells=[self.CELL], timings=stored)
        assert result.races[0].winner == "blake2b"
        assert result.races[0].timings == stored[self.CELL]
        assert result.measuring_seconds == 0
        assert len(processes) == started

    def test_a_newcomer_is_raced_against_the_best_and_the_rest_is_scaled(self, site):
        """Stored in other units (the machine has become a million times faster): only ratios survive."""
        site.add("from postopt.backends.hashing import BLAKE2B as BACKEND", name="newcomer")
        new = Candidate(role="hash", name="newcomer", library="newcomer", target="newcomer:BACKEND")
        stored = {self.CELL: {"sha256": Timing((1.0,) * 3, (1.0,) * 3), "blake2b": Timing((3.0,) * 3, (3.0,) * 3)}}
        [race] = examine([SHA256, BLAKE2B, new], path=site.path, cells=[self.CELL], timings=stored).races
        assert list(race.timings) == ["sha256", "blake2b", "newcomer"]
        assert max(race.timings["sha256"].cpu) < 0.1
        assert len(race.timings["blake2b"].cpu) == 3
        assert race.timings["blake2b"].cpu[0] == pytest.approx(3 * min(race.timings["sha256"].cpu), rel=0.5)


class TestNoProcess:
    """Where no process can be started, only the standard library works, and the reason is told."""

    def check(self, site, candidate, stdlib, reason):
        site.add(WORKING)
        result = examine([stdlib, candidate()], path=site.path, cells=[DUMPS])
        found = {v.name: v for v in result.verdicts}
        assert found["stdlib"].state == "working"
        assert found["orjson"].state == "present"
        assert reason in found["orjson"].reason
        assert not found["orjson"].final
        assert result.races == ()
        assert reason in result.notes[0]

    def test_no_interpreter(self, site, candidate, stdlib, monkeypatch):
        monkeypatch.setattr(sys, "executable", "")
        self.check(site, candidate, stdlib, "sys.executable is empty")

    def test_a_frozen_program(self, site, candidate, stdlib, monkeypatch):
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        self.check(site, candidate, stdlib, "frozen")

    def test_a_platform_without_processes(self, site, candidate, stdlib, monkeypatch):
        def refuse(*args, **kwargs):
            raise OSError(38, "emscripten does not support processes")

        monkeypatch.setattr(subprocess, "Popen", refuse)
        self.check(site, candidate, stdlib, "does not support processes")

    def test_no_thread_can_be_started(self, site, candidate, stdlib, monkeypatch):
        def refuse(_):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr("threading.Thread.start", refuse)
        self.check(site, candidate, stdlib, "can't start new thread")

    def test_an_executable_that_is_no_python(self, site, candidate, stdlib, monkeypatch):
        monkeypatch.setattr(sys, "executable", "/bin/false")
        self.check(site, candidate, stdlib, "ended the process with status 1")

    def test_a_path_on_which_postopt_is_not(self, site, candidate, stdlib):
        site.add(WORKING)
        result = examine([stdlib, candidate()], path=[str(site.folder)])
        assert result.verdicts[1].state == "present"
        assert "status 1" in result.notes[0]


class Reports:
    """Messages as a process would send them; `TimeoutError` stands for silence."""

    def __init__(self, *messages):
        self.messages = iter(messages)

    def next_message(self, seconds):
        message = next(self.messages, None)
        if message is TimeoutError:
            raise TimeoutError
        return message


class TestProgress:
    """Who is blamed for what, on scripted reports."""

    def progress(self, candidates, *cells, deadline=float("inf")):
        return Progress(candidates, sweep(candidates), {}, cells, {}, Limits(2.0, 5.0, deadline))

    def test_an_end_before_the_first_step_ends_the_examination(self, stdlib):
        progress = self.progress([stdlib])
        fault = progress.follow(Reports({"event": "ready"}))
        assert fault == Fault()
        progress.blame(fault, "stopped reporting", final=True)
        assert not progress.unfinished()
        assert progress.result().notes == ("no library could be examined: Python itself stopped reporting",)

    def test_silence_is_blamed_on_the_step_that_was_announced(self, stdlib):
        progress = self.progress([stdlib])
        fault = progress.follow(Reports({"event": "examining", "key": ["json", "stdlib"]}, TimeoutError))
        assert fault == Fault(key=("json", "stdlib"), waited=2.0)

    def test_after_the_deadline_nobody_is_to_blame(self, stdlib):
        progress = self.progress([stdlib], deadline=0.0)
        fault = progress.follow(Reports({"event": "examining", "key": ["json", "stdlib"]}, TimeoutError))
        assert fault.late
        progress.blame(fault, "", final=True)
        assert progress.result().verdicts[0].state == "working"

    def test_an_end_in_a_race_between_our_own_costs_the_cell(self):
        cell = Cell("hash", "digest", 256)
        progress = self.progress([SHA256, BLAKE2B], cell)
        fault = progress.follow(Reports({"event": "racing", "cell": list(cell)}))
        progress.blame(fault, "killed the process with SIGSEGV", final=True)
        assert progress.request()["cells"] == []
        assert progress.result().notes[0].startswith("killed the process with SIGSEGV while hash digest at 256 bytes")
