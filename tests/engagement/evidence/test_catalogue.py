"""The catalogue: what is shipped, what a host's experiments make of it, and files that cannot be read."""

import json
import math
import threading
from contextlib import suppress

import pytest

from postopt.engagement.advising.traits import TRAITS
from postopt.engagement.evidence import VERSION, EvidenceCatalogue
from postopt.errors import ModelFileError, NewerModelError, OutcomeError
from postopt.experiments import ExperimentStore


class TestShipped:
    def test_it_says_where_every_record_comes_from(self):
        catalogue = EvidenceCatalogue.default()
        assert len(catalogue) > 60
        for record in catalogue.records:
            assert (record.kind, record.outcome, record.language) == ("randomised", "clicks", "en")
            assert record.publisher == "Upworthy"
            assert "Upworthy Research Archive" in record.source
            assert record.years == (2013, 2015)
            assert record.n > 0
            assert record.interval.low <= record.lift <= record.interval.high

    @pytest.mark.parametrize("edit", ["question", "ends_with_question", "exclamation", "short", "at_most_12_words"])
    def test_the_evidence_speaks_against_folk_advice(self, edit):
        record = EvidenceCatalogue.default().about(edit)
        assert record.interval.high < 0
        assert record.stands

    @pytest.mark.parametrize("edit", ["he_she", "this_or_look", "at_least_70_characters", "without_question"])
    def test_and_for_a_person_for_pointing_and_for_length(self, edit):
        record = EvidenceCatalogue.default().about(edit)
        assert record.interval.low > 0
        assert record.stands

    def test_what_is_denied_is_reported_and_never_stands_for_a_suggestion(self):
        catalogue = EvidenceCatalogue.default()
        assert catalogue.about("negative_emotion").found
        assert not {"fear", "negative_emotion", "sensitive"} & {record.trait for record in catalogue.standing("en")}

    def test_effects_are_smaller_than_they_were_measured(self):
        for record in EvidenceCatalogue.default().records:
            assert abs(record.effect.log_odds) <= abs(record.measured) + 1e-9

    def test_it_is_read_once(self):
        assert EvidenceCatalogue.default() is EvidenceCatalogue.default()

    def test_nothing_stands_in_a_language_that_was_not_measured(self):
        assert EvidenceCatalogue.default().standing("es") == ()
        assert EvidenceCatalogue.default().about("question", language="es") is None
        assert EvidenceCatalogue.default().about("question", outcome="engagement") is None

    @pytest.mark.parametrize("tag", ["en", "EN_us", "en-GB"])
    def test_a_language_is_the_same_however_its_tag_is_written(self, tag, planted):
        catalogue = EvidenceCatalogue.default()
        assert catalogue.standing(tag) == catalogue.standing("en") != ()
        assert catalogue.about("question", language=tag) == catalogue.about("question")
        learned = EvidenceCatalogue([], spread=0.05).with_experiments(planted(50), language=tag)
        assert {record.language for record in learned.records} == {"en"}


class TestStanding:
    def test_each_lifts_and_the_surest_comes_first(self, known):
        weak, strong = known("question", -0.06), known("he_she", 0.2)
        standing = EvidenceCatalogue([weak, strong], spread=0.05).standing("en")
        assert [record.edit for record in standing] == ["he_she", "without_question"]
        assert all(record.lift > 0 for record in standing)

    def test_associations_come_last_however_strong(self, known):
        association = known("emoji", 0.9, kind="association", outcome="engagement")
        standing = EvidenceCatalogue([association, known("he_she", 0.06)], spread=0.05).standing("en")
        assert [record.kind for record in standing] == ["randomised", "association"]

    def test_an_association_never_contradicts_an_experiment(self, known):
        experiment = known("question", -0.1)
        association = known("question", 0.3, kind="association", outcome="engagement")
        standing = EvidenceCatalogue([experiment, association], spread=0.05).standing("en")
        assert [(record.edit, record.kind) for record in standing] == [("without_question", "randomised")]

    def test_the_randomised_record_is_the_one_that_is_asked_for(self, known):
        association = known("question", 0.3, kind="association")
        catalogue = EvidenceCatalogue([known("question"), association], spread=0.05)
        assert catalogue.about("question").kind == "randomised"
        assert EvidenceCatalogue([known("question").reversed()], spread=0.05).about("question").lift < 0


