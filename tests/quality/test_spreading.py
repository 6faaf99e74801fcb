"""Lists of expressions that begin with letters find what they found."""

import re

import pytest

from postopt.quality.rules.attributes import DID, HAS, IS
from postopt.quality.rules.spreading import spread


@pytest.mark.parametrize(
    ("words", "spread_out"),
    [
        ("(?:bad|poor) credit", "bad credit|poor credit"),
        ("(?:very )?bad|good", "very bad|bad|good"),
        ("(?:a|b(?:c|d))e", "ae|b(?:c|d)e"),
        ("(?:a|b)+c|(?:a|b){2}", "(?:a|b)+c|(?:a|b){2}"),
        (r"a[(|]b|\(?:c|d", r"a[(|]b|\(?:c|d"),
        ("", ""),
    ],
)
def test_groups_at_the_beginning_are_spread(words, spread_out):
    assert spread(words) == spread_out


def test_the_lists_match_the_same():
    text = "Bad credit, poor credit, single mums in their thirties, gente con diabetes y madres solteras, ex-addicts"
    for kinds in (*IS.values(), *HAS.values(), *DID.values()):
        for words in kinds.values():
            plain, fast = (re.compile(rf"(?<!\w)(?:{each})(?!\w)", re.IGNORECASE) for each in (words, spread(words)))
            assert [m.span() for m in plain.finditer(text)] == [m.span() for m in fast.finditer(text)]
