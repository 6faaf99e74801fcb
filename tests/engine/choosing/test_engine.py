"""When things are found out, what the attributes are then, and what threads, loops and forks see."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from postopt.engine import OptimizedEngine
from postopt.engine.handles import JSONHandle
from postopt.engine.overrides import Pin
from postopt.engine.records import Cell, Timing
from postopt.errors import BackendUnavailableError, WisdomError

WATCHED = """
import sys
from postopt.engine import OptimizedEngine

loud = {"open", "os.listdir", "import", "subprocess.Popen", "os.posix_spawn", "socket.connect"}
heard = []
sys.addaudithook(lambda event, _: event in loud and heard.append(event))
OptimizedEngine()
print(heard, sorted({"numpy", "orjson", "subprocess", "ssl", "platformdirs", "asyncio"} & sys.modules.keys()))
"""


class TestFirstUse:
    def test_building_finds_nothing_out(self, machine):
        engine = machine.engine()
        assert repr(engine.json) == "<json: decided when used>"
        assert hasattr(type(engine.json), "dumps")
        assert (machine.asked, machine.loaded) == ([], [])

    def test_building_opens_no_file_and_starts_no_process(self):
        done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True)
        assert done.stdout == "[] []\n"

    def test_it_asks_once_and_imports_the_winner_only(self, machine):
        engine = machine.engine()
        assert engine.json.name == "orjson"
        assert engine.json.dumps(1) == ("orjson", "dumps")
        assert len(machine.asked) == 1
        assert machine.loaded == ["orjson"]

    def test_a_role_asks_about_itself_only(self, machine):
        machine.engine().hash.digest(b"")
        ((names, cells),) = machine.asked
        assert names == ["blake3"]
        assert {cell.role for cell in cells} == {"hash"}

    def test_a_settled_handle_holds_the_backends_own_function(self, machine):
        engine = machine.engine()
        function = engine.json.dumps
        assert engine.json.dumps is function is engine.json.dumps
        assert type(engine.json) is JSONHandle

    def test_unknown_attributes_are_errors_and_measure_nothing(self, machine):
        engine = machine.engine()
        with pytest.raises(AttributeError):
            _ = engine.json._repr_html_
        assert machine.asked == []

    def test_prepare_asks_for_all_roles_at_once(self, machine):
        engine = machine.engine()
        engine.prepare()
        engine.prepare()
        assert len(machine.asked) == 1
        assert [engine.json.name, engine.fingerprint.name, engine.compression.speed.name] == ["orjson", "xxh3", "lz4"]
        assert len(machine.asked) == 1

    def test_prepare_refuses_a_role_that_does_not_exist(self, machine):
        with pytest.raises(BackendUnavailableError, match="jsn"):
            machine.engine().prepare(["jsn"])

    def test_nothing_is_asked_where_nothing_can_be_chosen(self, machine):
        machine.installed = {"numpy": "2.0"}
        engine = machine.engine()
        assert engine.json.name == "stdlib"
        assert machine.asked == []
        assert "nothing else works here" in engine.explain("json")

    def test_the_loop_comes_from_uvloop_only_if_it_works(self, machine):
        assert machine.engine().loop_factory() == ("asyncio", "new_event_loop")
        machine.installed["uvloop"] = "0.21"
        assert machine.engine().loop_factory() == ("uvloop", "new_event_loop")
        machine.states["loop", "uvloop"] = ("broken", "no such symbol")
        assert machine.engine().loop_factory.name == "asyncio"

    def test_a_backend_that_fails_to_import_here_gives_way(self, machine):
        machine.import_errors["orjson"] = OSError("cannot allocate memory in static TLS block")
        engine = machine.engine()
        assert engine.json.name == "stdlib"
        rejected = [entry for entry in engine.report().to_dict()["rejected"] if entry["name"] == "orjson"]
        assert "static TLS block" in rejected[0]["reason"]

    def test_size_decides_by_bytes_and_within_5_percent_by_time(self, machine):
        machine.bytes_out["zstandard"] = 106
        assert machine.engine().compression.size.name == "zlib"
        machine.bytes_out["zlib"] = 90
        machine.bytes_out["lz4"] = 94
        assert machine.engine().compression.size.name == "lz4"

    def test_a_role_that_nothing_fills_takes_no_other_with_it(self, machine):
        machine.states["scoring", "numpy"] = ("broken", "killed by signal 4")
        machine.import_errors["numpy"] = ImportError("no numpy")
        engine = machine.engine()
        engine.prepare()
        assert engine.json.name == "orjson"
        with pytest.raises(BackendUnavailableError, match="no scoring backend works here"):
            engine.scoring.linear(None, 0.0)
        report = engine.report(measure=True)
        assert any("no scoring backend" in note for note in report.notes)
        assert "scoring" not in {row.role for row in report.choices}

    def test_goals_of_compression_have_their_own_winners(self, machine):
        compression = machine.engine().compression
        assert (compression.name, compression.speed.name, compression.size.name) == ("lz4", "lz4", "zstandard")
        assert compression.compress is compression.speed.compress


class TestSizeGates:
    def test_each_size_class_gets_its_winner(self, machine):
        digest = machine.engine().hash
        assert digest.gates == ((4096, "sha256"), (None, "blake3"))
        assert digest.name == "blake3"
        assert [digest.digest(bytes(n))[0] for n in (0, 4095, 4096, 10**6)] == ["sha256", "sha256", "blake3", "blake3"]

    def test_a_gain_below_5_percent_does_not_gate(self, machine):
        machine.seconds["hash", "blake3"] = (1e-6, 2.45e-6, 3.9e-5)
        digest = machine.engine().hash
        assert digest.gates == ((None, "sha256"),)
        assert digest.digest(b"") == ("sha256", "digest")

    def test_equal_bytes_meet_the_same_algorithm(self, machine):
        digest = machine.engine().hash.digest
        data = bytes(8192)
        views = [
            data,
            bytearray(data),
            memoryview(data),
            memoryview(data).cast("Q"),
            memoryview(data).cast("B", (64, 128)),
        ]
        assert {digest(view)[0] for view in views} == {"blake3"}


class TestRigor:
    def test_unknown_rigor(self):
        with pytest.raises(ValueError, match=r"exhaustive.*patient"):
            OptimizedEngine(rigor="exhaustive")

    def test_estimate_checks_but_does_not_race(self, machine):
        engine = machine.engine(rigor="estimate")
        assert engine.json.name == "orjson"
        assert machine.asked == [(["orjson"], [])]
        assert engine.report().to_dict()["tier"] == "unmeasured"

    def test_estimate_takes_no_library_that_fails_its_check(self, machine):
        machine.states["json", "orjson"] = ("wrong", "loads('1e400') is inf")
        assert machine.engine(rigor="estimate").json.name == "stdlib"

    def test_heavy_libraries_take_part_at_patient_only(self, machine, monkeypatch):
        monkeypatch.delitem(sys.modules, "numba", raising=False)
        machine.installed["numba"] = "0.61"
        machine.seconds.update({("scoring", "numba"): 1e-6, ("scoring", "numpy"): 3e-6})
        engine = machine.engine()
        assert engine.scoring.name == "numpy"
        assert any("patient" in text for text in engine.report().advice)
        assert machine.engine(rigor="patient").scoring.name == "numba"

    def test_wisdom_only_raises_where_wisdom_is_silent(self, machine, tmp_path):
        engine = machine.engine(rigor="wisdom_only", wisdom=tmp_path)
        with pytest.raises(WisdomError, match="json") as caught:
            engine.json.dumps(1)
        assert "doctor --measure" in caught.value.hint
        assert machine.asked == []

    def test_wisdom_only_uses_what_was_measured(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path).prepare()
        engine = machine.engine(rigor="wisdom_only", wisdom=tmp_path)
        engine.prepare()
        assert engine.json.name == "orjson"
        assert len(machine.asked) == 1

    def test_a_passed_deadline_is_an_estimate_that_says_so(self, machine):
        machine.limit = 0
        engine = machine.engine()
        assert engine.json.name == "orjson"
        assert any("not measured in time" in note for note in engine.report().notes)
        assert "the deadline passed" in engine.report().notes

    def test_half_a_measurement_is_used_and_said(self, machine):
        machine.limit = 2
        machine.seconds["json", "stdlib"] = 1e-9
        engine = machine.engine()
        assert engine.json.name == "stdlib"
        assert "json: 2 of 6 cells were measured" in engine.report().notes


class TestEventLoop:
    def test_nothing_is_examined_in_its_thread(self, machine):
        engine = machine.engine()

        async def use():
            return (
                engine.json.name,
                engine.scoring.name,
                engine.loop_factory.name,
                [*machine.asked],
                str(engine.report()),
            )

        json_name, scoring, loop, asked, report = asyncio.run(use())
        assert (json_name, scoring, loop, asked) == ("stdlib", "numpy", "asyncio", [])
        assert "an event loop runs in this thread" in report
        assert engine.json.name == "orjson"

    def test_wisdom_is_enough_there_and_sticks(self, machine, tmp_path):
        machine.engine(wisdom=tmp_path).prepare()
        engine = machine.engine(wisdom=tmp_path)

        async def use():
            return engine.json.name, type(engine.json)

        assert asyncio.run(use()) == ("orjson", JSONHandle)
        assert len(machine.asked) == 1

    def test_aprepare_works_where_prepare_refuses(self, machine):
        engine = machine.engine()

        async def use():
            with pytest.raises(RuntimeError, match="aprepare"):
                engine.prepare()
            with pytest.raises(RuntimeError, match="block"):
                engine.report(measure=True)
            await engine.aprepare()
            engine.prepare()
            return engine.json.name

        assert asyncio.run(use()) == "orjson"

    def test_an_explicit_choice_nobody_examined_raises_there(self, machine):
        engine = machine.engine(overrides={"json": "orjson"})

        async def use():
            with pytest.raises(BackendUnavailableError, match="event loop") as caught:
                engine.json.dumps(1)
            return caught.value.hint

        assert "aprepare" in asyncio.run(use())
        assert engine.json.name == "orjson"

    def test_it_does_not_wait_for_a_thread_that_measures(self, machine):
        engine = machine.engine()
        measuring, done = threading.Event(), threading.Event()
        examine = machine.examine

        def slow(*arguments, **options):
            measuring.set()
            done.wait(30)
            return examine(*arguments, **options)

        engine._resolver.findings._examine = slow
        thread = threading.Thread(target=lambda: engine.json.name)
        thread.start()
        measuring.wait(30)

        async def use():
            return engine.json.dumps({"a": 1}), engine.hash.name

        async def fingerprint():
            try:
                return engine.fingerprint.name
            except BackendUnavailableError:
                return "raised"

        try:
            assert asyncio.run(use()) == (b'{"a":1}', "sha256")
            engine._pins["fingerprint"] = Pin("xxh3", "the argument overrides")
            # What the machine really has decides which of the two; never is another backend slipped in.
            assert asyncio.run(fingerprint()) in ("xxh3", "raised")
        finally:
            done.set()
            thread.join()
        assert (engine.json.name, engine.fingerprint.name) == ("orjson", "xxh3")

    def test_a_block_ends_without_waiting_for_a_thread_that_measures(self, machine):
        engine = machine.engine()
        held, release = threading.Event(), threading.Event()

        def hold():
            with engine._lock:
                held.set()
                release.wait(30)

        thread = threading.Thread(target=hold)
        with engine.use(json="stdlib"):
            thread.start()
            held.wait(30)
        assert not release.is_set()
        release.set()
        thread.join()

    def test_the_device_is_not_asked_there(self, machine):
        engine = machine.engine()

        async def use():
            return engine.device

        assert "event loop" in asyncio.run(use()).reason
        assert "event loop" not in engine.device.reason


class TestThreads:
    def test_32_threads_resolve_once(self, machine):
        engine = machine.engine()
        barrier = threading.Barrier(32)
        seen = []

        def touch():
            barrier.wait()
            seen.append(engine.json.dumps)

        threads = [threading.Thread(target=touch) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, seen))) == 1
        assert len(seen) == 32
        assert len(machine.asked) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
class TestFork:
    def in_child(self, ask):
        """Return what `ask` returns in a forked child."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, json.dumps(ask()).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        return json.loads(answer)

    def test_a_child_inherits_choices(self, machine):
        engine = machine.engine()
        engine.prepare(["json"])
        assert self.in_child(lambda: [engine.json.name, len(machine.asked)]) == ["orjson", 1]

    def test_a_child_races_nobody(self, machine):
        engine = machine.engine()
        name, asked, report = self.in_child(lambda: [engine.json.name, machine.asked, str(engine.report())])
        assert (name, asked) == ("orjson", [[["orjson"], []]])
        assert "forked" in report

    def test_a_fork_waits_for_a_thread_that_decides(self, machine):
        """Otherwise the child would wait for ever for the modules which that thread was importing."""
        engine = machine.engine()
        deciding, go_on = threading.Event(), threading.Event()
        load = engine._resolver._load

        def slow(target):
            deciding.set()
            go_on.wait(30)
            return load(target)

        engine._resolver._load = slow
        threads = [threading.Thread(target=engine.prepare, args=(["json"],)), threading.Thread(target=go_on.set)]
        threads[0].start()
        deciding.wait(30)
        threads[1].start()
        assert self.in_child(lambda: [sorted(engine._resolved), engine.json.name]) == [["json"], "orjson"]
        for thread in threads:
            thread.join()
        assert engine._lock.acquire(blocking=False)
        engine._lock.release()

    def test_a_lock_held_at_the_fork_does_not_stop_the_child(self, machine, monkeypatch):
        monkeypatch.setattr("postopt.engine.engine._FORK_SECONDS", 0.01)
        engine = machine.engine()
        held, release = threading.Event(), threading.Event()

        def hold():
            with engine._lock:
                held.set()
                release.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(30)
        try:
            assert self.in_child(lambda: engine.json.name) == "orjson"
        finally:
            release.set()
            thread.join()


