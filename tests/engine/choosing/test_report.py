"""What a report says, how it is shown, and that looking at one changes nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from postopt.engine.catalog import CELLS
from postopt.engine.units import duration, payload
from postopt.errors import BackendUnavailableError

KEYS = ["score", "interval", "tier", "coverage", "measuring_ms", "choices", "rejected", "advice"]


class TestFresh:
    def test_it_says_unmeasured_and_measures_nothing(self, machine):
        engine = machine.engine()
        report = engine.report()
        data = report.to_dict()
        assert list(data) == KEYS
        assert (data["score"], data["interval"], data["tier"], data["coverage"]) == (None, None, "unmeasured", 0)
        assert (data["choices"], data["advice"], data["measuring_ms"]) == ([], [], 0)
        assert "unmeasured" in str(report)
        assert "not used yet" in engine.explain("json")
        assert "overrides asks for stdlib" in machine.engine(overrides={"json": "stdlib"}).explain("json")
        assert (machine.asked, machine.loaded) == ([], [])

    def test_it_lists_what_cannot_be_used(self, machine):
        rejected = {entry["name"]: entry for entry in machine.engine().report().to_dict()["rejected"]}
        assert rejected["msgspec"] == {
            "library": "msgspec",
            "state": "absent",
            "reason": "not installed",
            "role": "json",
            "name": "msgspec",
        }
        assert "orjson" not in rejected


class TestUsed:
    def test_the_best_choices_score_100(self, machine):
        engine = machine.engine()
        engine.prepare()
        data = engine.report().to_dict()
        assert data["score"] == pytest.approx(100)
        assert data["tier"] == "A"
        assert data["measuring_ms"] > 0
        assert 0 < data["coverage"] < 1
        assert json.loads(json.dumps(data)) == data

    def test_a_row_a_cell_with_everybodys_numbers(self, machine):
        engine = machine.engine()
        engine.prepare(["json", "hash"])
        rows = engine.report().to_dict()["choices"]
        assert [(row["role"], row["goal"], row["size"]) for row in rows] == [
            c for c in CELLS if c.role in ("json", "hash")
        ]
        row = rows[1]
        assert list(row) == ["role", "goal", "size", "name", "version", "candidates"]
        assert (row["name"], row["version"]) == ("orjson", "3.11")
        assert list(row["candidates"]) == ["orjson", "stdlib"]
        assert row["candidates"]["stdlib"]["median"] == pytest.approx(4e-5, rel=0.02)
        assert 0 < row["candidates"]["stdlib"]["spread"] < 1e-6
        assert [row["name"] for row in rows if row["role"] == "hash"] == ["sha256", "blake3", "blake3"]

    def test_an_override_costs_the_measured_ratio(self, machine):
        best = machine.engine().report(measure=True)
        worse = machine.engine(overrides={"json": "stdlib"}).report(measure=True)
        assert best.score.value == pytest.approx(100)
        assert worse.score.value < 50
        assert worse.score.tier == "D"
        assert best.score.coverage == worse.score.coverage == 1
        (text,) = [text for text in worse.advice if "overrides" in text]
        assert text.startswith("json: the argument overrides chose stdlib; orjson saves 3")
        assert "4 KB" in text

    def test_measure_decides_what_was_estimated(self, machine):
        machine.seconds["json", "stdlib"] = 1e-9
        engine = machine.engine(rigor="estimate")
        assert engine.json.name == "orjson"
        assert engine.report(measure=True).score.value == pytest.approx(100)
        assert engine.json.name == "stdlib"

    def test_measure_raises_for_an_override_that_cannot_hold(self, machine):
        machine.installed.pop("orjson")
        with pytest.raises(BackendUnavailableError):
            machine.engine(overrides={"json": "orjson"}).report(measure=True)

    def test_only_working_candidates_count(self, machine):
        engine = machine.engine()
        engine.json.dumps(1)
        machine.import_errors["orjson"] = OSError("gone")
        other = machine.engine()
        assert other.json.name == "stdlib"
        assert set(other.report().choices[0].candidates) == {"stdlib"}


class TestAdvice:
    def test_what_is_missing_is_named_with_its_bill(self, machine):
        machine.installed.pop("orjson")
        engine = machine.engine()
        engine.report(measure=True)
        (text,) = [text for text in engine.report().advice if "orjson" in text]
        assert 'pip install "postopt[fast]"' in text
        assert "not measured here" in text
        assert "dumps of 4 KB" in text
        assert "its import costs about 20 ms" in text
        assert "paid back after 5" in text
        assert "worth it" not in text

    @pytest.mark.parametrize(("rate", "verdict"), [(3, "not worth it"), (1000, ": worth it")])
    def test_the_rate_decides_whether_it_is_worth_it(self, machine, rate, verdict):
        machine.installed.pop("orjson")
        engine = machine.engine()
        engine.report(measure=True)
        (text,) = [text for text in engine.report(calls_per_second=rate).advice if "orjson" in text]
        assert verdict in text

    def test_nothing_worse_than_what_is_chosen_is_advised(self, machine):
        engine = machine.engine()
        engine.prepare()
        assert not any("msgspec" in text for text in engine.report().advice)

    def test_one_library_a_slot_is_advised(self, machine):
        machine.installed = {"numpy": "2.0"}
        engine = machine.engine()
        engine.prepare()
        slots = [text.partition(":")[0] for text in engine.report().advice if "pip install" in text]
        assert len(slots) == len(set(slots)) >= 4

    def test_an_override_that_is_the_best_needs_none(self, machine):
        report = machine.engine(overrides={"json": "orjson"}).report(measure=True)
        assert not any("overrides" in text for text in report.advice)

    def test_size_is_advised_in_bytes(self, machine):
        machine.installed.pop("zstandard")
        machine.bytes_out.update(zlib=1000)
        engine = machine.engine(overrides={"compression.size": "lz4"})
        texts = [text for text in engine.report(measure=True).advice if text.startswith("compression.size")]
        (missing,) = [text for text in texts if "zstandard" in text]
        assert "compressing 4 KB takes 0." in missing
        assert "of the bytes it takes with lz4: " in missing
        assert missing.endswith(" bytes less")

    def test_unmeasured_advice_gives_the_ratio_alone(self, machine):
        machine.installed = {"numpy": "2.0"}
        engine = machine.engine()
        engine.prepare(["json"])
        (text, *_) = engine.report().advice
        assert "of the time it takes with stdlib" in text
        assert " us" not in text


class TestShown:
    def test_text_is_aligned_and_complete(self, machine):
        machine.states["hash", "blake3"] = ("wrong", "digest of b'' differs")
        engine = machine.engine()
        engine.prepare(["json", "hash"])
        text = str(engine.report())
        lines = text.splitlines()
        assert "json: orjson 3.11 (measured)" in lines
        assert "hash: sha256 3.11 (measured)" in lines
        rows = [line for line in lines if line.startswith(("  dumps", "  loads", "  digest"))]
        assert len(rows) == 9
        assert {re.search(r"\*(\w+)", line)[1] for line in rows} == {"orjson", "sha256"}
        assert len({re.search(r"(?<=[B ] )\*?[a-z]", line).start() for line in rows}) == 1
        assert "digest of b'' differs" in text
        assert "9 of 24 cells measured" in text
        assert "What is not installed is not compared." in text

    def test_every_number_has_its_n_and_spread(self, machine):
        engine = machine.engine()
        engine.prepare(["json"])
        report = engine.report()
        assert {numbers.n for row in report.choices for numbers in row.candidates.values()} == {9}
        rows = [line for line in str(report).splitlines() if line.startswith(("  dumps", "  loads"))]
        for line in (*rows, *engine.explain("json").splitlines()[1:7]):
            assert len(re.findall(r"[0-9.]+ [nu]s \([0-9.]+ %, n 9\)", line)) == 2, line
        assert all(entry["n"] == 9 for row in report.to_dict()["choices"] for entry in row["candidates"].values())

    def test_long_lines_are_wrapped(self, machine):
        machine.installed = {"numpy": "2.0"}
        machine.states["scoring", "numpy"] = ("broken", "OSError: " + "no such file " * 30)
        engine = machine.engine()
        engine.prepare()
        lines = str(engine.report(calls_per_second=3)).splitlines()
        assert max(map(len, lines)) <= 100

    def test_html_is_escaped_and_without_script(self, machine):
        machine.states["hash", "blake3"] = ("wrong", "<script>alert('x')</script> & \"more\"")
        engine = machine.engine()
        engine.prepare()
        page = engine.report()._repr_html_()
        tags = []

        class Collect(HTMLParser):
            def handle_starttag(self, tag, attrs):
                tags.append(tag)
                assert not any(name.startswith("on") for name, _ in attrs)

        Collect().feed(page)
        assert set(tags) <= {"div", "p", "b", "table", "tr", "th", "td", "span", "ul", "li"}
        assert "&lt;script&gt;" in page

    def test_explain_says_who_why_and_by_how_much(self, machine):
        engine = machine.engine()
        engine.prepare()
        text = engine.explain("json")
        assert text.startswith("json: orjson (measured by this engine)")
        assert "dumps 4 KB: orjson; orjson 3.0" in text
        assert "its import took 20 ms of CPU, paid back after" in text
        assert "rejected msgspec: absent" in text
        assert repr(engine.json) == "<json: orjson 3.11>"
        assert "sha256 below 4096 bytes, blake3 from there on" in engine.explain("hash")
        assert engine.explain("compression").count("compression.") == 2
        assert engine.explain("loop").startswith("loop: asyncio")
        with pytest.raises(BackendUnavailableError, match="jsn"):
            engine.explain("jsn")

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (2.5, "2.5 s"),
            (0.0123, "12.3 ms"),
            (4.4e-5, "44 us"),
            (7.1e-8, "71 ns"),
            (9.996e-4, "1 ms"),
            (9.99e-4, "999 us"),
            (0, "0 ns"),
        ],
    )
    def test_durations(self, seconds, text):
        assert duration(seconds) == text

    @pytest.mark.parametrize(
        ("role", "size", "text"),
        [
            ("json", 256, "256 B"),
            ("json", 65536, "64 KB"),
            ("scoring", 1, "1 row"),
            ("scoring", 32, "32 rows"),
            ("loop", 0, ""),
        ],
    )
    def test_payloads(self, role, size, text):
        assert payload(role, size) == text
