"""The request around the content: "please write a short, friendly Facebook post about ..."."""

from __future__ import annotations

from typing import NamedTuple

from postopt.caching.gate.lexicon import Lexicon, Phrases
from postopt.caching.gate.tokens import MARK, WORD, Token

POST = "post"
"""What is asked for unless a text says otherwise: whoever hands in "20 % off all shoes" wants a post about it."""

FOR, ABOUT = "=for", "=about"

_MOST_ADJECTIVES = 6  # arbitrary; more words than that before "post" are no adjectives


class Request(NamedTuple):
    """What is asked for ("post"; "" if nobody knows), how it shall be ("short", "friendly"), about what; and if so."""

    kind: str
    manner: list[Token]
    content: list[Token]
    asks: bool = True


def split_request(tokens: list[Token], lexicon: Lexicon) -> Request:
    """Take the request off the content.

    Without a request that is understood to its last word, everything is content of a post; but a question asks for
    nothing that is known.
    """
    return _Splitter(tokens, lexicon).split()


class _Splitter:
    """Reads the request at the beginning of a text, and what belongs to it at the end."""

    def __init__(self, tokens: list[Token], lexicon: Lexicon) -> None:
        self._tokens = tokens
        self._texts = [token.text for token in tokens]
        self._lexicon = lexicon

    def split(self) -> Request:
        lexicon = self._lexicon
        start = 0
        while (length := lexicon.openers.match(self._texts, start)[0]) and not self._is_joined(start + length):
            start += length
        request = self._asked_for(start) or self._announced(start) or self._acted(start)
        if request is None:
            return Request("" if "?" in self._texts else POST, [], self._tokens, asks=False)
        asked = not self._lexicon.askers.isdisjoint(self._texts[:start])
        content = _without_question(request.content) if asked else request.content
        content, tone = _split_end(content, lexicon)
        return Request(request.kind, request.manner + tone, content)

    def _is_joined(self, at: int) -> bool:
        """Say whether "and" stands here: "please and thank you" opens nothing."""
        return at < len(self._tokens) and self._tokens[at].joined

    def _asked_for(self, start: int) -> Request | None:
        """Read "write a friendly post about ..." and "friendly post about ..."."""
        verb = self._lexicon.write.match(self._texts, start)[0]
        found = self._kind_at(start + verb)
        if found is None:
            return None
        kind, manner, end = found
        more, end, leads_on = self._after_kind(end)
        content = self._with_audience(end)
        if not verb and not leads_on and ABOUT not in (token.text for token in content):
            return None
        return Request(kind, manner + more, content)

    def _announced(self, start: int) -> Request | None:
        """Read "announce ...", "let people know that ..."."""
        lexicon, tokens = self._lexicon, self._tokens
        length = lexicon.announce.match(self._texts, start)[0]
        if not length and start + 1 < len(tokens) and tokens[start].text in lexicon.announce_led:
            at = start + 1 + (self._texts[start + 1] in lexicon.announce_after)
            length = int(at < len(tokens) and tokens[at].led)
        return Request(POST, [], tokens[start + length :]) if length else None

    def _acted(self, start: int) -> Request | None:
        """Read "remind parents to ..." as "write a post reminding parents to ..."."""
        length, act = self._lexicon.acts.match(self._texts, start)
        if not length:
            return None
        shown = self._tokens[start].shown
        words = [Token(WORD, word, shown) for word in act.split() if word not in self._lexicon.empty]
        return Request(POST, [], words + self._tokens[start + length :])

    def _kind_at(self, at: int) -> tuple[str, list[Token], int] | None:
        """Return the kind of text asked for at `at`, the adjectives before it, and where it ends."""
        manner: list[Token] = []
        for index in range(at, min(at + _MOST_ADJECTIVES + 1, len(self._tokens))):
            length, kind = self._lexicon.kinds.match(self._texts, index)
            if length:
                return kind, [token for token in manner if not _is_default(token)], index + length
            if not _is_adjective(self._tokens[index], self._lexicon):
                return None
            manner.append(self._tokens[index])
        return None

    def _after_kind(self, at: int) -> tuple[list[Token], int, bool]:
        """Read platform, tone and adjectives behind the kind; say where that ends and whether "about" follows."""
        lexicon = self._lexicon
        manner: list[Token] = []
        while at < len(self._tokens):
            length, platform = lexicon.platforms.match(self._texts, at)
            if length and self._may_end(at + length):
                if platform != "facebook":
                    manner.append(Token(WORD, platform, platform))
                at += length
            elif length := self._about(at):
                return manner, at + length, True
            elif tone := tone_at(self._tokens, at, lexicon):
                words, at = tone
                manner += words
            elif length := self._adjectives(at):
                manner += [token for token in self._tokens[at : at + length] if not _is_default(token)]
                at += length
            else:
                return manner, at, self._tokens[at].cut
        return manner, at, False

    def _about(self, at: int) -> int:
        """Return how many tokens at `at` say "about"; "explaining" does before "how"."""
        length = self._lexicon.connectors.match(self._texts, at)[0]
        if length:
            return length
        if self._texts[at] == self._lexicon.that and self._is_subject(at + 1):
            return 1
        if self._texts[at] in self._lexicon.thing_leads and self._is_thing(at + 1):
            return 1
        length = self._lexicon.explains.match(self._texts, at)[0]
        return length if self._texts[at + length : at + length + 1] and self._asks(at + length) else 0

    def _is_subject(self, at: int) -> bool:
        return at < len(self._tokens) and (self._tokens[at].led or self._texts[at] in self._lexicon.subjects)

    def _is_thing(self, at: int) -> bool:
        """Say whether "our summer sale" begins here: an article, and a noun that is known to be no person."""
        lexicon, tokens = self._lexicon, self._tokens
        if at >= len(tokens) or not tokens[at].led:
            return False
        if lexicon.adjectives_follow:
            return any(token.text in lexicon.things for token in tokens[at : at + 2])
        for end in range(at, min(at + _MOST_ADJECTIVES, len(tokens))):
            if not _is_adjective(tokens[end], lexicon):
                return False
            last = end + 1 == len(tokens) or tokens[end + 1].cut or not _is_adjective(tokens[end + 1], lexicon)
            if last:
                return tokens[end].text in lexicon.things
        return False

    def _asks(self, at: int) -> bool:
        return self._texts[at] in self._lexicon.questions

    def _may_end(self, at: int) -> bool:
        """Say whether a request may end or go on here, so that "on Instagram" was no part of "on Instagram ads"."""
        if at >= len(self._tokens) or self._tokens[at].cut or self._texts[at] in self._lexicon.links:
            return True
        return self._about(at) > 0 or self._lexicon.same.match(self._texts, at)[0] > 0

    def _adjectives(self, at: int) -> int:
        """Return how many adjectives stand behind the kind, in a language where they do, before whatever leads on."""
        lexicon, tokens = self._lexicon, self._tokens
        if not (lexicon.adjectives_follow or self._texts[at - 1] == lexicon.something) or tokens[at].cut:
            return 0
        for index in range(at, min(at + _MOST_ADJECTIVES, len(tokens))):
            if (tokens[index].cut and not tokens[index].joined) or self._goes_on(index):
                return index - at
            if not _is_adjective(tokens[index], lexicon):
                return 0
        return 0

    def _goes_on(self, at: int) -> bool:
        """Say whether something begins here that stands behind adjectives: "para", "explicando", "con un tono"."""
        lexicon, texts = self._lexicon, self._texts
        if texts[at] in lexicon.links or self._about(at) or tone_at(self._tokens, at, lexicon):
            return True
        if texts[at].endswith("ndo") or lexicon.same.match(texts, at)[0] > 1:
            return True
        return any(phrases.match(texts, at)[0] for phrases in (lexicon.platforms, lexicon.audience_leads))

    def _with_audience(self, at: int) -> list[Token]:
        """Return the content; if that is "for parents about ...", with one word for every way to say for and about."""
        lexicon, tokens = self._lexicon, self._tokens
        lead = lexicon.audience_leads.match(self._texts, at)[0]
        if not lead or lexicon.same.match(self._texts, at)[0] > lead:  # "para invitar" is no audience
            return tokens[at:]
        for end in range(at + lead + 1, min(at + lead + _MOST_ADJECTIVES, len(tokens))):
            if length := lexicon.connectors.match(self._texts, end)[0]:
                audience = tokens[at + lead : end]
                return [Token(WORD, FOR, FOR), *audience, Token(WORD, ABOUT, ABOUT), *tokens[end + length :]]
            if tokens[end].text not in lexicon.of and not _is_adjective(tokens[end], lexicon):
                break
        return [Token(WORD, FOR, FOR), *tokens[at + lead :]]


