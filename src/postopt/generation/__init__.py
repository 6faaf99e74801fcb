"""Text in, text out: the seam to whatever writes posts, and the generators that come with the library."""

from postopt.generation.base import Generator

__all__ = ["Generator"]
