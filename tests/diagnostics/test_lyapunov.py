"""Lyapunov exponents where they are known: linear recurrences and the maps of the textbooks."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from ostinato.cells import CELLS, GRU, LSTM, Cell, Elman, ElmanState
from ostinato.diagnostics import gradient_flow, lyapunov_exponents, track_exponents
from ostinato.diagnostics.probe import at_rest, record
from ostinato.diagnostics.steps import steps_of
from ostinato.nn import Recurrent


class H(NamedTuple):
    h: Tensor


class Map(Cell[H]):
    """A map of the state to itself, as a cell that does not look at its input."""

    def __init__(self, size, step):
        super().__init__(1, size)
        self.step = step

    def initial_state(self, batch_size, device=None, dtype=None):
        return H(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        h = self.step(state.h)
        return h, H(h)


def silence(rows, steps):
    return torch.zeros(rows, steps, 1, dtype=torch.float64)


def somewhere(rows, size, low=0.1, high=0.9):
    random = torch.Generator().manual_seed(0)
    return low + (high - low) * torch.rand(rows, size, dtype=torch.float64, generator=random)


def tracks_of(layers, call):
    with at_rest(layers):
        return record(layers, call).tracks


def linear(matrix):
    cell = Elman(1, len(matrix), activation="identity").double()
    with torch.no_grad():
        cell.weight_hh.copy_(matrix)
    return cell


@pytest.mark.parametrize("rho", [0.5, 1.0, 1.1])
def test_rho_times_an_orthogonal_matrix_has_log_rho_for_all_exponents(rho):
    torch.manual_seed(0)
    cell = linear(rho * torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q)
    found = lyapunov_exponents(cell, torch.randn(2, 20, 1, dtype=torch.float64))
    torch.testing.assert_close(found, torch.full((6,), math.log(rho), dtype=torch.float64))


def test_a_diagonal_matrix_has_the_logarithms_of_its_entries_the_largest_first():
    entries = torch.tensor([0.5, -0.9, 1.1, 0.2, 0.7], dtype=torch.float64)
    found = lyapunov_exponents(linear(entries.diag()), silence(1, 400), warmup=150)
    torch.testing.assert_close(found, entries.abs().log().sort(descending=True).values)


def test_a_tent_map_built_of_two_relu_units_has_the_logarithm_of_its_slope():
    # u -> a min(u, 1 - u) = a (relu(u) - 2 relu(u - 1/2)); the two units are what stands in the brackets.
    slope = 1.9
    cell = Elman(1, 2, activation="relu").double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_hh.copy_(slope * torch.tensor([[1.0, -2.0], [1.0, -2.0]]))
        cell.bias_hh.copy_(torch.tensor([0, -0.5]))
    u = somewhere(8, 1)
    state = ElmanState(torch.cat([u, (u - 0.5).relu()], 1))
    assert lyapunov_exponents(cell, silence(8, 200), state).tolist() == [
        pytest.approx(math.log(slope), rel=0.02),
        -math.inf,  # the two units are one number
    ]


def test_the_logistic_map_doubles_a_distance_at_each_step():
    cell = Map(1, lambda u: 4 * u * (1 - u))
    (found,) = lyapunov_exponents(cell, silence(16, 500), H(somewhere(16, 1)), warmup=20).tolist()
    assert found == pytest.approx(math.log(2), rel=0.02)


def test_the_henon_map_has_its_two_exponents_and_shrinks_areas_by_its_b():
    def henon(state):
        u, v = state.unbind(1)
        return torch.stack([1 - 1.4 * u**2 + v, 0.3 * u], 1)

    found = lyapunov_exponents(Map(2, henon), silence(64, 700), H(somewhere(64, 2, 0, 0.1)), warmup=50)
    torch.testing.assert_close(found, torch.tensor([0.4192, -1.6231], dtype=torch.float64), rtol=0.02, atol=0)
    assert float(found.sum()) == pytest.approx(math.log(0.3), abs=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_all_exponents_of_every_cell_add_up_to_the_mean_growth_of_volumes(name):
    torch.manual_seed(0)
    cell, x = CELLS[name](3, 3).double(), torch.randn(1, 4, 3, dtype=torch.float64)
    state, volumes = cell.initial_state(1, dtype=torch.float64), []
    kind = type(state)
    for step in x.unbind(1):

        def flat(*old, step=step):
            return torch.cat(cell(step, kind(*(tensor[None] for tensor in old)))[1], 1)[0]

        jacobian = torch.cat(torch.autograd.functional.jacobian(flat, tuple(tensor[0] for tensor in state)), 1)
        volumes.append(torch.linalg.det(jacobian).abs().log())
        state = cell(step, state)[1]
    size = sum(tensor.shape[1] for tensor in state)
    found = lyapunov_exponents(cell, x, count=size).sum()
    expected = torch.stack(volumes).mean()
    if expected < -30 * size:  # a step that is not one to one, but for rounding
        assert found == -math.inf
    else:
        torch.testing.assert_close(found.detach(), expected.detach())


def test_fewer_exponents_are_the_first_of_all():
    torch.manual_seed(0)
    cell, x = LSTM(2, 3), torch.randn(4, 100, 2)
    every, first = lyapunov_exponents(cell, x, warmup=30), lyapunov_exponents(cell, x, count=2, warmup=30)
    assert every.shape == (6,)
    torch.testing.assert_close(first, every[:2], rtol=0, atol=2e-3)


def test_counts_and_warmups_that_leave_nothing_are_refused():
    cell, x = GRU(1, 3), torch.zeros(1, 10, 1)
    for count in (0, 4):
        with pytest.raises(ValueError, match="count must lie between 1 and the state's size, 3"):
            lyapunov_exponents(cell, x, count=count)
    for warmup in (-1, 5):
        with pytest.raises(ValueError, match="warmup must leave steps to count"):
            lyapunov_exponents(cell, x, warmup=warmup)


def test_a_layer_that_ran_is_followed_along_its_own_states():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 2, 5, backend="reference"), torch.randn(3, 60, 2)
    (track,) = tracks_of(layers, lambda: layers(x)[0].sum())
    found = track_exponents(track, 2)
    exact = lyapunov_exponents(layers.cells[0], x, count=2, warmup=0)
    torch.testing.assert_close(found, exact, rtol=0.1, atol=0)


def test_rows_are_followed_to_their_own_length():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 2, 5, backend="reference").double(), torch.randn(4, 40, 2, dtype=torch.float64)
    lengths = torch.tensor([40, 12, 3, 0])
    padded = torch.where((torch.arange(40) < lengths[:, None])[..., None], x, torch.nan)
    (together,) = tracks_of(layers, lambda: layers(padded, lengths=lengths)[0].sum())
    total, steps = 0, 0
    for row, length in enumerate(lengths[:3].tolist()):
        (alone,) = tracks_of(layers, lambda r=row, n=length: layers(x[r : r + 1, :n])[0].sum())
        counted = length - length // 4
        total, steps = total + counted * track_exponents(alone, 1), steps + counted
    torch.testing.assert_close(track_exponents(together, 1), total / steps)


def test_a_decoder_that_runs_step_by_step_and_a_layer_that_runs_backwards_are_followed_too():
    torch.manual_seed(0)
    layers, x = Recurrent(GRU, 2, 5, backend="reference").double(), torch.randn(2, 30, 2, dtype=torch.float64)

    def stepwise():
        state = None
        for step in range(30):
            y, state = layers(x[:, step : step + 1], state)
        return y.sum()

    both = Recurrent(GRU, 2, 5, bidirectional=True, backend="reference").double()
    both.scans[1].load_state_dict(layers.scans[0].state_dict())
    (whole,) = tracks_of(layers, lambda: layers(x)[0].sum())
    (steps,) = tracks_of(layers, stepwise)
    _, backwards = tracks_of(both, lambda: both(x.flip(1))[0].sum())
    torch.testing.assert_close(track_exponents(steps), track_exponents(whole))
    torch.testing.assert_close(track_exponents(backwards), track_exponents(whole))


def test_without_a_valid_step_there_are_no_exponents():
    layers = Recurrent(GRU, 2, 5, backend="reference")
    none = torch.zeros(2, dtype=torch.int64)
    (track,) = tracks_of(layers, lambda: layers(torch.zeros(2, 3, 2), lengths=none)[0].sum())
    assert track_exponents(track) is None


def test_the_largest_exponent_is_the_rate_at_which_gradients_fade():
    torch.manual_seed(0)
    layers, x = Recurrent(Elman, 2, 8, backend="reference").double(), torch.randn(8, 300, 2, dtype=torch.float64)
    with torch.no_grad():
        layers.cells[0].weight_hh.mul_(1.5)
    (track,) = tracks_of(layers, lambda: layers(x)[0].sum())
    (flow,) = gradient_flow(layers, lambda: layers(x)[0][:, -1].sum())
    assert float(track_exponents(track)[0]) == pytest.approx(flow.rate, rel=0.05)


def test_scans_are_one_run_of_steps_only_where_they_go_on_from_each_other():
    layers = Recurrent(Elman, 2, 3).double()
    first, second = torch.randn(2, 4, 5, 2, dtype=torch.float64)

    def unrelated():
        return layers(first)[0].sum() + layers(second)[0].sum()

    def continued():
        y, state = layers(first)
        return y.sum() + layers(second, state)[0].sum()

    (apart,), (together,) = tracks_of(layers, unrelated), tracks_of(layers, continued)
    assert [run.x.shape[1] for run in steps_of(apart)] == [5, 5]
    (run,) = steps_of(together)
    torch.testing.assert_close(run.x, torch.cat([first, second], 1))
    torch.testing.assert_close(run.before.h[:, 5], run.after.h[:, 4])
