"""A sequence in, an aligned sequence out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import GRU, LSTM
from ostinato.engine import detach
from ostinato.nn import Recurrent
from ostinato.topologies import ManyToMany

law = settings(deadline=None, derandomize=True, max_examples=15)


def tagger(**settings):
    torch.manual_seed(0)
    return ManyToMany(Recurrent(LSTM, 3, 4, **settings), 2).double()


@pytest.mark.parametrize("bidirectional", [False, True])
@law
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_every_step_is_the_linear_map_of_its_layers_output_and_padding_is_zero(bidirectional, lengths):
    net = tagger(bidirectional=bidirectional, num_layers=2)
    x = torch.randn(len(lengths), 5, 3).double()
    for row, length in enumerate(lengths):
        x[row, length:] = torch.nan

    y, state = net(x, lengths=torch.tensor(lengths))

    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        hidden, final = net.recurrent(x[one, :length])
        torch.testing.assert_close(y[one, :length], net.output(hidden))
        torch.testing.assert_close([tensor[one] for each in state for tensor in each], [t for s in final for t in s])
        assert not y[row, length:].any()


def test_no_gradient_reaches_the_padding_and_none_is_broken_by_it():
    net = tagger()
    x = torch.randn(2, 5, 3).double()
    x[1, 2:] = torch.nan
    x.requires_grad_()

    net(x, lengths=torch.tensor([5, 2]))[0].sum().backward()

    assert not x.grad[1, 2:].any()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_an_output_sees_nothing_of_what_comes_after_it():
    net, x = tagger(num_layers=2), torch.randn(1, 5, 3).double().requires_grad_()

    (gradient,) = torch.autograd.grad(net(x)[0][:, 2].sum(), [x])

    assert gradient[:, :3].all()
    assert not gradient[:, 3:].any()


@law
@given(cut=st.integers(0, 6))
def test_chunks_that_carry_the_state_give_what_the_whole_gives(cut):
    net, x = tagger(num_layers=2), torch.randn(2, 6, 3).double()

    first, state = net(x[:, :cut])
    second, _ = net(x[:, cut:], detach(state))

    torch.testing.assert_close(torch.cat([first, second], 1), net(x)[0])


def test_it_learns_a_running_sum():
    torch.manual_seed(0)
    net = ManyToMany(Recurrent(GRU, 1, 16), 1)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)

    def loss(rows):
        x, lengths = torch.rand(rows, 10, 1) - 0.5, torch.randint(1, 11, (rows,))
        valid = (torch.arange(10) < lengths[:, None])[..., None]
        target = x.cumsum(1).masked_fill(~valid, 0)
        y, _ = net(x, lengths=lengths)
        return (y - target).square().sum() / valid.sum(), target.square().sum() / valid.sum()

    for _ in range(100):
        optimiser.zero_grad()
        loss(32)[0].backward()
        optimiser.step()

    error, of_zero = loss(500)
    assert error < 0.1 * of_zero  # always saying zero


def test_an_output_size_below_one_is_refused():
    with pytest.raises(ValueError, match="output_size must be at least 1, got -2"):
        ManyToMany(Recurrent(GRU, 3, 4), -2)


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (torch.zeros(2, 5, 4), None, r"x must be \(batch, time, 3\)"),
        (torch.zeros(2, 5, 3), torch.tensor([5, -1]), "lengths must lie between 0 and 5"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, lengths, message):
    with pytest.raises(ValueError, match=message):
        tagger().float()(x, lengths=lengths)


@pytest.mark.parametrize("locked", [True, False])
def test_dropout_acts_on_what_the_output_is_made_of_in_training_only(locked):
    torch.manual_seed(0)
    recurrent = Recurrent(GRU, 3, 8)
    net = ManyToMany(recurrent, 8, dropout=0.5, locked_dropout=locked)
    with torch.no_grad():
        net.output.weight.copy_(torch.eye(8))
        net.output.bias.zero_()
    x = torch.randn(2, 6, 3)
    gone = net(x)[0] == 0
    assert gone.any()
    assert torch.equal(gone, gone[:, :1].expand_as(gone)) == locked
    torch.testing.assert_close(net.eval()(x)[0], recurrent(x)[0])
