"""What is handed to the workers of Ray Data, Spark and Dask arrives there and says the same: it is pickled for them."""

import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from postopt.engagement import EngagementPredictor, VariantRanker, analyze_many
from postopt.engagement.covering.intervals import Intervals
from postopt.quality import FeatureSet, QualityScorer
from postopt.types import Brief

# Reads a function from its input, calls it with an iterator of batches, and prints a list a batch.
WORKER = """
import json, pickle, sys
import pyarrow as pa

function = pickle.load(sys.stdin.buffer)
table = pa.table({"id": ["a", "b", "c"], "text": ["Fresh bread!!!!", "A cake", None], "page": ["x", "x", "y"]})
print(json.dumps([batch.to_pydict() for batch in function(iter(table.to_batches(max_chunksize=2)))], default=str))
"""


def answered(function, dumps=pickle.dumps):
    """Return what another process, which has never seen the function, says of a table's batches."""
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=dumps(function), capture_output=True, check=False, timeout=100,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "random"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pa():
    return pytest.importorskip("pyarrow", reason="record batches are Arrow's")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    posts = [
        {"id": n, "text": f"bread {n % 7}", "page": "x", "published": begin + timedelta(hours=n), "outcome": n % 50}
        for n in range(200)
    ]
    folder = tmp_path_factory.mktemp("workers") / "model"
    EngagementPredictor().fit(posts).save(folder)
    return folder


@pytest.fixture(scope="module")
def scorer():
    scorer = QualityScorer(recent=["Fresh bread every day", "Cakes for all"])
    for number in range(60):
        scorer.record(f"Bread, batch {number}" + "!!!!" * (number % 2), ("rejected", "accepted")[number % 2])
    return scorer


def same(pa, function, answers):
    """Whether the other process said what this one says."""
    table = pa.table({"id": ["a", "b", "c"], "text": ["Fresh bread!!!!", "A cake", None], "page": ["x", "x", "y"]})
    here = [batch.to_pydict() for batch in function(iter(table.to_batches(max_chunksize=2)))]
    return json.loads(json.dumps(here, default=str)) == answers


def test_a_function_of_batches_with_scorer_ranker_and_features(pa, scorer):
    ranker = VariantRanker().fit([[(f"a b {n}", 1000, 30), (f"c d? {n}", 1000, 60)] for n in range(30)])
    function = partial(analyze_many, scorer=scorer, ranker=ranker, features=FeatureSet(), suggest=True)
    answers = answered(function)
    assert [batch["id"] for batch in answers] == [["a", "b"], ["c"]]
    assert answers[1]["error"] != [""]
    assert same(pa, function, answers)


def test_a_function_that_loads_its_model_there(pa, model):
    cloudpickle = pytest.importorskip("cloudpickle", reason="what Ray, Spark and Dask pickle functions with")
    folder = str(model)

    def analysed(batches):
        return analyze_many(batches, predictor=EngagementPredictor.load(folder, clock=lambda: 1.8e9))

    answers = answered(analysed, dumps=cloudpickle.dumps)
    assert [batch["id"] for batch in answers] == [["a", "b"], ["c"]]
    assert answers[0]["median"][0] > 0
    assert same(pa, analysed, answers)


class TestPickled:
    def test_a_scorer_scores_the_same_and_goes_on_recording(self, scorer):
        other = pickle.loads(pickle.dumps(scorer))
        for text in ("Fresh bread every day!!!!", "Nothing like it"):
            assert other.score(text, Brief(topic="Bread")) == scorer.score(text, Brief(topic="Bread"))
        assert other.evaluate() == scorer.evaluate()
        other.record("One more", "accepted")
        other.remember("One more")
        assert other.score("One more").axes["novelty"].value == 0
        assert scorer.score("One more").axes["novelty"].value > 0

    def test_intervals_are_the_same_and_go_on_learning(self):
        intervals = Intervals()
        for n in range(100):
            intervals.learn("x", 1.0, 1.0, 1.0 + (n % 10) / 10, 3600.0 * n, 3600.0 * n + 86_400)
        other = pickle.loads(pickle.dumps(intervals))
        assert other.around("x", 1.0, 1.0, 1e6) == intervals.around("x", 1.0, 1.0, 1e6)
        other.learn("x", 1.0, 1.0, 9.0, 4e5, 5e5)
        assert (other.n, intervals.n) == (101, 100)
