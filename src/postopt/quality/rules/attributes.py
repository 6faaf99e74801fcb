"""Words for the personal attributes that ads must not ascribe to their readers, in English and Spanish.

Three kinds, since each is ascribed in its own way: what somebody is ("diabetic", "a Christian"), what somebody has
("diabetes", "debts"), and what befell or was done by somebody ("lost your job", "voted"). Words that mostly mean
something else are left out where a text would be misread more often than read: "black" counts with a person after it,
"senior" not before a dog.

The attributes are those of Meta's standard (race, ethnicity, religion, beliefs, age, sexual orientation, gender
identity, disability, health, vulnerable finances, voting, union membership, criminal record, name), and two that only
Meta's help page on the standard lists (business/help/2557868957763449, read in a copy on 2026-11-26): national origin
and family status. The standard names neither pregnancy nor addiction; both are a state of health. Which words stand
for an attribute is ours. Of family status only what few are or say freely counts (alone with children, divorced,
widowed), not "married", "single" or "a parent", which offers of all kinds ask for.
"""

from __future__ import annotations

from typing import Final

# What voters and supporters are called after. Names of persons and parties age; these are of 2016 to 2026.
_VOTED_EN: Final = (
    "trump|biden|harris|obama|clinton|sanders|maga|gop|labour|tory|conservative|lib(?:eral)? ?dem(?:ocrat)?s?|ukip|snp|"
    "reform uk|republicans?|democrats?|brexit|remain"
)
_FOLLOWERS: Final = "|".join(
    f"{name} (?:voters?|supporters?)"
    for name in ("trump", "biden", "harris", "obama", "clinton", "sanders", "labour", "tory", "conservative", "brexit")
)
# Some are words of their own: those count in capitals only.
_VOTED_ES: Final = (
    "psoe|partido (?:popular|socialista)|esquerra|junts|bildu|pnv|bng|morena|milei|petro|boric|kast|trump|biden|"
    "(?:la )?(?:izquierda|derecha)|(?-i:Vox|VOX|PP|PRI|PAN|PRD|Sumar|Podemos|Ciudadanos)"
)

