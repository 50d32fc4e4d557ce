"""What runs inside the loop over time, what leaves it, and what is kept for the gradient."""

import pytest
import torch
from scan_scenario import SIZES, VARIED, StepCell, StepState, graph_of, graph_of_cell
from torch.nn import functional as F

from ostinato.cells import GRU, LSTM, Elman
from ostinato.engine.capture import CaptureError, operation
from ostinato.engine.schedule import build_schedule

H = SIZES[1]
"""Units of `graph_of_cell`."""

varied_cells = pytest.mark.parametrize("name", VARIED)


def schedule_of(cell):
    return build_schedule(graph_of(cell))


def schedule_of_step(step):
    return schedule_of(StepCell(step))


def operations(stage):
    """The multiplications and the like that torch runs in a stage."""
    needed, found = list(stage.outputs), set()
    while needed:
        node = needed.pop()
        if node not in found and node not in stage.inputs:
            found.add(node)
            needed += node.all_input_nodes
    return sorted(operation(node) for node in found)


def origin(node):
    return node if node.op == "placeholder" else origin(*node.all_input_nodes)


def products(part):
    return [value for value in part.loop.values if value.kind == "matmul"]


def kept(schedule):
    """Features of what is kept of every step, besides the input and the output."""
    graph = schedule.graph
    y, *new = (graph.refs[node].value for node in graph.outputs[: 1 + len(graph.capture.state)])
    return sum(v.size for v in {*schedule.saved, *(new[k] for k in schedule.traced)} - {y})


# The cells that everybody knows


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_the_input_is_multiplied_for_all_steps_before_the_loop(cell):
    schedule = schedule_of(cell(3, 4))

    x, *state = schedule.graph.inputs[: 1 + len(schedule.graph.capture.state)]
    for part in (schedule.forward, schedule.training):
        assert operations(part.early).count("mm") == 1
        assert x in part.early.inputs
        assert not {*state} & {*part.early.inputs}


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_the_loops_multiply_once_by_what_is_carried(cell):
    schedule = schedule_of(cell(3, 4))

    weight_hh = schedule.graph.parameters[1]
    for part in (schedule.forward, schedule.training, schedule.backward):
        (product,) = products(part)
        _, matrix = product.refs
        assert origin(matrix.value.node) is weight_hh


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_the_gradients_of_weights_and_input_are_multiplied_for_all_steps_after_the_loop(cell):
    schedule = schedule_of(cell(3, 4))

    assert operations(schedule.backward.late(schedule.backward.results)).count("mm") == 3
    assert "mm" not in operations(schedule.backward.early)


def test_what_nobody_wants_is_not_multiplied():
    backward = schedule_of(LSTM(3, 4)).backward

    *_, by_x = backward.results
    assert operations(backward.late([by_x])).count("mm") == 1
    assert operations(backward.late([])) == []


def test_an_elman_network_keeps_nothing_but_its_output():
    schedule = schedule_of(Elman(3, 4))

    assert schedule.saved == ()
    assert kept(schedule) == 0


def test_an_lstm_keeps_its_memory_and_its_four_gates():
    schedule = schedule_of(LSTM(3, 4))

    assert schedule.traced == (0, 1)
    assert sorted(value.op for value in schedule.saved) == ["sigmoid"] * 3 + ["tanh"]
    assert kept(schedule) == 5 * 4


def test_a_gru_keeps_its_gates_its_candidate_and_what_the_reset_gate_multiplies():
    schedule = schedule_of(GRU(3, 4))

    assert schedule.traced == (0,)
    assert kept(schedule) == 4 * 4
    # The last one is a part of the product with the state.
    assert sorted(value.op for value in schedule.saved) == ["copy", "sigmoid", "sigmoid", "tanh"]


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("contractive", 0),
        ("indrnn", 0),
        ("jordan", 1),
        ("fast_grnn", 1),
        ("mgu", 2),
        ("janet", 2),
        ("cornn", 2),  # the velocity, and the drive or what it is made of
        ("gru_reset_before", 3),
        ("coupled_lstm", 4),
        ("peephole_lstm", 5),
        ("lstm_gru", 10),
    ],
)
def test_training_keeps_no_more_than_a_person_would(name, units):
    assert kept(build_schedule(graph_of_cell(name))) <= units * H


# All cells


@varied_cells
def test_every_product_in_a_loop_needs_what_is_carried(name):
    schedule = build_schedule(graph_of_cell(name))

    for part in (schedule.forward, schedule.training, schedule.backward):
        carried = {before for before, _ in part.loop.carried}
        for value in part.loop.values:
            if any(ref.value in carried for ref in value.refs):
                carried.add(value)
            assert value.kind != "matmul" or value in carried


