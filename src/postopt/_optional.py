"""The one place that knows which extra brings which optional library.

A file that needs a library says so once, at its top:

    with needs("redis"):
        import redis.asyncio

and whoever imports that file without the library gets a `MissingDependencyError` that says what to type.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from postopt.errors import MissingDependencyError

# Import name -> what to install. Libraries that no extra brings are named themselves.
_INSTALL = {
    "aiohttp": "postopt[openai]",
    "blake3": "postopt[fast]",
    "dspy": "postopt[dspy]",
    "lz4": "postopt[fast]",
    "matplotlib": "postopt[plot]",
    "msgspec": "msgspec",
    "numba": "postopt[numba]",
    "onnx": "postopt[embed]",
    "onnxruntime": "postopt[embed]",
    "orjson": "postopt[fast]",
    "pyarrow": "postopt[arrow]",
    "redis": "postopt[redis]",
    "sqlalchemy": "postopt[sql]",
    "tokenizers": "postopt[embed]",
    "torch": "postopt[gpu]",
    "transformers": "postopt[hf]",
    "uvloop": "uvloop",
    "xxhash": "xxhash",
    "zstandard": "postopt[fast]",
}


@contextmanager
def needs(library: str) -> Iterator[None]:
    """Turn a failing import of `library` into a `MissingDependencyError` that says what to install.

    The original error is kept as the cause, so that a library that is there but broken can be told from one
    that is absent.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"{library} cannot be imported: {error}", hint=f'install it with: pip install "{install_name(library)}"'
        ) from error


def install_name(library: str) -> str:
    """Return what to pass to `pip install` for `library`: an extra of ours where one brings it."""
    return _INSTALL.get(library, library)
