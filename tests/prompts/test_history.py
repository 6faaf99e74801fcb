"""Versions are kept as they were first seen, with where they come from."""

import json

import pytest

from postopt.errors import PromptError, UnknownPromptError
from postopt.experiments.store import ExperimentStore
from postopt.prompts.history import PromptHistory
from postopt.prompts.lineage import Evidence, Version
from postopt.prompts.template import PromptTemplate


def version(text, *parents, **rest):
    return Version(template=PromptTemplate(text), parents=tuple(one.version for one in parents), **rest)


BASE = version("{topic}")
CHILD = version("{topic} a", BASE, edit="a", evidence=(Evidence("we", 0.1, (0.05, 0.2), 9),), proposer="edits")
OTHER = version("{topic} b", BASE)
GRANDCHILD = version("{topic} ab", OTHER, CHILD)
STRANGER = version("{topic} z")


def test_json_gives_an_equal_version_back():
    assert Version.from_mapping(json.loads(json.dumps(CHILD.to_dict()))) == CHILD


@pytest.mark.parametrize(
    "data", [{}, {"template": {}}, {**CHILD.to_dict(), "evidence": [{}]}, None, {**CHILD.to_dict(), "evidence": 3}]
)
def test_foreign_json_is_refused(data):
    with pytest.raises(PromptError):
        Version.from_mapping(data)


def test_the_first_one_stays(store):
    history = PromptHistory(store, "p")
    assert history.add(CHILD, 5.0)
    assert not history.add(version("{topic} a", edit="again"), 6.0)
    assert history.get(CHILD.version).edit == "a"
    assert history.get(CHILD.version).at == 5.0


def test_is_read_by_the_beginning_of_its_name(store):
    history = PromptHistory(store, "p")
    for at, one in enumerate((BASE, CHILD, OTHER)):
        history.add(one, at)
    assert history.get(CHILD.short).template == CHILD.template
    for wrong, words in (("", "no prompt"), ("zz", "no prompt"), ("None", "no prompt")):
        with pytest.raises(UnknownPromptError, match=words):
            history.get(wrong)
    assert [one.template for one in history.all()] == [BASE.template, CHILD.template, OTHER.template]


def test_a_beginning_that_several_have_names_none(store):
    history = PromptHistory(store, "p")
    many = [version(f"{{topic}} {place}") for place in range(17)]  # of 17 versions two begin alike
    for one in many:
        history.add(one, 0.0)
    first = [one.version[0] for one in many]
    with pytest.raises(UnknownPromptError, match="prompts have"):
        history.get(next(digit for digit in first if first.count(digit) > 1))


def test_optimizers_of_one_store_do_not_see_each_other_s(store):
    PromptHistory(store, "a/b").add(BASE, 0.0)
    assert PromptHistory(store, "a").all() == ()
    with pytest.raises(UnknownPromptError):
        PromptHistory(store, "a").get(BASE.version)


def test_the_path_leads_by_the_parents(store):
    history = PromptHistory(store, "p")
    for one in (BASE, CHILD, OTHER, GRANDCHILD, STRANGER):
        history.add(one, 0.0)
    assert [one.short for one in history.path(BASE.version, GRANDCHILD.version)] == [OTHER.short, GRANDCHILD.short]
    assert [one.short for one in history.path(CHILD.short, GRANDCHILD.short)] == [GRANDCHILD.short]
    assert [one.short for one in history.path(GRANDCHILD.version, BASE.version)] == [BASE.short]
    assert [one.short for one in history.path(OTHER.version, CHILD.version)] == [CHILD.short]
    assert [one.short for one in history.path(STRANGER.version, GRANDCHILD.version)] == [GRANDCHILD.short]


def test_what_another_process_wrote_is_seen(tmp_path):
    path = tmp_path / "store.db"
    with ExperimentStore(path) as one, ExperimentStore(path) as other:
        PromptHistory(one, "p").add(BASE, 0.0)
        assert PromptHistory(other, "p").get(BASE.version).template == BASE.template
        assert not PromptHistory(other, "p").add(BASE, 1.0)
