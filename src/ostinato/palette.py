"""Colours and dashes of all pictures: Okabe & Ito (2008), told apart with any colour vision."""

from typing import Any

BLUE, RED, GREEN, ORANGE, PINK, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"
GREY, DARK = "#999999", "#333333"

SOLID, DASHED, DOTTED, DASH_DOT, SHORT, LONG = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (3, 1)),
    (0, (8, 3)),
)

LINES: tuple[tuple[str, Any], ...] = (
    (BLUE, SOLID),
    (RED, DASHED),
    (GREEN, DOTTED),
    (ORANGE, DASH_DOT),
    (PINK, SHORT),
    (SKY, LONG),
)
"""Six kinds of line, which differ in their dashes too."""
