import asyncio
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postopt.cli import bulk, main
from postopt.cli.briefs import BadLine, BriefLine
from postopt.cli.bulk import Summary
from postopt.cli.layout import layout
from postopt.errors import GenerationError
from postopt.types import Brief, Completion, Post, Posts, Rejection, Trace
from postopt.writer import PostWriter

POST = ["brief_id", "index", "text", "tone", "language", "generator", "seed", "trace"]


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run `postopt write` in an empty folder; gives its status, what it printed, and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            status = main(["write", *arguments])
        except SystemExit as exit_:
            status = exit_.code
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


class TestTopic:
    def test_posts_are_laid_out_for_reading(self, run):
        status, printed, said = run("--topic", "Sourdough weekend", "--fact", "price=€5", "-n", "2")
        assert (status, said) == (0, "")
        assert printed.count("€5") == 2
        rules = [line for line in printed.splitlines() if line.startswith("──")]
        assert [rule.split()[1:4] for rule in rules] == [["1", "of", "2"], ["2", "of", "2"]]
        assert {len(rule) for rule in rules} == {88}

    def test_json_gives_a_line_for_each_post(self, run):
        _, printed, _ = run("--topic", "Pan", "--language", "es", "--tone", "urgent", "--json", "--seed", "9")
        posts = lines_of(printed)
        assert [list(post) for post in posts] == [POST] * 3
        assert [post["index"] for post in posts] == [0, 1, 2]
        assert {(post["language"], post["tone"], post["seed"]) for post in posts} == {("es", "urgent", 9)}
        assert posts[0]["trace"]["tier"] == "template"
        assert "seconds" not in posts[0]["trace"]

    def test_every_option_reaches_the_brief(self, run, monkeypatch):
        asked = []

        class Noting(PostWriter):
            async def write(self, brief, n=3, *, deadline=None):
                asked.append((brief, n, self.generator.seed))
                return Posts(brief, [])

        monkeypatch.setattr("postopt.cli.remote.PostWriter", Noting)
        status, _, _ = run(
            *("--topic", "Bread", "--tone", "playful", "--language", "es-MX", "--audience", "bakers"),
            *("--platform", "linkedin", "--cta", "Come", "--brand", "Mill", "--max-length", "300"),
            *("--fact", "price=€5=5", "--fact", "when= now ", "--keyword", "a", "--keyword", "b", "--forbid", "c"),
            *("-n", "4", "--seed", "-8"),
        )
        assert status == 0
        brief = Brief(
            topic="Bread",
            tone="playful",
            language="es-MX",
            audience="bakers",
            platform="linkedin",
            call_to_action="Come",
            brand="Mill",
            max_length=300,
            facts={"price": "€5=5", "when": " now "},
            keywords=["a", "b"],
            forbidden=["c"],
        )
        assert asked == [(brief, 4, -8)]

    def test_what_cannot_be_written_is_said(self, run):
        status, printed, said = run("--topic", "Bread", "--fact", "p=free bread", "--forbid", "FREE", "-n", "1")
        assert (status, printed) == (1, "")
        assert said == 'not written: The fact "p" contains the forbidden "FREE": "free bread".\n'

    def test_the_same_seed_prints_the_same(self, run):
        first, again, other = (run("--topic", "Bread", "--seed", seed)[1] for seed in "112")
        assert first == again != other

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "one of the arguments --topic --briefs is required"),
            (["--topic", "a", "--briefs", "b"], "not allowed with argument"),
            (["--topic", " "], "--topic: brief.topic is ' '; allowed: a non-blank text"),
            (["--topic", "a", "--tone", "loud"], "professional"),
            (["--topic", "a", "--platform", "fax"], "facebook"),
            (["--topic", "a", "--language", "Spanish"], "--language: brief.language is 'Spanish'; allowed: "),
            (["--topic", "a", "--max-length", "0"], "--max-length: brief.max_length is 0; allowed: a whole number"),
            (["--topic", "a", "--keyword", ""], "--keyword: brief.keywords[0] is ''; allowed: "),
            (["--topic", "a", "--fact", "€5"], "'€5' is not of the form NAME=VALUE, such as price=€5"),
            (["--topic", "a", "--fact", "=5"], "not of the form NAME=VALUE"),
            (["--topic", "a", "--fact", "p=1", "--fact", "p=2"], "--fact names 'p' twice"),
            (["--topic", "a", "-n", "0"], "'0' is no whole number from 1 to 1000"),
            (["--topic", "a", "-n", "1001"], "no whole number from 1 to 1000"),
            (["--topic", "a", "-n", "9" * 5000], "no whole number from 1 to 1000"),
            (["--topic", "a", "--seed", "x"], "'x' is no whole number of at most 64 bits"),
            (["--topic", "a", "--seed", str(2**63)], "at most 64 bits"),
            (["--topic", "a", "--out", "b"], "--out goes with --briefs"),
            (["--briefs", "a"], "--briefs needs --out FILE"),
            (["--briefs", "a", "--out", "b", "--tone", "urgent"], "--tone goes with --topic"),
            (["--briefs", "a", "--out", "b", "--resume", "--force"], "not allowed with argument"),
            (["--briefs", "a", "--out", "b"], "a cannot be read: No such file"),
            (["--briefs", ".", "--out", "b"], ". cannot be read: Is a directory"),
        ],
    )  # fmt: skip
    def test_unusable_arguments_end_with_2_and_say_what_is_allowed(self, run, arguments, message):
        status, printed, said = run(*arguments)
        assert (status, printed) == (2, "")
        assert message in said
        assert "Traceback" not in said

    def test_an_interrupt_ends_quietly(self, run, monkeypatch):
        async def interrupted(self, brief, n=3, *, deadline=None):
            raise KeyboardInterrupt

        monkeypatch.setattr(PostWriter, "write", interrupted)
        assert run("--topic", "Bread") == (130, "", "")


