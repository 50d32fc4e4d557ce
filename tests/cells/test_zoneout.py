"""Zoneout: units that keep their old value by chance."""

import pytest
import torch

from ostinato.cells import GRU, LSTM, GRUState, Jordan, LSTMState, Zoneout
from ostinato.engine import scan


def zoned_lstm():
    torch.manual_seed(0)
    cell = Zoneout(LSTM(3, 5, proj_size=4)).double()
    state = LSTMState(torch.randn(2, 4).double(), torch.randn(2, 5).double())
    return cell, torch.randn(2, 3).double(), state


def test_its_input_grows_by_one_column_a_state_unit():
    assert Zoneout(GRU(3, 4)).input_size == 3 + 4
    assert Zoneout(LSTM(3, 5, proj_size=4)).input_size == 3 + 4 + 5


def test_a_mask_of_zeros_takes_every_new_value():
    cell, x, state = zoned_lstm()

    torch.testing.assert_close(cell(torch.cat([x, torch.zeros(2, 9)], 1), state), cell.cell(x, state))


def test_a_mask_of_ones_keeps_every_old_value():
    cell, x, state = zoned_lstm()

    y, new = cell(torch.cat([x, torch.ones(2, 9)], 1), state)

    torch.testing.assert_close(tuple(new), tuple(state))
    torch.testing.assert_close(y, state.h)


def test_each_unit_follows_its_own_column_state_by_state():
    cell, x, state = zoned_lstm()
    mask = torch.randint(0, 2, (2, 9)).double()

    y, new = cell(torch.cat([x, mask], 1), state)

    _, fresh = cell.cell(x, state)
    assert torch.equal(new.h, torch.where(mask[:, :4] == 1, state.h, fresh.h))
    assert torch.equal(new.c, torch.where(mask[:, 4:] == 1, state.c, fresh.c))
    assert y is new.h


def test_a_probability_as_mask_gives_the_expected_state():
    cell, x, state = zoned_lstm()

    _, new = cell(torch.cat([x, torch.full((2, 9), 0.3)], 1), state)

    _, fresh = cell.cell(x, state)
    torch.testing.assert_close(new.c, 0.3 * state.c + 0.7 * fresh.c)


def test_an_output_that_is_the_state_is_zoned_out_with_it():
    torch.manual_seed(0)
    cell = Zoneout(Jordan(3, 4, output_size=2))
    mask = torch.rand(2, 6, 2)

    y, final = scan(cell, torch.cat([torch.randn(2, 6, 3), mask], 2))

    assert torch.equal(y[:, -1], final.y)


def test_a_recurrent_dropout_mask_stands_before_zoneouts():
    torch.manual_seed(0)
    cell = Zoneout(GRU(3, 4))
    x, drop, zone, h = torch.randn(2, 3), torch.randint(0, 2, (2, 4)), torch.randint(0, 2, (2, 4)), torch.randn(2, 4)

    y, _ = cell(torch.cat([x, drop, zone], 1), GRUState(h))

    fresh, _ = cell.cell(torch.cat([x, drop], 1), GRUState(h))
    assert cell.supports_recurrent_dropout
    assert torch.equal(y, torch.where(zone == 1, h, fresh))


def test_its_recurrent_weights_are_the_wrapped_cells():
    cell = Zoneout(GRU(3, 4))

    assert cell.recurrent_weights == ("cell.weight_hh",)
    assert cell.get_parameter("cell.weight_hh") is cell.cell.weight_hh


@pytest.mark.parametrize("width", [2, 4, 8])
def test_a_scan_refuses_an_input_without_its_masks(width):
    with pytest.raises(ValueError, match="features"):
        scan(Zoneout(GRU(3, 4)), torch.zeros(2, 5, width))
