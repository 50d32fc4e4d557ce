"""The LanguageModel's network: units of a text to probabilities of the next one."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells import Cell, State
from ostinato.nn import LockedDropout, Recurrent, TokenEmbedding, linear_cross_entropy
from ostinato.tasks.language.settings import LanguageSettings

UNIFORM = 0.1
"""Embeddings that are read both ways begin as in AWD-LSTM, within this of 0."""

FEWEST = 20
"""Units that an adaptive softmax needs: it splits them into a tenth, four tenths and the rest."""


class Reading(NamedTuple):
    """What the network makes of a chunk.

    Attributes:
        nats: Of every unit ``(batch, time)``, or the sum of all.
        outputs: Of the last layer ``(batch, time, features)``.
        dropped: The same as the softmax reads them.
        state: After the last step.
    """

    nats: Tensor
    outputs: Tensor
    dropped: Tensor
    state: tuple[State, ...]


class LanguageNetwork(nn.Module):
    """Reads a text unit by unit, and says at each what may come next.

    ::

        next unit            p_2     p_3     p_4
                              |       |       |
        softmax              (+)     (+)     (+)     full, tied to the embedding, or adaptive
                              |       |       |
        locked dropout        |       |       |
        cell         s_0 ---- o ----- o ----- o ---- s_3, the start of the next chunk
        locked dropout        |       |       |
        embedding            x_1     x_2     x_3

    With every dropout, AR, TAR, tied weights and ``last_size=embedding_size`` it is the AWD-LSTM of Merity et al. 2018
    ("Regularizing and Optimizing LSTM Language Models").

    Args:
        settings: The LanguageModel's.
        units: Of the vocabulary.
    """

    def __init__(self, settings: LanguageSettings, units: int) -> None:
        super().__init__()
        width = settings.embedding_size
        self.embedding = TokenEmbedding(units, width, dropout=settings.embedding_dropout)
        self.read = LockedDropout(settings.input_dropout)
        self.recurrent = Recurrent(
            _Layers(settings),
            width,
            settings.hidden_size,
            num_layers=settings.num_layers,
            dropout=settings.dropout,
            locked_dropout=True,
            weight_drop=settings.weight_drop,
            backend=settings.backend,
        )
        self.write = LockedDropout(settings.output_dropout)
        features = self.recurrent.output_size
        tied = settings.softmax == "tied"
        self.narrow = nn.Linear(features, width) if tied and features != width else nn.Identity()
        self.softmax: nn.Linear | nn.AdaptiveLogSoftmaxWithLoss
        if settings.softmax == "adaptive":
            self.softmax = nn.AdaptiveLogSoftmaxWithLoss(features, units, [units // 10, units // 2], 2.0)
        else:
            self.softmax = nn.Linear(width if tied else features, units)
        if tied:
            nn.init.uniform_(self.embedding.weight, -UNIFORM, UNIFORM)
            self.softmax.weight = self.embedding.weight

    @torch.no_grad()
    def begin_with(self, frequency: Tensor) -> None:
        """Makes each unit as likely as it is frequent, so that an untrained network knows what units there are.

        Else the first steps only unlearn what never comes, and leave the cells saturated. Not for an adaptive softmax.
        """
        if isinstance(self.softmax, nn.Linear):
            self.softmax.bias.copy_(frequency.log())

    def forward(
        self, ids: Tensor, following: Tensor, state: tuple[State, ...] | None = None, *, each: bool = False
    ) -> Reading:
        """Reads a chunk and scores what follows each of its units.

        Args:
            ids: Units ``(batch, time)``, of any integer type.
            following: The unit after each ``(batch, time)``.
            state: After the chunk before; None at the start of a text.
            each: Whether the nats of each unit are asked for, or their sum alone, which takes less.
        """
        outputs, state = self._outputs(ids, state)
        dropped = self.write(outputs)
        features, targets = self.narrow(dropped).flatten(0, 1), following.flatten().long()
        if isinstance(self.softmax, nn.Linear):
            if not each:
                nats = linear_cross_entropy(features, self.softmax, targets, reduction="sum")
                return Reading(nats, outputs, dropped, state)
            nats = F.cross_entropy(self.softmax(features), targets, reduction="none")
        else:
            nats = -self.softmax(features, targets).output
        return Reading(nats.view(following.shape) if each else nats.sum(), outputs, dropped, state)

    def following(
        self, ids: Tensor, state: tuple[State, ...] | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """What comes after some units.

        Args:
            ids: Units ``(batch, time)``, at least one a row.
            state: After the units before; None at the start of a text.
            lengths: Units of each row ``(batch,)``; all unless given.

        Returns:
            Log-probabilities ``(batch, units)`` of what follows each row's last unit, on the CPU, and the state after
            it.
        """
        device = self.embedding.weight.device
        lengths = None if lengths is None else lengths.to(device)
        outputs, state = self._outputs(ids.to(device), state, lengths)
        last = outputs[:, -1] if lengths is None else outputs[torch.arange(len(ids), device=device), lengths - 1]
        features = self.narrow(self.write(last))
        if isinstance(self.softmax, nn.Linear):
            return self.softmax(features).log_softmax(-1).cpu(), state
        return self.softmax.log_prob(features).cpu(), state

    def _outputs(
        self, ids: Tensor, state: tuple[State, ...] | None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        y, final = self.recurrent(self.read(self.embedding(ids.long())), state, lengths=lengths)
        return y, final


class _Layers:
    """Makes the cells of the layers from below to above, the last of a size of its own."""

    def __init__(self, settings: LanguageSettings) -> None:
        self._make = settings.make_cell
        self._sizes = [settings.hidden_size] * settings.num_layers
        self._sizes[-1] = settings.last_size or settings.hidden_size

    def __call__(self, input_size: int, hidden_size: int) -> Cell:  # type: ignore[type-arg]
        return self._make(input_size, self._sizes.pop(0))
