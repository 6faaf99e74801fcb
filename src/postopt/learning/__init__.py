"""From what readers did back to what is written next, in steps that can be replayed."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.learning.loop import LearningLoop
    from postopt.learning.report import StepReport
    from postopt.types import Feedback

__all__ = [
    "Feedback",
    "LearningLoop",
    "StepReport",
]

__getattr__ = on_first_use(
    __name__,
    {
        "Feedback": "postopt.types",
        "LearningLoop": "postopt.learning.loop",
        "StepReport": "postopt.learning.report",
    },
)
