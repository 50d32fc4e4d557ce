"""What holds for every cell."""

import copy
from functools import partial
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from ostinato.cells import (
    CELLS,
    GRU,
    LSTM,
    SLSTM,
    Cell,
    Chain,
    CoupledLSTM,
    Elman,
    FastGRNN,
    Jordan,
    LayerNormLSTM,
    PeepholeLSTM,
    Zoneout,
)
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=10)

EVERY_CELL = {
    **CELLS,
    "elman_without_bias": partial(Elman, bias=False),
    "lstm_without_bias": partial(LSTM, bias=False),
    "lstm_with_projection": partial(LSTM, proj_size=2),
    "peephole_lstm_with_projection": partial(PeepholeLSTM, proj_size=2),
    "coupled_lstm_with_projection": partial(CoupledLSTM, proj_size=2),
    "layer_norm_lstm_with_projection": partial(LayerNormLSTM, proj_size=2),
    "jordan_with_output_size": partial(Jordan, output_size=2),
    "slstm_with_heads": partial(SLSTM, heads=2, forget_gate="exponential"),
    "low_rank_fast_grnn": partial(FastGRNN, rank_w=2, rank_u=2),
    "gru_under_zoneout": lambda inputs, hidden: Zoneout(CELLS["gru"](inputs, hidden)),
}
SMOOTH = [name for name in EVERY_CELL if name not in ("relu", "binary", "irnn", "indrnn")]

every_cell = pytest.mark.parametrize("name", EVERY_CELL)


def made(name: str, *, seed: int = 0) -> Cell:
    torch.manual_seed(seed)
    return EVERY_CELL[name](3, 4).double()


def random_state(cell: Cell, batch: int):
    state = cell.initial_state(batch, dtype=torch.float64)
    return type(state)(*(torch.randn_like(tensor) for tensor in state))


@every_cell
def test_the_initial_state_is_zero_and_has_the_shape_of_every_later_state(name):
    cell = made(name)
    first = cell.initial_state(5, dtype=torch.float64)

    y, new = cell(torch.randn(5, cell.input_size).double(), first)

    assert y.shape == (5, cell.output_size)
    assert type(new) is type(first)
    assert all(not tensor.any() for tensor in first)
    assert [tensor.shape for tensor in new] == [tensor.shape for tensor in first]
    assert {tensor.dtype for tensor in (y, *new, *first)} == {torch.float64}


@every_cell
def test_the_initial_state_is_made_on_the_device_and_in_the_dtype_asked_for(name):
    state = made(name).initial_state(2, torch.device("meta"), torch.bfloat16)

    assert {(tensor.device.type, tensor.dtype) for tensor in state} == {("meta", torch.bfloat16)}


@every_cell
@law
@given(data=st.data())
def test_permuting_the_rows_permutes_the_results(name, data):
    cell = made(name)
    order = data.draw(st.permutations(range(data.draw(st.integers(1, 6)))))
    x, state = torch.randn(len(order), cell.input_size).double(), random_state(cell, len(order))

    y, new = cell(x, state)
    y_permuted, new_permuted = cell(x[order], type(state)(*(tensor[order] for tensor in state)))

    torch.testing.assert_close(y_permuted, y[order])
    torch.testing.assert_close(tuple(new_permuted), tuple(tensor[order] for tensor in new))


@every_cell
def test_a_row_alone_gives_what_it_gives_in_a_batch(name):
    cell = made(name)
    x, state = torch.randn(4, cell.input_size).double(), random_state(cell, 4)

    y, new = cell(x, state)
    for row in range(4):
        one = slice(row, row + 1)
        y_alone, new_alone = cell(x[one], type(state)(*(tensor[one] for tensor in state)))

        torch.testing.assert_close(y_alone, y[one])
        torch.testing.assert_close(tuple(new_alone), tuple(tensor[one] for tensor in new))


@every_cell
def test_a_broken_row_breaks_no_other(name):
    cell = made(name)
    x, state = torch.randn(3, cell.input_size).double(), random_state(cell, 3)
    x[1] = torch.nan

    y, new = cell(x, state)

    assert all(tensor[[0, 2]].isfinite().all() for tensor in (y, *new))


