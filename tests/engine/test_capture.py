"""A step as a graph of torch's operations, and what a cell that has none is told."""

import inspect

import pytest
import torch
from scan_scenario import EVERY_CELL, StepCell
from torch.nn import functional as F

from ostinato.cells import GRU, LSTM, Elman
from ostinato.engine import explain, scan
from ostinato.engine.capture import CaptureError, capture
from ostinato.engine.graph import build_graph
from ostinato.engine.schedule import build_schedule


def placeholders(captured):
    return [node for node in captured.graph.nodes if node.op == "placeholder"]


def outputs(captured):
    return captured.graph.output_node().args[0]


@pytest.mark.parametrize("name", ["lstm", "lstm_with_projection", "lstm_gru", "gru_under_zoneout"])
def test_a_capture_takes_and_gives_what_a_step_and_its_gradient_do(name):
    cell = EVERY_CELL[name](3, 4)
    captured = capture(cell, cell.input_size, torch.float32)

    weights, states = len(list(cell.parameters())), len(cell.initial_state(1))
    assert captured.parameters == tuple(name for name, _ in cell.named_parameters())
    assert captured.state == tuple(tensor.shape[1] for tensor in cell.initial_state(1))
    assert (captured.output, captured.features) == (cell.output_size, cell.input_size)
    assert len(placeholders(captured)) == weights + 1 + states + 1 + states
    assert len(outputs(captured)) == 1 + states + weights + 1 + states
    assert all(node.meta["val"].dtype == torch.float32 for node in (*placeholders(captured), *outputs(captured)))


def test_a_mask_behind_the_input_is_part_of_it():
    captured = capture(GRU(3, 4), 7, torch.float64)

    x = placeholders(captured)[len(captured.parameters)]
    assert x.meta["val"].shape[1] == captured.features == 7


def test_buffers_are_taken_as_weights_are():
    cell = StepCell(lambda c, x, h: F.linear(x, c.w) + h * c.buffer)
    cell.register_buffer("buffer", torch.rand(4))

    assert capture(cell, 3, torch.float32).parameters == ("w", "u", "v", "buffer")


@pytest.mark.parametrize("name", ["lstm_gru", "contractive"])
def test_capturing_changes_neither_the_cell_nor_the_random_numbers(name):
    cell = EVERY_CELL[name](3, 4)
    weights = [(id(weight), weight.clone()) for weight in cell.parameters()]
    generator = torch.get_rng_state()

    capture(cell, 3, torch.float64)

    assert torch.equal(torch.get_rng_state(), generator)
    assert [id(weight) for weight in cell.parameters()] == [key for key, _ in weights]
    assert all(torch.equal(now, before) for now, (_, before) in zip(cell.parameters(), weights, strict=True))
    assert all(weight.requires_grad and weight.grad is None for weight in cell.parameters())


def test_a_cell_is_captured_under_no_grad_and_inference_mode_too():
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            captured = capture(Elman(3, 4), 3, torch.float32)
        assert len(outputs(captured)) == 2 + 4 + 2


# Cells that have no graph


class Small(Elman):
    """An Elman cell with a forward of its own."""

    def __init__(self) -> None:
        super().__init__(3, 4, bias=False)


class MultipliesUpTheState(Small):
    def forward(self, x, state):
        h = torch.cumprod(state.h, -1) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class MultipliesFeatures(Small):
    def forward(self, x, state):
        h = torch.tanh(state.h.prod(-1, keepdim=True) + F.linear(x, self.weight_ih))
        return h, type(state)(h)


class Branches(Small):
    def forward(self, x, state):
        if state.h.sum() > 0:
            return state.h, state
        h = F.linear(x, self.weight_ih)
        return h, type(state)(h)


class AsksForANumber(Small):
    def forward(self, x, state):
        h = state.h * float(state.h[0, 0]) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class ChoosesByData(Small):
    def forward(self, x, state):
        h = F.linear(x, self.weight_ih) + state.h[state.h > 0].sum()
        return h, type(state)(h)


class DropsOut(Small):
    def forward(self, x, state):
        h = F.dropout(state.h, 0.5) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class Draws(Small):
    def forward(self, x, state):
        h = state.h + torch.rand_like(state.h) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class MixesRows(Small):
    def forward(self, x, state):
        h = state.h - state.h.mean(0) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class HasATensor(Small):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.rand(4)

    def forward(self, x, state):
        h = state.h * self.scale + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class MakesATensor(Small):
    def forward(self, x, state):
        h = state.h * torch.tensor([1.0, 2.0, 3.0, 4.0]) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class ChangesTheState(Small):
    def forward(self, x, state):
        state.h.mul_(2)
        h = state.h + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class Rounds(Small):
    def forward(self, x, state):
        h = state.h.bfloat16().to(x.dtype) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


