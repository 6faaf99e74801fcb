"""Whole lines only, however a run ends, and one that is continued ends in the same bytes as one that was not."""

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postopt.cli import main
from postopt.cli.outfile import LineFile
from postopt.cli.usage import UsageError

# Every way a line can end: posts, a post and rejected variants, rejected variants only, a bad line, a blank one.
BRIEFS = (
    [
        json.dumps({"id": f"b{i}", "topic": f"Bread number {i}", "facts": {"price": f"€{i}"}}, ensure_ascii=False)
        for i in range(4)
    ]
    + ["nope", "", json.dumps({"topic": "Jam", "facts": {"p": "free"}, "forbidden": ["FREE"]}), "{}"]
    + [json.dumps({"topic": f"Pan {i}", "language": "es", "max_length": 60 + i}) for i in range(4)]
    + ["[]", json.dumps({"topic": "last", "facts": {"p": "free"}, "forbidden": ["FREE"]})]
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "briefs.jsonl").write_text("\n".join(BRIEFS) + "\n", "utf-8")
    return folder


def arguments(folder, *more):
    named = {"--briefs": "briefs.jsonl", "--out": "posts.jsonl", "--rejects": "rejects.jsonl"}
    return ["write", *(part for option, name in named.items() for part in (option, str(folder / name))), *more]


@pytest.fixture(scope="module")
def complete(files):
    """What an uninterrupted run leaves, and every write it did, in order."""
    writes = []
    with pytest.MonkeyPatch.context() as patch:
        write = LineFile.write

        def noting(self, lines):
            writes.extend((self.path.name, line) for line in lines)
            write(self, lines)

        patch.setattr(LineFile, "write", noting)
        assert main(arguments(files)) == 1
    found = {name: (files / name).read_bytes() for name in ("posts.jsonl", "rejects.jsonl")}
    assert all(found.values())
    return found, writes


def leave(folder, writes, size):
    """Put the files into the state in which a run that was killed after `size` bytes left them."""
    state = {"posts.jsonl": b"", "rejects.jsonl": b""}
    for name, line in writes:
        state[name] += line[: max(0, size)]
        size -= len(line)
    for name, data in state.items():
        (folder / name).write_bytes(data)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_run_killed_anywhere_is_continued_to_the_same_bytes(files, complete, share):
    found, writes = complete
    leave(files, writes, round(share * sum(len(line) for _, line in writes)))
    assert main(arguments(files, "--resume")) in {0, 1}
    assert {name: (files / name).read_bytes() for name in found} == found


def test_a_run_killed_between_two_writes_is_continued_to_the_same_bytes(files, complete):
    found, writes = complete
    size = 0
    for _, line in [("", b""), *writes]:
        size += len(line)
        leave(files, writes, size)
        assert main(arguments(files, "--resume")) in {0, 1}
        assert {name: (files / name).read_bytes() for name in found} == found


def test_what_is_done_is_not_read_to_be_written_again(files, complete, capsys):
    _, writes = complete
    leave(files, writes, sum(len(line) for _, line in writes))
    main(arguments(files, "--resume"))
    assert "read 1 lines" in capsys.readouterr().err


