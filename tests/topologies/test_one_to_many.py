"""One vector in, a sequence out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import CELLS, GRU, LSTM, Elman
from ostinato.nn import Recurrent
from ostinato.topologies import OneToMany

law = settings(deadline=None, derandomize=True, max_examples=15)


def writer(cell=LSTM, *, layers=2):
    torch.manual_seed(0)
    return OneToMany(3, Recurrent(cell, 2, 5, num_layers=layers), 2).double()


def test_the_vector_makes_every_tensor_of_the_initial_state_and_the_first_input_is_zero():
    net, x = writer(), torch.randn(4, 3).double()
    states = []
    for start in net.start:
        h, c = torch.tanh(start.linear(x)).chunk(2, dim=-1)
        states.append((h, c))
    types = [type(state) for state in net.recurrent.initial_state(1)]

    hidden, _ = net.recurrent(
        torch.zeros(4, 1, 2).double(), tuple(make(*state) for make, state in zip(types, states, strict=True))
    )

    torch.testing.assert_close(net(x, 1), net.output(hidden))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_cell_writes_and_its_start_is_learned(cell):
    net = writer(cell)

    y = net(torch.randn(4, 3).double(), 3)
    y.square().sum().backward()

    assert y.shape == (4, 3, 2)
    assert all(parameter.grad is not None for parameter in net.start.parameters())


@law
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_reading_its_own_output_is_teacher_forcing_with_its_own_output(lengths):
    net, x = writer(), torch.randn(len(lengths), 3).double()
    steps = torch.tensor(lengths)

    written = net(x, steps)

    torch.testing.assert_close(net(x, steps, targets=written), written)
    assert written.shape == (len(lengths), max(lengths), 2)


@law
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), forced=st.booleans())
def test_a_row_ends_at_its_own_length_and_is_what_it_is_alone(lengths, forced):
    net, x = writer(), torch.randn(len(lengths), 3).double()
    longest = max(lengths)
    past = torch.arange(longest) >= torch.tensor(lengths)[:, None]
    targets = torch.randn(len(lengths), longest, 2).double()
    padded = targets.masked_fill(past[..., None], torch.nan)

    y = net(x, torch.tensor(lengths), padded if forced else None)

    assert not y[past].any()
    for row, length in enumerate(lengths):
        alone = net(x[row : row + 1], length, targets[row : row + 1, :length] if forced else None)
        torch.testing.assert_close(y[row : row + 1, :length], alone)


def test_padding_reaches_no_gradient():
    net, x = writer(), torch.randn(2, 3).double()
    targets = torch.randn(2, 4, 2).double()
    targets[1, 1:] = torch.nan

    net(x, torch.tensor([4, 1]), targets).sum().backward()

    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_steps_go_back_through_the_outputs_that_were_fed():
    net, x = writer(GRU), torch.randn(2, 3).double().requires_grad_()

    (gradient,) = torch.autograd.grad(net(x, 5)[:, 4].sum(), [x])

    assert gradient.all()


@pytest.mark.parametrize("steps", [0, torch.tensor([0, 0])])
def test_no_steps_write_nothing(steps):
    assert writer()(torch.randn(2, 3).double(), steps).shape == (2, 0, 2)


def test_no_rows_write_nothing():
    assert writer()(torch.randn(0, 3).double(), torch.zeros(0, dtype=torch.int64)).shape == (0, 0, 2)


def test_it_learns_a_sine_from_its_phase():
    torch.manual_seed(0)
    net = OneToMany(2, Recurrent(LSTM, 1, 16), 1)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    steps = torch.arange(12) * 0.5

    def batch(rows):
        phase = torch.rand(rows, 1) * 2 * torch.pi
        return torch.cat([phase.sin(), phase.cos()], 1), torch.sin(phase + steps)[..., None]

    for _ in range(80):
        x, y = batch(32)
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(net(x, 12), y).backward()
        optimiser.step()

    x, y = batch(200)
    assert torch.nn.functional.mse_loss(net(x, 12), y) < 0.1 * y.var()  # the mean would be as bad as the variance


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneToMany(3, Recurrent(GRU, 4, 5), 2), "fed its own output of 2; make it with input_size=2"),
        (lambda: OneToMany(3, Recurrent(GRU, 2, 5, bidirectional=True), 2), "must not be bidirectional"),
        (lambda: OneToMany(0, Recurrent(GRU, 2, 5), 2), "input_size must be at least 1, got 0"),
    ],
)
def test_networks_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "steps", "targets", "message"),
    [
        (torch.zeros(2, 4), 3, None, r"x must be \(batch, 3\), got \(2, 4\)"),
        (torch.zeros(2, 3, 3), 3, None, r"x must be \(batch, 3\), got \(2, 3, 3\)"),
        (torch.zeros(2, 3), -1, None, "steps must not be negative, got -1"),
        (torch.zeros(2, 3), torch.tensor([1, -1]), None, "steps must not be negative, got -1"),
        (torch.zeros(2, 3), torch.tensor([1, 2, 3]), None, "steps must be 2 integers"),
        (torch.zeros(2, 3), torch.tensor([1.0, 2.0]), None, "steps must be 2 integers"),
        (torch.zeros(2, 3), 3, torch.zeros(2, 4, 2), r"targets must be \(2, 3, 2\), got \(2, 4, 2\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, steps, targets, message):
    with pytest.raises(ValueError, match=message):
        OneToMany(3, Recurrent(Elman, 2, 5), 2)(x, steps, targets)
