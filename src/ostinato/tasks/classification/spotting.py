"""How keywords are told over a stream: what is missed, and what is told where nothing was said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.table import Table

from ostinato.data.clip import Clip
from ostinato.data.labels import Label
from ostinato.tasks.classification.calibration import Array
from ostinato.tasks.classification.keyword_stream import Detection, KeywordStream
from ostinato.tasks.classification.model import ClassifierModel
from ostinato.tasks.classification.settings import SILENCE, UNKNOWN

GAP = 0.6
"""Seconds of quiet noise between recordings that a stream is made of."""

GAP_LEVEL = 1e-4
"""Its amplitude, that of a quiet room: -80 decibels below full scale."""

AUDIBLE, PIECE = 0.1, 0.02
"""A word ends with the last piece, of so many seconds, that has this share of the loudest one's amplitude."""

Wave = npt.NDArray[np.float32]


class Spoken(NamedTuple):
    """What was told while a keyword was heard.

    Attributes:
        keyword: What was said.
        surest: What was told most surely; None for nothing.
        right: Of the keyword itself, the surest; None for nothing.
        end: Second of the stream at which the word ends.
    """

    keyword: str
    surest: Detection | None
    right: Detection | None
    end: float


@dataclass(frozen=True, eq=False)
class Spotting:
    """What a stream told of keywords, and of sound without any, for every threshold.

    Attributes:
        spoken: A keyword each.
        alarms: How sure each false alarm was, in falling order.
        hours: How long the sound without keywords lasts.
        threshold: From what on a keyword is told.
        wait: Seconds from the surest step until it is told.

    Example:
        >>> import numpy as np
        >>> from ostinato.tasks.classification.spotting import Spotting
        >>> Spotting((), np.array([0.9, 0.4, 0.2]), 2.0, 0.5, 0.4).threshold_for(0.5) > 0.4
        True
    """

    spoken: tuple[Spoken, ...]
    alarms: Array
    hours: float
    threshold: float
    wait: float

    @property
    def accuracy(self) -> float:
        """The share of keywords that were told most surely, whatever the threshold."""
        return _share(word.surest is not None and word.surest.keyword == word.keyword for word in self.spoken)

    def missed(self, threshold: float) -> float:
        """The share of keywords that are not told."""
        return _share(word.right is None or word.right.confidence < threshold for word in self.spoken)

    def alarms_per_hour(self, threshold: float) -> float:
        """False alarms in an hour of sound without keywords; NaN where there is none."""
        return int((self.alarms >= threshold).sum()) / self.hours if self.hours else np.nan

    def threshold_for(self, alarms_per_hour: float) -> float:
        """The lowest threshold with so few false alarms."""
        allowed = int(alarms_per_hour * self.hours)
        highest = self.alarms[allowed] if len(self.alarms) > allowed else 0.0
        return float(np.nextafter(highest, 1.0))

    def threshold_missing(self, share: float) -> float:
        """The highest threshold that misses at most this share of the keywords."""
        sure = sorted((word.right.confidence if word.right else 0.0 for word in self.spoken), reverse=True)
        return sure[min(int(np.ceil((1 - share) * len(sure) - 1e-9)), len(sure)) - 1]

    @property
    def delay(self) -> float:
        """The median time from the end of a keyword until it is told; NaN where none is told."""
        late = [
            word.right.seconds + self.wait - word.end
            for word in self.spoken
            if word.right is not None and word.right.confidence >= self.threshold
        ]
        return float(np.median(late)) if late else np.nan

    def curve(self) -> tuple[Array, Array]:
        """False alarms an hour, and the share missed, at every threshold, from the highest on."""
        at = np.unique([1.0, *self.alarms, *(word.right.confidence for word in self.spoken if word.right)])[::-1]
        rates = [(self.alarms_per_hour(each), self.missed(each)) for each in at]
        return np.array([rate for rate, _ in rates]), np.array([missed for _, missed in rates])

    def to_dict(self) -> dict[str, Any]:
        """Figures at the threshold."""
        return {
            "keywords": len(self.spoken),
            "accuracy_in_stream": self.accuracy,
            "threshold": self.threshold,
            "missed": self.missed(self.threshold),
            "false_alarms_per_hour": self.alarms_per_hour(self.threshold),
            "background_hours": self.hours,
            "delay_seconds": self.delay,
        }

    def rich(self) -> Table:
        """The figures, as a table."""
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_row("keywords, one after another", f"{len(self.spoken):,}")
        table.add_row("told most surely", f"{self.accuracy:.1%}")
        table.add_row(f"missed at threshold {self.threshold:.4g}", f"{self.missed(self.threshold):.1%}")
        table.add_row(f"false alarms an hour, in {self.hours:.2g} hours", f"{self.alarms_per_hour(self.threshold):.2g}")
        table.add_row("told after the end of the word", f"{self.delay:.2f} s")
        return table

    def plot(self, file: Path) -> None:
        """Draws the detection error trade-off: what is missed, over false alarms an hour."""
        from ostinato.tasks.classification.spotting_picture import draw_trade_off

        draw_trade_off(self, file)


