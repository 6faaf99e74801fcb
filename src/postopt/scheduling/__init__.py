"""When work runs: how much at once, in which order, and what goes together."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.scheduling.batching import MicroBatcher
    from postopt.scheduling.ordered import map_ordered
    from postopt.scheduling.priority import PriorityQueue

__all__ = ["MicroBatcher", "PriorityQueue", "map_ordered"]

__getattr__ = on_first_use(
    __name__,
    {
        "MicroBatcher": "postopt.scheduling.batching",
        "PriorityQueue": "postopt.scheduling.priority",
        "map_ordered": "postopt.scheduling.ordered",
    },
)
