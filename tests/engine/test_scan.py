"""A cell over time: the reference against a loop over rows, torch's kernels against the reference."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_scenario import EVERY_CELL, assert_same, drawn_case, reference, results

from ostinato.cells import CELLS, GRU, LSTM, Elman
from ostinato.engine import scan

law = settings(deadline=None, derandomize=True, max_examples=15)

BACKENDS = ["cpp", "aten", "reference"]
TORCHS = {
    "tanh": Elman,
    "tanh_without_bias": partial(Elman, bias=False),
    "relu": partial(Elman, activation="relu"),
    "lstm": LSTM,
    "lstm_without_bias": partial(LSTM, bias=False),
    "lstm_with_projection": partial(LSTM, proj_size=2),
    "lstm_with_projection_without_bias": partial(LSTM, bias=False, proj_size=2),
    "gru": GRU,
    "gru_without_bias": partial(GRU, bias=False),
}


def row_by_row(cell, x, state, *, lengths, reverse):
    """What a scan means, one row and one step at a time."""
    batch, time, _ = x.shape
    first = cell.initial_state(batch, dtype=x.dtype) if state is None else state
    outputs, finals = [], []
    for row in range(batch):
        length = time if lengths is None else int(lengths[row])
        y = [x.new_zeros(cell.output_size)] * time
        carried = type(first)(*(tensor[row : row + 1] for tensor in first))
        for t in reversed(range(length)) if reverse else range(length):
            out, carried = cell(x[row : row + 1, t], carried)
            y[t] = out[0]
        outputs.append(torch.stack(y) if time else x.new_zeros(0, cell.output_size))
        finals.append(carried)
    y = torch.stack(outputs) if batch else x.new_zeros(0, time, cell.output_size)
    return y, type(first)(*(torch.cat(tensors) for tensors in zip(*finals, strict=True))) if batch else first


@pytest.mark.parametrize("name", EVERY_CELL)
@law
@given(data=st.data())
def test_the_reference_is_a_loop_over_rows_and_steps_in_results_and_every_gradient(name, data):
    cell = EVERY_CELL[name](3, 4).double()
    widths = [cell.input_size] + [cell.input_size + cell.output_size] * cell.supports_recurrent_dropout
    case = drawn_case(data, cell, features=data.draw(st.sampled_from(widths), label="features"))

    assert_same(results(reference, case), results(row_by_row, case))


@pytest.mark.parametrize("name", TORCHS)
@law
@given(data=st.data())
def test_torchs_kernels_equal_the_reference_in_results_and_every_gradient(name, data):
    case = drawn_case(data, TORCHS[name](3, 4).double())

    assert_same(results(partial(scan, backend="aten"), case), results(reference, case))


@pytest.mark.parametrize(
    ("cell", "dtype", "backend"),
    [(LSTM, torch.float64, "cpp"), (GRU, torch.bfloat16, "aten"), (CELLS["mgu"], torch.bfloat16, "reference")],
)
def test_auto_runs_the_cell_compiled_or_else_torchs_kernels_or_else_the_plain_loop(cell, dtype, backend):
    torch.manual_seed(0)
    cell, x = cell(3, 4).to(dtype), torch.randn(2, 5, 3).to(dtype)

    torch.testing.assert_close(scan(cell, x), scan(cell, x, backend=backend), rtol=0, atol=0)


def test_torchs_kernels_run_without_gradients_and_give_the_same():
    torch.manual_seed(0)
    cell, x = LSTM(3, 4), torch.randn(2, 5, 3)

    with torch.no_grad():
        silent = scan(cell, x, backend="aten")

    assert not silent[0].requires_grad
    torch.testing.assert_close(silent, scan(cell, x, backend="aten"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reverse", [False, True])
def test_what_stands_in_the_padding_reaches_neither_results_nor_gradients(backend, reverse):
    torch.manual_seed(0)
    cell, lengths = GRU(3, 4), torch.tensor([5, 0, 1, 3])
    x = torch.randn(4, 5, 3)
    padding = torch.arange(5) >= lengths[:, None]

    def under(value):
        filled = x.masked_fill(padding[..., None], value).requires_grad_()
        y, final = scan(cell, filled, lengths=lengths, reverse=reverse, backend=backend)
        gradients = torch.autograd.grad(y.sum() + final.h.square().sum(), [filled, *cell.parameters()])
        return y, final, gradients

    y, _, gradients = under(0.0)
    for value in (torch.nan, torch.inf, 1e30):
        torch.testing.assert_close(under(value), under(0.0), rtol=0, atol=0)
    assert not y[padding].any()
    assert not gradients[0][padding].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_of_length_zero_keeps_its_initial_state_and_gives_it_all_of_the_gradient(backend):
    torch.manual_seed(0)
    cell = LSTM(3, 4)
    state = type(cell.initial_state(1))(*torch.randn(2, 2, 4).requires_grad_().unbind())

    y, final = scan(cell, torch.randn(2, 5, 3), state, lengths=torch.tensor([0, 3]), backend=backend)
    (gradient,) = torch.autograd.grad(final.c[0].sum(), [state.c])

    assert not y[0].any()
    assert torch.equal(final.h[0], state.h[0])
    assert torch.equal(final.c[0], state.c[0])
    assert torch.equal(gradient[0], torch.ones(4))


def test_a_reversed_scan_is_a_scan_of_the_reversed_rows():
    torch.manual_seed(0)
    cell, lengths, x = LSTM(3, 4), [5, 2], torch.randn(2, 5, 3)

    y, final = scan(cell, x, lengths=torch.tensor(lengths), reverse=True)

    for row, length in enumerate(lengths):
        y_row, final_row = scan(cell, x[row : row + 1, :length].flip(1))
        torch.testing.assert_close(y[row, :length], y_row[0].flip(0))
        torch.testing.assert_close(tuple(tensor[row] for tensor in final), tuple(tensor[0] for tensor in final_row))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("batch", "time"), [(0, 5), (3, 0), (0, 0)])
def test_without_rows_or_steps_outputs_are_empty_and_the_state_stays(backend, batch, time):
    cell = LSTM(3, 4, proj_size=2)
    state = type(cell.initial_state(1))(torch.randn(batch, 2), torch.randn(batch, 4))
    lengths = torch.zeros(batch, dtype=torch.int64)

    y, final = scan(cell, torch.zeros(batch, time, 3), state, lengths=lengths, backend=backend)

    assert y.shape == (batch, time, 2)
    torch.testing.assert_close(final, state)


@pytest.mark.parametrize(
    ("backend", "dtype"),
    [(backend, dtype) for backend in BACKENDS for dtype in (torch.float64, torch.float32)]
    + [("aten", torch.bfloat16), ("reference", torch.bfloat16), ("auto", torch.bfloat16)],
)
def test_results_have_the_inputs_dtype(backend, dtype):
    cell = GRU(3, 4).to(dtype)

    y, final = scan(cell, torch.zeros(2, 5, 3, dtype=dtype), lengths=torch.tensor([5, 2]), backend=backend)

    assert (y.dtype, final.h.dtype) == (dtype, dtype)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_input_that_is_a_view_in_any_order_is_read_as_it_is(backend):
    torch.manual_seed(0)
    cell, time_first = GRU(3, 4), torch.randn(5, 2, 3)

    y, _ = scan(cell, time_first.transpose(0, 1), backend=backend)

    torch.testing.assert_close(y, scan(cell, time_first.transpose(0, 1).contiguous(), backend=backend)[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kind_of_integer_serves_as_lengths(backend):
    torch.manual_seed(0)
    cell, x = GRU(3, 4), torch.randn(3, 5, 3)

    results = [
        scan(cell, x, lengths=torch.tensor([5, 0, 2], dtype=dtype), reverse=True, backend=backend)
        for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
    ]

    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=0, atol=0)


def test_second_derivatives_go_through_the_reference():
    torch.manual_seed(0)
    cell = GRU(2, 2).double()
    x = torch.randn(2, 3, 2).double().requires_grad_()

    def output(x):
        return scan(cell, x, backend="reference")[0]

    assert torch.autograd.gradgradcheck(output, (x,), fast_mode=True)


@pytest.mark.parametrize("shape", [(5, 3), (2, 5, 3, 1), (3,)])
def test_an_input_that_is_not_batch_time_features_is_refused(shape):
    with pytest.raises(ValueError, match=r"x must be \(batch, time, features\), got shape"):
        scan(GRU(3, 4), torch.zeros(shape))


def test_an_input_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="x has 5 features, GRU takes 3"):
        scan(GRU(3, 4), torch.zeros(2, 6, 5))


def test_a_dropout_mask_is_refused_by_a_cell_that_drops_no_state():
    with pytest.raises(ValueError, match="x has 7 features, Chain takes 3"):
        scan(CELLS["lstm_gru"](3, 4), torch.zeros(2, 6, 7))


def test_a_state_of_another_cell_is_refused():
    with pytest.raises(ValueError, match="state must be a LSTMState, got GRUState"):
        scan(LSTM(3, 4), torch.zeros(2, 6, 3), GRU(3, 4).initial_state(2))
    with pytest.raises(ValueError, match="state must be a LSTMState, got tuple"):
        scan(LSTM(3, 4), torch.zeros(2, 6, 3), (torch.zeros(2, 4), torch.zeros(2, 4)))


@pytest.mark.parametrize(("batch", "hidden"), [(3, 4), (1, 4), (2, 5)])
def test_a_state_of_another_size_is_refused(batch, hidden):
    with pytest.raises(ValueError, match=rf"state.h must be \(2, 4\), got \({batch}, {hidden}\)"):
        scan(LSTM(3, 4), torch.zeros(2, 6, 3), LSTM(3, hidden).initial_state(batch))


@pytest.mark.parametrize(
    "lengths",
    [
        torch.tensor([1, 2, 3]),
        torch.tensor([[1, 2]]),
        torch.tensor(2),
        torch.tensor([1.0, 2.0]),
        torch.tensor([True, False]),
    ],
)
def test_lengths_that_are_not_one_integer_a_row_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must be 2 integers, got"):
        scan(GRU(3, 4), torch.zeros(2, 6, 3), lengths=lengths)


@pytest.mark.parametrize(("lengths", "time"), [([1, 7], 6), ([-1, 2], 6), ([1, 0], 0)])
def test_lengths_out_of_range_are_refused(lengths, time):
    with pytest.raises(ValueError, match=rf"lengths must lie between 0 and {time}, got {min(lengths)}..{max(lengths)}"):
        scan(GRU(3, 4), torch.zeros(2, time, 3), lengths=torch.tensor(lengths))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lengths", [None, torch.zeros(0, dtype=torch.int64)])
def test_a_batch_without_rows_gives_zero_gradients(backend, lengths):
    cell = GRU(3, 4)
    y, _ = scan(cell, torch.zeros(0, 5, 3), lengths=lengths, backend=backend)
    assert y.shape == (0, 5, 4)
    y.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in cell.parameters())