@every_cell
def test_a_step_draws_no_random_numbers_and_changes_neither_input_nor_parameters(name):
    cell = made(name).train()
    x, state = torch.randn(2, cell.input_size).double(), random_state(cell, 2)
    kept = copy.deepcopy((x, tuple(state), cell.state_dict()))
    generator = torch.get_rng_state()

    first = cell(x, state)
    second = cell(x, state)

    assert torch.equal(torch.get_rng_state(), generator)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close((x, tuple(state), cell.state_dict()), kept, rtol=0, atol=0)


@every_cell
def test_every_parameter_has_a_gradient(name):
    cell = made(name)
    x = torch.randn(2, 3, cell.input_size).double().requires_grad_()

    y, _ = scan(cell, x)
    y.square().sum().backward()

    parameters = dict(cell.named_parameters())
    assert parameters
    assert [key for key, value in parameters.items() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradients_of_a_scan_are_the_finite_differences(name):
    cell = made(name)
    x = torch.randn(2, 3, cell.input_size).double().requires_grad_()
    state = random_state(cell, 2)
    names, weights = zip(*cell.named_parameters(), strict=True)

    def run(x: Tensor, *tensors: Tensor):
        first = type(state)(*tensors[: len(state)])
        values = dict(zip((f"cell.{key}" for key in names), tensors[len(state) :], strict=True))
        y, final = torch.func.functional_call(_Over(cell), values, (x, first))
        return (y, *final)

    inputs = (x, *(tensor.requires_grad_() for tensor in state), *weights)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


class _Over(torch.nn.Module):
    """The reference scan as a module, so that its weights can be given by name."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x, state):
        return scan(self.cell, x, state, backend="reference")


@every_cell
def test_the_recurrent_weights_are_parameters_by_name(name):
    cell = made(name)

    assert all(cell.get_parameter(key).dim() in (1, 2) for key in cell.recurrent_weights)
    if cell.supports_recurrent_dropout:  # what drops the state has weights that see it
        assert cell.recurrent_weights


DROPPING = {name: make for name, make in EVERY_CELL.items() if made(name).supports_recurrent_dropout}


@pytest.mark.parametrize("name", DROPPING)
def test_a_recurrent_dropout_mask_behind_the_input_zeroes_what_the_recurrent_weights_see(name):
    cell = made(name)
    x, state = torch.randn(3, cell.input_size).double(), random_state(cell, 3)
    masks = getattr(cell, "state_sizes", [])
    features, rest = torch.split(x, [cell.input_size - sum(masks), sum(masks)], dim=1)
    size = cell.output_size

    def under(mask: Tensor):
        return cell(torch.cat([features, mask.double(), rest], dim=1), state)

    without_recurrence = copy.deepcopy(cell)
    for key in cell.recurrent_weights:
        torch.nn.init.zeros_(without_recurrence.get_parameter(key))
    torch.testing.assert_close(under(torch.ones(3, size)), cell(x, state))
    torch.testing.assert_close(under(torch.zeros(3, size)), without_recurrence(x, state))
    assert not torch.allclose(under(torch.full((3, size), 2.0))[0], cell(x, state)[0])


PARTS = {
    "chain": lambda **place: Chain(LSTM(3, 4), GRU(4, 4), **place),
    "zoneout": lambda **place: Zoneout(LSTM(3, 4), **place),
}
TAKING = {name: partial(make, 3, 4) for name, make in EVERY_CELL.items() if name != "gru_under_zoneout"} | PARTS


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", TAKING)
def test_a_cell_is_made_in_the_type_and_on_the_device_asked_for(name, dtype):
    torch.manual_seed(0)
    here, elsewhere = TAKING[name](dtype=dtype), TAKING[name](device="meta", dtype=dtype)

    assert {(weight.device.type, weight.dtype) for weight in here.parameters()} == {("cpu", dtype)}
    assert all(weight.isfinite().all() for weight in here.parameters())
    assert {(weight.device.type, weight.dtype) for weight in elsewhere.parameters()} == {("meta", dtype)}


@every_cell
def test_resetting_draws_what_the_constructor_drew_and_no_number_more(name):
    torch.manual_seed(0)
    first, after = EVERY_CELL[name](3, 4), torch.rand(2)
    cell = copy.deepcopy(first)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.fill_(7.0)

    torch.manual_seed(0)
    cell.reset_parameters()

    assert torch.equal(torch.rand(2), after)
    torch.testing.assert_close(dict(cell.named_parameters()), dict(first.named_parameters()), rtol=0, atol=0)


@every_cell
def test_a_cell_made_without_memory_can_be_given_some_and_drawn(name):
    with torch.device("meta"):
        cell = EVERY_CELL[name](3, 4)
    torch.manual_seed(0)
    cell.to_empty(device="cpu").reset_parameters()
    torch.manual_seed(0)
    torch.testing.assert_close(cell.state_dict(), EVERY_CELL[name](3, 4).state_dict(), rtol=0, atol=0)


def test_a_resets_draws_keep_the_laws_that_a_cells_settings_chose():
    torch.manual_seed(0)
    orthogonal = Elman(3, 4, init="orthogonal", dtype=torch.float64)
    forgetful = LSTM(3, 4, forget_bias=2.0)
    for cell in (orthogonal, forgetful):
        before = cell.weight_ih.clone()
        cell.reset_parameters()
        assert not torch.equal(cell.weight_ih, before)

    torch.testing.assert_close(orthogonal.weight_hh @ orthogonal.weight_hh.T, torch.eye(4).double())
    assert torch.equal((forgetful.bias_ih + forgetful.bias_hh)[4:8], torch.full((4,), 2.0))


def test_chain_drops_no_state():
    assert not Chain(Elman(2, 3)).supports_recurrent_dropout
    assert "lstm_gru" not in DROPPING


@pytest.mark.parametrize("make", [Elman, Jordan, LSTM, CELLS["gru"], CELLS["mgu"]])
@pytest.mark.parametrize(("inputs", "hidden"), [(0, 4), (3, 0), (-1, 4), (3, -2)])
def test_sizes_below_one_are_refused(make, inputs, hidden):
    with pytest.raises(ValueError, match="at least 1"):
        make(inputs, hidden)


class LeakyState(NamedTuple):
    h: Tensor


class Leaky(Cell[LeakyState]):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.inputs = torch.nn.Linear(input_size, hidden_size)
        self.weight_hh = self.new_weight(hidden_size, hidden_size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return LeakyState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        h = 0.9 * state.h + 0.1 * torch.tanh(self.inputs(x) + F.linear(state.h, self.weight_hh))
        return h, LeakyState(h)


def test_a_cell_of_the_users_own_runs_over_time_with_lengths_and_learns():
    torch.manual_seed(0)
    cell = Leaky(2, 3)
    x, lengths = torch.randn(4, 6, 2), torch.tensor([6, 1, 0, 3])

    y, final = scan(cell, x, lengths=lengths)
    y.sum().backward()

    assert y.shape == (4, 6, 3)
    torch.testing.assert_close(final.h[[0, 1, 3]], y[[0, 1, 3], lengths[[0, 1, 3]] - 1])
    assert all(parameter.grad is not None for parameter in cell.parameters())


def test_a_cell_of_the_users_own_is_drawn_anew_with_its_parts():
    torch.manual_seed(0)
    first = Leaky(2, 3).state_dict()
    cell = Leaky(2, 3)

    torch.manual_seed(0)
    cell.reset_parameters()

    torch.testing.assert_close(cell.state_dict(), first, rtol=0, atol=0)


def test_a_part_that_cannot_be_drawn_anew_is_named():
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.ones(1))

    cell = Leaky(2, 3)
    cell.scale = torch.nn.Sequential(Scale())
    with pytest.raises(TypeError, match="Scale has parameters, and no reset_parameters"):
        cell.reset_parameters()


def test_a_cell_without_its_two_methods_cannot_be_made():
    class Half(Cell[LeakyState]):
        def forward(self, x, state):
            return x, state

    with pytest.raises(TypeError, match="initial_state"):
        Half(2, 3)
