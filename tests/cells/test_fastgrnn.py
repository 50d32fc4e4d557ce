"""FastRNN and FastGRNN, against their paper's equations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells.fastgrnn import FastGRNN, FastRNN, FastState
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=20)
both = pytest.mark.parametrize("kind", [FastRNN, FastGRNN])
ranks = pytest.mark.parametrize(("rank_w", "rank_u"), [(None, None), (2, None), (None, 3), (1, 4)])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def made(kind, **options):
    torch.manual_seed(0)
    return kind(3, 4, **options).double()


def arrays(cell):
    """The parameters, with W and U multiplied out and the scalars behind their sigmoid."""
    w = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    w["W"] = w["weight_ih"] @ w["factor_ih"] if "factor_ih" in w else w["weight_ih"]
    w["U"] = w["weight_hh"] @ w["factor_hh"] if "factor_hh" in w else w["weight_hh"]
    for name in ("alpha", "beta", "zeta", "nu"):
        if name in w:
            w[name] = sigmoid(w[name].item())
    return w


def fast_rnn_step(w, x, h):
    candidate = np.tanh(w["W"] @ x + w["U"] @ h + w["bias"])
    return w["alpha"] * candidate + w["beta"] * h


def fast_grnn_step(w, x, h):
    b_z, b_h = np.split(w["bias"], 2)
    z = sigmoid(w["W"] @ x + w["U"] @ h + b_z)
    candidate = np.tanh(w["W"] @ x + w["U"] @ h + b_h)
    return (w["zeta"] * (1 - z) + w["nu"]) * candidate + z * h


@pytest.mark.parametrize(("kind", "step"), [(FastRNN, fast_rnn_step), (FastGRNN, fast_grnn_step)])
@ranks
def test_each_is_its_equations_with_full_and_low_rank_weights(kind, step, rank_w, rank_u):
    cell = made(kind, rank_w=rank_w, rank_u=rank_u)
    x, h_0 = torch.randn(5, 6, 3).double(), torch.randn(5, 4).double()

    y, final = scan(cell, x, FastState(h_0), backend="reference")

    w = arrays(cell)
    for row in range(5):
        h = h_0[row].numpy()
        for t in range(6):
            h = step(w, x[row, t].numpy(), h)
            np.testing.assert_allclose(y[row, t].detach(), h, atol=1e-12)
    assert torch.equal(final.h, y[:, -1])


@both
def test_low_rank_weights_have_that_rank_and_as_many_numbers_as_their_factors(kind):
    torch.manual_seed(0)
    cell = kind(10, 12, rank_w=2, rank_u=3)
    w = arrays(cell)

    assert (np.linalg.matrix_rank(w["W"]), np.linalg.matrix_rank(w["U"])) == (2, 3)
    assert (w["W"].shape, w["U"].shape) == ((12, 10), (12, 12))
    assert cell.weight_ih.numel() + cell.factor_ih.numel() == 2 * (12 + 10)
    assert cell.weight_hh.numel() + cell.factor_hh.numel() == 3 * (12 + 12)


@both
@law
@given(data=st.data(), batch=st.integers(0, 4), time=st.integers(1, 4), inputs=st.integers(1, 5))
def test_each_runs_at_any_size_and_rank(kind, data, batch, time, inputs):
    hidden = data.draw(st.integers(1, 6))
    rank_w = data.draw(st.none() | st.integers(1, min(inputs, hidden)))
    rank_u = data.draw(st.none() | st.integers(1, hidden))

    y, final = scan(kind(inputs, hidden, rank_w=rank_w, rank_u=rank_u), torch.randn(batch, time, inputs))

    assert y.shape == (batch, time, hidden)
    assert final.h.shape == (batch, hidden)


@both
@ranks
def test_the_gradients_through_time_are_the_finite_differences(kind, rank_w, rank_u):
    cell = made(kind, rank_w=rank_w, rank_u=rank_u)
    x, h = torch.randn(2, 4, 3).double().requires_grad_(), torch.randn(2, 4).double().requires_grad_()

    def run(x, h, *_):
        return scan(cell, x, FastState(h), backend="reference")[0]

    assert torch.autograd.gradcheck(run, (x, h, *cell.parameters()))


def test_the_trained_scalars_begin_near_a_residual_connection():
    rnn, grnn = arrays(made(FastRNN)), arrays(made(FastGRNN))

    assert rnn["alpha"] + rnn["beta"] == pytest.approx(1)
    assert rnn["alpha"] == pytest.approx(0.0474, abs=1e-4)
    assert (grnn["zeta"], grnn["nu"]) == pytest.approx((0.7311, 0.0180), abs=1e-4)


@both
def test_gate_and_candidate_share_their_weights(kind):
    sizes = {name: tuple(value.shape) for name, value in made(kind).named_parameters() if "weight" in name}

    assert sizes == {"weight_ih": (4, 3), "weight_hh": (4, 4)}


@both
def test_the_recurrent_weights_are_u_or_its_two_factors(kind):
    assert made(kind, rank_w=2).recurrent_weights == ("weight_hh",)
    assert made(kind, rank_u=2).recurrent_weights == ("weight_hh", "factor_hh")


@both
@pytest.mark.parametrize("rank_u", [None, 2])
def test_a_recurrent_dropout_mask_is_not_seen_by_the_carried_state(kind, rank_u):
    cell = made(kind, rank_u=rank_u)
    x, h = torch.randn(5, 3).double(), torch.randn(5, 4).double()
    kept = torch.tensor([0.0, 1.0, 1.0, 0.0]).double()

    dropped, _ = cell(torch.cat([x, kept.expand(5, 4)], dim=1), FastState(h))

    with torch.no_grad():
        (cell.weight_hh if cell.factor_hh is None else cell.factor_hh).mul_(kept)
    torch.testing.assert_close(dropped, cell(x, FastState(h))[0])


@both
@pytest.mark.parametrize(
    ("name", "rank", "most"), [("rank_w", 0, 3), ("rank_w", 4, 3), ("rank_u", -1, 4), ("rank_u", 5, 4)]
)
def test_a_rank_that_the_sizes_do_not_allow_is_refused(kind, name, rank, most):
    with pytest.raises(ValueError, match=f"{kind.__name__}: {name} must lie between 1 and {most}, got {rank}"):
        kind(3, 4, **{name: rank})


def test_each_shows_its_ranks():
    assert repr(FastRNN(3, 4)) == "FastRNN(3, 4)"
    assert repr(FastGRNN(3, 4, rank_w=2, rank_u=3)) == "FastGRNN(3, 4, rank_w=2, rank_u=3)"


def test_fast_grnn_learns_to_say_which_came_first():
    torch.manual_seed(0)
    cell, head = FastGRNN(2, 12, rank_u=6), torch.nn.Linear(12, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.02)

    def batch():
        """A pulse on each of two channels, in either order; which channel was first."""
        first, apart = torch.randint(0, 2, (32,)), torch.randint(1, 5, (32,))
        x, rows = torch.zeros(32, 10, 2), torch.arange(32)
        x[rows, 1, first] = 1
        x[rows, 1 + apart, 1 - first] = 1
        return x, first.float()

    for _ in range(150):
        x, first = batch()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(scan(cell, x)[1].h)[:, 0], first)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    x, first = batch()
    guesses = head(scan(cell, x)[1].h)[:, 0] > 0
    assert (guesses == first.bool()).float().mean() > 0.95
