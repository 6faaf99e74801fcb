"""The contract catches every kind of store that breaks it, and by the law that is broken."""

import asyncio
import subprocess
import sys
import unicodedata
import unittest
from dataclasses import replace

import pytest

from postopt.caching import Entry, MemoryStore
from postopt.errors import CacheValueError
from postopt.testing import StoreContract


class Mine:
    """A correct store that waits in each call; the broken ones below differ from it in one thing."""

    def __init__(self, clock):
        self.clock = clock
        self.held = {}

    async def get(self, key):
        await asyncio.sleep(0)
        entry = self.held.get(self.name(key))
        return entry if entry is not None and self.lives(entry) else None

    async def set(self, key, entry):
        await asyncio.sleep(0)
        self.held[self.name(key)] = entry

    async def delete(self, key):
        await asyncio.sleep(0)
        self.held.pop(self.name(key), None)

    async def invalidate_tag(self, tag):
        await asyncio.sleep(0)
        self.held = {key: entry for key, entry in self.held.items() if tag not in entry.tags}

    def name(self, key):
        return key

    def lives(self, entry):
        return self.clock() < entry.ends_at


class Haunted(Mine):
    async def get(self, key):
        return await super().get(key) or Entry(value=None)


class Bare(Mine):
    async def get(self, key):
        entry = await super().get(key)
        return entry and ("value", entry.value)


class Loose(Mine):
    """Takes all numbers for the same."""

    async def set(self, key, entry):
        await super().set(key, replace(entry, value=int(entry.value)) if entry.value is False else entry)


class Falsy(Mine):
    async def get(self, key):
        entry = await super().get(key)
        return entry if entry and entry.value else None


class Forgetful(Mine):
    """Keeps all but one of the things that are known."""

    forgotten = ""

    async def set(self, key, entry):
        await super().set(key, replace(entry, **{self.forgotten: getattr(Entry(value=0), self.forgotten)}))


def forgetting(name):
    return type(f"Forgetful of {name}", (Forgetful,), {"forgotten": name})


class FirstEnd(Mine):
    async def set(self, key, entry):
        known = self.held.get(key, entry)
        await super().set(key, replace(entry, expires_at=known.expires_at))


class Undead(Mine):
    async def delete(self, key):
        pass


class Strict(Mine):
    async def delete(self, key):
        if key not in self.held:
            raise AssertionError("broken law: this store wants to be told of what it has")
        await super().delete(key)


class Buried(Mine):
    """What was deleted cannot be set again."""

    def __init__(self, clock):
        super().__init__(clock)
        self.gone = set()

    async def delete(self, key):
        await super().delete(key)
        self.gone.add(key)

    async def get(self, key):
        return None if key in self.gone else await super().get(key)


class Immortal(Mine):
    def lives(self, entry):
        return True


class Late(Mine):
    """Returns what ends at this moment."""

    def lives(self, entry):
        return self.clock() <= entry.ends_at


class Fresh(Mine):
    """Does not return what may still be served stale."""

    def lives(self, entry):
        return self.clock() < entry.expires_at


class Registrar(Mine):
    """Looks at the time when something is set, and never again."""

    async def get(self, key):
        await asyncio.sleep(0)
        return self.held.get(key)

    async def set(self, key, entry):
        await super().set(key, entry)
        if not self.lives(entry):
            del self.held[key]


class Lenient(Mine):
    """Serves for ever what may be served stale for a while."""

    def lives(self, entry):
        return super().lives(entry) or entry.stale_until > 0


class Careful(Mine):
    """Does not set what has ended, and leaves what was there."""

    async def set(self, key, entry):
        if self.clock() < entry.ends_at:
            await super().set(key, entry)


class Forward(Mine):
    """Takes the latest time it has seen for now."""

    latest = 0.0

    def lives(self, entry):
        self.latest = max(self.latest, self.clock())
        return self.latest < entry.ends_at


class Composed(Mine):
    def name(self, key):
        return unicodedata.normalize("NFC", key)


class Caseless(Mine):
    def name(self, key):
        return key.lower()


class Short(Mine):
    def name(self, key):
        return key[: 2**20]


class Cutting(Mine):
    async def set(self, key, entry):
        await super().set(key, replace(entry, value=entry.value[:1000]) if isinstance(entry.value, str) else entry)


class Timid(Mine):
    """Refuses a large value, and goes on with the one before."""

    async def set(self, key, entry):
        if isinstance(entry.value, str) and len(entry.value) > 1000:
            raise CacheValueError("too large")
        await super().set(key, entry)


class OneAtATime(Mine):
    """Holds what it is about to set where the next call finds it."""

    async def set(self, key, entry):
        self.entry = entry
        await asyncio.sleep(0)
        self.held[key] = self.entry


class Torn(Mine):
    """Sets in two steps, and can be cancelled in between."""

    async def set(self, key, entry):
        self.held[key] = replace(entry, value=None)
        await asyncio.sleep(0)
        self.held[key] = entry


class Locked(Mine):
    """Leaves its lock behind when it is cancelled."""

    async def set(self, key, entry):
        while self.__dict__.get("locked"):
            await asyncio.Event().wait()
        self.locked = True
        await asyncio.sleep(0)
        self.held[key] = entry
        self.locked = False


class Tagless(Mine):
    async def invalidate_tag(self, tag):
        pass


class Sweeping(Mine):
    async def invalidate_tag(self, tag):
        self.held.clear()


