"""What `import postopt` costs, beside the standard library's `asyncio` and libraries a host may import as well.

CPU (user + system) of a whole `python -c ...`, start and end of the interpreter included, as a multiple of
`python -c pass`. Each round runs all rows in a new order, so that neither a busy machine nor a cold cache
favours one; bytecode is compiled before the first counted round. Peers are measured where they are installed.

    nox -s bench -- benchmarks/test_import.py
"""

from __future__ import annotations

import importlib.util
import os
import platform
import random
import resource
import statistics
import subprocess
import sys

ROUNDS = 15
STATEMENTS = (
    "pass",
    "import postopt",
    "from postopt import Brief",
    "from postopt import PostWriter, TemplateGenerator",
    "from postopt import OptimizedEngine",
    "import json",
    "import dataclasses",
    "import asyncio",
)
PEERS = ("instructor", "openai", "litellm")


def cpu_seconds(statement, environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_import(tmp_path):
    # LiteLLM fetches its price list while it is imported, unless told not to.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    peers = [f"import {name}" for name in PEERS if importlib.util.find_spec(name)]
    statements = (*STATEMENTS, *peers)
    for statement in statements:
        cpu_seconds(statement, environment)
    shuffled = random.Random(1).sample
    rounds = [
        {statement: cpu_seconds(statement, environment) for statement in shuffled(statements, len(statements))}
        for _ in range(ROUNDS)
    ]
    print(f"\n\nCPython {platform.python_version()}, medians of {ROUNDS} rounds\n")
    print("| statement | CPU ms | x pass, median | quartiles |")
    print("|---|--:|--:|--:|")
    for statement in statements:
        ratios = [times[statement] / times["pass"] for times in rounds]
        low, middle, high = statistics.quantiles(ratios, n=4)
        milliseconds = 1e3 * statistics.median(times[statement] for times in rounds)
        print(f"| `{statement}` | {milliseconds:.1f} | {middle:.2f} | {low:.2f}-{high:.2f} |")
    assert all(min(times.values()) > 0 for times in rounds)
