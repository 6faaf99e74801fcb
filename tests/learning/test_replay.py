"""A log makes the same state again, byte for byte, and a damaged one says where."""

import json

import pytest

from postopt.errors import ExperimentStoreError, ReplayError
from postopt.experiments.records import Arm, CountRow, DecisionRow, OutcomeRow, Totals
from postopt.learning.log import Seal


def told(world, report, **settings):
    """A loop after a long story."""
    loop = world.loop(**settings)
    loop.ingest([report(f"f{i}", f"d{i % 10}", clicks=i % 7, at=float(50 + i), revenue=i / 7) for i in range(30)])
    loop.step(60.0)
    loop.ingest([report("f3", "d3"), report("f4", "d4", clicks=99), report("u", "post"), report("v", "nobody's")])
    loop.step(90.5)
    loop.stop("lunch")
    world.store.link("post", "d7")
    world.decide(3, first=10)
    world.store.log_outcomes([OutcomeRow("d1", "click", 0.25, 70.0)])
    world.store.log_counts([CountRow("day 1", "e", "a", "click", Totals(100.0, 3.0, 3.0), 70.0)])
    world.store.set_arm("e", "b", "paused", "by hand", 80.0)
    world.store.put("note", "k", {"x": [1, None, 0.1]}, 85.0)
    loop.ingest(report("w", "d11", at=40.0))
    loop.step(70.0)
    loop.resume()
    loop.step(1000.0)
    loop.restore(loop.snapshot(2))
    loop.ingest(report("late", "d12", at=1.0))
    loop.step(2000.0)
    return loop


def fresh(world, **settings):
    return world.loop(**settings)


@pytest.mark.parametrize("settings", [{}, {"window": 45.0}, {"cumulative": True}, {"max_changes": 0}, {"history": 2}])
def test_snapshot_and_log_are_the_same_byte_for_byte(new_world, report, settings):
    loop = told(new_world().decide(10), report, **settings)
    other = new_world()
    # Not its own settings, but those of each step count.
    again = fresh(other, history=settings.get("history", 30))
    again.replay(loop.log)
    assert again.snapshot() == loop.snapshot()
    assert list(again.log) == list(loop.log)
    assert again.history() == loop.history()
    assert other.store.decision("d11") is not None
    assert other.store.get("note", "k") == {"x": [1, None, 0.1]}
    assert [(arm.name, arm.status) for arm in other.store.arms("e")] == [("a", "active"), ("b", "paused")]
    assert other.store.audit() == []


def test_both_go_on_alike(new_world, report):
    one, two = new_world().decide(10), new_world()
    loop, again = told(one, report), two.loop()
    again.replay(loop.log)
    for each, world in ((loop, one), (again, two)):
        world.decide(2, first=20)
        each.ingest([report("z", "d21", at=2500.0), report("f3")])
    assert loop.step(3000.0) == again.step(3000.0)
    assert again.snapshot() == loop.snapshot()


def test_without_learners_too(new_world, report):
    world = new_world().decide(10)
    loop = world.loop([])
    loop.ingest([report("f"), report("g", "nobody's")])
    loop.step(200.0)
    again = new_world().loop([])
    again.replay(loop.log)
    assert again.snapshot() == loop.snapshot()
    assert again.step(300.0).waiting.unknown == 1


def test_what_nobody_has_stepped_over_yet_comes_along(new_world, report):
    loop = new_world().decide(10).loop()
    loop.ingest(report("f"))
    other = new_world().decide(10)
    again = other.loop()
    again.replay(loop.log)
    assert again.step(200.0).learned == 1


def test_an_empty_log_is_one(new_world):
    again = new_world().loop()
    again.replay(new_world().loop().log)
    assert again.snapshot() == new_world().loop().snapshot()


