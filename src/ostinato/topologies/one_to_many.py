"""One vector in, a sequence out."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from ostinato.cells import State
from ostinato.engine.lengths import mask_steps
from ostinato.nn import Recurrent, sequence_mask
from ostinato.topologies.initial_state import StateFromVector
from ostinato.topologies.output import output_layer


class OneToMany(nn.Module):
    """A vector (an image's features, say) written out as a sequence.

    ::

        output              y_1      y_2      y_3
                             |        |        |
        state    s_0 ------- o ------ o ------ o
                  |          |        |        |
        input     x          0       y_1      y_2

    The vector makes the state before the first step, ``s_0 = tanh(W x + b)`` for each tensor of each layer's state. The
    first input is zero; each further input is the output of the step before, or with teacher forcing what that output
    should have been (Williams & Zipser 1989).

    Args:
        input_size: Features of the vector.
        recurrent: The layers over time, in one direction; they read their own output, so that
            ``recurrent.input_size == output_size``. A trained initial state of theirs is not used.
        output_size: Features of one output.

    Raises:
        ValueError: For sizes that do not fit, or a bidirectional network, which cannot write from left to right.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import OneToMany
        >>> OneToMany(6, Recurrent(GRU, 3, 16), output_size=3)(torch.randn(4, 6), steps=10).shape
        torch.Size([4, 10, 3])
    """

    def __init__(self, input_size: int, recurrent: Recurrent, output_size: int) -> None:
        super().__init__()
        if input_size < 1:
            raise ValueError(f"input_size must be at least 1, got {input_size}")
        if recurrent.bidirectional:
            raise ValueError("recurrent must not be bidirectional: each step reads the output of the step before")
        if recurrent.input_size != output_size:
            raise ValueError(
                f"recurrent takes {recurrent.input_size} features, but is fed its own output of {output_size}; "
                f"make it with input_size={output_size}"
            )
        self.input_size = input_size
        self.output_size = output_size
        self.start = nn.ModuleList(StateFromVector(input_size, cell) for cell in recurrent.cells)
        self.recurrent = recurrent
        self.output = output_layer(recurrent.output_size, output_size)

    def forward(self, x: Tensor, steps: int | Tensor, targets: Tensor | None = None) -> Tensor:
        """Writes a sequence for each vector.

        Args:
            x: Vectors ``(batch, input_size)``.
            steps: How many steps to write: one number, or the length of each row, integers ``(batch,)``.
            targets: What should be written, ``(batch, steps, output_size)``, for teacher forcing: step t + 1 then reads
                targets at t. What stands past a row's length is not read.

        Returns:
            Outputs ``(batch, steps, output_size)``, as many steps as the longest row has, zero past each row's length.

        Raises:
            ValueError: For shapes that do not fit, or negative steps.
        """
        if x.dim() != 2 or x.shape[1] != self.input_size:
            raise ValueError(f"x must be (batch, {self.input_size}), got {tuple(x.shape)}")
        longest, valid = self._valid(x, steps)
        expected = (len(x), longest, self.output_size)
        if targets is not None and targets.shape != expected:
            raise ValueError(f"targets must be {expected}, got {tuple(targets.shape)}")
        starts = (start(x) for start in cast(Iterable[StateFromVector], self.start))
        state = tuple(type(each)(*(tensor.tanh() for tensor in each)) for each in starts)
        if targets is None:
            return self._free(x.new_zeros(len(x), 1, self.output_size), state, longest, valid)
        inputs = torch.cat([targets.new_zeros(expected[0], 1, expected[2]), mask_steps(targets, valid)], dim=1)
        return mask_steps(self.output(self.recurrent(inputs[:, :longest], state)[0]), valid)

    def _valid(self, x: Tensor, steps: int | Tensor) -> tuple[int, Tensor | None]:
        """How many steps to write, and which are valid; None for all."""
        if not isinstance(steps, Tensor):
            if steps < 0:
                raise ValueError(f"steps must not be negative, got {steps}")
            return steps, None
        if steps.shape != x.shape[:1] or steps.is_floating_point():
            raise ValueError(f"steps must be {len(x)} integers, got {steps.dtype} {tuple(steps.shape)}")
        if (steps < 0).any():
            raise ValueError(f"steps must not be negative, got {int(steps.min())}")
        longest = int(steps.max()) if len(steps) else 0
        return longest, sequence_mask(steps.to(x.device), longest)

    def _free(self, y: Tensor, state: tuple[State, ...], steps: int, valid: Tensor | None) -> Tensor:
        """Each step reads the output of the one before; `y` is the first input, ``(batch, 1, output_size)``."""
        outputs = [y[:, :0]]
        for t in range(steps):
            hidden, state = self.recurrent(y, state)
            y = mask_steps(self.output(hidden), None if valid is None else valid[:, t, None])
            outputs.append(y)
        return torch.cat(outputs, dim=1)