IS: Final = {
    "en": {
        "health": r"diabetics?|asthmatics?|epileptics?|alcoholics?|addicts?|recovering (?:alcoholics?|addicts?|"
        r"drinkers?)|former (?:alcoholics?|addicts?)|ex[- ](?:alcoholics?|addicts?|drinkers?)|in recovery(?! \w)|"
        r"addicted to (?:alcohol|drugs|opioids|painkillers|pills|"
        r"heroin|cocaine|gambling|porn)|"
        r"pregnant(?<!when you're pregnant)(?<!when you are pregnant)|expecting (?:a baby|a child|twins)|"
        r"anorexic|bulimic|obese|overweight|depressed(?! (?:by|at|with))|bipolar|autistic|anxious all the time|"
        r"infertile|menopausal|incontinent|insomniacs?|"
        r"hiv[- ]positive|cancer (?:survivors?|patients?)|(?:mentally|chronically|terminally) ill|allergic(?! to)|"
        r"celiacs?|coeliacs?|(?:people|anyone|those) with (?:diabetes|hiv|aids|cancer|epilepsy|depression|anxiety|"
        r"arthritis|adhd|autism)",
        "finances": r"bankrupt|broke|insolvent|penniless|in debt|behind on (?:your )?(?:rent|bills|mortgage)|homeless|"
        r"on benefits|on welfare|unemployed|jobless|low[- ]income(?: (?:families|family|people|households))?|poor|"
        r"(?:drowning|buried|deep|stuck) in (?:\w+ )?debts?",
        "religion": r"christians?|catholics?|protestants?|evangelicals?|baptists?|mormons?|muslims?|jewish|jews?|"
        r"hindus?|sikhs?|buddhists?",
        "belief": r"atheists?|agnostics?|pagans?",
        "age": r"seniors?(?! (?:dogs?|cats?|editor|engineer|manager|developer|partner))|elderly|retirees?|"
        r"pensioners?|teens?|teenagers?|boomers?|millennials?|middle[- ]aged|(?:over|under|"
        r"past) (?:the age of )?\d{2}(?! ?(?:%|percent|euros?|dollars?|pounds?|minutes?|miles|km|kg|people|items|"
        r"models|colou?rs|recipes|\w+ (?:of|on|in)))|(?:between|aged?) \d{2}(?: ?(?:and|to|-|"
        r"–) ?\d{2})?(?: years old)?|in your (?:\d{2}s|teens|twenties|thirties|forties|fifties|sixties|seventies)|"
        r"\d{2} years old",
        "race": r"(?:black|white|asian|african[- ]american|caucasian)(?= ?(?:$|[?!.,]|people|women|woman|men|man|"
        r"singles?|girls?|guys?|famil(?:y|ies)|mothers?|fathers?|parents?|heritage|roots|skin(?! ?tight)|and|or|you|"
        r"like))|african[- ]americans?|"
        r"people of colou?r|biracial|mixed[- ]race",
        "ethnicity": r"hispanics?|latin[oax]s?|roma|gyps(?:y|ies)|native american|indigenous|arabs?|kurdish|chicanos?",
        "national_origin": r"immigrants?|migrants?|refugees?|asylum[- ]seekers?|undocumented(?: (?:immigrants?|"
        r"migrants?|"
        r"workers?))?|illegal (?:immigrants?|migrants?)|foreigners?",
        "family_status": r"single[- ](?:mothers?|mums?|moms?|mamas?|fathers?|dads?|parents?)|divorced|divorcees?|"
        r"widow(?:ed|ers?|s)?",
        "sexual_orientation": r"gays?|lesbians?|bisexuals?|queer|homosexuals?|lgbtq?\+?|asexual|pansexual|"
        r"(?:straight|heterosexual)(?= ?(?:$|[?!.]|men|women|singles))",
        "gender_identity": r"trans(?:gender|sexual)?(?: (?:women|woman|men|man|people|person))?|non[- ]?binary|"
        r"genderfluid|questioning your gender|cisgender",
        "disability": r"disabled|handicapped|paraplegic|deaf|wheelchair users?|hard of hearing|visually impaired|"
        r"dyslexic|blind(?= ?(?:$|[?!.,]|people|person|or|and))|people with disabilities",
        "voting": r"voters?|swing voters?|undecided voters?|first[- ]time voters?|registered voters?|"
        r"left[- ]wing voters?|"
        r"right[- ]wing voters?|" + _FOLLOWERS + r"|republicans?|democrats?|registered to vote|tories",
        "union": r"union members?|unioni[sz]ed|(?:in|member of|part of) a (?:trade |labou?r )?union|trade unionists?",
        "criminal_record": r"felons?|convicts?|ex[- ]?cons?|ex[- ]offenders?|criminals?|convicted(?: \w+)?|on parole|"
        r"on probation",
    },
    "es": {
        "health": r"diabétic[oa]s?|asmátic[oa]s?|epiléptic[oa]s?|alcohólic[oa]s?|ex ?alcohólic[oa]s?|"
        r"adict[oa]s?(?! al? )|"
        r"adict[oa]s? (?:al (?:alcohol|juego|porno)|a las (?:drogas|pastillas|apuestas)|a la cocaína)|"
        r"embarazad[oa]s?|en rehabilitación|anoréxic[oa]s?|obes[oa]s?|deprimid[oa]s?(?! (?:por|con))|depresiv[oa]s?|"
        r"bipolar(?:es)?|autistas?|celíac[oa]s?|hipertens[oa]s?|"
        r"infértil(?:es)?|seropositiv[oa]s?|enferm[oa]s?|alérgic[oa]s?(?! al? )|insomnes?|(?:personas|"
        r"gente) con (?:diabetes|vih|sida|cáncer|epilepsia|depresión|ansiedad|artritis|autismo)",
        "finances": r"endeudad[oa]s?|en (?:la )?(?:bancarrota|quiebra|ruina)|arruinad[oa]s?|moros[oa]s?|insolventes?|"
        r"sin (?:dinero|ingresos|un duro|plata)|pobres?|(?:en|sin) (?:paro|trabajo|empleo)|desemplead[oa]s?|"
        r"en (?:la |una )?lista de moros(?:os|idad)|en (?:el )?paro",
        "religion": r"cristian[oa]s?|católic[oa]s?|protestantes?|evangélic[oa]s?|mormon[ea]s?|mormón|musulman[ea]s?|"
        r"musulmán|judí[oa]s?|hindúe?s?|budistas?",
        "belief": r"ate[oa]s?|agnóstic[oa]s?",
        "age": r"jubilad[oa]s?|pensionistas?|ancian[oa]s?|adolescentes?|abuel[oa]s? de más de|"
        r"(?:mayor|menor)(?:es)? de \d{2}|(?:personas|gente) mayor(?:es)?|mayores|de la tercera edad|cincuenton[ea]s?|"
        r"(?:más|menos) de \d{2} años|\d{2} años|(?:treint|cuarent|cincuent|sesent|setent)añer[oa]s?",
        "race": r"(?:negr[oa]s?|blanc[oa]s?|asiátic[oa]s?|mulat[oa]s?|mestiz[oa]s?)(?= ?(?:$|[?!.,]|como|y|o\b))|"
        r"(?:mujer|hombre|persona|gente|solter[oa]|madre|padre)(?:e?s)? (?:negr[oa]s?|blanc[oa]s?)|afrodescendientes?|"
        r"afroamerican[oa]s?",
        "ethnicity": r"latin[oax]s?|hispan[oa]s?|gitan[oa]s?|indígenas?|árabes?|mapuches?|quechuas?",
        "national_origin": r"inmigrantes?(?: sin papeles)?|migrantes?|refugiad[oa]s?|solicitantes? de asilo|"
        r"sin papeles|"
        r"indocumentad[oa]s?|extranjer[oa]s?",
        "family_status": r"madres? solteras?|padres? solteros?|mamás? solteras?|papás? solteros?|divorciad[oa]s?|"
        r"viud[oa]s?",
        "sexual_orientation": r"gais|gays?|lesbianas?|bisexual(?:es)?|homosexual(?:es)?|lgtbi?q?\+?|"
        r"heterosexual(?:es)?",
        "gender_identity": r"trans(?:exual(?:es)?|género)?|persona(?:s)? trans|mujer(?:es)? trans|hombres? trans|"
        r"no binari[oae]s?",
        "disability": r"discapacitad[oa]s?|minusválid[oa]s?|sord[oa]s?|parapléjic[oa]s?|disléxic[oa]s?|"
        r"cieg[oa]s?(?= ?(?:$|[?!.,]|o\b|y\b))|personas con discapacidad",
        "voting": r"votantes?(?: de \w+(?: \w+)?)?|de (?:izquierdas?|derechas?)|republican[oa]s?|demócratas?|"
        r"socialistas?",
        "union": r"(?:afiliad[oa]s?|miembros?) (?:a|de|al|del) (?:un |una )?sindicato|sindicalistas?|sindicad[oa]s?|"
        r"sindicalizad[oa]s?",
        "criminal_record": r"ex ?convict[oa]s?|delincuentes?|expresidiari[oa]s?|convict[oa]s?|"
        r"en libertad condicional",
    },
}

