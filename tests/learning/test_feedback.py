"""Each report counts once, whenever and however often it comes."""

import pytest

from postopt.errors import ExperimentStoreError, LearnerError, OutcomeError
from postopt.types import Feedback


class TestKnownReports:
    def test_a_mature_report_is_learned_from_once(self, world, report):
        loop = world.loop()
        assert loop.ingest(report("f", clicks=7)) == 1
        first, second = loop.step(200.0), loop.step(300.0)
        assert (first.received, first.learned, first.late, first.unknown) == (1, 1, 0, 0)
        assert (second.received, second.learned) == (0, 0)
        assert world.learner.counts == {"a": (100, 7)}

    def test_nothing_happens_until_a_step(self, world, report):
        world.loop().ingest([report("f"), report("g")])
        assert world.learner.calls == []

    def test_a_linked_post_is_known(self, world, report):
        loop = world.loop()
        world.store.link("post", "d1")
        loop.ingest(report("f", "post"))
        assert loop.step(200.0).learned == 1
        assert world.learner.calls == [("d1", "f")]

    def test_a_post_of_two_decisions_teaches_both(self, world, report):
        loop = world.loop()
        for decision in ("d1", "d2"):
            world.store.link("post", decision)
        loop.ingest(report("f", "post"))
        step = loop.step(200.0)
        assert world.learner.calls == [("d1", "f"), ("d2", "f")]
        assert (step.learned, step.learners) == (1, {"counting": 1})

    def test_what_no_learner_takes_is_counted(self, world, report):
        loop = world.loop([])
        loop.ingest(report("f"))
        step = loop.step(200.0)
        assert (step.learned, step.unclaimed) == (0, 1)

    def test_many_reports_come_from_an_iterator(self, world, report):
        loop = world.loop()
        assert loop.ingest(report(f"f{i}", f"d{i % 10}") for i in range(2500)) == 2500
        assert loop.step(200.0).learned == 2500


class TestDuplicates:
    def test_the_same_report_counts_once(self, world, report):
        loop = world.loop()
        assert loop.ingest([report("f"), report("f")]) == 1
        assert loop.ingest(report("f")) == 0
        step = loop.step(200.0)
        assert (step.received, step.learned, step.duplicate, step.conflicting) == (3, 1, 2, 0)

    def test_it_counts_once_after_it_was_learned_from(self, world, report):
        loop = world.loop()
        loop.ingest(report("f"))
        loop.step(200.0)
        loop.ingest(report("f"))
        step = loop.step(300.0)
        assert (step.learned, step.duplicate) == (0, 1)

    def test_the_same_numbers_written_otherwise_are_the_same(self, world, report):
        loop = world.loop()
        loop.ingest([report("f", at=100.0, revenue=1.0), report("f", at=100, revenue=1)])
        assert loop.step(200.0).duplicate == 1

    def test_other_content_under_one_id_is_counted_apart_and_the_first_one_holds(self, world, report):
        loop = world.loop()
        loop.ingest([report("f", clicks=1), report("f", clicks=2), report("f", "d1", clicks=1)])
        step = loop.step(200.0)
        assert (step.learned, step.duplicate, step.conflicting) == (1, 0, 2)
        assert world.learner.counts == {"a": (100, 1)}

    @pytest.mark.parametrize("name", ["reactions", "hides", "revenue"])
    def test_what_nobody_counted_is_other_content_than_none_of_it(self, world, report, name):
        loop = world.loop()
        loop.ingest([report("f"), report("f", **{name: None}), report("f", **{name: 0})])
        step = loop.step(200.0)
        assert (step.duplicate, step.conflicting) == (1, 1)
        assert f'"{name}"'.encode() not in loop.snapshot()
        loop.ingest(report("g", at=200.0, **{name: 0}))
        loop.step(300.0)
        assert f'"{name}":0'.encode() in loop.snapshot()

    def test_the_counts_are_those_of_one_step(self, world, report):
        loop = world.loop()
        loop.ingest([report("f"), report("f")])
        loop.step(200.0)
        step = loop.step(300.0)
        assert (step.received, step.duplicate) == (0, 0)


