"""Of a server's words only names are let through, and none that tells a secret or quotes the prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.remote.redaction import Redaction, disguises

KEY = "sk-canary-7f3a"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("model_gone", True),
        ("gpt-4o:free@eu/x", True),
        ("messages[0].content", True),
        ("two words", False),
        ("line\nend", False),
        ("", False),
        ("x" * 201, False),
        ("caf\u00e9", False),
        (KEY, False),
        (KEY.upper(), False),
        (f"id-{KEY}", False),
        (KEY[:10], False),
        ("no_smith", False),
        ("IBAN:DE89", False),
    ],
)
def test_a_name(said, kept):
    redaction = Redaction((KEY,), "Mr Smith, iban de89 3704")
    assert redaction.name(said) == (said if kept else "")


def test_a_name_that_is_ours_may_be_in_the_prompt():
    redaction = Redaction((KEY,), "What is the temperature?")
    assert (redaction.name("temperature"), redaction.name("temperature", known=True)) == ("", "temperature")
    assert redaction.name(KEY, known=True) == ""


def test_a_text_loses_long_secrets_only():
    assert Redaction((KEY, "1"), "").text(f"1 {KEY} 2") == "1 *** 2"


@given(st.lists(st.text(min_size=1, max_size=12), max_size=4), st.text(max_size=20), st.text(max_size=20))
def test_no_name_holds_a_secret(secrets, before, after):
    redaction = Redaction(disguises(secrets), "")
    for secret in secrets:
        assert secret not in redaction.name(before + secret + after)


def test_disguises_are_decoded_and_encoded_longest_first():
    assert disguises(["a%2Fb", ""]) == ("a%252Fb", "a%2Fb", "a/b")
