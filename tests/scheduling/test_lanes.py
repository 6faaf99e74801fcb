"""Who is next, and within how many turns everybody is."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.scheduling.lanes import LANES, WEIGHTS, Lanes, check_lane

ARRIVALS = st.tuples(st.integers(0, LANES - 1), st.sampled_from("abcd"))
STEPS = st.lists(st.one_of(ARRIVALS, st.just("pop"), st.integers(0, 50)), max_size=120)


def drained(lanes):
    return [lanes.pop() for _ in range(len(lanes))]


class TestLanes:
    def test_of_a_few_in_all_lanes_those_of_the_first_come_first(self):
        lanes = Lanes()
        for lane in reversed(range(LANES)):
            lanes.push(lane, lane, "")
        assert drained(lanes) == list(range(LANES))

    def test_who_comes_to_an_empty_first_lane_is_next(self):
        lanes = Lanes()
        for number in range(100):
            lanes.push(number, 4, "")
        for _ in range(37):
            lanes.pop()
        lanes.push("urgent", 0, "")
        assert lanes.pop() == "urgent"

    def test_lanes_that_all_wait_share_the_turns_by_weight(self):
        lanes = Lanes()
        for lane in range(LANES):
            for number in range(255):
                lanes.push((lane, number), lane, "")
        served = [lanes.pop()[0] for _ in range(255)]
        assert all(abs(served.count(lane) - WEIGHTS[lane]) <= 1 for lane in range(LANES))

    def test_in_a_lane_tenants_take_turns(self):
        lanes = Lanes()
        for number in range(4):
            lanes.push(f"a{number}", 4, "a")
        for number in range(2):
            lanes.push(f"b{number}", 4, "b")
        assert drained(lanes) == ["a0", "b0", "a1", "b1", "a2", "a3"]

    def test_a_tenant_that_comes_again_and_again_gets_no_more_than_one_that_waits(self):
        lanes = Lanes()
        for number in range(10):
            lanes.push(f"a{number}", 4, "a")
        served = []
        lanes.push("b", 4, "b")
        for _ in range(10):
            served.append(lanes.pop())
            if served[-1] == "b":
                lanes.push("b", 4, "b")
        assert served.count("b") == 5

    @given(STEPS)
    def test_everybody_is_taken_within_the_stated_bound(self, steps):
        lanes, waiting, number = Lanes(), {}, 0
        for step in [*steps, *["pop"] * len(steps)]:
            if step == "pop":
                if waiting:
                    taken = lanes.pop()
                    for record in waiting.values():
                        record["turns"] += 1
                    lane, tenant, place, most, turns = waiting.pop(taken).values()
                    assert turns <= ceil(place * most * sum(WEIGHTS) / WEIGHTS[lane]) + LANES - 1
            elif isinstance(step, int):
                if waiting:
                    item = list(waiting)[step % len(waiting)]
                    record = waiting.pop(item)
                    assert lanes.remove(item, record["lane"], record["tenant"])
                    assert not lanes.remove(item, record["lane"], record["tenant"])
            else:
                lane, tenant = step
                mine = [record for record in waiting.values() if record["lane"] == lane]
                place = sum(record["tenant"] == tenant for record in mine) + 1
                waiting[number] = {"lane": lane, "tenant": tenant, "place": place, "most": 0, "turns": 0}
                lanes.push(number, lane, tenant)
                number += 1
                for record in waiting.values():
                    tenants = {other["tenant"] for other in waiting.values() if other["lane"] == record["lane"]}
                    record["most"] = max(record["most"], len(tenants))
            assert len(lanes) == len(waiting)

    @given(st.lists(ARRIVALS, max_size=60), ARRIVALS)
    def test_who_comes_last_is_taken_about_when_it_was_estimated(self, others, newcomer):
        lanes = Lanes()
        for number, (lane, tenant) in enumerate(others):
            lanes.push(number, lane, tenant)
        ahead = lanes.ahead(*newcomer)
        lanes.push("newcomer", *newcomer)
        assert abs(drained(lanes).index("newcomer") - ahead) <= max(LANES, 0.75 * len(others))


class TestGivingWay:
    def test_the_newest_of_the_last_lane_gives_way_to_an_earlier_lane(self):
        lanes = Lanes()
        for number, lane in enumerate([0, 7, 7, 3]):
            lanes.push(number, lane, "")
        assert lanes.displaced_by(6, "") == 2
        assert lanes.displaced_by(7, "") is None

    def test_in_the_same_lane_only_a_tenant_with_more_waiting_gives_way(self):
        lanes = Lanes()
        for number in range(3):
            lanes.push(number, 4, "many")
        lanes.push(3, 4, "few")
        assert lanes.displaced_by(4, "new") == 2
        assert lanes.displaced_by(4, "few") == 2
        assert lanes.displaced_by(4, "many") is None
        lanes.push(4, 4, "few")
        assert lanes.displaced_by(4, "few") is None

    def test_nobody_gives_way_to_a_later_lane(self):
        lanes = Lanes()
        assert lanes.displaced_by(7, "") is None
        lanes.push(0, 2, "")
        assert lanes.displaced_by(3, "") is None


@pytest.mark.parametrize("weights", [(), (1,) * 7, (1,) * 7 + (0,), (1,) * 7 + (float("nan"),), (float("inf"),) * 8])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="weights is"):
        Lanes(weights)


@pytest.mark.parametrize("lane", [-1, 8, True, 1.0, "1", None])
def test_a_lane_that_is_none_is_refused(lane):
    with pytest.raises(ValueError, match="priority is"):
        check_lane(lane)
