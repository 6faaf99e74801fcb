"""Batches: when they are sent, what is in them, and what becomes of everybody."""

from __future__ import annotations

import asyncio
import contextvars
import math

import pytest

from postopt.errors import CutOffError, MalformedAnswerError, OverloadedError, ShedError
from postopt.scheduling.batching import MicroBatcher


class Doubling:
    """Doubles numbers, when it may; keeps the batches."""

    def __init__(self, *, bad=(), held=False):
        self.batches = []
        self.bad = set(bad)
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()

    async def __call__(self, items):
        self.batches.append(list(items))
        await self.gate.wait()
        if found := self.bad & set(items):
            raise ValueError(f"bad: {sorted(found)}")
        return [2 * item for item in items]


async def doubled(items):
    return [2 * item for item in items]


def submitting(batcher, items, **how):
    return [asyncio.ensure_future(batcher.submit(item, **how)) for item in items]


async def outcomes(tasks):
    return await asyncio.gather(*tasks, return_exceptions=True)


class TestSending:
    def test_at_once_while_idle_and_together_while_busy(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=3)
            tasks = submitting(batcher, [1])
            await passes()
            tasks += submitting(batcher, range(2, 7))
            await passes()
            assert run.batches == [[1]]
            assert (batcher.report().waiting, batcher.report().running) == (5, 1)
            run.gate.set()
            assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 12]
            return run.batches

        assert asyncio.run(main()) == [[1], [2, 3, 4], [5, 6]]

    def test_what_comes_in_one_pass_goes_together(self):
        async def main():
            run = Doubling()
            await asyncio.gather(*submitting(MicroBatcher(run, max_size=10), range(4)))
            return run.batches

        assert asyncio.run(main()) == [[0, 1, 2, 3]]

    def test_several_batches_at_once(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=2, concurrency=2)
            tasks = submitting(batcher, range(6))
            await passes()
            assert run.batches == [[0, 1], [2, 3]]
            run.gate.set()
            await asyncio.gather(*tasks)
            return run.batches

        assert asyncio.run(main()) == [[0, 1], [2, 3], [4, 5]]

    def test_lanes_share_the_places(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=4, weights=(3, 1, 1, 1, 1, 1, 1, 1))
            tasks = submitting(batcher, [0])
            await passes()
            tasks += submitting(batcher, range(100, 108), priority=7) + submitting(batcher, range(1, 8), priority=0)
            await passes()
            run.gate.set()
            await asyncio.gather(*tasks)
            return run.batches

        assert asyncio.run(main()) == [[0], [1, 2, 3, 100], [4, 5, 6, 101], [7, 102, 103, 104], [105, 106, 107]]

    def test_tokens_bound_a_batch(self):
        async def main():
            run = Doubling()
            batcher = MicroBatcher(run, max_size=10, max_tokens=5, tokens_of=abs)
            tasks = submitting(batcher, [3, 2, 1, 5, 0, 4])
            with pytest.raises(ValueError, match=r"tokens_of\(item\) is 6; a whole number from 0 to 5 is needed"):
                await batcher.submit(6)
            await asyncio.gather(*tasks)
            return run.batches

        assert asyncio.run(main()) == [[3, 2], [1], [5, 0], [4]]

    def test_no_variable_of_a_caller_reaches_the_run(self):
        variable = contextvars.ContextVar("variable", default="made")

        async def run(items):
            return [variable.get() for _ in items]

        async def main():
            batcher = MicroBatcher(run, max_size=2)
            variable.set("called")
            return await batcher.submit(1)

        assert asyncio.run(main()) == "made"

    def test_in_one_event_loop_after_another(self):
        batcher = MicroBatcher(doubled, max_size=2)
        assert [asyncio.run(batcher.submit(number)) for number in range(3)] == [0, 2, 4]