class TestBriefs:
    def test_posts_rejects_and_summary(self, run):
        Path("b.jsonl").write_text(
            '{"id": "x", "topic": "Bread", "facts": {"price": "€5"}}\nnope\n'
            '{"topic": "Jam", "facts": {"p": "free"}, "forbidden": ["free"]}\n',
            "utf-8",
        )
        status, printed, said = run("--briefs", "b.jsonl", "--out", "p.jsonl", "--rejects", "r.jsonl", "-n", "2")
        assert (status, printed) == (1, "")
        posts = lines_of(Path("p.jsonl").read_text("utf-8"))
        assert [list(post) for post in posts] == [POST] * 2
        assert [(post["brief_id"], post["index"]) for post in posts] == [("x", 0), ("x", 1)]
        assert "€5" in Path("p.jsonl").read_text("utf-8")
        bad, *variants = lines_of(Path("r.jsonl").read_text("utf-8"))
        assert (bad["line"], bad["input"]) == (2, "nope")
        assert bad["reason"].startswith("not JSON")
        assert [(v["line"], v["brief_id"], v["variant"]) for v in variants] == [(3, "line-3", 0), (3, "line-3", 1)]
        assert variants[0]["reasons"] == ['The fact "p" contains the forbidden "free": "free".']
        assert variants[0]["input"].startswith('{"topic": "Jam"')
        assert said.startswith(
            "read 3 lines, written 2 posts, rejected 3 (2 x The fact … contains the forbidden …; 1 x not JSON), "
        )
        assert said.endswith(" s\n")

    def test_all_written_is_0_and_the_same_seed_gives_the_same_bytes(self, run):
        Path("b.csv").write_text("topic,fact:price,tone\nBread,€5,urgent\nJam,€6,playful\n", "utf-8")
        assert run("--briefs", "b.csv", "--out", "one")[0] == 0
        assert run("--briefs", "b.csv", "--out", "two")[0] == 0
        assert Path("one").read_bytes() == Path("two").read_bytes()
        assert len(Path("one").read_bytes().splitlines()) == 6

    def test_a_file_without_briefs(self, run):
        Path("b.jsonl").write_text("")
        status, _, said = run("--briefs", "b.jsonl", "--out", "p.jsonl")
        assert status == 0
        assert said.startswith("read 0 lines, written 0 posts, rejected 0, ")

    def test_standard_output(self, run):
        Path("b.jsonl").write_text('{"topic": "Bread"}\n')
        status, printed, said = run("--briefs", "b.jsonl", "--out", "-", "-n", "1")
        assert (status, len(lines_of(printed))) == (0, 1)
        assert said.startswith("read 1 lines")

    def test_no_bar_where_nobody_looks(self, run):
        Path("b.jsonl").write_text('{"topic": "Bread"}\n' * 50)
        assert len(run("--briefs", "b.jsonl", "--out", "p")[2].splitlines()) == 1

    @pytest.mark.parametrize("name", ["b.jsonl", "./b.jsonl", "link", "other name"])
    @pytest.mark.parametrize("option", ["--out", "--rejects"])
    def test_the_briefs_are_never_overwritten(self, run, name, option):
        Path("b.jsonl").write_text('{"topic": "Bread"}\n')
        Path("link").symlink_to("b.jsonl")
        Path("other name").hardlink_to("b.jsonl")
        status, _, said = run("--briefs", "b.jsonl", "--force", "--out", "p", option, name)
        assert status == 2
        assert "named twice" in said
        assert Path("b.jsonl").read_text() == '{"topic": "Bread"}\n'

    @pytest.mark.parametrize("name", ["p", "-"])
    def test_posts_and_rejects_are_two_files(self, run, name):
        Path("b.jsonl").write_text('{"topic": "Bread"}\n')
        assert run("--briefs", "b.jsonl", "--out", name, "--rejects", name)[0] == 2

    def test_a_header_that_cannot_be_used_touches_no_file(self, run):
        Path("b.csv").write_text("title\nBread\n")
        Path("p").write_text("precious")
        status, _, said = run("--briefs", "b.csv", "--out", "p", "--rejects", "r", "--force")
        assert (status, said.count("\n")) == (2, 1)
        assert Path("p").read_text() == "precious"
        assert not Path("r").exists()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_a_full_disk_is_said(self, run):
        Path("b.jsonl").write_text('{"topic": "Bread"}\n')
        status, _, said = run("--briefs", "b.jsonl", "--out", "/dev/full")
        assert status == 2
        assert said.splitlines()[-1] == "postopt write: /dev/full cannot be written: No space left on device"

    def test_a_csv_file_whose_header_cannot_be_used(self, run):
        Path("b.csv").write_text("colour\nred\n")
        status, _, said = run("--briefs", "b.csv", "--out", "p")
        assert status == 2
        assert "column 'colour'; allowed: id, topic" in said

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(st.binary(max_size=30) | st.just(b'{"topic": "Bread"}'), max_size=6), st.sampled_from(["jsonl", "csv"])
    )
    def test_garbage_never_ends_in_a_traceback(self, run, lines, ending):
        Path(f"b.{ending}").write_bytes(b"\n".join(lines))
        status, _, said = run("--briefs", f"b.{ending}", "--out", "p", "--rejects", "r", "--force", "-n", "1")
        assert status in ({0, 1} if ending == "jsonl" else {0, 1, 2})
        assert "Traceback" not in said
        if status < 2:
            rejects = lines_of(Path("r").read_text("utf-8"))
            assert bool(rejects) == (status == 1)
            assert all({"line", "reason", "input"} <= reject.keys() for reject in rejects)


