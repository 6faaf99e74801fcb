"""The picture of an experiment: drawn without a window, whatever there is to show."""

from __future__ import annotations

import sys

import pytest

from postopt.experiments.course import Trail
from postopt.experiments.records import Totals
from postopt.experiments.tally import Tally

pytest.importorskip("matplotlib", reason="plots need the extra `plot`")


def axes_of(figure):
    return figure.axes


def test_interval_and_shares_by_day(make, clock, tmp_path):
    experiment = make(mode="earn")
    for _ in range(6):
        dealt = experiment.assign_many(range(int(clock()), int(clock()) + 100))
        experiment.record_many([a.id for a in dealt], [a.arm == "b" and i % 3 == 0 for i, a in enumerate(dealt)])
        clock.advance(86_400)
    figure = experiment.plot()
    above, below = axes_of(figure)
    assert above.get_title() == "test: EARNING"
    assert above.get_ylabel() == "lift of b over a"
    assert [text.get_text() for text in below.get_legend().get_texts()] == ["a", "b"]
    assert len(below.patches) == 12
    figure.savefig(tmp_path / "experiment.png")
    assert (tmp_path / "experiment.png").read_bytes().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules


def test_of_looks_within_a_day(make):
    experiment = make()
    for _ in range(5):
        experiment.observe("a", 500, 10)
        experiment.observe("b", 500, 15)
        experiment.decide()
    above, below = axes_of(experiment.plot())
    assert len(above.lines[-1].get_xdata()) == 5
    assert below.get_xlim() == (0, 5_100)


def test_of_reports_when_reopened(make):
    experiment = make()
    for _ in range(5):
        experiment.observe("a", 500, 10)
        experiment.observe("b", 500, 15)
    above, _ = axes_of(make().plot())
    assert list(above.lines[-1].get_xdata()) == [1_000, 2_000, 3_000, 4_000, 5_000]
    assert above.get_legend().get_texts()[0].get_text() == "95% interval, of all looks together"


def test_of_one_look(make):
    experiment = make()
    dealt = experiment.assign_many(range(200))
    experiment.record_many([assignment.id for assignment in dealt], [index % 5 == 0 for index in range(200)])
    above, below = axes_of(experiment.plot())
    assert len(above.collections) == 1
    assert below.get_xlim()[1] > 200


def test_before_the_first_outcome(make):
    above, below = axes_of(make().plot())
    assert [text.get_text() for text in above.texts + below.texts] == ["nothing to compare yet", "no outcomes yet"]


def test_on_axes_of_ones_own(make):
    from matplotlib.figure import Figure

    figure = Figure()
    assert make().plot(ax=figure.subplots(1, 2)) is figure


def test_a_trail_stays_short():
    tally, trail = Tally({"a": 0}), Trail()
    for _ in range(3_000):
        tally.add(0, 0, 0, Totals(1, 1, 1))
        trail.add(tally)
    moments = [moment[0].n for moment in trail.moments(tally)]
    assert moments == sorted(set(moments))
    assert 200 < len(moments) < 600
    assert moments[-1] == 3_000


def test_a_notebook_shows_it_without_pyplot(make):
    assert make().plot()._repr_png_().startswith(b"\x89PNG")


def test_a_replay_has_a_bar_for_each_policy(make):
    from postopt.experiments.matplotlib import draw_replay
    from postopt.experiments.replay import replay
    from postopt.experiments.replaytests import PastTest

    tests = [PastTest(str(i), ((f"bread {i}", 2000, 30), (f"rye {i}", 2000, 60))) for i in range(30)]
    figure = draw_replay([replay(tests, policy, worlds=1) for policy in ("uniform", "thompson")])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["uniform", "thompson"]
    assert len(axes.patches) == 2
