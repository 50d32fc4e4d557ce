"""A picture of a recording, and of where its letters were heard."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ostinato.data.clip import Clip
from ostinato.palette import DARK
from ostinato.tasks.transcription.decoder import found_in, separators
from ostinato.tasks.transcription.model import TranscriberModel
from ostinato.tasks.transcription.transcript import aligned
from ostinato.topologies import AlignedLabel

INCHES = 2.0
"""Of a second of sound..."""

WIDTH = (6.0, 24.0)
"""...but at least, and at most, so many in all."""


@torch.no_grad()
def plot_alignment(model: TranscriberModel, clip: Clip, title: str, text: str | None = None) -> Figure:
    """Draws the mel picture of a recording, and each token where it is heard.

    Args:
        model: What hears.
        clip: The recording.
        title: Of the picture.
        text: What is said in it, if that is known.
    """
    width = float(np.clip(INCHES * clip.seconds, *WIDTH))
    figure = Figure(figsize=(width, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    frames = model.modality.steps(clip)
    hop = model.step_seconds / (model.settings.subsampling or 1)
    axes.imshow(
        frames.T, origin="lower", aspect="auto", cmap="Greys", extent=(0, len(frames) * hop, 0, frames.shape[1])
    )
    labels: list[AlignedLabel] = []
    search = model.decoder.search(model.network, model.tokenizer)
    for _, told in model.read([clip]):
        best = found_in(search, told, 1, separators(model.tokenizer))[0]
        labels = aligned(model.network, told, best.ids) if best.ids else []
    _letters(axes, labels, model)
    told_text = model.tokenizer.decode([label.label for label in labels])
    said = "" if text is None else f"\nsaid: {text}"
    axes.set_title(f"{title}{said}\nheard: {told_text}".replace("$", r"\$"), loc="left", fontsize=10, color=DARK)
    axes.set_xlabel("seconds", color=DARK)
    axes.set_ylabel("mel band", color=DARK)
    axes.tick_params(labelsize=8, labelcolor=DARK)
    return figure


def _letters(axes: Axes, labels: list[AlignedLabel], model: TranscriberModel) -> None:
    """Writes each token over its first step, and marks the step; pale where the network is unsure."""
    top = axes.get_ylim()[1]
    for label in labels:
        seconds, sure = label.start * model.step_seconds, float(np.clip(label.confidence, 0.25, 1))
        token = model.tokenizer.tokens[label.label]
        axes.axvline(seconds, color="tab:red", alpha=0.5 * sure, linewidth=0.8)
        shown = "␣" if token == " " else token.replace("$", r"\$")
        axes.text(seconds, top * 0.98, shown, color="tab:red", alpha=sure, va="top", ha="left", fontsize=9)
