"""postopt: write, judge and learn from marketing posts, with backends chosen by measurement."""

from postopt.errors import PostoptError
from postopt.types import Brief, Completion, Post, Posts, Prompt, Rejection, Trace, Usage

__all__ = ["Brief", "Completion", "Post", "PostoptError", "Posts", "Prompt", "Rejection", "Trace", "Usage"]
