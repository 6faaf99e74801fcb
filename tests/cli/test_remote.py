"""`postopt write --base-url`: a model writes, the templates stand behind it, and standard error says who did."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from postopt.cli import main
from postopt.testing.server import Reply, ScriptedServer

pytest.importorskip("aiohttp", reason="aiohttp is not installed")
TOPIC = ("--topic", "Fresh bread", "--fact", "price=€3.50")


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run `postopt write` in an empty folder; gives its status, what it printed, and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def run(*arguments):
        try:
            status = main(["write", *arguments])
        except SystemExit as exit_:
            status = exit_.code
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run


def at(server, *options):
    return ("--base-url", server.url, "--model", "small", *options)


class TestTopic:
    def test_the_model_writes_and_it_is_said_so(self, run):
        with ScriptedServer() as server:
            status, printed, said = run(*TOPIC, "-n", "2", *at(server, "--price", "0.15,0.60"))
        assert status == 0
        assert printed.count("€3.50") == 2
        first, second = said.splitlines()
        assert first.startswith("1 of 2: small | ")
        assert second.startswith("2 of 2: small | ")
        assert "$0.0000" in first
        assert server.calls == 2

    def test_the_templates_write_where_it_cannot(self, run):
        with ScriptedServer(default=Reply(status=500)) as server:
            status, printed, said = run(*TOPIC, "-n", "1", *at(server))
        assert status == 0
        assert "€3.50" in printed
        assert "as templates | instead of small@127.0.0.1" in said

    def test_in_time(self, run):
        with ScriptedServer(default=Reply(latency=3600)) as server:
            status, printed, said = run(*TOPIC, "-n", "1", *at(server, "--deadline", "0.2"))
        assert (status, printed.count("€3.50")) == (0, 1)
        assert "as templates" in said

    def test_for_no_more_than_allowed(self, run):
        with ScriptedServer() as server:
            _, _, said = run(*TOPIC, "-n", "2", *at(server, "--price", "1,1", "--budget", "0.000001"))
        assert server.calls == 0
        assert said.count("budget exceeded") == 2

    def test_a_refusal_is_said_and_nobody_writes_instead(self, run):
        refusal = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
        with ScriptedServer(default=Reply(body=json.dumps(refusal).encode())) as server:
            status, printed, said = run(*TOPIC, "-n", "1", *at(server))
        assert (status, printed) == (1, "")
        assert "declines" in said or "refus" in said

    def test_the_key_comes_from_the_environment_and_is_shown_nowhere(self, run, monkeypatch):
        monkeypatch.setenv("MY_KEY", "sk-secret")
        with ScriptedServer(api_key="sk-right") as server:
            status, printed, said = run(*TOPIC, "-n", "1", *at(server, "--key-env", "MY_KEY"))
        assert status == 0
        assert "instead of" in said
        assert "authentication" in said
        assert "sk-" not in printed + said
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right")
        with ScriptedServer(api_key="sk-right") as server:
            assert " instead of " not in run(*TOPIC, "-n", "1", *at(server))[2]


class TestBriefs:
    def test_many_at_once_and_a_line_on_who_answered(self, run):
        lines = [json.dumps({"topic": f"Bread {number}", "facts": {"price": "€3.50"}}) for number in range(40)]
        Path("b.jsonl").write_text("\n".join([*lines[:20], "nope", *lines[20:]]), "utf-8")
        with ScriptedServer([Reply(status=400)] * 4, latency=0.01) as server:
            status, _, said = run("--briefs", "b.jsonl", "--out", "p.jsonl", "-n", "1", *at(server))
        assert status == 1  # the line that is no brief
        posts = [json.loads(line) for line in Path("p.jsonl").read_text("utf-8").splitlines()]
        assert [post["brief_id"] for post in posts] == sorted((post["brief_id"] for post in posts), key=len)
        assert len(posts) == 40
        summary, answered = said.splitlines()[-2:]
        assert summary.startswith("read 41 lines, written 40 posts, rejected 1")
        assert answered.startswith("answered: 36 by small, 4 by en/professional@")
        assert answered.endswith(" as templates, $0.000000")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "small"), "--model goes with --base-url"),
        (("--budget", "1"), "--budget goes with --base-url"),
        (("--base-url", "http://127.0.0.1:1/v1"), "--base-url needs --model"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--budget", "1"), "--budget needs --price"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--price", "1"), "is not of the form IN,OUT"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--price", "a,b"), "is not of the form IN,OUT"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--deadline", "0"), "is no number above 0"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--deadline", "x"), "is no number above 0"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--price", "1e7,1"), "is not of the form IN,OUT"),
        (
            ("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--price", "1,1", "--budget", "1e10"),
            "--budget is 1e+10",
        ),
        (("--base-url", "http://[x/v1", "--model", "m"), "--base-url"),
        (("--base-url", "ftp://x", "--model", "m"), "--base-url"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "a\nb"), "--model"),
        (("--base-url", "http://127.0.0.1:1/v1", "--model", "m", "--key-env", "NOT_SET"), "there is no NOT_SET"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_would_do(run, options, said):
    status, printed, error = run(*TOPIC, *options)
    assert (status, printed) == (2, "")
    assert said in error


def test_a_password_in_the_address_is_shown_nowhere(run):
    address = "http://user:hunter2@127.0.0.1:1/v1?token=hunter2"
    _, printed, said = run(*TOPIC, "-n", "1", "--base-url", address, "--model", "m", "--deadline", "1")
    assert "hunter2" not in printed + said


def test_without_aiohttp_it_says_what_to_install():
    code = (
        "import sys; sys.modules['aiohttp'] = None; from postopt.cli import main; "
        "sys.exit(main(['write', '--topic', 'Bread', '--base-url', 'http://127.0.0.1:1/v1', '--model', 'm']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert 'pip install "postopt[openai]"' in done.stderr


DECLINED = Reply(text="No", finish_reason="content_filter")


def briefs(count):
    text = "".join(json.dumps({"topic": f"Bread {number}", "id": f"b{number}"}) + "\n" for number in range(count))
    Path("b.jsonl").write_text(text, "utf-8")
    return ("--briefs", "b.jsonl", "--out", "p.jsonl", "-n", "1")


class TestResume:
    def test_continues_what_a_model_has_begun(self, run):
        with ScriptedServer() as server:
            assert run(*briefs(6), *at(server))[0] == 0
            whole = Path("p.jsonl").read_bytes().splitlines(keepends=True)
            Path("p.jsonl").write_bytes(b"".join(whole[:3]) + whole[3][:10])
            status, _, said = run(*briefs(6), *at(server), "--resume")
            assert status == 0, said
        posts = [json.loads(line) for line in Path("p.jsonl").read_text("utf-8").splitlines()]
        assert [post["brief_id"] for post in posts] == [f"b{number}" for number in range(6)]
        assert {post["seed"] for post in posts} == {None}
        assert server.calls == 10  # six, and from the third on again

    def test_of_a_complete_run_asks_the_last_brief_again(self, run):
        with ScriptedServer() as server:
            run(*briefs(4), *at(server))
            assert run(*briefs(4), *at(server), "--resume")[0] == 0
        assert len(Path("p.jsonl").read_text("utf-8").splitlines()) == 4
        assert server.calls == 5


class TestMoney:
    def test_that_is_hardly_spent_is_not_refused(self, run):
        with ScriptedServer(latency=0.002) as server:
            status, _, said = run(*briefs(30), *at(server, "--price", "1,1", "--budget", "0.015"))
        assert (status, server.calls) == (0, 30)
        assert "answered: 30 by small, $" in said

    def test_of_one_brief_is_not_refused_either(self, run):
        with ScriptedServer() as server:
            _, _, said = run(*TOPIC, "-n", "3", *at(server, "--price", "1,1", "--budget", "0.01"))
        assert server.calls == 3
        assert "budget" not in said

    def test_for_refusals_is_told(self, run):
        with ScriptedServer(default=DECLINED) as server:
            status, _, said = run(*briefs(3), *at(server, "--price", "1000,1000"))
            billed = (server.input_tokens + server.output_tokens) / 1000
        assert status == 1
        assert f"spent: ${billed:.6f} at most" in said

    def test_for_a_refused_brief_is_told(self, run):
        with ScriptedServer(default=DECLINED) as server:
            _, _, said = run(*TOPIC, "-n", "1", *at(server, "--price", "1000,1000"))
            billed = (server.input_tokens + server.output_tokens) / 1000
        assert f"spent: ${billed:.6f} at most" in said

    def test_for_one_refused_post_of_a_brief_is_told(self, run):
        with ScriptedServer([DECLINED, "Two for €3.50", "Three for €3.50"]) as server:
            _, _, said = run(*TOPIC, "-n", "3", *at(server, "--price", "1000,1000"))
            billed = (server.input_tokens + server.output_tokens) / 1000
        assert f"spent: ${billed:.6f} at most" in said


class TestKey:
    def test_that_is_empty_is_none(self, run, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "")
        with ScriptedServer() as server:
            assert run(*TOPIC, "-n", "1", *at(server))[0] == 0
        assert "authorization" not in server.requests[-1].headers

    @pytest.mark.parametrize("host", ["example.invalid", "10.0.0.7", "[2001:db8::1]", "localhost.invalid"])
    def test_does_not_go_over_a_network_unencrypted(self, run, monkeypatch, host):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        status, _, said = run(*TOPIC, "--base-url", f"http://{host}/v1", "--model", "m")
        assert status == 2
        assert "OPENAI_API_KEY would go over the network unencrypted" in said

    @pytest.mark.parametrize("host", ["http://localhost:1", "http://[::1]:1", "http://127.9.9.9:1", "https://[::1]:1"])
    def test_goes_to_this_machine_and_over_https(self, run, monkeypatch, host):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        options = ("--base-url", f"{host}/v1", "--model", "m", "--deadline", "0.1")
        assert run(*TOPIC, "-n", "1", *options)[0] == 0

    def test_that_is_named_goes_where_it_is_told(self, run, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        options = ("--base-url", "http://10.0.0.7:1/v1", "--model", "m", "--deadline", "0.1")
        assert run(*TOPIC, "-n", "1", *options, "--key-env", "OPENAI_API_KEY")[0] == 0
