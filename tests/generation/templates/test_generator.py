import asyncio
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.errors import PostRejectedError
from postopt.generation.constraints import Constraints
from postopt.generation.templates import Bank, PostLanguage, TemplateGenerator
from postopt.generation.templates.bank import LANGUAGES
from postopt.types import TONES, Brief, Prompt

SHARED = Path(__file__).parents[4] / "shared/data/briefs/briefs.jsonl"
FACTS = {"price": "€59", "full price": "€95", "ends": "Sunday 31 May at 23:59"}

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(
    str.strip
)
briefs = st.builds(
    Brief,
    topic=texts,
    audience=st.one_of(st.just(""), texts),
    tone=st.sampled_from(TONES),
    language=st.sampled_from(LANGUAGES),
    call_to_action=st.none() | texts,
    keywords=st.lists(texts, max_size=3).map(tuple),
    facts=st.dictionaries(texts, texts, max_size=4),
    brand=st.none() | texts,
    forbidden=st.lists(st.sampled_from(["sold out", "gratis", "details", "the", "a", "price"]), max_size=2).map(tuple),
    max_length=st.none() | st.integers(20, 900),
)


class TestLanguage:
    def test_a_small_language_is_counted_and_never_repeats(self, bank, brief):
        small = Brief(topic=brief.topic, tone="friendly", facts={"loaf": "$8.25"}, brand=brief.brand)
        language = PostLanguage(bank, small, seed=3, address=None)
        posts = {" ".join(language.text(index).split()) for index in range(language.size)}
        assert len(posts) == language.size > 30, "line ends make no other post"

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("tone", TONES)
    def test_three_facts_allow_a_thousand_million_posts(self, language, tone):
        """Even if the brief says nothing else: no audience, no brand, no call, no keywords."""
        brief = Brief(topic="News", tone=tone, language=language, facts=FACTS)
        assert TemplateGenerator().language(brief).size >= 10**9

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("tone", TONES)
    def test_four_thousand_posts_are_all_different(self, language, tone, brief):
        other = Brief.from_mapping({**brief.to_dict(), "tone": tone, "language": language})
        posts = TemplateGenerator(seed=1).language(other)
        assert len({posts.text(index) for index in range(4000)}) == 4000

    def test_an_index_outside_is_refused(self, bank, brief):
        language = PostLanguage(bank, brief, seed=0, address=None)
        for index in (-1, language.size):
            with pytest.raises(IndexError, match=f"of a language of {language.size}"):
                language.text(index)

    def test_grammar_and_index_reproduce_a_post(self, bank, brief):
        one, two = (PostLanguage(bank, brief, seed=5, address=None) for _ in range(2))
        assert one.grammar == two.grammar
        assert [one.text(i) for i in range(100)] == [two.text(i) for i in range(100)]


