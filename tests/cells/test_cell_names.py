"""Cells by name, for settings and the command line."""

import pytest
import torch

from ostinato.cells import CELLS, Cell


@pytest.mark.parametrize("name", CELLS)
def test_every_name_makes_a_cell_of_the_sizes_asked_for(name):
    cell = CELLS[name](3, 5)

    assert isinstance(cell, Cell)
    assert (cell.input_size, cell.output_size) == (3, 5)


def test_no_two_names_make_the_same_cell():
    def made(name):
        torch.manual_seed(0)
        cell = CELLS[name](3, 5).double()
        x = torch.linspace(-2, 2, 12, dtype=torch.float64).view(4, 3)
        state = cell.initial_state(4, dtype=torch.float64)
        ones = type(state)(*(torch.ones_like(tensor) for tensor in state))
        return cell(x, ones)[0]

    outputs = {name: made(name) for name in CELLS}
    twins = [(a, b) for a in outputs for b in outputs if a < b and torch.equal(outputs[a], outputs[b])]
    assert twins == []
