"""What `engine.json` and its siblings are: plain slots on the hot path, code only where a question is open.

The idea. A call of `engine.json.dumps(x)` should cost what two attribute loads cost. So `engine.json` is an
ordinary instance attribute of an ordinary class, and it holds an object whose `dumps` slot contains the library's
own function: `engine.json.dumps is orjson.dumps`. No wrapper, no lock, no counter, no descriptor of ours.

Two things must nevertheless happen on an attribute access: the first one resolves the role, and while a
`with engine.use(...)` is open somewhere, each one has to ask which context it runs in. A `__getattr__` on the
engine would pay for both on every call, for ever: CPython 3.11 never specialises the attribute loads of a class
that defines it, which was measured at 451 ns a call instead of 11.

So a handle has two classes of the same memory layout and changes between them by assigning `__class__`:

* settled: the plain class below. Its attributes are slots, and nothing of ours runs.
* deferred: a subclass without slots of its own whose `__getattribute__` asks the engine whose turn it is. A handle
  starts deferred, and is made so again for as long as an override of its role is active in any context.

The assignment of `__class__` is one pointer store under the interpreter's lock: another thread sees either class,
and both give right answers, because the slots are filled before a handle is settled and never emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from postopt.backends.base import (
        Backend,
        Bytes,
        CompressionBackend,
        Float32Array,
        HashBackend,
        Head,
        JSONBackend,
        LoopBackend,
        ScoringBackend,
    )


class Gate(NamedTuple):
    """`name` serves inputs of fewer than `below` bytes; None means no bound."""

    below: int | None
    name: str


class Handle:
    """What all handles share: the name and version of the backend in use."""

    __slots__ = ("_find", "name", "version")

    role: ClassVar[str]
    _find: Callable[[], Handle]
    name: str
    version: str

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self.version = backend.version

    def __repr__(self) -> str:
        return f"<{self.role}: {self.name} {self.version}>"


class JSONHandle(Handle):
    """JSON under the contract of `postopt.backends.json`.

    One backend serves both directions: text is usually read where it was written, and the one with the lowest
    weighted sum of log times over both is chosen. `canonical` (sorted keys, the same bytes whatever is installed)
    is pinned: use it for whatever is stored, signed or compared.
    """

    __slots__ = ("canonical", "dumps", "loads")

    role = "json"
    dumps: Callable[[Any], bytes]
    loads: Callable[[Bytes | str], Any]
    canonical: Callable[[Any], bytes]

    def __init__(self, backend: JSONBackend, canonical: Callable[[Any], bytes]) -> None:
        super().__init__(backend)
        self.dumps = backend.dumps
        self.loads = backend.loads
        self.canonical = canonical


class HashHandle(Handle):
    """A digest of bytes, chosen by input size where the race says so.

    `gates` lists who serves which size; `name` and `version` are those of the 4 KB class. The algorithm, and so the
    digest, depends on the machine: use it inside one process, and pin an algorithm for whatever is stored
    (`engine.backend("hash", "sha256")`).
    """

    __slots__ = ("digest", "gates")

    role = "hash"
    digest: Callable[[Bytes], bytes]
    gates: tuple[Gate, ...]

    def __init__(self, backend: HashBackend, gates: tuple[Gate, ...] = ()) -> None:
        super().__init__(backend)
        self.digest = backend.digest
        self.gates = gates or (Gate(None, backend.name),)


class FingerprintHandle(HashHandle):
    """16 bytes that tell inputs apart inside one process, where nobody plans collisions."""

    __slots__ = ()

    role = "fingerprint"


class CompressionHandle(Handle):
    """A pair of inverse functions: the backend for the goal "speed", and both backends by goal.

    Data that outlives the call that made it belongs to one backend: keep `engine.compression.speed` (or `.size`),
    which never changes, rather than asking the engine again for the inverse.
    """

    __slots__ = ("compress", "decompress", "size", "speed")

    role = "compression"
    compress: Callable[[Bytes], bytes]
    decompress: Callable[[Bytes], bytes]
    speed: CompressionBackend
    size: CompressionBackend

    def __init__(self, speed: CompressionBackend, size: CompressionBackend) -> None:
        super().__init__(speed)
        self.compress = speed.compress
        self.decompress = speed.decompress
        self.speed = speed
        self.size = size


class ScoringHandle(Handle):
    """Builders of small model heads over float32 rows."""

    __slots__ = ("linear", "mlp")

    role = "scoring"
    linear: Callable[[Float32Array, float], Head]
    mlp: Callable[[Sequence[tuple[Float32Array, Float32Array]]], Head]

    def __init__(self, backend: ScoringBackend) -> None:
        super().__init__(backend)
        self.linear = backend.linear
        self.mlp = backend.mlp


class LoopHandle(Handle):
    """Makes event loops when called: `asyncio.Runner(loop_factory=engine.loop_factory)`.

    Nothing is installed as a policy: which loop runs is the host's decision.
    """

    __slots__ = ("new_event_loop",)

    role = "loop"
    new_event_loop: Callable[[], AbstractEventLoop]

    def __init__(self, backend: LoopBackend) -> None:
        super().__init__(backend)
        self.new_event_loop = backend.new_event_loop

    def __call__(self) -> AbstractEventLoop:
        """Return a new event loop."""
        return self.new_event_loop()


H = TypeVar("H", bound=Handle)


class _Deferred:
    """Asks the engine at each access of a public attribute; see the module's essay."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        return getattr(self._find(), name)

    def __repr__(self) -> str:
        # Looking must not measure: a debugger or a notebook shows objects without being asked.
        return f"<{type(self).role}: decided when used>"  # type: ignore[attr-defined]  # of the plain class beside it


