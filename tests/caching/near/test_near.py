"""The index: steps, contexts, bounds, threads, embedders."""

import random
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from postopt.caching.near import MAX_CANDIDATES, Match, NearDuplicates, split_prompt
from postopt.errors import CacheValueError
from postopt.types import Brief, Prompt

BREAD = "Write a friendly post about our new sourdough bread, price 3.50 €"
ASKED_AGAIN = "please write a friendly Facebook post on our new sourdough bread (price: €3.50)"
LOOSE = ("We reveal an easy trick for beginners", "We reveal a simple trick for novices")


class Scripted:
    """An embedder that finds all texts alike, or does as it is told."""

    def __init__(self, rows=None):
        self.rows = rows
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        if isinstance(self.rows, Exception):
            raise self.rows
        return np.ones((len(texts), 3)) if self.rows is None else self.rows


@pytest.fixture
def near():
    return NearDuplicates()


class TestSteps:
    def test_exact(self, near):
        near.add(BREAD, "post 1")
        assert near.find(BREAD) == Match("post 1", BREAD, "exact", 1.0)

    @pytest.mark.parametrize(
        "text", [BREAD.upper(), f"  {BREAD}\n", BREAD.replace(" ", "\u00a0"), BREAD.replace("3", "３")]
    )
    def test_normalised(self, near, text):
        near.add(BREAD, "post 1")
        assert near.find(text) == Match("post 1", BREAD, "normalised", 1.0)

    def test_similar(self, near):
        near.add(BREAD, "post 1")
        found = near.find(ASKED_AGAIN)
        assert (found.value, found.text, found.how) == ("post 1", BREAD, "similar")
        assert 0 < found.similarity <= 1

    def test_a_miss(self, near):
        near.add(BREAD, "post 1")
        assert near.find(BREAD.replace("3.50", "3.60")) is None
        assert near.find("") is None

    def test_a_falsy_value_is_a_hit(self, near):
        for number, value in enumerate((None, 0, "", b"")):
            near.add(f"Write a post about lamp {number}", value)
            assert near.find(f"Please write a post about lamp {number}").value == value

    def test_a_text_in_another_language_is_found_normalised_only(self, near):
        near.add("Unser neues Brot kostet 3 €", 1)
        assert near.find("UNSER neues  Brot kostet 3 €").how == "normalised"
        assert near.find("Unser neues Brot, kostet 3 €") is None

    def test_the_same_text_again_replaces_its_value(self, near):
        near.add(BREAD, 1)
        near.add(BREAD, 2)
        assert (near.find(BREAD).value, len(near)) == (2, 1)

    def test_the_newest_of_several_is_returned(self, near):
        near.add(BREAD, 1)
        near.add(BREAD.upper(), 2)
        assert near.find(BREAD).value == 1
        assert near.find(BREAD.lower()).value == 2
        assert near.find(ASKED_AGAIN).value == 2
        assert near.remove(BREAD.upper())
        assert near.find(BREAD.lower()).value == near.find(ASKED_AGAIN).value == 1


class TestCaseThatCounts:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Write about US products", "Write about us products"),
            ("Visit the Apple shop", "Visit the apple shop"),
            ("A card of 5 MB", "A card of 5 Mb"),
            ("See https://a.example/Menu now", "See https://a.example/menu now"),
            ("A post on 10² users", "A post on 102 users"),
            ("A post on 10₂ users", "A post on 102 users"),
            ("A turbine of 5 MW", "A turbine of 5 mW"),
            ("Polish jobs", "polish jobs"),
            ("Polish Jobs", "polish jobs"),
            ("US bakery opens", "us bakery opens"),
            ("May sale", "may sale"),
            ("In Maßen genießen", "In Massen genießen"),
        ],
    )
    def test_is_no_match(self, near, one, other):
        for first, second in ((one, other), (other, one)):
            near.clear()
            near.add(first, 1)
            assert near.find(second) is None

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Summer Sale Today", "summer sale today"),
            ("Visit us in May", "VISIT US IN MAY"),
            ("It is open again", "it is open again"),
            ("See HTTPS://A.EXAMPLE/menu", "See https://a.example/menu"),
        ],
    )
    def test_does_not_where_it_says_nothing(self, near, one, other):
        near.add(one, 1)
        found = near.find(other)
        assert found is None or found.how == "normalised"
        assert found is not None or one.startswith(("Visit", "See"))