class TestHostsExperiments:
    def test_the_posterior_lies_between_catalogue_and_host_and_is_surer_than_either(self, known, planted):
        before = known("question", 0.05, error=0.03)
        catalogue = EvidenceCatalogue([before], spread=0.05)
        after = catalogue.with_experiments(planted()).about("question")
        assert -0.3 < after.effect.log_odds < 0.05
        assert after.effect.error < math.hypot(before.effect.error, 0.05)
        assert after.publisher == "the host"
        assert after.source == "tests; the host's own experiments"
        assert (after.n, after.pairs) > (before.n, before.pairs)

    def test_few_data_leave_the_prior_and_many_overrule_it(self, known, planted):
        catalogue = EvidenceCatalogue([known("question", 0.2, error=0.02)], spread=0.05)
        few = catalogue.with_experiments(planted(30)).about("question").effect.log_odds
        many = catalogue.with_experiments(planted(400)).about("question").effect.log_odds
        assert many < few < 0.2
        assert many == pytest.approx(-0.25, abs=0.08)

    def test_it_is_the_mean_weighted_by_precision(self, known, planted):
        prior = known("question", 0.05, error=0.03)
        data = EvidenceCatalogue([], spread=1e6).with_experiments(planted()).about("question")
        after = EvidenceCatalogue([prior], spread=0.04).with_experiments(planted()).about("question")
        weights = 1 / (0.03**2 + 0.04**2), 1 / data.effect.error**2
        mean = (weights[0] * 0.05 + weights[1] * data.measured) / sum(weights)
        assert after.effect.log_odds == pytest.approx(mean, rel=1e-3)
        assert after.effect.error == pytest.approx(sum(weights) ** -0.5, rel=1e-3)

    def test_a_second_batch_of_the_same_host_adds_up_with_the_first(self, known, planted):
        catalogue = EvidenceCatalogue([known("question", 0.05)], spread=0.05)
        first, second = planted(100, seed=1), planted(100, seed=2)
        one = catalogue.with_experiments(first).with_experiments(second)
        other = catalogue.with_experiments(second).with_experiments(first)
        together = catalogue.with_experiments([*first, *second])
        assert one.about("question").effect.log_odds == pytest.approx(other.about("question").effect.log_odds, abs=1e-4)
        assert one.about("question").effect.log_odds == pytest.approx(
            together.about("question").effect.log_odds, abs=0.02
        )
        assert one.about("question").source.count("the host's own experiments") == 1

    def test_what_the_host_contradicts_stands_no_longer(self, known, planted):
        catalogue = EvidenceCatalogue([known("question", 0.1), known("digits", 0.1)], spread=0.05)
        after = catalogue.with_experiments(planted())
        assert catalogue.about("question").stands
        assert after.about("question").confirmed is False
        assert not after.about("question").stands
        assert after.about("digits").stands

    def test_what_nobody_had_measured_has_to_be_seen_twice(self, planted):
        once = EvidenceCatalogue([], spread=0.1).with_experiments(planted(seed=1), language="es")
        assert not once.about("question", language="es").stands
        twice = once.with_experiments(planted(seed=2), language="es")
        assert twice.about("question", language="es").stands

    def test_another_outcome_is_a_record_of_its_own(self, known, planted):
        before = known("question", 0.1)
        after = EvidenceCatalogue([before], spread=0.05).with_experiments(planted(), outcome="reactions")
        assert after.about("question") == before
        assert after.about("question", outcome="reactions").lift < 0

    def test_what_does_not_vary_stays_as_it_is(self, known, planted):
        before = known("hashtag", 0.1)
        assert EvidenceCatalogue([before], spread=0.05).with_experiments(planted()).about("hashtag") == before

    def test_years_are_taken_together(self, known, planted):
        catalogue = EvidenceCatalogue([known("question"), known("digits", years=None)], spread=0.05)
        after = catalogue.with_experiments(planted(), years=(2024, 2025))
        assert after.about("question").years == (2013, 2025)
        assert after.about("digits").years == (2024, 2025)
        assert catalogue.with_experiments(planted()).about("question").years == (2013, 2015)

    def test_a_store_of_experiments_will_do(self, tmp_path, known, planted):
        with ExperimentStore(tmp_path / "store.sqlite") as store:
            for index, group in enumerate(planted(40)):
                rows = [(f"arm {arm}", text, n, clicks) for arm, (text, n, clicks) in enumerate(group)]
                store.import_counts(f"test {index}", rows)
            catalogue = EvidenceCatalogue([known("question", 0.05)], spread=0.05)
            assert catalogue.with_experiments(store) == catalogue.with_experiments(planted(40))

    def test_no_experiments_change_nothing(self, known):
        catalogue = EvidenceCatalogue([known()], spread=0.05)
        assert catalogue.with_experiments([]) == catalogue

    def test_the_catalogue_itself_is_never_changed(self, known, planted):
        catalogue = EvidenceCatalogue([known()], spread=0.05)
        catalogue.with_experiments(planted())
        assert catalogue == EvidenceCatalogue([known()], spread=0.05)

    @pytest.mark.parametrize("experiments", [None, "text", [[("a", 1, 2), ("b", 1, 0)]]])
    def test_what_are_no_experiments_is_refused(self, experiments):
        with pytest.raises(OutcomeError):
            EvidenceCatalogue([], spread=0.05).with_experiments(experiments)

    @pytest.mark.parametrize("name", ["outcome", "publisher", "source"])
    def test_an_empty_name_is_refused(self, name):
        with pytest.raises(ValueError, match=name):
            EvidenceCatalogue([], spread=0.05).with_experiments([], **{name: ""})


