"""What to write because of a feature: one sentence that asks for it, one that asks to avoid it, in two languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from postopt.errors import shown
from postopt.quality.lexicon import LANGUAGES

MAX_INSTRUCTION = 300
"""Characters of one sentence, or of two long ones; arbitrary."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """The sentences for one pattern.

    Attributes:
        use: language -> the sentence that asks for the pattern; without one, nothing asks for it.
        avoid: language -> the sentence that asks to avoid it; without one, nothing does.
        group: what it speaks of, if other patterns do, too: of one group a prompt has one sentence.

    Raises:
        ValueError: a language that no template has, or a sentence that is blank, too long or more than one line.
    """

    use: Mapping[str, str] = field(default_factory=dict)
    avoid: Mapping[str, str] = field(default_factory=dict)
    group: str = ""

    def __post_init__(self) -> None:
        for name, sentences in (("use", self.use), ("avoid", self.avoid)):
            for language, sentence in sentences.items():
                if language not in LANGUAGES:
                    raise ValueError(f"{name} has the language {shown(language)}; allowed: {', '.join(LANGUAGES)}")
                if not sentence.strip() or len(sentence) > MAX_INSTRUCTION or len(sentence.splitlines()) > 1:
                    raise ValueError(f"{name} has the sentence {shown(sentence)}; one line is needed")

    def line(self, language: str, *, avoid: bool) -> str:
        """Return the sentence, or "" where there is none."""
        return (self.avoid if avoid else self.use).get(language, "")

    def says(self, line: str) -> bool | None:
        """Return whether a line is one that asks to avoid the pattern; None if it is none of these sentences."""
        if line in self.use.values():
            return False
        return True if line in self.avoid.values() else None


def _both(use: tuple[str, str] | None, avoid: tuple[str, str] | None, group: str) -> Instruction:
    """Return the sentences in the order of `LANGUAGES`."""
    return Instruction(
        use=dict(zip(LANGUAGES, use, strict=True)) if use else _NOTHING,
        avoid=dict(zip(LANGUAGES, avoid, strict=True)) if avoid else _NOTHING,
        group=group,
    )


INSTRUCTIONS: Mapping[str, Instruction] = MappingProxyType(
    {
        "short": _both(
            ("Keep the whole post to a line or two.", "Deja todo el texto en una o dos líneas."), None, "length"
        ),
        "long": _both(
            ("Write full sentences that take their time.", "Escribe frases completas, sin prisa."), None, "length"
        ),
        "at_most_6_words": _both(
            ("Say it in as few words as the facts allow.", "Dilo con tan pocas palabras como permitan los datos."),
            None,
            "length",
        ),
        "at_most_12_words": _both(
            ("Say it in one short sentence besides the facts.", "Dilo en una frase corta, aparte de los datos."),
            None,
            "length",
        ),
        "at_least_20_words": _both(
            ("Write at least two full sentences.", "Escribe al menos dos frases completas."), None, "length"
        ),
        "at_least_40_words": _both(
            ("Write a paragraph of several sentences.", "Escribe un párrafo de varias frases."), None, "length"
        ),
        "at_least_80_words": _both(
            ("Write at length: a full paragraph or two.", "Escribe con detalle: uno o dos párrafos completos."),
            None,
            "length",
        ),
        "sentences": _both(
            ("Use several sentences.", "Usa varias frases."),
            ("Put everything into one sentence.", "Ponlo todo en una sola frase."),
            "sentences",
        ),
        "digits": _both(
            (
                "If the brief gives a number, write it early and in digits.",
                "Si el encargo da una cifra, escríbela pronto y en dígitos.",
            ),
            None,
            "number",
        ),
        "starts_with_number": _both(
            ("If the brief gives a number, begin with it.", "Si el encargo da una cifra, empieza con ella."),
            ("Do not begin with a number.", "No empieces con una cifra."),
            "number",
        ),
        "question": _both(
            ("Ask the reader one question.", "Hazle una pregunta al lector."),
            ("Ask no questions; state things.", "No hagas preguntas; afirma."),
            "question",
        ),
        "ends_with_question": _both(
            ("End with a question to the reader.", "Termina con una pregunta al lector."),
            ("Do not end with a question.", "No termines con una pregunta."),
            "question",
        ),
        "exclamation": _both(
            ("End one sentence with an exclamation mark.", "Pon una frase entre signos de exclamación."),
            ("Use no exclamation marks.", "No uses signos de exclamación."),
            "",
        ),
        "ellipsis": _both(
            ("Leave one sentence open with an ellipsis.", "Deja una frase abierta con puntos suspensivos."),
            ("Use no ellipsis.", "No uses puntos suspensivos."),
            "",
        ),
        "colon": _both(
            ("Use a colon to bring in what matters.", "Usa dos puntos para presentar lo que importa."),
            ("Use no colon where a sentence would do.", "No uses dos puntos donde baste una frase."),
            "",
        ),
        "dash": _both(
            ("Set one thought off with a dash.", "Separa una idea con una raya."),
            ("Use no dashes.", "No uses rayas."),
            "",
        ),
        "parenthesis": _both(
            ("Put one aside into parentheses.", "Pon un comentario entre paréntesis."),
            ("Use no parentheses.", "No uses paréntesis."),
            "",
        ),
        "comma": _both(None, ("Write sentences that need no comma.", "Escribe frases que no necesiten comas."), ""),
        "quotation": _both(
            (
                "If the brief quotes somebody, quote it word for word.",
                "Si el encargo cita a alguien, cítalo al pie de la letra.",
            ),
            ("Quote nobody.", "No cites a nadie."),
            "quotation",
        ),
        "starts_with_quotation": _both(
            ("If the brief quotes somebody, begin with that.", "Si el encargo cita a alguien, empieza con eso."),
            ("Do not begin with a quotation.", "No empieces con una cita."),
            "quotation",
        ),
        "emphasis": _both(
            ("Write one word that matters in capitals.", "Escribe en mayúsculas una palabra que importe."),
            (
                "Write no word in capitals, unless the brief does.",
                "No escribas palabras en mayúsculas, salvo las del encargo.",
            ),
            "",
        ),
        "emoji": _both(
            ("Use one emoji that fits.", "Usa un emoji que venga al caso."),
            ("Use no emoji.", "No uses emojis."),
            "emoji",
        ),
        "several_emoji": _both(
            ("Use two or three emoji that fit.", "Usa dos o tres emojis que vengan al caso."),
            ("Use one emoji at most.", "Usa un emoji como mucho."),
            "emoji",
        ),
        "hashtag": _both(
            (
                "End with a hashtag from the brief's keywords.",
                "Termina con una etiqueta de las palabras clave del encargo.",
            ),
            ("Use no hashtags.", "No uses etiquetas."),
            "",
        ),
        "title_case": _both(
            None,
            ("Do not write every word with a capital initial.", "No escribas cada palabra con mayúscula inicial."),
            "",
        ),
        "I": _both(
            ("Speak as one person, as I.", "Habla como una persona, en primera persona del singular."),
            ("Do not speak as I.", "No hables en primera persona del singular."),
            "speaker",
        ),
        "we": _both(
            ("Speak as we.", "Habla en primera persona del plural."),
            ("Do not speak as we.", "No hables en primera persona del plural."),
            "speaker",
        ),
        "you": _both(
            ("Speak to the reader directly, as you.", "Háblale al lector directamente."),
            ("Do not address the reader directly.", "No te dirijas directamente al lector."),
            "reader",
        ),
        "formal_you": _both(
            ("Address the reader formally, if the language has a form for it.", "Trata al lector de usted."),
            ("Address the reader informally, if the language has a form for it.", "No trates al lector de usted."),
            "reader",
        ),
        "he_she": _both(
            (
                "If the brief names a person, tell what he or she does.",
                "Si el encargo nombra a una persona, cuenta lo que hace.",
            ),
            ("Do not tell it as the story of one person.", "No lo cuentes como la historia de una persona."),
            "",
        ),
        "deixis": _both(
            ("Point at the thing itself with this, these or here.", "Señala la cosa misma con este, estos o aquí."),
            ("Name things instead of saying this or these.", "Nombra las cosas en vez de decir esto o estos."),
            "",
        ),
        "negation": _both(
            ("Say also what it is not.", "Di también lo que no es."),
            ("Say what it is, without not, no or never.", "Di lo que es, sin no ni nunca."),
            "",
        ),
        "look": _both(
            ("Invite the reader to look at something or see it.", "Invita al lector a mirar o ver algo."),
            ("Do not tell the reader to look or watch.", "No le digas al lector que mire."),
            "",
        ),
        "superlative": _both(None, ("Use no superlatives.", "No uses superlativos."), "comparison"),
        "comparison": _both(None, ("Do not compare.", "No compares."), "comparison"),
        "question_word": _both(
            (
                "Say what, how or why it is, as a question word would ask.",
                "Di qué, cómo o por qué, como lo preguntaría alguien.",
            ),
            ("Avoid what, why and how.", "Evita qué, por qué y cómo."),
            "question",
        ),
        "how": _both(
            ("Say how something is done.", "Di cómo se hace algo."),
            ("Do not promise to say how.", "No prometas decir cómo."),
            "",
        ),
        "why": _both(
            ("Give a reason with because.", "Da una razón con porque."),
            ("Give no reasons; say what there is.", "No des razones; di lo que hay."),
            "",
        ),
        "but": _both(
            ("Set one thing against another with but.", "Contrapón una cosa a otra con pero."),
            ("Do not use but.", "No uses pero."),
            "",
        ),
        "call_to_action": _both(
            None,
            ("Ask for nothing beyond the call to action of the brief.", "No pidas nada más que la acción del encargo."),
            "",
        ),
        "urgency": _both(None, ("Do not press for time.", "No metas prisa."), ""),
        "modal": _both(
            ("Say what the reader can do.", "Di lo que el lector puede hacer."),
            ("Say what is, without can, could or should.", "Di lo que es, sin puede, podría ni debería."),
            "",
        ),
        "will": _both(
            ("Say what will be.", "Di lo que va a pasar."),
            ("Speak of the present, without will.", "Habla del presente, no del futuro."),
            "",
        ),
        "intensifier": _both(
            None, ("Leave out very, really, so and the like.", "Quita muy, realmente, tan y similares."), ""
        ),
        "hedge": _both(None, ("Leave out maybe, perhaps and the like.", "Quita quizá, tal vez y similares."), ""),
        "positive_emotion": _both(
            ("Let it sound glad, as far as the facts bear it.", "Que suene alegre, hasta donde lo permitan los datos."),
            ("Leave out words of joy and love.", "Quita las palabras de alegría y amor."),
            "",
        ),
        "contraction": _both(
            ("Use contractions, as in speech.", "Escribe como se habla."),
            ("Use no contractions.", "Escribe sin formas coloquiales."),
            "",
        ),
    }
)
"""What the library knows to write, by the names of its own features (`readable.FEATURES`).

Each holds for any brief and asks for nothing that the brief may lack. What would tempt a model to claim or to press has
no sentence that asks for it (superlatives, comparisons, urgency, intensifiers, "new" and "free"), and nothing asks for
more calls to action than the brief has. Nothing speaks of men, women, children or any feature that is denied.
"""
