"""Where local models would run, found out without importing torch and without touching a driver in this process.

A driver call can hang or crash, and a CUDA context that exists before a fork breaks the children; so libcuda is
asked through ctypes in a subprocess, and only if the installed torch could use the answer.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

# Creating the driver's state takes seconds where nothing keeps it loaded.
LIMIT_SECONDS = 10.0

# Starting points, not results: what the system this one grows from used. Whoever runs a model measures its own.
BATCH_SIZES = {"cuda": 128, "cpu": 32}

_ASK = """
import ctypes, ctypes.util, json, sys
names = ["nvcuda.dll"] if sys.platform == "win32" else ["libcuda.so.1", "libcuda.so"]
for name in names:
    try:
        cuda = ctypes.CDLL(name)
        break
    except OSError as error:
        problem = str(error)
else:
    sys.exit(json.dumps({"problem": "no driver library: " + problem}))
def call(function, *arguments):
    code = getattr(cuda, function)(*arguments)
    if code:
        sys.exit(json.dumps({"problem": f"{function} answers error {code}"}))
def number(function, *arguments, kind=ctypes.c_int):
    value = kind()
    call(function, ctypes.byref(value), *arguments)
    return value.value
call("cuInit", 0)
if not number("cuDeviceGetCount"):
    sys.exit(json.dumps({"problem": "the driver sees no device"}))
device = ctypes.c_int(number("cuDeviceGet", 0))
name = ctypes.create_string_buffer(100)
call("cuDeviceGetName", name, 100, device)
print(json.dumps({
    "name": name.value.decode(errors="replace"),
    "memory": number("cuDeviceTotalMem_v2", device, kind=ctypes.c_size_t),
    "capability": [number("cuDeviceGetAttribute", 75, device), number("cuDeviceGetAttribute", 76, device)],
}))
"""


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Where to run a local model and with what. A plan until measured: no model has run when it is made.

    Attributes:
        device: "cpu" or "cuda".
        dtype: "bfloat16" where the hardware computes in it (compute capability 8 or more), "float16" at 7, where
            it is fast, "float32" on older GPUs and on CPUs.
        batch_size: prompts to start with in one batch: 128 on a GPU, 32 on a CPU.
        reason: why this device.
        memory: bytes of GPU memory, or None on a CPU.
    """

    device: str
    dtype: str
    batch_size: int
    reason: str
    memory: int | None = None


def cpu(reason: str) -> DevicePlan:
    """Return the plan for this machine's CPU."""
    return DevicePlan("cpu", "float32", BATCH_SIZES["cpu"], reason)


def plan(*, path: list[str] | None = None, ask: Callable[[], Mapping[str, Any]] | None = None) -> DevicePlan:
    """Return the plan for this machine: "cuda" if torch is a CUDA build and the driver has a device, else "cpu".

    `CUDA_VISIBLE_DEVICES` counts, since the driver is asked with this process's environment. Blocks for at most
    10 s, and for none if there is no CUDA build of torch.

    Args:
        path: directories to look for torch in; None means `sys.path`.
        ask: what to ask the driver with: returns `name`, `memory` (bytes) and `capability`, or `problem`.
    """
    spec = PathFinder.find_spec("torch", path)  # looks, and unlike an import runs nothing
    if spec is None or spec.origin is None:
        return cpu("torch is not installed")
    version, cuda = _build(Path(spec.origin).with_name("version.py"))
    if not cuda:
        return cpu(f"torch {version} is a build without CUDA")
    found = (ask or ask_driver)()
    if "problem" in found:
        return cpu(f"torch {version} is built for CUDA {cuda}, but {found['problem']}")
    major, minor = found["capability"]
    dtype = "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"
    reason = f"{found['name']}, compute capability {major}.{minor}; torch {version} is built for CUDA {cuda}"
    return DevicePlan("cuda", dtype, BATCH_SIZES["cuda"], reason, found["memory"])


def ask_driver(limit_seconds: float = LIMIT_SECONDS) -> Mapping[str, Any]:
    """Ask libcuda for its first device, in a subprocess; never raises."""
    command = [sys.executable, "-I", "-c", _ASK]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit_seconds, check=False, text=True)  # noqa: S603  # our own text, no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"problem": f"asking the driver failed ({error})"}
    for text in (done.stdout, done.stderr):
        try:
            answer = json.loads(text)
        except ValueError:
            continue
        if isinstance(answer, dict):
            return answer
    return {"problem": f"asking the driver ended with status {done.returncode}"}


def _build(file: Path) -> tuple[str, str]:
    """Return torch's version and the CUDA version it is built for, "" for none, from the text of its version file."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "of unknown version", ""
    version = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    cuda = re.search(r"^cuda\b[^=\n]*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return version[1] if version else "of unknown version", cuda[1] if cuda else ""
