"""Whether two texts say the same, decided by hand-written lists and by nothing that was learnt."""

from postopt.caching.gate.compare import explain

__all__ = ["explain"]
