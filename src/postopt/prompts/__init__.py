"""Prompts that are versioned, improved by what was learned, and promoted only by an experiment."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.prompts.diff import PromptDiff
    from postopt.prompts.optimizer import PromptOptimizer
    from postopt.prompts.patterns import PatternMiner
    from postopt.prompts.template import PromptTemplate

__all__ = [
    "PatternMiner",
    "PromptDiff",
    "PromptOptimizer",
    "PromptTemplate",
]

__getattr__ = on_first_use(
    __name__,
    {
        "PatternMiner": "postopt.prompts.patterns",
        "PromptOptimizer": "postopt.prompts.optimizer",
        "PromptTemplate": "postopt.prompts.template",
        "PromptDiff": "postopt.prompts.diff",
    },
)
