"""`postopt bench cache`, run as a program runs it, in this process."""

from __future__ import annotations

import json
import lzma
import re

import pytest

from postopt.cli import main

LOOP = "key\n" + "a\nb\nc\n" * 20
MIXED = "t,key\n" + "".join(f"{number},{number * number % 23}\n" for number in range(200))
TOKENS = "in_tokens,out_tokens\n100,50\n2000,10\n5,900\n"


@pytest.fixture
def files(tmp_path):
    """A folder with traces and tokens."""
    (tmp_path / "loop.csv").write_text(LOOP)
    (tmp_path / "mixed.csv.xz").write_bytes(lzma.compress(MIXED.encode()))
    (tmp_path / "tokens.csv").write_text(TOKENS)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "garbage.csv").write_bytes(b"\xff\xfe\x00" * 99)
    (tmp_path / "bare.csv").write_text("key\n")
    return tmp_path


@pytest.fixture
def run(capsys):
    """Return a function that runs a command line, and returns status, output and errors."""

    def run(*line):
        try:
            status = main(["bench", "cache", *map(str, line)])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


class TestTable:
    def test_it_shows_what_each_policy_reaches(self, run, files):
        status, out, err = run("--trace", files / "loop.csv", "--sizes", "0.67")
        assert (status, err) == (0, "")
        title, _, room, columns, *rows, knows, _, _ = out.split("\n")
        assert title == "loop: 60 requests of 3 keys"
        assert room == "  room for 2 entries, 67 % of the keys"
        assert columns.split("  ")[1] == "policy"
        assert "  LRU                         0.0%         0.000" in rows
        assert knows == "  (knows the future)         63.3%         1.000"
        shares = [float(row.split()[-1]) for row in rows]
        assert shares == sorted(shares, reverse=True)
        assert {row[2:22].strip() for row in rows} == {
            "density", "LRU", "LFU", "S3-FIFO", "GDSF", "GDSF, all history", "ARC", "W-TinyLFU", "W-TinyLFU, 1 %",
        }  # fmt: skip

    def test_one_below_the_other_for_each_size(self, run, files):
        _, out, _ = run("--trace", files / "mixed.csv.xz", "--sizes", "0.1,0.5,1")
        assert [line for line in out.splitlines() if "room for" in line] == [
            "  room for 1 entries, 10 % of the keys",
            "  room for 6 entries, 50 % of the keys",
            "  room for 12 entries, 100 % of the keys",
        ]
        assert out.count("(knows the future)") == 3

    def test_no_line_is_wider_than_a_terminal(self, run, files):
        _, out, _ = run("--trace", *files.glob("[lm]*"), "--tokens", files / "tokens.csv")
        assert max(map(len, out.splitlines())) <= 80
        assert out.isascii()

    def test_with_tokens_the_cost_counts(self, run, files):
        status, out, _ = run("--trace", files / "mixed.csv.xz", "--tokens", files / "tokens.csv", "--sizes", "0.5")
        assert status == 0
        assert "cost saved" in out
        assert " bytes, 50 % of what all keys weigh" in out
        assert "ARC" not in out

    def test_the_seed_decides_which_key_costs_what(self, run, files):
        line = ("--trace", files / "mixed.csv.xz", "--tokens", files / "tokens.csv", "--seed")
        assert run(*line, 1) == run(*line, 1)
        assert run(*line, 1) != run(*line, 2)

    def test_of_several_traces_the_means_are_shown(self, run, files):
        _, out, _ = run("--trace", files / "loop.csv", files / "mixed.csv.xz", "--sizes", "0.67,1")
        first, second = out.split("mean of 2 traces, room for ")[1:]
        assert first.startswith("67 %\n  policy")
        assert "best other of each" in first
        assert re.search(r"density against LRU, where it does worst: [+-]\d+\.\d%\n", first)
        assert second.startswith("100 %\n")
        assert second.count("1.000") == 10  # all there is, for everybody

    def test_traces_of_which_one_has_but_one_key(self, run, files):
        """Tokens do not make its keys differ, so it is compared by hits; the means are of what both have."""
        (files / "one.csv").write_text("key\na\na\n")
        traces = files / "one.csv", files / "mixed.csv.xz"
        for order in (traces, traces[::-1]):
            status, out, _ = run("--trace", *order, "--tokens", files / "tokens.csv", "--sizes", "0.5")
            assert status == 0
            assert "ARC" not in out.partition("mean of 2 traces")[2]

    def test_where_lru_hits_nothing_it_is_beaten_without_measure(self, run, files):
        _, out, _ = run("--trace", files / "loop.csv", files / "loop.csv", "--sizes", "0.67")
        assert "where it does worst: +inf%" in out
        (files / "once.csv").write_text("key\na\nb\n")
        _, out, _ = run("--trace", files / "once.csv", files / "once.csv", "--sizes", "1")
        assert "where it does worst: +0.0%" in out