class TestFailing:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
    def test_one_bad_item_fails_alone(self, size):
        async def main(bad):
            run = Doubling(bad=[bad])
            results = await outcomes(submitting(MicroBatcher(run, max_size=size), range(size)))
            assert [number for number, result in enumerate(results) if isinstance(result, ValueError)] == [bad]
            assert [result for result in results if not isinstance(result, ValueError)] == [
                2 * number for number in range(size) if number != bad
            ]
            return len(run.batches) - 1

        extra = [asyncio.run(main(bad)) for bad in range(size)]
        assert max(extra) <= 2 * math.ceil(math.log2(size))
        assert min(extra) <= math.ceil(math.log2(size)) + 1

    def test_if_all_fail_it_is_given_up_after_thirty_calls(self):
        async def main():
            run = Doubling(bad=range(1024))
            batcher = MicroBatcher(run, max_size=1024)
            results = await outcomes(submitting(batcher, range(1024)))
            assert all(isinstance(result, ValueError) for result in results)
            assert (batcher.report().failed, batcher.report().resent) == (1, 30)
            return len(run.batches)

        assert asyncio.run(main()) == 31

    def test_neighbours_in_a_row_that_are_all_bad_take_nobody_with_them(self):
        async def main():
            run = Doubling(bad=range(20, 100))
            results = await outcomes(submitting(MicroBatcher(run, max_size=128), range(128)))
            return [number for number, result in enumerate(results) if isinstance(result, Exception)]

        assert asyncio.run(main()) == list(range(20, 100))

    def test_a_provider_that_is_overloaded_is_not_asked_again_about_each(self):
        async def run(items):
            batches.append(items)
            raise OverloadedError("busy")

        async def main():
            return await outcomes(submitting(MicroBatcher(run, max_size=64), range(64)))

        batches = []
        assert {type(result) for result in asyncio.run(main())} == {OverloadedError}
        assert len(batches) == 1

    def test_one_that_is_overloaded_by_a_part_fails_that_part(self):
        async def run(items):
            if len(items) == 4:
                raise ValueError
            if 0 in items:
                raise OverloadedError("busy")
            return items

        async def main():
            return await outcomes(submitting(MicroBatcher(run, max_size=4), range(4)))

        results = asyncio.run(main())
        assert [type(result) for result in results] == [OverloadedError, OverloadedError, int, int]

    def test_an_error_among_the_results_fails_its_item(self):
        async def run(items):
            return [ValueError("odd") if item % 2 else item for item in items]

        async def main():
            return await outcomes(submitting(MicroBatcher(run, max_size=4), range(4)))

        assert [type(result) for result in asyncio.run(main())] == [int, ValueError, int, ValueError]

    @pytest.mark.parametrize("inner", [asyncio.CancelledError(), KeyboardInterrupt(), StopIteration(1)])
    def test_what_is_no_error_of_the_caller_arrives_as_one_of_ours(self, inner):
        async def run(items):
            return [inner for _ in items]

        async def main():
            with pytest.raises(CutOffError, match=type(inner).__name__) as caught:
                await MicroBatcher(run, max_size=4).submit(1)
            return caught.value.__cause__

        assert asyncio.run(main()) is inner

    @pytest.mark.parametrize("results", [[], [1], [1, 2, 3], None, "ab", {1: 2, 3: 4}, iter([1, 2])])
    def test_anything_but_a_result_an_item_fails_all(self, results):
        async def run(items):
            return results

        async def main():
            return await outcomes(submitting(MicroBatcher(run, max_size=4), range(2)))

        errors = asyncio.run(main())
        assert [type(error) for error in errors] == [MalformedAnswerError] * 2
        assert "run() gave" in str(errors[0])

    def test_a_run_that_is_no_coroutine_function_fails_all(self):
        async def main():
            return await outcomes(submitting(MicroBatcher(lambda items: items, max_size=4), range(2)))

        assert [type(error) for error in asyncio.run(main())] == [TypeError] * 2

    @pytest.mark.parametrize("crash", [asyncio.CancelledError, type("Crash", (BaseException,), {})])
    def test_a_crash_fails_the_item_that_causes_it(self, crash):
        async def run(items):
            if 0 in items:
                raise crash
            return items

        async def main():
            return await outcomes(submitting(MicroBatcher(run, max_size=2), range(4)))

        assert [type(result) for result in asyncio.run(main())] == [CutOffError, int, int, int]

    def test_an_interrupt_ends_the_loop_and_leaves_nobody_waiting(self):
        results = []

        async def run(items):
            raise KeyboardInterrupt

        async def main():
            batcher = MicroBatcher(run, max_size=1)
            results.extend(submitting(batcher, range(3)))
            await asyncio.wait(results)

        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
        assert all(task.done() for task in results)


