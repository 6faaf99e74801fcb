"""A trace says in one line, and in one table, who answered and why."""

from postopt.types import Trace

FULL = Trace(
    tier="remote",
    model="small",
    source="other provider",
    attempts=3,
    retries=1,
    fallbacks=("big@host: rate limit", "big@host: <b>overloaded</b>"),
    waits=(("queue", 0.25), ("retry", 1.5)),
    cost_usd=0.00125,
    seconds=2.5,
    notes=("cut at the fold",),
)


def test_the_common_answer_is_short():
    assert Trace(tier="remote", model="small", cost_usd=0.0005, seconds=0.25).summary() == "small | 250 ms | $0.000500"
    assert Trace(tier="template", model="en").summary() == "en (template) | $0"
    assert Trace(tier="cache", model="m", saved_usd=0.25).summary() == "m (cache) | $0 | $0.250000 saved"


def test_a_long_story_fits_one_line():
    assert FULL.summary() == (
        "small as other provider | instead of big@host: rate limit; big@host: <b>overloaded</b> | 3 attempts, 1 retry"
        " | 250 ms in queue | 1.50 s in retry | 2.50 s | $0.001250 | cut at the fold"
    )


def test_what_may_have_been_paid_besides_is_told_apart():
    trace = Trace(tier="remote", model="m", cost_usd=0.25, unsettled_usd=0.5)
    assert trace.summary() == "m | $0.250000 and up to $0.500000 for calls given up"


def test_a_notebook_shows_a_table_without_foreign_markup():
    page = FULL._repr_html_()
    assert page.startswith("<table><tr><th>answered by</th><td>small (remote), other provider</td></tr>")
    assert "<td>3, of them retries: 1</td>" in page
    assert "&lt;b&gt;overloaded&lt;/b&gt;" in page


def test_the_table_leaves_out_what_there_is_nothing_to_say_about():
    page = Trace(tier="template", model="en", saved_usd=0.5)._repr_html_()
    assert "took" not in page
    assert "waited" not in page
    assert "<td>$0 ($0.500000 saved)</td>" in page
