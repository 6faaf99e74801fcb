"""A human sees what changed and why."""

from hypothesis import given
from hypothesis import strategies as st

from postopt.prompts.diff import PromptDiff
from postopt.prompts.lineage import Evidence, Version
from postopt.prompts.template import PromptTemplate

EVIDENCE = Evidence("question", -0.12, (-0.2, -0.05), 321)
BEFORE = Version(template=PromptTemplate("Write about {topic} & ask."))
AFTER = Version(
    template=PromptTemplate("Write about {topic} <now>.", "Calm.", ("Be brief.",)),
    parents=(BEFORE.version,), edit="calmer", evidence=(EVIDENCE,), proposer="edits",
)  # fmt: skip
DIFF = PromptDiff(BEFORE, AFTER, (AFTER,))


def test_as_text():
    shown = str(DIFF)
    assert shown.startswith(f"{BEFORE.short} -> {AFTER.short}\n{AFTER.short} by edits: calmer\n")
    assert "  question: -12.0% [-20.0%, -5.0%], n = 321" in shown
    assert shown.endswith("{+System: Calm.\n+}Write about {topic} [-& ask-]{+<now>.\n- Be brief+}.")


def test_in_a_notebook_everything_is_escaped():
    html = DIFF._repr_html_()
    assert "<ins>&lt;now&gt;.\n- Be brief</ins>" in html
    assert "<del>&amp; ask</del>" in html
    assert "n = 321" in html
    assert "<now>" not in html


def test_a_base_prompt_says_that_it_is_as_given():
    assert PromptDiff(BEFORE, BEFORE, (BEFORE,)).reasons == (f"{BEFORE.short} by base: as it was given",)


@given(st.text("ab {}.\n", min_size=1), st.text("ab {}.\n", min_size=1))
def test_the_runs_are_both_texts(before, after):
    escape = str.maketrans({"{": "{{", "}": "}}"})
    one, other = (Version(template=PromptTemplate("x" + text.translate(escape))) for text in (before, after))
    runs = PromptDiff(one, other, (other,)).words
    assert "".join(text for kind, text in runs if kind != "added") == one.template.text
    assert "".join(text for kind, text in runs if kind != "removed") == other.template.text


def test_long_prompts_are_compared_in_time():
    many = " ".join(f"the word {place}." for place in range(500))
    one, other = Version(template=PromptTemplate(many)), Version(template=PromptTemplate(many.replace(" 7", " the 8")))
    assert len(PromptDiff(one, other, (other,)).words) > 20
