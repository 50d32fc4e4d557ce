"""Runs a cell over time: compiled for the processor where that can be, see docs/engine.md."""

from ostinato.engine.ahead import compile
from ostinato.engine.interception import ScanInterceptor, intercept_scans
from ostinato.engine.scan import BackendName, Explanation, detach, explain, scan

__all__ = ["BackendName", "Explanation", "ScanInterceptor", "compile", "detach", "explain", "intercept_scans", "scan"]
