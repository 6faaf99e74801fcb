"""Planted truths, delivered late, twice, in disorder: what is learned is what a clean delivery teaches.

The simulations are seeded, and small: two arms, a report a day for each post.
"""

import random

import pytest

from postopt.experiments.records import Arm, DecisionRow
from postopt.types import Feedback

DAY = 86_400.0


def posts(world, n, *, days):
    """Decide `n` posts a day, arm a and b in turn; return (id, arm, day)."""
    world.store.define("e", {}, [Arm("a"), Arm("b")])
    made = [(f"d{day} {i}", "ab"[i % 2], day) for day in range(days) for i in range(n)]
    world.store.log_decisions([
        DecisionRow(name, "e", arm, name, 0, 0.5, "uniform", "", day * DAY) for name, arm, day in made
    ])  # fmt: skip
    return made


def reports(made, rate, *, seed, age=3):
    """What a platform counts each day for each post until it is `age` days old; rate(arm, day of the post, its age)."""
    rng = random.Random(seed)
    found = []
    for name, arm, day in made:
        for since in range(age):
            clicks = sum(rng.random() < rate(arm, day, since) for _ in range(40))
            found.append(Feedback(f"{name} {since}", name, 40, clicks, (day + since + 1) * DAY))
    return found


def deliver(loop, batches):
    """Step at the end of each day over what is delivered on it."""
    steps = []
    for day, batch in enumerate(batches, 1):
        loop.ingest(batch)
        steps.append(loop.step(day * DAY + 1.0))
    return steps


def clean(found, days):
    return [[report for report in found if report.at == day * DAY] for day in range(1, days + 1)]


@pytest.fixture
def truth(new_world):
    """Makes a world with posts, what happened to them, and their clean delivery."""

    def make(rate=lambda arm, day, since: 0.02 + 0.03 * (arm == "b")):
        world = new_world()
        found = reports(posts(world, 6, days=10), rate, seed=5)
        return world, found, clean(found, 13)

    return make


class TestDisorder:
    @pytest.fixture
    def expected(self, truth):
        world, _, batches = truth()
        loop = world.loop()
        assert sum(step.late for step in deliver(loop, batches)) == 0
        return loop.snapshot()

    def test_a_storm_of_duplicates_changes_nothing(self, truth, expected):
        world, found, batches = truth()
        rng = random.Random(1)
        loop = world.loop()
        steps = deliver(loop, [[*batch, *rng.choices(found[:60], k=200), *batch] for batch in batches])
        assert loop.snapshot() == expected
        assert sum(step.received for step in steps) == sum(step.learned + step.duplicate for step in steps)

    def test_the_order_within_a_day_changes_nothing(self, truth, expected):
        world, _, batches = truth()
        rng = random.Random(2)
        loop = world.loop()
        steps = deliver(loop, [rng.sample(batch, len(batch)) for batch in batches])
        assert loop.snapshot() == expected
        assert sum(step.out_of_order for step in steps) == 0  # all of a day have one time

    def test_reports_that_come_days_late_are_learned_all_the_same(self, truth, expected):
        world, found, batches = truth()
        rng = random.Random(3)
        late = [[] for _ in batches]
        for report in rng.sample(found, len(found)):
            day = min(len(batches), round(report.at / DAY) + rng.choice((0, 0, 1, 4)))
            late[day - 1].append(report)
        loop = world.loop()
        steps = deliver(loop, late)
        assert loop.snapshot() == expected
        assert sum(step.late for step in steps) > 50
        assert sum(step.out_of_order for step in steps) > 50

    def test_all_of_it_at_once_at_the_end_teaches_the_same(self, truth, expected):
        world, found, _ = truth()
        loop = world.loop()
        loop.ingest(random.Random(4).sample(found, len(found)))
        loop.step(13 * DAY + 1.0)
        assert loop.snapshot() == expected

    def test_posts_that_are_linked_late_teach_the_same(self, truth, expected):
        world, _, batches = truth()
        renamed = [
            [Feedback(r.id, f"post {r.post_id}", r.impressions, r.clicks, r.at) for r in batch] for batch in batches
        ]
        loop = world.loop()
        steps = deliver(loop, renamed)
        assert sum(step.unknown for step in steps) == sum(map(len, batches))
        for batch in batches:
            for report in batch:
                world.store.link(f"post {report.post_id}", report.post_id)
        step = loop.step(13 * DAY + 1.0)
        assert (step.found, step.learned) == (180, 180)
        assert loop.snapshot() == expected

    def test_cumulative_counts_teach_the_same_sums(self, truth, expected):
        world, _, batches = truth()
        sums, cumulative = {}, []
        for batch in batches:
            cumulative.append([])
            for r in batch:
                n, clicks = sums.get(r.post_id, (0, 0))
                sums[r.post_id] = (n + r.impressions, clicks + r.clicks)
                cumulative[-1].append(Feedback(r.id, r.post_id, *sums[r.post_id], r.at))
        loop = world.loop(cumulative=True)
        deliver(loop, cumulative)
        assert loop.snapshot() == expected

    def test_a_replay_of_the_worst_of_them_is_the_same(self, truth, new_world, expected):
        world, found, batches = truth()
        rng = random.Random(6)
        loop = world.loop()
        deliver(loop, [rng.sample(batch, len(batch)) + rng.choices(found, k=20) for batch in batches])
        again = new_world().loop()
        again.replay(loop.log)
        assert again.snapshot() == loop.snapshot()
        assert list(again.log) == list(loop.log)


def test_with_a_window_clicks_that_come_late_do_not_turn_the_truth_round(truth):
    """Clicks come on the third day only; arm b is the better one, but its posts are younger."""

    def rate(arm, day, since):
        return 0.0 if since < 2 else 0.3 + 0.15 * (arm == "b")

    def learned(window):
        world, _, batches = truth(rate)
        # Until day 6 all posts are of arm a, then all of b: as with an arm that was added later.
        rows = world.store.decisions(r.post_id for batch in batches for r in batch)
        kept = [
            [r for r in batch if (rows[r.post_id].arm == "b") == (rows[r.post_id].at >= 6 * DAY)] for batch in batches
        ]
        loop = world.loop(window=window)
        deliver(loop, kept[:9])
        return {arm: clicks / n for arm, (n, clicks) in world.learner.counts.items()}

    at_once, mature = learned(0.0), learned(3 * DAY)
    assert at_once["b"] < at_once["a"]
    assert mature["b"] > mature["a"]


def test_a_planted_drift_is_followed_by_a_learner_that_forgets(truth, counting):
    """Arm b is the better one for five days, then arm a; a learner that halves its counts daily finds both."""

    def rate(arm, day, since):
        return 0.35 if (arm == "b") == (day + since < 5) else 0.15

    class Forgetting(counting):
        def step(self, now):
            changes = super().step(now)
            self.counts = {arm: (n / 2, clicks / 2) for arm, (n, clicks) in self.counts.items()}
            return changes

    world, _, batches = truth(rate)
    loop = world.loop([Forgetting(world.store, "forgetting"), counting(world.store, "remembering")])
    changes = [step.changes for step in deliver(loop, batches)]
    by_name = [(day, text) for day, found in enumerate(changes, 1) for name, text in found if name == "forgetting"]
    assert by_name == [(1, "the best is b"), (6, "the best is a")]
    remembering = [day for day, found in enumerate(changes, 1) for name, _ in found if name == "remembering"]
    assert remembering[-1] > 6
