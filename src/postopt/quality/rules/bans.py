"""What else Meta's advertising standards speak of and words can show, in English and Spanish.

Words are poor witnesses here: pictures, buttons and claims are judged by people. So each is a warning, unless a profile
says otherwise, and the lists are short.
"""

from __future__ import annotations

import re
from typing import Final

from postopt.quality.rules.spreading import spread

_LISTS: Final = {
    "before_after": r"before[- ](?:and|&|vs\.?|/)[- ]?after|before/after|antes y después|el antes y el después",
    "self_perception": r"(?:hate|ashamed of|embarrassed (?:by|about)|sick of|tired of) your (?:body|belly|fat|face|"
    r"skin|weight|nose|thighs|wrinkles|looks)|(?:get rid of|lose|burn) (?:your|that|the) (?:ugly|stubborn|disgusting|"
    r"embarrassing)? ?(?:fat|belly|flab|muffin top|love handles|double chin)|fat and ugly|(?:beach|bikini)[- ]body|"
    r"perfect (?:body|figure)|(?:pounds|kilos|weight|belly|fat|flab|body|thighs|arms|nose|skin|wrinkles)(?: that)? "
    r"you (?:really |so )?(?:hate|loathe|can't stand|are ashamed of)|your (?:ugly|flabby|disgusting|fat) \w+|"
    r"too (?:fat|ugly) (?:for|to)\b|(?:odias|"
    r"te avergüenza|avergonzad[oa] de|hart[oa] de) tu (?:cuerpo|barriga|grasa|cara|piel|peso|nariz)|(?:elimina|"
    r"pierde|quema|adiós a) (?:esa|tu|la) (?:grasa|barriga|panza|papada)(?: \w+)?|(?:kilos|kilitos|michelines|grasa|"
    r"barriga|"
    r"panza|papada|cuerpo|arrugas|celulitis|nariz)(?: de más)? que (?:tanto )?(?:odias|detestas|no soportas|"
    r"te avergüenzan?|te acomplejan?)|cuerpo (?:perfecto|de playa|de bikini)|operación bikini",
    "fake_button": r"[\[\(<【▶►➡👉]\s*(?:click|tap|press|play|buy|download|ok|yes|close|haz clic|pulsa|comprar|"
    r"descargar|cerrar|reproducir)[^\]\)>】\n]{0,20}[\]\)>】]|\[ ?[xX✓✔] ?\] ?(?:yes|no|sí)|(?:click|press|hit|"
    r"tap) (?:the )?(?:like|play|x) button|pulsa (?:el botón de )?(?:me gusta|play)",
    "profanity": r"fuck\w*|f\*+k\w*|shit\w*|sh\*t|bitch\w*|bastards?|assholes?|motherfuck\w*|cunts?|bullshit|wtf|"
    r"mierdas?|joder|jodid[oa]s?|coño|put[oa]s?|cabr[oó]n(?:es)?|gilipollas|pendej[oa]s?|hij[oa]s? de puta|"
    r"chingad[oa]s?",
    "sensational": r"you won'?t believe|what happens next will|doctors hate|this one (?:weird|simple) trick|"
    r"one weird trick|shocking(?:ly)? (?:truth|secret|footage|video)|(?:will )?(?:shock|blow) (?:you|your mind)|"
    r"they don'?t want you to know|miracle (?:cure|pill|drug|diet)|get rich quick|no te (?:lo )?vas a creer|"
    r"lo que pas[óa] después te|los médicos (?:odian|no quieren)|este (?:sencillo )?truco|(?:cura|pastilla|"
    r"dieta) (?:milagrosa|milagro)|no quieren que sepas|te dejará sin palabras|hazte ric[oa]|impactante (?:verdad|"
    r"secreto)",
}
BANS: Final = {
    name: re.compile(rf"(?<!\w)(?:{spread(words)})(?!\w)" if name != "fake_button" else words, re.IGNORECASE)
    for name, words in _LISTS.items()
}
SAYS: Final = {
    "before_after": "speaks of before and after, which pictures in ads for weight loss must not show",
    "self_perception": "may make readers think badly of how they look",
    "fake_button": "looks like a button that is none",
    "profanity": "is profane",
    "sensational": "is sensational",
}
