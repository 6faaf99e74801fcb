"""Which error an answer that is none amounts to: by its code, its status, its words, in this order."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from postopt.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedAnswerError,
    OverloadedError,
    ProviderError,
    ProviderTimeoutError,
    QuotaError,
    RateLimitError,
    RefusedError,
)

# Codes and types of error objects, as OpenAI, Azure, Anthropic's and Google's compatible endpoints, OpenRouter,
# DeepSeek, Mistral, Groq, vLLM, llama.cpp and LiteLLM's proxy send them. Those that mean different things in different
# places ("invalid_request_error") are left to the status.
_CODES: dict[str, type[ProviderError]] = {
    **dict.fromkeys(
        ("invalid_api_key", "invalid_authentication", "authentication_error", "auth_error", "permission_error",
         "permission_denied", "unauthorized", "unauthenticated", "account_deactivated", "incorrect_api_key"),
        AuthenticationError,
    ),
    **dict.fromkeys(
        ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance",
         "insufficient_credits", "budget_exceeded", "payment_required", "credit_balance_too_low", "billing_error"),
        QuotaError,
    ),
    **dict.fromkeys(
        ("rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "throttling_error",
         "resource_exhausted"),
        RateLimitError,
    ),
    **dict.fromkeys(
        ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length", "request_too_large",
         "context_window_exceeded", "prompt_too_long"),
        ContextLengthError,
    ),
    **dict.fromkeys(
        ("content_filter", "content_policy_violation", "responsibleaipolicyviolation", "content_blocked",
         "moderation_blocked", "safety"),
        RefusedError,
    ),
    **dict.fromkeys(
        ("overloaded_error", "overloaded", "engine_overloaded", "server_error", "internal_error", "api_error",
         "internal_server_error", "internalservererror", "service_unavailable", "unavailable", "internal",
         "unavailable_error"),
        OverloadedError,
    ),
    **dict.fromkeys(("timeout", "timeout_error", "deadline_exceeded", "gateway_timeout"), ProviderTimeoutError),
    **dict.fromkeys(
        ("model_not_found", "not_found_error", "notfounderror", "unsupported_parameter", "unsupported_value",
         "unknown_parameter", "invalid_parameter", "invalid_argument", "badrequesterror"),
        InvalidRequestError,
    ),
}  # fmt: skip

# Codes and parameters that decide nothing here, but that are known to be no one's words.
_COMMON = ("invalid_request_error", "invalid_value", "invalid_type", "missing_required_parameter", "model", "messages",
           "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "stream", "stream_options",
           "response_format")  # fmt: skip

_STATUSES: dict[int, type[ProviderError]] = {
    401: AuthenticationError,
    402: QuotaError,
    403: AuthenticationError,
    407: AuthenticationError,
    408: ProviderTimeoutError,
    409: OverloadedError,  # a lock that somebody else holds
    413: ContextLengthError,
    425: OverloadedError,
    429: RateLimitError,
    504: ProviderTimeoutError,
}

# Servers that give no code (vLLM, TGI, transformers) say it in words.
_TOO_LONG = re.compile(
    r"maximum context length|context (length|window|size)|(prompt|input|request) is too (long|large)", re.IGNORECASE
)
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_LONGEST_WAIT = 7 * 86_400.0  # seconds; whoever asks for more is not believed

_HINTS: dict[type[ProviderError], str] = {
    AuthenticationError: "check api_key, and that it belongs to the account, project and model that are asked",
    QuotaError: "the account needs credit or a higher limit; waiting does not help",
    ContextLengthError: "shorten the prompt, lower max_tokens, or ask a model that takes more",
}


class Failure(NamedTuple):
    """What a provider says of an error: in its words, in codes of its own, and which parameter it does not like."""

    message: str = ""
    codes: tuple[str, ...] = ()
    parameter: str = ""


def failure_in(body: Any) -> Failure | None:
    """Return the error that a decoded JSON body holds, or None if it holds none."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if error in (None, False, "", {}):
        if "choices" in body or (body.get("object") != "error" and "detail" not in body):
            return None
        error = body  # as older vLLM, and FastAPI, put it
    if not isinstance(error, dict):
        return Failure(message=str(error)[:1000])
    message = error.get("message") or error.get("detail") or ""
    inner = error.get("innererror")
    places = (error.get("code"), inner.get("code") if isinstance(inner, dict) else None, error.get("type"),
              error.get("status"))  # fmt: skip
    codes = (str(code) for code in places if isinstance(code, str | int) and not isinstance(code, bool))
    return Failure(
        message=message[:1000] if isinstance(message, str) else "",
        codes=tuple(code for code in codes if _CODE.fullmatch(code)),
        parameter=parameter if isinstance(parameter := error.get("param"), str) else "",
    )


