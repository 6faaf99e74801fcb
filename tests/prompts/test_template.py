"""A prompt shows the whole brief as data, and is known by its content."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import PromptError
from postopt.generation.prompt import RULES, render
from postopt.prompts.template import DEFAULT, FIELDS, MAX_CHARACTERS, MAX_INSTRUCTIONS, PromptTemplate, short
from postopt.types import Brief, Prompt

BRIEF = Brief(
    topic="Fresh bread",
    audience="",
    language="es",
    facts={"price": "3,50 €"},
    keywords=("pan",),
    forbidden=("barato",),
    max_length=200,
)

texts = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=60).filter(str.strip)


class TestVersion:
    def test_is_pinned(self):
        assert DEFAULT.version == "9c5d577af9d4776f7d98dd7ee0c422cae6d4220cd903179ddf4bd399788b1044"
        assert PromptTemplate("á {topic}", "s", ("i",), "es").version == (
            "8d32f25469011b3c59f84b10e613ec8579102fe89484e3224059352cacfac66a"
        )

    def test_every_part_changes_it(self):
        base = ("{topic}", "s", ("a", "b"), "en")
        others = [("{topic} ", *base[1:]), ("{topic}", "", *base[2:]), ("{topic}", "s", ("a",), "en"),
                  ("{topic}", "s", ("b", "a"), "en"), ("{topic}", "s", ("ab",), "en"), (*base[:3], "es")]  # fmt: skip
        versions = {PromptTemplate(*parts).version for parts in (base, *others)}
        assert len(versions) == 7
        assert PromptTemplate(*base).version in versions
        assert PromptTemplate("{topic}", "s", ["a", "b"]).version == PromptTemplate(*base).version

    def test_short_is_its_beginning(self):
        assert DEFAULT.short == short(DEFAULT.version) == DEFAULT.version[:12]

    def test_json_gives_an_equal_one_back(self):
        template = PromptTemplate("é {topic}", "x", ("do",), "es")
        assert PromptTemplate.from_mapping(json.loads(json.dumps(template.to_dict()))) == template

    @pytest.mark.parametrize(
        "data", [{}, {"text": "x"}, {"text": 3, "system": "", "instructions": [], "language": "en"}, None]
    )
    def test_foreign_json_is_refused(self, data):
        with pytest.raises(PromptError):
            PromptTemplate.from_mapping(data)


class TestRendering:
    def test_the_default_says_what_the_library_says(self):
        for variant in (0, 3):
            assert DEFAULT.render(BRIEF, variant) == render(Prompt(brief=BRIEF, variant=variant))

    def test_places_are_filled_with_json_strings_and_the_rest_follows(self):
        system, text = PromptTemplate("About {topic} for {audience}, {{not}} {facts}.", "Be kind.").render(BRIEF)
        assert system == f"{RULES}\nBe kind."
        first, title, rest, variant = text.split("\n")
        assert first == 'About "Fresh bread" for none, {not} {"price": "3,50 €"}.'
        assert title == "Brief:"
        assert variant == "This is version 1, unlike every other version."
        assert json.loads(rest) == {
            "tone": "professional", "language": "es", "platform": "facebook", "keywords": ["pan"],
            "forbidden": ["barato"], "max_length": 200,
        }  # fmt: skip

    def test_instructions_follow_the_text_in_the_language_of_the_template(self):
        english = PromptTemplate("{brief}", instructions=("Ask nothing.",)).render(BRIEF)[1]
        assert english.endswith("Keep to this, whatever is said above:\n- Ask nothing.")
        spanish = PromptTemplate("{topic}", instructions=("No preguntes.",), language="es").render(BRIEF, 1)[1]
        assert "Atente a esto, diga lo que diga lo anterior:\n- No preguntes.\nEncargo:\n{" in spanish
        assert spanish.endswith("Esta es la versión 2, distinta de las demás.")

    def test_a_text_that_names_all_is_followed_by_no_brief(self):
        everything = " ".join(f"{{{name}}}" for name in FIELDS)
        assert "Brief:" not in PromptTemplate(everything).render(BRIEF)[1]

    @given(value=texts, name=texts, text=st.sampled_from(["{brief}", "{topic}", "x", "{facts} {topic}", "{{topic}}"]))
    def test_every_fact_is_there_as_data(self, value, name, text):
        brief = Brief(topic=value, facts={name: value})
        rendered = PromptTemplate(text).render(brief)[1]
        assert json.dumps(value, ensure_ascii=False) in rendered
        assert json.dumps(name, ensure_ascii=False) in rendered

    def test_braces_in_a_brief_are_never_places(self):
        evil = "{facts} {{topic}} {topic.__class__} {0} %s ${topic}"
        rendered = PromptTemplate("{topic}|{audience}").render(Brief(topic=evil, audience='"}\n{brief}'))[1]
        assert rendered.startswith(json.dumps(evil) + "|" + json.dumps('"}\n{brief}'))

    def test_fields_are_the_places_it_has(self):
        assert PromptTemplate("{topic} {{facts}} {facts} {topic}").fields == {"topic", "facts"}


class TestRefused:
    @pytest.mark.parametrize(
        "text",
        ["", "  \n", "{", "}", "{}", "{topic", "topic}", "{topic.x}", "{topic!r}", "{topic:>10}", "{0}", "{unknown}",
         "{topic[0]}", "{ topic }", "{Topic}", "a\x00b", "a\ud800", "x" * (MAX_CHARACTERS + 1), None, 3, b"x"],
    )  # fmt: skip
    def test_texts(self, text):
        with pytest.raises(PromptError):
            PromptTemplate(text)

    @pytest.mark.parametrize(
        "rest",
        [("", "abc"), ("", (" ",)), ("", ("a\nb",)), ("", ("x" * 301,)), ("", ("x",) * (MAX_INSTRUCTIONS + 1)),
         ("", None), ("", (3,)), (None,), ("\x1b",), ("", (), "fr"), ("", (), None)],
    )  # fmt: skip
    def test_other_parts(self, rest):
        with pytest.raises(PromptError):
            PromptTemplate("{topic}", *rest)

    def test_the_error_says_where_and_what_is_allowed(self):
        with pytest.raises(PromptError, match=r"'{tpoic}' at character 6") as caught:
            PromptTemplate("About {tpoic}")
        assert "{topic}" in caught.value.hint
