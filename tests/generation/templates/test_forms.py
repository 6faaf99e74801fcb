from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.templates import forms
from postopt.generation.templates.axes import Axis, axes_of
from postopt.generation.templates.bank import builtin
from postopt.generation.templates.clause import Option
from postopt.types import Brief


def test_a_missing_part_leaves_no_gap(bank):
    brief = Brief(topic="Sale", tone="friendly", facts={"loaf": "$8"})
    axes = axes_of(bank, brief, None, lambda text: True)
    assert set(axes) == {"hook", "lead", "offer", "facts", "reordered", "tight", "close", "topic"}
    for form in [*forms.choose(axes, None), forms.full(axes, None)]:
        text, _ = form.join([0] * (1 + len(form.axes)))
        assert text == text.strip()
        assert "\n\n\n" not in text
        assert "  " not in text


def test_the_richest_form_is_taken_without_a_limit(brief):
    axes = axes_of(builtin("en", "friendly"), brief, None, lambda text: True)
    assert len(forms.choose(axes, None)) == len(forms.BALANCED)


@given(st.integers(1, 400))
def test_every_post_of_a_chosen_form_fits(bank, brief, limit):
    axes = axes_of(bank, brief, None, lambda text: True)
    for form in forms.choose(axes, limit):
        longest = [max(range(len(axis.lengths)), key=axis.lengths.__getitem__) for axis in form.axes]
        for shape in range(len(form.shapes)):
            assert len(form.join([shape, *longest])[0]) <= limit


@given(st.integers(1, 200))
def test_nothing_fits_only_below_the_shortest(bank, brief, limit):
    axes = axes_of(bank, brief, None, lambda text: True)
    assert bool(forms.choose(axes, limit)) == (limit >= forms.shortest(axes))


def test_an_axis_holds_each_text_once():
    assert Axis.of("hook", [Option("a"), Option("b"), Option("a")]).lengths == (1, 1)