def tone_at(tokens: list[Token], at: int, lexicon: Lexicon) -> tuple[list[Token], int] | None:
    """Read "in a friendly tone", "con un tono cercano"; return the adjectives and where the expression ends."""
    if tokens[at].text not in lexicon.tone_links:
        return None
    texts = [token.text for token in tokens[at + 1 : at + 6]]
    if lexicon.adjectives_follow:
        if not texts or texts[0] not in lexicon.tone_heads:
            return None
        first = end = behind = at + 2
        while end < len(tokens) and _may_follow(tokens[end], lexicon):
            end = behind = end + 1
    else:
        head = next((place for place, text in enumerate(texts) if text in lexicon.tone_heads), 0)
        first, end, behind = at + 1, at + 1 + head, at + 2 + head
        if not all(_is_adjective(token, lexicon) for token in tokens[first:end]):
            return None
    return (tokens[first:end], behind) if 0 < end - first < 5 else None


def _may_follow(token: Token, lexicon: Lexicon) -> bool:
    """Say whether an adjective may go on behind "tono": no mark, no "sobre", no preposition."""
    leads_on = any(phrases.match([token.text], 0)[0] for phrases in (lexicon.connectors, lexicon.platforms))
    return (token.joined or not token.cut) and not leads_on and _is_adjective(token, lexicon)


