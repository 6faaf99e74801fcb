"""A catalogue is built from past tests: the same tests, the same bytes."""

import csv
import gzip
from pathlib import Path

import pytest

from postopt.engagement.advising.cataloguing import build, main, sides
from postopt.engagement.evidence import EvidenceCatalogue
from postopt.errors import ReplayError
from postopt.experiments.replaytests import PastTest


@pytest.fixture(scope="module")
def tests(planted):
    return [
        PastTest(f"test {index}", tuple(group), f"2014{index // 10:02}") for index, group in enumerate(planted(300))
    ]


def write(path, tests):
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["test_id", "headline", "eyecatcher_id", "impressions", "clicks", "test_week", "randomization_risk"]
        )
        for test in tests:
            writer.writerows([test.id, text, "p", n, s, test.period, int(test.risk)] for text, n, s in test.arms)


class TestBuilding:
    def test_what_was_planted_stands_and_the_rest_does_not(self, tests):
        catalogue = build(tests)
        standing = {record.trait for record in catalogue.records if record.stands}
        assert {"question", "digits", "fear"} <= standing
        assert "comma" not in standing
        assert "fear" not in {record.trait for record in catalogue.standing("en")}
        assert catalogue.about("question").confirmed is True

    def test_what_holds_in_earlier_tests_only_is_not_confirmed(self, planted):
        groups = [*planted(180, seed=1), *planted(120, seed=2, effect=-0.25)]
        tests = [PastTest(str(index), tuple(group), f"{index:04}") for index, group in enumerate(groups)]
        assert build(tests).about("question").confirmed is False

    def test_the_order_of_the_tests_changes_nothing(self, tests):
        assert build(tests) == build(tests[::-1])

    def test_faulty_tests_are_left_out(self, tests, planted):
        faulty = [PastTest(f"faulty {i}", tuple(g), "201301", risk=True) for i, g in enumerate(planted(50, effect=-3))]
        assert build([*tests, *faulty]) == build(tests)

    def test_too_few_tests_make_an_empty_catalogue(self, tests):
        assert len(build(tests[:5])) == len(build([])) == 0


class TestSides:
    def test_later_tests_share_no_text_with_earlier_ones(self):
        tests = [PastTest(str(i), ((f"text {i}", 9, 1), (f"text {i + i % 2}", 9, 2)), f"{i:02}") for i in range(40)]
        tests.append(PastTest("late twin", (("text 3", 9, 1), ("text 90", 9, 2)), "99"))
        earlier, later = sides(tests)
        seen = {text for group in earlier for text, _, _ in group}
        assert seen.isdisjoint(text for group in later for text, _, _ in group)
        assert any("text 90" in text for group in earlier for text, _, _ in group)

    def test_they_are_earlier_and_later(self):
        tests = [PastTest(str(i), ((f"a{i}", 9, 1), (f"b{i}", 9, 2)), f"{i:02}") for i in (3, 1, 0, 2, 4)]
        earlier, later = sides(tests)
        assert [group[0][0] for group in earlier] == ["a0", "a1", "a2"]
        assert [group[0][0] for group in later] == ["a3", "a4"]


class TestCommand:
    def test_the_same_file_gives_the_same_bytes(self, tests, tmp_path):
        write(tmp_path / "tests.csv.gz", tests)
        for name in ("a.json", "b.json"):
            main([str(tmp_path / "tests.csv.gz"), str(tmp_path / name)])
        assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
        assert EvidenceCatalogue.load(tmp_path / "a.json") == build(tests)

    def test_headlines_under_different_pictures_are_not_compared(self, tmp_path):
        path = tmp_path / "tests.csv"
        path.write_text("test_id,headline,eyecatcher_id,impressions,clicks\nt,A?,1,9,1\nt,B,2,9,2\n")
        main([str(path), str(tmp_path / "catalogue.json")])
        assert len(EvidenceCatalogue.load(tmp_path / "catalogue.json")) == 0

    def test_a_file_without_the_picture_is_refused(self, tmp_path):
        path = tmp_path / "tests.csv"
        path.write_text("test_id,headline,impressions,clicks\nt,A?,9,1\nt,B,9,2\n")
        with pytest.raises(ReplayError, match="eyecatcher_id"):
            main([str(path), str(tmp_path / "catalogue.json")])

    @pytest.mark.parametrize("arguments", [[], ["one"], ["1", "2", "3"]])
    def test_other_arguments_are_answered_with_the_usage(self, arguments):
        with pytest.raises(SystemExit, match="usage"):
            main(arguments)

    @pytest.mark.shared_data
    @pytest.mark.long
    def test_the_shipped_catalogue_is_rebuilt_byte_for_byte(self, shared_data, tmp_path):
        main([str(shared_data / "ab" / "upworthy_open.csv.gz"), str(tmp_path / "catalogue.json")])
        shipped = Path(main.__code__.co_filename).parents[1] / "catalogue.json"
        assert (tmp_path / "catalogue.json").read_bytes() == shipped.read_bytes()
