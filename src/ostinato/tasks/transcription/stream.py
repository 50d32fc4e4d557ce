"""Speech as it comes: texts that may still change, and texts that are final where somebody stops speaking."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.tasks.transcription.decoder import searched, separators
from ostinato.tasks.transcription.model import TranscriberModel
from ostinato.tasks.transcription.tokens import BLANK
from ostinato.tasks.transcription.transcript import Transcript, transcript

Samples = npt.NDArray[np.float32]


class Endpoints(NamedTuple):
    """When a text is final (the rules of Povey et al. 2011, "The Kaldi speech recognition toolkit").

    Attributes:
        silence_before: Seconds without speech, before any came, after which a new text begins.
        silence_after: Seconds without speech behind some after which a text is final.
        longest: Seconds after which a text is final, whatever is said.

    Example:
        >>> from ostinato.tasks.transcription.stream import Endpoints
        >>> Endpoints(silence_after=0.5)
        Endpoints(silence_before=5.0, silence_after=0.5, longest=20.0)
    """

    silence_before: float = 5.0
    silence_after: float = 1.0
    longest: float = 20.0


class StreamText(NamedTuple):
    """What a stream has heard.

    Attributes:
        text: Since the last final text.
        final: Whether it stays as it is; else more may come, and change it.
        start: Second of the stream at which this text's sound begins.
        end: Second up to which it was heard.
        transcript: Its words with times and confidences; None unless it is final.
    """

    text: str
    final: bool
    start: float
    end: float
    transcript: Transcript | None = None


class TranscriberStream:
    """Writes down speech that comes in chunks of any size, such as a microphone gives.

    What it writes is the same, bit for bit, however the sound is cut; without endpoints it is what `predict` writes of
    the whole. What it keeps is the network's state, the beginnings of texts that are searched among, and the steps
    since the last final text, at most `Endpoints.longest` seconds of them.

    Args:
        model: Whose network hears in one direction.
        endpoints: When a text is final; None for at the end alone, for sound that does.

    Raises:
        ValueError: For seconds that are not above 0.
    """

    def __init__(self, model: TranscriberModel, endpoints: Endpoints | None) -> None:
        for name, seconds in (endpoints._asdict() if endpoints else {}).items():
            if not seconds > 0:
                raise ValueError(f"{name} must be above 0, got {seconds}")
        self._model, self._endpoints = model, endpoints
        self._search = model.decoder.search(model.network, model.tokenizer)
        self._silence = [BLANK, *separators(model.tokenizer)]
        self._body = model.body_stream()
        self.reset()

    @property
    def rate(self) -> int:
        """Samples a second that it is fed."""
        return self._body.rate

    def reset(self) -> None:
        """Forgets all it has heard; a new sound begins at second 0."""
        self._body.reset()
        self._heard_steps = 0
        self._begin()

    def _begin(self) -> None:
        """Begins a new text."""
        self._begun, self._silent, self._spoken = self._heard_steps, 0, False
        self._writing, self._told, self._shown = self._search.stream(), list[Tensor](), ""

    def feed(self, samples: Samples) -> list[StreamText]:
        """Hears some more.

        Args:
            samples: Between -1 and 1, float32 ``(samples,)``, at the sample rate of the settings.

        Returns:
            What is new: texts that are final, and the one being written, where it has changed. One that ends after
            `Endpoints.longest` seconds may be cut in the middle of a word.

        Raises:
            ValueError: For another shape, whole numbers, or numbers that are not finite.
        """
        return [each for block in self._body.blocks(samples) for each in self._block(block)]

    def flush(self) -> list[StreamText]:
        """Hears the end of the sound: the last text is final; a new sound begins at second 0."""
        found = [each for block in self._body.last_blocks() for each in self._block(block) if each.final]
        if self._told and (final := self._final()).text:
            found.append(final)
        self.reset()
        return found

    def _block(self, told: Tensor) -> list[StreamText]:
        self._writing.feed(told)
        self._told.append(told)
        self._heard_steps += len(told)
        best = self._writing.best()
        text = self._model.tokenizer.decode(best[0].ids) if best else ""
        self._listen(told, text)
        if self._ended():
            final = self._final()
            self._begin()
            self._body.begin_anew()
            return [final] if final.text else []
        if text == self._shown:
            return []
        self._shown = text
        return [StreamText(text, False, self._seconds(self._begun), self._seconds(self._heard_steps))]

    def _listen(self, told: Tensor, text: str) -> None:
        """Counts the steps without speech: those where nothing or a space is the likeliest, or added no word."""
        if self._model.network.transducer is not None:
            quiet = len(told) if text.split() == self._shown.split() else 0
        else:
            (spoken,) = np.nonzero(~np.isin(told.argmax(-1).cpu().numpy(), self._silence))
            quiet = len(told) - 1 - int(spoken[-1]) if len(spoken) else len(told)
        self._silent = self._silent + len(told) if quiet == len(told) else quiet
        self._spoken = self._spoken or quiet < len(told)

    def _ended(self) -> bool:
        if self._endpoints is None:
            return False
        silence = self._endpoints.silence_after if self._spoken else self._endpoints.silence_before
        return (
            self._seconds(self._silent) >= silence
            or self._seconds(self._heard_steps - self._begun) >= self._endpoints.longest
        )

    def _final(self) -> StreamText:
        model, told = self._model, torch.cat(self._told)
        best = searched(self._writing, 1, separators(model.tokenizer))[0]
        since = self._seconds(self._begun)
        found = transcript(model.network, model.tokenizer, model.sureness, told, best, model.step_seconds, since)
        return StreamText(found.text, True, since, self._seconds(self._heard_steps), found)

    def _seconds(self, steps: int) -> float:
        return round(steps * self._model.step_seconds, 3)
