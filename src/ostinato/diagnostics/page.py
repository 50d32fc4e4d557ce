"""The doctor's report as one HTML page, with its pictures, and nothing to load."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from io import StringIO
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from ostinato.diagnostics.examination import Examination
from ostinato.diagnostics.plot import plot_activity, plot_flow, plot_memory, plot_steps
from ostinato.palette import GREEN, RED
from ostinato.storage import write_durably

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 54em; margin: 2em auto;
  padding: 0 1em; }}
.verdict {{ border-left: .4em solid {colour}; padding: .5em 1em; background: #f7f7f7; }}
.verdict strong {{ font-size: 1.3em; }}
figure {{ margin: 1em 0; overflow-x: auto; }}
figure svg {{ max-width: 100%; height: auto; }}
figcaption, .note {{ color: #555; font-size: .9em; }}
table {{ border-collapse: collapse; font-size: .9em; }}
th, td {{ text-align: right; padding: .25em .8em; border-bottom: 1px solid #ddd; }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
</style></head><body>
{body}
</body></html>
"""


def write_page(examination: Examination, path: str | Path, title: str = "Ostinato doctor") -> None:
    """Writes the report.

    Args:
        examination: What was found.
        path: Of the HTML file.
        title: Of the page.

    Raises:
        OstinatoError: The file cannot be written.
    """
    write_durably(Path(path), page(examination, title).encode())


def page(examination: Examination, title: str = "Ostinato doctor") -> str:
    """The report, as HTML."""
    colour = RED if examination.findings else GREEN
    body = f"<h1>{escape(title)}</h1>\n{sections(examination)}"
    return PAGE.format(title=escape(title), colour=colour, body=body)


def sections(examination: Examination) -> str:
    """The report without a page around it, as HTML."""
    return "\n".join(_sections(examination))


def _sections(seen: Examination) -> Iterator[str]:
    yield f'<div class="verdict"><strong>{escape(seen.verdict)}</strong><p>{_sentence(seen.reason)}</p></div>'
    for finding in seen.findings[1:]:
        yield f"<p>Also <b>{escape(finding.issue)}</b>: {_sentence(finding.reason)}</p>"
    if seen.findings:
        remedies = "".join(f"<li>{escape(remedy)}</li>" for remedy in seen.findings[0].remedies)
        yield f"<h2>What helps, the strongest first</h2><ol>{remedies}</ol>"
    yield "<h2>Gradients through time</h2>"
    needed = None if seen.lags is None else seen.lags.needed
    yield _figure(
        plot_flow(seen.quick_check.flows, needed),
        "Median over the rows of the batch; the band holds the middle 80 % of them. A straight line falls or rises by "
        "the same factor at every step.",
    )
    if len(seen.flows) > len(seen.quick_check.flows):
        yield _figure(plot_flow(seen.flows, needed), "The same for each tensor of a layer's state by itself.")
    yield _table(
        ("layer", "factor a step", "reaches back", "last / first lag", "largest state"),
        [
            (
                str(flow.layer),
                _number(math.exp(flow.rate)),
                f"{flow.reach} steps",
                _number(flow.growth),
                _number(seen.quick_check.largest[flow.layer]),
            )
            for flow in seen.quick_check.flows
        ],
    )
    if seen.memory_spans:
        yield "<h2>Memory</h2>"
        for span in seen.memory_spans:
            words = f"{span.stack or 'the layers'}: what the last output still depends on"
            reads_data = span.stack == seen.quick_check.flows[0].layer.stack  # whose input the lags are those of
            yield _figure(plot_memory(span, seen.lags if reads_data else None), words)
    yield "<h2>Gates and units</h2>"
    yield _figure(plot_activity(seen.gates, seen.units), "Open gates let pass, shut ones hold back.")
    if seen.steps:
        yield "<h2>Dynamics</h2>"
        yield _figure(
            plot_steps(seen.steps, seen.exponents),
            "Above 1 a step stretches what lies in that direction, below 1 it shrinks it. A Lyapunov exponent above 0 "
            "means chaos: two states that differ a little drift apart.",
        )
        yield _table(
            ("recurrent weights", "spectral radius", "largest singular value", "smallest"),
            [
                (
                    f"{layer}: {one.name}",
                    "not square" if one.radius is None else _number(one.radius),
                    _number(float(one.singular[0])),
                    _number(float(one.singular[-1])),
                )
                for layer, spectra in seen.weights.items()
                for one in spectra
            ],
        )
    quick = seen.quick_check
    yield f'<p class="note">Loss of the batch {_number(quick.loss)}; sequences of {quick.steps} steps.</p>'


def _figure(figure: Figure, caption: str) -> str:
    text = StringIO()
    with mpl.rc_context({"svg.hashsalt": "ostinato"}):  # the same page from the same figures
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return f"<figure>{svg[svg.index('<svg') :]}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _sentence(words: str) -> str:
    return escape(words.rstrip(".") + ".")


def _number(figure: float) -> str:
    return "none" if math.isnan(figure) else f"{figure:.3g}"
