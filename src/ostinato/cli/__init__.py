"""The `ostinato` command."""

from ostinato.cli.app import main

__all__ = ["main"]
