"""Defects of the letter: what each rule finds, what it leaves alone, and that no text breaks it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.correctness import check, defects, mended, spoken_in
from postopt.types import Brief


def rules(text, brief=None, language="en"):
    return [finding.rule.removeprefix("correctness.") for finding in check(text, brief, language)]


FOUND = [
    ("doubled_space", "en", "Now  open", "Now open"),
    ("space_before_mark", "en", "Now open , all day", "Now open, all day"),
    ("space_before_mark", "es", "Ven ya , hoy.", "Ven ya, hoy."),
    ("repeated_marks", "en", "Now open!!!", "Now open!"),
    ("repeated_marks", "en", "What?!?!", "What?!"),
    ("repeated_marks", "en", "Well,, yes", "Well, yes"),
    ("doubled_word", "en", "Come to to the shop", "Come to the shop"),
    ("doubled_word", "en", "The the shop", "The shop"),
    ("doubled_word", "es", "Ven a la tienda de el el barrio", "Ven a la tienda de el barrio"),
    ("inverted_mark", "es", "Tenemos pan. Qué quieres tú hoy?", "Tenemos pan. ¿Qué quieres tú hoy?"),
    ("inverted_mark", "es", "Hola a todos, cómo están?", "Hola a todos, ¿cómo están?"),
    ("inverted_mark", "es", "Ya está el pan!", "¡Ya está el pan!"),
    ("inverted_mark", "es", "🎉 Ya está el pan!", "🎉 ¡Ya está el pan!"),
    ("inverted_mark", "es", "Hola, te apuntas?", "Hola, ¿te apuntas?"),
    ("inverted_mark", "es", "Mañana, vienes?", "Mañana, ¿vienes?"),
    ("inverted_mark", "es", "El horno es lo mejor, verdad?", "El horno es lo mejor, ¿verdad?"),
    ("inverted_mark", "es", "Lo mejor: el horno, no?", "Lo mejor: el horno, ¿no?"),
    ("inverted_mark", "es", "Pregunta del día: te apuntas?", "Pregunta del día: ¿te apuntas?"),
    ("inverted_mark", "es", "Te gusta el pan, el queso o el vino?", "¿Te gusta el pan, el queso o el vino?"),
    ("inverted_mark", "es", "Zapatos por 1.299,50 € hoy, que esperas?", "Zapatos por 1.299,50 € hoy, ¿que esperas?"),
    ("inverted_mark", "es", "En www.acme.es lo tienes, que esperas?", "En www.acme.es lo tienes, ¿que esperas?"),
    ("inverted_mark", "es", "El Sr. Ruiz viene hoy?", "¿El Sr. Ruiz viene hoy?"),
    ("inverted_mark", "es", "El pan, el queso y el vino te gustan?", None),
    ("inverted_mark", "es", "Ven al taller!!", "¡Ven al taller!"),
    ("inverted_mark", "es", "Estás listo??", "¿Estás listo?"),
    ("inverted_mark", "es", "¡Un curso!\nVen!", "¡Un curso!\n¡Ven!"),
    ("inverted_mark", "es", "Qué dices?!", "¡¿Qué dices?!"),
    ("encoding", "es", "CafÃ© y pan", "Café y pan"),
    ("encoding", "en", "Itâ€™s here", "It’s here"),
    ("encoding", "en", "Cake ðŸŽ‚", "Cake 🎂"),
    ("encoding", "en", "Lost \ufffd here", None),
    ("placeholder", "en", "Hi {name}!", None),
    ("placeholder", "en", "Hi {{ first_name }}!", None),
    ("placeholder", "en", "At [insert address]", None),
    ("placeholder", "es", "En [tu dirección]", None),
    ("placeholder", "en", "Lorem ipsum dolor sit amet", None),
    ("model_talk", "en", "Sure! Here is your post:\n\nBread.", "Bread."),
    ("model_talk", "es", "¡Claro! Aquí tienes la publicación:\nPan.", "Pan."),
    ("model_talk", "en", "As an AI language model, I cannot eat.", None),
    ("model_talk", "es", "Como modelo de lenguaje no como.", None),
    ("model_talk", "en", "Here's a draft for you:\n\nBread.", "Bread."),
    ("model_talk", "es", "Como IA no puedo comer pan.", None),
    ("model_talk", "en", "As an AI, I don't have opinions, but bread is good.", None),
    ("model_talk", "en", "I'm sorry, but I can't help with that request.", None),
    ("model_talk", "en", "I’m sorry, but I can’t assist with that.", None),
    ("model_talk", "en", "I cannot help.", None),
    ("model_talk", "es", "Lo siento, pero no puedo ayudarte con eso.", None),
    ("model_talk", "es", "No puedo ayudarte.", None),
    ("model_talk", "en", "Sure! Here you go: Bread.", "Bread."),
    ("model_talk", "en", "Sure! Here you go!\nBread.", "Bread."),
    ("model_talk", "en", "Certainly! Here are three options:\n1. Bread", None),
    ("model_talk", "en", "Here's your post: Bread.", "Bread."),
    ("model_talk", "es", "Aquí tienes tu publicación: Pan.", "Pan."),
    ("model_talk", "es", "¡Claro! Aquí tienes: Pan.", "Pan."),
    ("model_talk", "en", "Bread. Let me know if you'd like me to change the tone!", "Bread."),
    ("model_talk", "es", "Pan.\n\nAvísame si quieres que cambie el tono.", "Pan."),
    ("placeholder", "en", "Call us on [phone number]", None),
    ("placeholder", "en", "Visit [website]", None),
    ("placeholder", "en", "We are at [address]", None),
    ("placeholder", "es", "Ven a [nombre del negocio]", None),
    ("placeholder", "es", "Llama al [número de teléfono]", None),
    ("markdown", "en", "A **fresh** loaf", "A fresh loaf"),
    ("markdown", "en", "# Bread\nfresh", "Bread\nfresh"),
    ("markdown", "en", "See [us](https://x.org/a)", "See us https://x.org/a"),
    ("broken_link", "en", "See http:/x.org", "See http://x.org"),
    ("broken_link", "en", "See https//x.org", "See https://x.org"),
    ("broken_link", "en", "See htps://x.org", "See https://x.org"),
    ("broken_link", "en", "See https:// now", None),
    ("broken_link", "en", "See https://x.org/a...", None),
    ("unbalanced", "en", "We open (at 7.", None),
    ("unbalanced", "en", "We open early).", None),
    ("unbalanced", "en", 'He said "no.', None),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "language", "text", "after"), FOUND)
def test_a_defect_is_found_once_and_mended_where_the_rule_can_tell(rule, language, text, after):
    assert rules(text, language=language) == [rule]
    assert mended(text, f"correctness.{rule}", None, language) == (text if after is None else after)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Look! It is here. 8:30, at No. 4... (really); \"yes\", 'no'."),
        ("en", "Wait . . . what"), ("en", "Two!! of them"), ("en", "New York, New York, so so good"),
        ("en", "Listen to the The Late Show"), ("en", "moving in in May"), ("en", "Ask @anna , or #team ."),
        ("en", 'A 6" pipe and a 5" one'), ("en", ":) 8-) a) first 1) second (: ;)"), ("en", "The @ and the [sic]"),
        ("en", "“One paragraph\n\n“and its second”"), ("en", '"One\n"and its second"'),
        ("en", "#1 bakery, C# and 2 * 3 * 4 = 24, snake_case, __init__"), ("en", "https://x.org/a?b=c, www.x.org?q=1"),
        ("en", "Save 50%! {}"), ("en", "As an AI company, we see"), ("en", "I love [your] work"),
        ("en", "In May (the 5) or (8), (8') :( and (x)"), ("en", "A f**k and a f**ker"),
        ("es", "Úsala como una IA"),
        ("en", "[VIDEO] [Photos] [EN/ES] [time lapse] [Address to the nation] [city lights]"),
        ("en", "I can't help but love this bread."), ("en", "Sorry I can't be there."),
        ("en", "Let me know if you like it!"),
        ("en", "Of course! Here's the plan: come"), ("en", "Title: War and Peace\nby Tolstoy"),
        ("en", "Bread. Let me know if you want more bread!"), ("es", "Lo siento, no puedo ir."), ("es", "¡¡Ven ya!!"),
        ("en", "Here is our new post: it is long"), ("en", "Here is the post office: come in"),
        ("fr", "Vraiment ? Oui !"), ("es", "¿Qué tal? ¡Hola! Love you!"), ("es", "Happy Monday to you all!"),
        ("es", "¡Tanta alegría...me llenaron el corazón!"),
        ("es", "¡A minutos de salir,\nya estamos todos!"), ("es", "Mira https://x.org/?a=b"),
        ("es", "Gooool!"), ("es", "Muy muy bueno"), ("es", "«Sí», dijo (ayer)."),
        ("pt", "Você vai?"), ("en", ""), ("en", "🎉🎉"), ("ja", "「はい」です！"), ("ar", "مرحبا، كيف الحال؟"),
        ("en", "Ã is a letter, and â, and ð"), ("en", "http:/ and //"), ("en", "ð€€€ of no encoding"),
    ],
)  # fmt: skip
def test_what_a_careful_writer_may_mean_is_left_alone(language, text):
    assert rules(text, language=language) == []


def test_the_labels_of_a_form_are_cut():
    text = "Here's your post:\n\nTitle: Fresh bread\nBody: We bake it at night."
    assert rules(text) == ["model_talk"] * 3
    assert mended(text, "correctness.model_talk") == "Fresh bread\nWe bake it at night."


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Ven al taller!! Es genial!", "¡Ven al taller! ¡Es genial!"), ("Estás listo?? Ven!!!", "¿Estás listo? ¡Ven!"),
        ("¡¡¡Ven!!!", "¡Ven!"), ("¡¡Ven!!!", "¡Ven!"), ("¡¿¡¿Qué?!?!", "¡¿Qué?!"),
    ],
)  # fmt: skip
def test_marks_open_as_they_close(text, after):
    for rule in ("correctness.inverted_mark", "correctness.repeated_marks"):
        text = mended(text, rule, None, "es")
    assert text == after
    assert rules(text, language="es") == []


def test_the_span_is_the_place_and_the_message_quotes_it():
    finding = check("We bake  bread, and and cakes.", None, "en")[1]
    assert (finding.rule, finding.axis, finding.span) == ("correctness.doubled_word", "correctness", (16, 23))
    assert '"and and"' in finding.message


def test_what_stands_in_the_brief_is_no_defect():
    brief = Brief(topic="Templates", language="es", facts={"tag": "{{ nombre }}", "old": "a  b"}, brand="Wow!!!")
    assert rules("Usa {{ nombre }} y a  b con Wow!!!", brief) == []
    assert rules("Usa {{ apellido }} con Wow!!!", brief) == ["placeholder"]


def test_untold_spanish_needs_a_word_of_its_own_before_its_marks_are_missed():
    assert rules("Ya hay pan muy bueno!", language=None) == ["inverted_mark"]
    assert rules("Amor de verdad para una vida!", language=None) == []


class TestLanguage:
    @pytest.mark.parametrize(
        ("text", "spoken"),
        [
            ("The bread is in the oven", "en"), ("El pan está en el horno y los hornos", "es"), ("¿Pan?", "es"),
            ("Le pain est dans le four avec les croissants", ""), ("O pão está no forno e os bolos não", ""),
            ("Il pane è nel forno e la torta non c'è", ""), ("パン", ""), ("", ""), ("🎉", ""),
        ],
    )  # fmt: skip
    def test_untold_it_is_what_the_words_speak_for(self, text, spoken):
        assert spoken_in(text) == spoken

    def test_a_tag_is_believed_the_argument_before_the_brief(self):
        brief = Brief(topic="Pan", language="es-MX")
        assert spoken_in("The bread is in the oven", brief) == "es"
        assert spoken_in("The bread is in the oven", brief, "pt-BR") == "pt"


@given(st.text(), st.sampled_from(["en", "es", "fr", None, ""]))
def test_no_text_breaks_it_and_every_place_is_in_the_text(text, language):
    for finding in check(text, None, language):
        assert 0 <= finding.span[0] <= finding.span[1] <= len(text)


@given(st.text('ab!?,. \n#*[](){}"¿¡éÃ©:/htps', max_size=80), st.sampled_from(["en", "es"]))
def test_mending_a_rule_leaves_no_more_of_it(text, language):
    for rule in {defect.rule for defect in defects(text, None, language)}:
        count = sum(defect.rule == rule for defect in defects(text, None, language))
        after = mended(text, rule, None, language)
        assert sum(defect.rule == rule for defect in defects(after, None, language)) <= count


@pytest.mark.parametrize("piece", ["a ", "! ", "the the ", "( ", '"', "**a", "{a", "[insert ", "https://", "Ã", "?\n"])
def test_a_text_of_a_megabyte_is_read_in_linear_time(piece):
    # It would not end otherwise.
    assert all(finding.span[1] <= 100_000 for finding in check(piece * (1_000_000 // len(piece)), None, "es"))
