"""A captured step as typed values: one row of features each."""

from math import prod

import pytest
import torch
from scan_scenario import VARIED, StepCell, graph_of, graph_of_cell
from torch.nn import functional as F

from ostinato.cells import LSTM


def graph_of_step(step):
    return graph_of(StepCell(step))


def only(values):
    (value,) = values
    return value


def named(graph, operation):
    """The value that an operation of torch makes, forward."""
    return only(v for v in graph.values if operation in v.node.name and v not in graph.with_gradient)


def of_kind(graph, kind):
    return [value for value in graph.values if value.kind == kind and value not in graph.with_gradient]


varied_cells = pytest.mark.parametrize("name", VARIED)


@varied_cells
def test_operands_come_before_what_uses_them_and_references_stay_inside_their_values(name):
    graph = graph_of_cell(name)

    known = set()
    for value in graph.values:
        assert all(ref.value in known for ref in value.refs)
        for ref in value.refs:
            last = ref.offset + sum((size - 1) * stride for size, stride in zip(ref.shape, ref.strides, strict=True))
            assert 0 <= ref.offset <= last < ref.value.size
            assert len(ref.shape) == len(ref.strides)
        known.add(value)


@varied_cells
def test_pointwise_operands_have_the_shape_of_their_value_and_numbers_are_numbers(name):
    for value in graph_of_cell(name).values:
        if value.kind == "pointwise":
            assert all(ref.shape == value.shape for ref in value.refs)
            assert all(isinstance(o, float) for o in value.operands if o not in value.refs)
        if value.kind == "matmul":
            rows, matrix = value.refs
            assert matrix.value.kind == "constant"
            assert rows.shape[:-1] == value.shape[:-1] == matrix.shape[:-2]


@varied_cells
def test_the_backward_values_are_those_that_a_gradient_reaches(name):
    graph = graph_of_cell(name)
    states = len(graph.capture.state)

    gradients = {graph.refs[node].value for node in graph.inputs[1 + states :]}
    assert gradients <= graph.with_gradient
    for value in graph.values:
        if value.kind != "outside" and value not in gradients:
            assert (value in graph.with_gradient) == any(ref.value in graph.with_gradient for ref in value.refs)
    assert not any(graph.refs[node].value in graph.with_gradient for node in graph.outputs[: 1 + states])


def test_sizes_are_features_of_one_row():
    graph = graph_of(LSTM(3, 4))

    x, h, c, *gradients = (graph.refs[node].value for node in graph.inputs)
    assert [value.kind for value in (x, h, c, *gradients)] == ["input"] * 6
    assert [value.shape for value in (x, h, c, *gradients)] == [(3,), (4,), (4,), (4,), (4,), (4,)]
    assert [value.batch for value in (x, h, c)] == [0, 0, 0]
    assert {value.size for value in of_kind(graph, "matmul")} == {16}
    assert [graph.refs[node].value.shape for node in graph.parameters] == [(16, 3), (16, 4), (16,), (16,)]
    assert {graph.refs[node].value.kind for node in graph.parameters} == {"constant"}


@pytest.mark.parametrize(
    ("seen", "offset", "shape", "strides"),
    [
        (lambda h: h[:, 1:3], 1, (2,), (1,)),
        (lambda h: h[:, 1::2], 1, (2,), (2,)),
        (lambda h: h.select(1, 3).unsqueeze(1), 3, (1,), (1,)),
        (lambda h: h.view(-1, 2, 2), 0, (2, 2), (2, 1)),
        (lambda h: h.view(-1, 2, 2).transpose(1, 2), 0, (2, 2), (1, 2)),
        (lambda h: h.view(-1, 2, 2)[:, :, 1], 1, (2,), (2,)),
        (lambda h: h.chunk(2, 1)[1], 2, (2,), (1,)),
        (lambda h: h.t().unbind(0)[2].unsqueeze(1).expand(-1, 4), 2, (4,), (0,)),
        (lambda h: h.view(-1, 2, 2).unbind(1)[1].unsqueeze(1).expand(-1, 2, 2), 2, (2, 2), (0, 1)),
    ],
    ids=["slice", "every second", "one", "heads", "heads turned", "of each head", "chunk", "one repeated", "one head"],
)
def test_a_view_of_the_state_is_no_value_but_a_reference_into_it(seen, offset, shape, strides):
    graph = graph_of_step(lambda c, x, h: (h, F.linear(x, c.w) * torch.sin(seen(h)).flatten(1).sum(1, keepdim=True)))

    ref = only(named(graph, "sin").refs)
    assert ref.value is graph.refs[graph.inputs[1]].value
    assert (ref.offset, ref.shape) == (offset, shape)
    assert [stride for size, stride in zip(shape, ref.strides, strict=True) if size > 1] == [
        stride for size, stride in zip(shape, strides, strict=True) if size > 1
    ]
    assert not ref.whole or shape == (2, 2)