HAS: Final = {
    "en": {
        "health": r"diabetes|asthma|epilepsy|alcoholism|(?:an )?addictions?|anorexia|bulimia|obesity|depression|"
        r"anxiety|panic attacks|ptsd|adhd|autism|bipolar disorder|schizophrenia|dementia|alzheimer'?s|parkinson'?s|"
        r"cancer|tumou?rs?|hiv|aids|herpes|hepatitis|arthritis|migraines?|eczema|psoriasis|acne|insomnia|"
        r"incontinence|hypertension|(?:high|low) (?:blood pressure|cholesterol|blood sugar)|erectile dysfunction|"
        r"infertility|pregnanc(?:y|ies)(?! (?:tests?|insurance|yoga|pillows?|class(?:es)?|clothes|jeans|wear|apps?|"
        r"tips|"
        r"photos?|cover|leave))|drinking problems?|drug (?:problems?|habit)|gambling (?:problems?|habit)|(?:mental|"
        r"chronic|heart|kidney|liver|lung) (?:illness|disease|condition|problems?|pain)|"
        r"chronic \w+|(?:back|knee|joint|neck|hip) pain|hair loss|(?:an )?eating disorders?|allerg(?:y|ies)|"
        r"thyroid (?:problems?|disease)",
        "finances": r"(?:credit[- ]card |student |medical |tax |unpaid |gambling )?debts?|bad credit|poor credit|"
        r"credit problems|money (?:problems|troubles|worries)|financial (?:problems|troubles|difficulties|struggles)|"
        r"bankruptcy|foreclosure|unpaid bills|overdue (?:bills|rent)|no savings|low income",
        "disability": r"disabilit(?:y|ies)|(?:a )?(?:hearing|visual|sight|mobility) (?:impairment|loss)|hearing loss|"
        r"dyslexia|blindness|deafness",
        "criminal_record": r"criminal (?:records?|past|history|convictions?)|prison record|felony|dui|"
        r"arrest records?|arrests?",
        "religion": r"religion|religious beliefs|faith in (?:god|jesus|allah)",
        "belief": r"political beliefs|political views",
        "race": r"race or ethnicity|racial background|skin colou?r",
        "national_origin": r"immigration status|country of (?:birth|origin)",
        "sexual_orientation": r"sexual orientation|sexuality|gay (?:side|lifestyle)",
        "gender_identity": r"gender identity|gender dysphoria|gender transition|gender(?! (?:reveal|gap|equality))",
        "voting": r"voting (?:record|history|status)",
        "union": r"union (?:membership|card|dues)|fellow union members",
    },
    "es": {
        "health": r"diabetes|asma|epilepsia|alcoholismo|adicci(?:ón|ones)|anorexia|bulimia|obesidad|depresión|ansiedad|"
        r"ataques de pánico|tdah|autismo|trastorno bipolar|esquizofrenia|demencia|alzh?[eé]imer|párkinson|parkinson|"
        r"cáncer|tumor(?:es)?|vih|sida|herpes|hepatitis|artritis|artrosis|migrañas?|eccema|eczema|psoriasis|acné|"
        r"insomnio|incontinencia|hipertensión|(?:presión|tensión) alta|colesterol(?: alto)?|disfunción eréctil|"
        r"infertilidad|embarazo|caída del pelo|(?:una )?enfermedad(?:es)?(?: \w+)?|dolor(?:es)? (?:crónicos?|de \w+)|"
        r"sobrepeso|"
        r"alergias?|problemas de (?:salud|tiroides|corazón|erección)",
        "finances": r"deudas?|mal (?:crédito|historial)|historial de crédito|problemas (?:de dinero|económicos|"
        r"financieros)|morosidad|bancarrota|facturas (?:sin pagar|impagadas|vencidas)|embargos?|bajos ingresos",
        "disability": r"discapacidad(?:es)?|minusvalía|dislexia|ceguera|sordera|movilidad reducida",
        "criminal_record": r"antecedentes(?: penales)?|historial delictivo|condenas?|pasado criminal",
        "religion": r"religión|creencias religiosas|fe (?:católica|cristiana|evangélica|judía|musulmana|"
        r"hindú|budista)|herencia (?:católica|cristiana|judía|musulmana|hindú)|raíces (?:judías|cristianas|musulmanas)",
        "belief": r"ideología|creencias políticas|ideas políticas",
        "race": r"raza|color de piel|piel negra|raíces african[ao]s",
        "ethnicity": r"raíces {0}|orígenes {0}|herencia {0}|ascendencia {0}".format(
            r"(?:gitan|latin|hispan|indígen|árab|mexican|cuban|colombian|peruan|argentin|chilen|venezolan|dominican|"
            r"ecuatorian|bolivian|marroquí|italian|español)\w*"
        ),
        "national_origin": r"situación migratoria|estatus migratorio|país de (?:origen|nacimiento)",
        "sexual_orientation": r"orientación sexual|sexualidad|homosexualidad",
        "gender_identity": r"identidad de género|disforia de género|transición de género",
        "voting": r"historial de voto",
        "union": r"afiliación sindical|carné sindical|carnet sindical",
        "age": r"(?:más|menos) de \d{2} años|\d{2} años(?! (?:de|en)\b)",
    },
}

