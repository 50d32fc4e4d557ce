"""Several cells stacked inside one step."""

import pytest
import torch

from ostinato.cells import GRU, LSTM, Chain, Elman, GRUState, Jordan, LSTMState, Zoneout
from ostinato.engine import scan


def hybrid():
    torch.manual_seed(0)
    return Chain(LSTM(3, 5, proj_size=4), GRU(4, 2), Jordan(2, 6, output_size=3)).double()


def test_its_state_is_flat_and_numbered_by_cell():
    state = hybrid().initial_state(7, dtype=torch.float64)

    assert state._fields == ("h0", "c0", "h1", "y2")
    assert [tuple(tensor.shape) for tensor in state] == [(7, 4), (7, 5), (7, 2), (7, 3)]
    assert type(state) is type(hybrid().initial_state(1))


def test_its_sizes_are_the_first_cells_input_and_the_last_cells_output():
    assert (hybrid().input_size, hybrid().output_size) == (3, 3)
    assert Chain(GRU(8, 2)).output_size == 2


def test_a_step_is_one_step_of_each_cell_on_the_output_of_the_one_before():
    cell = hybrid()
    lstm, gru, jordan = cell.cells
    x, first = torch.randn(7, 3).double(), cell.initial_state(7, dtype=torch.float64)
    state = type(first)(*(torch.randn_like(tensor) for tensor in first))

    y, new = cell(x, state)

    h0, (_, c0) = lstm(x, LSTMState(state.h0, state.c0))
    h1, _ = gru(h0, GRUState(state.h1))
    y2, _ = jordan(h1, type(jordan.initial_state(1))(state.y2))
    torch.testing.assert_close(y, y2)
    torch.testing.assert_close(tuple(new), (h0, c0, h1, y2))


def test_over_time_it_is_a_stack_of_layers():
    cell = hybrid()
    x, lengths = torch.randn(4, 6, 3).double(), torch.tensor([6, 1, 0, 4])

    y, final = scan(cell, x, lengths=lengths)

    layer, states = x, []
    for one in cell.cells:
        layer, last = scan(one, layer, lengths=lengths)
        states.extend(last)
    torch.testing.assert_close(y, layer)
    torch.testing.assert_close(tuple(final), tuple(states))


def test_its_recurrent_weights_are_those_of_its_cells_by_their_names_in_it():
    cell = hybrid()

    assert cell.recurrent_weights == ("cells.0.weight_hh", "cells.1.weight_hh", "cells.2.weight_yh")
    assert all(isinstance(cell.get_parameter(name), torch.nn.Parameter) for name in cell.recurrent_weights)


def test_chains_and_zoneout_nest():
    torch.manual_seed(0)
    cell = Chain(Chain(Elman(3, 4), GRU(4, 5)), Zoneout(GRU(2, 3)))

    assert cell.initial_state(1)._fields == ("h00", "h10", "h1")
    y, _ = scan(cell, torch.randn(2, 3, 3))
    assert y.shape == (2, 3, 3)


def test_no_cell_is_refused():
    with pytest.raises(ValueError, match="at least one cell"):
        Chain()


def test_sizes_that_do_not_fit_are_refused_by_name_and_number():
    with pytest.raises(ValueError, match=r"cell 1 \(GRU\) gives 5 features, cell 2 \(LSTM\) takes 4"):
        Chain(LSTM(3, 4), GRU(4, 5), LSTM(4, 5))