class Recorder:
    """In place of a `LineFile`: what was written."""

    def __init__(self):
        self.lines = []

    def write(self, lines):
        self.lines += lines


class Bakery:
    name = "bakery"

    async def generate(self, prompt):
        if prompt.brief.topic == "closed":
            raise GenerationError("closed today")
        return Completion(text="Bread", generator=self.name, trace=Trace(tier="local", model="m"))


def write_lines(lines, out, rejects=None, limit=1):
    summary = Summary()
    writer = PostWriter(Bakery())
    write = partial(bulk._write_line, writer=writer, n=1, deadline=None)
    status = asyncio.run(bulk._write_lines(bulk._written(write, lines, limit), writer, out, rejects, summary))
    return status, summary


class TestStream:
    def test_one_line_is_held_at_a_time(self):
        out = Recorder()
        most = 0

        def lines():
            nonlocal most
            for number in range(1, 1001):
                most = max(most, number - len(out.lines))
                yield BriefLine(number, f"line-{number}", Brief(topic="Bread"), "")

        assert write_lines(lines(), out)[0] == 0
        assert (len(out.lines), most) == (1000, 1)

    def test_an_outage_is_a_reject_and_does_not_stop_the_others(self):
        out, rejects = Recorder(), Recorder()
        briefs = [BriefLine(n, str(n), Brief(topic=topic), "") for n, topic in enumerate(["open", "closed", "open"])]
        status, summary = write_lines(briefs, out, rejects)
        assert (status, summary.written, summary.rejected, len(out.lines)) == (1, 2, 1, 2)
        assert json.loads(rejects.lines[0])["reason"] == "closed today"

    def test_reasons_of_a_kind_are_counted_together_and_the_kinds_are_bounded(self):
        summary = Summary()
        for number in range(3000):
            summary.reject(f"kind {chr(0x4E00 + number)} has failed")
        summary.reject('the "a" is wrong: 1')
        assert len(summary._kinds) <= bulk.MAX_KINDS + 1
        assert summary.text(1.25).endswith("x other reasons), 1.2 s")

    def test_without_a_file_for_rejects_they_are_counted_only(self):
        out = Recorder()
        status, summary = write_lines([BadLine(1, "not JSON: x", "nope")], out)
        assert (status, out.lines) == (1, [])
        assert summary.text(0) == "read 0 lines, written 0 posts, rejected 1 (1 x not JSON), 0.0 s"