class TestFiles:
    def test_what_is_read_is_what_was_saved_and_equal_catalogues_are_equal_bytes(self, tmp_path, known):
        records = [known(), known("he_she", confirmed=None, years=None)]
        EvidenceCatalogue(records, spread=0.05).save(tmp_path / "a.json")
        EvidenceCatalogue(reversed(records), spread=0.05).save(tmp_path / "b.json")
        assert EvidenceCatalogue.load(tmp_path / "a.json") == EvidenceCatalogue(records, spread=0.05)
        assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()

    def test_every_cut_and_every_flipped_byte_is_seen(self, tmp_path, known):
        path = tmp_path / "catalogue.json"
        EvidenceCatalogue([known()], spread=0.05).save(path)
        whole, catalogue = path.read_bytes(), EvidenceCatalogue.load(path)
        for place in range(0, len(whole) - 2, 7):
            path.write_bytes(whole[:place])
            with pytest.raises(ModelFileError):
                EvidenceCatalogue.load(path)
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with suppress(ModelFileError):
                assert EvidenceCatalogue.load(path) == catalogue  # white space between values says nothing

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"7",
            b'"text"',
            b'{"format": "other"}',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"format": 1}',
        ],
    )
    def test_what_is_no_catalogue_is_refused(self, tmp_path, data):
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(ModelFileError):
            EvidenceCatalogue.load(tmp_path / "file")

    def test_no_file_is_refused(self, tmp_path):
        with pytest.raises(ModelFileError, match="absent"):
            EvidenceCatalogue.load(tmp_path / "absent.json")

    def test_a_newer_file_is_told_from_a_damaged_one(self, tmp_path, known):
        path = tmp_path / "catalogue.json"
        EvidenceCatalogue([known()], spread=0.05).save(path)
        written = json.loads(path.read_text())
        path.write_text(json.dumps(written | {"version": VERSION + 1}))
        with pytest.raises(NewerModelError, match="version"):
            EvidenceCatalogue.load(path)
        path.write_text(json.dumps(written | {"version": True}))
        with pytest.raises(ModelFileError):
            EvidenceCatalogue.load(path)

    def test_a_trait_that_nobody_here_can_look_for_is_newer_too(self, tmp_path, known):
        path = tmp_path / "catalogue.json"
        EvidenceCatalogue([known("not_yet_known")], spread=0.05).save(path)
        with pytest.raises(NewerModelError, match="not_yet_known"):
            EvidenceCatalogue.load(path)

    def test_a_record_that_cannot_be_is_refused(self, tmp_path, known):
        path = tmp_path / "catalogue.json"
        EvidenceCatalogue([known(pairs=-1)], spread=0.05).save(path)
        with pytest.raises(ModelFileError, match="cannot be"):
            EvidenceCatalogue.load(path)

    @pytest.mark.parametrize("spread", [-0.1, math.nan, math.inf, None, "x"])
    def test_a_spread_that_cannot_be_is_refused(self, spread):
        with pytest.raises(ValueError, match="spread"):
            EvidenceCatalogue([], spread=spread)

    @pytest.mark.parametrize("path", [None, 5, b"file", ["file"], "a\0b"])
    def test_what_is_no_path_is_refused(self, path, known):
        with pytest.raises(ValueError, match=r"path is .*; a path is needed"):
            EvidenceCatalogue.load(path)
        with pytest.raises(ValueError, match=r"path is .*; a path is needed"):
            EvidenceCatalogue([known()], spread=0.05).save(path)


