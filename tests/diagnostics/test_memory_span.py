"""The memory span: the decay of a linear recurrence, whole and cut, on every kind of recurrent module."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import ostinato.nn
from ostinato.cells import GRU, LSTM, QRNN, Elman
from ostinato.diagnostics import memory_span
from ostinato.diagnostics.probe import at_rest, record
from ostinato.nn import Recurrent


def spans(model, call, **settings):
    with at_rest(model):
        recording = record(model, call)
    return memory_span(recording, **settings)


def decaying(rho, size=4):
    """``h_t = rho h_{t-1} + w x_t``."""
    layers = Recurrent(partial(Elman, activation="identity"), 1, size).double()
    with torch.no_grad():
        layers.cells[0].weight_hh.copy_(rho * torch.eye(size, dtype=torch.float64))
    return layers


@pytest.mark.parametrize("rho", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("share", [0.01, 0.1])
def test_a_linear_recurrence_forgets_as_rho_to_the_lag(rho, share):
    torch.manual_seed(0)
    layers, x = decaying(rho), torch.randn(5, 200, 1, dtype=torch.float64)
    (found,) = spans(layers, lambda: layers(x)[0].sum(), share=share)
    torch.testing.assert_close(found.by_gradient, rho ** found.gradient_lags.double())
    far = rho ** found.lags.double()
    torch.testing.assert_close(found.by_perturbation, far, rtol=1e-6, atol=1e-9)
    expected = int(math.log(share) / math.log(rho))
    assert found.span_by_gradient == found.span_by_perturbation == expected
    assert not found.censored


def test_a_span_that_is_the_longest_lag_is_censored():
    layers, x = decaying(0.99), torch.randn(5, 20, 1, dtype=torch.float64)
    (found,) = spans(layers, lambda: layers(x)[0].sum())
    assert found.span_by_gradient == found.span_by_perturbation == 19
    assert found.censored


def test_the_lags_are_few_and_reach_from_the_last_step_to_the_first():
    layers, x = decaying(0.9), torch.randn(2, 1000, 1, dtype=torch.float64)
    (found,) = spans(layers, lambda: layers(x)[0].sum())
    assert len(found.lags) <= 24
    assert found.lags[[0, 1, -1]].tolist() == [0, 1, 999]
    assert found.gradient_lags.tolist() == list(range(1000))


def test_a_window_of_three_inputs_reaches_two_steps_back():
    torch.manual_seed(0)
    layers, x = Recurrent(partial(QRNN, window=3), 2, 4).double(), torch.randn(4, 30, 2, dtype=torch.float64)
    with torch.no_grad():
        layers.cells[0].bias[4:8] = -1000  # nothing is kept
    (found,) = spans(layers, lambda: layers(x)[0].sum())
    assert found.span_by_gradient == 2
    assert found.by_perturbation[3:].count_nonzero() == 0


def test_each_row_ends_at_its_own_length():
    layers, x = decaying(0.8), torch.randn(4, 40, 1, dtype=torch.float64)
    lengths = torch.tensor([40, 30, 25, 0])
    (found,) = spans(layers, lambda: layers(x, lengths=lengths)[0].sum())
    assert found.lags[-1] == 29  # the longer two of the three rows that have steps have it
    torch.testing.assert_close(found.by_gradient, 0.8 ** found.gradient_lags.double())


def test_a_row_that_is_alone_is_perturbed_by_its_own_past():
    layers, x = decaying(0.8), torch.randn(1, 40, 1, dtype=torch.float64)
    (found,) = spans(layers, lambda: layers(x)[0].sum())
    torch.testing.assert_close(found.by_perturbation, 0.8 ** found.lags.double(), rtol=1e-6, atol=1e-9)


def test_torchs_layers_measure_alike_however_they_are_called():
    torch.manual_seed(0)
    first, x = torch.randn(2, 3, 4), torch.randn(3, 12, 2)
    lengths = torch.tensor([12, 9, 10])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    found = []
    for batch_first in (True, False):
        torch.manual_seed(1)
        layers = ostinato.nn.GRU(2, 4, num_layers=2, batch_first=batch_first)
        laid = x if batch_first else x.transpose(0, 1)
        found += spans(layers, lambda m=layers, v=laid: m(v, first, lengths=lengths)[0].sum())
        found += spans(layers, lambda m=layers: m(packed, hx=first)[0].data.sum())
    for other in found[1:]:
        torch.testing.assert_close(other.by_gradient, found[0].by_gradient)
        torch.testing.assert_close(other.by_perturbation, found[0].by_perturbation)


def test_a_single_unbatched_row_is_measured():
    layers, x = ostinato.nn.LSTM(2, 4), torch.randn(9, 2)
    (found,) = spans(layers, lambda: layers(x, (torch.zeros(1, 4), torch.zeros(1, 4)))[0].sum())
    assert found.gradient_lags[-1] == 8


def test_of_two_directions_the_forward_one_is_read():
    torch.manual_seed(0)
    both, x = Recurrent(GRU, 2, 4, bidirectional=True), torch.randn(3, 12, 2)
    one = Recurrent(GRU, 2, 4)
    one.scans[0].load_state_dict(both.scans[0].state_dict())
    (of_both,) = spans(both, lambda: both(x)[0].sum())
    (of_one,) = spans(one, lambda: one(x)[0].sum())
    torch.testing.assert_close(of_both.by_gradient, of_one.by_gradient)
    summed = Recurrent(GRU, 2, 4, bidirectional=True, merge="sum")
    assert spans(summed, lambda: summed(x)[0].sum()) == []


def test_each_module_that_reads_a_whole_sequence_is_found_by_its_name():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.reader, self.writer = Recurrent(LSTM, 2, 4), Recurrent(GRU, 4, 3)

        def forward(self, x):
            y, _ = self.reader(x)
            state = None
            for step in range(3):  # a decoder, step by step: not looked at
                out, state = self.writer(y[:, step : step + 1], state)
            return out

    model, x = Two(), torch.randn(2, 7, 2)
    assert [found.stack for found in spans(model, lambda: model(x).sum())] == ["reader"]


def test_the_state_before_the_first_step_is_the_rows_own():
    torch.manual_seed(0)
    layers, x = Recurrent(LSTM, 2, 4), torch.randn(20, 6, 2)
    first = layers.initial_state(20)
    first = tuple(type(s)(*(torch.randn_like(t) for t in s)) for s in first)
    assert len(spans(layers, lambda: layers(x, first)[0].sum())) == 1


def test_inputs_that_are_all_alike_say_nothing_when_exchanged():
    layers = decaying(0.9)
    (found,) = spans(layers, lambda: layers(torch.ones(3, 10, 1, dtype=torch.float64))[0].sum())
    assert found.by_perturbation.isnan().all()
    assert found.span_by_perturbation is None
    assert found.span_by_gradient == 9


def test_an_output_that_nothing_reaches_has_no_span():
    layers = decaying(0.0)
    with torch.no_grad():
        layers.cells[0].weight_ih.zero_()
    (found,) = spans(layers, lambda: layers(torch.randn(3, 10, 1, dtype=torch.float64))[0].sum())
    assert found.span_by_gradient is found.span_by_perturbation is None
    assert not found.censored


def test_a_module_comes_back_in_the_mode_it_was_in():
    layers = Recurrent(GRU, 2, 4, num_layers=2, dropout=0.5).train()
    recording = record(layers, lambda: layers(torch.randn(3, 6, 2))[0].sum())
    random = torch.random.get_rng_state()
    memory_span(recording)
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(module.training for module in layers.modules())
    assert all(parameter.requires_grad for parameter in layers.parameters())
