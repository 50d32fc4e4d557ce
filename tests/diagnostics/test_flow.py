"""Gradient flow through time: exact, on every backend, and right where the answer is known in closed form."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import ostinato.nn
from ostinato import OstinatoError
from ostinato.cells import GRU, LRU, LSTM, Elman, IndRNN
from ostinato.diagnostics import gradient_flow
from ostinato.engine import scan
from ostinato.nn import Recurrent

BACKENDS = ("reference", "aten", "cpp")


class Reader(nn.Module):
    """Layers and a linear map of their last valid outputs, or of all."""

    def __init__(self, layers, size, whole=False):
        super().__init__()
        self.layers, self.head, self.whole = layers, nn.Linear(size, 2), whole

    def forward(self, x, lengths=None):
        y, _ = self.layers(x, lengths=lengths)
        if self.whole:
            return self.head(y)
        last = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
        return self.head(y[torch.arange(len(x)), last - 1])


def by_hand(cell, x, read):
    """Norms of the gradient of read(y_T) with respect to each state before it, from torch's own graph, lag 1 first."""
    state, states = cell.initial_state(len(x), x.device, x.dtype), []
    for step in x.unbind(1):
        state = type(state)(
            *(tensor.detach().clone().requires_grad_() if not states else tensor * 1 for tensor in state)
        )
        states.append(state)
        y, state = cell(step, state)
    given = torch.autograd.grad(read(y), [tensor for state in states for tensor in state])
    fields = len(state)
    return [
        torch.stack([given[step * fields + number].norm(dim=1) for step in reversed(range(len(states)))], 1)
        for number in range(fields)
    ]


@pytest.mark.parametrize("cell", [Elman, LSTM, GRU, IndRNN, LRU, partial(LSTM, proj_size=3)], ids=str)
@pytest.mark.parametrize("backend", ["reference", "cpp"])
def test_it_is_the_gradient_that_torchs_own_graph_gives(cell, backend):
    torch.manual_seed(0)
    layers = Recurrent(cell, 3, 5, backend=backend).double()
    model = Reader(layers, layers.output_size).double()
    x = torch.randn(4, 9, 3, dtype=torch.float64)
    flows = gradient_flow(model, lambda: model(x).square().mean())
    expected = by_hand(layers.cells[0], x, lambda y: model.head(y).square().mean())
    assert [flow.state for flow in flows] == list(layers.cells[0].initial_state(1)._fields)
    for flow, norms in zip(flows, expected, strict=True):
        torch.testing.assert_close(flow.norms, norms)


@pytest.mark.parametrize("cell", [Elman, LSTM, GRU])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_backend_measures_alike(cell, bidirectional):
    flows = []
    for backend in BACKENDS:
        torch.manual_seed(0)
        layers = Recurrent(cell, 3, 6, num_layers=2, bidirectional=bidirectional, backend=backend)
        model, x = Reader(layers, layers.output_size), torch.randn(4, 12, 3)
        flows.append(gradient_flow(model, lambda m=model, x=x: m(x, torch.tensor([12, 7, 1, 10])).square().sum()))
    for one, *others in zip(*flows, strict=True):
        for other in others:
            assert str(one) == str(other)
            torch.testing.assert_close(other.norms, one.norms, rtol=1e-5, atol=1e-7, equal_nan=True)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4), reverse=st.booleans(), whole=st.booleans())
def test_a_row_is_measured_as_if_alone(lengths, reverse, whole):
    torch.manual_seed(len(lengths))
    layers = Recurrent(GRU, 2, 4, num_layers=2, bidirectional=reverse).double()
    model = Reader(layers, layers.output_size, whole).double()
    x = torch.randn(len(lengths), 8, 2, dtype=torch.float64)
    together = gradient_flow(model, lambda: model(x, torch.tensor(lengths)).square().sum())
    for row, length in enumerate(lengths):
        alone = gradient_flow(model, lambda r=row, n=length: model(x[r : r + 1, :n]).square().sum())
        for flow, own in zip(together, alone, strict=True):
            torch.testing.assert_close(flow.norms[row, :length], own.norms[0], equal_nan=True)
            assert flow.norms[row, length:].isnan().all()


