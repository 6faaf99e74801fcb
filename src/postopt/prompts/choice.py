"""The prompt for one post."""

from __future__ import annotations

from typing import NamedTuple


class PromptChoice(NamedTuple):
    """What one post is to be written with, and under what name its readers' answer is recorded.

    Attributes:
        text: for the model, with the brief in it.
        system: for the model.
        version: of the prompt.
        arm: the same, short, as the experiment calls it.
        propensity: the probability with which this post got this prompt; 1 where nothing is tested.
        id: of the assignment, for `learn`; "" where nothing is tested.
    """

    text: str
    system: str
    version: str
    arm: str
    propensity: float
    id: str
