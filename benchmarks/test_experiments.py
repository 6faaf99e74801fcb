"""What a decision costs, from the unit to the disk, over one Thompson draw of numpy.

    python benchmarks/test_experiments.py [FOLDER]

The unit is what one would write without any of this: `rng.beta(a, b).argmax()` over 6 arms. Against it stand, 100 at a
time and per decision:

    log         `ExperimentStore.log_decisions`: checked, queued and written to a file
    log, look   the same after `store.decisions(ids)`, as an experiment asks who has an arm already
    assign      `Experiment.assign_many`: placed by hash, looked up, drawn by shares, logged and written
    record      `ExperimentStore.log_outcomes` of the same decisions
    one by one  a transaction of SQLite for each row, as one would write without a queue

Both sides take turns in one process; each round gives one ratio. The first column is the median of the ratios with
their quartiles. Some rounds pay for others: every 10,000 rows are folded into the log, and SQLite copies its
write-ahead log into the file. So the second column is the sum of all times over the sum of all draws, and it is the
one that counts. The file starts empty and has so many decisions in the end as are said; all is on the disk after each
round, as far as kill -9 goes (`synchronous=NORMAL`).
"""

import hashlib
import platform
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import numpy as np

from postopt.experiments.experiment import Experiment
from postopt.experiments.records import Arm, DecisionRow, Metric, OutcomeRow
from postopt.experiments.store import ExperimentStore

BATCH = 100
ROUNDS = 500
ARMS = [Arm(f"arm {number}", f"Text number {number}") for number in range(6)]


def key(text):
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def batch_of_decisions(number):
    rows = range(number * BATCH, (number + 1) * BATCH)
    return [
        DecisionRow(key(f"d{row}"), "e", ARMS[row % 6], key(f"u{row}"), row % 2, 1 / 6, "uniform", "", 1.7e9 + row)
        for row in rows
    ]


def log(store, number):
    rows = batch_of_decisions(number)
    return lambda: store.log_decisions(rows)


def look_and_log(store, number):
    rows = batch_of_decisions(number)

    def run():
        store.decisions([row.id for row in rows])
        store.log_decisions(rows)

    return run


def record(store, number):
    rows = batch_of_decisions(number)
    store.log_decisions(rows)
    outcomes = [OutcomeRow(row.id, "click", float(index % 7 == 0), row.at) for index, row in enumerate(rows)]
    return lambda: store.log_outcomes(outcomes)


def one_by_one(store, number):
    rows = batch_of_decisions(number)

    def run():
        with sqlite3.connect(store, isolation_level=None) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS decisions (id TEXT PRIMARY KEY, experiment, arm, unit, half, propensity, "
                "policy, context, at)"
            )
            for row in rows:
                connection.execute(
                    "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row[:2], str(row[2]), *row[3:])
                )
        connection.close()

    return run


def draws():
    rng = np.random.default_rng(0)
    a, b = np.arange(3.0, 9.0), np.full(6, 300.0)

    def run():
        for _ in range(BATCH):
            rng.beta(a, b).argmax()

    return run


def seconds(run):
    start = perf_counter()
    run()
    return perf_counter() - start


def measure(name, prepare, rounds=ROUNDS):
    """Print the ratio of a side to as many draws, both in turn."""
    draw = draws()
    pairs = []
    for number in range(rounds):
        run = prepare(number)
        if number % 2:
            base = seconds(draw)
            pairs.append((seconds(run), base))
        else:
            mine = seconds(run)
            pairs.append((mine, seconds(draw)))
    low, middle, high = quantiles([mine / base for mine, base in pairs], n=4)
    mean = sum(mine for mine, _ in pairs) / sum(base for _, base in pairs)
    unit = quantiles([base for _, base in pairs], n=4)[1] / BATCH * 1e6
    print(f"{name:34s} {middle:5.2f} ({low:.2f} to {high:.2f})   {mean:5.2f}   {rounds * BATCH:7,d}   {unit:5.1f} us")


def compare(folder):
    print(f"\n{'a decision, in draws':34s} {'median (quartiles)':20s}   mean         n      draw")
    for name, prepare in (("log", log), ("log, look", look_and_log), ("record", record)):
        with ExperimentStore(folder / f"{prepare.__name__}.db") as store:
            store.define("e", {}, ARMS)
            measure(name, lambda number, prepare=prepare, store=store: prepare(store, number))
    with ExperimentStore(folder / "assign.db") as store:
        experiment = Experiment("e", ARMS, metric=Metric("click"), store=store)
        measure(
            "assign", lambda number: lambda: experiment.assign_many([f"unit {number} {row}" for row in range(BATCH)])
        )
    measure("one by one", lambda number: one_by_one(folder / "plain.db", number), rounds=40)


def test_a_decision_from_the_unit_to_the_disk(tmp_path):
    compare(tmp_path)
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, numpy {np.__version__}")


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(dir=sys.argv[1] if len(sys.argv) > 1 else None))
    try:
        test_a_decision_from_the_unit_to_the_disk(place)
    finally:
        shutil.rmtree(place)
