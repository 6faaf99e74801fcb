"""What passes the gate and what does not, each kind with a few pairs; the suite of near_pairs.tsv has the many."""

import pytest

from postopt.caching.gate import explain
from postopt.caching.gate.compare import differences, passes
from postopt.caching.gate.meaning import MAX_CHARACTERS, read

BREAD = "Write a friendly post about our new sourdough bread, price 3.50 €"

SAME = {
    "the example": (BREAD, "please write a friendly Facebook post on our new sourdough bread (price: €3.50)"),
    "a polite question": (BREAD, "Could you please write a friendly post about our new sourdough bread for €3.50?"),
    "a question in the middle": (
        "Write a post about our menu. Dishes start at £6.50",
        "Can you write a post about our menu? Dishes from £6.50",
    ),
    "thanks": (BREAD, f"Hi! {BREAD}. Many thanks in advance"),
    "a mention": (BREAD, "Write a friendly post about our new sourdough bread. Mention the price: €3.50"),
    "a tone behind": (BREAD, "Write a post about our new sourdough bread, price 3.50 €, in a friendly tone"),
    "a tone before": (BREAD, "Write a post in a friendly tone about our new sourdough bread, price 3.50 €"),
    "a tone as a wish": (BREAD, "Write a post about our new sourdough bread, price 3.50 €. Keep it friendly"),
    "no request": ("20% off all shoes until Sunday", "Write a post: 20 % discount on all shoes until Sunday"),
    "no verb": ("Friendly post about our book club", "Write a friendly post about our book club"),
    "an announcement": ("Announce that we open at 7", "Let everyone know that we open at 7"),
    "an act": ("Remind parents to bring boots", "Write a post reminding the parents to bring boots"),
    "something": ("Write something short for Facebook about soap and honey", "Write a short post about soap and honey"),
    "adjectives": ("Write a short and funny post about soap", "Write a funny, brief Facebook post about soap"),
    "an audience": ("Write a post for parents about boots", "Write a post aimed at parents on boots"),
    "a thing": ("Write a post for our summer sale in Leeds", "Write a post about our summer sale in Leeds"),
    "a platform": ("Write an Instagram post about soap", "Write a post for Instagram about soap"),
    "explaining": ("Write a post explaining how we bake", "Write a post about how we bake"),
    "that": ("Write a post that we move to Leeds", "Write a post saying that we move to Leeds"),
    "synonyms": ("Buy two films for your kids in our shop", "Purchase 2 movies for your children in our store"),
    "contractions": ("We're open and don't close", "We are open and do not close"),
    "British and American": ("We personalise your favourite colour", "We personalize your favorite color"),
    "compounds": ("A gluten-free, dog-friendly picnic", "A gluten free, dog friendly picnic"),
    "possessive": ("We love the new beard oil of our barber shop", "We love our barber shop's new beard oil"),
    "time at either end": ("Until Sunday, 20% off all shoes at our shop", "20% off all shoes at our shop until Sunday"),
    "place and time": (
        "Free yoga every Tuesday at 6pm in Victoria Park",
        "Free yoga in Victoria Park on Tuesdays at 18:00",
    ),
    "price in between": ("Tacos for $2 at our truck today", "Today: tacos at our truck for $2"),
    "and": ("We bake bread, cakes and rolls", "We bake bread and cakes and rolls"),
    "apposition": ("Meet our head, Jane Miller, in Leeds", "Meet our head Jane Miller in Leeds"),
    "which is": ("Our store in Soho, which is open today", "Our store in Soho, open today"),
    "a price per": ("Rooms for €49 a night in Leeds", "Rooms at €49 per night in Leeds"),
    "savings": ("Save €30 on your first order", "Get €30 off your first order"),
    "a discount of": ("A discount of 20% on bags and hats", "20 percent off bags and hats"),
    "with a discount": ("Bags with up to 20% off this week", "Bags: up to 20 % off this week"),
    "with something free": ("Our birthday party with free cake", "Our birthday party: free cake"),
    "only and just": ("Rent a bike for only $15", "Rent a bicycle for just $15"),
    "Spanish": (
        "Escribe una publicación amistosa sobre nuestro pan de masa madre, precio 3,50 €",
        "Por favor, redacta un post amistoso para Facebook acerca de nuestro pan de masa madre (3,50 €)",
    ),
    "a Spanish question": (
        "Necesito un post corto sobre el menú",
        "¿Puedes escribir un post corto sobre nuestro menú?",
    ),
    "a Spanish tone": ("Haz un post con tono amistoso sobre el pan", "Redacta una publicación amistosa sobre el pan"),
    "Spanish days": ("Sopa gratis todos los miércoles", "Sopa gratuita los miércoles"),
    "a Spanish audience": ("Un post para padres sobre botas", "Un post dirigido a padres sobre botas"),
    "Spanish time": (
        "El jueves por la noche, cata de 5 vinos por 25 €",
        "Cata de cinco vinos el jueves por la noche, 25 €",
    ),
    "a denied clause": ("We do not open on Sunday", "On Sunday we do not open"),
    "an exception": ("Except on Sundays, our plumbers work all day", "Our plumbers work all day except on Sundays"),
    "a discount behind": ("All shoes are 20% off until Sunday", "20% off all shoes until Sunday"),
    "up to": ("Up to 20% off all shoes", "All shoes up to 20% off"),
    "a Spanish range": ("De lunes a viernes, envío gratis a Vigo", "Envío gratis a Vigo, de lunes a viernes"),
    "another gender": ("Un post inspirador sobre Ana y Eva", "Una publicación inspiradora sobre Ana y Eva"),
    "an abbreviation": ("Our vet Dr. Lee is back", "Our vet Dr Lee is back"),
    "a day of the week": ("Our kitchen is open this Monday", "This Monday our kitchen is open"),
    "que compares": (
        "En la encuesta, ellas puntuaron mejor que nosotros",
        "Ellas puntuaron mejor que nosotros en nuestra encuesta",
    ),
}

