"""A missing or broken optional library says what to type and keeps its cause."""

import tomllib
from pathlib import Path

import pytest

from postopt._optional import _INSTALL, install_name, needs
from postopt.errors import MissingDependencyError


def test_an_absent_library_says_what_to_install():
    with pytest.raises(MissingDependencyError) as caught, needs("orjson"):
        raise ModuleNotFoundError("No module named 'orjson'", name="orjson")
    assert str(caught.value) == "orjson cannot be imported: No module named 'orjson'"
    assert caught.value.hint == 'install it with: pip install "postopt[fast]"'
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_really_absent_library():
    with (
        pytest.raises(MissingDependencyError, match="postopt_has_no_such_library"),
        needs("postopt_has_no_such_library"),
    ):
        import postopt_has_no_such_library  # noqa: F401


def test_a_broken_import_keeps_its_cause(tmp_path, monkeypatch):
    (tmp_path / "postopt_broken.py").write_text("from math import no_such_function\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError) as caught, needs("postopt_broken"):
        import postopt_broken  # noqa: F401
    cause = caught.value.__cause__
    assert type(cause) is ImportError
    assert "no_such_function" in str(cause)
    assert "no_such_function" in str(caught.value)


def test_a_library_that_is_there_passes():
    with needs("math"):
        import math
    assert math.pi > 3


@pytest.mark.parametrize("error", [OSError("libcudart.so.12"), ValueError("built for another numpy")])
def test_other_errors_are_not_disguised(error):
    with pytest.raises(type(error)) as caught, needs("torch"):
        raise error
    assert caught.value is error


def test_an_unknown_library_is_named_itself():
    assert install_name("brotli") == "brotli"


def test_every_named_extra_exists_and_brings_the_library():
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for library, install in _INSTALL.items():
        if install.startswith("postopt["):
            extra = extras[install.removeprefix("postopt[").removesuffix("]")]
            assert any(requirement.startswith(library) for requirement in extra), library
        else:
            assert install == library