DID: Final = {
    "en": {
        "voting": r"you (?:didn't|did not|never|haven't) voted?\b|did you(?: ever| already)? vote\b(?! for your)|"
        r"(?:have you(?: ever| already)? voted|(?<!would )you(?:'ve| have)?(?: already)? voted)"
        rf"(?= ?(?:$|[.,;!?]|yet[.!?]|in|last|early|by mail|this year|today|(?:for )?(?:{_VOTED_EN})(?!\w)))|"
        rf"(?:do|will|would) you(?: always| usually| still)? vote (?:for )?(?:{_VOTED_EN})(?!\w)",
        "criminal_record": r"(?:felony|felonies|dui|convictions?|arrests?) on your record|(?:have you (?:ever )?been|"
        r"were you(?: ever)?|you were|you've been|if you have been) (?:arrested|convicted|charged|jailed|imprisoned|"
        r"sentenced)",
        "health": r"(?:have you been|were you|you were|you've been|if you have been) (?:recently )?diagnosed\b|"
        r"(?:have you|you(?:'ve| have)?)(?: just| finally| recently)? (?:quit|given up|stopped) (?:drinking|alcohol|"
        r"drugs)\b|"
        r"(?:depression|anxiety|arthritis|diabetes|pain) (?:getting|holding|keeping|bringing) you\b",
        "finances": r"you(?:'ve| have)? (?:been |were )?(?:denied|refused|turned down for) (?:a |for )?(?:loan|"
        r"credit|mortgage)|you owe (?:thousands|money|back taxes|[$£€])|get out of debt\b|(?:can't|cannot|unable to|"
        r"struggling to|can you not) (?:pay|afford) (?:your|the) (?:rent|bills?|mortgage|loans?|debts?)|"
        r"(?:did you lose|you lost|lost) your job\b|behind on your (?:rent|bills|mortgage)|debts? (?:is|"
        r"are) (?:crushing|keeping|holding) you",
        "age": r"(?:at|people) your age\b|you(?:'ve| have| who)?(?: have)? just turned \d{2}\b|(?:turning|"
        r"about to turn) \d{2}\?|you(?:'re| are) (?:now |over |nearly |almost |turning |under )*\d{2}(?= ?(?:$|"
        r"[.,!?;]|and |or |years))|were you born (?:in|before|after) (?:19|20)\d{2}",
        "family_status": r"(?:are you|you(?:'re| are)) (?:going through|facing|in the middle of) (?:a |"
        r"your )?(?:divorce|"
        r"separation)\b|your divorce\b(?! \w)",
        "union": r"(?:your|you and your) fellow union members?\b|your union (?:rep|card|dues)\b",
        "name": r"(?:is your (?:last |first )?name|(?<!when )your name is) [A-Z]\w+",
        "gender_identity": r"questioning your gender\b",
        # Of a nation; "World Heritage" is nobody's, and others are in the lists above.
        "ethnicity": r"your (?-i:(?!World|Jew|Christ|Cathol|Muslim|Hindu|Sikh|Budd|Black|Asia|Afric)[A-Z]\w+) "
        r"(?:heritage|ancestry|roots)\b",
        "race": r"what(?:'s| is) your race\b|what race are you\b",
        "religion": r"do you (?:still )?(?:believe in|pray to) (?:god|jesus|allah)\b|your (?:church|mosque|synagogue|"
        r"faith) (?:teaches|tells|asks)|who do you pray to\b",
    },
    "es": {
        "voting": r"(?:votaste|votasteis|ya votaste|has votado|habéis votado|por quién vot\w+)\b|(?:vot(?:as|ás|áis|"
        rf"abas|arás)|vas a votar)(?: siempre)? (?:al?|por) (?:el |la |los )?(?:{_VOTED_ES})(?!\w)",
        "criminal_record": r"te (?:han|hayan) (?:condenado|detenido|arrestado|encarcelado)\b|has (?:estado en|"
        r"salido de) (?:la cárcel|prisión)|(?:fuiste|has sido) (?:condenad|detenid|arrestad)[oa]\b",
        "health": r"(?:esperas|estás esperando) (?:un bebé|un hijo|una hija|gemelos|mellizos)\b|(?:has dejado|"
        r"dejaste) (?:"
        r"el alcohol|las drogas|la bebida|de beber)\b|te (?:han diagnosticado|diagnosticaron|acaban de diagnosticar)\b",
        "finances": r"no (?:llegas|llegás|llegáis|llega usted) a fin de mes\b|no (?:puedes|podés|puede) pagar (?:el|"
        r"la|tu|tus|su|sus) (?:alquiler|renta|hipoteca|facturas?|deudas?)|te (?:has quedado|quedaste) sin (?:trabajo|"
        r"empleo)|(?:perdiste|has perdido) (?:tu|el) (?:trabajo|empleo)|(?:te ahogan|te agobian) las deudas",
        "age": r"\ba (?:tu|su|vuestra) edad\b|(?:acabas|acabás|acaba) de cumplir(?: los)? \d{2}\b|"
        r"(?:has cumplido|cumpliste|ya tienes|vas a cumplir) (?:los )?\d{2}(?= ?(?:$|[.,;!?]|años))|de tu edad\b",
        "family_status": r"tu divorcio\b|(?:estás|te estás) (?:divorciando|separando)\b|"
        r"te (?:has divorciado|divorciaste)\b",
        "union": r"tu(?:s)? (?:sindicato|compañer[oa]s de(?:l)? sindicato)\b",
        "name": r"(?:te llamas|te llamás|se llama usted|tu nombre es) [A-ZÁÉÍÓÚÑ]\w+",
    },
}

# Frequent given names in the two languages: "Hi John," says that the reader is called so. Ours, from no list.
NAMES: Final = (
    "James|John|Robert|Michael|William|David|Richard|Joseph|Thomas|Charles|Daniel|Matthew|Mark|Paul|Andrew|Kevin|Brian|"
    "Mary|Patricia|Jennifer|Linda|Elizabeth|Susan|Jessica|Sarah|Karen|Lisa|Nancy|Emily|Emma|Laura|Anna|Billy|Peter|"
    "María|Carmen|Ana|Lucía|Marta|Sofía|Isabel|Elena|Paula|José|Antonio|Juan|Manuel|Francisco|Javier|Carlos|Miguel|"
    "Pedro|Luis|Jorge|Pablo|Diego|Alejandro|Fernando|Rosa|Teresa"
)
