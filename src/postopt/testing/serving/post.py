"""A plausible post for whatever a request asks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def post_for(request: Mapping[str, Any], number: int) -> str:
    """Return a post that holds every fact of the brief that was rendered into the request (`generation.prompt`).

    A request without a brief gets its own words back, and with them whatever facts they hold. With a JSON schema the
    answer is JSON that keeps it, the post being each of its texts.

    Args:
        request: its decoded body.
        number: of the call, so that no two answers are alike.
    """
    asked = next((str(message.get("content", "")) for message in reversed(request["messages"])), "")
    brief = _brief_in(asked)
    text = f"({number}) {asked}" if brief is None else _about(brief, asked, number)
    schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema")
    return text if schema is None else json.dumps(_instance(schema, text), ensure_ascii=False)


def _brief_in(asked: str) -> dict[str, Any] | None:
    for line in asked.splitlines():
        if line.startswith('{"topic": '):
            try:
                return dict(json.loads(line))
            except ValueError:
                return None
    return None


def _about(brief: Mapping[str, Any], asked: str, number: int) -> str:
    facts = list(brief.get("facts", {}).values())
    # A fact a line, so that each stands on its own.
    lines = [
        f"{brief['topic']}, take {number}",
        *facts,
        *([brief["call_to_action"]] if "call_to_action" in brief else []),
    ]
    text = "\n".join(lines)
    limit = re.search(r"^Length: at most (\d+) characters", asked, re.MULTILINE)
    return "\n".join(facts) if limit and len(text) > int(limit[1]) and facts else text


def _instance(schema: Mapping[str, Any], text: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _instance(member, text) for name, member in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema.get("items", {}), text)] * max(1, schema.get("minItems", 1))
    return {"integer": 1, "number": 0.5, "boolean": True, "null": None}.get(str(kind), text)