class Helped(Small):
    def forward(self, x, state):
        return self.step(x, state)

    def step(self, x, state):
        h = state.h.cumprod(1) + F.linear(x, self.weight_ih)
        return h, type(state)(h)


REFUSED = {
    MultipliesUpTheState: ("cumprod cannot run inside the loop", "torch.cumprod(state.h, -1)"),
    MultipliesFeatures: ("prod cannot run inside the loop", "state.h.prod(-1"),
    Branches: ("branches on data", "if state.h.sum() > 0:"),
    AsksForANumber: ("branches on data", "float(state.h[0, 0])"),
    ChoosesByData: ("makes shapes from it", "state.h[state.h > 0].sum()"),
    DropsOut: ("random numbers inside the step", "F.dropout(state.h, 0.5)"),
    Draws: ("random numbers inside the step", "torch.rand_like(state.h)"),
    MixesRows: ("mixes rows", "state.h.mean(0)"),
    MakesATensor: ("register_buffer", "torch.tensor([1.0"),
    ChangesTheState: ("in-place", "state.h.mul_(2)"),
    Rounds: ("_to_copy cannot run inside the loop", "state.h.bfloat16()"),
    Helped: ("cumprod cannot run inside the loop", "return self.step(x, state)"),
}
"""For each cell, what its refusal says, and the code that it points to."""


def refusal(cell):
    with pytest.raises(CaptureError) as caught:
        build_schedule(build_graph(capture(cell(), 3, torch.float32)))
    return str(caught.value)


@pytest.mark.parametrize("cell", REFUSED)
def test_a_cell_that_cannot_be_compiled_is_told_why_in_one_line(cell):
    message = refusal(cell)

    assert message.startswith(cell.__name__)
    assert REFUSED[cell][0] in message
    assert "\n" not in message


@pytest.mark.parametrize("cell", REFUSED)
def test_a_cell_that_cannot_be_compiled_is_told_the_line_of_its_forward(cell):
    lines, first = inspect.getsourcelines(cell.forward)
    number = next(i for i, line in enumerate(lines, first) if REFUSED[cell][1] in line)

    assert f"{__file__}:{number}: {lines[number - first].strip()}" in refusal(cell)


def test_a_tensor_that_is_no_buffer_is_named():
    assert refusal(HasATensor).startswith("HasATensor.scale is a tensor that is neither a parameter nor a buffer: ")


@pytest.mark.parametrize("cell", [MultipliesUpTheState, Branches, DropsOut, HasATensor, Rounds])
def test_such_a_cell_runs_in_the_plain_loop_and_raises_if_asked_to_run_compiled(cell):
    torch.manual_seed(0)
    cell, x = cell(), torch.randn(2, 5, 3)

    explanation = explain(cell, x)
    assert explanation.backend == "reference"
    assert explanation.rejected["cpp"].startswith(type(cell).__name__)
    with pytest.raises(ValueError, match=rf"backend 'cpp' cannot run this scan: {type(cell).__name__}.*'reference'"):
        scan(cell, x, backend="cpp")
    torch.manual_seed(0)
    expected = scan(cell, x, backend="reference")
    torch.manual_seed(0)
    torch.testing.assert_close(scan(cell, x), expected, rtol=0, atol=0)


class Forgetful(LSTM):
    """A beginner's cell: what it returns as its state is a tensor."""

    def forward(self, x, state):
        y, new = super().forward(x, state)
        return y, new.h


def test_a_step_that_returns_no_state_is_told_so_at_once(monkeypatch):
    def refuse(tensor):
        pytest.fail(f"a tensor of {len(tensor)} rows is taken apart")

    monkeypatch.setattr(torch.Tensor, "__iter__", refuse)
    with pytest.raises((ValueError, TypeError, CaptureError), match="state"):
        capture(Forgetful(3, 4), 3, torch.float32)


def test_a_mistake_in_the_users_code_is_the_users_error():
    def misspelt(c, x, h):
        return c.wieght + h

    with pytest.raises(AttributeError, match="wieght"):
        scan(StepCell(misspelt), torch.zeros(2, 5, 3))
    with pytest.raises(RuntimeError, match=r"3.*4|4.*3"):
        scan(StepCell(lambda c, x, h: x + h), torch.zeros(2, 5, 3))
