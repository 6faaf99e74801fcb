"""A wrong order is refused with the right one."""

import pytest

from postopt.caching.memory import MemoryStore
from postopt.caching.tiered import TieredCache
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import Cached, Coalesced, Fallback, Guarded, Retried, Timed
from postopt.generation.wrappers.order import Wrapper
from postopt.testing import ScriptedGenerator


def remote():
    return ScriptedGenerator([])


def test_the_right_order_is_accepted():
    cache = TieredCache(MemoryStore())
    nest = Cached(Coalesced(Fallback(Timed(remote()), TemplateGenerator())), cache)
    assert repr(nest) == "Cached(Coalesced(Fallback(Timed(scripted), templates)))"
    assert repr(Cached(remote(), cache)) == "Cached(scripted)"


def test_a_wrong_one_is_told_the_right_one():
    with pytest.raises(ValueError, match="order") as caught:
        Timed(Coalesced(remote()))
    assert str(caught.value) == (
        "Timed(Coalesced(...)) is in the wrong order: Timed goes inside. The right order is Coalesced(Timed(...))"
    )


def test_the_whole_chain_is_put_in_order():
    with pytest.raises(ValueError, match=r"The right order is Cached\(Coalesced\(Timed\(\.\.\.\)\)\)"):
        Coalesced(Cached(Timed(remote()), TieredCache(MemoryStore())))


def test_twice_the_same_is_wrong():
    with pytest.raises(ValueError, match="Timed goes around Timed once"):
        Timed(Timed(remote()))


def test_every_branch_is_looked_at():
    with pytest.raises(ValueError, match="wrong order"):
        Timed(Fallback(remote(), Timed(remote())))


def test_a_fallback_may_stand_outermost():
    nest = Fallback(Coalesced(Fallback(remote(), remote())), TemplateGenerator())
    assert nest.place == -1
    with pytest.raises(ValueError, match="wrong order"):
        Coalesced(nest)


def test_a_wrapper_of_the_hosts_own_is_no_concern_of_ours():
    class Mine:
        name = "mine"

        def __init__(self, inner):
            self.generate = inner.generate

    assert Timed(Mine(Coalesced(remote()))).name == "mine"


def test_a_kind_of_our_wrappers_stands_where_they_do():
    class Mine(Guarded):
        pass

    assert Mine(Timed(remote())).place == Guarded(remote()).place
    with pytest.raises(ValueError, match=r"The right order is Retried\(Mine\(Timed\(\.\.\.\)\)\)"):
        Mine(Retried(Timed(remote())))


def test_a_wrapper_on_our_base_stands_where_what_is_in_it_does():
    class Logged(Wrapper):
        async def generate(self, prompt):
            return await self._inner[0].generate(prompt)

    assert repr(Retried(Logged(Guarded(remote())))) == "Retried(Logged(Guarded(scripted)))"
    with pytest.raises(ValueError, match="wrong order"):
        Timed(Logged(Guarded(remote())))


def test_what_is_no_generator_is_refused():
    with pytest.raises(ValueError, match="'big' is no generator"):
        Timed("big")