_TWINS: dict[type[Handle], type[Handle]] = {}
for _plain in (JSONHandle, HashHandle, FingerprintHandle, CompressionHandle, ScoringHandle, LoopHandle):
    _TWINS[_plain] = type(_plain.__name__, (_Deferred, _plain), {"__slots__": ()})
_PLAIN = {twin: plain for plain, twin in _TWINS.items()}


def defer(plain: type[H], find: Callable[[], Handle]) -> H:
    """Return a handle that asks `find` for a settled one of class `plain` at each access."""
    twin = _TWINS[plain]
    handle = twin.__new__(twin)
    handle._find = find  # noqa: SLF001  # the function that makes handles fills them
    return cast("H", handle)


def settle(handle: Handle, source: Handle) -> None:
    """Copy the attributes of `source` into `handle`, then let nothing of ours run on access."""
    plain = _PLAIN.get(type(handle), type(handle))
    for cls in plain.__mro__:
        for slot in getattr(cls, "__slots__", ()):
            if slot != "_find":
                object.__setattr__(handle, slot, getattr(source, slot))
    handle.__class__ = plain  # same layout: see the essay above


def unsettle(handle: Handle) -> None:
    """Let `handle` ask its engine again at each access."""
    handle.__class__ = _TWINS.get(type(handle), type(handle))


def gated(backends: Sequence[tuple[int | None, HashBackend]]) -> tuple[HashBackend, tuple[Gate, ...]]:
    """Join digests by input size: `(below, backend)` in ascending order, the last without a bound.

    Returns a backend that is named after the one at 4 KB, and the gates.
    """
    gates = tuple(Gate(below, backend.name) for below, backend in backends)
    named = next(backend for below, backend in backends if below is None or below > 4096)
    if len(backends) == 1:
        return named, gates
    return _Gated(named.name, named.version, _by_size(backends)), gates


class _Gated(NamedTuple):
    name: str
    version: str
    digest: Callable[[Bytes], bytes]


def _by_size(backends: Sequence[tuple[int | None, HashBackend]]) -> Callable[[Bytes], bytes]:
    (below, first), *rest = backends
    if below is None:
        return first.digest
    bound, small, large = below, first.digest, _by_size(rest)

    def digest(data: Bytes) -> bytes:
        # A memoryview's len counts items, and equal bytes must meet the same algorithm.
        size = len(data) if type(data) is bytes else memoryview(data).nbytes
        return small(data) if size < bound else large(data)

    return digest
