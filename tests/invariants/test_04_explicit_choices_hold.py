"""4. An explicit choice that cannot be honoured raises; an automatic one falls back and says so."""

from __future__ import annotations

import pytest

from postopt.engine import OptimizedEngine
from postopt.errors import BackendUnavailableError

BROKEN = {"orjson": "raise OSError('a library it needs is not there')"}

EXPLICIT = """
import json
from postopt.engine import OptimizedEngine
from postopt.errors import BackendUnavailableError

try:
    {choice}
except BackendUnavailableError as error:
    print(json.dumps({{"raised": str(error)}}))
else:
    print(json.dumps({{"raised": ""}}))
"""


@pytest.mark.parametrize(
    ("choice", "environment"),
    [
        ("OptimizedEngine(wisdom=None, overrides={'json': 'orjson'}).json.dumps(1)", {}),
        ("OptimizedEngine(wisdom=None).json.dumps(1)", {"POSTOPT_JSON": "orjson"}),
        ("OptimizedEngine(wisdom=None).use(json='orjson').__enter__()", {}),
        ("OptimizedEngine(wisdom=None).backend('json', 'orjson')", {}),
    ],
    ids=["constructor", "environment", "block", "call site"],
)
def test_an_explicit_choice_of_a_broken_library_raises(run_python, choice, environment):
    seen = run_python(EXPLICIT.format(choice=choice), fake=BROKEN, **environment)
    assert "orjson" in seen["raised"]


def test_an_automatic_choice_falls_back_and_says_so(run_python):
    script = """
    import json
    from postopt.engine import OptimizedEngine

    engine = OptimizedEngine(wisdom=None)
    print(json.dumps({"encoded": engine.json.dumps([1]).decode(), "report": str(engine.report())}))
    """
    seen = run_python(script, fake=BROKEN)
    assert seen["encoded"] == "[1]"
    assert "orjson" in seen["report"]


def test_a_name_that_does_not_exist_raises_at_once():
    with pytest.raises(BackendUnavailableError, match="no_such_library"):
        OptimizedEngine(wisdom=None, overrides={"json": "no_such_library"})