@pytest.mark.parametrize("form", ["list", "text", "bytes", "byte lines", "file"])
def test_it_is_read_from_lines_a_text_or_a_file(new_world, report, tmp_path, form):
    loop = told(new_world().decide(10), report)
    lines = [f"{line}\n" for line in loop.log]
    path = tmp_path / "log"
    path.write_text("".join(lines))
    again = new_world().loop()
    with path.open() as file:
        again.replay({
            "list": lines, "text": "".join(lines), "bytes": "".join(lines).encode(),
            "byte lines": [line.encode() for line in lines], "file": file,
        }[form])  # fmt: skip
    assert again.snapshot() == loop.snapshot()


def test_it_grows_with_the_loop_and_is_read_again_and_again(world, report):
    log = world.loop().log
    assert len(list(log)) == 2
    world.loop().ingest(report("f"))
    assert len(list(log)) == len(list(log)) == 3


def test_each_line_is_json(world, report):
    kinds = {json.loads(line)["kind"] for line in told(world, report).log}
    assert kinds == {"log", "feedback", "definition", "decision", "outcome", "count", "link", "document", "arm", "step",
                     "stop", "resume", "restore", "end"}  # fmt: skip


def test_a_long_log_is_read_in_pages(new_world, report):
    world = new_world().decide(2500)
    loop = world.loop()
    loop.ingest(report(f"f{i}", f"d{i}") for i in range(2500))
    loop.step(3000.0)
    again = new_world().loop()
    again.replay(loop.log)
    assert again.snapshot() == loop.snapshot()


class TestDamage:
    @pytest.fixture
    def lines(self, new_world, report):
        return list(told(new_world().decide(10), report).log)

    def refused(self, new_world, lines, **settings):
        world = new_world()
        tables = world.loop().snapshot(), world.tables
        with pytest.raises(ReplayError) as caught:
            world.loop(**settings).replay(lines)
        assert (world.loop().snapshot(), world.tables) == tables
        assert world.learner.counts == {}
        return str(caught.value)

    def test_each_line_that_is_missing_is_found(self, new_world, lines):
        for number in range(len(lines)):
            message = self.refused(new_world, lines[:number] + lines[number + 1 :])
            assert f"line {number + 1} of the log" in message

    def test_each_byte_that_is_changed_is_found(self, new_world, lines):
        text = "\n".join(lines)
        for place in range(0, len(text), 97):
            changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
            line = text[:place].count("\n") + 1
            message = self.refused(new_world, changed)
            assert f"line {line} of the log" in message or f"line {line + 1} of the log" in message

    def test_each_cut_is_found(self, new_world, lines):
        text = "\n".join(lines)
        for end in range(0, len(text) - 1, 211):
            assert "of the log" in self.refused(new_world, text[:end])

    def test_lines_in_another_order_are_found(self, new_world, lines):
        assert "line 4" in self.refused(new_world, [*lines[:3], lines[4], lines[3], *lines[5:]])

    def test_what_follows_the_end_is_found(self, new_world, lines):
        assert "nothing can follow" in self.refused(new_world, [*lines, lines[-1]])

    @pytest.mark.parametrize("foreign", ["", "hello", "{}", "[1]", "null", b"\xff", "[" * 100_000, [], ['{"a":NaN}'],
        '{"body":{},"check":1,"kind":"log"}', '{"body":{},"check":"","kind":[]}'])  # fmt: skip
    def test_what_is_no_log_is_refused(self, new_world, foreign):
        assert "line 1" in self.refused(new_world, foreign)

    @pytest.mark.parametrize("nothing", [None, 3, object()])
    def test_what_has_no_lines_is_refused(self, new_world, nothing):
        assert "its lines are needed" in self.refused(new_world, nothing)

    def test_a_log_of_another_seed_is_foreign(self, new_world, lines):
        assert "seed 7" in self.refused(new_world, lines, seed=7)

    def test_a_log_of_other_learners_is_foreign(self, new_world, lines):
        assert "'counting'" in self.refused(new_world, lines, learners=[])

    def test_a_loop_with_a_past_takes_none(self, world, report, lines):
        loop = world.loop()
        loop.ingest(report("f"))
        with pytest.raises(ReplayError, match="has a past"):
            loop.replay(lines)

    def test_a_store_with_other_settings_is_foreign(self, new_world, lines):
        world = new_world()
        world.store.define("e", {"other": True}, [Arm("a")])
        with pytest.raises(ReplayError, match=r"line.* of the log: .*settings"):
            world.loop().replay(lines)
        assert world.store.decision("d0") is None

    def test_lines_with_a_right_check_and_wrong_content_are_refused(self, new_world):
        head = '{"format":"postopt learning log","seed":0,"version":1}'
        step = '{"now":1,"learners":%s,"window":%s,"cumulative":true,"budget":null,"max_changes":null}'
        for kind, body in [
            ("step", "{}"), ("step", "[]"), ("step", '{"now":"x"}'), ("step", '{"now":NaN}'), ("step", step % (3, 1)),
            ("step", step % ('["counting"]', '"x"')), ("feedback", '{"id":3}'), ("feedback", "[]"), ("what", "1"),
            ("decision", "[1]"), ("decision", "{}"), ("stop", "{}"), ("spent", "{}"), ("restore", "{}"), ("rows", "{}"),
            ("outcome", '["nobody","m",1.0,1.0]'), ("count", "[]"), ("arm", '["e"]'), ("link", "[1,2]"),
            ("document", '["k","k","{",1.0]'), ("definition", '["e"]'), ("restore", '"x"'),
        ]:  # fmt: skip
            seal = Seal()
            lines = [seal.line("log", head), seal.line(kind, body), seal.line("end", '{"lines":3}')]
            assert "line 2 of the log" in self.refused(new_world, lines)


