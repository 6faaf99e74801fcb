"""Names in Redis: no two things share one."""

from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.remote.naming import MAX_NAME, Names, text_of

texts = st.text(st.characters(codec=None, categories=None), max_size=20) | st.sampled_from(
    ["", ":", "a", "a:b", "v", "%", "k:"]
)
long_texts = st.integers(MAX_NAME, MAX_NAME + 60).map("k".__mul__)


def all_names(space, key):
    names = Names(space)
    kinds = (names.value, names.tag, names.lease, names.staging)
    return {*(kind(key) for kind in kinds), names.counter, names.releases}


@given(st.tuples(texts, texts | long_texts), st.tuples(texts, texts | long_texts))
def test_names_are_shared_only_by_the_same_thing(one, other):
    if one == other:
        assert all_names(*one) == all_names(*other)
    elif one[0] == other[0]:
        space = Names(one[0])
        assert all_names(*one) & all_names(*other) == {space.counter, space.releases}
    else:
        assert not all_names(*one) & all_names(*other)


@given(texts, texts | long_texts)
def test_a_name_says_what_it_stands_for_unless_it_is_a_digest(space, key):
    names = Names(space)
    for name, prefix in ((names.value(key), names.values), (names.tag(key), names.tags)):
        assert name.startswith(prefix)
        assert text_of(name[len(prefix) :]) == (key if len(key.encode("utf-8", "surrogatepass")) <= MAX_NAME else None)


def test_a_long_key_makes_a_short_name():
    assert len(Names("n").value("x" * 2**20)) < 100
    digest = Names("n").value("x" * 2**20).removeprefix(Names("n").values)
    assert Names("n").value(digest.decode()) != Names("n").value("x" * 2**20)


def test_what_is_none_of_our_names_stands_for_nothing():
    assert text_of(b"k:\xff") is None
    assert text_of(b"z:abc") is None
    assert text_of(b"") is None