DIFFERENT = {
    "numbers": ("15% off all shoes", "50% off all shoes", "numbers differ: 15 / 50"),
    "currency": ("Bread for €3.50 here", "Bread for $3.50 here", "numbers differ"),
    "negation": ("Parking is free for guests", "Parking is not free for guests", "negations differ: none / not"),
    "contracted negation": ("You can bring dogs", "You can't bring dogs", "negations differ: none / not"),
    "names": ("We love Nike in our shop", "We love Puma in our shop", "names differ: Nike / Puma"),
    "a link": ("Visit https://a.example/x today", "Visit https://b.example/x today", "names differ"),
    "words": ("Our shop opens on Sunday", "Our shop burns on Sunday", "words differ: opens / burns"),
    "reversal": ("Nike beats Adidas in our test", "Adidas beats Nike in our test", "order differs"),
    "a name and a word": ("Write a post about Apple and tea", "Write a post about apple and tea", "names differ"),
    "languages": ("Our bread is new", "Nuestro pan es nuevo y sabe a casa", "languages differ: en / es"),
    "request": ("Write a post about soap", "Write an email about soap", "requests differ: post / email"),
    "question": ("Is our bread the best in town?", "Our bread is the best in town", "requests differ: none / post"),
    "manner": ("Write a short post about soap", "Write a long post about soap", "manners differ: short / long"),
    "degree": ("A very short, sweet post about tea", "A short, very sweet post about tea", "manners differ"),
    "manner and content": ("A friendly post about staff", "A post about friendly staff", "manners differ"),
    "punctuation": ("No, discounts are available", "No discounts are available", "punctuation differs"),
    "a list": ("We sell lemon, cake and tea", "We sell lemon cake and tea", "punctuation differs"),
    "what a number belongs to": ("Shoes 20% off, bags", "Shoes, 20% off bags", "punctuation differs"),
    "a name in a list": ("We invite our chef, Ana, and Eva", "We invite our chef Ana and Eva", "punctuation differs"),
    "a phrase of one clause": (
        "On Sunday the shop opens and the café closes",
        "The shop opens and the café closes on Sunday",
        "order differs",
    ),
    "what a phrase belongs to": ("Order by Friday to get it", "Order to get it by Friday", "order differs"),
    "today and tomorrow": ("Today we talk tomorrow", "Tomorrow we talk today", "order differs"),
    "two prices": ("Coffee €2, cake €3 at our bar", "Coffee €3, cake €2 at our bar", "order differs"),
    "the owner bites": ("The owner of the dog bites", "The dog bites the owner", "words differ"),
    "a noun that is a verb": ("Shop our apples today", "Store our apples today", "words differ"),
    "a noun before a noun": ("Book club on Monday", "Reserve club on Monday", "words differ"),
    "said at the end": ("Teach them to say please", "Teach them to say thanks", "words differ"),
    "a way to say it": (
        "Write a post about how to answer in a friendly tone",
        "Write a friendly post about how to answer",
        "manners differ",
    ),
    "on a platform": ("Write a post on Instagram marketing", "Write an Instagram post: marketing", "manners differ"),
    "for and about": ("Write a post for our customers", "Write a post about our customers", "words differ"),
    "not to mention": ("A post on tea. Mention the price", "A post on tea. Do not mention the price", "negations"),
    "a letter": ("Write about vitamin A for kids", "Write about the vitamin for kids", "names differ: A / none"),
    "tense": ("We opened our shop on Monday", "We open our shop on Monday", "words differ: opened / open"),
    "hyphen": ("A man-eating fish in our pond", "A man eating fish in our pond", "words differ"),
    "one day and every day": ("El lunes abrimos", "Los lunes abrimos", "words differ"),
    "yes and if": ("Sí hay pan en la tienda", "Si hay pan en la tienda", "words differ"),
    "about how many": ("Unos 50 puestos en la plaza", "50 puestos en la plaza", "words differ"),
    "to and by": ("El pan sube a 10 € en la tienda", "El pan sube 10 € en la tienda", "words differ: a / none"),
    "what somebody says": ("Un post: enseña a decir gracias", "Un post: enseña a decir", "words differ"),
    "a spelling that may be a name": ("We have Wi-Fi in our park", "We have wifi in our park", "names differ"),
    "not then": ("Open in May, not in June", "In June open, not in May", "order differs"),
    "two ends": ("A 5 km run, then a 10 km run", "A 10 km run, then a 5 km run", "order differs"),
    "in and out of a list": ("Vitamina E natural y barata", "Vitamina y natural y barata", "names differ: E"),
    "an expression cut in two": ("Free, of charge and cost", "Free of charge and cost", "words differ"),
    "an odd tone": ("A post in a 5 star tone about tea", "A post about tea and milk", "words differ"),
    "an odd adjective": ("Escribe un post corto 3 sobre pan", "Escribe un post corto sobre pan", "numbers differ"),
    "nothing behind": ("Escribe un post corto y dulce", "Escribe un post corto y amargo", "words differ"),
    "a long noun": (
        "Write a post for our big red old nice cheap warm sale",
        "Write a post about our big red old nice cheap warm sale",
        "words differ",
    ),
    "going on": ("What our kids have going on", "What our kids have going", "words differ"),
    "nothing but a request": ("Write a post, please", "Create a post", "less than 2 words"),
    "too little": ("What the ...", "What.", "less than 2 words"),
    "an unknown language": ("Unser Brot schmeckt gut", "Das Brot von uns schmeckt gut", "no known language"),
}  # fmt: skip