class TestUnknownPosts:
    def test_they_are_counted_once_and_kept(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", "nobody's"))
        first, second = loop.step(200.0), loop.step(300.0)
        assert (first.unknown, first.learned, first.waiting.unknown) == (1, 0, 1)
        assert (second.unknown, second.waiting.unknown) == (0, 1)

    def test_a_link_that_comes_later_takes_them_up(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", "post", clicks=9))
        loop.step(200.0)
        world.store.link("post", "d3")
        step = loop.step(300.0)
        assert (step.found, step.learned, step.late, step.waiting.unknown) == (1, 1, 0, 0)
        assert world.learner.counts == {"b": (100, 9)}

    def test_a_decision_that_comes_later_takes_them_up(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", "d10"))
        assert loop.step(200.0).unknown == 1
        world.decide(1, first=10)
        assert loop.step(300.0).learned == 1

    def test_many_of_them_are_looked_through_page_by_page(self, world, report):
        loop = world.loop()
        loop.ingest(report(f"f{i}", f"d{i}") for i in range(10, 2510))
        assert loop.step(200.0).unknown == 2500
        world.decide(2500, first=10)
        step = loop.step(3000.0)
        assert (step.found, step.learned) == (2500, 2500)

    def test_a_post_that_is_linked_twice_is_found_once(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", "post"))
        loop.step(200.0)
        for decision in ("d3", "d5"):
            world.store.link("post", decision)
        step = loop.step(300.0)
        assert (step.found, step.learned, step.waiting.unknown) == (1, 1, 0)
        assert world.learner.calls == [("d3", "f"), ("d5", "f")]

    def test_what_a_learner_links_in_a_step_is_found_by_the_next(self, world, report):
        world.learner.step = lambda now: world.store.link("post", "d3") or ()
        loop = world.loop()
        loop.ingest(report("f", "post"))
        assert loop.step(200.0).unknown == 1
        assert loop.step(300.0).found == 1

    def test_a_step_with_nothing_new_does_not_look_at_them(self, new_world, report):
        def work(n):
            """Steps of SQLite's machine, in thousands, that an empty step takes with so many unknown reports."""
            world, done = new_world().decide(10), []
            loop = world.loop()
            loop.ingest(report(f"f{i}", f"nobody's {i}") for i in range(n))
            loop.step(200.0)
            loop.step(250.0)
            with world.store.transaction() as connection:
                connection.set_progress_handler(lambda: done.append(1), 100)
                step = loop.step(300.0)
                connection.set_progress_handler(None, 0)
            assert (step.unknown, step.found, step.waiting.unknown) == (0, 0, n)
            return len(done)

        assert work(4000) <= work(10) + 2

    def test_a_step_that_failed_looks_at_them_again(self, world, report, monkeypatch):
        loop = world.loop()
        loop.ingest(report("f", "post"))
        loop.step(200.0)
        world.store.link("post", "d3")
        with monkeypatch.context() as patch:
            patch.setattr(world.learner, "step", lambda now: 1 / 0)
            with pytest.raises(LearnerError):
                loop.step(300.0)
        step = loop.step(300.0)
        assert (step.found, step.learned, step.waiting.unknown) == (1, 1, 0)


class TestTime:
    def test_a_report_of_the_future_waits(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", at=500.0))
        first = loop.step(200.0)
        assert (first.learned, first.waiting.known, first.waiting.due) == (0, 1, 500.0)
        assert loop.step(500.0).learned == 1

    def test_it_waits_until_its_posts_decision_is_a_window_old(self, world, report):
        loop = world.loop(window=1000.0)
        loop.ingest([report("f", "d4", at=50.0), report("g", "d5", at=2000.0)])
        assert loop.step(1003.9).learned == 0
        assert loop.step(1004.0).learners == {"counting": 1}
        assert loop.step(1999.0).learned == 0
        assert loop.step(2000.0).learned == 1

    def test_the_last_decision_of_a_post_counts(self, world, report):
        loop = world.loop(window=1000.0)
        for decision in ("d2", "d8"):
            world.store.link("post", decision)
        loop.ingest(report("f", "post"))
        assert loop.step(1007.0).waiting.due == 1008.0

    def test_what_the_step_before_would_have_taken_is_late_and_learned_from(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", at=100.0))
        loop.step(200.0)
        loop.ingest([report("late", at=200.0), report("in time", at=201.0)])
        step = loop.step(300.0)
        assert (step.late, step.learned) == (1, 2)

    def test_what_the_window_kept_back_anyway_is_not_late(self, world, report):
        loop = world.loop(window=500.0)
        loop.step(200.0)
        loop.ingest(report("f", "d0", at=100.0))
        assert loop.step(600.0).late == 0
        loop.ingest(report("g", "d1", at=100.0))
        assert loop.step(700.0).late == 1

    def test_order_is_counted_and_does_not_matter(self, new_world, report):
        reports = [report(f"f{i}", f"d{i % 10}", clicks=i, at=float(50 + i // 2)) for i in range(40)]
        snapshots, calls = set(), []
        for order in (reports, reports[::-1], reports[1::2] + reports[::2]):
            world = new_world().decide(10)
            loop = world.loop()
            loop.ingest(order)
            step = loop.step(200.0)
            assert (step.out_of_order > 0) == (order is not reports)
            snapshots.add(loop.snapshot())
            calls.append(world.learner.calls)
        assert len(snapshots) == 1
        assert calls[0] == calls[1] == calls[2]

    def test_a_clock_that_goes_back_takes_nothing_back_and_hastens_nothing(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", at=100.0))
        loop.step(1000.0)
        loop.ingest(report("g", "d1", at=600.0))
        back = loop.step(500.0)
        assert (back.learned, back.backwards) == (0, 500.0)
        forth = loop.step(1000.0)
        assert (forth.learned, forth.backwards) == (1, 0.0)

    @pytest.mark.parametrize("now", [float("nan"), float("inf"), "1", True, 10**400, [1]])
    def test_a_step_needs_a_time(self, world, now):
        with pytest.raises(ValueError, match="now is"):
            world.loop().step(now)

    def test_without_a_time_it_is_the_clocks(self, world, report):
        loop = world.loop()
        loop.ingest(report("f", at=1000.0))
        assert loop.step().now == 1000.0


class TestBadInput:
    @pytest.mark.parametrize("bad", [None, 3, "f", {"id": "f"}, [1], [None], b"f"])
    def test_what_is_no_report_is_refused_with_its_lot(self, world, report, bad):
        loop = world.loop()
        with pytest.raises(OutcomeError, match="a Feedback is needed"):
            loop.ingest([report("f"), *bad] if isinstance(bad, list) else bad)
        assert loop.step(200.0).received == 0

    @pytest.mark.parametrize("names", [("\ud800", "d0"), ("f", "\udfff"), ("f\x00", "d0"), ("f", "\x00")])
    def test_a_name_that_no_file_can_hold_is_refused(self, world, report, names):
        with pytest.raises(OutcomeError, match="surrogate"):
            world.loop().ingest(report(*names))

    @pytest.mark.parametrize("name", ["x" * 100_000, "ñ 🙂 \u2028", "'; DROP TABLE decisions; --", "{}", '"'])
    def test_odd_names_are_names(self, world, report, name):
        loop = world.loop()
        world.store.link(name, "d0")
        loop.ingest(report(name, name))
        assert loop.step(200.0).learned == 1

    def test_huge_counts_are_counted_exactly(self, world):
        loop = world.loop()
        loop.ingest(Feedback(f"f{i}", "d0", 10**12, 10**12 - i, 1.0, revenue=-1e12) for i in range(3))
        loop.step(200.0)
        assert world.learner.counts == {"a": (3 * 10**12, 3 * 10**12 - 3)}

    def test_nothing_is_a_report_of_nothing(self, world):
        loop = world.loop()
        assert loop.ingest([]) == 0
        assert loop.step(200.0).received == 0

    def test_a_closed_store_is_an_error_of_ours(self, world, report):
        loop = world.loop()
        world.store.close()
        for call in (lambda: loop.ingest(report("f")), lambda: loop.step(1.0), loop.snapshot):
            with pytest.raises(ExperimentStoreError):
                call()
