"""What every ledger promises, and what each of them promises beyond that."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections import Counter
from contextlib import closing

import hypothesis.strategies as st
import pytest
from hypothesis import given

from postopt.errors import LedgerError
from postopt.resilience.deadline import within
from postopt.resilience.ledger import MOST, Limits, MemoryLedger, Sums
from postopt.resilience.sqlite import SQLiteLedger

NONE = Limits()


class TestEveryLedger:
    def test_is_empty_at_first(self, run, make_ledger):
        assert run(make_ledger().sums(0)) == Sums()

    def test_holds_and_settles_on_the_day_of_the_reservation(self, run, make_ledger):
        async def main():
            ledger = make_ledger()
            early = await ledger.reserve(7, 100, NONE)
            late = await ledger.reserve(8, 10, NONE)
            assert early != late
            assert await ledger.sums(8) == Sums(day_held=10, total_held=110)
            await ledger.settle(early, 60)
            assert await ledger.sums(7) == Sums(day_spent=60, total_spent=60, total_held=10)
            await ledger.settle(late, 25)
            assert await ledger.sums(8) == Sums(day_spent=25, total_spent=85)

        run(main())

    @pytest.mark.parametrize("limits", [Limits(day=100), Limits(total=100), Limits(day=100, total=100)])
    def test_admits_up_to_the_limit_and_not_one_more(self, run, make_ledger, limits):
        async def main():
            ledger = make_ledger()
            number = await ledger.reserve(3, 60, limits)
            assert isinstance(number, int)
            assert await ledger.reserve(3, 41, limits) == Sums(day_held=60, total_held=60)
            assert isinstance(await ledger.reserve(3, 40, limits), int)
            assert await ledger.reserve(3, 1, limits) == Sums(day_held=100, total_held=100)
            assert isinstance(await ledger.reserve(3, 0, limits), int)
            await ledger.settle(number, 50)
            assert isinstance(await ledger.reserve(3, 10, limits), int)

        run(main())

    def test_limits_of_a_day_and_of_all_days_are_apart(self, run, make_ledger):
        async def main():
            ledger, limits = make_ledger(), Limits(day=60, total=100)
            assert isinstance(await ledger.reserve(1, 60, limits), int)
            assert isinstance(await ledger.reserve(2, 41, limits), Sums)
            assert isinstance(await ledger.reserve(2, 40, limits), int)

        run(main())

    def test_settles_once(self, run, make_ledger):
        async def main():
            ledger = make_ledger()
            number = await ledger.reserve(1, 10, NONE)
            for spent in (4, 4, 9):
                await ledger.settle(number, spent)
            await ledger.settle(number + 10**9, 5)  # nobody's
            assert await ledger.sums(1) == Sums(day_spent=4, total_spent=4)

        run(main())

    def test_counts_the_largest_amounts_exactly(self, run, make_ledger):
        async def main():
            ledger, limits = make_ledger(), Limits(total=MOST)
            number = await ledger.reserve(1, MOST - 1, limits)
            assert await ledger.reserve(1, 2, limits) == Sums(day_held=MOST - 1, total_held=MOST - 1)
            await ledger.settle(number, MOST - 1)
            assert isinstance(await ledger.reserve(1, 1, limits), int)
            assert isinstance(await ledger.reserve(1, 1, limits), Sums)
            for _ in range(3):
                await ledger.settle(await ledger.reserve(2, 0, NONE), MOST)
            assert (await ledger.sums(2)).total_spent == 4 * MOST - 1

        run(main())

    def test_takes_days_before_1970(self, run, make_ledger):
        async def main():
            ledger = make_ledger()
            await ledger.settle(await ledger.reserve(-5, 10, Limits(day=10)), 7)
            assert await ledger.sums(-5) == Sums(day_spent=7, total_spent=7)

        run(main())

    def test_is_the_same_for_all_that_open_it(self, run, make_ledger):
        async def main():
            number = await make_ledger().reserve(1, 10, NONE)
            await make_ledger().settle(number, 6)
            assert await make_ledger().sums(1) == Sums(day_spent=6, total_spent=6)

        run(main())
        assert run(make_ledger().sums(1)).day_spent == 6

    def test_serves_many_tasks_at_once(self, run, make_ledger):
        async def main():
            ledger, limits = make_ledger(), Limits(total=100)
            answers = await asyncio.gather(*(ledger.reserve(1, 1, limits) for _ in range(300)))
            numbers = {answer for answer in answers if isinstance(answer, int)}
            assert len(numbers) == 100
            await asyncio.gather(*(ledger.settle(number, 0) for number in numbers))
            assert await ledger.sums(1) == Sums()

        run(main())


@pytest.fixture
def open_sqlite(opened):
    def open_sqlite(*arguments, **settings):
        opened.append(SQLiteLedger(*arguments, **settings))
        return opened[-1]

    return open_sqlite


class TestTime:
    def test_of_a_call_includes_the_wait_for_others_of_its_process(self, run, tmp_path):
        with closing(SQLiteLedger(tmp_path / "money.db", seconds=0.05)) as ledger:
            with ledger.lock, pytest.raises(LedgerError, match=r"busy for 0\.05 s"):
                run(ledger.sums(0))
            assert run(ledger.sums(0)) == Sums()

    def test_that_is_over_before_a_thread_is_free_refuses(self, run, tmp_path):
        ticks = iter([0.0, 5.0])
        ledger = SQLiteLedger(tmp_path / "money.db", seconds=5, clock=lambda: next(ticks))
        with closing(ledger), pytest.raises(LedgerError, match="busy for 5 s"):
            run(ledger.sums(0))

    def test_of_callers_is_no_matter_to_what_they_settle(self, run, place):
        url = place("redis")

        async def main():
            from postopt.resilience.remote.ledger import RedisLedger

            ledger = RedisLedger(url)
            held = [await ledger.reserve(1, 10, NONE) for _ in range(60)]
            with within(0.0):
                await asyncio.gather(*(ledger.settle(number, 4) for number in held))
            assert await ledger.sums(1) == Sums(day_spent=240, total_spent=240)
            await ledger.aclose()

        run(main())


class TestMemoryLedger:
    @given(
        steps=st.lists(
            st.tuples(st.sampled_from(["reserve", "settle"]), st.integers(0, 3), st.integers(0, 40)), max_size=40
        ),
        limits=st.builds(Limits, day=st.none() | st.integers(0, 60), total=st.none() | st.integers(0, 100)),
    )
    def test_agrees_with_a_list_of_all_that_happened(self, steps, limits):
        ledger, open_, spent = MemoryLedger(), {}, []
        for step, day, amount in steps:
            if step == "settle":
                if open_:
                    number = min(open_)
                    held_on, held = open_.pop(number)
                    used = min(held, amount)
                    ledger.settle_now(number, used)
                    spent.append((held_on, used))
                continue
            answer = ledger.reserve_now(day, amount, limits)
            if isinstance(answer, int):
                open_[answer] = day, amount
            all_ = [*open_.values(), *spent]
            total, today = sum(x for _, x in all_), sum(x for on, x in all_ if on == day)
            assert limits.total is None or total <= limits.total
            assert limits.day is None or today <= limits.day
            if not isinstance(answer, int):
                assert (limits.total is not None and total + amount > limits.total) or (
                    limits.day is not None and today + amount > limits.day
                )
        for day in range(4):
            held = [amount for on, amount in open_.values()]
            assert ledger.sums_now(day) == Sums(
                day_spent=sum(used for on, used in spent if on == day),
                day_held=sum(amount for on, amount in open_.values() if on == day),
                total_spent=sum(used for _, used in spent),
                total_held=sum(held),
            )

    def test_forgets_days_but_not_what_was_spent_on_them(self):
        ledger = MemoryLedger()
        lost = ledger.reserve_now(0, 5, NONE)
        ledger.settle_now(ledger.reserve_now(0, 10, NONE), 7)
        for day in range(1, 1000):
            ledger.settle_now(ledger.reserve_now(day, 1, NONE), 1)
        assert len(ledger._days) <= 400
        ledger.settle_now(lost, 3)
        assert ledger.sums_now(0) == Sums(day_spent=3 + 7 + 599, total_spent=3 + 7 + 999)
        assert ledger.sums_now(700) == Sums(day_spent=1, total_spent=3 + 7 + 999)
        assert len(ledger._held) == 0

    @given(days=st.lists(st.integers(0, 10), max_size=60), known=st.integers(395, 405))
    def test_no_clock_that_jumps_lets_a_day_pass_its_limit(self, days, known):
        ledger, limits, spent = MemoryLedger(), Limits(day=2), Counter()
        for day in [*range(5, 5 + known), *days]:
            number = ledger.reserve_now(day, 1, limits)
            if isinstance(number, int):
                ledger.settle_now(number, 1)
                spent[day] += 1
        assert max(spent.values()) <= 2
        assert ledger.sums_now(0).total_spent == spent.total()

    def test_is_exact_in_threads(self):
        ledger, limits, numbers = MemoryLedger(), Limits(day=5000), []

        def work():
            for _ in range(1000):
                answer = ledger.reserve_now(1, 1, limits)
                if isinstance(answer, int):
                    numbers.append(answer)
                    ledger.settle_now(answer, 1)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(numbers)) == 5000
        assert ledger.sums_now(1) == Sums(day_spent=5000, total_spent=5000)


class TestSQLiteLedger:
    def test_the_file_is_private(self, run, open_sqlite, tmp_path):
        path = tmp_path / "new" / "money.db"
        run(open_sqlite(path).sums(0))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_one_file_holds_several_budgets(self, run, open_sqlite, tmp_path):
        path = tmp_path / "money.db"
        ads, posts = open_sqlite(path, budget="ads"), open_sqlite(path, budget="posts")

        async def main():
            number = await ads.reserve(1, 10, Limits(total=10))
            assert isinstance(await posts.reserve(1, 10, Limits(total=10)), int)
            await posts.settle(number, 3)  # not one of its own
            assert await ads.sums(1) == Sums(day_held=10, total_held=10)

        run(main())

    @pytest.mark.parametrize(
        "content", [b"", b"no database at all" * 100, b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 8000]
    )
    def test_a_damaged_file_refuses_and_is_left_alone(self, run, open_sqlite, tmp_path, content):
        path = tmp_path / "money.db"
        path.write_bytes(content)
        ledger = open_sqlite(path)
        for _ in range(2):
            with pytest.raises(LedgerError, match=r"money\.db cannot be used"):
                run(ledger.reserve(1, 1, NONE))
        assert path.read_bytes() == content

    def test_a_file_of_a_later_version_is_refused(self, run, open_sqlite, tmp_path):
        path = tmp_path / "money.db"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 2")
        connection.close()
        with pytest.raises(LedgerError, match="no ledger of version 1"):
            run(open_sqlite(path).sums(1))

    def test_a_folder_that_cannot_be_made_refuses(self, run, open_sqlite, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(LedgerError):
            run(open_sqlite(tmp_path / "file" / "money.db").sums(1))

    def test_a_file_that_another_holds_refuses_in_time_and_serves_again(self, run, open_sqlite, tmp_path):
        path = tmp_path / "money.db"
        ledger = open_sqlite(path, seconds=0.5)
        run(ledger.sums(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"locked|busy"):
            run(ledger.reserve(1, 1, NONE))
        other.close()
        assert isinstance(run(ledger.reserve(1, 1, NONE)), int)

    def test_a_file_that_was_deleted_or_replaced_begins_anew_for_all(self, run, open_sqlite, tmp_path):
        """And no reservation of the old file is settled in the new one."""
        path = tmp_path / "money.db"
        ledger, other = open_sqlite(path), open_sqlite(path)

        async def main():
            old = await ledger.reserve(1, 10, NONE)
            await other.sums(1)
            for end in ("", "-wal", "-shm"):
                (tmp_path / f"money.db{end}").unlink(missing_ok=True)
            await ledger.reserve(1, 4, NONE)
            assert await other.sums(1) == Sums(day_held=4, total_held=4)
            await ledger.settle(old, 10)
            assert await other.sums(1) == Sums(day_held=4, total_held=4)

        run(main())

    def test_a_file_that_left_its_log_behind_refuses(self, run, open_sqlite, tmp_path):
        """SQLite would add what the log says to a new file."""
        ledger = open_sqlite(tmp_path / "money.db")

        async def main():
            await ledger.reserve(1, 10, NONE)
            (tmp_path / "money.db").unlink()
            with pytest.raises(LedgerError, match="its log is there"):
                await ledger.reserve(1, 4, NONE)
            (tmp_path / "money.db-wal").unlink()
            await ledger.reserve(1, 4, NONE)

        run(main())

    def test_what_it_cannot_store_leaves_nothing_by_half(self, run, open_sqlite, tmp_path):
        async def main():
            ledger = open_sqlite(tmp_path / "money.db")
            number = await ledger.reserve(1, 5, NONE)
            with pytest.raises(OverflowError):
                await ledger.settle(number, 2**70)
            return await ledger.sums(1)

        assert run(main()) == Sums(day_held=5, total_held=5)

    def test_is_closed_and_opened_again(self, run, open_sqlite, tmp_path):
        async def main():
            ledger = open_sqlite(tmp_path / "money.db")
            await ledger.aclose()
            await ledger.reserve(1, 5, NONE)
            await ledger.aclose()
            await ledger.aclose()
            return await ledger.sums(1)

        assert run(main()).day_held == 5

    @pytest.mark.parametrize("wrong", [{"budget": ""}, {"budget": 3}, {"seconds": 0}, {"seconds": float("nan")}])
    def test_nonsense_is_refused_by_name(self, run, open_sqlite, tmp_path, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            open_sqlite(tmp_path / "money.db", **wrong)


class TestRedisLedger:
    @pytest.fixture
    def ledger(self, place, opened):
        pytest.importorskip("redis", reason="redis-py is not installed")
        from postopt.resilience.remote.ledger import RedisLedger

        def ledger(url=None, **settings):
            opened.append(RedisLedger(url or place("redis"), **settings))
            return opened[-1]

        return ledger

    def test_budgets_of_other_names_are_apart(self, ledger, run):
        async def main():
            await ledger(budget="ads").reserve(1, 10, NONE)
            assert await ledger(budget="posts").sums(1) == Sums()

        run(main())

    def test_a_server_that_is_gone_refuses_and_one_that_comes_back_serves(self, own_redis_server, ledger, run):
        async def main():
            money = ledger(own_redis_server.url, seconds=0.2)
            await money.reserve(1, 10, NONE)
            own_redis_server.kill()
            for call in (money.reserve(1, 1, NONE), money.settle(1, 1), money.sums(1)):
                with pytest.raises(LedgerError, match="cannot be reached"):
                    await call
            own_redis_server.start()
            assert await money.sums(1) == Sums()  # it keeps nothing on disk

        run(main())

    def test_a_server_that_hangs_refuses_in_time(self, own_redis_server, ledger, run):
        async def main():
            money = ledger(own_redis_server.url, seconds=0.05)
            await money.sums(1)
            own_redis_server.freeze()
            with pytest.raises(LedgerError):
                await money.reserve(1, 1, NONE)
            own_redis_server.thaw()
            await own_redis_server.eventually(lambda: True)
            # It may have been done all the same: what is held then is safe.
            assert (await money.sums(1)).day_held in (0, 1)

        run(main())

    def test_no_address_shows_its_password(self, ledger, run):
        money = ledger("redis://user:secret@127.0.0.1:1/0", seconds=0.2)
        with pytest.raises(LedgerError) as raised:
            run(money.sums(1))
        assert "secret" not in str(raised.value)

    def test_what_is_no_hash_refuses(self, redis_server, ledger, run):
        redis_server.ask("SET", "postopt:budget:{default}", "text")
        with pytest.raises(LedgerError):
            run(ledger().reserve(1, 1, NONE))
