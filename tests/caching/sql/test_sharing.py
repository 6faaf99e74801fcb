"""Two stores on one database, as two processes have them: who sees what of whom, and when."""

import asyncio

import pytest

from postopt.caching import Entry
from postopt.testing import ScriptedClock


def share(law, database, **options):
    """Run `law(a, b)` with two stores that write nothing until they are told to."""

    async def main():
        a, b = (database.store(**{"flush_seconds": 1e9, "deadline": 30.0} | options) for _ in range(2))
        try:
            return await law(a, b)
        finally:
            await a.aclose()
            await b.aclose()

    return asyncio.run(main())


async def value(store, key="k"):
    found = await store.get(key)
    return None if found is None else found.value


def test_one_sees_what_the_other_has_written(database):
    async def law(a, b):
        await a.set("k", Entry(value=1, tags=("t",), cost=0.5))
        assert await value(a) == 1
        assert await value(b) is None
        await a.flush()
        assert await b.get("k") == await a.get("k") == Entry(value=1, tags=("t",), cost=0.5)

    share(law, database)


def test_the_one_that_writes_later_prevails(database):
    async def law(a, b):
        await a.set("k", Entry(value="a"))
        await b.set("k", Entry(value="b"))
        await b.flush()
        assert (await value(a), await value(b)) == ("a", "b")
        await a.flush()
        assert (await value(a), await value(b)) == ("a", "a")

    share(law, database)


class TestDeletion:
    def test_holds_for_what_is_written(self, database):
        async def law(a, b):
            await a.set("k", Entry(value=1))
            await a.flush()
            assert await value(b) == 1
            await b.delete("k")
            assert await value(a) is None

        share(law, database)

    def test_holds_for_what_waits_in_another_process(self, database):
        async def law(a, b):
            await a.get("k")
            await b.get("k")
            await b.set("k", Entry(value="before"))
            await a.delete("k")
            assert await value(b) is None
            await b.flush()
            assert (await value(a), await value(b)) == (None, None)
            assert b.stats().outdated == 1
            await b.set("k", Entry(value="after"))
            await b.flush()
            assert (await value(a), await value(b)) == ("after", "after")

        share(law, database)

    def test_what_was_set_after_it_is_not_deleted_by_what_was_set_before(self, database):
        async def law(a, b):
            await b.set("k", Entry(value="before"))
            await a.delete("k")
            await a.set("k", Entry(value="after"))
            await a.flush()
            await b.flush()
            assert (await value(a), await value(b)) == ("after", "after")

        share(law, database)

    def test_what_was_lost_to_it_leaves_no_older_value(self, database):
        async def law(a, b):
            await b.set("k", Entry(value="oldest"))
            await b.flush()
            await b.set("k", Entry(value="older", tags=("t",)))
            await a.invalidate_tag("t")
            await b.flush()
            assert (await value(a), await value(b)) == (None, None)

        share(law, database)


class TestInvalidation:
    def test_holds_for_what_is_written_and_what_waits(self, database):
        async def law(a, b):
            await a.set("written", Entry(value=1, tags=("t", "u")))
            await a.flush()
            await a.set("waits", Entry(value=2, tags=("u",)))
            await b.set("waits too", Entry(value=3, tags=("u", "v")))
            await b.set("other", Entry(value=4, tags=("v",)))
            await b.invalidate_tag("u")
            for _ in range(2):
                for store in (a, b):
                    assert [await value(store, key) for key in ("written", "waits", "waits too")] == [None] * 3
                assert await value(b, "other") == 4
                await a.flush()
                await b.flush()
            assert await value(a, "other") == 4

        share(law, database)

    def test_survives_the_process(self, database):
        async def law(a, b):
            await a.set("k", Entry(value=1, tags=("t",)))
            await a.flush()
            await b.invalidate_tag("t")
            await b.aclose()
            assert await value(a) is None

        share(law, database)

        async def law_of_others(a, b):
            assert await value(a) is None
            await a.set("k", Entry(value=2, tags=("t",)))
            await a.flush()
            assert await value(b) == 2

        share(law_of_others, database)

    def test_an_entry_that_nothing_happened_to_holds_through_many(self, database):
        async def law(a, b):
            await a.set("k", Entry(value=1, tags=("mine",)))
            await a.flush()
            for number in range(100):
                await b.invalidate_tag(f"other {number}")
            assert (await value(a), await value(b)) == (1, 1)
            await b.invalidate_tag("mine")
            assert (await value(a), await value(b)) == (None, None)

        share(law, database)

    def test_after_the_next_answer_of_the_database_a_set_counts_as_later(self, database):
        async def law(a, b):
            await a.get("k")
            await b.invalidate_tag("t")
            await a.set("k", Entry(value="unaware", tags=("t",)))
            assert await value(a) is None
            await a.set("k", Entry(value="aware", tags=("t",)))
            assert await value(a) == "aware"
            await a.flush()
            assert await value(b) == "aware"

        share(law, database)

    def test_an_entry_of_very_many_tags(self, database):
        async def law(a, b):
            tags = tuple(f"tag {number}" for number in range(3000))
            await a.set("k", Entry(value=1, tags=tags))
            await b.invalidate_tag("another")
            assert await value(a) == 1
            await a.flush()
            await b.invalidate_tag("another")
            assert await value(b) == 1
            await b.invalidate_tag("tag 2999")
            assert (await value(a), await value(b)) == (None, None)

        share(law, database)


def test_a_value_that_cannot_be_kept_deletes_what_another_process_wrote(database):
    async def law(a, b):
        await a.set("k", Entry(value="old"))
        await a.flush()
        for bad in (object(), Entry):
            with pytest.raises(ValueError):
                await b.set("k", Entry(value=bad))
        assert await value(b) is None
        await b.flush()
        assert (await value(a), await value(b)) == (None, None)

    share(law, database)


def test_an_entry_that_has_ended_when_it_is_set_replaces_an_older_one(database):
    clock = ScriptedClock(1000.0)

    async def law(a, b):
        await a.set("k", Entry(value="old"))
        await a.flush()
        await b.set("k", Entry(value="ended", expires_at=1000.0))
        assert await value(b) is None
        await b.flush()
        assert await value(a) is None

    share(law, database, clock=clock)


def test_two_caches_in_one_database_are_strangers(database):
    async def law(a, b):
        other = database.store(table="other_cache", flush_seconds=1e9)
        for store, number in ((a, 1), (other, 2)):
            await store.set("k", Entry(value=number, tags=("t",)))
            await store.flush()
        await b.invalidate_tag("t")
        assert (await value(a), await value(other)) == (None, 2)
        await other.aclose()

    share(law, database)


def test_every_text_is_a_key_and_a_tag(database):
    texts = [
        "",
        "\x00",
        "a\x00b",
        "\ud800",
        "\ud83d\ude42",
        "🙂",
        "'; DROP TABLE postopt_cache; --",
        "%",
        "é",
        "e\u0301",
    ]

    async def law(a, b):
        for number, text in enumerate(texts):
            await a.set(text, Entry(value=number, tags=(text,)))
        await a.flush()
        assert [await value(b, text) for text in texts] == list(range(len(texts)))
        for number, text in enumerate(texts):
            await b.invalidate_tag(text)
            assert [await value(a, text) for text in texts] == [None] * (number + 1) + list(
                range(number + 1, len(texts))
            )

    share(law, database)
