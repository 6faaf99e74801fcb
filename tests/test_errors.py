"""The error tree is the one its docstring draws, and errors survive what errors go through."""

import pickle
import re
import traceback

import pytest

from postopt import errors
from postopt.errors import (
    BackendUnavailableError,
    BriefError,
    CorruptDataError,
    EventBusClosedError,
    GenerationError,
    MissingDependencyError,
    PostoptError,
    PostRejectedError,
)

EVERY = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PostoptError)]


def drawn():
    """Read the docstring's tree: name -> (parent, further base or None)."""
    tree, path = {}, []
    for line in errors.__doc__.splitlines():
        if match := re.match(r"    ((?:[| ]   )*)(\+-- )?(\w+Error)(?: \((\w+)\))?", line):
            bars, branch, name, other = match.groups()
            depth = len(bars) // 4 + bool(branch)
            path[depth:] = [name]
            tree[name] = (path[depth - 1] if depth else None, other)
    return tree


def test_the_docstring_draws_the_tree():
    actual = {}
    for kind in EVERY:
        others = [base.__name__ for base in kind.__bases__ if not issubclass(base, PostoptError)]
        ours = [base.__name__ for base in kind.__bases__ if issubclass(base, PostoptError)]
        actual[kind.__name__] = (ours[0], *others) if ours else (None, None)
        if ours and not others:
            actual[kind.__name__] = (ours[0], None)
    assert actual == drawn()


def test_every_name_ends_in_error_and_has_a_docstring():
    assert len(EVERY) > 8
    for kind in EVERY:
        assert kind.__name__.endswith("Error")
        assert kind.__doc__
        assert kind.__module__ == "postopt.errors"


def built():
    yield MissingDependencyError("orjson cannot be imported", hint="pip install it")
    yield BriefError("tone", "loud", "professional, urgent")
    yield PostRejectedError(("the fact 'price' is missing", "300 characters, 280 allowed"))
    yield from (kind("what happened") for kind in EVERY if kind not in (BriefError, PostRejectedError))


@pytest.mark.parametrize("error", list(built()), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_an_error_whole(error, protocol):
    error.add_note("seen in line 7")
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert (copy.retryable, copy.hint) == (error.retryable, error.hint)
    assert copy.__notes__ == error.__notes__
    assert vars(copy) == vars(error)


def test_a_hint_is_shown_by_the_traceback():
    error = BackendUnavailableError("orjson is not installed", hint='install it with: pip install "postopt[fast]"')
    assert error.__notes__ == ['install it with: pip install "postopt[fast]"']
    assert 'pip install "postopt[fast]"' in "".join(traceback.format_exception(error))
    assert str(error) == "orjson is not installed"


def test_without_a_hint_there_is_no_note():
    assert not hasattr(GenerationError("no text"), "__notes__")


def test_a_class_may_have_a_hint_and_be_retryable():
    class OverloadedError(GenerationError):
        retryable = True
        hint = "wait a little"

    assert OverloadedError("429").__notes__ == ["wait a little"]
    assert OverloadedError("429").retryable
    assert OverloadedError("429", hint="wait 3 s").__notes__ == ["wait 3 s"]
    assert not GenerationError("no text").retryable


@pytest.mark.parametrize(
    ("kind", "standard"),
    [(BriefError, ValueError), (MissingDependencyError, ImportError), (CorruptDataError, ValueError)],
)
def test_standard_handlers_catch_ours(kind, standard):
    assert issubclass(kind, standard)


def test_a_closed_bus_is_no_generation_error():
    assert not issubclass(EventBusClosedError, GenerationError)


class TestBriefError:
    def test_names_field_value_and_what_is_allowed(self):
        error = BriefError("tone", "loud", "professional, urgent")
        assert str(error) == "brief.tone is 'loud'; allowed: professional, urgent"
        assert (error.field, error.value, error.allowed) == ("tone", "loud", "professional, urgent")

    def test_shortens_a_long_value(self):
        error = BriefError("topic", "x" * 10_001, "at most 10000 characters")
        assert len(str(error)) < 140
        assert error.value == "x" * 10_001

    def test_survives_a_value_that_has_no_repr(self):
        assert "priority" in str(BriefError("priority", 10**5000, "a whole number from 0 to 7"))


def test_rejection_reasons_are_kept_apart():
    error = PostRejectedError(("too long", "the fact 'price' is missing"))
    assert error.reasons == ("too long", "the fact 'price' is missing")
    assert str(error) == "too long; the fact 'price' is missing"
