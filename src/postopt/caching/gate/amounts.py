"""Numbers in words or figures, with what they count, in one normal form.

"3.50 €", "€3.50" and "EUR 3,50" are one amount; "7 pm" and "19:00" one time; "May 3rd" and "3 May" one date. Where a
form can be read in two ways (1.500 in an English text, 7:30 without am or pm, 3/5/2026 in an English text), it keeps
its own spelling and equals nothing else: what is ambiguous is different.
"""

from __future__ import annotations

import re

from postopt.caching.gate.lexicon import Lexicon
from postopt.caching.gate.tokens import CASED_UNITS, CODE, MARK, WORD, Token, may_be_name

MONEY = "money"
PERCENT = "percent"
QUANTITY = "quantity"
TIME = "time"
DATE = "date"
ORDINAL = "ordinal"
NUMBER = "number"
AMOUNTS = frozenset((MONEY, PERCENT, QUANTITY, TIME, DATE, ORDINAL, NUMBER, CODE))
TO = ".."
"""Stands between the two ends of a range, however that is written."""

_SMALL = frozenset(map(str, range(1, 100)))
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)")
_SEPARATED = re.compile(r"(-?)((?:0|[1-9][0-9]*)(?:[.,][0-9]+)+)")
_GLUED = re.compile(r"(-?[0-9]+(?:[.,:][0-9]+)*)([a-zµ]+)")
_RANGE = re.compile(r"([1-9][0-9]{0,3})-([1-9][0-9]{0,3})")
_CLOCK = re.compile(r"([0-9]{1,2})[:.h]([0-5][0-9])")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_ENGLISH_ORDINAL = re.compile(r"([1-9][0-9]{0,3})(?:st|nd|rd|th)")
_SPANISH_ORDINAL = re.compile(r"([1-9][0-9]{0,3})\.?(?:[oa]|er|ero|era)")


