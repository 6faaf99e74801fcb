"""The engine: which backend is fastest here, found out by measuring, and handed out."""

from postopt.engine.engine import OptimizedEngine
from postopt.engine.report import EngineReport

__all__ = ["EngineReport", "OptimizedEngine"]
