"""A sequence in, one vector out."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import GRU, LSTM
from ostinato.nn import Recurrent
from ostinato.topologies import ManyToOne, Pooling

law = settings(deadline=None, derandomize=True, max_examples=15)
every_pooling = pytest.mark.parametrize("pooling", get_args(Pooling))
both_ways = pytest.mark.parametrize("bidirectional", [False, True])


def reader(pooling, bidirectional=False, **settings):
    torch.manual_seed(0)
    return ManyToOne(Recurrent(GRU, 3, 4, bidirectional=bidirectional, **settings), 2, pooling=pooling).double()


def pooled(net, y):
    """One row of outputs ``(time, size)`` as one vector, by the words of the docstring."""
    if len(y) == 0:
        return torch.zeros(y.shape[1]).double()
    if net.pooling == "mean":
        return torch.stack(list(y)).mean(0)
    if net.pooling == "max":
        return torch.stack([column.max() for column in y.T])
    if net.pooling == "attention":
        b, W, v = net.attention.query.weight[:, 0], net.attention.key.weight, net.attention.score.weight[0]
        weights = torch.stack([v @ torch.tanh(W @ h + b) for h in y]).softmax(0)
        return sum(weight * h for weight, h in zip(weights, y, strict=True))
    return torch.cat([y[-1, :4], y[0, 4:]]) if net.recurrent.bidirectional else y[-1]


@every_pooling
@both_ways
@law
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_each_row_is_pooled_over_its_own_steps_whatever_stands_in_the_padding(pooling, bidirectional, lengths):
    net = reader(pooling, bidirectional)
    x = torch.randn(len(lengths), 5, 3).double()
    for row, length in enumerate(lengths):
        x[row, length:] = torch.nan

    result = net(x, torch.tensor(lengths))

    for row, length in enumerate(lengths):
        y = net.recurrent(x[row : row + 1, :length])[0][0]
        torch.testing.assert_close(result[row], net.output(pooled(net, y)))
        torch.testing.assert_close(result[row : row + 1], net(x[row : row + 1, :length]))


@every_pooling
@both_ways
def test_gradients_are_finite_and_none_reaches_the_padding(pooling, bidirectional):
    net, lengths = reader(pooling, bidirectional), torch.tensor([5, 0, 2])
    padding = torch.arange(5) >= lengths[:, None]
    x = torch.randn(3, 5, 3).double().masked_fill(padding[..., None], torch.nan).requires_grad_()

    net(x, lengths).square().sum().backward()

    assert not x.grad[padding].any()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    assert x.grad[0].any()


@every_pooling
@pytest.mark.parametrize("time", [0, 4])
def test_a_row_without_steps_gives_the_output_of_zeros(pooling, time):
    net = reader(pooling)

    y = net(torch.full((2, time, 3), torch.nan).double(), torch.tensor([0, 0]))

    torch.testing.assert_close(y, net.output.bias.expand(2, 2))
    assert net(torch.zeros(0, time, 3).double()).shape == (0, 2)


def test_last_sees_the_whole_row_in_both_directions():
    net = reader("last", True)
    x = torch.randn(1, 5, 3).double().requires_grad_()
    net.recurrent(x)

    half = net.output.in_features // 2
    for direction in (slice(0, half), slice(half, None)):
        with torch.no_grad():
            net.output.weight.zero_()
            net.output.weight[:, direction] = 1
        (gradient,) = torch.autograd.grad(net(x).sum(), [x])
        assert gradient.all()


def test_a_given_state_is_where_reading_starts():
    net, x = reader("last"), torch.randn(2, 6, 3).double()
    _, state = net.recurrent(x[:, :4])

    torch.testing.assert_close(net(x[:, 4:], state=state), net(x))


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_summed_directions_pool_over_steps(pooling):
    assert reader(pooling, True, merge="sum")(torch.randn(2, 3, 3).double()).shape == (2, 2)


@pytest.mark.parametrize("pooling", ["last", "max"])
def test_it_learns_the_sign_of_a_sum_over_rows_of_varying_length(pooling):
    torch.manual_seed(0)
    net = ManyToOne(Recurrent(LSTM, 1, 16), 1, pooling=pooling)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)

    def batch(rows):
        x, lengths = torch.randn(rows, 8, 1), torch.randint(2, 9, (rows,))
        total = x.masked_fill((torch.arange(8) >= lengths[:, None])[..., None], 0).sum(1)
        return x, lengths, (total > 0).float()

    for _ in range(100):
        x, lengths, positive = batch(32)
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(x, lengths), positive).backward()
        optimiser.step()

    x, lengths, positive = batch(500)
    accuracy = ((net(x, lengths) > 0) == (positive > 0.5)).float().mean()
    assert accuracy > 0.85  # always saying the same would be right half of the time


@every_pooling
def test_dropout_acts_on_the_pooled_vector_in_training_only(pooling):
    torch.manual_seed(0)
    net = ManyToOne(Recurrent(GRU, 3, 16), 2, pooling=pooling, dropout=0.5)
    x = torch.randn(2, 5, 3)

    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_unknown_pooling_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match="one of last, mean, max, attention, got 'sum'"):
        reader("sum")


def test_the_ends_of_summed_directions_cannot_be_told_apart():
    with pytest.raises(ValueError, match="use merge='concat'"):
        reader("last", True, merge="sum")


def test_an_output_size_below_one_is_refused():
    with pytest.raises(ValueError, match="output_size must be at least 1, got 0"):
        ManyToOne(Recurrent(GRU, 3, 4), 0)


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (torch.zeros(2, 5, 4), None, r"x must be \(batch, time, 3\)"),
        (torch.zeros(2, 5, 3), torch.tensor([5]), "lengths must be 2 integers"),
        (torch.zeros(2, 5, 3), torch.tensor([5, 6]), "lengths must lie between 0 and 5"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, lengths, message):
    with pytest.raises(ValueError, match=message):
        reader("mean").float()(x, lengths)
