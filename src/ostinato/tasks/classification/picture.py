"""The picture of an explanation: one HTML page with its own colours, drawing and legend, and nothing to load."""

from collections.abc import Sequence
from html import escape

FOR, AGAINST, NEUTRAL = (33, 102, 172), (179, 88, 6), (247, 247, 247)
"""Blue and orange, which people with any kind of colour vision tell apart, and the grey between."""

WIDTH, HEIGHT, LEFT, TOP, STEP = 720, 220, 44, 12, 24
"""Of the drawing, its margins, and the least from word to word; a long text makes it wider, and it scrolls."""

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; color: #222; background: #fff; max-width: 46em; margin: 2em auto;
  padding: 0 1em; }}
.text span {{ padding: .15em .3em; border-radius: .2em; line-height: 2.2; }}
.legend span {{ padding: .1em .5em; margin-right: .3em; border-radius: .2em; }}
figure {{ margin: 0; overflow-x: auto; }}
svg text {{ font-size: 12px; fill: #444; }}
</style></head><body>
<h1>{title}</h1>
<p class="text">{words}</p>
<p class="legend">{legend}</p>
<h2>Probability of “{label}” after each word</h2>
<figure>{drawing}</figure>
</body></html>
"""


def shade(contribution: float, most: float) -> tuple[str, bool]:
    """The colour of a word, and whether it is so dark that white letters are read better on it.

    Args:
        contribution: Above 0 blue, below 0 orange.
        most: The largest size of one, which has the full colour.
    """
    strength = min(abs(contribution) / most, 1.0) if most else 0.0
    full = FOR if contribution > 0 else AGAINST
    mixed = [round(grey + strength * (colour - grey)) for grey, colour in zip(NEUTRAL, full, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed), strength > 0.6


def picture(
    label: str, probability: float, words: Sequence[str], scores: Sequence[float], contributions: Sequence[float]
) -> str:
    """The page.

    Args:
        label: Told.
        probability: Of it.
        words: Of the text.
        scores: Probability of the label after each word.
        contributions: Of each word, in log-odds.
    """
    most = max(map(abs, contributions))
    told = escape(label)
    return PAGE.format(
        title=f"{told}, probability {probability:.1%}",
        label=told,
        words=" ".join(
            _coloured(word, contribution, most, f"{contribution:+.2f} log-odds, then {score:.1%}")
            for word, score, contribution in zip(words, scores, contributions, strict=True)
        ),
        legend=" ".join(
            [
                _coloured(f"speaks for “{label}”", most or 1.0, most or 1.0),
                _coloured("changes nothing", 0.0, 1.0),
                _coloured("speaks against it", -(most or 1.0), most or 1.0),
                f"The strongest word changes the log-odds by {most:.2f}; point at a word to see its own figure.",
            ]
        ),
        drawing=_drawing(words, scores),
    )


def _coloured(text: str, contribution: float, most: float, title: str = "") -> str:
    background, dark = shade(contribution, most)
    colour = "#fff" if dark else "#222"
    return f'<span style="background:{background};color:{colour}" title="{escape(title)}">{escape(text)}</span>'


def _drawing(words: Sequence[str], scores: Sequence[float]) -> str:
    """The line of the scores, with a point and the word at each step."""
    width = max(WIDTH, LEFT + 20 + STEP * len(words))
    step = (width - LEFT - 20) / max(len(words) - 1, 1)
    bottom = HEIGHT - 60
    places = [(LEFT + number * step, bottom - score * (bottom - TOP)) for number, score in enumerate(scores)]
    grid = "".join(
        f'<line x1="{LEFT}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}" stroke="{"#999" if share == 0.5 else "#ddd"}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        for share in (0.0, 0.5, 1.0)
        for y in (bottom - share * (bottom - TOP),)
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    blue = f"rgb{FOR}"
    points = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{blue}"><title>{escape(word)}: {score:.1%}</title></circle>'
        f'<text transform="translate({x:.1f},{bottom + 14}) rotate(40)">{escape(word)}</text>'
        for (x, y), word, score in zip(places, words, scores, strict=True)
    )
    return (
        f'<svg width="{width + 40}" height="{HEIGHT}" role="img" aria-label="Probability after each word">{grid}'
        f'<polyline points="{line}" fill="none" stroke="{blue}" stroke-width="2"/>{points}</svg>'
    )
