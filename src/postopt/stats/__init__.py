"""Streaming numbers: what can be said about values that arrive one by one and are not kept.

Every class counts its observations in `n`, takes them with `update`, joins two of its kind with `merge` (as if one
had seen what both saw), refuses values that are not finite with ValueError and has no answer before the first
observation (ValueError). Time is an argument. Nothing here is thread-safe.
"""

from postopt.stats.beta import incomplete_beta, inverse_incomplete_beta
from postopt.stats.ewma import EWMA
from postopt.stats.interval import Interval
from postopt.stats.rate import BetaPosterior, wilson_interval
from postopt.stats.sketch import QuantileSketch
from postopt.stats.welford import Welford

__all__ = [
    "EWMA",
    "BetaPosterior",
    "Interval",
    "QuantileSketch",
    "Welford",
    "incomplete_beta",
    "inverse_incomplete_beta",
    "wilson_interval",
]