def test_of_a_loss_at_every_step_only_the_last_one_is_followed_back():
    torch.manual_seed(0)
    layers = Recurrent(LSTM, 3, 5).double()
    model, x = Reader(layers, 5, whole=True).double(), torch.randn(2, 7, 3, dtype=torch.float64)
    every = gradient_flow(model, lambda: model(x).square().sum())
    last = gradient_flow(model, lambda: model(x)[:, -1].square().sum())
    for one, other in zip(every, last, strict=True):
        torch.testing.assert_close(one.norms, other.norms)


def test_a_reading_of_the_final_state_is_followed_as_one_of_the_output():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 3, 5, num_layers=2).double(), torch.randn(2, 7, 3, dtype=torch.float64)
    for backend in ("reference", "cpp"):
        for each in layers.scans:
            each.backend = backend
        by_output = gradient_flow(layers, lambda: layers(x)[0][:, -1].square().sum())
        by_state = gradient_flow(layers, lambda: layers(x)[1][-1].h.square().sum())
        for one, other in zip(by_output, by_state, strict=True):
            torch.testing.assert_close(one.norms, other.norms)


def test_a_decoder_that_runs_step_by_step_is_one_sequence():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 3, 5).double(), torch.randn(2, 6, 3, dtype=torch.float64)

    def stepwise():
        state = None
        for step in range(6):
            y, state = layers(x[:, step : step + 1], state)
        return y.square().sum()

    (whole,) = gradient_flow(layers, lambda: layers(x)[0][:, -1].square().sum())
    (steps,) = gradient_flow(layers, stepwise)
    torch.testing.assert_close(steps.norms, whole.norms)


def test_a_decoder_that_runs_step_by_step_has_rows_that_end_before_others():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 3, 5).double(), torch.randn(2, 6, 3, dtype=torch.float64)

    def stepwise(x, lengths):
        state, total = None, 0
        for step in range(x.shape[1]):
            y, state = layers(x[:, step : step + 1], state)
            total = total + (y[:, 0].square().sum(1) * (step < lengths)).sum()
        return total

    (flow,) = gradient_flow(layers, lambda: stepwise(x, torch.tensor([6, 3])))
    (short,) = gradient_flow(layers, lambda: layers(x[1:, :3])[0][:, -1].square().sum())
    torch.testing.assert_close(flow.norms[1, :3], short.norms[0])
    assert flow.norms[1, 3:].isnan().all()


def test_a_layer_that_reads_rows_of_any_length_and_then_goes_on_is_one_sequence():
    torch.manual_seed(0)
    layers, lengths = Recurrent(GRU, 3, 5).double(), (6, 2, 4)
    x, more = torch.randn(3, 6, 3, dtype=torch.float64), torch.randn(3, 2, 3, dtype=torch.float64)

    def both(rows):
        _, state = layers(x[rows], lengths=torch.tensor(lengths)[rows])
        return layers(more[rows], state)[0].square().sum()

    (together,) = gradient_flow(layers, lambda: both(slice(None)))
    for row, length in enumerate(lengths):
        alone = torch.cat([x[row : row + 1, :length], more[row : row + 1]], 1)
        (own,) = gradient_flow(layers, lambda x=alone: layers(x)[0][:, -1].square().sum())
        torch.testing.assert_close(together.norms[row, : length + 2], own.norms[0])
        assert together.norms[row, length + 2 :].isnan().all()


def test_of_a_layer_that_reads_several_sequences_the_last_one_is_measured():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 3, 5).double(), torch.randn(2, 6, 3, dtype=torch.float64)
    (flow,) = gradient_flow(layers, lambda: layers(x)[0].sum() * layers(x[:, :4])[0][:, -1].sum())
    assert flow.norms.shape == (2, 4)


def test_torchs_layers_on_this_engine_are_measured_too():
    torch.manual_seed(0)
    layers = ostinato.nn.LSTM(3, 5, num_layers=2, batch_first=True, bidirectional=True).double()
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    flows = gradient_flow(layers, lambda: layers(x)[0].square().sum())
    names = ["layer 1", "layer 1 reverse", "layer 2", "layer 2 reverse"]
    assert [str(flow) for flow in flows] == [f"{name}, {state}" for name in names for state in "hc"]


