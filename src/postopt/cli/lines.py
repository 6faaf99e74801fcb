"""Posts and rejects as lines of JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from postopt.backends.json import JSON
from postopt.cli.briefs import BadLine, BriefLine
from postopt.types import Post, Rejection, Trace

# Seconds differ from run to run; without them the same seed gives the same bytes.
_TRACED = tuple(field.name for field in fields(Trace) if field.name != "seconds")


def post_line(brief_id: str, post: Post) -> bytes:
    """Return a post as a line."""
    trace = {name: getattr(post.trace, name) for name in _TRACED}
    return _line(
        {
            "brief_id": brief_id,
            "index": post.index,
            "text": post.text,
            "tone": post.brief.tone,
            "language": post.brief.language,
            "generator": post.generator,
            "seed": post.seed,
            "trace": {name: list(value) if isinstance(value, tuple) else value for name, value in trace.items()},
        }
    )


def bad_line(bad: BadLine) -> bytes:
    """Return a line of the input that holds no brief as a line."""
    return _line({"line": bad.line, "reason": bad.reason, "input": bad.input})


def rejection_line(source: BriefLine, rejection: Rejection) -> bytes:
    """Return a rejected variant as a line."""
    return _line(
        {
            "line": source.line,
            "brief_id": source.id,
            "variant": rejection.variant,
            "reason": " ".join(rejection.reasons),
            "reasons": list(rejection.reasons),
            "input": source.input,
        }
    )


def _line(data: dict[str, Any]) -> bytes:
    return JSON.dumps(data) + b"\n"