# Pairs that an earlier gate let pass, or might: one word left out, one mark, one reading too many.
TRAPS = [
    ("Escribe un post sobre el cura del pueblo", "Escribe un post sobre la cura del pueblo"),
    ("Few seats left for the show", "A few seats left for the show"),
    ("Up to 5 may join the workshop", "Up to May 5 join the workshop"),
    ("We serve tea, coffee or cake", "We serve tea and coffee or cake"),
    ("Meet us not in Leeds, in York", "Meet us not in Leeds and in York"),
    ("In costumes, kids meet teachers", "Kids meet teachers in costumes"),
    ("Share your best recipe with us", "Your best recipe with us"),
    ("Ana likes Eva's post about cats", "Eva likes Ana's post about cats"),
    ("Write a Nike beats Adidas post about shoes", "Write an Adidas beats Nike post about shoes"),
    ("The mayor's plans for June", "The mayor plans for June"),
    ("The work of the teachers is hard", "The teachers work is hard"),
    ("We love the work of our teachers", "We love our teachers work"),
    ("We love 'our teachers work'", "We love our teachers' work'"),
    ("Write a post: we give thanks", "Write a post: we give"),
    ("Please write a post: is our bread fresh?", "Please write a post: our bread is fresh"),
    ("Save 20% of your income this year", "20% off your income this year"),
    ("Write a post about bread: bake it, make it fresh", "Write a fresh post about bread: bake it"),
    ("Un café solo en la terraza", "Un café únicamente en la terraza"),
    ("Prizes of one hundred and fifty euros for you", "Prizes of 100 and 50 euros for you"),
    ("Regalos de treinta y cinco euros para ti", "Regalos de 30 y 5 euros para ti"),
    ("Shoes get members 20% off", "Members get shoes 20% off"),
    ("All except Ana love Eva at home", "All except Eva love Ana at home"),
    ("20% off kids for adults", "20% off adults for kids"),
    ("We open not on Sunday", "On Sunday we do not open"),
    ("Never open the box at night", "At night open the box never"),
    ("We sell bread and cakes at our shop for €5", "We sell bread at our shop for €5 and cakes"),
]
NO_TRAPS = [
    ("A few seats left for the show", "A few seats left for our show"),
    ("In our gym, kids meet teachers", "Kids meet teachers in our gym"),
    ("Share our new opening hours: 9 to 5", "Write a post about our new opening hours: 9 to 5"),
    ("We love the plans of the mayor", "We love the mayor's plans"),
    ("We love the work of our teachers", "We love our teachers' work"),
    ("Write a short friendly post about tea", "Write a friendly, short post about tea"),
    ("Can you write a post about our fresh bread?", "Write a post about our fresh bread"),
    ("Write a post about bread. Make it short and funny", "Write a funny, short post about bread"),
    ("Quedan solo 5 plazas en el taller", "Quedan sólo 5 plazas en el taller"),
    ("Write a post about bread please", "Write a post about bread"),
]