def _is_default(token: Token) -> bool:
    """Say whether this adds nothing: posts are for Facebook unless somebody says otherwise."""
    return token.text in ("facebook", "fb")


def _is_adjective(token: Token, lexicon: Lexicon) -> bool:
    """Say whether this may be an adjective, for all that the lists know."""
    return token.kind == WORD and token.text not in lexicon.links and token.text not in lexicon.strict


def _without_question(tokens: list[Token]) -> list[Token]:
    """Turn the question mark of a polite request into a full stop."""
    at = next((at for at, token in enumerate(tokens) if token.kind == MARK and token.text == "?"), len(tokens))
    return [*tokens[:at], *(token._replace(cut=True) for token in tokens[at + 1 : at + 2]), *tokens[at + 2 :]]


def _split_end(tokens: list[Token], lexicon: Lexicon) -> tuple[list[Token], list[Token]]:
    """Take thanks and the tone off the end."""
    tone: list[Token] = []
    while tokens:
        if (length := _ending(lexicon.closers, tokens)) and _stands_apart(tokens, len(tokens) - length, lexicon):
            tokens = tokens[:-length]
        elif not tone and (found := _tone_of_end(tokens, lexicon)):
            tone, start = found
            tokens = tokens[:start]
        else:
            break
    return tokens, tone


def _stands_apart(tokens: list[Token], at: int, lexicon: Lexicon) -> bool:
    """Say whether thanks are no part of a sentence: not in "we give thanks", "teach them to say please"."""
    if at == 0 or tokens[at].cut:
        return True
    return tokens[at].text in lexicon.please and tokens[at - 1].text not in lexicon.speaking


def _ending(phrases: Phrases, tokens: list[Token]) -> int:
    """Return the length of the phrase that the tokens end with."""
    texts = [token.text for token in tokens[-6:]]
    return next((len(texts) - at for at in range(len(texts)) if phrases.match(texts, at)[0] == len(texts) - at), 0)


def _tone_of_end(tokens: list[Token], lexicon: Lexicon) -> tuple[list[Token], int] | None:
    """Return the adjectives of a tone at the end, and where it begins; None where the content may mean that tone."""
    texts = [token.text for token in tokens]
    for start in range(max(1, len(tokens) - 7), len(tokens)):
        if not (tokens[start].cut or lexicon.speaking.isdisjoint(texts[:start])):
            continue
        tone = tone_at(tokens, start, lexicon)
        if tone and tone[1] == len(tokens):
            return tone[0], start
        length = lexicon.tone_leads.match(texts, start)[0]
        words = tokens[start + length :]
        if length and tokens[start].cut and words and all(word.text in lexicon.adjectives for word in words):
            return words, start
    return None
