"""A store that misbehaves does so as its fault says at the moment."""

import asyncio

import pytest

from postopt.caching import Entry, MemoryStore
from postopt.errors import StoreError
from postopt.testing import FaultyStore, StoreContract

ENTRY = Entry(value="bread", tags=("a",))


class TestWithoutAFault(StoreContract):
    async def make(self, clock):
        return FaultyStore(MemoryStore(clock=clock))


def calls(store):
    return [store.get("key"), store.set("key", ENTRY), store.delete("key"), store.invalidate_tag("a")]


def run(story):
    return asyncio.run(asyncio.wait_for(story(), 60))


@pytest.mark.parametrize(("fault", "error"), [("error", StoreError), ("raise", RuntimeError)])
def test_each_call_fails_and_changes_nothing(fault, error):
    async def story():
        inner = MemoryStore()
        inner.set_entry_nowait("key", ENTRY)
        store = FaultyStore(inner, fault)
        for call in calls(store):
            with pytest.raises(error, match="planned fault"):
                await call
        assert inner.get_nowait("key") == "bread"
        assert store.calls == ["get", "set", "delete", "invalidate_tag"]

    run(story)


def test_garbage_is_what_get_returns():
    async def story():
        store = FaultyStore(MemoryStore(), "garbage")
        await store.set("key", ENTRY)
        assert not isinstance(await store.get("key"), Entry | None)
        store.fault = "ok"
        assert store.fault == "ok"
        assert (await store.get("key")).value == "bread"

    run(story)


@pytest.mark.parametrize("then", ["ok", "error"])
def test_what_hangs_goes_on_when_the_fault_is_another(then):
    async def story():
        store = FaultyStore(MemoryStore(), "hang")
        hanging = [asyncio.ensure_future(call) for call in calls(store)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(store.calls) == 4
        assert not any(call.done() for call in hanging)
        store.fault = "hang"
        hanging[0].cancel()
        store.fault = then
        ended = await asyncio.gather(*hanging, return_exceptions=True)
        assert isinstance(ended[0], asyncio.CancelledError)
        assert {type(end) for end in ended[1:]} == {type(None) if then == "ok" else StoreError}

    run(story)


def test_a_fault_that_there_is_not():
    with pytest.raises(ValueError, match="fault is 'late'; allowed: ok, error, raise, hang, garbage"):
        FaultyStore(MemoryStore(), "late")
