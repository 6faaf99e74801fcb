"""Circuits of one name in several processes, and a Redis that comes and goes."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from postopt.errors import CircuitOpenError
from postopt.resilience.breaker import CircuitBreaker
from postopt.testing import ScriptedClock

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.resilience.remote.circuit import _ROUND, RedisCircuitState

INTERVAL, TIMEOUT = 0.02, 2.0
LEASE = "postopt:circuit:{provider}:lease"
OPEN = "postopt:circuit:{provider}:open"
WORKER = Path(__file__).with_name("circuit_worker.py")


class Process:
    """Another process with the same circuit."""

    def __init__(self, url, open_seconds):
        self._process = subprocess.Popen(
            [sys.executable, WORKER, url, str(INTERVAL), str(TIMEOUT), str(open_seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def does(self, what):
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def kill(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture(autouse=True)
def _nothing_left(redis_server):
    yield
    gc.collect()
    redis_server.until(lambda: not carriers())


@pytest.fixture
def processes():
    started = []

    def start(number, url, open_seconds):
        started.extend(Process(url, open_seconds) for _ in range(number))
        return started

    yield start
    for process in started:
        process.kill()


class Circuit:
    """A breaker of this process on a scripted clock, whose news travel in real time."""

    def __init__(self, url, *, timeout=TIMEOUT, news_clock=time.monotonic, **settings):
        self.clock = ScriptedClock(100.0)
        self.shared = RedisCircuitState(url, interval=INTERVAL, timeout=timeout, clock=news_clock)
        self.breaker = CircuitBreaker(
            "provider", **{"failure_threshold": 1, "clock": self.clock, "shared": self.shared, **settings}
        )

    def fail(self):
        with pytest.raises(ValueError):
            self.breaker.call(int, "x")

    def runs(self):
        with suppress(CircuitOpenError):
            return self.breaker.call(lambda: True)
        return False


def rounds(server, number):
    """Wait until there were so many more rounds."""
    before = server.calls("eval")
    server.until(lambda: server.calls("eval") >= before + number)


class TestFourProcesses:
    def test_all_are_open_and_one_probe_is_let_through(self, redis_server, processes):
        four = processes(4, redis_server.url, 0.3)
        assert {process.does("fail") for process in four} <= {"failed", "refused"}
        prober, others = self.probe(redis_server, four)
        before = redis_server.calls("eval")
        while redis_server.calls("eval") < before + 40:
            assert {other.does("try") for other in others} == {"refused"}
        assert [process.does("state") for process in (prober, *others)] == ["half_open", "open", "open", "open"]

    def test_what_opens_one_opens_all_and_what_closes_one_closes_all(self, redis_server, processes):
        four = processes(4, redis_server.url, 0.3)
        for process in four:
            assert process.does("try") == "through"
            process.does("release")
        assert four[0].does("fail") == "failed"
        assert four[0].does("state") in ("open", "half_open")
        redis_server.until(lambda: all(process.does("state") != "closed" for process in four))
        prober, _ = self.probe(redis_server, four)
        prober.does("release")
        redis_server.until(lambda: all(process.does("state") == "closed" for process in four))

    def test_a_cancelled_probe_and_a_killed_prober_leave_it_to_others(self, redis_server, processes):
        four = processes(4, redis_server.url, 0.3)
        for process in four:
            process.does("fail")
        prober, _ = self.probe(redis_server, four)
        assert prober.does("cancel") == "CancelledError"
        prober, others = self.probe(redis_server, four)
        prober.kill()
        assert redis_server.ask("PTTL", "postopt:circuit:{provider}:lease") > 0
        redis_server.ask("PEXPIRE", "postopt:circuit:{provider}:lease", 1)
        self.probe(redis_server, others)

    @staticmethod
    def probe(server, processes):
        """Let all try until one is let through; return it and the others."""
        found = []

        def one_is_through():
            for process in processes:
                if process.does("try") == "through":
                    found.append(process)
                    return True
            return False

        server.until(one_is_through)
        return found[0], [process for process in processes if process is not found[0]]


class TestOneProcess:
    def test_nothing_starts_before_the_first_call(self, redis_server):
        circuit = Circuit(redis_server.url)
        assert not carriers()
        assert circuit.breaker.state == "closed"
        assert circuit.runs()
        assert len(carriers()) == 1

    def test_the_thread_ends_with_the_last_breaker(self, redis_server):
        circuit = Circuit(redis_server.url)
        circuit.runs()
        gone = weakref.ref(circuit.breaker)
        del circuit
        gc.collect()
        assert gone() is None
        redis_server.until(lambda: not carriers())

    def test_others_failures_open_and_others_probes_close(self, redis_server):
        one, other = Circuit(redis_server.url), Circuit(redis_server.url)
        assert other.runs()
        one.fail()
        redis_server.until(lambda: other.breaker.state == "open")
        assert 0 < other.breaker.retry_after <= 30
        assert not other.runs()
        one.breaker.reset()
        redis_server.until(lambda: other.breaker.state == "closed")

    def test_the_lease_is_there_when_the_time_is_over(self, redis_server):
        circuit = Circuit(redis_server.url, open_seconds=30.0)
        circuit.fail()
        assert not circuit.runs()
        circuit.clock.advance(30.0 - INTERVAL / 2)
        redis_server.until(lambda: not circuit.runs() and redis_server.ask("EXISTS", LEASE))
        rounds(redis_server, 2)
        circuit.runs()
        circuit.clock.advance(INTERVAL)
        redis_server.until(circuit.runs)
        assert circuit.breaker.state == "closed"
        redis_server.until(lambda: not redis_server.ask("EXISTS", LEASE))

    def test_who_has_no_calls_lets_others_try(self, redis_server):
        circuit = Circuit(redis_server.url)
        circuit.fail()
        circuit.clock.advance(30 - INTERVAL / 2)
        redis_server.until(lambda: not circuit.runs() and redis_server.ask("EXISTS", LEASE))
        redis_server.until(lambda: not redis_server.ask("EXISTS", LEASE))
        circuit.clock.advance(INTERVAL)
        redis_server.until(circuit.runs)

    def test_the_lease_is_anothers(self, redis_server):
        circuit = Circuit(redis_server.url)
        redis_server.ask("SET", LEASE, "another", "PX", 60_000)
        circuit.fail()
        circuit.clock.advance(30)
        assert not circuit.runs()
        rounds(redis_server, 5)
        assert not circuit.runs()
        assert circuit.breaker.state == "open"
        assert circuit.breaker.retry_after == INTERVAL
        redis_server.ask("DEL", LEASE)
        redis_server.until(circuit.runs)

    def test_a_redis_that_has_lost_its_data_closes_nobody(self, redis_server):
        circuit = Circuit(redis_server.url)
        circuit.fail()
        rounds(redis_server, 3)
        redis_server.ask("FLUSHALL")
        rounds(redis_server, 5)
        assert circuit.breaker.state == "open"

    def test_two_of_one_name_count_as_two_processes(self, redis_server):
        shared = RedisCircuitState(redis_server.url, interval=INTERVAL, timeout=TIMEOUT)
        one, other = (CircuitBreaker("provider", failure_threshold=1, shared=shared) for _ in range(2))
        other.call(int)
        with pytest.raises(ValueError):
            one.call(int, "x")
        redis_server.until(lambda: other.state == "open")
        assert len(carriers()) == 1

    def test_a_gone_breaker_does_not_end_the_others(self, redis_server):
        shared = RedisCircuitState(redis_server.url, interval=INTERVAL, timeout=TIMEOUT)
        for breaker in [CircuitBreaker("a", shared=shared), CircuitBreaker("b", shared=shared)]:
            breaker.call(int)
        gc.collect()
        rounds(redis_server, 3)
        assert carriers()

    def test_a_forked_process_joins_for_itself(self, redis_server, in_child, untraced):
        circuit = Circuit(redis_server.url)
        circuit.runs()
        rounds(redis_server, 2)

        def story():
            assert not carriers()
            circuit.fail()
            assert len(carriers()) == 1
            redis_server.until(lambda: redis_server.ask("EXISTS", OPEN))

        in_child(story)
        redis_server.until(lambda: circuit.breaker.state == "open")

    def test_threads_that_call_first_at_the_same_time_join_once(self, redis_server):
        circuit = Circuit(redis_server.url)
        together = threading.Barrier(8)
        threads = [threading.Thread(target=lambda: together.wait(60) and circuit.runs()) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(circuit.shared._members) == 1

    def test_where_no_thread_can_start_the_local_view_rules(self, redis_server, monkeypatch):
        def refuse(_):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        circuit = Circuit(redis_server.url, news_clock=(news_clock := ScriptedClock()))
        circuit.fail()
        assert circuit.shared.failures == 1
        circuit.clock.advance(30)
        news_clock.advance(60)
        assert circuit.runs()

    def test_a_closing_does_not_close_who_has_failed_since(self, redis_server):
        """Of two that have opened the first closes, with the number that it knew."""
        member = partial(redis_server.ask, "EVAL", _ROUND, 3, OPEN, LEASE, "numbers")
        assert member("a", "open", 9_000, 0, 0, 9_000, 60) == [0, 0, 1, -1]
        assert member("b", "open", 5_000, 0, 0, 9_000, 60)[2:] == [2, -1]
        assert member("a", "closed", 1, 1, 0, 9_000, 60)[2:] == [2, 1]
        assert redis_server.ask("EXISTS", OPEN)
        assert member("b", "closed", 1, 2, 0, 9_000, 60) == [0, 0, 2, 2]
        assert not redis_server.ask("EXISTS", OPEN)
        assert member("a", "closed", 1, 1, 0, 9_000, 60) == [0, 0, 2, 2]  # news that were held up
        redis_server.ask("FLUSHALL")
        assert member("b", "closed", 1, 7, 0, 9_000, 60) == [0, 0, 0, 0]


class TestWhatGoesWrongInARound:
    @pytest.mark.parametrize("interrupt", [SystemExit, KeyboardInterrupt])
    def test_an_interrupt_of_a_listener_ends_nobodys_news(self, redis_server, interrupt):
        def exits(change):
            raise interrupt

        one, other = Circuit(redis_server.url), Circuit(redis_server.url, listeners=[exits])
        late = CircuitBreaker("late", failure_threshold=1, shared=other.shared)
        for breaker in (other.breaker, late):
            breaker.call(int)
        one.fail()
        redis_server.until(lambda: other.breaker.state == "open")
        redis_server.until(lambda: other.shared.failures == 1)
        assert other.breaker.metrics.listener_errors == 1
        apart = CircuitBreaker("late", failure_threshold=1, shared=one.shared)
        with pytest.raises(ValueError):
            apart.call(int, "x")
        redis_server.until(lambda: late.state == "open")
        assert other.shared.failures == 1

    def test_whatever_ends_one_round_the_next_comes(self, redis_server, monkeypatch):
        circuit = Circuit(redis_server.url)
        report, left = type(circuit.breaker._circuit).report, [MemoryError, SystemExit]

        def fails(self):
            if left:
                raise left.pop()
            return report(self)

        monkeypatch.setattr(type(circuit.breaker._circuit), "report", fails)
        circuit.fail()
        redis_server.until(lambda: redis_server.ask("EXISTS", OPEN))
        assert circuit.shared.failures == 2

    def test_a_name_that_is_no_utf_8_keeps_no_other_from_being_heard(self, redis_server):
        circuit = Circuit(redis_server.url)
        odd = CircuitBreaker("\ud800", shared=circuit.shared)
        odd.call(int)
        circuit.fail()
        redis_server.until(lambda: redis_server.ask("EXISTS", OPEN))
        assert circuit.shared.failures == 0

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_thread_that_could_not_begin_is_begun_again(self, redis_server, monkeypatch):
        circuit = Circuit(redis_server.url)
        connect = circuit.shared._connect
        circuit.shared._connect = int.__truediv__  # raises
        circuit.runs()
        redis_server.until(lambda: not carriers())
        circuit.shared._connect = connect
        other = CircuitBreaker("other", shared=circuit.shared)
        other.call(int)
        circuit.fail()
        redis_server.until(lambda: redis_server.ask("EXISTS", OPEN))


class TestSettings:
    @pytest.mark.parametrize("setting", [{"interval": 0}, {"timeout": -1.0}, {"interval": float("nan")}, {"clock": 7}])
    def test_a_setting_that_is_none_is_refused_by_its_name(self, setting):
        with pytest.raises(ValueError, match=next(iter(setting))):
            RedisCircuitState("redis://localhost", **setting)

    def test_an_address_that_is_none_is_refused_without_what_opens_it(self):
        with pytest.raises(ValueError, match=r"url is 'http://host/'") as caught:
            RedisCircuitState("http://user:secret@host/")
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("url", [None, 7, "", "localhost"])
    def test_an_address_that_is_no_address_is_refused(self, url):
        with pytest.raises(ValueError, match="url is"):
            RedisCircuitState(url)

    def test_no_secret_is_shown(self):
        assert repr(RedisCircuitState("redis://user:secret@host/1")) == "RedisCircuitState('redis://host/1')"


class TestRedisGone:
    @pytest.mark.parametrize("end", ["kill", "freeze"])
    def test_the_local_view_rules(self, own_redis_server, end):
        news_clock = ScriptedClock(0.0)
        circuit = Circuit(own_redis_server.url, timeout=0.05, news_clock=news_clock)
        assert circuit.runs()
        rounds(own_redis_server, 3)
        getattr(own_redis_server, end)()
        before = circuit.shared.failures
        own_redis_server.until(lambda: circuit.shared.failures > before)
        circuit.fail()
        assert circuit.breaker.state == "open"
        circuit.clock.advance(30)
        assert circuit.breaker.state == "open"  # others may have the lease
        news_clock.advance(INTERVAL + 3 * 0.05)
        assert circuit.breaker.state == "half_open"
        assert circuit.runs()
        assert circuit.breaker.state == "closed"
        own_redis_server.thaw()

    def test_it_comes_back_and_hears_what_it_missed(self, own_redis_server):
        one = Circuit(own_redis_server.tcp, timeout=0.5)
        assert one.runs()
        rounds(own_redis_server, 3)
        own_redis_server.kill()
        one.fail()
        before = one.shared.failures
        own_redis_server.until(lambda: one.shared.failures > before + 1)
        own_redis_server.start()
        other = Circuit(own_redis_server.tcp)
        assert other.runs()
        own_redis_server.until(lambda: other.breaker.state == "open")

    def test_a_redis_that_was_never_there(self, tmp_path):
        circuit = Circuit(f"unix://{tmp_path}/nobody", news_clock=(news_clock := ScriptedClock()))
        circuit.fail()
        circuit.clock.advance(30)
        assert not circuit.runs()
        news_clock.advance(INTERVAL + 3 * TIMEOUT)
        assert circuit.runs()
        assert circuit.breaker.state == "closed"


def carriers():
    return [thread for thread in threading.enumerate() if thread.name == "postopt-circuits"]
