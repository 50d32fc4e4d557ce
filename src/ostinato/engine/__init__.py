"""Runs a cell over time."""

from ostinato.engine.scan import BackendName, Explanation, detach, explain, scan

__all__ = ["BackendName", "Explanation", "detach", "explain", "scan"]