class TestWrongArguments:
    @pytest.mark.parametrize("records", [None, 5, "question", {"question": 1}])
    def test_records_that_are_no_collection(self, records):
        with pytest.raises(ValueError, match=r"records is .*; Evidence in a list are needed"):
            EvidenceCatalogue(records, spread=0.1)
        with pytest.raises(ValueError, match=r"records is .*; Evidence in a list are needed"):
            EvidenceCatalogue.default().including(records)

    def test_a_record_on_what_is_no_text(self, known):
        with pytest.raises(ValueError, match="records has one on language None; a text is needed"):
            EvidenceCatalogue([known(language=None)], spread=0.1)

    @pytest.mark.parametrize("value", [None, 5, b"question", ["question"]])
    def test_names_that_are_no_texts(self, value):
        catalogue = EvidenceCatalogue.default()
        with pytest.raises(ValueError, match="edit is"):
            catalogue.about(value)
        with pytest.raises(ValueError, match="outcome is"):
            catalogue.about("question", outcome=value)
        for take in (catalogue.standing, lambda tag: catalogue.about("question", language=tag)):
            with pytest.raises(ValueError, match=r"language is .*; a tag such as 'en' is needed"):
                take(value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("language", None), ("language", 5), ("language", ["en"]), ("years", 5), ("years", "no"), ("years", (2013,)),
         ("years", (2015, 2013)), ("years", ("2013", "2015")), ("years", {1: 2}), ("years", [2013, math.nan])],
    )  # fmt: skip
    def test_experiments_of_an_unknown_language_or_time(self, name, value, planted):
        with pytest.raises(ValueError, match=f"{name} is"):
            EvidenceCatalogue.default().with_experiments(planted(20), **{name: value})


class TestValue:
    @pytest.mark.parametrize("record", [None, "question", {"trait": "question"}])
    def test_what_is_no_record_is_refused(self, record):
        with pytest.raises(ValueError, match="Evidence is needed"):
            EvidenceCatalogue([record], spread=0.05)

    def test_equal_catalogues_are_equal_and_hash_alike(self, known):
        one, other = (EvidenceCatalogue([known()], spread=0.05) for _ in range(2))
        assert one == other
        assert hash(one) == hash(other)
        assert one != EvidenceCatalogue([known()], spread=0.06)
        assert one != "catalogue"

    def test_of_two_records_on_one_thing_the_last_counts(self, known):
        catalogue = EvidenceCatalogue([known("question", -0.1)], spread=0.05).including([known("question", -0.2)])
        assert [record.effect.log_odds for record in catalogue.records] == [-0.2]

    def test_evidence_on_the_opposite_edit_is_the_same_evidence(self, known, planted):
        turned, plain = (EvidenceCatalogue([r], spread=0.05) for r in (known().reversed(), known()))
        assert turned == plain
        assert turned.with_experiments(planted(50)) == plain.with_experiments(planted(50))

    def test_threads_may_share_one(self, known):
        catalogue = EvidenceCatalogue([known(trait, 0.1) for trait in TRAITS], spread=0.05)
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(catalogue.standing("en"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(seen)) == 1
