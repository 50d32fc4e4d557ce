"""Runs a cell over time: compiled for the processor where that can be, see docs/engine.md."""

from ostinato.engine.scan import BackendName, Explanation, detach, explain, scan

__all__ = ["BackendName", "Explanation", "detach", "explain", "scan"]
