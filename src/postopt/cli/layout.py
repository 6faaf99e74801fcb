"""Posts as a terminal shows them."""

from __future__ import annotations

import shutil
import textwrap
import unicodedata

from postopt.types import Posts

MAX_WIDTH = 88
"""Columns beyond which lines of prose become hard to read."""


def columns() -> int:
    """Return the width of the terminal; 80 where there is none, and no COLUMNS in the environment."""
    return shutil.get_terminal_size().columns


def layout(posts: Posts, width: int | None) -> str:
    """Return the posts one below the other, each under a rule with its number and length.

    Args:
        posts: what to show.
        width: columns of the terminal; None for a file or a pipe, whose lines are left as they are.
    """
    columns = min(width or MAX_WIDTH, MAX_WIDTH)
    parts = []
    for number, post in enumerate(posts, 1):
        title = f"── {number} of {len(posts)} "
        size = f" {len(post.text)} character{'s' if len(post.text) != 1 else ''} ──"
        rule = title + "─" * max(2, columns - len(title) - len(size)) + size
        text = printable(post.text)
        parts.append(f"{rule}\n\n{text if width is None else _wrapped(text, columns)}\n")
    return "\n".join(parts)


def _wrapped(text: str, columns: int) -> str:
    """Wrap each line by itself, without breaking words: a link stays whole."""
    wrapper = textwrap.TextWrapper(
        columns, expand_tabs=False, replace_whitespace=False, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.fill(line) for line in text.split("\n"))


def printable(text: str) -> str:
    """Replace control characters: a brief must not be able to move the cursor or recolour the terminal."""
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
