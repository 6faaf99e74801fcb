"""How many syllables words have, against counts by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.counting.syllables import english_syllables, spanish_syllables

# Counted by hand, as a dictionary hyphenates and reads them.
ENGLISH = {
    1: "the of and to in is you that it he was for on are as with his they at be this have from or one had by "
    "words but what some we can out there were all your when use how said each she which their time will if "
    "up way them would like so these her long make thing see him two has look more day could come did my no "
    "most who know bread cakes baked saved please world house friend talked laughed through once league "
    "vogue eyes free sale fresh love smile month year price shop",
    2: "about water after many over sentence little only before follow also around farmer table apple bottle "
    "wanted needed dishes wishes faces pages boxes going being seeing saying flying player royal lion poet "
    "quiet science client diet chaos statement movement lovely careful homeless sometimes someone business "
    "every discount fashion question nation picture hundred naked ocean centre purple struggled today people "
    "spokesman unique coffee morning offer happy party weekend winter summer market enjoy",
    3: "another family remember important animal together video media radio serious previous idea area energy "
    "created beautiful company hospital holiday delicious tomorrow adventure museum violence easier happier "
    "element everything everyone absolute completely announcement engagement annual recipe businesses "
    "influence basically exclusive opening limited celebrate december saturday customer",
    4: "criticism information community especially television january experience society anxiety reality "
    "appreciate material situation graduation memorial mysterious appropriate independent entertainment",
    5: "university opportunity refrigerator imagination individual electricity international sexuality",
}
SPANISH = {
    1: "y o a el la de que en un por con no su se lo más muy hoy ley rey buey sol mar pan luz flor bien fue dio "
    "vio pie guion fiel juez nuez quien cual seis dos tres yo ti",
    2: "casa perro gato libro ciudad cuando agua tierra cielo viento puerta fuego nuevo bueno aire causa deuda "
    "reina ruido cuidar viuda país raíz maíz baúl río tío día mío frío búho leer creer caer oír reír guía "
    "guerra queso quince siempre tiempo tienda gratis ayer mayo oye jersey prohibir ahumar construir huida "
    "ahí aún limpiáis guapo lengua whisky leche mesa silla noche gracias feliz grande fiesta juego bailar "
    "vender dulce parque precio nuestra",
    3: "camino mañana ventana familia historia paciencia noticia abuelo escuela cigüeña pingüino poeta guitarra "
    "teatro aldea zapato comida verano regalo oferta descubre sábado médico cuidado jesuita desahucio paella "
    "cohete Paraguay Uruguay sonreír María ahora chiita oían hermano amigo trabajo pequeño domingo mercado "
    "servicio cocina escribir cerrado abierto diciembre descuento semana",
    4: "océano aéreo poesía alegría vehículo almohada amarillo chocolate importante primavera bicicleta "
    "compañía averiguáis restaurante paraguayo estudiante dormitorio friísimo temporada limitada maravilla",
    5: "Andalucía zoología electricidad panadería universidad felicidades oportunidad cumpleañera fotografía economía",
    6: "responsabilidad descubriríamos",
}


def missed(counter, words):
    return {word for count, some in words.items() for word in some.split() if counter(word) != count}


def test_english_words_are_right():
    assert sum(len(some.split()) for some in ENGLISH.values()) >= 240
    assert missed(english_syllables, ENGLISH) == set()


def test_spanish_words_are_right():
    assert sum(len(some.split()) for some in SPANISH.values()) >= 180
    assert missed(spanish_syllables, SPANISH) == set()


@pytest.mark.parametrize(("word", "count"), [("heroin", 2), ("chocolate", 3), ("bizarre", 3)])
def test_what_english_rules_miss_is_wrong_by_one(word, count):
    # The dictionary says 3, 2 (or 3) and 2.
    assert english_syllables(word) == count


def test_case_and_composition_do_not_matter():
    assert english_syllables("TABLE'S") == english_syllables("table")
    assert spanish_syllables("PAI\u0301S") == spanish_syllables("país") == 2


@given(st.text(max_size=30))
def test_any_text_has_at_least_one_syllable(word):
    assert english_syllables(word) >= 1
    assert spanish_syllables(word) >= 1
