"""What the arguments of a selector must be."""

from __future__ import annotations

from postopt._checks import check_amount, check_callable
from postopt.errors import shown


def check_drawing(seed: object, explore: float) -> None:
    """Raise ValueError unless these are a seed and a share of the calls."""
    if type(seed) is not int:
        raise ValueError(f"seed is {shown(seed)}; an int is needed")
    if check_amount("explore", explore, "shares of the calls") > 1:
        raise ValueError(f"explore is {shown(explore)}; a share from 0 to 1 is needed")


def check_callables(reward: object, clock: object, prefix: object) -> None:
    """Raise ValueError unless these can be called, or there is no reward."""
    if reward is not None:
        check_callable("reward", reward, "makes an outcome of a Feedback")
    check_callable("clock", clock, "returns seconds since the epoch")
    check_callable("new_prefix", prefix, "returns a text that no other has")