class TestContext:
    def test_is_compared_as_a_whole(self, near):
        contexts = [None, {"tenant": "a"}, {"tenant": "b"}, {"tenant": "a", "tone": "friendly"}, {"forbidden": ["win"]}]
        for number, context in enumerate(contexts):
            near.add(BREAD, number, context=context)
        for number, context in enumerate(contexts):
            assert near.find(BREAD, context=context).value == number
            assert near.find(BREAD.lower(), context=context).value == number
            assert near.find(ASKED_AGAIN, context=context).value == number
        assert near.find(ASKED_AGAIN, context={"tenant": "c"}) is None
        assert near.find(BREAD, context={}).value == 0

    def test_its_language_is_what_the_text_is_read_in(self, near):
        near.add("Outlet -20 %", 1, context={"language": "es"})
        assert near.find("Outlet: -20 por ciento", context={"language": "es"}).how == "similar"
        near.add("Outlet -20 %", 1, context={"language": 5})
        assert near.find("Outlet: -20 por ciento", context={"language": 5}) is None

    def test_what_json_cannot_hold_is_refused(self, near):
        for call in (near.find, near.remove, lambda text, context: near.add(text, 1, context=context)):
            with pytest.raises(CacheValueError, match="cannot be compared"):
                call(BREAD, context={"tone": object()})
        assert len(near) == 0

    def test_a_prompt_is_split_into_text_and_context(self, near):
        def prompt(topic, text="", **changes):
            facts = {"price": "€3.50"}
            return Prompt(brief=Brief(topic=topic, facts=facts, **changes), text=text, tenant="t")

        text, context = split_prompt(prompt("our new bread for the kids"))
        near.add(text, "key", context=context)
        text, context = split_prompt(prompt("Our new bread, for the children!"))
        assert near.find(text, context=context).how == "similar"
        for changes in ({"tone": "urgent"}, {"brand": "Crumb"}, {"forbidden": ("cheap",)}, {"language": "en-GB"}):
            text, context = split_prompt(prompt("our new bread for the kids", **changes))
            assert near.find(text, context=context) is None
        text, context = split_prompt(prompt("our new bread for the kids"), generator="other")
        assert near.find(text, context=context) is None
        assert split_prompt(prompt("bread", "Write it well."))[0] == "bread\nWrite it well."


class TestBounds:
    def test_the_least_recently_used_goes_first(self):
        near = NearDuplicates(max_entries=3)
        for number in range(3):
            near.add(f"Write a post about lamp {number}", number)
        assert near.find("Please write a post about lamp 0") is not None
        near.add("Write a post about lamp 3", 3)
        found = [near.find(f"Write a post about lamp {number}") for number in range(4)]
        assert [match and match.value for match in found] == [0, None, 2, 3]
        assert near.stats().evicted == 1

    def test_bytes_are_bounded(self):
        near = NearDuplicates(max_bytes=50_000)
        for number in range(100):
            near.add(f"Write a post about lamp {number}", None)
        assert 0 < near.stats().bytes <= 50_000
        assert 5 < len(near) < 20
        near.add("x" * 50_000, None)
        assert len(near) == 0

    def test_the_stated_bytes_are_about_the_real_ones(self):
        texts = [f"Write a {tone} post about lamp {number} and {number + 1} cakes until Sunday"
                 for number in range(200) for tone in ("short", "funny")]  # fmt: skip
        near = NearDuplicates()
        near.add(texts[0], None)
        tracemalloc.start()
        try:
            for text in texts[1:]:
                near.add(text, None)
            real = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert 0.6 < real / near.stats().bytes < 1.2

    def test_nothing_is_left_of_what_was_removed(self, near):
        texts = [f"Write a post about lamp {number % 40} and tea {number}" for number in range(200)]
        for text in texts:
            near.add(text, None, context={"tenant": len(text)})
        for text in texts[:100]:
            assert near.remove(text, context={"tenant": len(text)})
            assert not near.remove(text, context={"tenant": len(text)})
        near.clear()
        assert (len(near), near.stats().bytes) == (0, 0)
        assert not any((near._items, near._by_text, near._by_normal, near._by_band))

    def test_a_band_keeps_the_newest_and_a_distinctive_word_is_found_all_the_same(self):
        near = NearDuplicates()
        names = [f"name{number}" for number in range(12 * MAX_CANDIDATES)]
        for name in names:
            near.add(f"Write a friendly post about our new bread from {name}", name)
        assert max(map(len, near._by_band.values())) == MAX_CANDIDATES
        found = [near.find(f"please write a friendly post on our new bread from {name}") for name in names]
        wrong = [name for name, match in zip(names, found, strict=True) if match and match.value != name]
        assert wrong == []
        # One band in four holds the name's smallest number with probability near 1 - (1 - 1/6)**4.
        assert sum(match is not None for match in found) > 0.8 * len(names)

    @pytest.mark.parametrize(
        "limits", [{"max_entries": 0}, {"max_bytes": 0}, {"min_cosine": 1.5}, {"min_cosine": float("nan")}]
    )
    def test_impossible_limits_are_refused(self, limits):
        with pytest.raises(CacheValueError):
            NearDuplicates(**limits)


