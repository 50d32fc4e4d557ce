"""What fitting a Transcriber leaves: everything that transcribes, and that a bundle must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.tokenizers import Tokenizer
from ostinato.modalities import Modality
from ostinato.tasks.model import Model
from ostinato.tasks.transcription.baselines import Baselines
from ostinato.tasks.transcription.network import TranscriptionNetwork
from ostinato.tasks.transcription.reading import LogProbabilities, log_probabilities
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.topologies import CTCSearch


class Transcript(NamedTuple):
    """What a recording is heard as.

    Attributes:
        text: Most likely what is said.
        confidence: The probability that the network gives this text, over all its alignments.
    """

    text: str
    confidence: float


@dataclass(frozen=True, eq=False)
class TranscriberModel(Model[TranscriberSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The transcriber's, with what fitting found in place of None.
        network: In evaluation mode.
        tokenizer: What it writes with; number 0 is the blank.
        modality: How recordings become steps.
        baselines: Fitted on the training part.
    """

    settings: TranscriberSettings
    network: TranscriptionNetwork
    tokenizer: Tokenizer
    modality: Modality
    baselines: Baselines

    @classmethod
    def build(cls, settings: TranscriberSettings, parts: Mapping[str, Any]) -> TranscriptionNetwork:
        return TranscriptionNetwork(settings, parts["modality"], len(parts["tokenizer"]))

    def read(self, clips: Sequence[Any]) -> list[LogProbabilities]:
        """The log-probability of the blank and of each token at each step of some recordings."""
        with self.settings.on_threads():
            return log_probabilities(self.network, self.modality.reader(clips))

    def transcripts(self, clips: Sequence[Any]) -> list[Transcript]:
        """What each of some recordings is heard as; nothing, for sure, where there is no step."""
        search = CTCSearch(beam_size=self.settings.beam_size)
        best = [search(told)[0] for told in self.read(clips)]
        return [Transcript(self.tokenizer.decode(each.ids), float(np.exp(each.log_probability))) for each in best]
