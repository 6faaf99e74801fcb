"""Asking again and again who is there, in virtual time."""

import asyncio
import socket

import pytest

from postopt.errors import CallRejectedError
from postopt.resilience.balancer import Balancer
from postopt.resilience.discovery import DNS, Address, Polled, Static
from postopt.testing.loop import run_scripted


class Answers:
    """Gives one scripted answer a question: a list, an error to raise, or a future to wait for; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.questions = 0

    async def __call__(self, *arguments, **options):
        self.questions += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def pass_time(seconds):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(seconds, future.set_result, None)
    await future


class TestStatic:
    def test_it_never_changes(self):
        found = Static(["a", "b"])
        assert found.replicas == ("a", "b")
        assert found.replicas is found.replicas
        assert repr(found) == "Static(2 replicas)"

    def test_it_holds_at_least_one(self):
        with pytest.raises(ValueError, match="replicas is empty"):
            Static([])


class TestPolled:
    def test_entering_asks_and_then_time_does(self):
        async def main():
            answers = Answers(["a"], ["a", "b"], ["c"])
            found = Polled(answers, every_seconds=10.0)
            assert (found.replicas, answers.questions) == ((), 0)
            async with found:
                assert found.replicas == ("a",)
                await pass_time(10.5)
                assert found.replicas == ("a", "b")
                await pass_time(10.0)
                assert found.replicas == ("c",)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert found.replicas == ("c",)
            await pass_time(100.0)
            assert answers.questions == 3

        run_scripted(main())

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [([], "no replica"), (OSError("down"), "OSError"), (KeyError("bug"), "KeyError"), (None, "TypeError"),
         ([["unhashable"]], "TypeError"), (asyncio.CancelledError(), "CancelledError")],
    )  # fmt: skip
    def test_no_good_answer_keeps_the_last_one_and_counts(self, answer, reason):
        async def main():
            async with Polled(Answers(["a"], answer, answer, ["b"]), every_seconds=1.0) as found:
                await pass_time(2.5)
                assert found.replicas == ("a",)
                assert (found.failures, found.last_error) == (2, reason)
                await pass_time(1.0)
                assert found.replicas == ("b",)
                assert (found.failures, found.last_error) == (2, "")

        run_scripted(main())

    def test_a_first_question_without_an_answer_does_not_fail(self):
        async def main():
            async with Polled(Answers(OSError("down"), ["a"]), every_seconds=1.0) as found:
                balancer = Balancer(found)
                with pytest.raises(CallRejectedError):
                    balancer.pick()
                await pass_time(1.5)
                assert balancer.pick().name == "a"

        run_scripted(main())

    def test_the_same_answer_in_another_order_is_no_change(self):
        async def main():
            async with Polled(Answers(["a", "b"], ["b", "a", "b"]), every_seconds=1.0) as found:
                before = found.replicas
                assert await found.refresh()
                assert found.replicas is before

        run_scripted(main())

    def test_a_question_that_hangs_counts_and_none_is_asked_beside_it(self):
        async def main():
            held = asyncio.get_running_loop().create_future()
            answers = Answers(["a"], held, ["c"])
            async with Polled(answers, every_seconds=10.0, timeout=5.0) as found:
                await pass_time(100.0)
                assert (found.failures, found.last_error) == (6, "TimeoutError")
                assert answers.questions == 2
                held.set_result(["b"])
                await pass_time(5.1)
                assert found.replicas == ("b",)
                await pass_time(10.1)
                assert found.replicas == ("c",)

        run_scripted(main())

    def test_closing_ends_a_question_that_hangs(self):
        async def main():
            answers = Answers(["a"], asyncio.get_running_loop().create_future())
            found = Polled(answers, every_seconds=1.0, timeout=5.0)
            async with found:
                await pass_time(3.0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            await found.aclose()

        run_scripted(main())

    def test_cancelling_a_refresh_leaves_the_question_for_the_next(self):
        async def main():
            held = asyncio.get_running_loop().create_future()
            answers = Answers(held)
            found = Polled(answers)
            task = asyncio.ensure_future(found.refresh())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            held.set_result(["a"])
            assert await found.refresh()
            assert (found.replicas, answers.questions) == (("a",), 1)

        run_scripted(main())

    def test_two_refreshes_at_once_share_a_question(self):
        async def main():
            held = asyncio.get_running_loop().create_future()
            answers = Answers(held)
            found = Polled(answers)
            both = asyncio.gather(found.refresh(), found.refresh())
            await asyncio.sleep(0)
            held.set_result(["a"])
            assert await both == [True, True]
            assert answers.questions == 1

        run_scripted(main())

    def test_it_can_be_opened_again(self):
        async def main():
            answers = Answers(["a"], ["b"])
            found = Polled(answers)
            async with found, found:
                assert answers.questions == 1
            async with found:
                assert found.replicas == ("b",)

        run_scripted(main())

    def test_a_cancelled_opening_leaves_nothing_behind(self):
        async def main():
            found = Polled(Answers(asyncio.get_running_loop().create_future()))
            task = asyncio.ensure_future(found.__aenter__())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run_scripted(main())

    def test_calls_survive_every_change(self):
        """New addresses each second for a minute while calls of three seconds are under way: none is lost."""

        async def main():
            turn = iter(range(100, 1000))

            async def find():
                number = next(turn)
                return [f"r{number}", f"r{number + 1}"]

            closed = []

            async def call(replica):
                assert replica not in closed
                await pass_time(3.0)
                assert replica not in closed
                return replica

            async with Polled(find, every_seconds=1.0) as found:
                balancer = Balancer(found, drained=closed.append, seed=1)
                calls = []
                for _ in range(600):
                    calls.append(asyncio.ensure_future(balancer.acall(call)))
                    await pass_time(0.1)
                answers = await asyncio.gather(*calls)
                assert len(set(answers)) >= 58
                balancer.pick().end()
                assert len(closed) >= 58
                assert len(balancer.states) == 2

        run_scripted(main())

    @pytest.mark.parametrize("name", ["every_seconds", "timeout"])
    @pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), None, "1"])
    def test_times_are_more_than_zero(self, name, value):
        with pytest.raises(ValueError, match=name):
            Polled(Answers([]), **{name: value})

    def test_who_is_asked_can_be_called(self):
        with pytest.raises(ValueError, match="find"):
            Polled(["a"])


def row(host, port=8000):
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))


class TestDNS:
    def test_every_address_of_the_name_is_a_replica(self):
        async def main():
            answers = Answers([row("10.0.0.1"), row("10.0.0.2"), row("10.0.0.1")], socket.gaierror("no such host"),
                              [row("10.0.0.2"), row("10.0.0.3")])  # fmt: skip
            async with DNS("models.test", 8000, every_seconds=5.0, resolve=answers) as found:
                balancer = Balancer(found, seed=1)
                assert [str(address) for address in found.replicas] == ["10.0.0.1:8000", "10.0.0.2:8000"]
                for _ in range(20):
                    balancer.pick()
                await pass_time(6.0)
                assert (len(found.replicas), found.failures, found.last_error) == (2, 1, "gaierror")
                await pass_time(5.0)
                assert {balancer.pick().name for _ in range(3)} >= {"10.0.0.3:8000"}
                kept = next(state for state in balancer.states if state.name == "10.0.0.2:8000")
                assert kept.calls >= 10

        run_scripted(main())

    def test_it_asks_for_the_name_and_the_port(self):
        asked = []

        async def resolve(host, port, **options):
            asked.append((host, port, options))
            return [row("10.0.0.1")]

        run_scripted(DNS("models.test", 8000, resolve=resolve).refresh())
        assert asked == [("models.test", 8000, {"type": socket.SOCK_STREAM})]

    def test_the_system_knows_localhost(self):
        async def main():
            async with DNS("localhost", 8000) as found:
                return found.replicas

        assert Address("127.0.0.1", 8000) in asyncio.run(main()) or Address("::1", 8000) in asyncio.run(main())

    def test_addresses_are_named_as_in_urls(self):
        assert Address("10.0.0.1", 80).name == "10.0.0.1:80"
        assert Address("::1", 80).name == str(Address("::1", 80)) == "[::1]:80"

    @pytest.mark.parametrize(("host", "port"), [("", 80), (None, 80), ("a", 0), ("a", 65536), ("a", "80"), ("a", True)])
    def test_host_and_port_are_checked(self, host, port):
        with pytest.raises(ValueError, match=r"host|port"):
            DNS(host, port)

    def test_its_repr_says_of_whom(self):
        assert repr(DNS("models.test", 8000)) == "DNS('models.test', 8000)"
