"""What a text says, as far as it can be compared: the request around it, and its content word by word.

The principle: a word is content unless a list says that it is not, two words are different unless a list says that
they are the same, and the order counts. So an opposite, a negation, another number or an unknown name need no list of
their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postopt.caching.gate.amounts import MONEY, join_ranges, read_amounts
from postopt.caching.gate.content import Word, content
from postopt.caching.gate.lexicon import (
    LANGUAGES,
    OWNS,
    Lexicon,
    british,
    lexicon_of,
    needs_possessive,
    split_compound,
    without_possessive,
)
from postopt.caching.gate.order import arrange
from postopt.caching.gate.requests import split_request
from postopt.caching.gate.tokens import MARK, MAX_CHARACTERS, WORD, Token, compose, tokenise

_SOFT_MARKS = frozenset(",.;:!()-/|•…·¡¿'\"[]")
_SPANISH = frozenset("ñáéíóú¿¡")
_QUOTES = frozenset("'\"¡¿")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What can be compared of a text.

    Attributes:
        language: one of `LANGUAGES`.
        request: what is asked for ("post", "ad"), or "" if the text asks for nothing.
        manner: what the request says about it ("friendly", "short"), in an order that is the same for all orders.
        words: the content.
        asks: whether the request is in the text.
    """

    language: str
    request: str
    manner: tuple[Word, ...]
    words: tuple[Word, ...]
    asks: bool = False

    @property
    def size(self) -> int:
        """How much is said, in words; a request counts as one, a question mark as none."""
        return sum(word.kind != MARK for word in (*self.words, *self.manner)) + self.asks


def read(text: str, language: str = "") -> Meaning | None:
    """Return what `text` says, or None if it is in no language that is known, or too long.

    Args:
        text: any text.
        language: a language tag, if the caller knows it; told from the words otherwise.
    """
    if len(text) > MAX_CHARACTERS:
        return None
    tokens = tokenise(compose(text))
    language = language.partition("-")[0] or _language(tokens)
    if language not in LANGUAGES:
        return None
    lexicon = lexicon_of(language)
    tokens = read_amounts(_written_out(tokens, lexicon), lexicon)
    tokens = join_ranges(_without_empty(tokens, lexicon), lexicon)
    tokens = _possessors_first(_mark_cuts(tokens, lexicon), lexicon)
    request = split_request(tokens, lexicon)
    words = arrange(content(request.content, lexicon), lexicon)
    return Meaning(language, request.kind, _manner(request.manner, lexicon), tuple(words), request.asks)


def _manner(tokens: list[Token], lexicon: Lexicon) -> tuple[Word, ...]:
    """Return adjectives sorted, so that "short, friendly" is "friendly and short"; other words keep their order."""
    words = [
        _agreed(word, lexicon)._replace(cut=False, marked=False, joined=False) for word in content(tokens, lexicon)
    ]
    if not all(word.text in lexicon.adjectives for word in words):
        return tuple(words)
    return tuple(sorted(words, key=lambda word: (word.loose, word.key, word.text)))


def _agreed(word: Word, lexicon: Lexicon) -> Word:
    """Take the gender off a Spanish adjective, which follows the noun: "post animado", "publicación animada"."""
    if lexicon.language != "es" or word.key != word.text or not word.text.endswith("a"):
        return word
    text = word.text[:-1] if word.text.endswith("ora") else f"{word.text[:-1]}o"
    return word._replace(text=text, key=text, loose=text)


def _language(tokens: Sequence[Token]) -> str:
    """Return the language of which clearly more words are known, or "" if none is."""
    words = [word for token in tokens for word in token.text.split("-")]
    known = [lexicon_of(language).known for language in LANGUAGES]
    counts = [sum(word in mine and word not in theirs for word in words) for mine, theirs in (known, known[::-1])]
    counts[LANGUAGES.index("es")] += sum(not _SPANISH.isdisjoint(token.text) for token in tokens)
    best = max(counts)
    # Twice as many, because texts quote the other language.
    return LANGUAGES[counts.index(best)] if best > 0 and best >= 2 * min(counts) else ""


