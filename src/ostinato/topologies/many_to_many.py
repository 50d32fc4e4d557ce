"""A sequence in, an aligned sequence out."""

from torch import Tensor, nn

from ostinato.cells import State
from ostinato.engine.lengths import mask_steps
from ostinato.nn import LockedDropout, Recurrent, sequence_mask
from ostinato.topologies.output import output_layer


class ManyToMany(nn.Module):
    """An output at every step: tags of words, the next value of a series.

    ::

        output              y_1      y_2      y_3
                             |        |        |
        state    s_0 ------- o ------ o ------ o ------- s_3, the start of the next chunk
                             |        |        |
        input               x_1      x_2      x_3

    Args:
        recurrent: The layers over time. With both directions each output sees the whole input.
        output_size: Features of one output.
        dropout: Probability of a zero in what the output is made of, in training.
        locked_dropout: Whether `dropout` takes one mask per row for all of its steps, see `ostinato.nn.LockedDropout`.

    Raises:
        ValueError: For an output size below 1.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import ManyToMany
        >>> tagger = ManyToMany(Recurrent(LSTM, 8, 16, bidirectional=True), output_size=5)
        >>> y, state = tagger(torch.randn(4, 20, 8), lengths=torch.tensor([20, 7, 3, 1]))
        >>> y.shape
        torch.Size([4, 20, 5])
    """

    def __init__(
        self, recurrent: Recurrent, output_size: int, *, dropout: float = 0.0, locked_dropout: bool = False
    ) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.dropout = LockedDropout(dropout) if locked_dropout else nn.Dropout(dropout)
        self.output = output_layer(recurrent.output_size, output_size)

    def forward(
        self, x: Tensor, state: tuple[State, ...] | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Reads each row and writes as it goes.

        Args:
            x: Input ``(batch, time, features)``.
            state: States before the first step, see `Recurrent.forward`. The final states of a chunk, cut with
                `ostinato.engine.detach`, are those of the next one: streaming, truncated backpropagation.
            lengths: Valid steps of each row, integers ``(batch,)`` between 0 and time; all steps unless given.

        Returns:
            Outputs ``(batch, time, output_size)``, zero past each row's length, and the final states.

        Raises:
            ValueError: For shapes that do not fit, or lengths out of range.
        """
        y, final = self.recurrent(x, state, lengths=lengths)
        valid = None if lengths is None else sequence_mask(lengths.to(x.device), x.shape[1])
        return mask_steps(self.output(self.dropout(y)), valid), final
