"""The table: shrunk means, whole to part to cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.selection import cells as module
from postopt.selection.cells import SHRINKAGE, Cells

AD, NEWS = (("task", "ad"),), (("task", "news"),)
outcomes = st.lists(st.tuples(st.sampled_from([(), AD, NEWS]), st.integers(0, 2), st.floats(0, 1)), max_size=60)


class TestShrinkage:
    def test_nothing_known_is_one_half(self):
        assert Cells(2).row(AD).scores == (0.5, 0.5)

    def test_a_cell_is_its_outcomes_and_so_many_of_the_whole(self):
        table = Cells(1)
        table.add(AD, 0, 30.0, 40.0)
        table.add(NEWS, 0, 10.0, 60.0)
        usual = 40.5 / 101
        whole = (40 + SHRINKAGE * usual) / (100 + SHRINKAGE)
        assert table.row(()).scores[0] == pytest.approx(whole)
        assert table.row(AD).scores[0] == pytest.approx((30 + SHRINKAGE * whole) / (40 + SHRINKAGE))
        assert table.row((("task", "other"),)).scores[0] == pytest.approx(whole)

    def test_a_cell_never_seen_adds_up_what_its_coordinates_do(self):
        table = Cells(1)
        for platform, tone, mean in (("x", "plain", 0.5), ("x", "loud", 0.7), ("fb", "plain", 0.3)):
            table.add((("platform", platform), ("tone", tone)), 0, 400 * mean, 400.0)
        expected = table.row((("platform", "fb"), ("tone", "loud"))).scores[0]
        # Pure sums would give 0.5; the parts overlap, since the design is not balanced.
        assert 0.4 < expected < 0.6

    def test_what_parts_make_of_it_stays_from_0_to_1(self):
        table = Cells(1)
        table.add((("a", "1"), ("b", "1")), 0, 100.0, 100.0)
        table.add((("a", "2"), ("b", "2")), 0, 0.0, 900.0)
        assert 0 <= table.row((("a", "2"), ("b", "2"), ("c", "1"))).scores[0] <= 1
        assert 0 <= table.row((("a", "1"), ("b", "1"), ("c", "1"))).scores[0] <= 1

    @given(outcomes)
    def test_scores_stay_from_0_to_1_and_best_is_the_highest(self, fed):
        table = Cells(3)
        for cell, model, outcome in fed:
            table.row(cell)
            table.add(cell, model, outcome)
            row = table.row(cell)
            assert all(0 <= score <= 1 for score in row.scores)
            assert row.scores[row.best] == max(row.scores)

    @given(outcomes)
    def test_a_row_kept_up_to_date_comes_near_the_one_computed_anew(self, fed):
        kept, anew = Cells(3), Cells(3)
        for cell, model, outcome in fed:
            kept.row(cell)
            kept.add(cell, model, outcome)
            anew.add(cell, model, outcome)
        for cell in ((), AD, NEWS):
            # What others learned reaches a row late, by 1/64 of all outcomes; S of these weigh little.
            assert kept.row(cell).scores == pytest.approx(anew.row(cell).scores, abs=0.2)
            assert kept.row(cell).counts == anew.row(cell).counts
            assert kept.row(cell).support == anew.row(cell).support


class TestSettled:
    def test_a_model_chosen_only_where_nobody_does_well_does_not_look_bad_in_the_whole(self):
        def whole(settle):
            table = Cells(1)
            table.add(AD, 0, 10.0, 100.0)
            table.add(NEWS, 0, 90.0, 100.0)
            if settle:
                table.settle()
            for _ in range(300):
                table.add(AD, 0, 0.1)
            return table.row((("task", "other"),)).scores[0]

        assert whole(settle=True) == pytest.approx(0.5, abs=0.02)
        assert whole(settle=False) < 0.3


class TestBounds:
    def test_cells_beyond_the_most_share_what_is_known_above(self, monkeypatch):
        monkeypatch.setattr(module, "MOST_CELLS", 10)
        table = Cells(1)
        for number in range(100):
            cell = (("user", str(number)),)
            table.add(cell, 0, 1.0)
            table.row(cell)
        assert len(table._counts) <= 10
        assert len(table._rows) <= 10
        assert table.row((("user", "99"),)).scores == table.row(()).scores
        assert table.outcomes == 100

    def test_a_row_hands_out_scores_that_never_change(self):
        table = Cells(2)
        table.add(AD, 0, 1.0)
        before = table.row(AD).scores
        kept = tuple(before)
        table.add(AD, 0, 0.0)
        assert before == kept != table.row(AD).scores
