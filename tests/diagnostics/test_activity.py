"""Gates and units: definitions checked by hand, every cell, damaged states."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import ostinato.nn
from ostinato.cells import CELLS, GRU, LSTM, Cell, Elman
from ostinato.diagnostics import gates, units
from ostinato.diagnostics.probe import at_rest, record
from ostinato.nn import Recurrent


class H(NamedTuple):
    h: Tensor


def track_of(layers, call):
    with at_rest(layers):
        return record(layers, call).tracks[0]


def ran(cell, x, lengths=None):
    layers = Recurrent(lambda *_: cell, cell.input_size, cell.output_size, backend="reference").to(x.dtype)
    return track_of(layers, lambda: layers(x, lengths=lengths)[0].sum())


NAMES = {
    "lstm": ("forget", "input", "output"),
    "peephole_lstm": ("forget", "input", "output"),
    "layer_norm_lstm": ("forget", "input", "output"),
    "coupled_lstm": ("forget", "output"),
    "gru": ("reset", "update"),
    "gru_reset_before": ("reset", "update"),
    "lstm_gru": ("forget 0", "input 0", "output 0", "reset 1", "update 1"),
    "mgu": ("forget",),
    "janet": ("forget",),
    "slstm": ("output",),
    "lem": ("memory step", "output step"),
    "fast_grnn": ("update",),
    "sru": ("forget", "reset"),
    "qrnn": ("forget", "output"),
    "min_gru": ("update",),
    "min_lstm": ("forget",),
    "rg_lru": ("recurrence", "input"),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("zoneout", [0.0, 0.1])
def test_the_gates_of_every_cell_have_their_names(name, zoneout):
    layers, x = Recurrent(CELLS[name], 3, 4, zoneout=zoneout, backend="reference"), torch.randn(2, 5, 3)
    track = track_of(layers, lambda: layers(x)[0].sum())
    found = gates(track)
    assert tuple(gate.name for gate in found) == NAMES.get(name, ())
    assert all(0 < gate.mean < 1 for gate in found)
    assert [one.state for one in units(track)] == list(track.fields)


@pytest.mark.parametrize("which", range(3))
def test_each_name_of_an_lstm_stands_for_its_own_block(which):
    # torch's order is i, f, g, o
    cell, block = LSTM(2, 4), (1, 0, 3)[which]
    with torch.no_grad():
        cell.bias_ih[4 * block : 4 * block + 4] = 100
    found = gates(ran(cell, torch.randn(3, 6, 2)))
    assert [gate.share_high for gate in found] == [float(number == which) for number in range(3)]


@pytest.mark.parametrize(("reset_after", "which"), [(True, 0), (True, 1), (False, 0), (False, 1)])
def test_each_name_of_a_gru_stands_for_its_own_block(reset_after, which):
    cell = GRU(2, 4, reset_after=reset_after)
    with torch.no_grad():
        cell.bias_ih[4 * which : 4 * which + 4] = -100
    found = gates(ran(cell, torch.randn(3, 6, 2)))
    assert [gate.share_low for gate in found] == [float(number == which) for number in range(2)]


def test_a_gate_is_measured_at_the_valid_steps_of_all_rows():
    torch.manual_seed(0)
    cell, x, lengths = GRU(2, 4).double(), 3 * torch.randn(3, 6, 2, dtype=torch.float64), torch.tensor([6, 2, 0])
    values, state = [], cell.initial_state(3, dtype=torch.float64)
    for step in range(6):
        r = torch.sigmoid(
            (F.linear(x[:, step], cell.weight_ih, cell.bias_ih) + F.linear(state.h, cell.weight_hh, cell.bias_hh))[
                :, :4
            ]
        )
        values.append(r[step < lengths].flatten())
        state = cell(x[:, step], state)[1]
    expected = torch.cat(values).detach()
    reset, _ = gates(ran(cell, x, lengths))
    assert reset.mean == pytest.approx(float(expected.mean()))
    assert reset.share_low == pytest.approx(float((expected < 0.05).double().mean()))
    assert reset.share_high == pytest.approx(float((expected > 0.95).double().mean()))


def test_gates_of_torchs_layers_have_their_names():
    layers, x = ostinato.nn.LSTM(2, 4, backend="reference"), torch.randn(5, 3, 2)
    track = track_of(layers, lambda: layers(x)[0].sum())
    assert [gate.name for gate in gates(track)] == ["forget", "input", "output"]
    assert not layers._cells[0]._forward_pre_hooks


def test_every_sigmoid_of_a_users_cell_is_a_gate_by_number():
    class Mine(Cell[H]):
        def __init__(self):
            super().__init__(3, 3)
            self.scale = self.new_bias(1)

        def initial_state(self, batch_size, device=None, dtype=None):
            return H(torch.zeros(batch_size, 3, device=device, dtype=dtype))

        def forward(self, x, state):
            once = torch.sigmoid(self.scale)  # the same for all rows: no gate
            h = x.sigmoid() * F.sigmoid(state.h) + once * F.hardsigmoid(x) + torch.nn.Sigmoid()(x)
            return h, H(h)

    found = gates(ran(Mine(), torch.zeros(1, 1, 3)))
    assert [(gate.name, gate.mean) for gate in found] == [(f"gate {n}", 0.5) for n in (1, 2, 3, 4)]


def test_sizes_of_states_are_those_of_the_valid_steps():
    torch.manual_seed(0)
    cell, x, lengths = LSTM(2, 4).double(), torch.randn(3, 7, 2, dtype=torch.float64), torch.tensor([7, 3, 0])
    track = ran(cell, x, lengths)
    for number, found in enumerate(units(track)):
        values = torch.cat([track.calls[0].states[number][row, :n] for row, n in enumerate(lengths.tolist())])
        norms = values.norm(dim=1)
        assert (found.state, found.size) == ("hc"[number], 4)
        assert found.norm == pytest.approx(float(norms.median()))
        assert found.largest_norm == pytest.approx(float(norms.max()))
        assert found.mean_abs == pytest.approx(float(values.abs().mean()))


def test_units_that_never_change_are_dead():
    cell = Elman(1, 4, activation="relu")
    with torch.no_grad():
        cell.weight_ih.copy_(torch.tensor([[1.0], [1.0], [0.0], [1e-6]]))
        cell.weight_hh.zero_()
        cell.bias_hh.zero_()
        cell.bias_ih.copy_(torch.tensor([2.0, -100.0, 1.0, 1.0]))  # one that lives, one off, two that stay
    (found,) = units(ran(cell, torch.rand(3, 9, 1)))
    assert found.dead == 0.75
    assert found.saturated == 0  # no tanh, no ends


def test_a_single_step_shows_only_units_that_are_zero_to_be_dead():
    cell = Elman(1, 2, activation="relu")
    with torch.no_grad():
        cell.bias_ih.copy_(torch.tensor([100.0, -100.0]))
    (found,) = units(ran(cell, torch.rand(1, 1, 1)))
    assert found.dead == 0.5


def test_a_state_that_is_zero_throughout_is_dead():
    cell = Elman(1, 3)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
    (found,) = units(ran(cell, torch.rand(2, 5, 1)))
    assert (found.dead, found.norm, found.saturated) == (1, 0, 0)


def test_units_at_the_ends_of_tanh_nearly_always_are_saturated():
    cell = Elman(1, 4)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih.copy_(torch.tensor([5.0, -5.0, 0.0, 0.0]))
        cell.weight_ih[2] = 5  # at an end at 4 steps in 5 only
    x = torch.ones(1, 10, 1)
    x[0, ::5] = 0
    (found,) = units(ran(cell, x))
    assert found.saturated == 0.5


def test_the_memory_of_an_lstm_is_saturated_where_tanh_of_it_is():
    cell = LSTM(1, 4)
    with torch.no_grad():
        cell.bias_ih[:4] = torch.tensor([9.0, 9.0, -9.0, -9.0])  # the first two write 1 at each step, and keep all
        cell.bias_ih[4:12] = 9
    h, c = units(ran(cell, torch.zeros(1, 50, 1)))
    assert h.saturated == c.saturated == 0.5


def test_more_steps_than_are_looked_at_are_drawn_from():
    torch.manual_seed(0)
    track = ran(GRU(2, 3), torch.randn(50, 200, 2))
    assert gates(track) == gates(track)
    few = gates(ran(GRU(2, 3), torch.randn(2, 3, 2)))
    assert len(few) == 2


@pytest.mark.parametrize("broken", [torch.inf, torch.nan])
def test_broken_states_are_told_and_do_not_break_the_measurement(broken):
    x = torch.rand(2, 5, 1)
    x[1, 3:] = broken
    (found,) = units(ran(Elman(1, 3, activation="identity"), x))
    assert not math.isfinite(found.largest_norm)
    assert 0 <= found.dead <= 1
    assert len(gates(ran(GRU(1, 3), x))) == 2


def test_without_a_valid_step_there_is_nothing_to_tell():
    track = ran(LSTM(1, 3), torch.rand(2, 4, 1), torch.zeros(2, dtype=torch.int64))
    assert gates(track) == []
    assert units(track) == []


def test_every_step_of_a_decoder_counts():
    layers, x = Recurrent(GRU, 2, 3, backend="reference").double(), torch.randn(2, 6, 2, dtype=torch.float64)

    def stepwise():
        state = None
        for step in range(6):
            y, state = layers(x[:, step : step + 1], state)
        return y.sum()

    whole, steps = track_of(layers, lambda: layers(x)[0].sum()), track_of(layers, stepwise)
    assert units(whole)[0].norm == pytest.approx(units(steps)[0].norm)
    assert gates(whole)[0].mean == pytest.approx(gates(steps)[0].mean)
