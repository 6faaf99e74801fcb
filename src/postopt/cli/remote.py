"""Which generator a command line asks: the templates, or a model with the templates behind it."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from postopt.cli.usage import UsageError
from postopt.errors import MissingDependencyError
from postopt.generation.base import Generator
from postopt.generation.templates import TemplateGenerator
from postopt.types import Post
from postopt.writer import PostWriter

if TYPE_CHECKING:
    from postopt.cli.spending import Spending

_MOST_PER_MILLION = 1e6
"""US dollars per million tokens: a dollar a token; arbitrary, and small enough for any call to be counted."""

OPTIONS = {
    "model": "--model",
    "key_env": "--key-env",
    "deadline": "--deadline",
    "price": "--price",
    "budget": "--budget",
}


def add_model_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that name a model and its limits."""
    group.add_argument(
        "--base-url", metavar="URL", help='a server with OpenAI\'s interface, such as "http://127.0.0.1:8000/v1"'
    )
    group.add_argument("--model", metavar="NAME", help="the server's name for the model")
    group.add_argument(
        "--key-env",
        metavar="NAME",
        help="environment variable that holds the key (default: OPENAI_API_KEY, if set, which only goes over https or "
        "to this machine)",
    )
    group.add_argument("--deadline", type=_positive, metavar="SECONDS", help="for the posts of one brief (default: 30)")
    group.add_argument(
        "--price", type=_price, metavar="IN,OUT", help="US dollars per million tokens of prompt and of answer"
    )
    group.add_argument(
        "--budget",
        type=_positive,
        metavar="USD",
        help="most to spend in this run; needs --price. The posts of a brief are written one after the other then, and "
        "fewer briefs at a time where little is left: each call sets aside the most that it can cost",
    )


def check_model_options(args: argparse.Namespace) -> None:
    """Refuse options that only mean something together with others."""
    given = [option for name, option in OPTIONS.items() if name in args]
    if "base_url" not in args and given:
        args.error(f"{given[0]} goes with --base-url")
    if "base_url" in args and "model" not in args:
        args.error("--base-url needs --model NAME")
    if "budget" in args and "price" not in args:
        args.error("--budget needs --price IN,OUT")


def make_spending(args: argparse.Namespace) -> Spending | None:
    """Return what counts the money, or None where no price is known.

    Raises:
        UsageError: the budget is too large to be counted.
    """
    if "price" not in args:
        return None
    from postopt.cli.spending import MOST_USD, Spending  # noqa: PLC0415 - as below

    try:
        return Spending(getattr(args, "budget", None))
    except ValueError as error:
        raise UsageError(f"--budget is {args.budget:g}; {MOST_USD} at most can be counted") from error


def make_writer(args: argparse.Namespace, spending: Spending | None) -> PostWriter:
    """Return a writer with the generator that the options name, which it closes.

    Raises:
        UsageError: the model cannot be asked with what is given or installed.
    """
    generator = make_generator(args, spending)
    return PostWriter(generator, concurrency=1) if "budget" in args else PostWriter(generator)


def make_generator(args: argparse.Namespace, spending: Spending | None) -> Generator:
    """Return the generator that the options name.

    Raises:
        UsageError: the model cannot be asked with what is given or installed.
    """
    templates = TemplateGenerator(seed=args.seed)
    if "base_url" not in args:
        return templates
    # Only for those who ask a model: the rest of the command line starts in a third of the time.
    from postopt.generation.nest import standard  # noqa: PLC0415
    from postopt.resilience.price import Price  # noqa: PLC0415

    try:
        from postopt.generation.openai import OpenAIGenerator  # noqa: PLC0415
    except MissingDependencyError as error:
        raise UsageError(f"--base-url: {error}; {error.hint}") from error
    price = Price(input=args.price[0], output=args.price[1]) if "price" in args else None
    try:
        model = OpenAIGenerator(args.base_url, args.model, api_key=_key(args), price=price)
    except ValueError as error:
        raise UsageError(f"--base-url, --model: {error}") from error
    return standard(model, templates=templates, budget=None if spending is None else spending.budget)


def deadline_of(args: argparse.Namespace) -> float | None:
    """Return the seconds that the posts of one brief have; templates need none."""
    return getattr(args, "deadline", 30.0) if "base_url" in args else None


class Answered:
    """Counts who answered, for a run's last line."""

    def __init__(self) -> None:
        self._by: Counter[str] = Counter()
        self._cost_usd = 0.0

    def add(self, posts: Iterable[Post]) -> None:
        """Count some posts."""
        for post in posts:
            trace = post.trace
            self._by[trace.model if trace.source == "primary" else f"{trace.model} as {trace.source}"] += 1
            self._cost_usd += trace.cost_usd

    def text(self) -> str:
        """Return who answered how often, and what that cost."""
        return f"{', '.join(f'{count} by {name}' for name, count in self._by.most_common(5))}, ${self._cost_usd:.6f}"


def _key(args: argparse.Namespace) -> str | None:
    if "key_env" not in args:
        key = os.environ.get("OPENAI_API_KEY")
        if key and _is_overheard(args.base_url):
            raise UsageError(
                "--base-url: the key in OPENAI_API_KEY would go over the network unencrypted; use https, or name it by "
                "--key-env if that is what you want, or unset it"
            )
        return key or None
    key = os.environ.get(args.key_env)
    if not key:
        raise UsageError(f"--key-env: there is no {args.key_env} in the environment")
    return key


def _is_overheard(url: str) -> bool:
    """Whether others can read what is sent there: plain http to another machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False  # whoever opens it says what is wrong
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:  # a name
        return True


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _price(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        prices = [float(part) for part in parts]
    except ValueError:
        prices = []
    if len(prices) != 2 or not all(0 <= price <= _MOST_PER_MILLION for price in prices):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form IN,OUT, such as 0.15,0.60 (up to {_MOST_PER_MILLION:g})"
        )
    return prices[0], prices[1]
