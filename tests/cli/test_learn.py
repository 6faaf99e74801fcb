"""`postopt learn`, run as a program runs it, in this process."""

from __future__ import annotations

import json

import pytest

from postopt.cli import learn
from postopt.experiments.bandit import POLICIES


@pytest.fixture
def run(program):
    return program(learn)


@pytest.fixture
def tests(tmp_path):
    """Return the path of a file with forty tests, in each of which the second arm is better."""
    lines = ["test_id,headline,impressions,clicks"]
    for number in range(40):
        lines += [f"t{number},plain bread {number},3000,40", f"t{number},{number} warm loaves,3000,60"]
    path = tmp_path / "tests.csv"
    path.write_text("\n".join(lines))
    return path


class TestLearn:
    def test_its_policies_are_those_there_are(self):
        assert set(learn.POLICIES) == set(POLICIES)

    def test_replay_compares_policies(self, run, tests):
        status, out, err = run("learn", "replay", tests, "--policy", "uniform", "earn", "--worlds", 1)
        assert (status, err) == (0, "")
        shares = {line.split()[0]: float(line.split()[1]) for line in out.splitlines() if "+- " in line and "%" in line}
        assert shares["earn"] > shares["uniform"] + 0.2

    def test_the_same_seed_prints_the_same(self, run, tests):
        line = ("learn", "replay", tests, "--policy", "thompson", "--worlds", 1, "--late", "--json")
        first, second = run(*line), run(*line)
        assert first == second
        (report,) = json.loads(first[1])
        assert (report["batch"], report["late"], report["policy"]) == (1000, 1, "thompson")

    def test_a_plot_is_a_picture(self, run, tests, tmp_path):
        pytest.importorskip("matplotlib", reason="the extra plot")
        run("learn", "replay", tests, "--worlds", 1, "--plot", tmp_path / "replay.png")
        assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("test_id,impressions,clicks\n", "headline"),
            ("test_id,headline,impressions,clicks\na,x,10,11\n", "line 2"),
            ("test_id,headline,impressions,clicks\na,x,10,ten\n", "clicks"),
        ],
    )
    def test_a_file_that_cannot_be_replayed_is_an_error_in_words(self, run, tmp_path, text, said):
        (tmp_path / "tests.csv").write_text(text)
        status, out, err = run("learn", "replay", tmp_path / "tests.csv")
        assert (status, out) == (2, "")
        assert said in err
