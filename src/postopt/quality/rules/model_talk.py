"""What a language model says of itself, of its answer, or instead of one, in English and Spanish."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postopt.quality.rules.defects import Defect, quoted

_TEXTS = (
    "posts?|captions?|ads?|ad copy|copy|version|draft|tweet|rewrite|publicación|publicaciones|texto|anuncio|versión"
    "|borrador"
)
_SEVERAL = "options|versions|drafts|ideas|alternatives|variations|opciones|versiones|ideas|alternativas|propuestas"
_SURE = (
    r"(?:sure|certainly|of course|absolutely|great|claro|por supuesto|desde luego|perfecto)(?: thing| que sí)?[!,.]+\s+"
)
_HERE = r"(?:here(?:'s|’s| is| are| you go| it is)|aquí (?:tienes|tiene|está|están|va|van)|te (?:dejo|presento))"
_OPENING = re.compile(
    rf"\A\W*(?:"
    rf"{_SURE}{_HERE}\b(?:[^\n:]{{0,100}}\b(?:{_TEXTS}|(?P<several>{_SEVERAL}))\b[^\n:]{{0,60}})?:\s*"
    rf"|{_SURE}(?:here you go|aquí (?:tienes|tiene|va))[!.]+\s+"
    rf"|{_HERE} (?:your|tu|la|el)(?: [\w-]+){{0,3}}? (?:{_TEXTS})(?: (?:for|de|para|about|sobre) [^\n:]{{1,60}})?:\s*"
    rf"|{_HERE}\b[^\n:]{{0,100}}\b(?:{_TEXTS}|(?P<more>{_SEVERAL}))\b[^\n:]{{0,60}}:[ \t]*\n\s*"
    r")",
    re.IGNORECASE,
)
# "Title: ..." and below it "Body: ...": the labels of a form.
_LABELS = re.compile(
    r"\s*(?P<title>(?:title|headline|título|titular)[ \t]*:[ \t]*)[^\n]+\n\s*"
    r"(?P<body>(?:body|text|copy|caption|post|cuerpo|texto|publicación)[ \t]*:\s*)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?<=[.!?…])|(?<=\n)|(?<=[^\w\s,;]))\s*(?:"
    r"(?:please )?let me know if you(?:(?:'d|’d| would) like| want| need| prefer) (?:me to|any (?:changes|adjustments"
    r"|edits|revisions|tweaks|other versions?)|(?:an?|another|more) [^.!?\n]{0,40}(?:version|tone|style|draft)s?)"
    r"|(?:would you like|do you want) me to (?:change|adjust|tweak|revise|edit|rewrite|make it|create|write|shorten)"
    r"|feel free to (?:adjust|edit|tweak|modify|customi[sz]e|change) (?:it|this|the (?:post|text|tone|caption|details))"
    r"|(?:avísame|dime|hazme saber|házmelo saber) si (?:quieres|deseas|necesitas|prefieres|te gustaría) "
    r"(?:que (?:l[oa] )?(?:cambie|ajuste|modifique|haga|adapte|escriba|acorte|añada)"
    r"|(?:algún|alguna|otro|otra|más) (?:cambio|ajuste|versión|tono))"
    r"|¿?(?:quieres|deseas|te gustaría) que (?:l[oa] )?(?:cambie|ajuste|modifique|adapte|acorte)"
    r")[^\n]{0,200}\s*\Z",
    re.IGNORECASE,
)
_LEADS_TO_CLOSING = re.compile(r"now if|me to|eel free|[eéor] si|s que|ía que")
_LAST = 400  # characters in which such a sentence ends a text; arbitrary
_CANNOT = (
    r"(?:can['’]?t|cannot|can not|won['’]?t|(?:['’]m| am)(?: unable to|(?: not|n['’]t) able to)|(?:['’]m| am) not "
    r"(?:able|allowed) to)"
)
_ASKED = (
    r"(?:help|assist|write|create|generate|provide|fulfil+|comply|produce|complete|continue|support|engage|discuss)"
)
_PUEDO = r"no (?:puedo|podemos|me es posible|estoy en condiciones de)"
_PEDIDO = (
    r"(?:ayudar(?:te|le|os|les)?|asistir(?:te|le)?|escribir|crear|generar|redactar|proporcionar(?:te)?|cumplir"
    r"|completar|continuar)"
)
_MODEL = re.compile(
    r"\b(?:as|i am|i'm|i’m)(?: just| only)? an? (?:(?:ai|artificial intelligence) (?:language model|model|assistant"
    r"|chatbot)|(?:large )?language model)\b|\bas an ai,? i\b"
    r"|\bcomo (?:una? )?(?:modelo de lenguaje|(?:asistente de )?(?:ia|inteligencia artificial),? no (?:puedo|tengo))\b"
    r"|\bsoy (?:solo |sólo )?una? (?:modelo de lenguaje|asistente de (?:ia|inteligencia artificial))\b",
    re.IGNORECASE,
)
_ITSELF = re.compile(
    r"(?:[Ll]anguage|LANGUAGE) (?:[Mm]odel|MODEL)|[Mm]odelo de lenguaje|[Aa]rtificial|\b(?:AI|IA|[aA]i|[iI]a)\b"
)
_REFUSAL = re.compile(
    rf"\W*(?:(?:i['’]m|i am) (?:so |very |really )?(?:sorry|afraid)|sorry|unfortunately|i apologi[sz]e)[,.!]?"
    rf" (?:but )?(?:that )?i ?{_CANNOT} {_ASKED}\b"
    rf"|\W*i ?{_CANNOT} (?:{_ASKED}\b(?=\W*(?:\Z|\n))|(?:help|assist)(?: you)? with (?:that|this)\b"
    r"|(?:fulfil+|comply with|complete|continue with) (?:that|this|your)\b"
    r"|(?:write|create|generate|produce|provide) (?:that|this|an?|any)(?: \w+){0,2} (?:content|post|ad|text)\b)"
    rf"|\W*(?:lo siento|lo lamento|disculpa|perdón|lamentablemente)[,.!]? (?:pero )?{_PUEDO} {_PEDIDO}\b"
    rf"|\W*{_PUEDO} (?:{_PEDIDO}\b(?=\W*(?:\Z|\n))|(?:ayudar(?:te|le)?|asistir(?:te|le)?|continuar) con (?:eso|esto"
    r"|esa?|tu|su)\b|cumplir (?:con )?(?:eso|esa?|esta?|tu|su)\b)",
    re.IGNORECASE,
)


def model_talk(text: str, _: str) -> Iterator[Defect]:
    """Yield what a language model says of itself or of its answer; all of it forbids publishing.

    What leads up to the post or follows it ("Sure! Here is your post:", "Let me know if you want another tone!", the
    labels of a form) can be cut. A refusal and talk about itself cannot ("As an AI language model, I cannot"), nor can
    what announces several posts: the text is not the one that was asked for.
    """
    start = 0
    if found := _OPENING.match(text):
        start = found.end()
        several = found["several"] or found["more"]
        yield _talk(text, found.span(), "speaks of the post and is not part of it", None if several else "")
    if found := _LABELS.match(text, start):
        for label in ("title", "body"):
            yield _talk(text, found.span(label), "is a label, and not part of the post", "")
    if found := _REFUSAL.match(text, start):
        yield _talk(text, found.span(), "is a refusal, and no post: write it anew", None)
    if _ITSELF.search(text):  # in most texts it is not, and the expression is slow
        for found in _MODEL.finditer(text):
            yield _talk(text, found.span(), "is a model's, and no post: write it anew", None)
    end = max(0, len(text) - _LAST)
    if _LEADS_TO_CLOSING.search(text[end:]) and (found := _CLOSING.search(text, end)):
        yield _talk(text, found.span(), "speaks of the post and is not part of it", "")


def _talk(text: str, span: tuple[int, int], says: str, mended: str | None) -> Defect:
    message = f"{quoted(text[slice(*span)].strip())} {says}."
    return Defect("correctness.model_talk", *span, mended, message, hard=True)