class TestJSON:
    def test_it_is_one_object(self, run, files):
        status, out, err = run("--trace", files / "loop.csv", files / "loop.csv", "--sizes", "0.67,1", "--json")
        assert (status, err) == (0, "")
        one, other = json.loads(out)["traces"]  # the same name twice is two
        assert one == other
        assert [one[name] for name in ("trace", "requests", "keys", "counted", "everything")] == [
            "loop", 60, 3, "hits", 60,
        ]  # fmt: skip
        assert [(size["size"], size["capacity"], size["best"]) for size in one["sizes"]] == [(0.67, 2, 38), (1, 3, 57)]
        assert one["sizes"][0]["reached"]["LRU"] == 0

    def test_costs_are_in_it(self, run, files):
        line = ("--trace", files / "mixed.csv.xz", "--tokens", files / "tokens.csv", "--sizes", "1", "--json")
        [trace] = json.loads(run(*line)[1])["traces"]
        assert trace["counted"] == "cost saved"
        assert 0 < trace["sizes"][0]["best"] < trace["everything"]


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("absent.csv", "No such file"),
            ("empty.csv", "has no column key"),
            ("garbage.csv", "cannot be read as CSV"),
            ("bare.csv", "holds no requests"),
            ("tokens.csv", "has no column key"),
            (".", "Is a directory"),
        ],
    )
    def test_a_file_that_is_no_trace(self, run, files, name, why):
        status, out, err = run("--trace", files / "loop.csv", files / name)
        assert (status, out) == (2, "")
        assert err.startswith("postopt bench cache: ")
        assert why in err
        assert str(files / name) in err
        assert err.count("\n") == 1

    @pytest.mark.parametrize("name", ["absent.csv", "empty.csv", "garbage.csv", "bare.csv", "loop.csv"])
    def test_a_file_that_holds_no_tokens(self, run, files, name):
        status, out, err = run("--trace", files / "loop.csv", "--tokens", files / name)
        assert (status, out) == (2, "")
        assert name in err

    @pytest.mark.parametrize("sizes", ["", "0", "1.5", "-0.1", "nan", "inf", "many", "0.1,", "0.1;0.2", "0.1,2"])
    def test_sizes_that_are_none(self, run, files, sizes):
        status, out, err = run("--trace", files / "loop.csv", f"--sizes={sizes}")
        assert (status, out) == (2, "")
        assert f"{sizes!r} are no shares; numbers above 0 and up to 1 with commas between are needed" in err

    def test_a_trace_is_needed(self, run, capsys):
        assert run()[0] == 2
        assert "--trace" in run()[2]
        with pytest.raises(SystemExit):
            main(["bench"])
        assert "COMMAND" in capsys.readouterr().err


def test_help_says_what_a_trace_is_and_what_the_rows_are(run):
    status, out, _ = run("--help")
    assert status == 0
    assert '"key"' in out
    assert "example:" in out
    for name in ("density", "GDSF, all history", "W-TinyLFU, 1 %", "(knows the future)"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 80
