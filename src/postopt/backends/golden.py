"""Golden vectors: does a backend keep what its role promises, on the inputs where libraries are known to differ?

Run in the probing subprocess before a backend may be chosen, so it is quick and imports what the role needs only.
It finds libraries that are broken or different here; that two backends agree on everything is for the test suite.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from json import loads as parse_json
from typing import Any

from postopt.backends.parsing import MAX_LOADS_DEPTH
from postopt.backends.strict import MAX_DUMPS_DEPTH
from postopt.errors import CorruptDataError


class ContractError(ValueError):
    """A backend breaks the contract of its role; the message is one sentence about the first vector that shows it."""


def check(role: str, backend: Any) -> None:
    """Try `backend` in `role` ("json", "hash", "fingerprint", "compression", "scoring" or "loop").

    Raises:
        ContractError: it gives a wrong answer, or an error where it should give an answer, or the reverse.
    """
    for attribute in ("name", "version"):
        if not isinstance(getattr(backend, attribute, None), str):
            raise ContractError(f"its {attribute} is no text")
    check_role = _CHECKS[role]
    try:
        check_role(backend)
    except ContractError:
        raise
    except Exception as error:  # an answer that cannot be compared, or an error nobody expects here
        raise ContractError(f"checking it raises {type(error).__name__}: {error}") from error


def _call(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:  # whatever a library may raise
        raise ContractError(f"{what} raises {type(error).__name__}: {error}") from error


def _refuses(what: str, error: type[Exception], function: Callable[[Any], Any], argument: Any) -> None:
    try:
        answer = function(argument)
    except error:
        return
    except Exception as other:
        raise ContractError(f"{what} raises {type(other).__name__}, not {error.__name__}") from other
    raise ContractError(f"{what} gives {_shown(answer)} and does not raise")


def _same(what: str, answer: object, expected: object) -> None:
    # repr tells 1 from 1.0 and True, and 0.0 from -0.0.
    if repr(answer) != repr(expected):
        raise ContractError(f"{what} gives {_shown(answer)}, not {_shown(expected)}")


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


_TEXTS = (
    "",
    "ñandú, ¿café?",
    "日本語 العربية",
    "😀👩‍👩‍👧🇪🇸",
    'a"b\\c/d</script>',
    "\x00\x1f\x7f\u2028\ufeff",
    "á\n\t\r\b\f",
)
_NUMBERS = (
    0,
    -1,
    True,
    False,
    None,
    2**53 + 1,
    2**63,
    2**64 - 1,
    -(2**63),
    0.1,
    -0.0,
    1.0,
    5e-324,
    1.5e300,
    1e16,
    1e23,
)
_NOON = datetime(2024, 2, 29, 12, 30, 1)  # noqa: DTZ001  # a naive one is a vector too

# What is encoded, and what the text stands for where that is something else.
_ENCODED: tuple[tuple[str, Any, Any], ...] = (
    ("NaN", float("nan"), None),
    ("infinity", [float("inf"), float("-inf")], [None, None]),
    ("a tuple", (1, ("a",)), [1, ["a"]]),
    ("an object", {"b": 1, "a": {"ñ": []}, "": {}}, {"b": 1, "a": {"ñ": []}, "": {}}),
    ("a datetime", _NOON, "2024-02-29T12:30:01"),
    ("a datetime in UTC", _NOON.replace(tzinfo=UTC), "2024-02-29T12:30:01+00:00"),
    (
        "a datetime with offset",
        _NOON.replace(microsecond=50, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
        "2024-02-29T12:30:01.000050-03:30",
    ),
    ("a date", date(987, 6, 5), "0987-06-05"),
)
_NOT_ENCODED: tuple[tuple[str, Any], ...] = (
    ("2**64", 2**64),
    ("-2**63-1", -(2**63) - 1),
    ("10**400", 10**400),
    ("a lone surrogate", "\ud800"),
    ("a lone surrogate in a key", {"\udfff": 1}),
    ("an integer as key", {1: 1}),
    ("None as key", {None: 1}),
    ("bytes", b"a"),
    ("a set", {1}),
    ("a Decimal", Decimal("1.1")),
    ("a timedelta", timedelta(1)),
    ("a generator", (text for text in _TEXTS)),
    ("an object of another type", object()),
)
_DECODED: tuple[tuple[bytes | str | bytearray | memoryview, Any], ...] = (
    *((f'"{text}"'.encode(), text) for text in _TEXTS[1:4]),
    ('"ñ"', "ñ"),
    (b'"\\u00f1\\ud83d\\ude00\\\\ud800"', "ñ😀\\ud800"),
    (b'\t\r\n {"a" : [ 1 , 2.5 ], "b":{}} ', {"a": [1, 2.5], "b": {}}),
    (bytearray(b"[true,false,null]"), [True, False, None]),
    (memoryview(b'"a"'), "a"),
    (b'{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
    (b"[0,-0,-0.0,1E5,0.1,5e-324]", [0, 0, -0.0, 100000.0, 0.1, 5e-324]),
    (b"[18446744073709551615,-9223372036854775808]", [2**64 - 1, -(2**63)]),
    (b"[18446744073709551616,-9223372036854775809]", [2.0**64, -(2.0**63)]),
    (b"9007199254740992999999999999999", 9.007199254740993e30),
)
_NOT_DECODED: tuple[bytes | str, ...] = (
    b"", b" ", b"NaN", b"[Infinity]", b"-Infinity", b"nul", b"1e400", b"1" * 400, b"01", b"1.", b".5", b"+1", b"0x1",
    b"\xef\xbb\xbf1", "\ufeff1", "1".encode("utf-16"), b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3"', b'"\\ud800"',
    b'"\\udc00\\ud800"', '"\ud800"', b'"\n"', b'"\x00"', b'"\\x"', b'"a', b"'a'", b"[1,]", b'{"a":1,}', b'{"a"}',
    b"{1:1}", b"[1 2]", b"1 2", b"[1]]", b"[1]x", b"[1]\x00", b"//\n1", b"[",
)  # fmt: skip


def _check_json(backend: Any) -> None:
    for value in (*_TEXTS, *_NUMBERS):
        _check_encoded(f"dumps of {_shown(value)}", backend.dumps, value, value)
        raw = _call(f"loads of {_shown(value)}", backend.loads, backend.dumps({"k": [value]}))
        _same(f"loads of dumps of {_shown(value)}", raw, {"k": [value]})
    for what, value, expected in _ENCODED:
        _check_encoded(f"dumps of {what}", backend.dumps, value, expected)
    for what, value in _NOT_ENCODED:
        _refuses(f"dumps of {what}", TypeError, backend.dumps, value)
        _refuses(f"dumps of {what} in a list", TypeError, backend.dumps, [value])
    for data, expected in _DECODED:
        _same(f"loads of {_shown(data)}", _call(f"loads of {_shown(data)}", backend.loads, data), expected)
    for data in _NOT_DECODED:
        _refuses(f"loads of {_shown(data)}", ValueError, backend.loads, data)
    _check_depth(backend)


def _check_encoded(what: str, dumps: Callable[[Any], bytes], value: Any, expected: Any) -> None:
    raw = _call(what, dumps, value)
    if type(raw) is not bytes:
        raise ContractError(f"{what} gives {type(raw).__name__}, not bytes")
    _same(what, _call(f"reading the {what}", parse_json, _call(what, raw.decode)), expected)


def _check_depth(backend: Any) -> None:
    lists: list[Any] = []
    for _ in range(MAX_DUMPS_DEPTH - 1):
        lists = [lists]
    deepest = _call(f"dumps of {MAX_DUMPS_DEPTH} nested lists", backend.dumps, lists)
    _same(f"dumps of {MAX_DUMPS_DEPTH} nested lists", deepest, _nested(MAX_DUMPS_DEPTH))
    # Two more: whether an empty list is a level of its own, versions of orjson answer differently.
    _refuses(f"dumps of {MAX_DUMPS_DEPTH + 2} nested lists", TypeError, backend.dumps, [[lists]])
    cycle: dict[str, Any] = {}
    cycle["a"] = [cycle]
    _refuses("dumps of a cycle", TypeError, backend.dumps, cycle)
    value = _call(f"loads of {MAX_LOADS_DEPTH} levels", backend.loads, _nested(MAX_LOADS_DEPTH))
    depth = 0
    while value != []:
        (value,), depth = value, depth + 1
    _same(f"the depth of {MAX_LOADS_DEPTH} levels", depth + 1, MAX_LOADS_DEPTH)
    for depth in (MAX_LOADS_DEPTH + 1, 100_000):
        _refuses(f"loads of {depth} levels", ValueError, backend.loads, _nested(depth))


# The input of the published BLAKE3 test vectors: 0 to 250, over and over. Sizes on both sides of block, chunk and
# vector boundaries of each algorithm.
_PATTERN = bytes(i % 251 for i in range(102_400))
_DIGESTS: dict[tuple[str, str], dict[int, str]] = {
    ("hash", "sha256"): {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        3: "ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc",
        64: "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108",
        240: "abf4bafcddb38bbf3855e47b5e61b75dedbcf42aa44ffd4bb85d0b08d97e2682",
        1025: "bc0b6b10b89b9487a12fda2a8cc13194e7091c217aabf8b92846274026f4bcd0",
        102400: "74588b7f0bcc354ac14d9cf199fa3a20c05f0c7293b9075b2f2e146e718de800",
    },
    ("hash", "blake2b"): {
        0: "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
        3: "3d8c3d594928271f44aad7a04b177154806867bcf918e1549c0bc16f9da2b09b",
        64: "10d8e6d534b00939843fe9dcc4dae48cdf008f6b8b2b82b156f5404d874887f5",
        240: "546b4be370ba614a1761fe8cef8c023d6a7f968981e23a1e8e1168b25cce2efa",
        1025: "533c8d76c0f61487431e7c31d15417c8b53887e4765b5597d0d03cb085014afb",
        102400: "3e296275877fb01eb568accdfab328359abfde8cfcfed8f3eb290399ae36d9c7",
    },
    ("hash", "blake3"): {
        0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
        64: "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
        240: "45e1a0dc23dbe51733d7269a3c0f519c2a63b0718835b2b537677eba734db0d8",
        1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
        102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
    },
    ("fingerprint", "blake2b"): {
        0: "cae66941d9efbd404e4d88758ea67670",
        3: "a75c0b0d97360c1ba783496eb6a0395a",
        64: "59059895958b8a56277edb046df67166",
        240: "0a78246c9a27c0c8406b2a7c77990eee",
        1025: "1fb725ff7a640d705d5f9257f652c2d1",
        102400: "dd6d2760f4f5db40285e784a21f4cd11",
    },
    ("fingerprint", "xxh3"): {
        0: "99aa06d3014798d86001c324468d497f",
        1: "a6cd5e9392000f6ac44bdff4074eecdb",
        17: "685bc458b37d057fc06e233df7729217",
        240: "65b5be86da5540e7c92b68e16f83bbb6",
        1025: "2882ebca04ec915ce95c42288f28186e",
        102400: "ecd387d36185351b1428e17f1cac2837",
    },
}


def _check_digest(role: str, size: int, backend: Any) -> None:
    for length, expected in _DIGESTS.get((role, backend.name), {}).items():
        digest = _call(f"the digest of {length} bytes", backend.digest, _PATTERN[:length])
        if type(digest) is not bytes or digest.hex() != expected:
            raise ContractError(f"the digest of {length} bytes is {_shown(digest)}, not {expected}")
    seen: dict[bytes, int] = {}
    for length in (*range(300), 1024, 4096, 65_536):
        zeros = bytes(length)
        digest = _call(f"the digest of {length} zeros", backend.digest, zeros)
        if type(digest) is not bytes or len(digest) != size:
            raise ContractError(f"the digest of {length} zeros is {_shown(digest)}, not {size} bytes")
        if digest in seen:
            raise ContractError(f"{seen[digest]} and {length} zeros have the same digest")
        seen[digest] = length
    for same in (bytearray(_PATTERN), memoryview(_PATTERN), _PATTERN):
        what = f"the digest of a {type(same).__name__}"
        _same(what, _call(what, backend.digest, same), backend.digest(_PATTERN))
    for length in (8, 64, 5000):
        _check_avalanche(backend.digest, random.Random(length).randbytes(length), size)  # noqa: S311  # test input


def _check_avalanche(digest: Callable[[bytes], bytes], data: bytes, size: int) -> None:
    before = int.from_bytes(digest(data), "big")
    for bit in range(0, 8 * len(data), max(1, len(data))):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        flipped = (before ^ int.from_bytes(digest(bytes(changed)), "big")).bit_count()
        # Half of the bits on average; a quarter is more than 5 standard deviations below that at 128 bits.
        if flipped < 2 * size:
            raise ContractError(f"one bit more in {len(data)} bytes changes {flipped} of {8 * size} bits of the digest")


_POST = "¿Café en Málaga? ☕ 20 % menos hasta el sábado: {} plazas. ".encode()


def _check_compression(backend: Any) -> None:
    noise = random.Random(0).randbytes(20_000)  # noqa: S311  # test input
    long = b"".join(_POST.replace(b"{}", b"%d" % i) for i in range(0, 30_000, 7)) + noise
    megabyte = (long * (2**20 // len(long) + 1))[: 2**20]
    for data in (b"", b"\x00", _POST, noise, long, megabyte, bytearray(_POST), memoryview(_POST)):
        what = f"a round trip of {len(data)} bytes"
        packed = _call(what, backend.compress, data)
        if type(packed) is not bytes or _call(what, backend.decompress, packed) != data:
            raise ContractError(f"{what} does not give them back")
        _same(what, _call(what, backend.decompress, memoryview(packed)) == data, expected=True)
    if len(backend.compress(_POST * 20)) > 10 * len(_POST):
        raise ContractError("text that repeats itself is not compressed")
    for data in (b"", b"\x00", _POST):
        _check_damage(backend, data)


def _check_damage(backend: Any, data: bytes) -> None:
    packed = backend.compress(data)
    for length in range(len(packed)):
        _refuses(
            f"decompressing {length} of {len(packed)} bytes", CorruptDataError, backend.decompress, packed[:length]
        )
    for wrong in (packed + b"\x00", packed + packed, b"\x00" * 20, b"not compressed at all"):
        _refuses(f"decompressing {_shown(wrong)}", CorruptDataError, backend.decompress, wrong)
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            answer = backend.decompress(bytes(damaged))
        except CorruptDataError:
            continue
        # Some bits of a header mean nothing; then the data is right.
        if answer != data:
            raise ContractError(f"decompressing with bit {bit} of {8 * len(packed)} flipped gives wrong data")


def _check_scoring(backend: Any) -> None:
    import numpy as np  # noqa: PLC0415  # costs more to import than all other checks take

    def array(values: Any) -> Any:
        return np.array(values, np.float32)

    linear = _call("building a linear head", backend.linear, array([0.5, -1]), 0.25)
    layers = [(array([[1, -1], [2, 0.5]]), array([0, 1])), (array([[1], [2]]), array([-1]))]
    mlp = _call("building a network", backend.mlp, layers)
    # Worked out by hand; every number is exact in float32.
    rows = array([[1, 2], [-1, 0.5], [3, -4]])
    for what, head, expected in (("linear", linear, [-1.25, -0.75, 5.75]), ("mlp", mlp, [6, 3.5, -1])):
        for n in (0, 1, 3):
            scores = _call(f"the {what} head on {n} rows", head, rows[:n])
            _same(
                f"the {what} head on {n} rows",
                (scores.dtype.name, scores.tolist()),
                ("float32", array(expected[:n]).tolist()),
            )
    weights = array([1 / (i + 1) for i in range(64)])
    many = array([[(i * j) % 7 - 3 for j in range(64)] for i in range(100)])
    scores = _call("the linear head on 100 rows", backend.linear(weights, 0.0), many)
    exact = many.astype(np.float64) @ weights
    if not np.abs(scores - exact).max() <= 1e-5 * np.abs(exact).max():
        raise ContractError(f"scores are off by {np.abs(scores - exact).max():.1e}, more than float32 explains")


def _check_loop(backend: Any) -> None:
    loop = _call("making an event loop", backend.new_event_loop)

    async def answer() -> int:
        future = loop.create_future()
        loop.call_soon(future.set_result, 42)
        return int(await future)

    coroutine = answer()
    try:
        _same("a coroutine", _call("running a coroutine", loop.run_until_complete, coroutine), 42)
    finally:
        coroutine.close()
        loop.close()


_CHECKS: dict[str, Callable[[Any], None]] = {
    "json": _check_json,
    "hash": lambda backend: _check_digest("hash", 32, backend),
    "fingerprint": lambda backend: _check_digest("fingerprint", 16, backend),
    "compression": _check_compression,
    "scoring": _check_scoring,
    "loop": _check_loop,
}
