"""What a selector remembers of its choices."""

from postopt.selection import memory as module
from postopt.selection.memory import Memory, Written


def test_the_oldest_are_dropped(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    memory = Memory()
    choices = [Written((), "a", 0.0) for _ in range(5)]
    for number, written in enumerate(choices):
        memory.add(str(number), written)
        assert memory.mark(str(number), written)
    assert [memory.find(str(number)) for number in range(5)] == [None, None, *choices[2:]]
    assert len(memory._learned) == 3
    assert not memory.mark("0", choices[0])


def test_another_note_of_the_same_choice_is_known_by_its_id():
    memory = Memory()
    assert memory.mark("1", Written((), "a", 0.0))
    assert not memory.mark("1", Written((), "a", 0.0))


def test_the_latest_may_be_learned_again():
    memory = Memory()
    choices = [Written((), "a", 0.0) for _ in range(4)]
    for number, written in enumerate(choices):
        memory.mark(str(number), written)
    memory.unmark(1)
    assert [written.learned for written in choices] == [True, True, True, False]
    memory.unmark(-2)
    memory.unmark()
    assert not any(written.learned for written in choices)
