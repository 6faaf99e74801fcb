"""What measurements depend on besides the libraries: a machine and an interpreter, told apart by a key."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import sys
import sysconfig
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_QUOTAS = (
    Path("/sys/fs/cgroup/cpu.max"),  # cgroup v2: "200000 100000" or "max 100000"
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),  # cgroup v1
)


def describe() -> dict[str, str]:
    """Return the facts that make timings comparable, each as text: a change in any of them voids all timings.

    Flags and quota are there because the same processor model answers differently with an instruction set
    masked (by a hypervisor, or by OPENSSL_ia32cap) or with half a core.
    """
    model, flags = _processor()
    return {
        "cpu": model,
        "flags": hashlib.sha256(flags.encode()).hexdigest()[:16],
        "cores": str(_cores()),
        "quota": next((text for text in map(_text, _QUOTAS) if text), ""),
        "os": f"{platform.system()} {platform.machine()} {''.join(platform.libc_ver())}",
        "python": f"{platform.python_implementation()} {platform.python_version()} {sysconfig.get_config_var('SOABI')}",
        "gil": str(getattr(sys, "_is_gil_enabled", lambda: True)()),
        "openssl": f"{_openssl()} {os.environ.get('OPENSSL_ia32cap', '')}".strip(),  # noqa: SIM112  # its spelling
    }


def key(facts: dict[str, str]) -> str:
    """Return the SHA-256 of `facts` in hexadecimal: the name of this machine's wisdom file."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@functools.cache
def _processor() -> tuple[str, str]:
    """Return the processor's model and its sorted instruction set flags, as far as the system tells."""
    fields: dict[str, str] = {}
    for line in _text(_CPUINFO).splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())  # the first core speaks for all
    # "CPU part" is what ARM kernels print where x86 ones print a model name.
    model = fields.get("model name") or fields.get("cpu part") or platform.processor() or platform.machine()
    return model, " ".join(sorted((fields.get("flags") or fields.get("features") or "").split()))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1


def _openssl() -> str:
    try:
        import ssl  # noqa: PLC0415  # a Python built without it is still one that can hash
    except ImportError:
        return "none"
    return ssl.OPENSSL_VERSION


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
