"""Keywords told in sound that comes in chunks, as soon as each is surely the highest around it."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ostinato.errors import OstinatoError
from ostinato.modalities import Audio, AudioFrontEnd
from ostinato.tasks.body_stream import BodyStream
from ostinato.tasks.classification.calibration import Array, probabilities
from ostinato.tasks.classification.model import ClassifierModel
from ostinato.tasks.classification.network import HighestSteps
from ostinato.tasks.classification.settings import SILENCE, UNKNOWN
from ostinato.training import num_threads

SMOOTHED = 0.1
"""Seconds over whose steps probabilities are averaged (Chen et al. 2014, section 2.3)."""

REFRACTORY = 0.3
"""Seconds within which one keyword is told, the surest."""

SURE = 0.5
"""From what confidence on a keyword is told, where no threshold was chosen."""


class Detection(NamedTuple):
    """A keyword in a stream.

    Attributes:
        keyword: Its label.
        seconds: When it was surest, since the stream began.
        confidence: From 0 to 1.

    Example:
        >>> from ostinato.tasks.classification.keyword_stream import Detection
        >>> Detection("stop", 3.26, 0.981).keyword
        'stop'
    """

    keyword: str
    seconds: float
    confidence: float


NOTHING = Detection("", 0.0, -np.inf)
"""Before the first step, and after the last."""


class Peaks:
    """Steps that are surer than all within some steps before and after, the first of equals.

    Whether a step is a peak does not depend on a threshold: what all thresholds tell is known from one pass.

    Args:
        around: Steps to each side.

    Example:
        >>> from ostinato.tasks.classification.keyword_stream import Detection, Peaks
        >>> peaks, sure = Peaks(1), [0.0, 0.9, 0.1, 0.8, 0.8, 0.0]
        >>> steps = [Detection("stop", second, height) for second, height in enumerate(sure)]
        >>> [peak.seconds for step in steps for peak in peaks.push(step)]
        [1, 3]
    """

    def __init__(self, around: int) -> None:
        self.around = around
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        width = 2 * self.around + 1
        self._steps = deque([NOTHING] * width, maxlen=width)

    def push(self, step: Detection) -> Iterator[Detection]:
        """The step that another one makes a peak, if any."""
        self._steps.append(step)
        own, heights = self._steps[self.around], [each.confidence for each in self._steps]
        if own.confidence > max(heights[: self.around]) and own.confidence >= max(heights[self.around + 1 :]):
            yield own

    def flush(self) -> Iterator[Detection]:
        """The peaks among the last steps."""
        for _ in range(self.around):
            yield from self.push(NOTHING)
        self.reset()


class KeywordStream:
    """Keywords in sound that comes in chunks of any size: what is told is the same, bit for bit, however it is cut.

    The network runs on; its probabilities are averaged over `SMOOTHED` seconds, and a keyword is told where one is at
    least the threshold and no other is higher within `refractory` seconds: so much later. Memory does not grow.

    Args:
        model: Of a classifier that was trained with ``streaming=True``.
        threshold: How sure a keyword must be; None: what training chose.
        refractory: Seconds around a keyword within which no other is told.

    Attributes:
        rate: Samples a second.
        step_seconds: From one step to the next.
        threshold: See above.
        wait: Seconds from the surest step of a keyword until it is told.

    Raises:
        OstinatoError: The model cannot be streamed; a threshold or time out of range.
    """

    def __init__(self, model: ClassifierModel, threshold: float | None = None, refractory: float = REFRACTORY) -> None:
        threshold = model.settings.threshold if threshold is None else threshold
        self.threshold = SURE if threshold is None else threshold
        if not 0 <= self.threshold <= 1:
            raise OstinatoError(f"threshold must be from 0 to 1, got {self.threshold}")
        modality = model.modality
        if not isinstance(modality, Audio) or not model.settings.streaming:
            raise OstinatoError("this classifier does not hear streams: train it on recordings with streaming=True")
        self.rate, self._model = modality.rate, model
        self._bodies = list(_bodies(model, modality))
        self.step_seconds = self._bodies[0].step_seconds
        if not refractory >= self.step_seconds:
            raise OstinatoError(f"refractory must be a step, {self.step_seconds:g} seconds, or more, got {refractory}")
        self._peaks = Peaks(round(refractory / self.step_seconds))
        self.wait = self._peaks.around * self.step_seconds
        self._told = [number for number, label in enumerate(model.labels) if label not in (UNKNOWN, SILENCE)]
        self.reset()

    def reset(self) -> None:
        """Begins a new stream, at second 0."""
        for body in self._bodies:
            body.reset()
        self._peaks.reset()
        wide = max(round(SMOOTHED / self.step_seconds), 1)
        self._latest = deque([np.zeros(len(self._model.labels))] * wide, maxlen=wide)
        self._steps = 0

    def feed(self, samples: npt.NDArray[np.float32]) -> list[Detection]:
        """The keywords that some more samples make sure of.

        Args:
            samples: Between -1 and 1, float32 ``(samples,)``, one and none included, `rate` of them a second.
        """
        with num_threads(1):  # a block of steps is so small that more only wait for each other
            return list(self._read([body.feed(samples) for body in self._bodies]))

    def flush(self) -> list[Detection]:
        """The keywords that the end of the sound makes sure of; a new stream begins."""
        with num_threads(1):
            told = list(self._read([body.flush() for body in self._bodies]))
        told += [peak for peak in self._peaks.flush() if peak.confidence >= self.threshold]
        self.reset()
        return told

    def posteriors(self, samples: npt.NDArray[np.float32]) -> Array:
        """The averaged probabilities of all labels at every step of a whole sound, ``(steps, labels)``, for pictures.

        It begins a new stream, and ends it.
        """
        self.reset()
        with num_threads(1):
            fed = [torch.cat([body.feed(samples), body.flush()]) for body in self._bodies]
        smooth = np.array([self._smoothed(row) for row in self._probabilities(fed)])
        self.reset()
        return smooth

    def _probabilities(self, scores: list[torch.Tensor]) -> Array:
        """Of every step, without the temperature that is fitted to whole recordings; of several networks their mean."""
        each = [probabilities(one.double().cpu().numpy()) for one in scores]
        return np.asarray(np.mean(each, axis=0))

    def _smoothed(self, row: Array) -> Array:
        self._latest.append(row)
        return np.asarray(np.mean(self._latest, axis=0))

    def _read(self, scores: list[torch.Tensor]) -> Iterator[Detection]:
        for row in self._probabilities(scores):
            sure = self._smoothed(row)[self._told]
            best = int(sure.argmax())
            self._steps += 1
            step = Detection(self._model.labels[self._told[best]], self._steps * self.step_seconds, float(sure[best]))
            yield from (peak for peak in self._peaks.push(step) if peak.confidence >= self.threshold)


def _bodies(model: ClassifierModel, modality: Audio) -> Iterator[BodyStream]:
    for reader in model.network.readers:
        front_end, summary = reader.front_end, reader.summary
        assert isinstance(front_end, AudioFrontEnd)
        assert isinstance(summary, HighestSteps)
        yield BodyStream(modality, front_end, summary.steps)
