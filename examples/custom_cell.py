"""A cell of your own in ten lines: compiled, stacked in both directions, and its gradient through time."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.cells import Cell
from ostinato.engine import explain
from ostinato.nn import Recurrent


class LeakyState(NamedTuple):
    h: Tensor


class Leaky(Cell[LeakyState]):
    """A leaky integrator: h_t = 0.9 h_{t-1} + 0.1 tanh(W_ih x_t + W_hh h_{t-1} + b)."""

    recurrent_weights = ("weight_hh",)

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight_ih = self.new_weight(hidden_size, input_size)
        self.weight_hh = self.new_weight(hidden_size, hidden_size)
        self.bias = self.new_bias(hidden_size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return LeakyState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        z = F.linear(x, self.weight_ih, self.bias) + F.linear(state.h, self.weight_hh)
        h = 0.9 * state.h + 0.1 * torch.tanh(z)
        return h, LeakyState(h)


def main() -> None:
    torch.manual_seed(0)
    net = Recurrent(Leaky, 3, 16, num_layers=2, bidirectional=True, zoneout=0.1, weight_drop=0.2)
    x, lengths = torch.randn(4, 20, 3), torch.tensor([20, 7, 1, 0])
    y, state = net(x, lengths=lengths)
    print(f"outputs {tuple(y.shape)}, {len(state)} final states of {tuple(state[0].h.shape)}")
    print(explain(Leaky(3, 16), x))

    cell = Leaky(3, 16)
    state = cell.initial_state(1)
    norms = []
    for k in range(1, 31):
        start = LeakyState(state.h.clone().requires_grad_())
        h = start
        for _ in range(k):
            _, h = cell(torch.zeros(1, 3), h)
        (gradient,) = torch.autograd.grad(h.h.sum(), start.h)
        norms.append(gradient.norm().item())
    print(f"gradient after 1, 10, 30 steps: {norms[0]:.2f}, {norms[9]:.2f}, {norms[29]:.2f}: this one leaks slowly")


if __name__ == "__main__":
    main()
