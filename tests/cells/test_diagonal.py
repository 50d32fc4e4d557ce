"""What holds for the cells without a recurrent matrix: each unit sees only its own past."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ostinato.cells.indrnn import IndRNN
from ostinato.cells.lru import LRU, RGLRU
from ostinato.cells.mingru import MinGRU, MinLSTM
from ostinato.cells.qrnn import QRNN
from ostinato.cells.sru import SRU
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=10)

DIAGONAL = {
    "indrnn": IndRNN,
    "indrnn_tanh": partial(IndRNN, activation="tanh"),
    "indrnn_bounded": partial(IndRNN, longest=20),
    "sru": SRU,
    "sru_unscaled": partial(SRU, alpha=1.0),
    "qrnn_f": partial(QRNN, pooling="f", window=1),
    "qrnn_fo": QRNN,
    "qrnn_ifo": partial(QRNN, pooling="ifo", window=3),
    "min_gru": MinGRU,
    "min_gru_positive": partial(MinGRU, positive=True),
    "min_lstm": MinLSTM,
    "min_lstm_positive": partial(MinLSTM, positive=True),
    "lru": LRU,
    "lru_with_output_size": partial(LRU, output_size=2),
    "rg_lru": RGLRU,
}
every_cell = pytest.mark.parametrize("make", DIAGONAL.values(), ids=DIAGONAL)
sizes = st.integers(1, 5)


def random_state(cell, batch):
    state = cell.initial_state(batch, dtype=torch.float64)
    return type(state)(*(torch.randn_like(tensor) for tensor in state))


@every_cell
@law
@given(inputs=sizes, hidden=sizes, batch=st.integers(0, 4), time=st.integers(1, 4))
def test_every_size_gives_its_shapes_and_keeps_the_dtype(make, inputs, hidden, batch, time):
    torch.manual_seed(0)
    cell = make(inputs, hidden).double()

    y, final = scan(cell, torch.randn(batch, time, inputs).double(), backend="reference")

    first = cell.initial_state(batch, dtype=torch.float64)
    assert y.shape == (batch, time, cell.output_size)
    assert type(final) is type(first)
    assert [tensor.shape for tensor in final] == [tensor.shape for tensor in first]
    assert {tensor.dtype for tensor in (y, *final)} == {torch.float64}
    assert all(tensor.isfinite().all() for tensor in (y, *final))


@every_cell
@pytest.mark.parametrize("inputs", [3, 4])
def test_the_gradients_of_a_scan_are_the_finite_differences(make, inputs):
    torch.manual_seed(0)
    cell = make(inputs, 4).double()
    x = torch.randn(2, 4, inputs).double().requires_grad_()
    first = random_state(cell, 2)
    names, weights = zip(*cell.named_parameters(), strict=True)

    class Over(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x, state):
            return scan(self.cell, x, state, backend="reference")

    def run(x: Tensor, *tensors: Tensor):
        values = dict(zip((f"cell.{name}" for name in names), tensors[len(first) :], strict=True))
        y, final = torch.func.functional_call(Over(), values, (x, type(first)(*tensors[: len(first)])))
        return (y, *final)

    assert torch.autograd.gradcheck(run, (x, *(t.requires_grad_() for t in first), *weights), fast_mode=True)


@every_cell
def test_no_unit_of_the_memory_sees_another(make):
    torch.manual_seed(0)
    cell = make(3, 4).double()
    x, state = torch.randn(1, 3).double(), random_state(cell, 1)
    memory = [name for name in state._fields if not name.startswith("x")]  # x1, x2, ... are inputs kept

    def step(*tensors):
        new = cell(x, state._replace(**dict(zip(memory, tensors, strict=True))))[1]
        return tuple(getattr(new, name) for name in memory)

    jacobians = torch.autograd.functional.jacobian(step, tuple(getattr(state, name) for name in memory))

    assert any(block.any() for row in jacobians for block in row)
    for block in (block.view(4, 4) for row in jacobians for block in row):
        assert torch.equal(block, block.diagonal().diag())


@every_cell
@law
@given(cut=st.integers(0, 6))
def test_two_chunks_with_the_carried_state_are_one_sequence(make, cut):
    torch.manual_seed(0)
    cell = make(3, 4).double()
    x = torch.randn(2, 6, 3).double()

    whole, final = scan(cell, x, backend="reference")
    head, state = scan(cell, x[:, :cut], backend="reference")
    tail, last = scan(cell, x[:, cut:], state, backend="reference")

    assert torch.equal(torch.cat([head, tail], 1), whole)
    assert all(torch.equal(a, b) for a, b in zip(last, final, strict=True))


@every_cell
@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_saturated_gates_give_finite_results_and_gradients(make, scale):
    torch.manual_seed(0)
    cell = make(3, 4)
    x = (scale * torch.randn(8, 5, 3)).requires_grad_()

    y, final = scan(cell, x, backend="reference")
    sum(tensor.sum() for tensor in (y, *final)).backward()

    assert all(tensor.isfinite().all() for tensor in (y, *final, x.grad))
    assert all(parameter.grad.isfinite().all() for parameter in cell.parameters())


@every_cell
@pytest.mark.parametrize(("inputs", "hidden"), [(0, 4), (3, 0), (-1, 4), (3, -2)])
def test_sizes_below_one_are_refused(make, inputs, hidden):
    with pytest.raises(ValueError, match="at least 1"):
        make(inputs, hidden)


@pytest.mark.parametrize("make", [IndRNN, SRU])
def test_a_recurrent_dropout_mask_is_seen_by_the_recurrent_vectors_alone(make):
    torch.manual_seed(0)
    cell = make(3, 4).double()
    x, state = torch.randn(5, 3).double(), random_state(cell, 5)
    mask = torch.tensor([0.0, 2.0, 2.0, 0.0]).double()

    dropped = cell(torch.cat([x, mask.expand(5, 4)], 1), state)

    with torch.no_grad():
        cell.weight_hh *= mask
    torch.testing.assert_close(dropped, cell(x, state), rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [QRNN, MinGRU, MinLSTM, LRU, RGLRU])
def test_a_cell_whose_gates_see_only_the_input_has_nothing_recurrent_to_drop(make):
    assert make.recurrent_weights == ()
    assert not make.supports_recurrent_dropout