class TestGenerator:
    @settings(deadline=None, max_examples=150)
    @given(briefs, st.integers(0, 2**40))
    def test_a_post_keeps_its_brief_or_says_why_not(self, brief, seed):
        generator = TemplateGenerator(seed=seed)
        constraints = Constraints(brief)
        seen = set()
        for variant in range(3):
            text, reasons = _compose(generator, brief, variant)
            if text is None:
                assert reasons
                assert all(reasons)
            else:
                assert constraints.violations(text) == ()
                assert brief.topic.strip() in text
                assert text not in seen
                seen.add(text)

    def test_the_same_seed_writes_the_same_posts(self, brief):
        one, two, three = (TemplateGenerator(seed=seed) for seed in (7, 7, 8))
        posts = [[g.compose(brief, v).text for v in range(5)] for g in (one, two, three)]
        assert posts[0] == posts[1] != posts[2]

    def test_generate_is_compose(self, brief):
        generator = TemplateGenerator()
        completion = asyncio.run(generator.generate(Prompt(brief=brief, variant=2)))
        assert completion == generator.compose(brief, 2)
        assert completion.trace.tier == "template"
        assert re.fullmatch(r"en/friendly@[0-9a-f]{12}", completion.trace.model)
        assert completion.trace.notes == ("best of 16",)

    def test_different_briefs_open_differently_under_one_seed(self, brief):
        generator = TemplateGenerator(seed=0)
        topics = [Brief.from_mapping({**brief.to_dict(), "topic": f"Topic {i}"}) for i in range(12)]
        openings = {generator.compose(each).text.split("\n")[0] for each in topics}
        assert len(openings) > 6

    def test_best_of_prefers_one_mention_of_the_brand(self, brief):
        generator = TemplateGenerator()
        mentions = [generator.compose(brief, variant).text.count("Crumb & Ember") for variant in range(40)]
        assert mentions.count(1) >= 36

    def test_a_call_to_action_that_finds_no_room_is_noted(self):
        brief = Brief(
            topic="Sale", tone="playful", facts={"first item": "15%"}, call_to_action="Come in " * 5, max_length=40
        )
        completion = TemplateGenerator().compose(brief)
        assert "Come in" not in completion.text
        assert "no room for the call to action" in completion.trace.notes

    def test_variants_end_where_the_language_ends(self, bank):
        generator = TemplateGenerator(banks=[bank], best_of=16)
        brief = Brief(topic="Sale", tone="friendly", max_length=30, facts={"first item": "15%"})
        count = generator.capacity(brief)
        texts = {generator.compose(brief, variant).text for variant in range(count)}
        assert len(texts) == count
        with pytest.raises(PostRejectedError, match=f"allows {count} different posts"):
            generator.compose(brief, count)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"language": "fr"}, "no clause bank for the language 'fr', only for en, es"),
            ({"max_length": 40}, r"The topic and the facts need .* at most 40 are allowed"),
            ({"forbidden": ("again",)}, 'The topic contains the forbidden "again"'),
            ({"forbidden": ("pop",)}, 'The call to action contains the forbidden "pop"'),
            ({"forbidden": ("saturday 7 march",)}, 'The fact "first day" contains the forbidden'),
        ],
    )
    def test_a_brief_that_cannot_be_kept_is_rejected_with_its_reason(self, brief, changes, reason):
        with pytest.raises(PostRejectedError, match=reason):
            TemplateGenerator().compose(Brief.from_mapping({**brief.to_dict(), **changes}))

    def test_forbidden_words_are_avoided(self, brief):
        words = ("details", "hello", "you", "here", "the")
        generator = TemplateGenerator(seed=2)
        avoiding = Brief.from_mapping({**brief.to_dict(), "forbidden": list(words)})
        for variant in range(50):
            text = generator.compose(avoiding, variant).text
            assert not set(re.findall(r"\w+", text.casefold())) & set(words)

    def test_a_language_tag_with_a_region_uses_the_bank_of_its_language(self, brief):
        mexican = Brief.from_mapping({**brief.to_dict(), "language": "es-MX"})
        assert TemplateGenerator().compose(mexican).trace.model.startswith("es/friendly@")

    def test_a_bank_of_the_host_replaces_ours(self, bank, brief):
        assert (
            TemplateGenerator(banks=[bank])
            .compose(brief)
            .text.startswith(("Hello", "Good day", "From", "About", "Sour"))
        )

    @pytest.mark.parametrize("arguments", [{"best_of": 0}, {"address": "vos"}])
    def test_bad_arguments_are_refused(self, arguments):
        with pytest.raises(ValueError, match=r"best_of is 0|address is 'vos'"):
            TemplateGenerator(**arguments)

    @pytest.mark.parametrize(("address", "word"), [("vosotros", "Mirad"), ("ustedes", "Miren")])
    def test_the_reader_is_addressed_as_asked(self, address, word):
        source = 'language = "es"\ntone = "urgent"\n' + "".join(
            f'{kind} = ["<Mira|Mire|Mirad|Miren>{slot}"]\n'
            for kind, slot in [("hook", "."), ("lead", ": {topic}."), ("audience", " {a audience}."), ("offer", ":"),
                               ("close", "."), ("call", ": {cta}.")]
        )  # fmt: skip
        bank = Bank.parse(source.encode())
        brief = Brief(topic="Rebajas", tone="urgent", language="es", audience="el barrio")
        text = TemplateGenerator(banks=[bank], address=address).compose(brief).text
        assert word in text
        assert "Mire" in TemplateGenerator(banks=[bank], address="usted").compose(brief).text
        assert "Mir" not in TemplateGenerator(banks=[bank], address="neutral").compose(brief).text


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="the real briefs are not beside this checkout")
def test_every_real_brief_gets_three_posts_or_a_reason():
    generator = TemplateGenerator()
    for line in SHARED.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        data.pop("id")
        brief = Brief.from_mapping(data)
        posts = [generator.compose(brief, variant).text for variant in range(3)]
        assert len({" ".join(post.split()) for post in posts}) == 3, "posts differ in more than white space"
        assert all(Constraints(brief).violations(post) == () for post in posts)


def _compose(generator, brief, variant):
    try:
        return generator.compose(brief, variant).text, ()
    except PostRejectedError as error:
        return None, error.reasons
