"""What a page's posts usually get: the median of the last whose labels have matured."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final, NamedTuple

from postopt._checks import check_amount, check_count
from postopt.engagement.expecting.history import Label, PageHistory

DAY: Final = 86400.0

ENOUGH: Final = 10
"""Posts from which on a page's median stands for itself; arbitrary."""

# To so many posts of a new page its language and type amount: the variance of the logarithms within a page is about
# that between pages of one language and type (open posts of 119 pages of 2016).
_PRIOR_POSTS = 1.0

# Kinds of posts, a language and a type each, that are told apart; arbitrary, far more than there are.
_MOST_KINDS = 1_000

# Of a kind's outcomes, how fast older ones are forgotten: the mean is over about the last thousand. Arbitrary.
_KIND_STEP = 0.001


class Standing(NamedTuple):
    """What a page's posts usually get, as it was known at a time.

    Attributes:
        level: log1p of the baseline.
        baseline: in the outcome's own unit; of `ENOUGH` posts the median itself, without rounding.
        n: how many posts of the page it rests on; fewer than `ENOUGH` are shrunk to what stands in for them.
        stand_in: what that is: "posts of type photo in en", "posts in en", "all posts" or "nothing"; "" if it is not
            needed.
    """

    level: float
    baseline: float
    n: int
    stand_in: str


class PageBaseline:
    """The median outcome of a page's last `window` posts whose labels have matured.

    A label counts once its post is `maturity` seconds old and the label has arrived; what is asked for a time rests on
    the labels that counted then. The median of fewer than `ENOUGH` posts is shrunk, in logarithms, to the mean over
    posts of its language and type: with n posts it has a weight of n / (n + 1).

    Memory: two windows of labels for each of at most `pages` pages, and those too young to count, ten windows of them
    at most; the page that learned least recently is forgotten.

    Laws:
        - With `ENOUGH` posts or more it is the plain median, of labels that counted at the time and of no others.
        - A label with a post's id replaces the one before, as long as the post is among those that are kept.
        - What `standing` gives for a page depends on the labels, not on the order in which they came, with `ENOUGH`
          posts or more.

    Attributes:
        histories: page -> its labels; the page that learned least recently is first.
        kinds: (language, type) -> mean logarithm and number of posts; "" stands for any.

    Not for several threads at once; reading while another thread learns is safe.
    """

    def __init__(self, *, window: int = 50, maturity: float = DAY, pages: int = 10_000) -> None:
        self.window = check_count("window", window)
        self.maturity = check_amount("maturity", maturity, "seconds")
        self.pages = check_count("pages", pages)
        self.histories: OrderedDict[str, PageHistory] = OrderedDict()
        self.kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def learn(
        self, page: str, outcome: float, *, published: float, at: float, id: int = 0, language: str = "",  # noqa: A002
        type: str = "", again: bool = False,  # noqa: A002
    ) -> None:  # fmt: skip
        """Take the label of a post.

        Args:
            page: whose post it is.
            outcome: zero or more, in its own unit.
            published: in seconds since the epoch.
            at: when the label arrived.
            id: of the post.
            language: of the post.
            type: of the post.
            again: whether the post's outcome was told before: then this one takes its place.
        """
        history = self.histories.setdefault(page, PageHistory(self.window))
        self.histories.move_to_end(page)  # it stays there for readers, which need not wait
        if len(self.histories) > self.pages:
            del self.histories[next(iter(self.histories))]
        history.learn(Label(published, id, max(at, published + self.maturity), outcome), again=again)
        if not again:
            for kind in ((language, type), (language, ""), ("", "")):
                self._count(kind, math.log1p(outcome))

    def _count(self, kind: tuple[str, str], log: float) -> None:
        mean, n = self.kinds.get(kind, (0.0, 0))
        if n or len(self.kinds) < _MOST_KINDS:
            self.kinds[kind] = (mean + max(1 / (n + 1), _KIND_STEP) * (log - mean), n + 1)

    def matured(self, maturity: float) -> PageBaseline:
        """Return one that has learned the same, and counts a label once its post is `maturity` seconds old."""
        later = PageBaseline(window=self.window, maturity=maturity, pages=self.pages)
        later.kinds.update(self.kinds)
        for page, history in self.histories.items():
            labels = [label._replace(known=max(label.known, label.published + maturity)) for label in history.labels]
            known = max([history.known, *(label.known for label in labels)])
            later.histories[page] = PageHistory(self.window, labels, known)
        return later

    def standing(self, page: str, *, language: str, type: str, now: float) -> Standing:  # noqa: A002
        """Return what the page's posts usually got, as it was known `now`."""
        history = self.histories.get(page)
        past = None if history is None else history.at(now)
        if past is None:
            level, stand_in = self.of_kind(language, type)
            return Standing(level, math.expm1(level), 0, stand_in)
        n, median, level = past
        if n >= ENOUGH:
            return Standing(level, median, n, "")
        usual, stand_in = self.of_kind(language, type)
        level = (n * level + _PRIOR_POSTS * usual) / (n + _PRIOR_POSTS)
        return Standing(level, math.expm1(level), n, stand_in)

    def known(self, page: str) -> float:
        """Return from when on all labels of a page count; the answer to `standing` is then the same for any time."""
        history = self.histories.get(page)
        return -math.inf if history is None else history.known

    def of_kind(self, language: str, kind: str) -> tuple[float, str]:
        """Return the mean logarithm of a kind of posts, each shrunk to the kind that holds it, and its name."""
        named = language or "an unknown language"
        level, stand_in, weight = 0.0, "nothing", 0
        for key, name in (
            (("", ""), "all posts"),
            ((language, ""), f"posts in {named}"),
            ((language, kind), f"posts of type {kind} in {named}"),
        ):
            mean, n = self.kinds.get(key, (0.0, 0))
            if n:
                level, stand_in, weight = (n * mean + weight * level) / (n + weight), name, ENOUGH
        return level, stand_in
