"""Where the weights of a stack lie, of which type they are, and how they begin."""

import copy
from functools import partial
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from ostinato.cells import GRU, LSTM, MGU, Cell, Chain, Elman, Jordan, PeepholeLSTM
from ostinato.nn import Recurrent

CELLS = {
    "Elman": Elman,
    "Jordan": Jordan,
    "GRU": GRU,
    "MGU": MGU,
    "peephole LSTM": PeepholeLSTM,
    "projected LSTM": lambda i, h: LSTM(i, h + 1, proj_size=h),
    "LSTM-GRU": lambda i, h: Chain(LSTM(i, h), GRU(h, h)),
}


class Held(NamedTuple):
    held: Tensor


class Own(Cell[Held]):
    """A cell that takes neither `device` nor `dtype`."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.inputs = torch.nn.Linear(input_size, hidden_size)
        self.weight = self.new_weight(hidden_size, hidden_size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return Held(torch.full((batch_size, self.output_size), 0.5, device=device, dtype=dtype))

    def forward(self, x, state):
        held = torch.tanh(self.inputs(x) + state.held @ self.weight)
        return held, Held(held)


EVERYTHING = {
    "num_layers": 2,
    "bidirectional": True,
    "zoneout": 0.1,
    "layer_norm": True,
    "trainable_initial_state": True,
}


@pytest.mark.parametrize("cell", [*CELLS.values(), Own], ids=[*CELLS, "Own"])
@pytest.mark.parametrize(("device", "dtype"), [("cpu", torch.float64), ("meta", torch.bfloat16), ("meta", None)])
def test_all_weights_lie_on_the_device_and_are_of_the_type_asked_for(cell, device, dtype):
    layer = Recurrent(cell, 3, 4, **EVERYTHING, device=device, dtype=dtype)

    found = {(weight.device.type, weight.dtype) for weight in layer.parameters()}
    assert found == {(device, dtype or torch.float32)}
    y, state = layer(torch.zeros(2, 5, 3, device=device, dtype=dtype))
    assert {(t.device.type, t.dtype) for t in (y, *state[0])} == found


def test_a_cell_that_takes_the_type_draws_in_it():
    """A matrix that is orthogonal in float32 is not so in float64."""
    layer = Recurrent(partial(Elman, init="orthogonal"), 3, 4, dtype=torch.float64)

    weight = layer.cells[0].weight_hh
    torch.testing.assert_close(weight @ weight.T, torch.eye(4).double(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell", [*CELLS.values(), Own], ids=[*CELLS, "Own"])
def test_resetting_gives_the_weights_that_the_seed_gave_at_first(cell):
    torch.manual_seed(0)
    first = copy.deepcopy(Recurrent(cell, 3, 4, **EVERYTHING).state_dict())
    layer = Recurrent(cell, 3, 4, **EVERYTHING)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(7.0)

    torch.manual_seed(0)
    layer.reset_parameters()

    torch.testing.assert_close(layer.state_dict(), first, rtol=0, atol=0)


def test_a_layer_made_without_memory_is_filled_by_resetting():
    layer = Recurrent(GRU, 3, 4, **EVERYTHING, device="meta").to_empty(device="cpu")
    torch.manual_seed(0)
    layer.reset_parameters()
    torch.manual_seed(0)
    torch.testing.assert_close(layer.state_dict(), Recurrent(GRU, 3, 4, **EVERYTHING).state_dict(), rtol=0, atol=0)