def read_amounts(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Return the tokens with every amount but ranges in its normal form."""
    return _join_dates(_attach_units(_in_figures(tokens, lexicon), lexicon), lexicon)


def _in_figures(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Read every token that holds a number by itself."""
    read: list[Token] = []
    for token in tokens:
        if token.kind != WORD:
            read.append(token)
        elif token.text in lexicon.numbers:
            read.append(token._replace(kind=NUMBER, text=lexicon.numbers[token.text], capital=False))
        elif token.text in lexicon.ordinals:
            read.append(token._replace(kind=ORDINAL, text=lexicon.ordinals[token.text], capital=False))
        elif token.text[0].isdigit() or token.text[0] == "-":
            read.extend(_read_figures(token, lexicon))
        elif "-" in token.text:
            read.extend(_read_compound(token, lexicon))
        else:
            read.append(token)
    return _scale(read, lexicon)


def _read_figures(token: Token, lexicon: Lexicon) -> list[Token]:
    text = token.text
    ordinal = (_SPANISH_ORDINAL if lexicon.language == "es" else _ENGLISH_ORDINAL).fullmatch(text)
    if ordinal:
        return [token._replace(kind=ORDINAL, text=ordinal[1])]
    if (found := _RANGE.fullmatch(text)) and int(found[1]) < int(found[2]):
        first, last = (token._replace(kind=NUMBER, text=found[end]) for end in (1, 2))
        return [first, Token(WORD, TO, "-"), last]
    if date := _date_in_figures(text, lexicon):
        return [token._replace(kind=DATE, text=date)]
    if (found := _CLOCK.fullmatch(text)) and int(found[1]) < 24 and text[len(found[1])] != ".":
        return [token._replace(kind=TIME, text=_clock(found[1], found[2]))]
    if value := _value(text, lexicon):
        return [token._replace(kind=NUMBER, text=value)]
    found = _GLUED.fullmatch(text)
    if found and (found[2] in lexicon.units or found[2] in lexicon.halves_of_day or found[2] in lexicon.currencies):
        return [
            *_read_figures(token._replace(text=found[1], shown=found[1]), lexicon),
            Token(WORD, found[2], token.shown[-len(found[2]) :]),
        ]
    return [token._replace(kind=CODE)]


def _read_compound(token: Token, lexicon: Lexicon) -> list[Token]:
    """Read "twenty-five", "five-dollar" and "two-for-one"; other compounds stay one word."""
    parts = token.text.split("-")
    numbers = [lexicon.numbers.get(part, "") for part in parts]
    if len(parts) == 2 and all(numbers) and numbers[0][-1] == "0" and len(numbers[0]) == 2 and len(numbers[1]) == 1:
        return [token._replace(kind=NUMBER, text=f"{numbers[0][0]}{numbers[1]}")]
    if any(numbers):
        words = [token._replace(text=part, shown=part, capital=False) for part in parts]
        return [
            word._replace(kind=NUMBER, text=number) if number else word
            for word, number in zip(words, numbers, strict=True)
        ]
    return [token]


def _scale(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Put numbers in words together: "two hundred", "a dozen", "one hundred and fifty", "treinta y cinco"."""
    scaled: list[Token] = []
    joined = False
    for token in tokens:
        factor = lexicon.scales.get(token.text) if token.kind == WORD else None
        if scaled and f"{scaled[-1].text} {token.text}" in lexicon.percents:
            factor = None
        before = scaled[-1 - joined] if len(scaled) > joined else None
        if factor is not None and not (before is not None and before.kind in AMOUNTS and before.text not in _SMALL):
            if before is not None and before.text in _SMALL and before.kind == NUMBER and not joined:
                scaled[-1] = _number(before, int(before.text) * factor, token)
            else:
                scaled.append(token._replace(kind=NUMBER, text=str(factor), capital=False))
        elif before is not None and _adds_up(before, token, joined=joined, spanish=lexicon.language == "es"):
            del scaled[len(scaled) - joined :]
            scaled[-1] = _number(before, int(before.text) + int(token.text), token)
        else:
            scaled.append(token)
        joined = token.text in lexicon.conjunctions and token.kind == WORD
    return scaled


def _number(first: Token, value: int, last: Token) -> Token:
    return first._replace(kind=NUMBER, text=str(value), shown=f"{first.shown} {last.shown}")


def _adds_up(first: Token, second: Token, *, joined: bool, spanish: bool) -> bool:
    """Say whether two numbers are one in words: hundreds or thousands and less than that; in Spanish, tens "y" ones."""
    if not (first.kind == second.kind == NUMBER and first.text.isdigit() and second.text.isdigit()):
        return False
    if first.shown[-1:].isdigit() or second.shown[:1].isdigit():
        return False
    large, small = int(first.text), int(second.text)
    if large >= 100:
        return large % (1000 if large >= 1000 else 100) == 0 and 0 < small < (1000 if large >= 1000 else 100)
    return spanish and joined and large % 10 == 0 and large >= 30 and 0 < small < 10


def _value(text: str, lexicon: Lexicon) -> str:
    """Return a number in figures with a point before its decimals and no other separator, or "" if it is none.

    Three figures behind a single separator are thousands if that is the language's mark for them. If it is not, they
    are not read at all: 1.500 in an English text may be either.
    """
    if _PLAIN.fullmatch(text):
        return text
    found = _SEPARATED.fullmatch(text)
    if not found:
        return ""
    sign, figures = found.groups()
    whole, *groups = re.split("[.,]", figures)
    marks = re.findall("[.,]", figures)
    if len(marks) == 1 and len(groups[0]) != 3:
        return f"{sign}{whole}.{groups[0]}"
    if whole == "0" or len(whole) > 3 or len(set(marks[:-1])) > 1 or any(len(group) != 3 for group in groups[:-1]):
        return ""
    if marks[-1] != marks[0]:
        return f"{sign}{whole}{''.join(groups[:-1])}.{groups[-1]}"
    return f"{sign}{whole}{''.join(groups)}" if marks[0] == lexicon.thousands and len(groups[-1]) == 3 else ""


def _date_in_figures(text: str, lexicon: Lexicon) -> str:
    if found := _ISO.fullmatch(text):
        year, month, day = found.groups()
        return _date(int(day), int(month), year)
    found = _DAY_FIRST.fullmatch(text)
    if not found:
        return ""
    first, second = int(found[1]), int(found[2])
    if lexicon.language == "es" or first > 12:
        return _date(first, second, found[3])
    return _date(second, first, found[3]) if second > 12 else ""


def _date(day: int, month: int, year: str = "") -> str:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return ""
    full = f"20{year}" if len(year) == 2 else year
    return f"{month:02}-{day:02}" + (f"-{full}" if full else "")


def _clock(hour: str, minute: str) -> str:
    """Return a time as hh:mm if it can only be read one way, else with a question mark: 7:30 may be in the evening."""
    clear = len(hour) == 2 and (hour[0] == "0" or int(hour) > 12)
    return f"{int(hour):02}:{minute}" if clear or hour == "0" else f"{int(hour)}:{minute}?"


def _attach_units(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Give numbers the currency, percent sign, unit or half of the day beside them."""
    done: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.kind in (TIME, NUMBER):
            following = tokens[index : index + 4]
            if timed := _time_of_day(token, following, lexicon):
                used, token = timed
            elif token.kind == NUMBER:
                used, token = _counted(token, done, following, lexicon)
            else:
                used = 1 if following and following[0].text in lexicon.hour_marks else 0
            index += used
        done.append(token)
    return done


def _time_of_day(token: Token, following: list[Token], lexicon: Lexicon) -> tuple[int, Token] | None:
    """Return how many tokens say which half of the day is meant, and the time; None if none does."""
    texts = [other.text for other in following]
    for phrase, afternoon in lexicon.halves_of_day.items():
        words = phrase.split()
        if texts[: len(words)] != words:
            continue
        hour, _, minute = token.text.rstrip("?").replace(".", ":").partition(":")
        if hour.isdigit() and 1 <= int(hour) <= 12 and (not minute or len(minute) == 2):
            hours = int(hour) % 12 + 12 * afternoon
            return len(words), token._replace(kind=TIME, text=f"{hours:02}:{minute or '00'}")
    return None


def _counted(token: Token, done: list[Token], following: list[Token], lexicon: Lexicon) -> tuple[int, Token]:
    """Return how many of the following tokens say what is counted, and the amount; takes a currency off `done`."""
    before = lexicon.currency_codes.get(done[-1].text) if done else None
    texts = [other.text for other in following]
    after = texts[0] if texts else ""
    if before:
        done.pop()
        code = lexicon.currencies.get(after)
        used = 1 if code and before in (code, "$") else 0
        return used, token._replace(kind=MONEY, text=f"{code if used else before}{_short(token.text)}")
    if after in lexicon.currencies:
        return 1, token._replace(kind=MONEY, text=f"{lexicon.currencies[after]}{_short(token.text)}")
    for phrase in lexicon.percents:
        words = phrase.split()
        if texts[: len(words)] == words:
            return len(words), token._replace(kind=PERCENT, text=f"{_short(token.text)}%")
    if after in lexicon.units:
        unit = following[0].shown if after in CASED_UNITS else lexicon.units[after]
        return 1, token._replace(kind=QUANTITY, text=f"{_short(token.text)}{unit}")
    return (1 if after == "o'clock" else 0), token


def _short(value: str) -> str:
    """Drop zeros behind the decimal point: 3.50 € is 3.5 €. A bare 2.10 may be a version and keeps them."""
    return value.rstrip("0").rstrip(".") if "." in value else value


def _join_dates(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Make one token of a day and a month, with its year if there is one."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        end, text = _date_at(tokens, index, lexicon)
        if text:
            shown = " ".join(token.shown for token in tokens[index:end])
            joined.append(Token(DATE, text, shown))
            index = end
        else:
            joined.append(tokens[index])
            index += 1
    return joined


def _month(token: Token, lexicon: Lexicon) -> int:
    """Return the month that a word names, or 0; "may" and "march" name one only with a capital."""
    if may_be_name(token.text) and token.shown.islower():
        return 0
    return lexicon.months.get(token.text, 0)


def _date_at(tokens: list[Token], index: int, lexicon: Lexicon) -> tuple[int, str]:
    def text(at: int) -> str:
        return tokens[at].text if at < len(tokens) else ""

    def day(at: int) -> int:
        fits = at < len(tokens) and tokens[at].kind in (NUMBER, ORDINAL) and tokens[at].text.isdigit()
        return int(tokens[at].text) if fits and len(tokens[at].text) < 3 else 0

    if number := day(index):
        month_at = index + 1 + (text(index + 1) in lexicon.of)
        month, end = _month(tokens[month_at], lexicon) if month_at < len(tokens) else 0, month_at + 1
    else:
        month, number, end = _month(tokens[index], lexicon), day(index + 1), index + 2
        if lexicon.language == "es":
            return index, ""
    if not month or not 1 <= number <= 31:
        return index, ""
    year_at = end + (text(end) in lexicon.before_year)
    year = text(year_at)
    if len(year) == 4 and year[:2] in ("19", "20") and tokens[year_at].kind == NUMBER:
        return year_at + 1, _date(number, month, year)
    return end, _date(number, month)


def join_ranges(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Write "from Monday to Friday", "Monday to Friday" and "Monday - Friday" alike."""
    joined: list[Token] = []
    for index, token in enumerate(tokens):
        linked = token.text in lexicon.range_links or (token.kind == MARK and token.text == "-")
        opened = len(joined) > 1 and joined[-2].text in lexicon.range_openers
        if linked and 0 < index < len(tokens) - 1 and _may_range(tokens[index - 1], tokens[index + 1], lexicon, opened):
            link = Token(WORD, TO, token.shown)
        else:
            link = token
        if link.text == TO and opened:
            del joined[-2]
        joined.append(link)
    return _share_month(
        [_as_time(token, before, lexicon) for before, token in zip([None, *joined], joined, strict=False)]
    )


def _as_time(token: Token, before: Token | None, lexicon: Lexicon) -> Token:
    """Read the 7 of "at 7" as 7:00."""
    if before is None or before.text not in lexicon.hour_leads or token.kind != NUMBER:
        return token
    if lexicon.language == "es" and not token.led:  # "a las 7", not "a 7"
        return token
    hour = token.text
    return token._replace(kind=TIME, text=_clock(hour, "00")) if hour.isdigit() and 0 < int(hour) < 24 else token


def _share_month(tokens: list[Token]) -> list[Token]:
    """Give both days of "24 to 26 December" and "August 5 - 9" their month."""
    done = list(tokens)
    for at in range(1, len(done) - 1):
        if done[at].text != TO:
            continue
        first, last = done[at - 1], done[at + 1]
        if first.kind == NUMBER and last.kind == DATE and first.text.isdigit():
            done[at - 1] = first._replace(kind=DATE, text=f"{last.text[:3]}{int(first.text):02}{last.text[5:]}")
        elif first.kind == DATE and last.kind == NUMBER and last.text.isdigit():
            done[at + 1] = last._replace(kind=DATE, text=f"{first.text[:3]}{int(last.text):02}{first.text[5:]}")
    return done


def _may_range(first: Token, last: Token, lexicon: Lexicon, opened: bool) -> bool:  # noqa: FBT001 - a condition
    """Say whether these can be the ends of a range: two of a kind, or any two amounts after "from"."""
    if first.text in lexicon.weekdays and last.text in lexicon.weekdays:
        return True
    if not {first.kind, last.kind} <= AMOUNTS - {CODE}:
        return False
    return opened or last.kind in (first.kind, DATE, TIME) or first.kind == DATE
