"""A predictor in a folder: whole or not at all, the same bytes for the same model, and every damage noticed."""

import copy
import functools
import hashlib
import itertools
import json
import math
import multiprocessing
import operator
import threading
from datetime import timedelta

import numpy as np
import pytest

from postopt.engagement.expecting import modelfile
from postopt.engagement.expecting.modelfile import MANIFEST, ModelFile, _digest, read_model, write_model
from postopt.engagement.expecting.saving import KIND, VERSIONS
from postopt.engagement.predictor import EngagementPredictor
from postopt.errors import ModelFileError, NewerModelError


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a small model."""
    path = tmp_path / "model"
    arrays = {"a": np.arange(5.0), "b": np.zeros((0, 2), np.int8)}
    write_model(path, "kind", {"format": 1}, ModelFile(arrays, {"x": [1, "é"]}))
    return path


def rewritten(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def ended(process):
    """Run a process and return its exit code; one that hangs is killed."""
    process.start()
    process.join(10)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode


class TestPredictor:
    def test_comes_back_as_it_was(self, fitted, saved, later_posts):
        loaded = EngagementPredictor.load(saved)
        assert loaded.predict_many(later_posts) == fitted.predict_many(later_posts)
        assert (loaded.target, loaded.seed, loaded.coverage) == ("engagement", 0, 0.9)

    def test_equal_models_give_equal_bytes(self, saved, past_posts, tmp_path):
        EngagementPredictor().fit(past_posts[::-1]).save(tmp_path / "again")
        EngagementPredictor.load(saved).save(tmp_path / "copy")
        assert contents(saved) == contents(tmp_path / "again") == contents(tmp_path / "copy")

    def test_learns_on_as_if_it_had_never_been_saved(self, saved, past_posts, later_posts, tmp_path):
        kept = EngagementPredictor().fit(past_posts)
        loaded = EngagementPredictor.load(saved)
        for place, post in enumerate(later_posts[:60]):
            for predictor in (kept, loaded):
                predictor.learn(post, post["outcome"], post["published"] + timedelta(days=1))
            if place == 30:
                loaded.save(tmp_path / "half")
                loaded = EngagementPredictor.load(tmp_path / "half")
        kept.save(tmp_path / "kept")
        loaded.save(tmp_path / "loaded")
        assert contents(tmp_path / "kept") == contents(tmp_path / "loaded")

    def test_another_one_takes_its_place(self, saved, made_posts, tmp_path, later_posts):
        other = EngagementPredictor(seed=3).fit(made_posts(100, seed=5))
        other.save(tmp_path / "m")
        EngagementPredictor.load(saved).save(tmp_path / "m")
        assert contents(tmp_path / "m") == contents(saved)

    def test_saving_while_another_thread_learns(self, learning, later_posts, tmp_path):
        def learn():
            for post in later_posts:
                learning.learn(post, post["outcome"], post["published"] + timedelta(days=1))

        thread = threading.Thread(target=learn)
        thread.start()
        for i in range(4):
            learning.save(tmp_path / "m")
            EngagementPredictor.load(tmp_path / "m").predict(later_posts[i])
        thread.join()

    def test_a_forked_process_has_a_copy_of_its_own(self, learning, later_posts):
        context = multiprocessing.get_context("fork")
        receive, send = context.Pipe(duplex=False)

        def child():
            post = later_posts[0]
            learning.learn(post, 10**9, post["published"] + timedelta(days=1))
            send.send(learning.predict(later_posts[1]).median)

        before = learning.predict(later_posts[1]).median
        process = context.Process(target=child)
        process.start()
        changed = receive.recv()
        process.join()
        assert changed != before
        assert learning.predict(later_posts[1]).median == before

    @pytest.mark.usefixtures("untraced")
    def test_a_process_that_is_forked_while_threads_learn_and_predict(self, learning, later_posts):
        """The child must not wait for a lock that a thread held which it does not have."""
        context, post = multiprocessing.get_context("fork"), later_posts[0]
        until, ids = threading.Event(), itertools.count()

        def learn():
            learning.learn(post | {"id": next(ids)}, 5, post["published"] + timedelta(days=1))

        def predict():
            learning.predict(post)

        def over_and_over(work):
            while not until.is_set():
                work()

        threads = [threading.Thread(target=over_and_over, args=(work,)) for work in (learn, learn, predict)]
        for thread in threads:
            thread.start()
        try:
            ends = [ended(context.Process(target=work)) for work in (learn, predict) * 10]
        finally:
            until.set()
            for thread in threads:
                thread.join()
        assert ends == [0] * 20

    @pytest.mark.parametrize("missing", ["words", "baseline", "intervals", "newcomers", "chances", "range"])
    def test_a_model_that_lacks_something(self, saved, tmp_path, missing):
        model = read_model(saved, KIND, VERSIONS)
        learned = {name: part for name, part in model.state["learned"].items() if name != missing}
        write_model(tmp_path / "m", KIND, VERSIONS, model._replace(state={**model.state, "learned": learned}))
        with pytest.raises(ModelFileError, match="does not hold what a predictor writes"):
            EngagementPredictor.load(tmp_path / "m")

    @pytest.mark.parametrize("bad", [None, "x", True, math.nan, 10**400, [], [1.0, 2.0]])
    @pytest.mark.parametrize("path", ["shift", "stale", "words.usual", "range.1", "chances.0", "chances.1",
                                      "surprise", "newcomers.0", "newcomers.1", "newcomers.2",
                                      "baseline.histories.0.2"])  # fmt: skip
    def test_numbers_that_are_none(self, saved, monkeypatch, path, bad):
        """Whatever a manifest holds whose checksum is right: it is refused when it is read, not when it is used."""
        model = read_model(saved, KIND, VERSIONS)
        state = copy.deepcopy(model.state)
        *parents, last = [int(name) if name.isdigit() else name for name in path.split(".")]
        holder = functools.reduce(operator.getitem, parents, state["learned"])
        holder[last] = bad
        monkeypatch.setattr("postopt.engagement.predictor.read_model", lambda *_: model._replace(state=state))
        with pytest.raises(ModelFileError, match="does not hold what a predictor writes"):
            EngagementPredictor.load(saved)

    def test_one_that_was_written_before_all_weights_were_in_one_table(self, saved, tmp_path):
        model = read_model(saved, KIND, VERSIONS)
        write_model(tmp_path / "m", KIND, {**VERSIONS, "format": 1}, model)
        with pytest.raises(ModelFileError, match="which is newer") as caught:
            EngagementPredictor.load(tmp_path / "m")
        assert caught.value.hint == "fit the model anew with this version of postopt"

    def test_arrays_of_another_size(self, saved, tmp_path):
        model = read_model(saved, KIND, VERSIONS)
        write_model(tmp_path / "m", KIND, VERSIONS, model._replace(arrays={**model.arrays, "means": np.zeros(3)}))
        with pytest.raises(ModelFileError):
            EngagementPredictor.load(tmp_path / "m")

    def test_settings_that_cannot_be(self, saved, tmp_path):
        model = read_model(saved, KIND, VERSIONS)
        state = {**model.state, "settings": {"seed": -1}}
        write_model(tmp_path / "m", KIND, VERSIONS, model._replace(state=state))
        with pytest.raises(ModelFileError):
            EngagementPredictor.load(tmp_path / "m")


class TestDamage:
    def test_a_flipped_byte_is_noticed(self, folder):
        for file in folder.iterdir():
            data = file.read_bytes()
            for place in range(0, len(data), 5):
                file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
                with pytest.raises(ModelFileError):
                    read_model(folder, "kind", {"format": 1})
            file.write_bytes(data)
        assert read_model(folder, "kind", {"format": 1}).state == {"x": [1, "é"]}

    def test_any_file_that_is_cut_is_noticed(self, folder):
        for file in folder.iterdir():
            data = file.read_bytes()
            for length in (0, 1, len(data) // 2, len(data) - 1):
                file.write_bytes(data[:length])
                with pytest.raises(ModelFileError):
                    read_model(folder, "kind", {"format": 1})
            file.write_bytes(data)

    def test_a_file_that_is_gone(self, folder):
        next(folder.glob("a-*.npy")).unlink()
        with pytest.raises(ModelFileError, match="cannot be read"):
            read_model(folder, "kind", {"format": 1})
        with pytest.raises(ModelFileError, match="cannot be read"):
            read_model(folder / "nowhere", "kind", {"format": 1})

    @pytest.mark.parametrize(
        "versions", [{"format": 5, "features": 3}, {"format": 4, "features": 4}, {"format": 3, "features": 4},
                     {"format": 4, "features": 3, "other": 0}],
    )  # fmt: skip
    def test_a_newer_version_says_so(self, folder, versions):
        rewritten(folder, versions=versions)
        with pytest.raises(NewerModelError, match="which is older") as caught:
            read_model(folder, "kind", {"format": 4, "features": 3})
        assert caught.value.hint == "install the version of postopt that wrote it, or fit the model anew"

    @pytest.mark.parametrize(
        "versions", [{"format": 3, "features": 3}, {"format": 4, "features": 2}, {"format": 4}, {}]
    )
    def test_an_older_version_is_to_be_fitted_anew(self, folder, versions):
        rewritten(folder, versions=versions)
        with pytest.raises(ModelFileError, match="which is newer") as caught:
            read_model(folder, "kind", {"format": 4, "features": 3})
        assert not isinstance(caught.value, NewerModelError)
        assert caught.value.hint == "fit the model anew with this version of postopt"

    @pytest.mark.parametrize("versions", [None, [1], {"format": "1"}, {"format": 1.5}, {"format": True}])
    def test_what_is_no_version(self, folder, versions):
        rewritten(folder, versions=versions)
        with pytest.raises(ModelFileError, match="is damaged: it has the versions") as caught:
            read_model(folder, "kind", {"format": 1})
        assert not isinstance(caught.value, NewerModelError)

    def test_a_file_that_is_no_array_in_spite_of_its_checksum(self, folder):
        manifest = json.loads((folder / MANIFEST).read_text())
        entry = manifest["arrays"]["a"]
        (folder / entry["file"]).write_bytes(b"nothing")
        entry["sha256"] = hashlib.sha256(b"nothing").hexdigest()
        content = {name: manifest[name] for name in ("kind", "versions", "arrays", "state")}
        rewritten(folder, arrays=manifest["arrays"], sha256=_digest(content))
        with pytest.raises(ModelFileError, match="is no array"):
            read_model(folder, "kind", {"format": 1})

    def test_another_kind(self, folder):
        with pytest.raises(ModelFileError, match="kind 'kind'"):
            read_model(folder, "other", {"format": 1})

    @pytest.mark.parametrize("text", ["[]", "{}", "3", '{"format": "another"}', "\udcff", "", "[" * 100_000])
    def test_no_manifest_of_ours(self, folder, text):
        (folder / MANIFEST).write_text(text, errors="surrogateescape")
        with pytest.raises(ModelFileError):
            read_model(folder, "kind", {"format": 1})


def write_in_turns(path, first, until):
    """Write models, one after another, whose arrays all hold one number and whose state names it."""
    number = first
    while not until.is_set():
        array = np.full(1000, float(number))
        write_model(path, "kind", {"format": 1}, ModelFile({"a": array, "b": array + 0.5}, {"number": number}))
        number = first + (number - first + 1) % 3


def named(folder):
    """Return the files that a manifest names."""
    arrays = json.loads((folder / MANIFEST).read_text("utf-8"))["arrays"]
    return [entry["file"] for entry in arrays.values()]


class TestAtOnce:
    """Several processes in one folder: whoever reads has a whole model."""

    @pytest.mark.parametrize("writers", [1, 2])
    def test_reading_while_others_write(self, folder, writers):
        context = multiprocessing.get_context("fork")
        until = context.Event()
        others = [context.Process(target=write_in_turns, args=(folder, 10 * i, until)) for i in range(writers)]
        for other in others:
            other.start()
        try:
            seen = set()
            for _ in range(200):
                model = read_model(folder, "kind", {"format": 1})
                number = model.state.get("number")
                seen.add(number)
                if number is not None:
                    assert (model.arrays["a"] == number).all()
                    assert (model.arrays["b"] == number + 0.5).all()
        finally:
            until.set()
            for other in others:
                other.join(30)
        assert [other.exitcode for other in others] == [0] * writers
        assert len(seen) > 1
        assert sorted(contents(folder)) == sorted([MANIFEST, *named(folder)])

    @pytest.mark.parametrize("again", [False, True])
    def test_a_model_that_takes_the_place_of_the_one_that_is_read(self, folder, monkeypatch, again):
        """Between manifest and arrays another model is written, and, if `again`, the same as before after it."""
        first = read_model(folder, "kind", {"format": 1})
        other = ModelFile({"a": np.ones(3), "b": np.ones(4)}, {"y": 2})
        read, calls = modelfile._array, []

        def array(file, digest):
            calls.append(file)
            if len(calls) == 1:
                write_model(folder, "kind", {"format": 1}, other)
                try:
                    return read(file, digest)
                finally:
                    if again:
                        write_model(folder, "kind", {"format": 1}, first)
            return read(file, digest)

        monkeypatch.setattr(modelfile, "_array", array)
        found = read_model(folder, "kind", {"format": 1})
        assert found.state == (first.state if again else other.state)
        assert len(found.arrays["a"]) == (5 if again else 3)

    def test_one_write_waits_for_another(self, folder, monkeypatch):
        """A write that had found an array there must find it there when it names it."""
        mine = ModelFile({"a": np.arange(5.0)}, {"z": 3})
        other = ModelFile({"c": np.ones(2)}, {})
        whole, done = modelfile.write_whole, threading.Event()

        def write_other():
            write_model(folder, "kind", {"format": 1}, other)
            done.set()

        def write_whole(path, data):
            if path.name == MANIFEST and threading.current_thread() is threading.main_thread():
                thread.start()
                assert not done.wait(0.2)
            whole(path, data)

        thread = threading.Thread(target=write_other)
        monkeypatch.setattr(modelfile, "write_whole", write_whole)
        write_model(folder, "kind", {"format": 1}, mine)
        thread.join()
        assert list(read_model(folder, "kind", {"format": 1}).arrays) == ["c"]

    def test_a_child_does_not_keep_its_parents_lock(self, folder, monkeypatch):
        context = multiprocessing.get_context("fork")
        until = context.Event()
        whole, children = modelfile.write_whole, []

        def write_whole(path, data):
            if not children:
                children.append(context.Process(target=until.wait, args=(60,)))
                children[0].start()
            whole(path, data)

        monkeypatch.setattr(modelfile, "write_whole", write_whole)
        write_model(folder, "kind", {"format": 1}, ModelFile({}, {"x": 1}))
        thread = threading.Thread(target=write_model, args=(folder, "kind", {"format": 1}, ModelFile({}, {"x": 2})))
        thread.start()
        thread.join(20)
        stuck = thread.is_alive()
        until.set()
        children[0].join()
        assert not stuck


class TestWriting:
    def test_a_folder_with_something_else_is_left_alone(self, tmp_path):
        (tmp_path / "mine.txt").write_text("x")
        with pytest.raises(ModelFileError, match="something that is no model"):
            write_model(tmp_path, "kind", {"format": 1}, ModelFile({}, {}))
        with pytest.raises(ModelFileError, match="something that is no model"):
            write_model(tmp_path / "mine.txt", "kind", {"format": 1}, ModelFile({}, {}))
        assert (tmp_path / "mine.txt").read_text() == "x"

    def test_what_an_interrupted_write_left_is_cleared_away(self, folder):
        (folder / "a-0000.npy").write_bytes(b"half")
        write_model(folder, "kind", {"format": 1}, ModelFile({}, {}))
        assert [file.name for file in folder.iterdir()] == [MANIFEST]

    def test_the_first_write_that_was_interrupted(self, tmp_path):
        (tmp_path / "a-0000.npy").write_bytes(b"half")
        write_model(tmp_path, "kind", {"format": 1}, ModelFile({}, {"y": 1}))
        assert read_model(tmp_path, "kind", {"format": 1}).state == {"y": 1}

    def test_a_write_that_fails_leaves_the_model_before(self, folder):
        before = contents(folder)
        with pytest.raises(ValueError, match="JSON"):
            write_model(folder, "kind", {"format": 1}, ModelFile({"a": np.ones(9)}, {"x": float("nan")}))
        assert read_model(folder, "kind", {"format": 1}).state == {"x": [1, "é"]}
        assert contents(folder).items() >= before.items()

    def test_objects_are_never_written(self, tmp_path):
        with pytest.raises(ValueError, match="pickle"):
            write_model(tmp_path / "m", "kind", {"format": 1}, ModelFile({"a": np.array([{}])}, {}))

    def test_files_are_the_owners_alone(self, folder):
        assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
