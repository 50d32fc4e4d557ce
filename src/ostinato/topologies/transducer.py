"""A network that reads frames and, label by label, what it has written itself: the recurrent transducer."""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ostinato.cells import State
from ostinato.engine.lengths import as_lengths, mask_steps, sequence_mask
from ostinato.nn import Recurrent, TokenEmbedding, transducer_loss
from ostinato.nn.alignment import Lengths
from ostinato.topologies.encoder_output import select_rows
from ostinato.topologies.output import output_layer

N = TypeVar("N")

MAX_SYMBOLS = 10
"""Labels that one frame may write unless told otherwise."""


class PredictionState(NamedTuple):
    """What a transducer knows of the labels it has written.

    Attributes:
        state: The states of the prediction network's layers.
        predicted: What the joiner reads of it ``(batch, joint_size)``.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import Transducer
        >>> net = Transducer(16, Recurrent(GRU, 8, 12), num_classes=5)
        >>> net.start(2).predicted.shape
        torch.Size([2, 12])
    """

    state: tuple[State, ...]
    predicted: Tensor


class EmittedLabel(NamedTuple):
    """A label and the frame that wrote it.

    Attributes:
        label: The label.
        frame: The frame, counted from the start of the chunk.

    Example:
        >>> from ostinato.topologies import EmittedLabel
        >>> EmittedLabel(label=3, frame=12).frame * 0.04  # seconds, where a frame is 40 milliseconds
        0.48
    """

    label: int
    frame: int


