"""Yearly sunspot numbers, forecast for a cycle."""

from ostinato.demos.series import series_demo

DEMO = series_demo(
    "sunspots",
    {"horizon": 11, "season_length": 11, "window": 33, "segment": 11, "hidden_size": 32, "scaling": "none"},
)