class TestEmbedder:
    def test_finds_what_only_the_loose_lists_call_the_same(self):
        near = NearDuplicates(embedder=Scripted())
        near.add(LOOSE[0], 1)
        assert near.find(LOOSE[1]) == Match(1, LOOSE[0], "embedding", pytest.approx(1.0))
        assert NearDuplicates().find(LOOSE[1]) is None

    def test_never_overrides_the_gate(self):
        near = NearDuplicates(embedder=Scripted(), min_cosine=-1)
        near.add("Our shop opens on Sunday", 1)
        for text in ("Our shop closes on Sunday", "Our shop never opens on Sunday", "Our shop opens on Monday"):
            assert near.find(text) is None

    def test_candidates_below_the_threshold_are_misses(self):
        embedder = Scripted(np.array([[1.0, 0.0]]))
        near = NearDuplicates(embedder=embedder)
        near.add(LOOSE[0], 1)
        embedder.rows = np.array([[0.6, 0.8]])
        assert near.find(LOOSE[1]) is None

    @pytest.mark.parametrize(
        "rows",
        [RuntimeError("down"), np.zeros((1, 3)), np.full((1, 3), np.nan), np.ones(3), np.ones((2, 3)), "x", [[np.inf]]],
    )
    def test_one_that_fails_is_a_miss_and_counted(self, rows):
        embedder = Scripted(rows)
        near = NearDuplicates(embedder=embedder)
        near.add(LOOSE[0], 1)
        assert near.find(LOOSE[1]) is None
        assert near.find(LOOSE[0]).how == "exact"
        assert near.stats().embedder_failures == 2
        embedder.rows = None
        assert near.find(LOOSE[1]) is None  # the first text has no vector

    def test_one_that_changes_its_length_is_a_miss(self):
        embedder = Scripted()
        near = NearDuplicates(embedder=embedder)
        near.add(LOOSE[0], 1)
        embedder.rows = np.ones((1, 4))
        assert near.find(LOOSE[1]) is None

    def test_is_asked_only_where_nothing_else_found_anything(self):
        embedder = Scripted()
        near = NearDuplicates(embedder=embedder)
        near.add(BREAD, 1)
        near.find(BREAD)
        near.find(ASKED_AGAIN)
        near.find("Unser Brot")
        assert embedder.asked == [BREAD]

    def test_what_was_removed_is_not_found(self):
        near = NearDuplicates(embedder=Scripted(), max_entries=1)
        near.add(LOOSE[0], 1)
        near.add(LOOSE[0].upper(), 2)
        assert near.find(LOOSE[1]).value == 2
        near.add(BREAD, 3)
        assert near.find(LOOSE[1]) is None
        near.clear()
        assert near._vectors._buckets == {}


def test_counts():
    near = NearDuplicates(max_entries=2)
    near.add(BREAD, 1)
    for text in (BREAD, BREAD.lower(), ASKED_AGAIN, BREAD.replace("bread", "cake"), "Brot"):
        near.find(text)
    counts = near.stats()
    assert (counts.entries, counts.exact, counts.normalised, counts.similar, counts.misses) == (1, 1, 1, 1, 2)
    assert counts.refused in (0, 1)
    near.add("Write a post about a lamp", 2)
    near.add("Write a post about two lamps", 3)
    assert near.stats().evicted == 1


def test_threads_may_share_it():
    near = NearDuplicates(max_entries=50)

    def work(seed):
        draw = random.Random(seed)
        for _ in range(150):
            number = draw.randrange(80)
            text = f"Write a post about lamp {number}"
            step = draw.randrange(4)
            if step == 0:
                near.add(text, number)
            elif step == 1:
                near.remove(text)
            else:
                found = near.find(draw.choice((text, text.upper(), f"Please {text.lower()}")))
                assert found is None or found.value == number
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert len(near) <= 50
    near.clear()
    assert not any((near._by_text, near._by_normal, near._by_band))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "🙂" * 1000,
        "\ud800 and more",
        "\x00",
        "\u202eabc",
        "\u200b".join("bread and cakes"),
        "вrеаd",
        "عربى مع english و 15 %",
        "a" * 1_000_000,
        "1" * 1_000_000,
        "a1" * 500_000,
        "a-" * 500_000,
        "1.1," * 250_000,
        "a@" * 500_000,
        "'s " * 300_000,
        "write " * 200_000,
        "the of " * 3_000,
        "until Sunday at " * 1_200,
        "for €5 from " * 1_500,
        "(((((" * 4_000,
        "9-11 to " * 2_500,
        "one hundred and " * 1_200,
        "the cat of the dog, " * 900,
        "our plan of the boss " * 900,
    ],
    ids=lambda text: repr(text[:12]) + f" {len(text)}",
)
def test_any_text_is_taken(near, text):
    near.add("our bread and cakes for the kids", 1)
    assert near.find(text) is None
    near.add(text, 2)
    assert near.find(text) == Match(2, text, "exact", 1.0)
    near.find(text + " x")


def test_hash_randomisation_changes_nothing():
    script = (
        "from postopt.caching.near import NearDuplicates, _bucket\n"
        "from postopt.caching.gate.meaning import read\n"
        "near = NearDuplicates()\n"
        "for number in range(50):\n"
        "    near.add(f'Write a post about lamp {number} and {number} cakes', number)\n"
        "print(sorted(key.hex() for key in near._by_band)[:5], _bucket(read('our bread for kids'), b'').hex())\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, timeout=60
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert printed != {b""}