class TestLayout:
    @staticmethod
    def posts(*texts):
        brief = Brief(topic="Bread")
        trace = Trace(tier="local", model="m")
        return Posts(
            brief,
            [
                Post(id="", text=text, brief=brief, generator="g", seed=None, index=index, trace=trace)
                for index, text in enumerate(texts)
            ],
            [Rejection(variant=9, reasons=("no",))],
        )

    def test_lines_are_wrapped_to_the_terminal_and_no_word_is_broken(self):
        link = "https://example.com/" + "x" * 60
        text = f"{'bread ' * 20}\n\n{link}"
        shown = layout(self.posts(text), 40).splitlines()
        assert all(len(line) <= 40 for line in shown if line != link)
        assert link in shown

    def test_a_wide_terminal_keeps_lines_readable(self):
        assert max(map(len, layout(self.posts("bread " * 50), 400).splitlines())) == 88

    def test_a_narrow_terminal_still_shows_the_rule(self):
        assert layout(self.posts("a"), 1).splitlines()[0] == "── 1 of 1 ── 1 character ──"

    def test_lines_that_go_to_a_file_are_left_as_they_are(self):
        text = "bread " * 50
        assert text in layout(self.posts(text), None)

    def test_a_text_cannot_control_the_terminal(self):
        assert "\x1b" not in layout(self.posts("a\x1b[31mb\x9bc\td"), 80)
        assert "a\ufffd[31mb\ufffdc\td" in layout(self.posts("a\x1b[31mb\x9bc\td"), None)


class TestExamples:
    FOLDER = Path(__file__).parents[2] / "examples"

    def test_every_brief_of_ours_gets_all_its_posts(self, run):
        assert run("--briefs", str(self.FOLDER / "briefs.jsonl"), "--out", "p.jsonl")[0] == 0
        posts = lines_of(Path("p.jsonl").read_text("utf-8"))
        assert len({post["text"] for post in posts}) == len(posts) == 36
        assert len({(post["tone"], post["language"][:2]) for post in posts}) == 12

    def test_the_second_time_posts_cost_nothing(self):
        done = subprocess.run([sys.executable, str(self.FOLDER / "cached_posts.py")], capture_output=True, check=True)
        lines = done.stdout.decode("utf-8").splitlines()
        assert [line.partition(":")[0] for line in lines[:6]] == ["remote"] * 3 + ["cache"] * 3
        assert lines[6] == "3 hits (50.0% of 6), 3 computed, 0 coalesced"

    def test_the_script_prints_three_posts(self):
        done = subprocess.run([sys.executable, str(self.FOLDER / "write_posts.py")], capture_output=True, check=True)
        assert done.stdout.decode("utf-8").count("€42") == 3
