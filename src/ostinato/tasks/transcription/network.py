"""The network behind a Transcriber."""

from typing import NamedTuple

from torch import Tensor, nn

from ostinato.modalities import FrontEnd, Modality
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.topologies import ManyToMany


class TextBatch(NamedTuple):
    """Recordings of one batch, and what is said in them.

    Attributes:
        x: Padded steps, ``(batch, time, ...)``.
        lengths: int64 ``(batch,)``.
        targets: Numbers of the tokens, padded with 0, int64 ``(batch, tokens)``.
        target_lengths: int64 ``(batch,)``.
    """

    x: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


class TranscriptionNetwork(nn.Module):
    """The score of each token, and of the blank, at each step (Graves & Jaitly 2014, "Towards end-to-end speech
    recognition with recurrent neural networks").

    Args:
        settings: The transcriber's.
        modality: What it reads.
        classes: The blank and the tokens.
    """

    def __init__(self, settings: TranscriberSettings, modality: Modality, classes: int) -> None:
        super().__init__()
        self.front_end: FrontEnd = modality.front_end(settings)
        recurrent = recurrent_body(
            settings, self.front_end.width, dropout=settings.dropout, bidirectional=settings.bidirectional
        )
        self.wiring = ManyToMany(recurrent, classes, dropout=settings.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``(batch, steps, classes)``, before a softmax, and the steps of each row ``(batch,)``."""
        features, steps = self.front_end(x, lengths)
        return self.wiring(features, lengths=steps)[0], steps
