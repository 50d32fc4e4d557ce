"""The network of tasks that read one text and write another."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.nn import LockedDropout, Recurrent, linear_cross_entropy
from ostinato.tasks.seq2seq.batches import PairBatch
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings
from ostinato.tasks.seq2seq.texts import END, PAD, SPECIALS, UNK
from ostinato.topologies import DecoderState, EncoderDecoder, EncoderOutput, sample


class Seq2SeqNetwork(nn.Module):
    """Reads units, writes units (Sutskever et al. 2014; Bahdanau et al. 2015; Luong et al. 2015).

    ::

        source units -> vectors -> encoder ... decoder, attention -> tanh(W [h; c]) -> vectors -> scores of all units

    The attentional state ``tanh(W [h; c])`` (Luong et al. 2015, eq. 5) has the size of a unit's vector, so that the
    output can share its weights with the vectors that are read (Press & Wolf 2017).

    Args:
        settings: Of the task.
        source_size: Units of the source's vocabulary.
        target_size: Units of the target's; the same one with ``shared_vocabulary``.
        specials: How many of the target's first units are special ones; none of them but the unknown unit and the end
            is ever written.

    Attributes:
        batches: Training batches seen so far, the clock of scheduled sampling; a buffer, so that checkpoints hold it.
    """

    batches: Tensor
    forbidden: Tensor

    def __init__(
        self, settings: Seq2SeqSettings, source_size: int, target_size: int, *, specials: int = len(SPECIALS)
    ) -> None:
        super().__init__()
        self.settings = settings
        size, hidden = settings.embedding_size, settings.hidden_size
        self.source_vectors = _vectors(source_size, size)
        self.target_vectors = self.source_vectors if settings.shared_vocabulary else _vectors(target_size, size)
        encoder = self._recurrent(size, bidirectional=settings.bidirectional)
        context = encoder.output_size if settings.input_feeding else 0
        self.topology = EncoderDecoder(
            encoder,
            self._recurrent(size + context),
            size,
            attention=settings.attention,
            input_feeding=settings.input_feeding,
        )
        self.output = nn.Linear(size, target_size)
        if settings.tied_output:
            self.output.weight = self.target_vectors.weight
        else:
            nn.init.uniform_(self.output.weight, -(hidden**-0.5), hidden**-0.5)
        nn.init.zeros_(self.output.bias)
        self.drop = LockedDropout(settings.dropout) if settings.locked_dropout else nn.Dropout(settings.dropout)
        forbidden = torch.arange(target_size) < specials
        forbidden[[UNK, END]] = False
        self.register_buffer("forbidden", forbidden, persistent=False)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def _recurrent(self, input_size: int, *, bidirectional: bool = False) -> Recurrent:
        settings = self.settings
        return Recurrent(
            settings.make_cell,
            input_size,
            settings.hidden_size,
            num_layers=settings.num_layers,
            bidirectional=bidirectional,
            dropout=settings.dropout,
            locked_dropout=settings.locked_dropout,
            recurrent_dropout=settings.recurrent_dropout,
            backend=settings.backend,
        )

    @property
    def sampling(self) -> float:
        """The probability of scheduled sampling now."""
        settings = self.settings
        return settings.scheduled_sampling * min(1.0, int(self.batches) / settings.sampling_ramp)

    def forward(self, batch: PairBatch, label_smoothing: float | None = None) -> Tensor:
        """Reads and writes with teacher forcing; in training with the share of its own units that the schedule asks.

        Args:
            batch: Pairs.
            label_smoothing: Given, the loss is returned, with so much smoothing.

        Returns:
            Scores of the units (logits) at the valid steps of the targets, row by row ``(valid steps, units)``; or
            the sum of their `linear_cross_entropy`, which takes less than making the scores first.
        """
        memory = self.encode(batch.source, batch.source_lengths)
        sampling = self.sampling if self.training else 0.0
        if self.training:
            self.batches += 1
        if sampling:
            states = self.sampled(memory, batch, sampling)
        else:
            states = self.topology.decode(memory, self._read(self.target_vectors, batch.target_in))
        read = self._output_input(states[batch.valid])
        if label_smoothing is None:
            return self.output(read)  # type: ignore[no-any-return]
        right = batch.target_out[batch.valid]
        return linear_cross_entropy(read, self.output, right, label_smoothing, reduction="sum")

    def encode(self, ids: Tensor, lengths: Tensor) -> EncoderOutput:
        """Reads sources.

        Args:
            ids: Units ``(batch, time)``, each row with its end unit.
            lengths: Of each row ``(batch,)``.

        Returns:
            What the decoder needs of them.
        """
        if self.training and self.settings.word_dropout:
            lost = torch.rand(ids.shape, device=ids.device) < self.settings.word_dropout
            ids = ids.masked_fill(lost & (ids >= len(SPECIALS)), UNK)
        return self.topology.encode(self._read(self.source_vectors, ids), lengths)

    def step(
        self, ids: Tensor, memory: EncoderOutput, carry: DecoderState | None = None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Writes one unit in each row.

        Args:
            ids: The units written last ``(batch,)``; the start unit at first.
            memory: What `encode` returned.
            carry: What the step before returned; None before the first step.

        Returns:
            Log-probabilities of the next unit ``(batch, units)``, minus infinity for those never written, what to carry
            to the next step, and the attention's weights ``(batch, time)``, None without attention.
        """
        state, carry, weights = self._step(ids, memory, carry)
        return self._log_probabilities(state), carry, weights

    def sampled(self, memory: EncoderOutput, batch: PairBatch, probability: float) -> Tensor:
        """Writes step by step, fed at each with a unit drawn from its own prediction with this probability.

        Returns:
            What the topology gives at each step, ``(batch, steps, embedding_size)``.
        """
        carry: DecoderState | None = None
        states: list[Tensor] = []
        ids = batch.target_in[:, 0]
        for step, right in enumerate(batch.target_in.unbind(1)):
            if step:
                with torch.no_grad():
                    own = sample(self._log_probabilities(states[-1]))
                    ids = torch.where(torch.rand(right.shape, device=right.device) < probability, own, right)
            state, carry, _ = self._step(ids, memory, carry)
            states.append(state)
        return torch.stack(states, dim=1)

    def _step(
        self, ids: Tensor, memory: EncoderOutput, carry: DecoderState | None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        return self.topology.step(self._read(self.target_vectors, ids[:, None])[:, 0], memory, carry)

    def _log_probabilities(self, states: Tensor) -> Tensor:
        scores = self.output(self._output_input(states)).masked_fill(self.forbidden, -torch.inf)
        return scores.log_softmax(-1)  # type: ignore[no-any-return]

    def _output_input(self, states: Tensor) -> Tensor:
        return F.dropout(torch.tanh(states), self.settings.dropout, self.training)

    def _read(self, vectors: nn.Module, ids: Tensor) -> Tensor:
        # Vectors of length 1, as the output they may be tied to needs, but inputs of variance 1 (Vaswani et al. 2017).
        return self.drop(vectors(ids) * self.settings.embedding_size**0.5)  # type: ignore[no-any-return]


def _vectors(units: int, size: int) -> nn.Embedding:
    vectors = nn.Embedding(units, size, padding_idx=PAD)
    nn.init.normal_(vectors.weight, std=size**-0.5)
    with torch.no_grad():
        vectors.weight[PAD] = 0
    return vectors
