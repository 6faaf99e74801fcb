import pytest

from postopt.generation.templates import spanish


@pytest.mark.parametrize(
    ("label", "phrase"),
    [
        ("precio", "el precio"),
        ("fecha límite", "la fecha límite"),
        ("inscripción", "la inscripción"),
        ("inscripciones", "las inscripciones"),
        ("sesiones", "las sesiones"),
        ("horarios", "los horarios"),
        ("menús", "los menús"),
        ("luces", "las luces"),
        ("agua", "el agua"),
        ("aguas", "las aguas"),
        ("aula", "el aula"),
        ("día", "el día"),
        ("días", "los días"),
        ("dirección", "la dirección"),
        ("capacidad", "la capacidad"),
        ("entrada suelta", "la entrada suelta"),
        ("tarifa", "la tarifa"),
        ("cuota", "la cuota"),
        ("lema", "el lema"),
        ("tema", "el tema"),
        ("restablecimiento", "el restablecimiento"),
        ("noche con desayuno", "la noche con desayuno"),
        ("plazos", "los plazos"),
        ("orden", "la orden"),
        ("autonomía", "la autonomía"),
        ("duración", "la duración"),
    ],
)
def test_articles_agree(label, phrase):
    noun = spanish.noun(label)
    assert noun is not None
    assert f"{spanish.article(noun)} {label}" == phrase


@pytest.mark.parametrize(
    "label",
    ["no cubre", "nunca pedimos", "desde", "precio desde", "pedidos hasta", "ya no sirve", "", "2 x 1", "TN-420"],
)
def test_what_is_not_surely_a_noun_gets_no_article(label):
    assert spanish.noun(label) is None


@pytest.mark.parametrize(
    ("preposition", "phrase", "joined"),
    [
        ("a", "el público", "al público"),
        ("de", "el barrio", "del barrio"),
        ("a", "la clientela", "a la clientela"),
        ("de", "El Molino", "de El Molino"),
        ("a", "elegantes", "a elegantes"),
        ("de", "él", "de él"),
    ],
)
def test_contractions(preposition, phrase, joined):
    assert spanish.contract(preposition, phrase) == joined


@pytest.mark.parametrize(
    ("items", "joined"),
    [
        ([], ""),
        (["precio"], "precio"),
        (["precio", "fecha"], "precio y fecha"),
        (["precio", "inscripción"], "precio e inscripción"),
        (["agua", "hielo"], "agua y hielo"),
        (["madres", "hijos"], "madres e hijos"),
        (["datos", "higiene"], "datos e higiene"),
        (["precio", "fecha", "ingredientes"], "precio, fecha e ingredientes"),
        (["uno", "yogures"], "uno y yogures"),
        (["cobre", "hierro"], "cobre y hierro"),
        (["Ana", "Íñigo"], "Ana e Íñigo"),
        (["aquí", "¿hoy?"], "aquí y ¿hoy?"),
    ],
)
def test_y_becomes_e_before_its_own_sound(items, joined):
    assert spanish.join(items) == joined


@pytest.mark.parametrize(
    ("items", "joined"),
    [
        (["precio", "horario"], "precio u horario"),
        (["precio", "fecha"], "precio o fecha"),
        (["siete", "ocho"], "siete u ocho"),
        (["7", "8"], "7 u 8"),
        (["10", "11"], "10 u 11"),
        (["100", "110"], "100 o 110"),
        (["mujer", "hombre"], "mujer u hombre"),
        (["pan", "huevos"], "pan o huevos"),
    ],
)
def test_o_becomes_u_before_its_own_sound(items, joined):
    assert spanish.join(items, or_=True) == joined
