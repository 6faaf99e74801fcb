"""Choosing a model for a brief: what it is good at, what it costs, and whether it answers."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.selection.candidate import Candidate
    from postopt.selection.choice import Choice
    from postopt.selection.selector import ModelSelector

__all__ = [
    "Candidate",
    "Choice",
    "ModelSelector",
]

__getattr__ = on_first_use(
    __name__,
    {
        "Candidate": "postopt.selection.candidate",
        "Choice": "postopt.selection.choice",
        "ModelSelector": "postopt.selection.selector",
    },
)