def test_a_bare_scan_is_measured_too():
    cell, x = Elman(2, 3), torch.randn(2, 4, 2)
    (flow,) = gradient_flow(cell, lambda: scan(cell, x)[0][:, -1].sum())
    assert flow.norms.shape == (2, 4)
    assert str(flow) == "layer 1, h"


def test_measuring_changes_nothing():
    torch.manual_seed(0)
    layers = Recurrent(GRU, 3, 5, num_layers=2, dropout=0.5, recurrent_dropout=0.3, weight_drop=0.2, zoneout=0.1)
    model, x = Reader(layers, 5), torch.randn(4, 6, 3)
    next(layers.parameters()).requires_grad_(False)
    model.train()
    model(x).sum().backward()
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    asked, random = [p.requires_grad for p in model.parameters()], torch.random.get_rng_state()
    first = gradient_flow(model, lambda: model(x).square().sum())
    second = gradient_flow(model, lambda: model(x).square().sum())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(module.training for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == asked
    assert all(torch.equal(p.grad, grads[name]) for name, p in model.named_parameters() if name in grads)
    assert all(torch.equal(one.norms, other.norms) for one, other in zip(first, second, strict=True))


def linear(rho, size=16, backend="auto"):
    """A linear recurrence with the matrix rho * orthogonal."""
    layers = Recurrent(partial(Elman, activation="identity", init="orthogonal"), 2, size, backend=backend)
    with torch.no_grad():
        layers.cells[0].weight_hh.mul_(rho)
    return layers


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.1])
@pytest.mark.parametrize("backend", ["reference", "cpp"])
def test_rho_times_an_orthogonal_matrix_has_the_rate_log_rho(rho, backend):
    torch.manual_seed(0)
    model = Reader(linear(rho, backend=backend), 16)
    x = torch.randn(8, 60, 2)
    (flow,) = gradient_flow(model, lambda: model(x).sum())
    assert flow.rate == pytest.approx(math.log(rho), rel=0.01, abs=1e-5)
    assert flow.growth == pytest.approx(rho**59, rel=0.01)


def test_tanh_at_a_fixed_point_has_the_rate_of_its_slope_there():
    # h = tanh(w h + b), one unit: the derivative of a step is w (1 - h^2).
    layers = Recurrent(Elman, 1, 1).double()
    w, fixed = 1.5, 0.6
    with torch.no_grad():
        for name, value in (
            ("weight_ih", 0),
            ("bias_ih", 0),
            ("weight_hh", w),
            ("bias_hh", math.atanh(fixed) - w * fixed),
        ):
            getattr(layers.cells[0], name).fill_(value)
    start = (layers.cells[0].initial_state(1, dtype=torch.float64)._replace(h=torch.full((3, 1), fixed).double()),)
    x = torch.zeros(3, 80, 1, dtype=torch.float64)
    (flow,) = gradient_flow(layers, lambda: layers(x, start)[0][:, -1].sum())
    assert flow.rate == pytest.approx(math.log(w * (1 - fixed**2)), rel=0.01)


@pytest.mark.parametrize("forget", [-2.0, 0.0, 3.0])
def test_an_lstm_with_forced_gates_keeps_what_its_forget_gate_keeps(forget):
    layers = Recurrent(LSTM, 2, 4).double()
    cell = layers.cells[0]
    with torch.no_grad():
        cell.weight_hh.zero_()
        cell.weight_ih[:8].zero_()  # i and f
        cell.bias_hh.zero_()
        cell.bias_ih[4:8] = forget
    model, x = Reader(layers, 4).double(), torch.randn(4, 30, 2, dtype=torch.float64)
    h, c = gradient_flow(model, lambda: model(x).sum())
    assert c.rate == pytest.approx(-math.log1p(math.exp(-forget)), rel=0.01)  # log of the gate
    assert h.norms.nan_to_num(0).max() == 0  # nothing reads h
    assert math.isnan(h.rate)


def test_what_has_no_recurrent_layer_is_refused():
    model = nn.Linear(2, 1)
    with pytest.raises(OstinatoError, match="ran no recurrent layer of this engine: use"):
        gradient_flow(model, lambda: model(torch.randn(3, 2)).sum())
    layers = Recurrent(GRU, 2, 3)
    with pytest.raises(OstinatoError, match="does not depend on any recurrent layer"):
        gradient_flow(layers, lambda: layers(torch.randn(3, 4, 2))[0].detach().sum())