def test_a_learner_that_fails_is_a_line_and_the_replay_is_undone(new_world, report):
    loop = told(new_world().decide(10), report)
    world = new_world()
    again = world.loop()
    step, world.learner.step = world.learner.step, lambda now: 1 / 0
    with pytest.raises(ReplayError, match=r"line \d+ of the log: .*'counting' failed in step"):
        again.replay(loop.log)
    world.learner.step = step
    again.replay(loop.log)
    assert again.snapshot() == loop.snapshot()


def test_a_store_that_fails_meanwhile_is_no_damage_of_the_log(new_world, report):
    lines, other = list(told(new_world().decide(10), report).log), new_world()

    def failing():
        yield from lines[:-2]
        raise ExperimentStoreError("the disk is full")

    with pytest.raises(ExperimentStoreError, match="full"):
        other.loop().replay(failing())
    assert other.learner.counts == {}


def test_a_store_that_cannot_be_written_is_no_damage_of_the_log(new_world, report, monkeypatch):
    log, other = told(new_world().decide(10), report).log, new_world()

    def full(rows):
        raise ExperimentStoreError("the disk is full")

    monkeypatch.setattr(other.store, "log_decisions", full)
    with pytest.raises(ExperimentStoreError, match="full"):
        other.loop().replay(log)


def test_learners_that_came_later_are_replayed_from_where_they_came(new_world, counting, report):
    world = new_world().decide(10)
    world.loop().ingest(report("f"))
    world.loop().step(200.0)
    late = counting(world.store, "late")
    loop = world.loop([world.learner, late])
    loop.ingest(report("g", at=250.0))
    loop.step(300.0)
    other = new_world()
    again = other.loop([other.learner, counting(other.store, "late")])
    again.replay(loop.log)
    assert again.snapshot() == loop.snapshot()
    assert b'"late":{"counts":{"a":[100,5]}}' in again.snapshot()


def test_a_decision_row_comes_back_as_it_was(new_world, report):
    world = new_world()
    row = DecisionRow("d", "e", "a", "ff00", 1, 1 / 3, "thompson x8", '{"platform":"x"}', 1.25)
    world.store.define("e", {"alpha": 0.05}, [Arm("a", "Fresh bread")])
    world.store.log_decisions([row])
    loop = world.loop([])
    loop.step(200.0)
    other = new_world()
    other.loop([]).replay(loop.log)
    assert other.store.decision("d") == row
    assert other.store.settings("e") == {"alpha": 0.05}
    assert other.store.arms("e")[0].text == "Fresh bread"
