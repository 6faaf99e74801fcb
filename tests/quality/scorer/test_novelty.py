"""How near a text is to recent ones."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.novelty import RecentPosts, check

OLD = "We bake bread every morning in the old mill by the river."


def similarity(text, *recent):
    return RecentPosts(recent).nearest(text).similarity


class TestSimilarity:
    def test_the_same_words_are_a_duplicate_whatever_their_marks_and_case(self):
        assert similarity("we bake BREAD every morning, in the old mill - by the river!", OLD) == 1

    def test_it_is_the_share_of_shingles_in_common(self):
        # "a b c d" has abc, bcd; "a b c e" has abc, bce: one of three.
        assert similarity("a b c d", "a b c e") == pytest.approx(1 / 3)

    def test_nothing_in_common_is_zero(self):
        assert RecentPosts([OLD]).nearest("Quite another thing altogether") == (0.0, "", None)

    @pytest.mark.parametrize("text", ["", "🎉🎉", "...", "a", "a b", "パンを焼きます", "\x00", "İstanbul ß"])
    def test_short_and_strange_texts_are_duplicates_of_themselves_alone(self, text):
        assert similarity(text, text) == 1
        assert similarity(text, OLD, "another word") == 0

    def test_ideographs_are_compared_one_by_one(self):
        assert similarity("毎日パンを焼きます", "毎日パンを食べます") == pytest.approx(3 / 11)

    def test_the_longest_shared_passage_is_quoted(self):
        text = "News: every morning in the old mill, somebody bakes bread every day."
        match = RecentPosts([OLD]).nearest(text)
        assert text[slice(*match.span)] == "every morning in the old mill"

    def test_a_text_is_compared_with_all_but_itself_if_wanted(self):
        recent = RecentPosts(["a b c e", OLD])
        assert recent.nearest(OLD, beside_itself=True).similarity == 0

    @given(st.lists(st.text("ab ", max_size=12), max_size=5), st.text("ab ", max_size=12))
    def test_it_is_the_greatest_of_the_pairwise_ones(self, texts, new):
        expected = max((similarity(new, text) for text in texts), default=0.0)
        assert RecentPosts(texts).nearest(new).similarity == expected


class TestRecentPosts:
    def test_older_ones_are_forgotten_beyond_the_limit_and_leave_nothing_behind(self):
        recent = RecentPosts((f"number {n} of many" for n in range(50)), most=3)
        assert len(recent) == 3
        assert recent.nearest("number 46 of many").similarity < 1
        assert recent.nearest("number 47 of many").similarity == 1
        assert len(recent._index) == len({key for kept in recent._kept.values() for key in kept.shingles})

    def test_what_is_added_again_counts_once_and_is_the_newest(self):
        recent = RecentPosts(["one two three", "four five six", "one two three"], most=2)
        recent.add("seven eight nine")
        assert recent.nearest("one two three").similarity == 1
        assert recent.nearest("four five six").similarity == 0

    def test_a_text_of_a_megabyte_takes_bounded_memory(self):
        recent = RecentPosts(["word " * 200_000])
        assert sum(len(places) for kept in recent._kept.values() for places in kept.shingles.values()) <= 16
        assert recent.nearest("word " * 100).similarity == 1

    @pytest.mark.parametrize("texts", ["a text", [1], [b"x"], [None]])
    def test_what_is_no_list_of_texts_is_refused(self, texts):
        with pytest.raises(ValueError, match="recent"):
            RecentPosts(texts)

    def test_a_limit_below_one_is_refused(self):
        with pytest.raises(ValueError, match="most"):
            RecentPosts(most=0)

    def test_threads_add_and_compare_at_once(self):
        recent = RecentPosts(most=10)
        failed = []

        def work(number):
            try:
                for turn in range(200):
                    recent.add(f"text {number} turn {turn % 20} of it")
                    recent.nearest(f"text {number} turn 3 of it")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert len(recent) == 10


class TestCheck:
    def test_a_near_duplicate_is_found_with_its_place(self):
        text = OLD.replace("bread", "rolls")
        value, (finding,) = check(text, RecentPosts([OLD]))
        assert (finding.rule, finding.hard) == ("novelty.near_duplicate", False)
        assert text[slice(*finding.span)] == "every morning in the old mill by the river"
        assert value == pytest.approx(1 - 7 / 13)

    def test_a_duplicate_has_a_rule_of_its_own(self):
        assert check(OLD, RecentPosts([OLD]))[1][0].rule == "novelty.duplicate"

    def test_nothing_is_found_in_what_is_new(self):
        assert check("Quite another thing", RecentPosts([OLD])) == (1.0, [])
