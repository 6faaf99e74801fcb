"""What only a process of its own shows: pipes, terminals, encodings, signals."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import postopt.__main__


def command(*arguments):
    return [sys.executable, "-m", "postopt", *arguments]


def test_version():
    done = subprocess.run(command("--version"), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("postopt ")


def test_help_names_the_commands():
    done = subprocess.run(command("--help"), capture_output=True, text=True, check=True)
    assert {"write", "bench", "doctor", "wisdom"} <= set(done.stdout.split())


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_a_terminal_sees_a_bar_and_then_the_summary(tmp_path):
    import pty
    import termios

    (tmp_path / "b.jsonl").write_text('{"topic": "Bread"}\n' * 3)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    write = command("write", "--briefs", str(tmp_path / "b.jsonl"), "--out", str(tmp_path / "p"))
    done = subprocess.run(write, stderr=theirs, check=False)
    seen = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    *bar, summary, end = seen.replace("\r", "\n").replace("\n\n", "\n").split("\n")
    assert any("100%" in line for line in bar)
    assert summary.startswith("read 3 lines")
    assert end == ""


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("source", [("--topic", "Bread", "--json"), ("--topic", "Bread"), ("--briefs",)])
def test_a_reader_that_stops_early_is_no_error(tmp_path, source):
    (tmp_path / "b.jsonl").write_text('{"topic": "Bread"}\n')
    arguments = source if len(source) > 1 else ("--briefs", str(tmp_path / "b.jsonl"), "--out", "-")
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(command("write", *arguments), stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("line", ["score posts.jsonl", "score posts.jsonl --json", "wisdom clear", "doctor"])
def test_any_command_ends_quietly_where_nobody_reads_on(tmp_path, line):
    (tmp_path / "posts.jsonl").write_text('{"text": "Our  bread."}\n' * 300)
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "POSTOPT_WISDOM": str(tmp_path / "wisdom.json")}
    try:
        done = subprocess.run(
            command(*line.split()), stdout=write, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(os.name != "posix", reason="the shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "<&- >&-", ">&- 2>&-"])
@pytest.mark.parametrize("line", ["score posts.jsonl", "write --topic Bread -n 1 --json", "write --topic Bread -n 1"])
def test_an_output_that_is_closed_is_no_fault(tmp_path, line, closed):
    (tmp_path / "posts.jsonl").write_text('{"text": "Bread."}\n')
    shell = f"{shlex.join(command(*line.split()))} {closed}"
    done = subprocess.run(shell, shell=True, stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("line", ["score posts.jsonl", "doctor"])
def test_an_output_that_is_full_is_said(tmp_path, line):
    (tmp_path / "posts.jsonl").write_text('{"text": "Bread."}\n')
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*line.split()), stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"postopt")
    assert done.stderr.endswith(b"No space left on device\n")


def test_a_report_in_ascii(tmp_path):
    (tmp_path / "posts.jsonl").write_text('{"id": "é─\\ud800", "text": "Bread."}\n', "utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    score = command("score", str(tmp_path / "posts.jsonl"))
    done = subprocess.run(score, capture_output=True, env=environment, check=True)
    assert done.stdout.startswith(b"-- ?-?: may be published")


def test_an_interrupt_while_the_commands_load_ends_quietly(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("postopt.cli.main", interrupted)
    assert postopt.__main__.main() == 130


def test_an_output_that_knows_ascii_only():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command("write", "--topic", "Café", "-n", "1"), capture_output=True, env=environment, check=True
    )
    assert done.stdout.startswith(b"-- 1 of 1 ---")
    assert b"Caf?" in done.stdout


def test_output_is_utf_8_whatever_the_locale():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command("write", "--topic", "Café", "-n", "1", "--json"),
        capture_output=True,
        env=environment,
        check=True,
    )
    assert "Café" in done.stdout.decode("utf-8")


BREAD = '{"topic": "Bread", "facts": {"price": "€5"}}\n'


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_briefs_come_from_standard_input(name):
    if name != "-" and not Path(name).exists():
        pytest.skip("no /dev/stdin")
    write = command("write", "--briefs", name, "--out", "-", "-n", "2")
    done = subprocess.run(write, input=BREAD.encode(), capture_output=True, check=True)
    assert [json.loads(line)["index"] for line in done.stdout.splitlines()] == [0, 1]
    assert done.stderr.startswith(b"read 1 lines, written 2 posts")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupted_run_leaves_whole_lines_and_can_be_continued(tmp_path, sent, status):
    briefs, straight, posts = tmp_path / "briefs.jsonl", tmp_path / "straight", tmp_path / "posts"
    briefs.write_text("".join(json.dumps({"id": str(i), "topic": f"Bread {i}"}) + "\n" for i in range(60)))
    write = command("write", "-n", "2", "--briefs")
    subprocess.run([*write, briefs, "--out", straight], capture_output=True, check=True)
    # Its input is a pipe that stays open, so that the run cannot end before the signal comes.
    with subprocess.Popen(
        [*write, "-", "--out", posts], stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True
    ) as process:
        process.stdin.write(briefs.read_bytes()[:500])
        while not posts.exists() or not posts.stat().st_size:
            assert process.poll() is None
        process.send_signal(sent)
        # A signal is acted upon between two lines; a process that is gone already takes none.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(briefs.read_bytes()[500:1500])
        said = process.stderr.read().decode()
        assert process.wait() == status, said
    assert "Traceback" not in said
    assert ("--resume continues" in said) == (sent != signal.SIGKILL)
    assert sent == signal.SIGKILL or posts.read_bytes().endswith(b"\n")
    assert len(posts.read_bytes()) < len(straight.read_bytes())
    subprocess.run([*write, briefs, "--out", posts, "--resume"], capture_output=True, check=True)
    assert posts.read_bytes() == straight.read_bytes()
