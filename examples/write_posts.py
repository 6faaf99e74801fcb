"""Write three posts from a brief, with no key, no model and no network: `python examples/write_posts.py`."""

# ruff: noqa: INP001, T201  # a script, which prints

from __future__ import annotations

from postopt import Brief
from postopt.blocking import PostWriter
from postopt.generation.templates import TemplateGenerator


def main() -> None:
    """Print the posts and who wrote them."""
    brief = Brief(
        topic="Sourdough workshop for beginners",
        audience="people who have never baked bread",
        tone="friendly",
        call_to_action="Save your place",
        facts={"price": "€42", "when": "Saturday 13 June, 10:00"},
        forbidden=["foolproof"],
        max_length=400,
    )
    posts = PostWriter(TemplateGenerator(seed=7)).write(brief, n=3)
    for post in posts:
        print(f"{post.text}\n\n[{post.trace.tier} {post.trace.model}, {len(post.text)} characters]\n\n")
    for rejection in posts.rejections:
        print(f"not written: {' '.join(rejection.reasons)}")


if __name__ == "__main__":
    main()
