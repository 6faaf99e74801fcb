import pytest

from postopt.generation.templates.address import infer
from postopt.generation.templates.clause import ADDRESSES
from postopt.types import Brief


@pytest.mark.parametrize(
    ("call", "form"),
    [
        ("Revisa tus plantillas", "tu"),
        ("No lo consumas y devuélvelo en tienda", None),
        ("Ven a la clase de prueba", "tu"),
        ("Pide cita y marca la casilla", "tu"),
        ("Inscríbete en caja", "tu"),
        ("Pida la suya para esta semana", "usted"),
        ("Llame hoy", "usted"),
        ("Apuntaos sin compromiso", "vosotros"),
        ("Apuntad la fecha nueva", "vosotros"),
        ("Actualicen hoy, no mañana", "ustedes"),
        ("Dejen su propuesta en los comentarios", "ustedes"),
        ("Confirmá tu domicilio", None),
        ("Acercate hoy con tu documento", None),
        ("Traé a tu mascota", None),
        ("Actualizala antes de dormir", None),
        ("Sacá turno para el canje", None),
        (None, None),
    ],
)
def test_the_call_to_action_shows_the_form(call, form):
    brief = Brief(topic="Rebajas", language="es", call_to_action=call)
    assert infer(brief) == (None if form is None else ADDRESSES.index(form))


@pytest.mark.parametrize(
    ("topic", "form"),
    [
        ("Cuéntanos el síntoma y te damos el libro", "tu"),
        ("Lo que ustedes pidieron", "ustedes"),
        ("Queremos que vengáis con vuestra gente", "vosotros"),
        ("Para usted", "usted"),
        ("Rebajas", None),
    ],
)
def test_without_a_call_the_topic_shows_it(topic, form):
    assert infer(Brief(topic=topic, language="es")) == (None if form is None else ADDRESSES.index(form))


def test_voseo_countries_get_clauses_without_address():
    assert infer(Brief(topic="Rebajas", language="es-AR", call_to_action="Pide la tuya")) is None