class TestRefusals:
    @pytest.fixture
    def run(self, tmp_path, capsys):
        briefs = tmp_path / "briefs.jsonl"
        briefs.write_text("".join(f'{{"topic": "Bread {i}"}}\n' for i in range(3)))

        def run(*more):
            status = main(["write", "--briefs", str(briefs), "--out", str(tmp_path / "posts.jsonl"), *more])
            return status, capsys.readouterr().err

        run.folder = tmp_path
        assert run("-n", "2")[0] == 0
        return run

    def test_a_file_with_content_is_neither_lost_nor_mixed_with_another_run(self, run):
        before = (run.folder / "posts.jsonl").read_bytes()
        status, message = run()
        assert status == 2
        assert "posts.jsonl has content; --resume continues it, --force overwrites it" in message
        assert (run.folder / "posts.jsonl").read_bytes() == before

    def test_force_overwrites(self, run):
        assert run("--force", "-n", "1")[0] == 0
        assert len((run.folder / "posts.jsonl").read_bytes().splitlines()) == 3

    def test_an_empty_file_is_written(self, run):
        (run.folder / "posts.jsonl").write_bytes(b"")
        assert run()[0] == 0

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            (("--seed", "5", "-n", "2"), "was written with --seed 0, not 5"),
            (("-n", "3"), "has up to 2 posts a brief, and -n is 3: continue with the same -n"),
            (("-n", "1"), "has up to 2 posts a brief, and -n is 1: continue with the same -n"),
        ],
    )
    def test_another_run_is_not_continued(self, run, more, message):
        before = (run.folder / "posts.jsonl").read_bytes()
        status, said = run("--resume", *more)
        assert status == 2
        assert message in said
        assert (run.folder / "posts.jsonl").read_bytes() == before

    def test_other_briefs_are_not_continued(self, run):
        (run.folder / "briefs.jsonl").write_text('{"topic": "Bread 0"}\n')
        status, said = run("--resume", "-n", "2")
        assert status == 2
        assert "posts.jsonl ends with brief 'line-3', which the briefs do not have" in said

    def test_rejects_of_other_briefs_are_not_continued(self, run):
        (run.folder / "rejects.jsonl").write_text('{"line": 9}\n')
        status, said = run("--resume", "-n", "2", "--rejects", str(run.folder / "rejects.jsonl"))
        assert status == 2
        assert "ends with line 9 in its rejects" in said

    @pytest.mark.parametrize("line", ["bread", "{}", "[]", '{"seed": 0}'])
    def test_a_file_that_is_none_of_ours_is_not_touched(self, run, line):
        (run.folder / "posts.jsonl").write_text(f"{line}\nmore")
        status, said = run("--resume", "-n", "2")
        assert status == 2
        assert "posts.jsonl, line 1 was not written by this command" in said
        assert (run.folder / "posts.jsonl").read_text() == f"{line}\nmore"

    def test_resuming_what_has_not_begun_begins(self, run):
        (run.folder / "posts.jsonl").unlink()
        assert run("--resume")[0] == 0
        assert len((run.folder / "posts.jsonl").read_bytes().splitlines()) == 9

    @pytest.mark.skipif(not Path("/dev/null").exists(), reason="no /dev/null")
    def test_a_device_is_not_continued(self, run):
        assert run("--out", "/dev/null")[0] == 0
        status, said = run("--out", "/dev/null", "--resume")
        assert status == 2
        assert "/dev/null is no regular file" in said


class TestWholeLines:
    def test_a_full_disk_leaves_whole_lines_and_says_so(self, tmp_path, monkeypatch):
        file = LineFile.open(tmp_path / "posts.jsonl")
        file.write([b"one\n", b"two\n"])
        write = os.write
        calls = iter([3, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))])

        def full(descriptor, data):
            outcome = next(calls)
            if isinstance(outcome, OSError):
                raise outcome
            return write(descriptor, bytes(data)[:outcome])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(UsageError, match=r"posts.jsonl cannot be written: No space left on device"):
            file.write([b"three\n"])
        monkeypatch.undo()
        file.close()
        assert (tmp_path / "posts.jsonl").read_bytes() == b"one\ntwo\n"

    def test_a_short_write_goes_on(self, tmp_path, monkeypatch):
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:2]))
        with LineFile.open(tmp_path / "posts.jsonl") as file:
            file.write([b"three\n"])
        monkeypatch.undo()
        assert (tmp_path / "posts.jsonl").read_bytes() == b"three\n"

    def test_an_interrupt_in_the_middle_of_a_line_takes_it_back(self, tmp_path, monkeypatch):
        write = os.write

        def interrupted(descriptor, data):
            write(descriptor, bytes(data)[:2])
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "write", interrupted)
        with LineFile.open(tmp_path / "posts.jsonl") as file, pytest.raises(KeyboardInterrupt):
            file.write([b"three\n"])
        monkeypatch.undo()
        assert (tmp_path / "posts.jsonl").read_bytes() == b""

    def test_the_usual_mode_of_a_users_file(self, tmp_path):
        mask = os.umask(0o027)
        try:
            LineFile.open(tmp_path / "posts.jsonl").close()
        finally:
            os.umask(mask)
        assert (tmp_path / "posts.jsonl").stat().st_mode & 0o777 == 0o640

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(UsageError, match="cannot be written: No such file"):
            LineFile.open(tmp_path / "no" / "posts.jsonl")

    def test_a_long_foreign_file_without_a_line_is_refused(self, tmp_path):
        path = tmp_path / "posts.jsonl"
        path.write_bytes(b"\0" * (1 << 25))
        with LineFile.open(path, resume=True) as file, pytest.raises(UsageError, match="was not written by this"):
            file.tail(lambda line: line)
