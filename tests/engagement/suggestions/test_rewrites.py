"""Edits that apply themselves: what they change, and all that they leave as it is."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.advising.rewrites import (
    REWRITES,
    in_digits,
    pointing,
    without_capitals,
    without_exclamation,
    without_question,
)

LANGUAGES = ("en", "es")
pieces = st.sampled_from(
    ["!", "?", "!!", "?!", "¡", "¿", " ", "\n", ".", "…", "Wow", "now", "FREE", "NASA", "five ways", "A man",
     "Ready?", ", isn't it?", "I wonder why?", '"No!"', "“Why?”", "https://x.org/?a=1!", "#Go!", "@you!", "🎉", "é",
     "'", "a@b.org!"]
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join) | st.text(max_size=60)


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("Great news! We are open!", "Great news. We are open."),
        ("It works now!!! We are open", "It works now. We are open"),
        ("¡Mira el video! Es gratis", "Mira el video. Es gratis"),
        ("Abrimos hoy, ¡mira el video!", "Abrimos hoy, mira el video."),
        ("Is it really?! Yes", "Is it really? Yes"),
        ("Our doors are open 🎉! Come", "Our doors are open 🎉 Come"),
        ("Our doors are open…! Come", "Our doors are open… Come"),
        ("Come by soon!\nwe are there", "Come by soon.\nwe are there"),
        ("Come by soon! https://x.org/!", "Come by soon. https://x.org/!"),
        ('He said "No!" and left us! Then', 'He said "No!" and left us. Then'),
        ("", ""),
        ("None here.", "None here."),
    ],
)
def test_statements_end_with_a_full_stop(text, edited):
    assert without_exclamation(text, (), "en") == edited


@pytest.mark.parametrize(
    "text",
    [
        # Names.
        "Yahoo! is back", "Yahoo! News is here", "We watch Jeopardy!", "Panic! At The Disco are back this summer",
        "We have seen Mamma Mia! It is good", "We went to see the new Guess! It is on", "P!nk is on stage tonight!",
        # Greetings, thanks and wishes.
        "Happy Birthday!", "Congrats!", "Congrats to all of our winners!", "We are open. Thank you all for coming!",
        "¡Feliz cumpleaños!", "¡Muchas gracias a todos por venir!", "Hoppy Easter!", "Happy St. Patrick's Day!",
        # Shouts, calls and exclamations.
        "Wow!!! It works", "PREGNANT! See who", "IT IS ALL FREE! Come by", "Air, people!",
        "What a night it was for us!",
        "How rude of them!", "Look (now!)\nOr not", "⚽️!⚽️⚽️", "It is #one #two #three!", "Do you know our new bakery!",
        # Within a sentence or a quotation, and where a mark would stand alone.
        "A wow! moment! Yes", "Wow ! Yes", "See https://x.org/!now", '"Stop!" she said',
        '"It is open! he said. Come in!',
        "“It is open now! Come in", "We are open! Wow!",
    ],
)  # fmt: skip
def test_what_is_no_statement_keeps_its_mark_and_so_does_the_whole_text(text):
    assert without_exclamation(text, (), "en") == text
    assert without_exclamation(text, (), "es") == text


def test_the_mark_of_a_name_is_no_obstacle_to_that_of_a_sentence():
    text = "See the new Panic! At The Disco show!"
    assert without_exclamation(text, (), "en") == "See the new Panic! At The Disco show."


@pytest.mark.parametrize(
    ("text", "edited", "language"),
    [
        ("It is a good day, isn't it?", "It is a good day.", "en"),
        ("It is a good day, isn’t it? Come by.", "It is a good day. Come by.", "en"),
        ("I wonder why it works?", "I wonder why it works.", "en"),
        ("Es un buen día, ¿verdad?", "Es un buen día.", "es"),
        ("Me pregunto por qué funciona?", "Me pregunto por qué funciona.", "es"),
        ("Ready? Our doors open at nine.", "Our doors open at nine.", "en"),
        ("Our doors open at nine. Curious?", "Our doors open at nine.", "en"),
        ("¿Listos? Abrimos a las nueve.", "Abrimos a las nueve.", "es"),
        ("What happens when it rains? We get wet.", "This is what happens when it rains. We get wet.", "en"),
        ("What Happened After It Rained?", "This Is What Happened After It Rained.", "en"),
        ("What happens next?", "What happens next?", "en"),
        ("What happens when it rains?!", "What happens when it rains?!", "en"),
        ("What happens when they ask “Why not?”", "What happens when they ask “Why not?”", "en"),
        # A question that asks something stays; ", right?" may doubt what stands before it.
        ("Is this the best? Yes.", "Is this the best? Yes.", "en"),
        ("Kids love to smoke, right?", "Kids love to smoke, right?", "en"),
        ("What is it? I wonder who knows?", "What is it? I wonder who knows.", "en"),
        ("Ready?", "Ready?", "en"),
        ("Ready? Go now.", "Ready? Go now.", "en"),
        ("“Ready? We are open now.”", "“Ready? We are open now.”", "en"),
    ],
)
def test_only_questions_that_ask_nothing_become_statements(text, edited, language):
    assert without_question(text, (), language) == edited


@pytest.mark.parametrize(
    ("text", "edited", "language"),
    [
        ("It is FREE for you", "It is free for you", "en"),
        ("NOW is the time. FREE entry", "Now is the time. Free entry", "en"),
        ("NASA says it is NEVER late", "NASA says it is never late", "en"),
        ("Es GRATIS hoy", "Es gratis hoy", "es"),
        ("ITS WHO is here", "ITS WHO is here", "en"),
        ("“FREE” for all", "“FREE” for all", "en"),
    ],
)
def test_common_words_lose_their_capitals_and_abbreviations_keep_them(text, edited, language):
    assert without_capitals(text, (), language) == edited


@pytest.mark.parametrize(
    ("text", "edited", "language"),
    [
        ("Five reasons to come", "5 reasons to come", "en"),
        ("He gave us ten reasons and two dogs", "He gave us 10 reasons and 2 dogs", "en"),
        ("Cinco razones para venir", "5 razones para venir", "es"),
        ("Five Guys came", "Five Guys came", "en"),
        ("the three kings came", "the three kings came", "en"),
        ("Two was enough", "Two was enough", "en"),
        ("two thirds of us", "two thirds of us", "en"),
        ("one reason", "one reason", "en"),
        ("forty-five ways", "forty-five ways", "en"),
        ("someone has seven class days", "someone has seven class days", "en"),
        ("“five ways”", "“five ways”", "en"),
    ],
)
def test_numbers_before_a_plural_are_written_in_digits(text, edited, language):
    assert in_digits(text, (), language) == edited


@pytest.mark.parametrize(
    ("text", "edited", "language"),
    [
        ("A Hilarious Video Shows Our Town", "This Hilarious Video Shows Our Town", "en"),
        ("An old map finally explains it", "This old map finally explains it", "en"),
        ("How To Change The World In Small Ways", "This Is How To Change The World In Small Ways", "en"),
        ("How to be here. It is easy", "This is how to be here. It is easy", "en"),
        ("How a girl said “Why not” to NASA", "This is how a girl said “Why not” to NASA", "en"),
        ("How I Got 30-years Of Rest", "This Is How I Got 30-years Of Rest", "en"),
        ("Why it still pays to teach", "This is why it still pays to teach", "en"),
        ("What Happens When It Rains", "This Is What Happens When It Rains", "en"),
        # "This" is only for what is there to be seen.
        ("A man walks in", "A man walks in", "en"),
        ("A minute's silence will be held", "A minute's silence will be held", "en"),
        ("A police officer has died", "A police officer has died", "en"),
        ("An hour a day is enough", "An hour a day is enough", "en"),
        ("A Christmas Carol comes to our stage", "A Christmas Carol comes to our stage", "en"),
        ("A video was made", "A video was made", "en"),
        ("A friend with a video shows us round", "A friend with a video shows us round", "en"),
        ("Un vídeo muestra la casa", "Un vídeo muestra la casa", "es"),
        # Titles.
        ("How to Get Away With Murder is back for us all", "How to Get Away With Murder is back for us all", "en"),
        ("Why We Love Sports Today: the story of us", "Why We Love Sports Today: the story of us", "en"),
        ("How to treat it isn't taught enough", "How to treat it isn't taught enough", "en"),
        ("How to tell if it is done", "This is how to tell if it is done", "en"),
        ("How the house was built https://x.org", "This is how the house was built https://x.org", "en"),
        ("Why I came back here", "This is why I came back here", "en"),
        # What asks, exclaims or is no clause.
        ("How to do it?", "How to do it?", "en"),
        ("How the U.S. pays? Well", "How the U.S. pays? Well", "en"),
        ("How sweet it is", "How sweet it is", "en"),
        ("How I wish you were here", "How I wish you were here", "en"),
        ("How the mighty fell!", "How the mighty fell!", "en"),
        ("Why the fuss about tea", "Why the fuss about tea", "en"),
        ("Why do we care", "Why do we care", "en"),
        ("How To", "How To", "es"),
        ("Here is a man", "Here is a man", "en"),
    ],
)
def test_an_opening_points(text, edited, language):
    assert pointing(text, (), language) == edited


class TestAllOfThem:
    @pytest.mark.parametrize("rewrite", REWRITES.values())
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_facts_stay_wherever_they_stand(self, rewrite, language):
        facts = ("It is now!", "A video", "five ways", "FREE", "Ready?", "Is it, isn't it?")
        text = "A video shows five ways to be FREE. It is now! Ready? It is so, isn't it? Is it, isn't it? It is now!"
        edited = rewrite(text, facts, language)
        for fact in facts:
            assert edited.count(fact) == text.count(fact)

    @pytest.mark.parametrize("rewrite", REWRITES.values())
    @settings(max_examples=60)
    @given(text=texts, language=st.sampled_from(LANGUAGES))
    def test_done_twice_they_do_no_more(self, rewrite, text, language):
        once = rewrite(text, (), language)
        assert rewrite(once, (), language) == once

    @pytest.mark.parametrize("rewrite", REWRITES.values())
    @settings(max_examples=60)
    @given(text=texts)
    def test_addresses_tags_and_quotations_stay(self, rewrite, text):
        kept = re.findall(r"https?://\S+|\"[^\"\n]*\"|“[^“”\n]*”", text)
        edited = rewrite(text, (), "en")
        assert all(piece in edited for piece in kept)

    @settings(max_examples=60)
    @given(text=texts)
    def test_no_mark_is_added_that_was_not_there(self, text):
        for rewrite in REWRITES.values():
            edited = rewrite(text, (), "en")
            assert edited.count("!") <= text.count("!")
            assert edited.count("?") <= text.count("?") + text.count("!")

    @pytest.mark.parametrize(
        "piece", ["!", "?", "“", '"', "«", "'", "a@", "@", "! ", "?!", "A ", " ", "I wonder ", "five "]
    )
    def test_no_long_text_holds_them_up(self, piece):
        """In quadratic time each would take minutes."""
        for rewrite in REWRITES.values():
            assert len(rewrite(piece * 50_000, (), "en")) <= 50_000 * len(piece) + 3
