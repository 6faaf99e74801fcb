"""Other libraries' errors, told by what they are called and what they carry; none of the libraries is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postopt.errors import (
    AuthenticationError,
    ContextLengthError,
    EmptyAnswerError,
    InvalidRequestError,
    MalformedAnswerError,
    OverloadedError,
    ProviderError,
    ProviderTimeoutError,
    QuotaError,
    RateLimitError,
    RefusedError,
    SchemaViolationError,
    TruncatedError,
    UnreachableError,
)
from postopt.generation.remote.failures import Failure, hint_for, kind_by_code, kind_of, retry_after

# Class names of openai, litellm, anthropic, any-llm, mistralai and httpx. Where a class has several bases, the nearest
# that is listed counts.
_NAMES: dict[str, type[ProviderError]] = {
    **dict.fromkeys(("AuthenticationError", "PermissionDeniedError", "MissingApiKeyError"), AuthenticationError),
    **dict.fromkeys(("BudgetExceededError", "InsufficientFundsError"), QuotaError),
    **dict.fromkeys(("RateLimitError", "TooManyRequestsError"), RateLimitError),
    **dict.fromkeys(("APITimeoutError", "Timeout", "TimeoutException", "GatewayTimeoutError"), ProviderTimeoutError),
    **dict.fromkeys(("APIConnectionError", "ConnectError", "NetworkError"), UnreachableError),
    **dict.fromkeys(
        ("ContextWindowExceededError", "ContextLengthExceededError", "RequestTooLargeError"), ContextLengthError
    ),
    **dict.fromkeys(
        ("ContentPolicyViolationError", "ContentFilterError", "ContentFilterFinishReasonError"), RefusedError
    ),
    **dict.fromkeys(("LengthFinishReasonError",), TruncatedError),
    **dict.fromkeys(("JSONSchemaValidationError",), SchemaViolationError),
    **dict.fromkeys(("APIResponseValidationError", "ProtocolError", "DecodingError"), MalformedAnswerError),
    **dict.fromkeys(("NoContentError",), EmptyAnswerError),
    **dict.fromkeys(
        (
            "BadRequestError",
            "NotFoundError",
            "UnprocessableEntityError",
            "UnsupportedParamsError",
            "ModelNotFoundError",
        ),
        InvalidRequestError,
    ),
    **dict.fromkeys(("InternalServerError", "ServiceUnavailableError", "OverloadedError"), OverloadedError),
}


def failure_of(error: Exception, name: str) -> ProviderError | None:
    """Return our error for a client's, or None if nothing says that it is one.

    A code that the error carries counts before its class's name, that before a status, and last whether it is a
    TimeoutError or ConnectionError of Python's. Its words are not quoted: they may hold the prompt or a key. Of
    `Retry-After` seconds are read, but no date.

    Args:
        error: what the client raised.
        name: of the generator.
    """
    status = _status(error)
    kind = _kind(error, status)
    if kind is None:
        return None
    headers = getattr(getattr(error, "response", None), "headers", None)
    lowered = {str(key).lower(): str(value) for key, value in headers.items()} if isinstance(headers, Mapping) else {}
    request_id = getattr(error, "request_id", None)
    return kind(
        f"{name}: {type(error).__name__}" + (f" (status {status})" if status else ""),
        provider=name,
        status=status or None,
        retry_after=retry_after(lowered, now=0.0),
        request_id=request_id if isinstance(request_id, str) and len(request_id) <= 128 else "",
        hint=hint_for(kind, status),
    )


def _kind(error: Exception, status: int) -> type[ProviderError] | None:
    carried = (getattr(error, "code", None), getattr(error, "type", None))
    codes = tuple(code for code in carried if isinstance(code, str))
    if kind := kind_by_code(codes):
        return kind
    for base in type(error).__mro__:
        if base.__name__ in _NAMES and base.__module__ != "builtins":
            return _NAMES[base.__name__]
    if status >= 400:
        return kind_of(status, Failure(codes=codes))
    if isinstance(error, TimeoutError):
        return ProviderTimeoutError
    return UnreachableError if isinstance(error, ConnectionError) else None


def _status(error: Exception) -> int:
    candidates: tuple[Any, ...] = (
        getattr(error, "status_code", None),
        getattr(getattr(error, "response", None), "status_code", None),
        getattr(error, "status", None),
        getattr(error, "code", None),
    )
    return next((status for status in candidates if type(status) is int and 100 <= status <= 599), 0)
