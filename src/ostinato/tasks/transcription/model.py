"""What fitting a Transcriber leaves: everything that transcribes, and that a bundle must hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ostinato.data.clip import Clip
from ostinato.data.tokenizers import Tokenizer
from ostinato.modalities import Audio, AudioFrontEnd, Modality
from ostinato.tasks.body_stream import BodyStream
from ostinato.tasks.model import Model
from ostinato.tasks.transcription.baselines import Baselines
from ostinato.tasks.transcription.decoder import Decoder, found_in, separators
from ostinato.tasks.transcription.network import TranscriptionNetwork
from ostinato.tasks.transcription.reading import told_of
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.sureness import Sureness
from ostinato.tasks.transcription.transcript import Transcript, transcript


@dataclass(frozen=True, eq=False)
class TranscriberModel(Model[TranscriberSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The transcriber's, with what fitting found in place of None.
        network: In evaluation mode.
        tokenizer: What it writes with; number 0 is the blank.
        modality: How recordings become steps.
        baselines: Fitted on the training part.
        decoder: How texts are searched for.
        sureness: How sure it may be of them.
    """

    settings: TranscriberSettings
    network: TranscriptionNetwork
    tokenizer: Tokenizer
    modality: Modality
    baselines: Baselines
    decoder: Decoder
    sureness: Sureness

    @classmethod
    def build(cls, settings: TranscriberSettings, parts: Mapping[str, Any]) -> TranscriptionNetwork:
        return TranscriptionNetwork(settings, parts["modality"], len(parts["tokenizer"]))

    @property
    def step_seconds(self) -> float:
        """From one step of the network to the next."""
        assert isinstance(self.modality, Audio)
        assert self.settings.subsampling is not None
        return self.modality.form.hop / self.modality.rate * self.settings.subsampling

    def body_stream(self) -> BodyStream:
        """The network over sound that comes in chunks; it must hear in one direction."""
        assert isinstance(self.modality, Audio)
        assert isinstance(self.network.front_end, AudioFrontEnd)
        return BodyStream(self.modality, self.network.front_end, self.network.read)

    def read(self, clips: Sequence[Clip]) -> Iterator[tuple[int, Tensor]]:
        """What the network makes of recordings, each with its number; see `told_of`.

        Of one direction it hears them as a stream does, block by block, so that both write the same, bit for bit.
        """
        if self.settings.bidirectional:
            yield from told_of(self.network, self.modality.reader(clips))
            return
        stream = self.body_stream()
        for row, clip in enumerate(clips):
            if len(told := torch.cat([stream.feed(clip.wave()), stream.flush()])):
                yield row, told

    def transcripts(self, clips: Sequence[Clip], n_best: int = 1) -> list[list[Transcript]]:
        """What each of some recordings is heard as, the likeliest first; nothing, for sure, where there is no step."""
        found = [[Transcript("", 1.0)] for _ in clips]
        search = self.decoder.search(self.network, self.tokenizer)
        with self.settings.on_threads():
            for row, told in self.read(clips):
                best = found_in(search, told, n_best, separators(self.tokenizer))
                how = (self.network, self.tokenizer, self.sureness, told)
                found[row] = [transcript(*how, each, self.step_seconds, clips[row].start) for each in best]
        return found
