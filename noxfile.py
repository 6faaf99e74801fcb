"""The one entry point for checks: plain `nox` runs all sessions but `bench` and `fuzz`."""

from __future__ import annotations

import os
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.10.14"
# pip, although uv would save a minute of five: the README's first command needs pip anyway, and a mirror, a certificate
# or a folder of wheels that somebody set up for pip is unknown to uv.
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
# Pythons that are not on this machine are skipped; without the one that is measured, `coverage` fails.
nox.options.error_on_missing_interpreters = False

# pyenv puts only those of its Pythons on the path that are switched on; the others count as present too.
home = os.environ.get("HOME", "")  # a container's user may have none
for folder in sorted(Path(os.environ.get("PYENV_ROOT", f"{home}/.pyenv")).glob("versions/3.*/bin")):
    os.environ["PATH"] += f"{os.pathsep}{folder}"

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
MEASURED = PYTHONS[0]  # coverage nearly doubles the time; one version with everything sees nearly every line

# The plain build brings 3 GB of CUDA libraries, so only the CPU build is asked for. It is found where pip is set up to
# find it (PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS); elsewhere its session is skipped.
TORCH = "torch==2.13.0+cpu"

FUZZED = ("entry", "snapshot", "replies", "trace")  # the targets of tests/fuzz/fuzz_codec.py


def groups(*names: str) -> list[str]:
    """Return the requirements of dependency groups."""
    return nox.project.dependency_groups(PYPROJECT, *names)


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*groups("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(reuse_venv=True)
def types(session: nox.Session) -> None:
    """Check types, strictly, of the package and of its public use."""
    session.install("-e", ".[fast,numba,redis,sql,openai,plot,arrow]", *groups("types", "peers"))
    session.run("mypy")
    session.run("mypy", "tests/typing")


@nox.session(reuse_venv=True)
def imports(session: nox.Session) -> None:
    """Check who imports whom, and that the check itself notices."""
    session.install("-e", ".", *groups("tests", "imports"))
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/test_imports.py")


@nox.session(reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Build the documentation and run its examples; a warning is an error."""
    session.install("-e", ".[redis,sql,openai]", *groups("docs"))
    for builder in ("html", "doctest"):
        # The second builder finds the pages read.
        read = ("-d", "docs/_build/doctrees")
        session.run("sphinx-build", "-n", "-W", "--keep-going", *read, "-b", builder, "docs", f"docs/_build/{builder}")


def run_tests(session: nox.Session, *arguments: str, measured: bool) -> None:
    coverage = ("--cov", "--cov-report=") if measured else ()
    data = Path(session.virtualenv.location, "coverage").resolve()
    arguments = tuple(session.posargs) or arguments
    # To read the tests is half of collecting them: pytest may keep what it has read, whatever the machine's custom.
    environment = {"COVERAGE_FILE": str(data), "PYTHONDONTWRITEBYTECODE": ""}
    session.run("pytest", "--numprocesses=auto", *coverage, *arguments, env=environment)


@nox.session(python="3.11")
def tests_torch(session: nox.Session) -> None:
    """Run the tests that need torch, and those against a server of a real model."""
    try:
        session.install("--no-deps", TORCH)
    except CommandFailed:
        session.skip("no CPU build of torch for this machine")
    session.install(TORCH, ".[openai,embed]", *groups("tests", "model_server"))
    rooms = ("tests/backends", "tests/engagement", "tests/engine", "tests/generation", "tests/test_optional.py")
    run_tests(session, "-k", "torch or real_server", *rooms, measured=True)


@nox.session(python="3.11")
def tests_litellm(session: nox.Session) -> None:
    """Run the tests of the bridges to LiteLLM and to DSPy, which needs it: its pins keep it apart from all others."""
    session.install(".[dspy]", *groups("tests", "litellm"))
    run_tests(session, "tests/integrations", measured=True)


@nox.session
@nox.parametrize(["python", "extras"], [(MEASURED, "bare"), *((python, "fast") for python in PYTHONS)])
def tests(session: nox.Session, extras: str) -> None:
    """Run the tests against the built package, without and with optional libraries and what is compiled."""
    if extras == "fast":
        brought = ".[fast,numba,redis,sql,openai,plot,arrow]"
        session.install(brought, *groups("tests", "peers", "stores", "service", "statistics", "notebook"))
    else:
        session.install(".", *groups("tests"), env={"POSTOPT_PURE": "1"})
    measured = session.python == MEASURED and extras == "fast"
    once = () if measured else ("-m", "not long")
    run_tests(session, *once, measured=measured)


@nox.session(reuse_venv=True)
def coverage(session: nox.Session) -> None:
    """Combine what the test sessions measured and fail below 95 % of branches."""
    session.install("coverage")
    environments = Path(session.virtualenv.location).parent
    session.run("coverage", "combine", *map(str, environments.glob("tests*/coverage*")))
    session.run("coverage", "report", "--fail-under=95")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Print the figures of docs/benchmarks.md; choose files with `nox -s bench -- benchmarks/test_import.py`."""
    session.install(".[fast,numba,redis,sql,openai]", *groups("bench"))
    session.run("pytest", "-s", *(session.posargs or ("benchmarks",)))


@nox.session(python="3.11", default=False)
def fuzz(session: nox.Session) -> None:
    """Feed all that reads foreign bytes, half a minute each; choose with `nox -s fuzz -- entry -runs=1000000`."""
    session.install(".[fast]", "atheris>=3.0")
    kept = f"-artifact_prefix={session.create_tmp()}/"  # inputs that break a law
    targets = [session.posargs] if session.posargs else [[target, "-max_total_time=30"] for target in FUZZED]
    for arguments in targets:
        session.run("python", "tests/fuzz/fuzz_codec.py", *arguments, kept)