def test_a_reference_to_all_features_in_order_is_whole():
    graph = graph_of_step(lambda c, x, h: (h, F.linear(x, c.w) + torch.sin(h.view(-1, 2, 2)).flatten(1)))

    assert only(named(graph, "sin").refs).whole


def test_what_is_smaller_is_broadcast_by_strides_of_zero():
    graph = graph_of_step(lambda c, x, h: torch.atan2(h.mean(1, keepdim=True), h) + F.linear(x, c.w))

    mean, h = named(graph, "atan2").refs
    assert (mean.value.kind, mean.value.op, mean.value.size) == ("reduce", "mean", 1)
    assert (mean.shape, mean.strides) == ((4,), (0,))
    assert h.whole


def test_rows_may_stand_in_any_dimension():
    graph = graph_of_step(lambda c, x, h: torch.tanh((c.u @ h.t()).t() + F.linear(x, c.w)))

    product = only(v for v in of_kind(graph, "matmul") if next(v.refs).value is graph.refs[graph.inputs[1]].value)
    assert product.op == "matmul_transposed"
    assert (product.batch, product.shape) == (1, (4,))


def test_a_product_by_head_has_one_matrix_a_head():
    def step(c, x, h):
        return F.linear(x, c.w) + torch.einsum("bhi,hij->bhj", h.view(-1, 2, 2), c.heads).flatten(1)

    cell = StepCell(step)
    cell.heads = torch.nn.Parameter(torch.randn(2, 2, 2))

    product = only(v for v in of_kind(graph_of(cell), "matmul") if v.shape != (4,))
    rows, matrix = product.refs
    assert (rows.shape, matrix.shape, product.shape) == ((2, 2), (2, 2, 2), (2, 2))


def test_what_is_made_of_parameters_alone_is_constant_however_it_is_made():
    graph = graph_of_step(lambda c, x, h: F.linear(x, c.w) + h @ torch.matrix_exp(c.u - c.u.t()).cumsum(0) * c.v.exp())

    for operation in ("cumsum", "exp"):
        assert {v.kind for v in graph.values if v.node.name.startswith(operation) and v not in graph.with_gradient} == {
            "constant"
        }
    assert len(of_kind(graph, "matmul")) == 2


def test_what_the_loop_cannot_compute_is_outside():
    graph = graph_of_step(lambda c, x, h: (h.cumsum(1), torch.tanh(F.linear(x.cumsum(1), c.w) + h)))

    assert {value.op for value in of_kind(graph, "outside")} == {"cumsum"}
    sums_over_rows = [v for v in graph.with_gradient if v.kind == "outside" and v.batch is None]
    assert {value.op for value in sums_over_rows} >= {"mm"}  # the gradient of w


def test_a_softmax_is_two_reductions_and_pointwise_work():
    graph = graph_of_step(lambda c, x, h: torch.softmax(F.linear(x, c.w) + h, -1))

    assert [value.op for value in of_kind(graph, "reduce")] == ["amax", "sum"]
    assert not of_kind(graph, "outside")


def test_a_concatenation_has_its_pieces_in_order():
    graph = graph_of_step(lambda c, x, h: (h, torch.cat([h[:, 2:], F.linear(x, c.w)[:, :1], h[:, :1]], 1)))

    pieces = list(only(of_kind(graph, "cat")).refs)
    assert [prod(piece.shape) for piece in pieces] == [2, 1, 1]
    assert [pieces[0].offset, pieces[2].offset] == [2, 0]


def test_outputs_that_are_views_are_values_of_their_own():
    graph = graph_of_step(lambda c, x, h: (h.view(-1, 2, 2).transpose(1, 2).flatten(1), F.linear(x, c.w)[:, :1] * h))

    assert graph.refs[graph.outputs[0]].whole


def test_a_graph_can_be_read():
    text = str(graph_of(LSTM(3, 4)))

    assert len(text.splitlines()) == len(graph_of(LSTM(3, 4)).values)
    assert "matmul: matmul(" in text
    assert "pointwise: tanh(" in text
