"""Names and groups of rows."""

from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.database.rows import (
    KEY_GROUPS,
    NAME_BYTES,
    TAG_GROUPS,
    key_group,
    row_name,
    seal,
    tag_group,
    unseal,
)

keys = st.text(st.characters(), max_size=300)  # lone surrogates and NUL among them


@given(keys, keys)
def test_two_keys_have_two_names(one, other):
    assert (row_name(one) == row_name(other)) == (one == other)


@given(keys)
def test_a_name_is_short(key):
    assert 0 < len(row_name(key)) <= NAME_BYTES


def test_a_digest_is_no_short_key():
    """The name of a long key, as far as it can be written as a key, names another row."""
    name = row_name("x" * 1000)
    assert row_name(name.decode("latin-1")) != name
    assert row_name("=" + "x" * 10)[:2] == b"=="


def test_a_key_of_any_length_has_a_name():
    assert len({row_name("é" * length) for length in range(2 * NAME_BYTES)}) == 2 * NAME_BYTES


@given(keys)
def test_keys_and_tags_fall_into_groups_of_their_own(text):
    assert 0 <= key_group(row_name(text)) < KEY_GROUPS <= tag_group(text) < KEY_GROUPS + TAG_GROUPS


def test_groups_are_pinned():
    """They are persisted: all versions of all processes have to agree."""
    assert [key_group(row_name(key)) for key in ("", "k", "x" * 1000)] == [2360, 61505, 5811]
    assert [tag_group(tag) for tag in ("", "campaign 7", "ñ")] == [372963, 369493, 674562]


@given(keys, keys, st.binary(max_size=20))
def test_data_says_whose_it_is(one, other, data):
    sealed = seal(row_name(one), data)
    assert unseal(row_name(one), sealed) == data
    assert unseal(row_name(other), sealed) == (data if one == other else None)
    assert unseal(row_name(one), sealed[:7]) is None
