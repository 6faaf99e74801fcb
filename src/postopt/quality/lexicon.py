"""The word lists behind the readable features, in English and Spanish."""

from __future__ import annotations

from typing import Final, TypeAlias

from postopt.errors import shown

Lists: TypeAlias = dict[tuple[str, str], dict[str, str]]

LANGUAGES: Final = ("en", "es")

# By these function words, which are frequent in one of the two languages and no words of the other.
FUNCTION_WORDS: Final = {
    "en": "the of and to is was are were this that these those you your he she it his her they we i with for from what "
    "why how who when will would can could have has had not but if about out my our their be been by on at as",
    "es": "el la los las un una de del que y en por para con es son fue esta este esto estos estas tu tus su sus lo le "
    "les se nos como más pero si sin muy ya qué cómo cuándo quién al mi mis te me yo nosotros ustedes usted hoy aquí",
}
FUNCTION_WORD_SETS: Final = {language: frozenset(words.split()) for language, words in FUNCTION_WORDS.items()}

# (name, what it says) -> language -> words; a hyphen joins words that stand next to each other.
WORDS: Final[Lists] = {
    ("I", "speaks as I"): {
        "en": "i i'm i've i'd i'll me my mine myself",
        "es": "yo mi mis me mí conmigo mío mía míos mías",
    },
    ("we", "speaks as we"): {
        "en": "we we're we've we'd we'll us our ours ourselves let's",
        "es": "nosotros nosotras nuestro nuestra nuestros nuestras nos",
    },
    ("you", "addresses the reader"): {
        "en": "you you're you've you'd you'll your yours yourself yourselves",
        "es": "tú tu tus ti contigo te vos usted ustedes vosotros vosotras vuestro vuestra vuestros vuestras os",
    },
    ("formal_you", "addresses the reader formally"): {"es": "usted ustedes le les"},
    ("he_she", "says he or she"): {
        "en": "he he's he'd he'll him his himself she she's she'd she'll her hers herself",
        "es": "él ella ellos ellas suyo suya",
    },
    ("they", "says they"): {"en": "they they're they've they'd they'll them their theirs", "es": "ellos ellas"},
    ("deixis", "points at this or here"): {
        "en": "this these here here's",
        "es": "este esta estos estas esto aquí acá",
    },
    ("that", "points at that or there"): {
        "en": "that that's those there there's",
        "es": "ese esa esos esas eso ahí allí allá aquel aquella",
    },
    ("it", "says it"): {"en": "it it's its", "es": "ello lo"},
    ("negation", "says not, no or never"): {
        "en": "not no never nothing nobody none neither cannot don't doesn't didn't isn't aren't wasn't weren't won't "
        "wouldn't can't couldn't shouldn't haven't hasn't hadn't ain't without",
        "es": "no nunca nada nadie ningún ninguna ninguno ni tampoco jamás sin",
    },
    ("look", "says watch, see or look"): {
        "en": "watch watching watched see seeing seen saw look looking looks",
        "es": "mira mire miren mirá ve vean vea ver viendo visto observa descubre descubrí descubra",
    },
    ("superlative", "has a superlative"): {
        "en": "best worst most least greatest biggest smallest funniest coolest hardest highest first last only "
        "incredible amazing perfect ultimate",
        "es": "mejor mejores peor peores máximo mínimo primero primera último última único única increíble perfecto",
    },
    ("comparison", "compares"): {
        "en": "more less better worse than bigger smaller faster cheaper easier",
        "es": "más menos mejor peor mayor menor",
    },
    ("question_word", "has a question word"): {
        "en": "what what's who who's why how when where which whose",
        "es": "qué quién quiénes cómo cuándo dónde cuál cuáles cuánto cuánta cuántos cuántas",
    },
    ("if", "says if"): {"en": "if unless", "es": "si"},
    ("why", "says why or because"): {"en": "why because reason reasons", "es": "porque razón razones motivo motivos"},
    ("how", "says how"): {"en": "how-to how", "es": "cómo"},
    ("when", "says when, then or until"): {
        "en": "when then until after before while",
        "es": "cuando entonces hasta después antes mientras",
    },
    ("but", "says but or though"): {"en": "but though although except instead", "es": "pero aunque sino excepto"},
    ("call_to_action", "calls to action"): {
        "en": "click share buy shop order join subscribe register download book sign-up learn-more find-out try call "
        "visit save discover",
        "es": "clic comparte compartí comparta compra comprá compre pide pedí pida únete unite únase suscríbete "
        "suscribite regístrate registrate descarga descargá reserva reservá llama llamá visita visitá prueba probá",
    },
    ("urgency", "presses for time"): {
        "en": "now today tonight hurry limited ends deadline soon immediately",
        "es": "ahora hoy ya urgente límite termina pronto inmediatamente últimas",
    },
    ("new_free", "says new or free"): {"en": "new free gift bonus", "es": "nuevo nueva nuevos nuevas gratis regalo"},
    ("modal", "says can, could or should"): {
        "en": "can could may might should would must shall",
        "es": "puede pueden puedes podés podría podrían debe deben debes debés debería deberían",
    },
    ("will", "speaks of the future"): {
        "en": "will i'll you'll he'll she'll we'll they'll won't gonna",
        "es": "va vas van voy vamos",
    },
    ("have", "says has or had"): {"en": "have has had having", "es": "ha han has he había habían tiene tienen tuvo"},
    ("man", "speaks of a man or boy"): {
        "en": "man men guy guys boy boys dude dad father",
        "es": "hombre hombres chico chicos niño papá padre",
    },
    ("woman", "speaks of a woman or girl"): {
        "en": "woman women girl girls lady ladies mom mother",
        "es": "mujer mujeres chica chicas niña niñas mamá madre",
    },
    ("child", "speaks of children"): {
        "en": "kid kids child children baby babies son daughter",
        "es": "hijo hija hijos hijas niños bebé bebés",
    },
    ("people", "speaks of people in general"): {
        "en": "people folks everyone everybody someone anyone",
        "es": "gente personas todos todas alguien",
    },
    ("thing", "says thing or something"): {
        "en": "thing things something anything everything stuff",
        "es": "cosa cosas algo todo",
    },
    ("speech", "reports what somebody says"): {
        "en": "say says said ask asks asked tell tells told talk talks answer answers response explain explains",
        "es": "dice dijo dicen pregunta preguntó cuenta contó responde respondió explica respuesta",
    },
    ("thought", "says think, know or believe"): {
        "en": "think thinks thought know knows knew believe guess realize understand wonder",
        "es": "piensa piensas pensás creo crees creés cree sabe sabes sabés saber imagina entiende",
    },
    ("event", "tells what happened"): {
        "en": "happen happens happened turns turned became gets got found went came did made",
        "es": "pasa pasó ocurre ocurrió resultó encontró hizo llegó fue",
    },
    ("intensifier", "has an intensifier"): {
        "en": "so very really totally completely absolutely actually literally just even ever pretty",
        "es": "tan muy realmente totalmente absolutamente completamente incluso hasta súper",
    },
    ("hedge", "says maybe or seems"): {
        "en": "maybe perhaps probably seems might could kinda sorta",
        "es": "quizá quizás tal-vez parece acaso",
    },
    ("positive_emotion", "has words of joy or love"): {
        "en": "love loves loved happy joy beautiful wonderful awesome funny hilarious smile proud hope laugh",
        "es": "amor ama feliz alegría hermoso hermosa maravilloso divertido sonrisa orgullo esperanza risa",
    },
    ("money", "speaks of money"): {
        "en": "money dollar dollars price prices pay pays paid cost costs rich poor cheap million billion",
        "es": "dinero precio precios paga pagar cuesta euros pesos dólares rico pobre barato millón millones",
    },
    ("time", "speaks of hours, days or years"): {
        "en": "second seconds minute minutes hour hours day days week weeks month months year years",
        "es": "segundo segundos minuto minutos hora horas día días semana semanas mes meses año años",
    },
    ("fear", "has words of fear"): {
        "en": "afraid alarming catastrophe catastrophic creepy danger dangerous dangers deadly doom doomed dread "
        "dreaded dreadful fatal fear feared fearful fearing fears frighten frightened frightening frightens horrific "
        "horrified horrify horrifying horror lethal menace nightmare nightmares panic panicked panicking petrified "
        "scare scared scares scariest scary terrified terrifies terrify terrifying terror threat threaten threatened "
        "threatening threatens threats warning warnings",
        "es": "alarmante amenaza amenazante amenazas asusta asustada asustado asustados asustar asustes aterra "
        "aterrada aterrado aterrador aterradora aterradoras aterradores aterroriza catástrofe catastrófica "
        "catastrófico escalofriante espantosa espantoso espeluznante fatal fatales horror horroriza horrorizada "
        "horrorizado letal letales miedo miedos mortal mortales pánico peligro peligros peligrosa peligrosas "
        "peligroso peligrosos pesadilla pesadillas susto teme temer temes temor temores terror terrorífica "
        "terrorífico",
    },
    ("negative_emotion", "has words of grief, anger or disgust"): {
        "en": "anger angry ashamed awful cried cries cry crying dead death devastated devastating die died dies "
        "disgust disgusted disgusting dying furious grief grieving hate hated hates heartbreaking heartbroken "
        "horrible kill killed misery miserable mourning outrage outraged outrageous pain painful rage sad sadness "
        "shame shocking suffer suffered suffering suffers tears terrible tragedy tragic",
        "es": "asco asquerosa asqueroso desgarrador desgarradora devastador devastadora dolor dolorosa doloroso duelo "
        "enojo furia furiosa furioso horrible indignación indignante llora llorar lloró lágrimas morir muere muerta "
        "muerte muerto murió odia odio rabia sufre sufrimiento sufrir sufrió terrible tragedia trágica trágico triste "
        "tristes tristeza vergüenza",
    },
    ("sensitive", "has words of origin, belief, health, body, debts or sexuality"): {
        "en": "african-american arab arabs asian asians black ethnic ethnicity gypsy hispanic hispanics immigrant "
        "immigrants immigration latina latinas latino latinos migrant migrants native-american race races racial "
        "racism racist refugee refugees undocumented white atheist atheists bible buddhist buddhists catholic "
        "catholics christian christianity christians church hindu hindus islam islamic jew jewish jews judaism mormon "
        "mosque muslim muslims quran religion religions religious synagogue asexual bisexual gay gays heterosexual "
        "homosexual homosexuality homosexuals lesbian lesbians lgbt lgbtq nonbinary queer sexuality trans transgender "
        "transsexual abortion addict addicted addiction addicts adhd alcoholic alcoholics alcoholism alzheimer's "
        "anorexia anorexic anxiety asthma autism autistic bipolar bulimia cancer chemo chemotherapy chronic-pain deaf "
        "dementia depressed depression diabetes diabetic diabetics disabilities disability disabled disease diseases "
        "epilepsy hiv illness illnesses infertile infertility mental-health mental-illness miscarriage overdose "
        "pregnancy pregnant psychiatric ptsd schizophrenia suicidal suicide tumor tumors wheelchair bald balding fat "
        "fatter fattest obese obesity overweight skinny weight-loss bankrupt bankruptcy debt debts eviction evicted "
        "foreclosure homeless indebted jobless unemployed",
        "es": "afroamericana afroamericano árabe árabes asiática asiático blanca blanco étnica étnico gitana gitano "
        "indígena indígenas inmigración inmigrante inmigrantes latina latinas latino latinos migrante migrantes negra "
        "negro racial racismo racista raza razas refugiada refugiado refugiados atea ateo ateos biblia budista "
        "católica católicas católico católicos corán cristiana cristianas cristiano cristianos hindú iglesia islam "
        "judaísmo judía judías judío judíos mezquita musulmana musulmanas musulmán musulmanes religión religiosa "
        "religioso sinagoga bisexual gay gays heterosexual homosexual homosexuales homosexualidad lesbiana lesbianas "
        "lgbt lgbtq sexualidad trans transexual transgénero aborto adicción adicta adicto adictos alcohólica "
        "alcohólico alcoholismo alzheimer anorexia ansiedad asma autismo autista bipolar bulimia cáncer demencia "
        "depresión deprimida deprimido deprimidos diabetes diabética diabético diabéticos discapacidad discapacitada "
        "discapacitado embarazada embarazadas embarazo enferma enfermas enfermedad enfermedades enfermo enfermos "
        "epilepsia esquizofrenia infertilidad psiquiátrico quimioterapia salud-mental sobredosis sorda sordo suicida "
        "suicidio tumor tumores vih calva calvo gorda gordas gordo gordos obesa obesidad obeso sobrepeso bancarrota "
        "desahuciada desahuciado desahucio desempleada desempleado desempleados deuda deudas endeudada endeudado "
        "en-quiebra en-paro",
    },
}


def primary(tag: str) -> str:
    """Return the first part of a language tag in lower case: "es" of "es-MX" and of "ES_mx".

    Raises:
        ValueError: it is no str.
    """
    if not isinstance(tag, str):
        raise ValueError(f"language is {shown(tag)}; a tag such as 'en' is needed")  # noqa: TRY004 - as all others
    return tag.lower().replace("_", "-").partition("-")[0]
