"""A predictor in a folder: whole or not at all, the same bytes for the same model, and every damage noticed."""

import json
import multiprocessing
import threading
from datetime import timedelta

import numpy as np
import pytest

from postopt.engagement.modelfile import MANIFEST, ModelFile, read_model, write_model
from postopt.engagement.predictor import EngagementPredictor
from postopt.engagement.saving import KIND, VERSIONS
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

    @pytest.mark.parametrize("missing", ["words", "baseline", "intervals", "heads", "chances", "range"])
    def test_a_model_that_lacks_something(self, saved, tmp_path, missing):
        model = read_model(saved, KIND, VERSIONS)
        learned = {name: part for name, part in model.state["learned"].items() if name != missing}
        write_model(tmp_path / "m", KIND, VERSIONS, model._replace(state={**model.state, "learned": learned}))
        with pytest.raises(ModelFileError, match="does not hold what a predictor writes"):
            EngagementPredictor.load(tmp_path / "m")

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

    @pytest.mark.parametrize("versions", [{"format": 2}, {"format": 1, "features": 1}, {}, None])
    def test_another_version_says_so(self, folder, versions):
        rewritten(folder, versions=versions)
        with pytest.raises(NewerModelError, match="versions"):
            read_model(folder, "kind", {"format": 1})

    def test_another_kind(self, folder):
        with pytest.raises(ModelFileError, match="kind 'kind'"):
            read_model(folder, "other", {"format": 1})

    @pytest.mark.parametrize("text", ["[]", "{}", "3", '{"format": "another"}', "\udcff", ""])
    def test_no_manifest_of_ours(self, folder, text):
        (folder / MANIFEST).write_text(text, errors="surrogateescape")
        with pytest.raises(ModelFileError):
            read_model(folder, "kind", {"format": 1})


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
