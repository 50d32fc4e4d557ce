"""The network behind a Transcriber."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ostinato.modalities import FrontEnd, Modality
from ostinato.nn import Recurrent, ctc_loss
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.topologies import Transducer, ctc_greedy
from ostinato.topologies.output import output_layer


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
    """Layers that hear, and what writes: a score of each token, and of the blank, at each step (Graves & Jaitly 2014,
    "Towards end-to-end speech recognition with recurrent neural networks"), a recurrent transducer (Graves 2012,
    "Sequence transduction with recurrent neural networks"), or both, which learn together.

    Args:
        settings: The transcriber's.
        modality: What it reads.
        classes: The blank and the tokens.
    """

    def __init__(self, settings: TranscriberSettings, modality: Modality, classes: int) -> None:
        super().__init__()
        self.front_end: FrontEnd = modality.front_end(settings)
        self.encoder = recurrent_body(
            settings, self.front_end.width, dropout=settings.dropout, bidirectional=settings.bidirectional
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.ctc_weight = {"ctc": 1.0, "transducer": 0.0, "both": settings.ctc_weight}[settings.output]
        size = self.encoder.output_size
        self.ctc = None if settings.output == "transducer" else output_layer(size, classes)
        self.transducer: Transducer | None = None
        if settings.output != "ctc":
            units = settings.hidden_size
            prediction = Recurrent(settings.make_cell, units, units, backend=settings.backend)
            self.transducer = Transducer(size, prediction, classes, dropout=settings.dropout)

    def forward(self, batch: TextBatch) -> Tensor:
        """The negative log-likelihood of each text, over all its alignments, ``(batch,)``."""
        features, steps = self.front_end(batch.x, batch.lengths)
        encoded, _ = self.encoder(features, lengths=steps)
        return self.nats(self.dropout(encoded), steps, batch.targets, batch.target_lengths)

    def nats(self, encoded: Tensor, steps: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """As `forward`, of what the encoder has heard ``(batch, steps, features)``."""
        found = encoded.new_zeros(len(encoded))
        if self.ctc is not None:
            found = found + self.ctc_weight * ctc_loss(self.ctc(encoded), targets, steps, target_lengths)
        if self.transducer is not None:
            lost = self.transducer.loss(encoded, targets, steps, target_lengths)
            found = found + (1 - self.ctc_weight) * lost
        return found

    def read(self, features: Tensor, state: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """What texts are searched in, of steps ``(batch, steps, features)``, and the encoder's state behind them.

        Log-probabilities of the blank and of each token, or what the encoder has heard, where a transducer writes.
        """
        encoded, state = self.encoder(features, state, lengths=lengths)
        if self.transducer is not None or self.ctc is None:
            return encoded, state
        return self.ctc(encoded).log_softmax(-1), state

    @torch.no_grad()
    def greedy(self, told: Tensor) -> list[int]:
        """The tokens of one recording by the likeliest class of each step; `told` is a row of what `read` gives."""
        if self.transducer is None:
            return ctc_greedy(told[None])[0]
        written, _ = self.transducer.greedy(told[None])
        return [each.label for each in written[0]]

    @torch.no_grad()
    def nats_of(self, told: Tensor, tokens: npt.NDArray[np.int64]) -> float:
        """The negative log-likelihood of one recording's tokens, by what writes; `told` is a row of what `read` gives.

        Raises:
            ValueError: There are fewer steps than the tokens need.
        """
        targets = torch.from_numpy(tokens)[None].to(told.device)
        writer = ctc_loss if self.transducer is None else self.transducer.loss
        return float(writer(told[None], targets))
