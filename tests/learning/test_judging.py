"""A post is judged once, by all that a step finds mature of it."""

import pytest

from postopt.experiments.experiment import Experiment
from postopt.experiments.records import Arm, Metric
from postopt.prompts.optimizer import PromptOptimizer
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector
from postopt.types import Brief, Feedback

HOUR = 3600.0
DAY = 24 * HOUR
HOURLY = [(100, 1), (50, 4), (30, 0), (20, 5)]  # 10 of 200; the first report alone says 1 %


class Told:
    """Writes down what it is told."""

    name = "told"

    def __init__(self):
        self.feedback = []

    def learn(self, decision_id, feedback):
        self.feedback.append(feedback)
        return decision_id != "d9"

    def step(self, now):
        return ()

    def state(self):
        return {"told": [feedback.id for feedback in self.feedback]}

    def restore(self, state):
        self.feedback = [feedback for feedback in self.feedback if feedback.id in state["told"]]


@pytest.fixture
def told():
    return Told()


def counts(feedback):
    return feedback.id, feedback.post_id, feedback.impressions, feedback.clicks, feedback.at


class TestOneFeedback:
    def test_reports_of_a_post_are_one_with_id_and_time_of_the_last(self, world, told, report):
        loop = world.loop([told])
        loop.ingest([report("f2", "d0", 50, 4, at=2.0), report("g", "d1", 10, 1, at=1.5), report("f1", at=1.0)])
        step = loop.step(200.0)
        assert [counts(feedback) for feedback in told.feedback] == [("g", "d1", 10, 1, 1.5), ("f2", "d0", 150, 9, 2.0)]
        assert (step.learned, step.posts, step.again, step.learners) == (3, 2, 0, {"told": 3})
        assert "3 reports of 2 posts learned from" in str(step)

    def test_what_nobody_counted_is_none_and_what_somebody_counted_is_a_sum(self, world, told, report):
        loop = world.loop([told])
        loop.ingest([report("f1", at=1.0, hides=0), report("f2", at=2.0, revenue=0.1), report("f3", at=3.0, hides=2)])
        loop.step(200.0)
        (feedback,) = told.feedback
        assert (feedback.reactions, feedback.hides, feedback.revenue) == (None, 2, 0.1)

    def test_posts_of_several_pages_come_in_the_order_of_their_last_reports(self, world, told, report):
        world.decide(2400, first=10)
        loop = world.loop([told])
        posts = [f"d{10 + i * 7 % 2400}" for i in range(2400)]
        loop.ingest(
            report(f"{post} {age}", post, at=5000.0 + i + 3000 * age) for age in (1, 0) for i, post in enumerate(posts)
        )
        step = loop.step(20_000.0)
        assert [feedback.post_id for feedback in told.feedback] == posts
        assert {feedback.impressions for feedback in told.feedback} == {200}
        assert (step.learned, step.again) == (4800, 0)

    def test_a_report_that_is_not_mature_is_no_part_of_it(self, world, told, report):
        loop = world.loop([told])
        loop.ingest([report("f1", at=100.0), report("f2", at=300.0)])
        loop.step(200.0)
        assert [feedback.id for feedback in told.feedback] == ["f1"]

    def test_counts_beyond_what_one_can_hold_are_told_all_the_same(self, world, told):
        loop = world.loop([told])
        loop.ingest(Feedback(f"f{i}", "d0", 10**12, 1, float(i)) for i in range(3))
        step = loop.step(200.0)
        assert (len(told.feedback), step.learned, step.again) == (3, 3, 2)

    def test_a_replay_tells_the_same(self, world, new_world, told, report):
        loop = world.loop([told])
        loop.ingest([report("f1", at=1.0, hides=0), report("f2", at=2.0), report("g", "d1", reactions=3)])
        loop.step(200.0)
        again = Told()
        other = new_world().loop([again])
        other.replay(loop.log)
        assert again.feedback == told.feedback
        assert other.snapshot() == loop.snapshot()
        assert list(other.log) == list(loop.log)


