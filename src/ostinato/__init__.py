"""Ostinato: recurrent neural networks on PyTorch."""

from ostinato.errors import OstinatoError

__version__ = "0.1.0"

__all__ = ["OstinatoError", "__version__"]
