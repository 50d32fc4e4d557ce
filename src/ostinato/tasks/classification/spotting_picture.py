"""Pictures of keywords in a stream: the error trade-off, and what the network says at every step of a sound."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ostinato.modalities import Audio
from ostinato.tasks.classification.keyword_stream import Detection, KeywordStream
from ostinato.tasks.classification.model import ClassifierModel
from ostinato.tasks.classification.settings import SILENCE, UNKNOWN
from ostinato.tasks.plot import save_plot

if TYPE_CHECKING:
    from ostinato.tasks.classification.spotting import Spotting


def draw_trade_off(spotting: "Spotting", file: Path) -> None:
    """Draws what is missed over false alarms an hour, and where the threshold lies.

    Raises:
        OstinatoError: As `save_plot`.
    """
    rates, missed = spotting.curve()
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.step(rates, 100 * missed, where="post")
    chosen = spotting.alarms_per_hour(spotting.threshold), 100 * spotting.missed(spotting.threshold)
    axes.plot(*chosen, "o", label=f"threshold {spotting.threshold:.4g}")
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set(
        xlabel=f"false alarms an hour, in {spotting.hours:.2g} hours without keywords", ylabel="keywords missed, %"
    )
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    save_plot(figure, file)


def draw_posteriors(
    model: ClassifierModel, samples: npt.NDArray[np.float32], told: Sequence[Detection], file: Path
) -> None:
    """Draws a sound's bands, and below them the probability of each keyword at every step, with what was told.

    Args:
        model: Of a classifier that hears streams.
        samples: The sound, at the model's rate.
        told: In it.
        file: PNG.

    Raises:
        OstinatoError: As `save_plot`.
    """
    stream = KeywordStream(model)
    assert isinstance(model.modality, Audio)
    frames = model.modality.stream()
    bands = np.concatenate([frames.feed(samples), frames.flush()])
    shares = stream.posteriors(samples)
    figure = Figure(figsize=(10, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    above.imshow(
        bands.T, origin="lower", aspect="auto", extent=(0, len(samples) / stream.rate, 0, bands.shape[1]), cmap="magma"
    )
    above.set_ylabel("band")
    seconds = (1 + np.arange(len(shares))) * stream.step_seconds
    for number, label in enumerate(model.labels):
        if label not in (UNKNOWN, SILENCE):
            below.plot(seconds, shares[:, number], color=f"C{number % 10}", linewidth=1)
    for each in told:
        colour = f"C{model.labels.index(each.keyword) % 10}"
        below.annotate(
            each.keyword, (each.seconds, 1.02), color=colour, ha="center", va="bottom", annotation_clip=False
        )
    below.axhline(stream.threshold, color="0.5", linestyle=":", linewidth=1)
    below.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.15))
    save_plot(figure, file)
