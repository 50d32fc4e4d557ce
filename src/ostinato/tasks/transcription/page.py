"""Recordings as a page to look at and listen to: what is said, what was heard, where."""

import base64
from collections.abc import Iterator
from html import escape
from io import BytesIO

import pandas as pd

from ostinato.data.clip import Clip
from ostinato.tasks.transcription.error_rates import edits
from ostinato.tasks.transcription.model import TranscriberModel
from ostinato.tasks.transcription.plot import plot_alignment

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }}
section {{ border-top: 1px solid #ccc; padding: 1rem 0; }}
h2 {{ font-size: 1rem; margin: 0; overflow-wrap: anywhere; }}
del {{ color: #b00020; }} ins {{ color: #0a6b2d; text-decoration: none; border-bottom: 2px solid; }}
img {{ max-width: 100%; }} audio {{ display: block; margin: .5rem 0; }}
</style></head><body>
<h1>{title}</h1>
<p>Said and not heard is <del>struck out</del>, heard and not said <ins>underlined</ins>.</p>
{body}
</body></html>
"""


def page(model: TranscriberModel, rows: pd.DataFrame, clips: dict[str, Clip]) -> str:
    """A page of some recordings, each with its sound.

    Args:
        model: What heard them.
        rows: "audio", "text", "told" and "loss" of each.
        clips: The recordings by name.
    """
    title = f"{len(rows)} recordings with the most wrong characters"
    return PAGE.format(title=title, body="\n".join(_sections(model, rows, clips)))


def _sections(model: TranscriberModel, rows: pd.DataFrame, clips: dict[str, Clip]) -> Iterator[str]:
    for name, text, told, loss in rows[["audio", "text", "told", "loss"]].itertuples(index=False):
        clip = clips[name]
        yield (
            f"<section><h2>{escape(name)}: {loss:.0%} of the characters wrong</h2>\n"
            f"<p>{_compared(text, told)}</p>\n"
            f'<audio controls src="data:audio/wav;base64,{_sound(clip)}"></audio>\n'
            f'<img alt="mel picture with the letters where they are heard" '
            f'src="data:image/png;base64,{_picture(model, clip)}"></section>'
        )


def _compared(text: str, told: str) -> str:
    """Both texts as one, word by word."""
    parts = []
    for said, heard in edits(text.split(), told.split()).pairs:
        if said == heard:
            parts.append(escape(str(said)))
            continue
        parts += [] if said is None else [f"<del>{escape(str(said))}</del>"]
        parts += [] if heard is None else [f"<ins>{escape(str(heard))}</ins>"]
    return " ".join(parts)


def _sound(clip: Clip) -> str:
    import soundfile

    file = BytesIO()
    soundfile.write(file, clip.wave(), clip.rate, format="WAV", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode()


def _picture(model: TranscriberModel, clip: Clip) -> str:
    file = BytesIO()
    plot_alignment(model, clip, "").savefig(file, format="png", dpi=90)
    return base64.b64encode(file.getvalue()).decode()