def spotted(
    model: ClassifierModel,
    clips: Sequence[Clip],
    labels: Sequence[Label],
    background: Sequence[Clip],
    threshold: float | None = None,
) -> Spotting:
    """What a model tells over a stream of recordings, one after another with `GAP` seconds between.

    Args:
        model: Of a classifier that hears streams.
        clips: Recordings, one keyword in each; of `UNKNOWN` and `SILENCE` they count as sound without.
        labels: What each holds.
        background: Sound without keywords.
        threshold: From what on a keyword is told; None: the model's.
    """
    stream = KeywordStream(model, threshold)
    chosen, stream.threshold = stream.threshold, 0.0
    spoken: list[Spoken] = []
    alarms: list[float] = []
    seconds = 0.0
    for label, peaks, end in _told(
        stream, [*zip(labels, clips, strict=True), *((UNKNOWN, each) for each in background)]
    ):
        if label in (UNKNOWN, SILENCE):
            alarms += [peak.confidence for peak in peaks]
            continue
        right = [peak for peak in peaks if peak.keyword == label]
        surest, own = (max(each, key=lambda peak: peak.confidence, default=None) for each in (peaks, right))
        spoken.append(Spoken(str(label), surest, own, end))
    empty = [clip for label, clip in zip(labels, clips, strict=True) if label in (UNKNOWN, SILENCE)]
    seconds = sum(clip.seconds for clip in (*empty, *background))
    return Spotting(tuple(spoken), np.sort(alarms)[::-1], seconds / 3600, chosen, stream.wait)


def with_threshold(model: ClassifierModel, spotting: Spotting) -> ClassifierModel:
    """The model with the threshold that its settings ask for."""
    chosen = spotting.threshold_for(model.settings.false_alarms_per_hour)
    return replace(model, settings=model.settings.model_copy(update={"threshold": chosen}))


def _told(stream: KeywordStream, clips: Sequence[tuple[Label, Clip]]) -> Iterator[tuple[Label, list[Detection], float]]:
    """Of each recording its label, what was told from its begin to the next one's, and when its word ended."""
    rng = np.random.default_rng(0)
    pending: list[Detection] = []
    bounds: list[tuple[Label, float, float]] = []
    begin = 0.0
    for label, clip in clips:
        wave = clip.wave()
        gap = rng.standard_normal(round(GAP * stream.rate), np.float32) * np.float32(GAP_LEVEL)
        pending += stream.feed(np.concatenate([wave, gap]))
        end = begin + (len(wave) + len(gap)) / stream.rate
        bounds.append((label, end, begin + _last_audible(wave, stream.rate)))
        begin = end
        while bounds and begin - bounds[0][1] > stream.wait + 1:  # all that can be told of it has been
            yield _next(bounds, pending)
    pending += stream.flush()
    while bounds:
        yield _next(bounds, pending)


def _next(bounds: list[tuple[Label, float, float]], pending: list[Detection]) -> tuple[Label, list[Detection], float]:
    label, end, word_end = bounds.pop(0)
    own = [peak for peak in pending if peak.seconds <= end]
    del pending[: len(own)]
    return label, own, word_end


def _last_audible(wave: Wave, rate: int) -> float:
    """The second at which a recording's word ends."""
    size = round(PIECE * rate)
    levels = [float(np.abs(wave[start : start + size]).max()) for start in range(0, len(wave), size)]
    loud = [number for number, level in enumerate(levels, 1) if level >= AUDIBLE * max(levels)]
    return min(max(loud) * size, len(wave)) / rate


def _share(told: Iterator[bool]) -> float:
    kept = list(told)
    return sum(kept) / len(kept) if kept else np.nan
