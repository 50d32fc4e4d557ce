"""Compiled cells against the reference loop: outputs, final state, and the gradient of everything."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_scenario import (
    EVERY_CELL,
    LAYOUTS,
    LOSSES,
    SIZES,
    assert_compiled,
    assert_same,
    compiled,
    drawn_case,
    made_case,
    reference,
    results,
)

from ostinato.cells import CELLS, GRU, LSTM, Elman, LayerNormLSTM
from ostinato.engine import scan
from ostinato.nn import Recurrent

law = settings(deadline=None, derandomize=True, max_examples=8)

IN_SINGLE_PRECISION = ["lstm", "gru", "layer_norm_lstm", "slstm", "rg_lru"]
"""Cells that use between them every operation of every cell but relu."""


@pytest.fixture(scope="module", autouse=True)
def uninitialised_memory_is_nan():
    """Nothing may be read that was not written."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def drawn(data, cell, *, features=None):
    case = drawn_case(data, cell, least=1, most_rows=9, features=features)
    return case._replace(
        layout=data.draw(st.sampled_from(list(LAYOUTS)), label="layout"),
        loss=data.draw(st.sampled_from(list(LOSSES)), label="loss"),
    )


@pytest.mark.parametrize("name", EVERY_CELL)
@law
@given(data=st.data())
def test_a_compiled_cell_is_the_reference_in_results_and_every_gradient(name, data):
    assert_compiled(drawn(data, EVERY_CELL[name](*SIZES).double()))


@pytest.mark.parametrize("name", IN_SINGLE_PRECISION)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_cell_compiled_in_single_precision_is_as_good_as_its_numbers(name, reverse):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL[name](*SIZES), batch=7, time=6, reverse=reverse)
    _, reached = reference(case.cell, torch.randn_like(case.x))

    assert_compiled(case._replace(state=reached))


@pytest.mark.parametrize("name", EVERY_CELL)
def test_without_gradients_a_compiled_cell_gives_the_same(name):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL[name](*SIZES).double())

    with torch.no_grad():
        silent = compiled(case.cell, case.x, case.state, lengths=case.lengths)

    assert not silent[0].requires_grad
    torch.testing.assert_close(silent, reference(case.cell, case.x, case.state, lengths=case.lengths))


@pytest.mark.parametrize("name", ["layer_norm_lstm", "gru_reset_before", "qrnn"])
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (2, 2)])
def test_one_step_of_a_stream_gives_what_a_long_scan_gives(name, batch, time):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL[name](*SIZES).double(), batch=batch, time=time, lengths=None)

    with torch.no_grad():
        torch.testing.assert_close(compiled(case.cell, case.x, case.state), reference(case.cell, case.x, case.state))


@pytest.mark.parametrize("cell", [GRU, LSTM])
@pytest.mark.parametrize("hidden", [2, 17, 33, 100])
def test_any_hidden_size_is_right(cell, hidden):
    torch.manual_seed(0)

    assert_compiled(made_case(cell(7, hidden).double(), batch=13))


@pytest.mark.parametrize("make", [lambda: Elman(1, 1), lambda: LayerNormLSTM(3, 1), lambda: GRU(4, 4)])
def test_sizes_of_one_and_sizes_that_are_equal_are_right(make):
    torch.manual_seed(0)

    assert_compiled(made_case(make().double()))


@pytest.mark.parametrize("batch", range(1, 27))
def test_any_number_of_rows_is_right(batch):
    torch.manual_seed(0)

    assert_compiled(made_case(LSTM(3, 20).double(), batch=batch, time=2))


@pytest.mark.parametrize("name", ["lstm", "gru", "elman", "gru_under_zoneout"])
def test_an_input_and_a_state_that_repeat_one_row_in_memory_are_read_as_they_are(name):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL[name](3, 4).double())

    def repeated(run):
        leaves = [case.x[:1, :1].clone().requires_grad_(), *(s[:1].clone().requires_grad_() for s in case.state)]
        x, *state = (leaf.expand_as(like) for leaf, like in zip(leaves, (case.x, *case.state), strict=True))
        y, final = run(case.cell, x, type(case.state)(*state), lengths=case.lengths)
        return y, tuple(final), torch.autograd.grad(y.square().sum() + final[0].sum(), leaves)

    torch.testing.assert_close(repeated(compiled), repeated(reference), rtol=1e-11, atol=1e-11)