@varied_cells
def test_a_loop_computes_rows_from_what_it_is_given_and_computed_before(name):
    schedule = build_schedule(graph_of_cell(name))

    for part in (schedule.forward, schedule.training, schedule.backward):
        loop = part.loop
        known = {*loop.given, *loop.previous, *loop.constants, *(before for before, _ in loop.carried)}
        for value in loop.values:
            assert value.batch is not None
            assert value.kind != "outside"
            assert all(ref.value in known for ref in value.refs)
            known.add(value)
        assert {*loop.streams, *(after.value for _, after in loop.carried)} <= known


@varied_cells
def test_inference_writes_nothing_that_only_a_gradient_needs(name):
    schedule = build_schedule(graph_of_cell(name))

    y = schedule.graph.refs[schedule.graph.outputs[0]].value
    assert len(schedule.forward.loop.streams) <= len(schedule.training.loop.streams)
    assert not {*schedule.saved} & {*schedule.forward.loop.streams} - {y}


@varied_cells
def test_nothing_is_kept_that_pointwise_work_makes_of_the_rest(name):
    schedule = build_schedule(graph_of_cell(name))
    graph, states = schedule.graph, len(schedule.graph.capture.state)

    x, *before = (graph.refs[node].value for node in graph.inputs[: 1 + states])
    y, *after = (graph.refs[node].value for node in graph.outputs[: 1 + states])
    traced = {k for k in range(states) if k in schedule.traced or after[k] is y}
    free = {x, y, *(before[k] for k in traced), *(after[k] for k in traced)}
    for value in schedule.saved:
        known = free | {*schedule.saved} - {value}
        for other in graph.values:
            if other.kind in ("pointwise", "reduce", "cat") and all(
                ref.value in known or ref.value.kind == "constant" for ref in other.refs
            ):
                known.add(other)
        assert value not in known


@varied_cells
def test_no_more_is_kept_than_the_results_of_all_products_and_the_states(name):
    schedule = build_schedule(graph_of_cell(name))
    graph = schedule.graph

    forward = [value for value in graph.values if value not in graph.with_gradient]
    simple = sum(value.size for value in forward if value.kind in ("matmul", "outside"))
    assert kept(schedule) <= simple + sum(graph.capture.state)


def test_what_a_largest_feature_is_taken_of_is_kept_not_computed_again():
    """Its gradient goes to what is equal to it, and the same work done by other code may differ in the last digit."""

    def step(c, x, h):
        seen = torch.log(F.softplus(F.linear(x, c.w)))
        return seen.amax(-1, keepdim=True), torch.tanh(h * c.v + x[:, :1])

    cell = StepCell(step)
    cell.output_size = 1
    cell.initial_state = lambda batch, device=None, dtype=None: StepState(torch.zeros(batch, 4, dtype=dtype))

    assert {"log", "eq"} & {value.op for value in schedule_of(cell).saved}


@pytest.mark.parametrize("name", ["indrnn", "sru", "min_gru", "min_lstm", "lru", "rg_lru", "qrnn"])
def test_a_linear_recurrence_multiplies_nothing_inside_the_loops(name):
    schedule = build_schedule(graph_of_cell(name))

    for part in (schedule.forward, schedule.training, schedule.backward):
        assert products(part) == []


# What cannot run inside, and where else it runs


def test_what_only_torch_has_runs_before_the_loop_if_it_needs_no_state():
    schedule = schedule_of_step(lambda c, x, h: torch.tanh(F.linear(x.cumprod(1), c.w) + h))

    assert "cumprod" in operations(schedule.forward.early)


def test_what_only_torch_has_runs_after_the_loop_if_no_state_needs_it():
    def step(c, x, h):
        new = torch.tanh(F.linear(x, c.w) + h)
        return new.cumprod(1), new

    schedule = schedule_of_step(step)

    assert "cumprod" in operations(schedule.forward.late(schedule.forward.results))


def test_what_only_torch_has_is_refused_where_the_state_needs_it():
    with pytest.raises(CaptureError, match="StepCell: cumprod cannot run inside the loop"):
        schedule_of_step(lambda c, x, h: F.linear(x, c.w) + h.cumprod(1))


def test_an_output_that_no_state_needs_is_multiplied_after_the_loop():
    schedule = schedule_of_step(lambda c, x, h: (F.linear(h, c.u), torch.tanh(F.linear(x, c.w) + h)))

    assert products(schedule.forward) == []
    assert operations(schedule.forward.late(schedule.forward.results)).count("mm") == 1


def test_a_matrix_made_of_parameters_is_made_once_a_scan():
    schedule = schedule_of_step(lambda c, x, h: torch.tanh(h @ torch.matrix_exp(c.u - c.u.t()) + F.linear(x, c.w)))

    (matrix,) = (ref.value for product in products(schedule.forward) for ref in product.refs if ref.value.batch is None)
    assert matrix in schedule.forward.loop.constants
    assert not any("exp" in value.op for value in schedule.forward.loop.values)


def test_a_schedule_can_be_read():
    text = str(schedule_of(LSTM(3, 4)).backward)

    for part in ("early:", "every step:", "given", "written", "carried", "late:", "matmul"):
        assert part in text
