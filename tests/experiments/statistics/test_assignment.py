"""Which arm a unit gets: sticky, even, independent, and the same in every process."""

import enum
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.experiments.assignment import Assigner, ExclusionGroup, arm_of, arms_of

SALT = b"a salt of the tests"
units = st.text(min_size=1) | st.integers() | st.binary(min_size=1) | st.uuids()
shares = (
    st.lists(st.floats(0, 1), min_size=1, max_size=8)
    .filter(lambda x: sum(x) > 0.01)
    .map(lambda x: [share / math.fsum(x) for share in x])
)


@pytest.fixture
def assigner():
    return Assigner(SALT, "headline")


class TestPlace:
    @given(units)
    def test_is_the_same_for_ever(self, unit):
        place = Assigner(SALT, "headline").place(unit)
        assert place == Assigner(SALT, "headline").place(unit)
        assert 0 <= place.u < 1
        assert 0 <= place.take < 1
        assert place.half in (0, 1)
        assert len(place.id) == 32

    def test_is_the_same_in_every_version_and_process(self, assigner):
        """A change of these numbers would move units between the arms of running experiments."""
        place = assigner.place("visitor-1")
        code = f"""
from postopt.experiments.assignment import Assigner
print(Assigner({SALT!r}, "headline").place("visitor-1"))
"""
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == repr(place)
        assert place[:2] == ("53fa1f9e68a9a9e17dc494770ba4a117", 0.43103508515306443)

    def test_numbers_and_their_texts_are_the_same_unit(self, assigner):
        one = "00000000-0000-0000-0000-000000000001"
        assert assigner.place(1) == assigner.place("1") == assigner.place(np.int64(1))
        assert assigner.place(UUID(one)) == assigner.place(one)
        assert assigner.place(-5) == assigner.place("-5")

    def test_bytes_are_units_of_their_own(self, assigner):
        assert assigner.place(b"1") != assigner.place("1")

    def test_texts_are_taken_as_they_are(self, assigner):
        class Name(enum.StrEnum):
            A = "a"

        assert assigner.place("\u00e9") != assigner.place("e\u0301")
        assert assigner.place("a ") != assigner.place("a")
        assert assigner.place("\ud800").id  # half of a surrogate pair, as some browsers send
        assert assigner.place(Name.A) == assigner.place("a")

    @pytest.mark.parametrize(
        "bad", ["", b"", None, True, 1.0, math.nan, (1,), 10**5_000], ids=lambda bad: type(bad).__name__
    )
    def test_refuses_what_a_missing_id_looks_like(self, assigner, bad):
        with pytest.raises(ValueError, match="unit is"):
            assigner.place(bad)
        with pytest.raises(ValueError, match="unit is"):
            assigner.place_many(["a", bad])

    @given(st.lists(units, max_size=30))
    def test_many_are_placed_as_one_by_one(self, many):
        assigner = Assigner(SALT, "headline")
        ids, u, take, half = assigner.place_many(iter(many))
        expected = [assigner.place(unit) for unit in many]
        assert list(zip(ids, u.tolist(), take.tolist(), half.tolist(), strict=True)) == [tuple(x) for x in expected]

    def test_names_do_not_run_into_units(self):
        assert Assigner(SALT, "ab").place("c") != Assigner(SALT, "a").place("bc")

    def test_threads_may_share_one(self, assigner):
        with ThreadPoolExecutor(8) as pool:
            places = list(pool.map(assigner.place, [str(k % 100) for k in range(4_000)]))
        assert places == [assigner.place(str(k % 100)) for k in range(4_000)]

    @pytest.mark.parametrize("salt", [b"", bytes(65), "text", None])
    def test_refuses_a_salt_without_saying_it(self, salt):
        with pytest.raises(ValueError, match="1 to 64 bytes"):
            Assigner(salt, "headline")

    def test_refuses_an_experiment_without_name(self):
        with pytest.raises(ValueError, match="experiment"):
            Assigner(SALT, "")


