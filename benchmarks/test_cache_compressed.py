"""How much smaller a compressed store keeps posts, and what reading them takes.

    python benchmarks/test_cache_compressed.py

Two kinds of values. Completions: what `Cached` keeps of one. Records: a post with what its platform says of it (page,
link, counts). Texts are real posts of Facebook pages where the shared data are there; else completions are posts of our
templates one after the other, which are alike and shrink much more, and there are no records.

Measured are values of 700 to 1,300 bytes as JSON, half of all there are; the others, and shorter and longer ones as a
host has, come before them, fill the store and train its dictionaries. The ratio is bytes as JSON over bytes kept. "With
objects" compares what stores count: the value as Python keeps it, over the object of bytes that is kept of it.

A get of bytes is what compression costs; decoding a text or a dict comes on top. `MemoryStore` returns the same values
as they are. Both take turns in one process; shown are the medians of the rounds, in time of the processor.
"""

import csv
import gzip
import json
import platform
import random
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import thread_time_ns

import pytest

pytest.importorskip("zstandard", reason="zstandard is not installed")

from postopt import Brief
from postopt.caching import Codec, CompressedStore, MemoryStore
from postopt.caching.weight import weigh
from postopt.generation.templates import TemplateGenerator

DATA = Path(__file__).parents[2] / "shared" / "data" / "engagement" / "facebook_pages_2016.csv.gz"
SHORTEST, LONGEST = 700, 1_300
MEASURED = range(700, 1_301)
MOST = 20_000
"""Values of a kind that come before."""
ROUNDS = 31


def real_posts():
    """Yield the rows of the shared data, each text once."""
    csv.field_size_limit(2**30)
    texts = set()
    with gzip.open(DATA, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["message"] not in texts:
                texts.add(row["message"])
                yield row


def made_texts():
    brief = Brief(topic="Fresh bread every morning", facts={"price": "€3.50", "opens": "7:30"}, brand="Oak Lane")
    posts = TemplateGenerator(seed=1).language(brief)
    for number in range(0, 5 * MOST, 5):
        yield "\n\n".join(posts.text(number + place) for place in range(5))


def completion(text, draw):
    return {
        "text": text,
        "generator": "writer",
        "model": draw.choice(("small", "large")),
        "tier": "remote",
        "cost_usd": round(draw.random() / 100, 6),
        "finish_reason": "stop",
        "index": str(draw.randrange(8)),
        "seed": None,
    }


def record(row):
    return {name: int(text) if name.startswith("num_") else text for name, text in row.items()}


def kinds():
    """Yield each kind of values: its name, shortest and values."""
    draw = random.Random(0)
    if not DATA.exists():
        yield "completions of templates", 0, [completion(text, draw) for text in made_texts()]
        return
    posts = list(real_posts())
    yield "completions, 400 to 4,000 bytes", 400, [completion(row["message"], draw) for row in posts]
    yield "records, 600 to 4,000 bytes", 600, [record(row) for row in posts]


def split(values, shortest):
    """Return the values that come first, and those that are measured then."""
    sized = [(len(as_json(value).encode()), value) for value in random.Random(1).sample(values, len(values))]
    fitting = [number for number, (size, _) in enumerate(sized) if size in MEASURED]
    later = set(fitting[: len(fitting) // 2][:1_000])
    first = [value for number, (size, value) in enumerate(sized) if shortest <= size <= 4_000 and number not in later]
    return first[:MOST], [sized[number][1] for number in later]


def as_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


FORMS = {"bytes": lambda value: as_json(value).encode(), "text": as_json, "dict": lambda value: value}


def microseconds(call, arguments):
    start = thread_time_ns()
    for one in arguments:
        call(*one)
    return (thread_time_ns() - start) / len(arguments) / 1000


def measure(first, later, form, level, codec=None):
    compressed, memory = CompressedStore(level=level, codec=codec, start=lambda train: train()), MemoryStore()
    for number, value in enumerate(first):
        compressed.set_nowait(f"first {number}", FORMS[form](value))
    pairs = [(f"later {number}", FORMS[form](value)) for number, value in enumerate(later)]
    keys = [(key,) for key, _ in pairs]
    sets = microseconds(compressed.set_nowait, pairs)
    microseconds(memory.set_nowait, pairs)
    assert [compressed.get_nowait(key) for key, _ in pairs] == [value for _, value in pairs]
    kept = sum(compressed.entry_nowait(key).weight for key, _ in pairs)
    size = sum(len(as_json(value).encode()) for value in later)
    taken = {compressed: [], memory: []}
    for number in range(ROUNDS):
        for store in random.Random(number).sample(list(taken), 2):
            taken[store].append(microseconds(store.get_nowait, keys))
    print(
        f"{size / (kept - len(keys) * sys.getsizeof(b'')):8.2f}{sum(weigh(value) for _, value in pairs) / kept:14.2f}"
        f"{sets:10.1f}" + "".join(f"{median(times):13.2f}" for times in taken.values())
    )


def test_compressed():
    print(f"\nPython {platform.python_version()}, zstandard {version('zstandard')}")
    for name, shortest, values in kinds():
        first, later = split(values, shortest)
        mean = sum(len(as_json(value).encode()) for value in later) / len(later)
        print(f"\n{name}: {len(first)}, then {len(later)} of {mean:.0f} bytes")
        print(f"{'kept as':14}{'level':>6}{'ratio':>8}{'with objects':>14}{'us a set':>10}", end="")
        print(f"{'us a get':>13}{'MemoryStore':>13}")
        for form, level in (("bytes", 3), ("bytes", 6), ("bytes", 9), ("text", 9), ("dict", 9)):
            print(f"{form:14}{level:6}", end="", flush=True)
            measure(first, later, form, level)
        with suppress(ImportError):
            orjson = import_module("postopt.backends.orjson").JSON
            print(f"{'dict, orjson':14}{9:6}", end="", flush=True)
            measure(first, later, "dict", 9, Codec(json=orjson))


if __name__ == "__main__":
    test_compressed()
