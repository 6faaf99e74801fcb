"""The subprocess' side of the probe, run in this process on the standard library."""

from __future__ import annotations

import json
import random

import pytest

from postopt.engine import race
from postopt.engine.race import MEASURE
from postopt.engine.records import Cell, Timing
from postopt.engine.worker import Examiner, measure, remeasure
from postopt.engine.workload import Work, work

DIGEST = Cell("hash", "digest", 256)
SIZE = Cell("compression", "size", 256)


def task(role, name, target, *, check=True, goals=()):
    return {"key": [role, name], "check": check, "targets": [[list(goals), target]]}


def run(tasks, cells=(), **request):
    said = []
    request = {"tasks": tasks, "cells": list(cells), "payloads": [], "rigor": "measure", "seed": 0, **request}
    Examiner(said.append).run(json.loads(json.dumps(request)))
    return json.loads(json.dumps(said))


SHA256 = task("hash", "sha256", "postopt.backends.hashing:SHA256")
BLAKE2B = task("hash", "blake2b", "postopt.backends.hashing:BLAKE2B")


def test_every_step_is_announced_before_it_is_taken():
    asked = {"cell": DIGEST, "order": ["sha256", "blake2b"], "stored": {}}
    said = run([SHA256, BLAKE2B], [asked])
    steps = ["ready", "examining", "verdict", "examining", "verdict", "racing", "race", "done"]
    assert [message["event"] for message in said] == steps
    assert [message["key"] for message in said[1:5]] == [["hash", "sha256"]] * 2 + [["hash", "blake2b"]] * 2
    assert said[6]["winner"] in ("sha256", "blake2b")
    assert set(said[6]["timings"]) == {"sha256", "blake2b"}


def test_a_target_that_does_not_load_is_broken_and_one_that_answers_wrong_is_wrong():
    said = run([task("hash", "x", "postopt.no_such:X"), task("json", "y", "postopt.backends.hashing:SHA256")])
    broken, wrong = (message for message in said if message["event"] == "verdict")
    assert (broken["state"], wrong["state"]) == ("broken", "wrong")
    assert "ModuleNotFoundError" in broken["reason"]
    assert wrong["reason"]


def test_a_missing_library_is_told_by_its_own_error_not_by_ours(site, monkeypatch):
    site.add(
        "from postopt._optional import needs\nwith needs('gone'):\n    raise ImportError('libgone.so')",
        name="wraps_gone",
    )
    monkeypatch.syspath_prepend(str(site.folder))
    [verdict] = [m for m in run([task("json", "gone", "wraps_gone:X")]) if m["event"] == "verdict"]
    assert verdict["reason"] == "cannot be imported: ImportError: libgone.so"


def test_who_is_known_to_work_is_loaded_without_a_check():
    [verdict] = [m for m in run([task("json", "y", "math:pi", check=False)]) if m["event"] == "verdict"]
    assert verdict["state"] == "working"


def test_nobody_races_in_a_cell_of_another_goal():
    speed = task("compression", "zlib", "postopt.backends.compression:ZLIB_SPEED", goals=["speed"])
    said = run([speed], [{"cell": SIZE, "order": ["zlib"], "stored": {}}])
    assert said[-2]["timings"] == {}
    assert said[-2]["winner"] == ""


def test_the_loop_has_nothing_to_measure():
    with pytest.raises(ValueError, match="'loop' has nothing to measure"):
        work(Cell("loop", "", 0), None, {})


class TestMeasuring:
    def works(self, **bytes_out):
        return {name: Work(lambda: sum(range(50)), 2, out) for name, out in bytes_out.items()}

    def test_seconds_are_those_of_one_payload(self, monkeypatch):
        monkeypatch.setattr(race, "race", lambda *_, **__: race.Outcome({"a": Timing((10.0,), (8.0,))}, "a"))
        timings = measure(DIGEST, {"a": Work(lambda: None, 4)}, MEASURE, random.Random(0))
        assert timings == {"a": Timing((2.5,), (2.0,))}

    def test_for_the_goal_size_only_the_smallest_race(self):
        timings = measure(SIZE, self.works(small=100, near=104, large=200), MEASURE, random.Random(0))
        assert {name: t.bytes_out for name, t in timings.items()} == {"small": 100, "near": 104, "large": 200}
        assert len(timings["large"].wall) == MEASURE.hopeless_rounds
        assert max(len(timings[name].wall) for name in ("small", "near")) >= MEASURE.shown_rounds

    def test_stored_bursts_are_kept_if_nobody_is_new(self):
        stored = {"a": Timing((1.0,), (1.0,)), "gone": Timing((1.0,), (1.0,))}
        assert remeasure(DIGEST, self.works(a=0), stored, MEASURE, random.Random(0)) == {"a": stored["a"]}

    def test_a_newcomer_meets_the_best_only_and_the_order_stays(self):
        stored = {"slow": Timing((9.0, 9.0), (9.0, 9.0)), "best": Timing((3.0, 3.0), (3.0, 3.0))}
        timings = remeasure(DIGEST, self.works(slow=0, new=0, best=0), stored, MEASURE, random.Random(0))
        assert list(timings) == ["slow", "new", "best"]
        assert len(timings["slow"].cpu) == 2
        assert len(timings["best"].cpu) > 2
