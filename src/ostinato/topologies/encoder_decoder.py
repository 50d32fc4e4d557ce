"""A sequence in, another sequence out."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ostinato.cells import State
from ostinato.engine.lengths import mask_steps
from ostinato.nn import AdditiveAttention, MultiplicativeAttention, Recurrent, sequence_mask
from ostinato.topologies.encoder_output import DecoderState, EncoderOutput
from ostinato.topologies.initial_state import StateFromVector
from ostinato.topologies.output import output_layer

AttentionKind = Literal["additive", "multiplicative", "scaled_multiplicative"]
"""How a decoder looks at what the encoder has read; see `ostinato.nn` for the two."""


class EncoderDecoder(nn.Module):
    """One network reads a sequence, another writes one from what it has read (Sutskever et al. 2014; Cho et al. 2014).

    ::

        output                                    y_1          y_2
                                                   |            |
        attention     k_1 k_2 k_3 . . . . . . . [h_1;c_1]   [h_2;c_2]
                       |   |   |                   |            |
        state          o - o - o --- bridge ------ o ---------- o
                       |   |   |                   |            |
        input         x_1 x_2 x_3               [z_1;0]     [z_2;c_1]

    The encoder's final states are the decoder's first ones, as they are where the layers' states agree, else through a
    linear map. Layers are matched from the top: the decoder's last starts from the encoder's last.

    With attention (Luong et al. 2015) each step reads the encoder's outputs k with its own output h; what it read, c,
    is fed to the next step beside the input (their section 3.3); the output is ``W [h_t; c_t] + b``. The decoder then
    runs step by step, as it does in `step` and `generate`: in training, masks of its `recurrent_dropout` and
    `weight_drop` are drawn anew at each step. Without ``input_feeding`` the picture's ``;c`` in the inputs falls away:
    with the inputs known, the decoder runs over all steps in one scan and attends with all its outputs at once, which
    trains faster.

    Args:
        encoder: The layers that read, in one or both directions.
        decoder: The layers that write, in one direction. They read the decoder's input and, with attention and input
            feeding, behind it the context of ``encoder.output_size`` features. May be the encoder itself where the
            sizes agree.
        output_size: Features of one output.
        attention: None (default), "additive" (Bahdanau et al. 2015), "multiplicative" (Luong et al. 2015, "general") or
            "scaled_multiplicative", the same over the root of the number of features (Vaswani et al. 2017).
        input_feeding: Whether what a step has read is fed to the next one; says nothing without attention.
        dropout: Probability of a zero in what the output layer reads, in training.

    Attributes:
        target_size: Features of one decoder input, without the context.

    Raises:
        ValueError: For sizes that do not fit, a bidirectional decoder, or an unknown attention.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import EncoderDecoder
        >>> encoder = Recurrent(GRU, 8, 16, bidirectional=True)
        >>> decoder = Recurrent(GRU, 4 + encoder.output_size, 16)
        >>> net = EncoderDecoder(encoder, decoder, output_size=10, attention="scaled_multiplicative")
        >>> net(torch.randn(2, 7, 8), torch.randn(2, 5, 4), lengths=torch.tensor([7, 3])).shape
        torch.Size([2, 5, 10])
    """

    def __init__(
        self,
        encoder: Recurrent,
        decoder: Recurrent,
        output_size: int,
        *,
        attention: AttentionKind | None = None,
        input_feeding: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if attention is not None and attention not in get_args(AttentionKind):
            raise ValueError(
                f"attention must be None or one of {', '.join(get_args(AttentionKind))}, got {attention!r}"
            )
        if decoder.bidirectional:
            raise ValueError("decoder must not be bidirectional: it cannot read what it has not written yet")
        self.input_feeding = input_feeding and attention is not None
        self.context_size = encoder.output_size if attention else 0
        fed = self.context_size if self.input_feeding else 0
        self.target_size = decoder.input_size - fed
        if self.target_size < 1:
            raise ValueError(
                f"decoder takes {decoder.input_size} features, but the context alone has {fed}; "
                f"make it with input_size={fed} + the features of one decoder input"
            )
        self.encoder = encoder
        self.decoder = decoder
        self.bridge = _Bridge(encoder, decoder)
        self.attention: AdditiveAttention | MultiplicativeAttention | None = None
        if attention == "additive":
            self.attention = AdditiveAttention(decoder.output_size, encoder.output_size, decoder.output_size)
        elif attention is not None:
            scaled = attention == "scaled_multiplicative"
            self.attention = MultiplicativeAttention(decoder.output_size, encoder.output_size, scaled=scaled)
        self.dropout = nn.Dropout(dropout)
        self.output = output_layer(decoder.output_size + self.context_size, output_size)

    def forward(
        self,
        x: Tensor,
        targets_in: Tensor,
        *,
        lengths: Tensor | None = None,
        target_lengths: Tensor | None = None,
    ) -> Tensor:
        """Reads `x` and writes with teacher forcing.

        Args:
            x: The encoder's input ``(batch, time, features)``.
            targets_in: The decoder's input at each step, ``(batch, steps, target_size)``: a start, then what it should
                have written.
            lengths: Valid steps of each row of `x`, integers ``(batch,)``; all steps unless given.
            target_lengths: Valid steps of each row of `targets_in`, likewise.

        Returns:
            Outputs ``(batch, steps, output_size)``, zero past each row's target length.

        Raises:
            ValueError: For shapes that do not fit, or lengths out of range.
        """
        return self.decode(self.encode(x, lengths), targets_in, lengths=target_lengths)

    def decode(self, memory: EncoderOutput, targets_in: Tensor, *, lengths: Tensor | None = None) -> Tensor:
        """Writes with teacher forcing.

        Args:
            memory: What `encode` returned.
            targets_in: The decoder's input at each step, ``(batch, steps, target_size)``.
            lengths: Valid steps of each of its rows, integers ``(batch,)``; all steps unless given.

        Returns:
            Outputs ``(batch, steps, output_size)``, zero past each row's length.

        Raises:
            ValueError: For shapes that do not fit, or lengths out of range.
        """
        self._check_targets(memory, targets_in, lengths)
        valid = None if lengths is None else sequence_mask(lengths.to(targets_in.device), targets_in.shape[1])
        targets_in = mask_steps(targets_in, valid)
        features = self._fed(targets_in, memory) if self.input_feeding else self._at_once(targets_in, memory)
        return mask_steps(self.output(self.dropout(features)), valid)

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> EncoderOutput:
        """Reads `x`.

        Args:
            x: Input ``(batch, time, features)``.
            lengths: Valid steps of each row, integers ``(batch,)`` between 0 and time; all steps unless given.

        Returns:
            What the decoder needs of it.

        Raises:
            ValueError: For shapes that do not fit, or lengths out of range.
        """
        keys, final = self.encoder(x, lengths=lengths)
        mask = None if lengths is None else sequence_mask(lengths.to(x.device), x.shape[1])
        projected = self.attention.precompute(keys, mask=mask) if self.attention else None
        return EncoderOutput(keys, mask, projected, self.bridge(final))

    def step(
        self, y: Tensor, memory: EncoderOutput, carry: DecoderState | None = None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Writes one step: the piece that a decoding loop is made of.

        Args:
            y: The decoder's input ``(batch, target_size)``.
            memory: What `encode` returned.
            carry: What the step before returned; None before the first step.

        Returns:
            The output ``(batch, output_size)``, what to carry to the next step, and the attention's weights
            ``(batch, time)``, None without attention.

        Raises:
            ValueError: For shapes that do not fit.
        """
        if y.shape != (len(memory.keys), self.target_size):
            raise ValueError(f"y must be {(len(memory.keys), self.target_size)}, got {tuple(y.shape)}")
        features, carry, weights = self._advance(y, memory, carry)
        return self.output(self.dropout(features)), carry, weights

    def generate(
        self,
        x: Tensor,
        steps: int,
        *,
        lengths: Tensor | None = None,
        first: Tensor,
        feedback: Callable[[Tensor], Tensor] = lambda output: output,
    ) -> Tensor:
        """Reads `x` and writes on its own, each step from the output of the one before.

        Args:
            x: The encoder's input ``(batch, time, features)``.
            steps: Steps to write, at least 1.
            lengths: Valid steps of each row of `x`, integers ``(batch,)``; all steps unless given.
            first: The decoder's first input, ``(batch, target_size)`` or one for all rows ``(target_size,)``.
            feedback: Makes the next input ``(batch, target_size)`` of an output ``(batch, output_size)``; the output
                itself unless given.

        Returns:
            Outputs ``(batch, steps, output_size)``.

        Raises:
            ValueError: For shapes that do not fit, lengths out of range, or fewer than 1 step.
        """
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if first.shape not in ((self.target_size,), (len(x), self.target_size)):
            raise ValueError(f"first must be {(len(x), self.target_size)}, got {tuple(first.shape)}")
        memory = self.encode(x, lengths)
        y, carry = first.expand(len(x), -1), None
        outputs = []
        for _ in range(steps):
            output, carry, _ = self.step(y, memory, carry)
            outputs.append(output)
            y = feedback(output)
        return torch.stack(outputs, dim=1)

    def _check_targets(self, memory: EncoderOutput, targets_in: Tensor, lengths: Tensor | None) -> None:
        batch = len(memory.state[0][0])
        if targets_in.dim() != 3 or targets_in.shape[0] != batch or targets_in.shape[2] != self.target_size:
            raise ValueError(f"targets_in must be ({batch}, steps, {self.target_size}), got {tuple(targets_in.shape)}")
        if lengths is None:
            return
        if lengths.shape != (batch,) or lengths.is_floating_point():
            raise ValueError(f"target_lengths must be {batch} integers, got {lengths.dtype} {tuple(lengths.shape)}")
        steps = targets_in.shape[1]
        if ((lengths < 0) | (lengths > steps)).any():
            raise ValueError(f"target_lengths must lie between 0 and {steps}, got {lengths.tolist()}")

    def _at_once(self, inputs: Tensor, memory: EncoderOutput) -> Tensor:
        """What the output layer reads at every step, ``(batch, steps, size)``, where no context is fed back."""
        h: Tensor = self.decoder(inputs, memory.state)[0]
        if self.attention is None or memory.projected is None:
            return h
        context, _ = self.attention.read(h, memory.keys, memory.projected, memory.mask)
        return torch.cat([h, context], dim=-1)

    def _fed(self, inputs: Tensor, memory: EncoderOutput) -> Tensor:
        """The same, step by step, where the context is fed back."""
        carry = None
        features = [inputs.new_zeros(inputs.shape[0], 0, self.output.in_features)]
        for y in inputs.unbind(1):
            now, carry, _ = self._advance(y, memory, carry)
            features.append(now[:, None])
        return torch.cat(features, dim=1)

    def _advance(
        self, y: Tensor, memory: EncoderOutput, carry: DecoderState | None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One step of the decoder: what the output layer reads, what to carry, the attention's weights."""
        state, context = (memory.state, None) if carry is None else carry
        if self.input_feeding:
            context = y.new_zeros(len(y), self.context_size) if context is None else context
            y = torch.cat([y, context], dim=-1)
        h, state = self.decoder(y[:, None], state)
        h = h[:, 0]
        if self.attention is None or memory.projected is None:
            return h, DecoderState(state, None), None
        context, weights = self.attention.read(h, memory.keys, memory.projected, memory.mask)
        carry = DecoderState(state, context if self.input_feeding else None)
        return torch.cat([h, context], dim=-1), carry, weights


class _Bridge(nn.Module):
    """The encoder's final states as the decoder's first ones, layer by layer, matched from the top."""

    def __init__(self, encoder: Recurrent, decoder: Recurrent) -> None:
        super().__init__()
        self.directions = 2 if encoder.bidirectional else 1
        self.sources = [
            max(0, layer + encoder.num_layers - decoder.num_layers) * self.directions
            for layer in range(decoder.num_layers)
        ]
        self.maps = nn.ModuleList()
        for source, cell in zip(self.sources, decoder.cells, strict=True):
            given = [each.initial_state(1) for each in encoder.cells[source : source + self.directions]]
            size = sum(tensor.shape[1] for state in given for tensor in state)
            agree = len(given) == 1 and _form(given[0]) == _form(cell.initial_state(1))
            self.maps.append(nn.Identity() if agree else StateFromVector(size, cell))

    def forward(self, final: tuple[State, ...]) -> tuple[State, ...]:
        states = []
        for source, make in zip(self.sources, self.maps, strict=True):
            given = final[source : source + self.directions]
            if isinstance(make, StateFromVector):
                states.append(make(torch.cat([tensor for state in given for tensor in state], dim=-1)))
            else:
                states.append(given[0])
        return tuple(states)


def _form(state: State) -> tuple[type, list[torch.Size]]:
    return type(state), [tensor.shape for tensor in state]
