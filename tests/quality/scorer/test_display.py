"""A report as a table for a terminal."""

from postopt.judgement import Axis, Finding, QualityReport
from postopt.quality.display import table
from postopt.quality.scorer import QualityScorer
from postopt.types import Brief

BRIEF = Brief(topic="A bakery opens", facts={"price": "€8.25"}, forbidden=("cheap",))
TEXT = "Our cheap  bread\x1b is here!!!"


def test_it_shows_each_axis_with_value_findings_and_quoted_places():
    shown = table(QualityScorer().score(TEXT, BRIEF), TEXT)
    lines = shown.splitlines()
    assert lines[0].startswith("NOT fit to publish: ")
    assert lines[0].endswith("uncalibrated")
    assert [line.split()[:2] for line in lines if line[:1].isalpha()][1:] == [
        ["policy", "0.00"], ["platform", "0.00"], ["correctness", "0.33"], ["readability", "1.00"],
        ["fidelity", "0.00"], ["novelty", "-"], ["response", "-"],
    ]  # fmt: skip
    assert '! policy.forbidden_word at 4: "cheap" is forbidden.' in shown
    assert "- correctness.doubled_space at 9:" in shown
    assert "! facts.missing:" in shown
    assert max(map(len, lines)) <= 100


def test_a_place_that_the_message_does_not_quote_is_quoted():
    finding = Finding(rule="host.rule", axis="policy", message="Not so.", span=(4, 9))
    report = QualityReport(axes={"policy": Axis(name="policy", value=0.5, findings=(finding,))})
    assert 'host.rule at 4, "cheap": Not so.' in table(report, TEXT)


def test_lines_are_as_wide_as_asked_but_can_be_read():
    report = QualityScorer().score(TEXT, BRIEF)
    assert max(map(len, table(report, TEXT, width=60).splitlines())) <= 60
    assert table(report, TEXT, width=1) == table(report, TEXT, width=50)


def test_a_terminal_is_shown_nothing_that_it_would_obey():
    assert "\x1b" not in table(QualityScorer().score(TEXT, BRIEF), TEXT)


def test_without_the_text_places_are_numbers():
    assert "policy.forbidden_word at 4-9:" in table(QualityScorer().score(TEXT, BRIEF))


def test_what_is_fit_says_so_and_long_lists_are_cut():
    assert table(QualityScorer().score("We bake.")).startswith("fit to publish; uncalibrated")
    many = "a  b " * 30
    assert "and 23 more" in table(QualityScorer().score(many + "."), many)


def test_acceptance_is_shown_with_its_calibration():
    scorer = QualityScorer()
    for number in range(60):
        scorer.record(f"Text number {number}", ("accepted", "rejected")[number % 2])
    assert "accepted unchanged with probability 0.50 (no better than the base rate" in table(scorer.score("A text"))
