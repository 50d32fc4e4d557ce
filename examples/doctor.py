"""The doctor on a network of your own: what ails it, the first remedy applied, and the difference that makes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.cells import LSTM, CellFactory
from ostinato.diagnostics import examine
from ostinato.nn import Recurrent

STEPS = 50


class FirstSign(nn.Module):
    """Says whether a sequence began above or below zero."""

    def __init__(self, cell: CellFactory) -> None:
        super().__init__()
        self.reader = Recurrent(cell, 1, 32)
        self.output = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.reader(x)
        return self.output(y[:, -1]).squeeze(1)


def sequences(rows: int) -> tuple[Tensor, Tensor]:
    """A first value of 1 or -1, then noise."""
    x = 0.1 * torch.randn(rows, STEPS, 1)
    above = (torch.rand(rows) < 0.5).float()
    x[:, 0, 0] = 2 * above - 1
    return x, above


def learn(model: nn.Module) -> float:
    """Trains, and gives the share of right answers on new sequences."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        x, above = sequences(32)
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(model(x), above).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    x, above = sequences(500)
    return float(((model(x) > 0) == (above > 0.5)).float().mean())


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, above = sequences(32)
    for name, cell in (
        ("as it is", LSTM),
        ("with the first remedy", lambda inputs, units: LSTM(inputs, units, forget_bias=3.9)),
    ):
        torch.manual_seed(0)
        model = FirstSign(cell)
        print(f"{name}:\n{examine(model, lambda model=model: F.binary_cross_entropy_with_logits(model(x), above))}")
        print(f"after 200 steps of training {learn(model):.0%} of its answers are right\n")


if __name__ == "__main__":
    main()
