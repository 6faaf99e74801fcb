"""3. A backend is eligible only after golden vectors; one that is broken is reported and never reaches the host."""

from __future__ import annotations

import pytest

WRONG = """
__version__ = "99.0"
OPT_PASSTHROUGH_SUBCLASS = OPT_NON_STR_KEYS = OPT_SORT_KEYS = 0
class JSONDecodeError(ValueError): pass
class JSONEncodeError(TypeError): pass
def dumps(*_, **__): return b"null"
def loads(*_, **__): return None
"""
CRASHING = "import os; os.abort()"
LEAVING = "raise SystemExit(3)"

SCRIPT = """
import json, sys
from postopt.engine import OptimizedEngine

engine = OptimizedEngine(wisdom=None)
encoded = engine.json.dumps({"a": [1]}).decode()
rejected = [entry for entry in engine.report().to_dict()["rejected"] if entry["library"] == "orjson"]
seen = {"encoded": encoded, "imported": "orjson" in sys.modules, "rejected": rejected, "name": engine.json.name}
print(json.dumps(seen))
"""


@pytest.mark.parametrize(
    ("source", "state"), [(WRONG, "wrong"), (CRASHING, "broken"), (LEAVING, "broken")], ids=["wrong", "crash", "exit"]
)
def test_a_broken_library_is_reported_and_stays_out(run_python, source, state):
    seen = run_python(SCRIPT, fake={"orjson": source})
    assert seen["encoded"] == '{"a":[1]}'
    assert seen["name"] != "orjson"
    assert not seen["imported"]
    assert {entry["state"] for entry in seen["rejected"]} == {state}
    assert all(entry["reason"] for entry in seen["rejected"])