@pytest.fixture(scope="module")
def engine():
    engine = OptimizedEngine(wisdom=None)
    engine.prepare()
    return engine


class TestForReal:
    """The real libraries, the real subprocess: whatever is installed."""

    def test_every_role_works(self, engine):
        value = {"text": "ñ 🙂", "n": [1, 2.5, None]}
        assert engine.json.loads(engine.json.dumps(value)) == value
        assert engine.json.canonical({"b": 1, "a": 2}) == b'{"a":2,"b":1}'
        assert len(engine.hash.digest(b"x" * 5000)) == 32
        assert len(engine.fingerprint.digest(b"x")) == 16
        for codec in (engine.compression, engine.compression.speed, engine.compression.size):
            assert codec.decompress(codec.compress(b"abc" * 999)) == b"abc" * 999
        assert all(handle.version for handle in (engine.json, engine.hash, engine.scoring, engine.loop_factory))

    def test_scoring_builds_heads(self, engine):
        import numpy as np

        rows = np.ones((3, 4), np.float32)
        head = engine.scoring.linear(np.full(4, 0.5, np.float32), 1.0)
        np.testing.assert_allclose(head(rows), np.full(3, 3.0), rtol=1e-5)

    def test_the_loop_runs(self, engine):
        with asyncio.Runner(loop_factory=engine.loop_factory) as runner:
            assert runner.run(asyncio.sleep(0, "done")) == "done"

    def test_dumps_is_the_librarys_own(self, engine):
        orjson = pytest.importorskip("orjson")
        assert engine.backend("json", "orjson").loads is orjson.loads
        with engine.use(json="orjson"):
            assert engine.json.loads is orjson.loads

    def test_winners_are_among_the_fastest(self, engine):
        report = engine.report(measure=True).to_dict()
        assert report["coverage"] == 1.0
        assert 0 < report["score"] <= 100
        assert report["tier"] in "ABCD"
        assert {row["role"] for row in report["choices"]} >= {"json", "hash", "fingerprint", "compression", "scoring"}


def test_a_spawned_process_builds_its_own(machine):
    """An engine is not carried between processes: it says so instead of failing later."""
    with pytest.raises(TypeError):
        multiprocessing.get_context("spawn").SimpleQueue().put(machine.engine())


def test_burst_tables_are_plain(machine):
    engine = machine.engine()
    engine.prepare(["json"])
    timing = engine._resolver.findings.bursts[Cell("json", "dumps", 256)]["orjson"]
    assert isinstance(timing, Timing)
    assert min(timing.wall) > 0