class Transducer(nn.Module):
    """The recurrent transducer of Graves 2012, "Sequence transduction with recurrent neural networks".

    ::

        classes            y(t, u)
                              |
        joiner      tanh(W_e x_t + W_p p_u + b)
                       |            |
        encoder       x_t          p_u        prediction network
                       |            |
                     frame t     label u, zeros before the first

    The prediction network is a language model over the labels written so far, any cell of any depth; the joiner
    (Graves et al. 2013, "Speech recognition with deep recurrent neural networks") puts what it says together with
    what an encoder has made of a frame. Where the class is the blank, the next frame is read; else the label is
    written and the same frame asked again.

    Args:
        encoder_size: Features of one encoded frame.
        prediction: The layers that read labels, in one direction; they read vectors of ``prediction.input_size``
            features.
        num_classes: Labels and the blank.
        joint_size: Units of the joiner; as many as the prediction network has outputs unless given.
        blank: The class that is no label.
        dropout: Probability of a zero in what the output layer reads, in training.

    Raises:
        ValueError: For sizes out of range, a blank that is no class, or a bidirectional prediction network.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import Transducer
        >>> net = Transducer(16, Recurrent(GRU, 8, 12), num_classes=5)
        >>> encoded, targets = torch.randn(2, 7, 16), torch.tensor([[1, 4, 4], [3, 0, 0]])
        >>> net(encoded, targets, target_lengths=[3, 1]).shape
        torch.Size([2, 7, 4, 5])
        >>> net.loss(encoded, targets, [7, 4], [3, 1]).shape
        torch.Size([2])
    """

    def __init__(
        self,
        encoder_size: int,
        prediction: Recurrent,
        num_classes: int,
        *,
        joint_size: int | None = None,
        blank: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if encoder_size < 1:
            raise ValueError(f"encoder_size must be at least 1, got {encoder_size}")
        if not 0 <= blank < num_classes:
            raise ValueError(f"blank must be one of the {num_classes} classes, got {blank}")
        if prediction.bidirectional:
            raise ValueError("prediction must not be bidirectional: it cannot read what is not written yet")
        joint_size = prediction.output_size if joint_size is None else joint_size
        self.blank = blank
        self.embedding = TokenEmbedding(num_classes, prediction.input_size, padding_idx=blank)
        self.prediction = prediction
        self.from_encoder = output_layer(encoder_size, joint_size)
        self.from_prediction = nn.Linear(prediction.output_size, joint_size, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.output = output_layer(joint_size, num_classes)

    def forward(
        self, encoded: Tensor, targets: Tensor, lengths: Lengths = None, target_lengths: Lengths = None
    ) -> Tensor:
        """The scores of all classes at each frame after each number of labels.

        Args:
            encoded: Frames ``(batch, time, encoder_size)``.
            targets: Labels, integers ``(batch, labels)``; what stands past a row's length is not read.
            lengths: Frames of each row, integers ``(batch,)``, a tensor or a list; all unless given.
            target_lengths: Labels of each row, likewise.

        Returns:
            Scores before the softmax ``(batch, time, labels + 1, classes)``, as `transducer_loss` reads them; past a
            row's lengths they mean nothing.

        Raises:
            ValueError: For lengths out of range.
        """
        frames, labels = as_lengths(lengths, encoded), as_lengths(target_lengths, targets)
        if frames is not None:
            encoded = mask_steps(encoded, sequence_mask(frames, encoded.shape[1]))
        if labels is not None:
            targets = targets.masked_fill(~sequence_mask(labels, targets.shape[1]), self.blank)
        before = nn.functional.pad(targets, (1, 0), value=self.blank)  # the blank's vector is zeros
        read, _ = self.prediction(self.embedding(before))
        return self._joined(self.from_encoder(encoded)[:, :, None], self.from_prediction(read)[:, None])

    def loss(self, encoded: Tensor, targets: Tensor, lengths: Lengths = None, target_lengths: Lengths = None) -> Tensor:
        """Nats of each row's labels ``(batch,)``, over all their alignments with the frames; arguments as `forward`.

        Raises:
            ValueError: For labels that are none, or a row with labels and no frames.
        """
        scores = self(encoded, targets, lengths, target_lengths)
        return transducer_loss(scores, targets, lengths, target_lengths, blank=self.blank)

    def _joined(self, encoded: Tensor, predicted: Tensor) -> Tensor:
        scores: Tensor = self.output(self.dropout((encoded + predicted).tanh()))
        return scores

    def start(self, batch_size: int) -> PredictionState:
        """What is known before the first label.

        Args:
            batch_size: Rows.
        """
        weight = self.embedding.weight
        blanks = torch.full((batch_size,), self.blank, device=weight.device)
        return self._read(blanks, self.prediction.initial_state(batch_size, weight.device, weight.dtype))

    def advance(self, labels: Tensor, known: PredictionState) -> PredictionState:
        """What is known after one more label of each row ``(batch,)``."""
        return self._read(labels, known.state)

    def _read(self, labels: Tensor, state: tuple[State, ...]) -> PredictionState:
        read, state = self.prediction(self.embedding(labels)[:, None], state)
        return PredictionState(state, self.from_prediction(read[:, 0]))

    def step(self, frame: Tensor, known: PredictionState) -> Tensor:
        """The log-probability of each class at a frame.

        Args:
            frame: The encoded frame of each row ``(batch, encoder_size)``.
            known: What each row has written so far.

        Returns:
            Log-probabilities ``(batch, classes)``.
        """
        return self._joined(self.from_encoder(frame), known.predicted).log_softmax(-1)

    @torch.no_grad()
    def greedy(
        self,
        encoded: Tensor,
        lengths: Lengths = None,
        known: PredictionState | None = None,
        *,
        max_symbols: int = MAX_SYMBOLS,
    ) -> tuple[list[list[EmittedLabel]], PredictionState]:
        """Writes the likeliest label, frame by frame, until the blank is likelier.

        Frames are looked at one at a time: a stream, fed chunk by chunk with what was `known` at the end of the chunk
        before, writes what all frames at once would.

        Args:
            encoded: Frames ``(batch, time, encoder_size)``.
            lengths: Frames of each row, integers ``(batch,)``, a tensor or a list; all unless given.
            known: What was written before; nothing unless given.
            max_symbols: Labels that one frame writes at most, so that no frame goes on for ever.

        Returns:
            The labels of each row with their frames, and what is known after them.

        Raises:
            ValueError: For lengths out of range, or less than one label a frame.
        """
        if max_symbols < 1:
            raise ValueError(f"max_symbols must be at least 1, got {max_symbols}")
        batch, steps, _ = encoded.shape
        ends = as_lengths(lengths, encoded)
        known = self.start(batch) if known is None else known
        written: list[list[EmittedLabel]] = [[] for _ in range(batch)]
        for time in range(steps):
            rows = torch.arange(batch, device=encoded.device) if ends is None else (time < ends).nonzero()[:, 0]
            for _ in range(max_symbols):
                best = self.step(encoded[rows, time], select_rows(known, rows)).argmax(-1)
                rows, best = rows[best != self.blank], best[best != self.blank]
                if not len(rows):
                    break
                known = _replaced(known, rows, self.advance(best, select_rows(known, rows)))
                for row, label in zip(rows.tolist(), best.tolist(), strict=True):
                    written[row].append(EmittedLabel(label, time))
        return written, known


def _replaced(value: N, rows: Tensor, by: N) -> N:
    """Tensors in nested tuples, some rows of them replaced."""
    if isinstance(value, Tensor):
        return value.index_copy(0, rows, by)  # type: ignore[arg-type, return-value]
    parts = [_replaced(part, rows, new) for part, new in zip(value, by, strict=True)]  # type: ignore[call-overload]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)  # type: ignore[call-arg]
