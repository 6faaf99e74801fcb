"""Who decides, in which order, and what an explicit choice promises."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from postopt.engine import OptimizedEngine
from postopt.engine.handles import HashHandle, JSONHandle
from postopt.errors import BackendUnavailableError


class TestOrder:
    def test_constructor_over_environment_over_measurement(self, machine, monkeypatch):
        machine.installed["msgspec"] = "0.19"
        assert machine.engine().json.name == "orjson"
        monkeypatch.setenv("POSTOPT_JSON", "msgspec")
        engine = machine.engine()
        assert engine.json.name == "msgspec"
        assert "environment variable POSTOPT_JSON" in engine.explain("json")
        assert machine.engine(overrides={"json": "stdlib"}).json.name == "stdlib"

    def test_call_site_over_block_over_constructor(self, machine):
        machine.installed["msgspec"] = "0.19"
        engine = machine.engine(overrides={"json": "stdlib"})
        with engine.use(json="msgspec"):
            assert engine.json.name == "msgspec"
            assert engine.backend("json", "orjson").name == "orjson"
        assert engine.json.name == "stdlib"

    def test_the_environment_is_read_when_the_engine_is_built(self, machine, monkeypatch):
        engine = machine.engine()
        monkeypatch.setenv("POSTOPT_JSON", "stdlib")
        assert engine.json.name == "orjson"

    def test_an_empty_variable_is_unset(self, machine, monkeypatch):
        monkeypatch.setenv("POSTOPT_JSON", "")
        assert machine.engine().json.name == "orjson"

    def test_one_goal_beats_both_in_one_place_but_not_across_places(self, machine, monkeypatch):
        overrides = {"compression.size": "zstandard", "compression": "zlib"}
        compression = machine.engine(overrides=overrides).compression
        assert (compression.speed.name, compression.size.name) == ("zlib", "zstandard")
        monkeypatch.setenv("POSTOPT_COMPRESSION_SIZE", "zstandard")
        compression = machine.engine(overrides={"compression": "lz4"}).compression
        assert (compression.speed.name, compression.size.name) == ("lz4", "lz4")


class TestExplicit:
    def test_it_examines_nobody_else(self, machine):
        engine = machine.engine(overrides={"hash": "blake3"})
        assert engine.hash.gates == ((None, "blake3"),)
        assert machine.asked == [(["blake3"], [])]
        assert machine.loaded == ["blake3"]

    def test_the_standard_library_needs_no_examination(self, machine):
        assert machine.engine(overrides={"json": "stdlib"}).json.name == "stdlib"
        assert machine.asked == []

    def test_heavy_libraries_are_examined_when_asked_for(self, machine):
        machine.installed["torch"] = "2.6"
        assert machine.engine(overrides={"scoring": "torch"}).scoring.name == "torch"

    @pytest.mark.parametrize(
        ("prepare", "reason"),
        [
            (lambda m: m.installed.pop("orjson"), "not installed"),
            (lambda m: m.states.update({("json", "orjson"): ("wrong", "2**64 is not refused")}), "2\\*\\*64"),
            (lambda m: m.states.update({("json", "orjson"): ("broken", "killed by signal 11")}), "signal 11"),
            (lambda m: m.import_errors.update(orjson=SystemError("half built")), "half built"),
        ],
        ids=["absent", "wrong", "broken", "broken here"],
    )
    @pytest.mark.parametrize(
        "ask",
        [
            lambda m: m.engine(overrides={"json": "orjson"}).json.dumps(1),
            lambda m: m.engine().use(json="orjson").__enter__(),
            lambda m: m.engine().backend("json", "orjson"),
        ],
        ids=["constructor", "block", "call site"],
    )
    def test_it_raises_with_the_reason(self, machine, prepare, reason, ask):
        prepare(machine)
        with pytest.raises(BackendUnavailableError, match=reason):
            ask(machine)

    def test_an_absent_one_says_what_to_type(self, machine):
        machine.installed.pop("orjson")
        with pytest.raises(BackendUnavailableError) as caught:
            machine.engine(overrides={"json": "orjson"}).json.dumps(1)
        assert 'pip install "postopt[fast]"' in caught.value.hint

    def test_the_cause_of_a_failing_import_is_kept(self, machine):
        machine.import_errors["orjson"] = error = OSError("no such symbol")
        with pytest.raises(BackendUnavailableError) as caught:
            machine.engine().backend("json", "orjson")
        assert caught.value.__cause__ is error

    @pytest.mark.parametrize(
        ("overrides", "allowed"),
        [
            ({"jsn": "orjson"}, "json, hash"),
            ({"json": "simplejson"}, "stdlib, orjson, msgspec"),
            ({"compression.size": "sha256"}, "zlib, lz4, zstandard"),
        ],
    )
    def test_unknown_names_raise_at_once_and_say_what_is_allowed(self, overrides, allowed):
        with pytest.raises(BackendUnavailableError) as caught:
            OptimizedEngine(wisdom=None, overrides=overrides)
        assert allowed in caught.value.hint

    def test_an_unknown_name_in_the_environment_names_the_variable(self, monkeypatch):
        monkeypatch.setenv("POSTOPT_HASH", "md5")
        with pytest.raises(BackendUnavailableError, match="md5"):
            OptimizedEngine(wisdom=None)

    def test_a_backend_for_compression_needs_its_goal(self, machine):
        assert machine.engine().backend("compression.speed", "zlib").name == "zlib"
        with pytest.raises(ValueError, match=r"compression\.size"):
            machine.engine().backend("compression", "zlib")


class TestUse:
    def test_it_counts_until_the_block_ends(self, machine):
        engine = machine.engine()
        before = engine.json.dumps
        with engine.use(json="stdlib", compression="zlib") as same:
            assert same is engine
            assert (engine.json.name, engine.compression.speed.name, engine.hash.name) == ("stdlib", "zlib", "blake3")
        assert engine.json.dumps is before
        assert type(engine.json) is JSONHandle

    def test_blocks_nest(self, machine):
        engine = machine.engine()
        with engine.use(json="stdlib", hash="sha256"):
            with engine.use(hash="blake3"):
                assert (engine.json.name, engine.hash.name) == ("stdlib", "blake3")
            assert engine.hash.name == "sha256"
            with engine.use(json="orjson"):
                assert engine.json.name == "orjson"
        assert engine.json.name == "orjson"

    def test_an_exception_ends_it(self, machine):
        engine = machine.engine()
        with pytest.raises(KeyError), engine.use(json="stdlib"):
            raise KeyError
        assert engine.json.name == "orjson"

    def test_one_goal_leaves_the_other_alone(self, machine):
        engine = machine.engine()
        with engine.use(**{"compression.size": "zstandard"}):
            assert (engine.compression.speed.name, engine.compression.size.name) == ("lz4", "zstandard")

    def test_engines_do_not_see_each_others_blocks(self, machine):
        one, other = machine.engine(), machine.engine()
        with one.use(json="stdlib"):
            assert (one.json.name, other.json.name) == ("stdlib", "orjson")

    def test_the_first_use_of_a_role_may_be_inside_a_block(self, machine):
        engine = machine.engine()
        with engine.use(json="stdlib"):
            assert engine.hash.name == "blake3"
            assert contextvars.Context().run(lambda: engine.json.name) == "orjson"
        assert (type(engine.hash), type(engine.json)) == (HashHandle, JSONHandle)

    def test_a_settled_handle_is_plain_again_after_the_last_block(self, machine):
        engine = machine.engine()
        engine.prepare()
        one, other = engine.use(json="stdlib"), engine.use(json="stdlib")
        one.__enter__()
        other.__enter__()
        other.__exit__(None, None, None)
        assert type(engine.json) is not JSONHandle
        one.__exit__(None, None, None)
        assert type(engine.json) is JSONHandle

    def test_a_block_slows_no_other_role(self, machine):
        engine = machine.engine()
        engine.prepare()
        with engine.use(hash="sha256"):
            assert type(engine.json) is JSONHandle
            assert type(engine.hash) is not HashHandle
        assert type(engine.hash) is HashHandle

    def test_other_threads_do_not_see_it(self, machine):
        engine = machine.engine()
        seen = []
        with engine.use(json="stdlib"):
            thread = threading.Thread(target=lambda: seen.append(engine.json.name))
            thread.start()
            thread.join()
            assert engine.json.name == "stdlib"
        assert seen == ["orjson"]

    def test_tasks_have_their_own(self, machine):
        engine = machine.engine()
        engine.prepare()

        async def with_block(name, turns, seen):
            with engine.use(json=name):
                for _ in range(turns):
                    await asyncio.sleep(0)
                    seen.append(engine.json.name)

        async def main():
            one, other, none = [], [], []
            async with asyncio.TaskGroup() as group:
                group.create_task(with_block("stdlib", 5, one))
                group.create_task(with_block("orjson", 5, other))
                for _ in range(5):
                    await asyncio.sleep(0)
                    none.append(engine.json.name)
            return set(one), set(other), set(none)

        assert asyncio.run(main()) == ({"stdlib"}, {"orjson"}, {"orjson"})

    def test_a_task_inherits_the_block_and_loses_it_when_the_block_ends(self, machine):
        engine = machine.engine()
        engine.prepare()

        async def main():
            ended = asyncio.Event()
            seen = []

            async def child():
                seen.append(engine.json.name)
                await ended.wait()
                with engine.use(hash="sha256"):
                    seen.append(engine.json.name)

            with engine.use(json="stdlib"):
                task = asyncio.create_task(child())
                await asyncio.sleep(0)
            ended.set()
            await task
            return seen

        assert asyncio.run(main()) == ["stdlib", "orjson"]

    def test_a_block_left_to_the_garbage_collector_ends(self, machine):
        engine = machine.engine()
        block = engine.use(json="stdlib")
        contextvars.copy_context().run(block.__enter__)
        assert engine.json.name == "orjson"
        block.__exit__(None, None, None)
        assert engine.json.name == "orjson"
        assert type(engine.json) is JSONHandle

    def test_threads_that_enter_and_leave_at_once_see_their_own(self, machine):
        engine = machine.engine()
        wrong = []

        def work(name):
            for _ in range(200):
                with engine.use(json=name):
                    wrong.append(engine.json.name != name)
                wrong.append(engine.json.name != "orjson")

        threads = [threading.Thread(target=work, args=(name,)) for name in ("stdlib", "orjson") * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any(wrong)
        assert type(engine.json) is JSONHandle
