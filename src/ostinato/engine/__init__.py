"""Runs a cell over time: compiled for the processor where that can be, see docs/engine.md."""

from ostinato.engine.ahead import compile
from ostinato.engine.scan import BackendName, Explanation, detach, explain, scan
from ostinato.engine.watch import Watch, watching

__all__ = ["BackendName", "Explanation", "Watch", "compile", "detach", "explain", "scan", "watching"]