class TestEvenness:
    """Of 40,000 units: each share within four standard errors."""

    many = range(40_000)

    def test_each_number_is_uniform(self):
        _, u, take, half = Assigner(SALT, "e").place_many(self.many)
        for numbers in (u, take):
            counts = np.histogram(numbers, 100, (0, 1))[0]
            # Chi-square with 99 degrees of freedom: 99 +- 4 * 14.
            assert 43 < float(((counts - 400) ** 2 / 400).sum()) < 155
        assert abs(half.mean() - 0.5) < 4 * 0.0025

    def test_the_numbers_of_a_unit_are_independent_and_so_are_experiments(self):
        _, u, take, half = Assigner(SALT, "e").place_many(self.many)
        _, other, _, _ = Assigner(SALT, "f").place_many(self.many)
        _, salted, _, _ = Assigner(b"other", "e").place_many(self.many)
        correlations = np.corrcoef([u, take, half, other, salted])
        assert np.abs(correlations - np.eye(5)).max() < 4 / math.sqrt(40_000)

    def test_arms_get_their_shares(self):
        _, u, _, _ = Assigner(SALT, "e").place_many(self.many)
        counts = np.bincount(arms_of(u, [0.6, 0.0, 0.3, 0.1]), minlength=4) / 40_000
        assert counts == pytest.approx([0.6, 0.0, 0.3, 0.1], abs=0.01)
        assert counts[1] == 0


class TestArmOf:
    @given(shares, st.floats(0, 1, exclude_max=True))
    def test_an_arm_without_share_gets_nothing(self, given_shares, u):
        assert given_shares[arm_of(u, given_shares)] > 0

    @given(shares.filter(lambda x: len(x) > 1), st.data(), st.floats(0.01, 1))
    def test_no_unit_leaves_an_arm_whose_share_alone_rises(self, before, data, factor):
        arm = data.draw(st.integers(0, len(before) - 1))
        after = [share * factor for share in before]
        after[arm] = 1 - math.fsum(share for k, share in enumerate(after) if k != arm)
        u = np.random.default_rng(1).random(500)
        stayed = arms_of(u, after)[arms_of(u, before) == arm]
        edges = np.cumsum(before)
        near = np.abs(u[arms_of(u, before) == arm][:, None] - edges).min(1) < 1e-9
        assert np.all((stayed == arm) | near)

    def test_what_rounding_leaves_belongs_to_the_last_arm(self):
        assert arm_of(1 - 2**-53, [0.1] * 10) == 9
        assert arm_of(1 - 2**-53, [0.3, 0.7 - 1e-12, 0.0]) == 1

    @pytest.mark.parametrize("bad", [[], [0.5, 0.6], [1.5, -0.5], [math.nan, 1], [[1.0]], [0.0]])
    def test_refuses_what_is_no_distribution(self, bad):
        with pytest.raises(ValueError, match="shares"):
            arm_of(0.5, bad)


class TestExclusionGroup:
    def test_a_unit_takes_part_in_one_at_most(self):
        group = ExclusionGroup(SALT, "home page", {"title": 0.5, "image": 0.3})
        seen = [group.experiment_of(unit) for unit in range(10_000)]
        assert seen == [group.experiment_of(str(unit)) for unit in range(10_000)]
        # Four standard errors of a share of one half are 2 %.
        for name, share in (("title", 0.5), ("image", 0.3), (None, 0.2)):
            assert seen.count(name) / 10_000 == pytest.approx(share, abs=0.02)

    def test_a_new_experiment_at_the_end_moves_nobody_else(self):
        before = ExclusionGroup(SALT, "g", {"a": 0.5, "b": 0.3})
        after = ExclusionGroup(SALT, "g", {"a": 0.5, "b": 0.3, "c": 0.2})
        for unit in range(2_000):
            assert before.experiment_of(unit) in (None, after.experiment_of(unit))

    def test_arms_are_even_within_a_slot(self):
        group, assigner = ExclusionGroup(SALT, "g", {"a": 0.5}), Assigner(SALT, "a")
        inside = [assigner.place(unit).u < 0.5 for unit in range(8_000) if group.experiment_of(unit)]
        assert sum(inside) / len(inside) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(4_000))

    @pytest.mark.parametrize("bad", [{"a": 0.7, "b": 0.4}, {"a": -0.1}, {"a": math.nan}, {"": 0.1}])
    def test_refuses_shares_that_do_not_fit(self, bad):
        with pytest.raises(ValueError, match=r"share|experiment"):
            ExclusionGroup(SALT, "g", bad)

    def test_an_empty_group(self):
        assert ExclusionGroup(SALT, "g", {}).experiment_of(1) is None
