"""A network over sound that comes in chunks: what it says at each step, whenever the step is complete."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.modalities import Audio, AudioFrontEnd

BLOCK = 8
"""Steps that are computed at a time."""

Layers = Callable[[Tensor, Any], tuple[Tensor, Any]]
"""From steps ``(batch, time, features)`` and a state to outputs and the state after them: `Recurrent`, `ManyToMany`."""


class BodyStream:
    """The outputs of layers in one direction over sound that comes in chunks of any size.

    Frames are gathered to blocks of `BLOCK` steps, each of which is read by itself: the outputs are the same, bit for
    bit, however the sound is cut into chunks. What is kept are the frames that the next block sees and the layers'
    state, whatever the length of the sound.

    Args:
        modality: How sound becomes frames.
        front_end: The network's, in evaluation mode.
        layers: What reads its steps; no direction from the end.

    Example:
        >>> import numpy as np
        >>> from ostinato import Transcriber
        >>> from ostinato.data import Recordings
        >>> from ostinato.tasks.body_stream import BodyStream
        >>> sounds = Recordings.of_waves([np.sin(np.arange(4000) * 0.1) / 2] * 8, 8000, ["a"] * 8)
        >>> model = Transcriber(hidden_size=8, num_layers=1, epochs=1, bidirectional=False).fit(sounds).model
        >>> stream = BodyStream(model.modality, model.network.front_end, model.network.read)
        >>> len(stream.feed(np.zeros(8000, np.float32))), len(stream.flush())  # a step every 20 ms
        (48, 2)
    """

    def __init__(self, modality: Audio, front_end: AudioFrontEnd, layers: Layers) -> None:
        self._sound, self._front_end, self._layers = modality.stream(), front_end, layers
        self._device = next(front_end.parameters()).device
        self.rate = modality.rate
        self.step_seconds = modality.form.hop / modality.rate * front_end.subsampling
        self.reset()

    def reset(self) -> None:
        """Begins a new sound."""
        self._sound.reset()
        mels = self._sound.audio.mels
        self._frames = np.zeros((self._front_end.context - 1, mels), np.float32)  # as before a whole recording
        self._state: Any = None

    def feed(self, samples: npt.NDArray[np.float32]) -> Tensor:
        """The outputs of the blocks that some more samples complete, ``(steps, features)``.

        Args:
            samples: Between -1 and 1, float32 ``(samples,)``, one and none included, at the modality's rate.

        Raises:
            ValueError: For another shape, whole numbers, or numbers that are not finite.
        """
        return torch.cat([self._nothing, *self.blocks(samples)])

    def flush(self) -> Tensor:
        """The outputs of the last steps ``(steps, features)``; a new sound begins."""
        return torch.cat([self._nothing, *self.last_blocks()])

    def blocks(self, samples: npt.NDArray[np.float32]) -> Iterator[Tensor]:
        """As `feed`, block by block: what was heard may end between two, see `begin_anew`."""
        self._frames = np.concatenate([self._frames, self._sound.feed(samples)])
        seen = (BLOCK - 1) * self._front_end.subsampling + self._front_end.context
        while len(self._frames) >= seen:
            block, self._frames = self._frames[:seen], self._frames[BLOCK * self._front_end.subsampling :]
            yield self._read(block)

    def last_blocks(self) -> Iterator[Tensor]:
        """As `flush`, block by block."""
        self._frames = np.concatenate([self._frames, self._sound.flush()])
        yield from self.blocks(np.zeros(0, np.float32))
        if len(self._frames) >= self._front_end.context:
            yield self._read(self._frames)
        self.reset()

    def begin_anew(self) -> None:
        """Forgets the steps so far, as if a recording began with the next one."""
        self._state = None
        self._frames[: self._front_end.context - self._front_end.subsampling] = 0

    @torch.no_grad()
    def _read(self, frames: npt.NDArray[np.float32]) -> Tensor:
        steps = self._front_end.steps(torch.from_numpy(frames[None]).to(self._device))
        outputs, self._state = self._layers(steps, self._state)
        return outputs[0]

    @cached_property
    def _nothing(self) -> Tensor:
        with torch.no_grad():
            outputs, _ = self._layers(torch.zeros(1, 0, self._front_end.width, device=self._device), None)
        return outputs[0]