class TestDeadlines:
    def test_who_waits_too_long_is_refused_meanwhile(self, in_virtual_time, passes):
        async def main(loop):
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=2, clock=loop.time)
            first = submitting(batcher, [1])
            await passes()
            with pytest.raises(ShedError, match="cannot make the deadline"):
                await batcher.submit(2, deadline=3.0)
            assert loop.time() == 3.0
            run.gate.set()
            await asyncio.gather(*first)
            await batcher.aclose()
            return run.batches, batcher.report().shed

        assert in_virtual_time(main) == ([[1]], {"deadline": 1})

    def test_a_batch_is_no_larger_than_its_tightest_deadline_allows(self, in_virtual_time):
        async def main(loop):
            sizes = []

            async def run(items):
                sizes.append(len(items))
                await loop.let_pass(1.0 + 0.5 * len(items))
                return items

            batcher = MicroBatcher(run, max_size=16, clock=loop.time)
            await batcher.submit(0)
            await asyncio.gather(*submitting(batcher, range(4)))
            await asyncio.gather(*submitting(batcher, range(16), deadline=10.0))
            await asyncio.gather(*submitting(batcher, [0], deadline=3.1), *submitting(batcher, range(7), deadline=9.9))
            return sizes

        # 0.5 n + 1 within 10 s is 16, within 3.1 s is 4; the rest then has 6.9 s left.
        assert in_virtual_time(main) == [1, 4, 16, 4, 4]

    def test_who_would_be_late_even_alone_is_refused_only_while_busy(self, in_virtual_time, passes):
        async def main(loop):
            async def run(items):
                await loop.let_pass(5.0)
                return items

            batcher = MicroBatcher(run, max_size=4, clock=loop.time)
            await batcher.submit(0)
            assert await batcher.submit(1, deadline=1.0) == 1  # idle: sent, though estimated to take 5 s
            first = submitting(batcher, [2])
            await passes()
            with pytest.raises(ShedError, match=r"estimated 5\.000 s of 2\.000 s"):
                await batcher.submit(3, deadline=7.0)
            await asyncio.gather(*first)
            return batcher.report().shed

        assert in_virtual_time(main) == {"deadline": 1}

    def test_no_time_left_is_refused_at_once(self):
        async def main():
            with pytest.raises(ShedError, match="no time is left"):
                await MicroBatcher(Doubling(), max_size=1).submit(1, deadline=0)

        asyncio.run(main())


class TestRoom:
    def test_a_full_batcher_refuses_and_those_who_left_make_room(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=1, max_waiting=2)
            tasks = submitting(batcher, [0])
            await passes()
            tasks += submitting(batcher, [1, 2])
            await passes()
            with pytest.raises(ShedError, match="the batcher is full: 2 items wait"):
                await batcher.submit(3)
            tasks.pop().cancel()
            await passes()
            tasks += submitting(batcher, [4])
            await passes()
            run.gate.set()
            assert await asyncio.gather(*tasks) == [0, 2, 8]
            return run.batches

        assert asyncio.run(main()) == [[0], [1], [4]]


class TestCancelling:
    def test_a_waiter_takes_its_item_along(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=4)
            tasks = submitting(batcher, [0])
            await passes()
            tasks += submitting(batcher, range(1, 4)) + submitting(batcher, [4], priority=1)
            await passes()
            for index in (2, 4):
                tasks[index].cancel()
            await passes()
            run.gate.set()
            await outcomes(tasks)
            return run.batches

        assert asyncio.run(main()) == [[0], [1, 3]]

    def test_one_of_a_batch_changes_nothing_for_the_others_and_the_last_cancels_the_run(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=2)
            tasks = submitting(batcher, range(4))
            await passes()
            tasks[0].cancel()
            await passes()
            assert run.batches == [[0, 1]]
            tasks[1].cancel()
            await passes()
            assert run.batches == [[0, 1], [2, 3]]
            run.gate.set()
            return await outcomes(tasks)

        results = asyncio.run(main())
        assert [type(result) for result in results] == [asyncio.CancelledError] * 2 + [int] * 2

    def test_who_left_is_not_sent_again_when_the_batch_is_divided(self, passes):
        async def main():
            run = Doubling(held=True, bad=[0])
            batcher = MicroBatcher(run, max_size=4)
            tasks = submitting(batcher, range(4))
            await passes()
            tasks[2].cancel()
            tasks[3].cancel()
            await passes()
            run.gate.set()
            await outcomes(tasks)
            return run.batches

        assert asyncio.run(main()) == [[0, 1, 2, 3], [0, 1], [0], [1]]


