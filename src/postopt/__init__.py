"""postopt: write, judge and learn from marketing posts, with backends chosen by measurement.

The names below are the face of the library; what is not listed may change. Each is loaded when it is first used
(PEP 562), so that `import postopt` costs next to nothing in the processes that only might need it:
docs/design/0006-import.md has the measurements.
"""

TYPE_CHECKING = False  # typing's own constant, without importing typing
if TYPE_CHECKING:
    from postopt.engine import EngineReport, OptimizedEngine
    from postopt.errors import (
        BackendUnavailableError,
        BriefError,
        GenerationError,
        MissingDependencyError,
        PostoptError,
        PostRejectedError,
    )
    from postopt.events import EventBus
    from postopt.generation import Generator
    from postopt.generation.templates import TemplateGenerator
    from postopt.resilience import Budget, CircuitBreaker, Price
    from postopt.types import Brief, Completion, Post, Posts, Prompt, Rejection, Trace, Usage
    from postopt.writer import PostWriter

__all__ = [
    "BackendUnavailableError",
    "Brief",
    "BriefError",
    "Budget",
    "CircuitBreaker",
    "Completion",
    "EngineReport",
    "EventBus",
    "GenerationError",
    "Generator",
    "MissingDependencyError",
    "OptimizedEngine",
    "Post",
    "PostRejectedError",
    "PostWriter",
    "PostoptError",
    "Posts",
    "Price",
    "Prompt",
    "Rejection",
    "TemplateGenerator",
    "Trace",
    "Usage",
]

_HOMES = {
    "EngineReport": "postopt.engine",
    "OptimizedEngine": "postopt.engine",
    "EventBus": "postopt.events",
    "Generator": "postopt.generation",
    "TemplateGenerator": "postopt.generation.templates",
    "PostWriter": "postopt.writer",
    **dict.fromkeys(["Budget", "CircuitBreaker", "Price"], "postopt.resilience"),
    **dict.fromkeys(["Brief", "Completion", "Post", "Posts", "Prompt", "Rejection", "Trace", "Usage"], "postopt.types"),
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'postopt' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # even this would be half the cost of `import postopt`

    value = getattr(import_module(_HOMES.get(name, "postopt.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
