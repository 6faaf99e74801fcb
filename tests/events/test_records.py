"""Events are plain immutable data and have no place for a text."""

import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

import postopt.events
from postopt.events import BackendChosen, Event, PostRejected, PostWritten

EVENTS = [
    PostWritten(at=1.5, post_id="p1", generator="templates", tier="template", model="en"),
    PostRejected(at=1.5, generator="templates", variant=2, reason_codes=("fact_missing", "too_long")),
    BackendChosen(at=1.5, role="json", goal="dumps", backend="orjson", version="3.10", source="measured"),
]


def test_every_event_is_tried_here():
    exported = {getattr(postopt.events, name) for name in postopt.events.__all__}
    assert {kind for kind in exported if issubclass(kind, Event)} == {Event, *map(type, EVENTS)}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
class TestRecord:
    def test_is_frozen_slotted_and_hashable(self, event):
        with pytest.raises(FrozenInstanceError):
            event.at = 2.0
        assert not hasattr(event, "__dict__")
        assert len({event, pickle.loads(pickle.dumps(event))}) == 1

    def test_has_a_stamp_and_only_named_arguments(self, event):
        assert isinstance(event, Event)
        assert event.at == 1.5
        with pytest.raises(TypeError):
            type(event)(1.5)

    def test_has_no_field_for_a_text(self, event):
        forbidden = {"text", "prompt", "post", "brief", "topic", "facts", "message", "reason", "reasons", "content"}
        assert not forbidden & {field.name for field in fields(event)}


@pytest.mark.parametrize("sentence", ["the fact '$3' is missing", "Fact", "", "x" * 65, "a-b", "too_long\n"])
def test_a_reason_code_cannot_be_a_sentence(sentence):
    with pytest.raises(ValueError, match="identifiers") as caught:
        PostRejected(at=0.0, generator="t", variant=0, reason_codes=("too_long", sentence))
    assert sentence == "" or repr(sentence) not in str(caught.value)
