from itertools import pairwise
from math import prod

from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.templates.turns import Turns
from postopt.generation.templates.wheels import Wheels

radices = st.lists(st.integers(1, 7), min_size=1, max_size=5)


class TestWheels:
    @given(radices, st.text())
    def test_is_a_bijection(self, radices, seed):
        wheels = Wheels(radices, seed)
        points = {tuple(wheels(index)) for index in range(wheels.size)}
        assert len(points) == wheels.size == prod(radices)
        assert all(0 <= choice < radix for point in points for choice, radix in zip(point, radices, strict=True))

    @given(radices, st.text())
    def test_every_wheel_turns_at_every_step(self, radices, seed):
        """But for once a round of the wheels up to it; and a wheel of two may stand still at each lcm."""
        wheels = Wheels([radix + 1 for radix in radices], seed)
        points = [wheels(index) for index in range(wheels.size)]
        for wheel in range(len(radices)):
            stays = sum(one[wheel] == two[wheel] for one, two in pairwise(points))
            rounds = prod(radix + 1 for radix in radices[wheel + 1 :])
            assert stays <= (wheels.size // 2 if radices[wheel] == 1 and wheel else rounds)

    def test_posts_that_stand_near_hardly_ever_share_a_choice(self):
        wheels = Wheels([46, 46, 13, 46, 32], "near")
        near = [wheels(index) for index in range(5000)]
        shared = sum(
            a == b for i in range(4990) for d in range(1, 10) for a, b in zip(near[i], near[i + d], strict=True)
        )
        assert shared / (4990 * 9 * 5) < 0.002  # drawn at random it were 0.037

    def test_is_the_same_everywhere(self):
        """Pinned: a change of these numbers changes every post ever written under a seed."""
        wheels = Wheels([5, 7, 11], "pinned")
        assert [wheels(index) for index in (0, 1, 384)] == PINNED

    @given(radices)
    def test_seeds_differ(self, radices):
        one, other = (Wheels(radices, seed) for seed in ("a", "b"))
        if prod(radices) > 10_000:
            assert [one(i) for i in range(50)] != [other(i) for i in range(50)]


PINNED = [[3, 0, 4], [2, 6, 3], [4, 1, 9]]


class TestTurns:
    @given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 30), st.integers(1, 5))
    def test_is_a_bijection(self, sizes, last, run):
        turns = Turns(sizes, last, run=run)
        places = {turns(index) for index in range(turns.size)}
        expected = {(which, place) for which, size in enumerate(sizes) for place in range(size // run * run)}
        expected |= {(len(sizes), place) for place in range(last // run * run)}
        assert places == expected
        assert turns.size == len(expected)

    def test_sequences_take_turns_and_drop_out(self):
        turns = Turns([1, 3], 2)
        assert [turns(index) for index in range(6)] == [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]

    @given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(2, 5))
    def test_a_run_stays_in_one_sequence(self, sizes, run):
        turns = Turns(sizes, run=run)
        for start in range(0, turns.size, run):
            block = [turns(index) for index in range(start, start + run)]
            assert [(block[0][0], block[0][1] + offset) for offset in range(run)] == block
