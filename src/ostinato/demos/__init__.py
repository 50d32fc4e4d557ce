"""Demonstrations: one file each, with data, settings and a story. `ostinato demo` runs them."""