class TestClosing:
    def test_answers_all_that_was_submitted(self, passes):
        async def main():
            run = Doubling(held=True)
            batcher = MicroBatcher(run, max_size=2)
            tasks = submitting(batcher, range(5))
            await passes()
            closing = asyncio.ensure_future(batcher.aclose())
            await passes()
            with pytest.raises(ShedError, match="the batcher is closed"):
                await batcher.submit(9)
            assert not closing.done()
            run.gate.set()
            await closing
            await batcher.aclose()
            return await asyncio.gather(*tasks)

        assert asyncio.run(main()) == [0, 2, 4, 6, 8]

    def test_cancelled_it_refuses_the_rest_and_cancels_what_runs(self, passes):
        async def main():
            batcher = MicroBatcher(Doubling(held=True), max_size=2)
            tasks = submitting(batcher, range(5))
            await passes()
            closing = asyncio.ensure_future(batcher.aclose())
            await passes()
            closing.cancel()
            return await outcomes(tasks), batcher.report()

        results, report = asyncio.run(main())
        assert [type(result) for result in results] == [ShedError] * 5
        assert (report.waiting, report.running) == (0, 0)

    def test_from_its_own_run_is_refused(self):
        async def main():
            async def run(items):
                await batcher.aclose()

            batcher = MicroBatcher(run, max_size=1)
            with pytest.raises(RuntimeError, match="would wait for itself"):
                await batcher.submit(1)

        asyncio.run(main())

    def test_a_loop_that_ends_leaves_nobody_waiting(self, passes):
        tasks = []

        async def main():
            batcher = MicroBatcher(Doubling(held=True), max_size=1)
            tasks.extend(submitting(batcher, range(3)))
            await passes()
            return batcher

        batcher = asyncio.run(main())
        assert all(task.cancelled() for task in tasks)
        batcher._run = Doubling()
        assert asyncio.run(batcher.submit(4)) == 8

    @pytest.mark.parametrize(("begun", "first"), [(True, CutOffError), (False, ShedError)])
    def test_a_task_of_it_that_is_cancelled_by_others_fails_those_who_wait(self, passes, begun, first):
        async def main():
            batcher = MicroBatcher(Doubling(held=True), max_size=1)
            mine = asyncio.current_task()
            tasks = submitting(batcher, range(3))
            await (passes() if begun else asyncio.sleep(0))
            for task in asyncio.all_tasks() - {mine, *tasks}:
                task.cancel()
            return await outcomes(tasks)

        assert [type(result) for result in asyncio.run(main())] == [first, ShedError, ShedError]

    def test_at_work_in_another_loop_it_refuses_and_once_that_is_closed_it_goes_on(self, passes):
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # it says that tasks were destroyed
        batcher = MicroBatcher(Doubling(held=True), max_size=1)
        tasks = [loop.create_task(batcher.submit(number)) for number in range(2)]
        loop.run_until_complete(passes())
        with pytest.raises(RuntimeError, match="at work in another event loop"):
            asyncio.run(batcher.submit(1))
        loop.close()
        batcher._run = Doubling()
        assert asyncio.run(batcher.submit(4)) == 8
        del tasks


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("max_size", [0, -1, 1.5, True, None]),
        ("max_tokens", [0, -1, 1.5, True]),
        ("concurrency", [0, None]),
        ("max_waiting", [0, math.inf]),
        ("weights", [(1,)]),
    ],
)
def test_arguments_that_cannot_be_are_refused(argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{argument} is"):
            MicroBatcher(Doubling(), **{"max_size": 1, "tokens_of": len, argument: value})


def test_a_bound_of_tokens_needs_a_way_to_count_them():
    with pytest.raises(ValueError, match="tokens_of is None"):
        MicroBatcher(Doubling(), max_size=1, max_tokens=5)


@pytest.mark.parametrize("how", [{"priority": 8}, {"priority": -1}, {"deadline": math.nan}, {"deadline": "soon"}])
def test_an_item_that_cannot_be_submitted_is_refused(how):
    batcher = MicroBatcher(Doubling(), max_size=1)
    with pytest.raises(ValueError, match=f"{next(iter(how))} is"):
        asyncio.run(batcher.submit(1, **how))
    assert batcher.report().waiting == 0


def test_what_a_failed_batch_cost_is_shared_by_those_who_wait_for_it():
    async def main():
        async def run(items):
            error = OverloadedError("down", provider="p", cost_usd=0.5, hint="wait")
            error.unsettled_usd = 0.25
            raise error from KeyError("cause")

        return await asyncio.gather(*submitting(MicroBatcher(run, max_size=10), range(10)), return_exceptions=True)

    errors = asyncio.run(main())
    assert len({id(error) for error in errors}) == 10
    assert sum(error.cost_usd for error in errors) == pytest.approx(0.5)
    assert sum(error.unsettled_usd for error in errors) == pytest.approx(0.25)
    assert {(str(error), error.provider, error.hint, str(error.__cause__)) for error in errors} == {
        ("down", "p", "wait", "'cause'")
    }
    assert all(error.__notes__ == ["wait"] for error in errors)
