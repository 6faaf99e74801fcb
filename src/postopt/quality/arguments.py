"""What every check takes, a text, a brief and a language; other things are refused in the same words by all."""

from __future__ import annotations

from postopt.errors import PostDataError, shown
from postopt.types import Brief


def check_arguments(text: object, brief: object = None, language: object = None) -> None:
    """Refuse what is no text, no brief or no language tag; brief and language may be None.

    Raises:
        PostDataError: one of them is none.
    """
    if not isinstance(text, str):
        raise PostDataError(f"text is {shown(text)}; a str is needed")
    if not isinstance(brief, Brief | None):
        raise PostDataError(f"brief is {shown(brief)}; a Brief or None is needed")
    if not isinstance(language, str | None):
        raise PostDataError(f"language is {shown(language)}; a tag such as 'en' or None is needed")