class Tombstones(Mine):
    def __init__(self, clock):
        super().__init__(clock)
        self.gone = set()

    async def invalidate_tag(self, tag):
        self.gone.add(tag)

    def lives(self, entry):
        return super().lives(entry) and not self.gone & set(entry.tags)


class Clinging(Mine):
    """A value set anew has the tags of the one before as well."""

    async def set(self, key, entry):
        known = self.held.get(key, entry)
        await super().set(key, replace(entry, tags=(*known.tags, *entry.tags)))


BREAKS = [
    (Haunted, "test_a_key_that_was_never_set_is_a_miss", "never set is a miss"),
    (Bare, "test_what_was_set_is_returned", "an Entry or None"),
    (Loose, "test_what_was_set_is_returned", "returned: False"),
    (Falsy, "test_an_empty_value_is_a_hit", "an empty value is a hit: None"),
    *(
        (forgetting(name), "test_what_is_known_about_a_value_is_kept", f"is kept: {name}")
        for name in ("cost", "priority", "tags", "expires_at", "stale_until", "compute_seconds")
    ),
    (FirstEnd, "test_the_last_value_counts", "what was set is returned"),
    (Undead, "test_a_deleted_key_is_gone", "deleted key is gone"),
    (Strict, "test_a_deleted_key_is_gone", "wants to be told"),
    (Buried, "test_a_deleted_key_is_gone", "what was set is returned"),
    (Immortal, "test_a_value_dies_at_its_end", "has ended when it is set is not returned"),
    (Late, "test_a_value_dies_at_its_end", "has ended when it is set is not returned"),
    (Fresh, "test_a_value_dies_at_its_end", "what was set is returned"),
    (Registrar, "test_a_value_dies_at_its_end", "a value dies at its end"),
    (Lenient, "test_a_value_dies_at_its_end", "served stale dies at that end"),
    (Careful, "test_a_value_dies_at_its_end", "replaces what was there"),
    (Forward, "test_a_clock_that_is_put_back_raises_nobody_from_the_dead", "what was set is returned"),
    (Composed, "test_keys_are_told_apart", "told apart"),
    (Caseless, "test_keys_are_told_apart", "told apart"),
    (Short, "test_keys_are_told_apart", "told apart"),
    (Cutting, "test_a_value_is_whole_or_missing", "whole or missing"),
    (Timid, "test_a_value_is_whole_or_missing", "whole or missing"),
    (OneAtATime, "test_concurrent_calls", "a value that was set for it"),
    (Torn, "test_cancellation_leaves_the_store_in_order", "all or nothing"),
    (Locked, "test_cancellation_leaves_the_store_in_order", "a call ends"),
    (Tagless, "test_a_tag_invalidates_its_entries", "takes its entries with it"),
    (Sweeping, "test_a_tag_invalidates_its_entries", "invalidates no others"),
    (Tombstones, "test_a_tag_invalidates_its_entries", "what was set is returned"),
    (Clinging, "test_a_tag_invalidates_its_entries", "what was set is returned"),
]


def contract(make_store):
    class Contract(StoreContract):
        patience = 0.1 if make_store is Locked else 30.0

        async def make(self, clock):
            return make_store(clock)

    return Contract()


def laws():
    return [name for name in vars(StoreContract) if name.startswith("test_")]


class TestMine(StoreContract):
    async def make(self, clock):
        return Mine(clock)


@pytest.mark.parametrize(("broken", "law", "words"), BREAKS, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_law_is_named(broken, law, words):
    with pytest.raises(AssertionError, match=f"broken law: .*{words}"):
        getattr(contract(broken), law)()


def test_every_law_can_be_broken():
    assert {law for _, law, _ in BREAKS} == set(laws())


@pytest.mark.parametrize("law", laws())
def test_a_store_that_keeps_nothing_is_told_from_one_that_does(law):
    """It may forget any entry at any time, but the contract gives it no reason to."""

    class Nothing(Mine):
        async def set(self, key, entry):
            pass

    keeps = {"test_a_key_that_was_never_set_is_a_miss", "test_a_value_is_whole_or_missing"}
    if law in keeps:
        getattr(contract(Nothing), law)()
    else:
        with pytest.raises(AssertionError, match="broken law"):
            getattr(contract(Nothing), law)()


@pytest.mark.parametrize("law", laws())
def test_a_store_without_tags_keeps_every_law(law):
    class Untagged:
        def __init__(self, clock):
            store = Mine(clock)
            self.get, self.set, self.delete = store.get, store.set, store.delete

    getattr(contract(Untagged), law)()


def test_the_store_is_closed_also_after_a_broken_law():
    closed = []

    class Closing(Undead):
        async def aclose(self):
            closed.append(True)

    with pytest.raises(AssertionError):
        contract(Closing).test_a_deleted_key_is_gone()
    contract(Closing).test_keys_are_told_apart()
    assert closed == [True, True]


def test_works_inside_a_running_loop():
    async def notebook_cell():
        contract(Mine).test_what_was_set_is_returned()
        with pytest.raises(AssertionError, match="broken law"):
            contract(Falsy).test_an_empty_value_is_a_hit()

    asyncio.run(notebook_cell())


def test_works_under_unittest():
    class Case(StoreContract, unittest.TestCase):
        async def make(self, clock):
            return MemoryStore(clock=clock)

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.failures, result.errors) == (len(laws()), [], [])


def test_make_is_needed():
    with pytest.raises(NotImplementedError, match="make"):
        StoreContract().test_keys_are_told_apart()


def test_needs_no_test_framework():
    code = "import sys, postopt.testing; print(sorted({'pytest', '_pytest', 'hypothesis'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