def _written_out(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Expand contractions, split compounds, spell in one way, and leave possessives out where they change nothing."""
    done: list[Token] = []
    owns = quoted = False
    for token in tokens:
        if token.kind == MARK and token.text == "'":
            ends = bool(done) and done[-1].kind == WORD and done[-1].text.endswith("s") and not quoted
            owns, quoted = ends, not ends
            if ends:
                continue
        elif owns and needs_possessive(done[-1].text, token.text):
            done.append(Token(WORD, OWNS, OWNS))
        if token.kind != WORD:
            done.append(token)
            owns = False
        elif token.text in lexicon.contractions:
            words = lexicon.contractions[token.text].split()
            done += [token._replace(text=word, shown=word, capital=False) for word in words]
            owns = False
        else:
            owns = token.text != without_possessive(token.text)
            parts = split_compound(token.text, lexicon.compounds)
            done += [token._replace(text=british(without_possessive(part))) for part in parts]
    return done


def _without_empty(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Leave articles and the like out, but not what they say: "€2 an hour", "a few", "los lunes"."""
    done: list[Token] = []
    led = cut = False
    article = ""
    for index, token in enumerate(tokens):
        # "Vitamin A" keeps it; "Write A Post" does not.
        letter = token.shown == "A" and token.capital and not tokens[min(index + 1, len(tokens) - 1)].capital
        if token.kind == WORD and token.text in lexicon.empty and not letter:
            if token.text in lexicon.per_articles and done and done[-1].kind == MONEY and not led:
                done.append(Token(WORD, lexicon.per, token.shown))
            elif token.text in lexicon.copulas and done and done[-1].text in lexicon.relatives and len(done) > 1:
                done.pop()  # "which is open" is ", open"
                cut = True
            article = token.text
            led = True
            continue
        text = token.text
        if article in lexicon.plural_leads:  # "los lunes" are many, "el lunes" is one
            text = lexicon.weekdays.get(text, text)
        elif article in lexicon.counted_articles and text in lexicon.counted:
            text = f"{text}+"
        done.append(token._replace(text=text, led=led, cut=cut))
        led = cut = False
        article = ""
    return done


def _mark_cuts(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Turn punctuation and "and" into a property of the word behind; a question mark and signs stay.

    "Bread, cakes and tea" is "bread and cakes and tea". Where something is denied, or one of several is meant, "and"
    stays a word: a comma may stand for "but" or "or".
    """
    texts = {token.text for token in tokens}
    literal = not (lexicon.strict.isdisjoint(texts) and lexicon.alternatives.isdisjoint(texts))
    done: list[Token] = []
    cut = joined = False
    for token in tokens:
        if token.kind == MARK and token.text in _SOFT_MARKS:
            abbreviated = token.text == "." and done and done[-1].text in lexicon.abbreviations
            cut = cut or not (token.text in _QUOTES or abbreviated)
            continue
        # "Vitamina E" is no "and".
        if token.text == "&" or (token.text in lexicon.conjunctions and not (token.capital and len(token.text) == 1)):
            joined = True
            if not literal:
                continue
            token = token._replace(kind=WORD, text=lexicon.conjunction)  # noqa: PLW2901 - the sign, as a word
        done.append(token._replace(cut=cut or joined or token.cut, joined=joined))
        cut = joined = False
    return _without_apposition(done, lexicon)


def _without_apposition(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Take the commas off a name between two commas: "our head, Ana Gil, speaks"; not in a list, which has "and"."""
    done = list(tokens)
    for at, token in enumerate(tokens):
        if token.cut and token.text in lexicon.relatives and at > 0 and tokens[at - 1].capital:
            done[at] = done[at]._replace(cut=False)  # a name needs nobody to say which one is meant
        if not (token.cut and token.capital and not token.joined):
            continue
        end = next((i for i in range(at + 1, len(tokens)) if not tokens[i].capital or tokens[i].cut), len(tokens))
        if end < len(tokens) and end - at <= 3 and tokens[end].cut and not (tokens[end].joined or tokens[end].capital):
            done[at] = done[at]._replace(cut=False)
            done[end] = done[end]._replace(cut=False)
    return done


def _possessors_first(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Write "the beard oil of our barber shop" as "our barber shop's beard oil", where nothing else can be meant.

    Both need an article and have to end with a clause, and the owner must not hold what may be a verb: "the owner of
    the dog bites" is not "the dog bites the owner".
    """
    done: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        start = _start_of_owned(done, lexicon) if token.text in lexicon.possessives else -1
        if start < 0:
            done.append(token)
            continue
        end = at
        while end < len(tokens) and _is_noun(tokens[end], lexicon) and (end == at or not tokens[end].cut):
            end += 1
        owner, owned = tokens[at:end], done[start:]
        if not _is_owner(owner) or any(word.cut for word in (*owned[1:], token, owner[0])):
            done.append(token)
            continue
        mark = [Token(WORD, OWNS, OWNS)] if needs_possessive(owner[-1].text, owned[0].text) else []
        done[start:] = [
            owner[0]._replace(cut=owned[0].cut),
            *owner[1:],
            *mark,
            owned[0]._replace(cut=False),
            *owned[1:],
        ]
        at = end
    return done


def _start_of_owned(tokens: list[Token], lexicon: Lexicon) -> int:
    """Return where the noun phrase begins that ends here, if an article or nothing stands before it, or -1."""
    for at in range(len(tokens) - 1, max(len(tokens) - 5, -1), -1):
        if not _is_noun(tokens[at], lexicon):
            return -1
        if at == 0 or tokens[at].led:
            return at
    return -1


def _is_owner(words: list[Token]) -> bool:
    if not 1 <= len(words) <= 3 or not words[0].led:
        return False
    return len(words) == 1 or not any(_may_be_verb(word.text) for word in words)


def _may_be_verb(text: str) -> bool:
    return text.endswith(("ed", "ing")) or (text.endswith("s") and not text.endswith("ss"))


def _is_noun(token: Token, lexicon: Lexicon) -> bool:
    """Say whether this may be part of a noun phrase, for all that the lists know."""
    if token.kind != WORD:
        return False
    return not (token.text in lexicon.links or token.text in lexicon.strict or token.text in lexicon.binders)