def test_weights_that_lie_in_any_order_are_read_as_they_are():
    torch.manual_seed(0)
    cell = GRU(3, 4)
    cell.weight_hh = torch.nn.Parameter(torch.randn(4, 12).t())
    cell.weight_ih = torch.nn.Parameter(torch.randn(3, 24).t()[::2])
    cell.bias_hh = torch.nn.Parameter(torch.randn(24)[::2])

    assert_compiled(made_case(cell.double()))


def test_a_state_that_lies_in_any_order_is_read_as_it_is():
    torch.manual_seed(0)
    case = made_case(LSTM(3, 4).double())
    apart = type(case.state)(*(torch.randn(4, 5).double().t() for _ in case.state))

    def run(backend):
        return scan(case.cell, case.x, apart, backend=backend)

    torch.testing.assert_close(run("cpp"), run("reference"), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["lstm", "gru_under_zoneout"])
@law
@given(data=st.data())
def test_a_dropout_mask_behind_the_input_is_compiled_too(name, data):
    cell = EVERY_CELL[name](*SIZES).double()

    assert_compiled(drawn(data, cell, features=cell.input_size + cell.output_size))


def test_a_layer_draws_the_same_masks_whatever_the_backend():
    def run(backend):
        torch.manual_seed(0)
        layer = Recurrent(
            GRU, 3, 4, bidirectional=True, recurrent_dropout=0.3, zoneout=0.1, weight_drop=0.2,
            trainable_initial_state=True, backend=backend,
        ).double()  # fmt: skip
        x = torch.randn(5, 4, 3).double().requires_grad_()
        y, final = layer(x, lengths=torch.tensor([4, 0, 1, 3, 4]))
        total = y.square().sum() + sum(state.h.sum() for state in final)
        return y, final, torch.autograd.grad(total, [x, *layer.parameters()])

    torch.testing.assert_close(run("cpp"), run("reference"), rtol=1e-11, atol=1e-11)


def test_only_what_needs_a_gradient_gets_one():
    torch.manual_seed(0)
    case = made_case(GRU(3, 4).double())
    case.cell.weight_hh.requires_grad_(False)
    case.cell.bias_ih.requires_grad_(False)

    y, _ = compiled(case.cell, case.x, case.state)
    y.square().sum().backward()
    gradients = {name: weight.grad for name, weight in case.cell.named_parameters()}
    case.cell.requires_grad_(True).zero_grad()
    y, _ = reference(case.cell, case.x, case.state)
    y.square().sum().backward()

    assert [name for name, gradient in gradients.items() if gradient is None] == ["weight_hh", "bias_ih"]
    for name in ("weight_ih", "bias_hh"):
        torch.testing.assert_close(gradients[name], case.cell.get_parameter(name).grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm", "gru"])
def test_a_broken_row_breaks_no_other(name):
    torch.manual_seed(0)
    x = torch.randn(7, 3, SIZES[0]).double()
    whole = x.clone()
    x[2, 1], x[4] = torch.inf, torch.nan
    cell = CELLS[name](*SIZES).double()

    good = [0, 1, 3, 5, 6]
    y, final = compiled(cell, x)
    y_whole, final_whole = compiled(cell, whole)

    assert not y[4].isfinite().any()
    torch.testing.assert_close(y[good], y_whole[good], rtol=0, atol=1e-12)
    torch.testing.assert_close(final[0][good], final_whole[0][good], rtol=0, atol=1e-12)


def test_gradients_through_the_same_scan_twice_are_the_same():
    torch.manual_seed(0)
    case = made_case(EVERY_CELL["layer_norm_lstm_with_projection"](3, 4).double())
    x = case.x.requires_grad_()
    y, final = compiled(case.cell, x, case.state, lengths=case.lengths)

    def gradients():
        return torch.autograd.grad(y.sum() + final.c.sum(), [x, *case.cell.parameters()], retain_graph=True)

    torch.testing.assert_close(gradients(), gradients(), rtol=0, atol=0)


def test_two_scans_of_one_cell_add_up():
    torch.manual_seed(0)
    first = made_case(LSTM(3, 4).double())

    def twice(run):
        def both(cell, x, state, *, lengths, reverse):
            y, between = run(cell, x, state, lengths=lengths, reverse=reverse)
            return run(cell, y[..., :3], between, reverse=not reverse)

        return results(both, first)

    assert_same(twice(compiled), twice(reference), 1e-11)