class TestAgain:
    def test_what_comes_later_is_told_and_counted_apart_and_in_words(self, world, told, report):
        loop = world.loop([told])
        loop.ingest([report("f1", at=1.0), report("g", "d1")])
        first = loop.step(200.0)
        loop.ingest([report("f2", at=201.0), report("f3", at=202.0), report("h", "d2")])
        second = loop.step(300.0)
        assert (first.again, second.again, second.learned) == (0, 2, 3)
        assert "2 of them after their post was judged" in str(second)
        assert "window=" in str(second)
        assert [feedback.impressions for feedback in told.feedback] == [100, 100, 100, 200]

    def test_a_post_that_nobody_was_shown_is_not_judged(self, world, told, report):
        loop = world.loop([told])
        loop.ingest(report("f1", "d0", 0, 0))
        loop.step(200.0)
        loop.ingest(report("f2", "d0", at=250.0))
        assert loop.step(300.0).again == 0

    def test_a_post_that_no_learner_took_is_not_judged(self, world, told, report):
        loop = world.loop([told])
        for number, now in enumerate((200.0, 300.0)):
            loop.ingest(report(f"f{number}", "d9", at=now))
            step = loop.step(now)
        assert (step.unclaimed, step.again) == (1, 0)

    def test_a_second_post_of_the_same_choice_comes_again(self, world, told, report):
        loop = world.loop([told])
        for post in ("one", "two"):
            world.store.link(post, "d0")
        loop.ingest([report("f", "one"), report("g", "two")])
        assert loop.step(200.0).again == 1

    def test_a_failed_or_a_dry_step_judges_nobody(self, world, told, report):
        loop = world.loop([told])
        loop.ingest(report("f"))
        loop.step(200.0, dry_run=True)
        assert loop.step(200.0).again == 0

    def test_a_restart_knows_who_was_judged(self, new_world, tmp_path, report):
        old = new_world(tmp_path / "store").decide(2)
        old.loop().ingest(report("f"))
        old.loop().step(200.0)
        old.store.close()
        loop = new_world(tmp_path / "store").loop()
        loop.ingest(report("g", at=250.0))
        assert loop.step(300.0).again == 1


class TestRealLearners:
    """Experiments, selectors and optimizers, told the same posts at once or hour by hour."""

    def live(self, world, *, cumulative=False, window=DAY, hourly=True):
        """Three learners that decide ten posts, and reports on each hour by hour; return them and the last step."""
        store, clock = world.store, world.clock
        arms = [Arm("plain", "Fresh bread"), Arm("question", "Fresh bread?")]
        test = Experiment("headline", arms, metric=Metric("clicks"), store=store, clock=clock)
        selector = ModelSelector([Candidate("a", 0.1), Candidate("b", 1.0)], store=store, clock=clock, cold_start=True)
        optimizer = PromptOptimizer(store=store, clock=clock)
        optimizer.offer(optimizer.production.template.text + "\nBegin with a number.", by="a person", now=1000.0)
        loop = world.loop([test, optimizer, selector], window=window, cumulative=cumulative)
        loop.step(1000.0)
        posts = []
        for i in range(10):
            choices = (
                test.assign(f"unit {i}"),
                selector.select({"text": f"bread {i}", "task": "post"}),
                optimizer.choose(Brief(topic="fresh bread"), f"unit {i}"),
            )
            for choice in choices:
                store.link(f"post {i}", choice.id)
            posts.append(choices)
        for hour, amounts in enumerate(told_by(cumulative, hourly=hourly), 1):
            loop.ingest(Feedback(f"{i} {hour}", f"post {i}", *amounts, hour * HOUR) for i in range(10))
            step = loop.step(hour * HOUR)
        if window:
            step = loop.step(2 * DAY)
        return store, posts, step, loop

    def learned(self, world, **how):
        """What each learner holds of the posts."""
        store, posts, step, loop = self.live(world, **how)
        found = {
            (store.outcome(choice.id, "outcome").value, store.outcome(prompt.id, "click_rate").value)
            for _, choice, prompt in posts
        }
        sums = [bucket.totals for bucket in store.buckets("headline", "clicks")]
        return found, (sum(totals.n for totals in sums), sum(totals.total for totals in sums)), step, loop

    @pytest.mark.parametrize("cumulative", [False, True])
    def test_within_the_window_the_hours_of_a_post_are_one_rate(self, new_world, cumulative):
        rates, clicks, step, _ = self.learned(new_world(), cumulative=cumulative)
        assert rates == {(10 / 200, 10 / 200)}
        assert clicks == (2000, 100)
        assert (step.learned, step.again) == (40, 0)

    def test_that_is_what_they_hold_of_one_report_on_all_hours(self, new_world):
        once, hourly = (self.learned(new_world(), hourly=hourly) for hourly in (False, True))
        assert once[:2] == hourly[:2]

    def test_without_a_window_rates_stay_the_first_and_sums_add_up(self, new_world):
        rates, clicks, step, loop = self.learned(new_world(), window=0.0)
        assert rates == {(1 / 100, 1 / 100)}
        assert clicks == (2000, 100)
        assert (step.learned, step.again) == (10, 10)
        assert b'"clicks":100' in loop.snapshot()


def told_by(cumulative, *, hourly):
    """What the reports on one post say, of which each counts what is new, or all until then."""
    total, found = (0, 0), []
    for impressions, clicks in HOURLY:
        total = (total[0] + impressions, total[1] + clicks)
        found.append(total if cumulative else (impressions, clicks))
    return found if hourly else [total]