@pytest.mark.parametrize(("first", "second"), TRAPS)
def test_a_trap_is_seen(first, second):
    assert explain(first, second, loose=True) != ()
    assert explain(second, first, loose=True) != ()


@pytest.mark.parametrize(("first", "second"), NO_TRAPS)
def test_what_looks_like_a_trap_and_is_none_passes(first, second):
    assert explain(first, second) == ()


@pytest.mark.parametrize(("first", "second"), SAME.values(), ids=SAME)
def test_passes(first, second):
    assert explain(first, second) == ()
    assert explain(second, first) == ()


@pytest.mark.parametrize(("first", "second", "reason"), DIFFERENT.values(), ids=DIFFERENT)
def test_is_refused_and_says_why(first, second, reason):
    assert any(said.startswith(reason) for said in explain(first, second)), explain(first, second)
    assert explain(second, first) != ()
    assert explain(first, second, loose=True) != ()


def test_several_reasons_are_all_given():
    reasons = explain("Write a short post about Nike, not for $5", "Write an email about Puma for $6")
    assert [reason.partition(" differ")[0] for reason in reasons] == [
        "requests", "manners", "numbers", "negations", "names",
    ]  # fmt: skip


def test_a_language_that_is_known_is_not_guessed():
    pair = ("Outlet -20 %", "Outlet: -20%")
    assert explain(*pair) != ()
    assert explain(*pair, language="es-MX") == ()
    assert explain(*pair, language="de") != ()


def test_a_text_that_is_too_long_is_not_read():
    assert read("Our bread is new. " * (MAX_CHARACTERS // 18)) is not None
    assert read("Our bread is new. " * (MAX_CHARACTERS // 18 + 1)) is None


def test_loose_lists_count_only_where_they_are_asked_for():
    pair = ("We reveal an easy trick for beginners", "We reveal a simple trick for novices")
    assert explain(*pair) == ("words differ: beginners / novices",)
    assert explain(*pair, loose=True) == ()


def test_passing_agrees_with_having_no_differences():
    texts = [text for pair in (*SAME.values(), *(entry[:2] for entry in DIFFERENT.values())) for text in pair]
    meanings = [meaning for meaning in map(read, texts) if meaning is not None]
    for first in meanings[::3]:
        for second in meanings:
            for loose in (False, True):
                assert passes(first, second, loose=loose) == (differences(first, second, loose=loose) == ())