def is_known(code: str) -> bool:
    """Whether a code is one that providers have in common, so that it says nothing of a prompt."""
    return code.lower() in _CODES or code in _COMMON or code.isdecimal()


def kind_by_code(codes: tuple[str, ...]) -> type[ProviderError] | None:
    """Return the class of error that the first known code amounts to, or None if none is known."""
    return next((_CODES[code.lower()] for code in codes if code.lower() in _CODES), None)


def kind_of(status: int, failure: Failure) -> type[ProviderError]:
    """Return the class of error that status and failure amount to; `status` is 200 where an error came in its place."""
    if kind := kind_by_code(failure.codes):
        return kind
    if status < 400:
        # Some put the status they mean into the body, and 200 into the header.
        meant = next((int(code) for code in failure.codes if code.isdecimal() and len(code) == 3), 0)
        if meant >= 400:
            return kind_of(meant, failure)
        if "invalid_request_error" in failure.codes:
            status = 400
    if 400 <= status < 500 and status not in (401, 429) and _TOO_LONG.search(failure.message):
        return ContextLengthError
    if status in _STATUSES:
        return _STATUSES[status]
    if 300 <= status < 400:
        return MalformedAnswerError
    return InvalidRequestError if 400 <= status < 500 else OverloadedError


def hint_for(kind: type[ProviderError], status: int) -> str:
    """Return what to do about an error."""
    if 300 <= status < 400:
        return "a redirect is not followed, because the key would go along; set base_url to where it leads"
    if kind is InvalidRequestError and status == 404:
        return "check the model's name, and that base_url ends where /chat/completions begins (often in /v1)"
    return _HINTS.get(kind, "")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds for which a provider asks to be left alone, or None if it does not, or not in earnest.

    Read are `retry-after-ms`, `Retry-After` in seconds or as a date, and of `x-ratelimit-reset-requests` and
    `-tokens` the longest among those whose `x-ratelimit-remaining-*` is 0, in this order.

    Args:
        headers: of the answer, found whatever their case.
        now: seconds since the epoch, for dates.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return _believed(milliseconds / 1000)
    if stated := headers.get("retry-after"):
        seconds = _number(stated)
        return _believed(seconds if seconds is not None else _until(stated, now))
    resets = [
        _duration(headers.get(f"x-ratelimit-reset-{what}"))
        for what in ("requests", "tokens")
        if _number(headers.get(f"x-ratelimit-remaining-{what}")) == 0
    ]
    return _believed(max((seconds for seconds in resets if seconds is not None), default=None))


def _believed(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_WAIT else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(date: str, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _duration(text: str | None) -> float | None:
    """Return the seconds in "1h2m3.5s", "250ms" or "7"."""
    if not text or len(text) > 32:
        return None
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?", text.strip())
    if parts is None:
        return _number(text)
    numbers = [_number(part or "0") for part in parts.groups()]
    if None in numbers:
        return None
    return sum(number * unit for number, unit in zip(numbers, (3600, 60, 1, 0.001), strict=True) if number)
