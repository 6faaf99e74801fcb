"""Text in, text out: the seam to whatever writes posts, and the generators that come with the library."""

from postopt._lazy import on_first_use
from postopt.generation.base import BatchGenerator, Chunk, Generator, StreamingGenerator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.generation.nest import standard

__all__ = ["BatchGenerator", "Chunk", "Generator", "StreamingGenerator", "standard"]

__getattr__ = on_first_use(__name__, {"standard": "postopt.generation.nest"})
