"""Programs of cells: made once for each kind of cell, never stale, shared by threads."""

import threading
import types

import pytest
import torch
from scan_scenario import StepCell, compiled, reference
from torch.nn import functional as F

from ostinato.cells import GRU, LSTM, Elman, IndRNN
from ostinato.engine import explain, scan
from ostinato.nn import Recurrent


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


@pytest.fixture
def x():
    return torch.randn(2, 5, 3).double()


def assert_current(cell, x):
    """What runs compiled is the cell as it is now."""
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            torch.testing.assert_close(compiled(cell, x), reference(cell, x), rtol=1e-11, atol=1e-11)


# Nothing is stale


def test_weights_that_an_optimizer_changed_are_seen(x):
    cell = GRU(3, 4).double()
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.5)

    for _ in range(3):
        assert_current(cell, x)
        optimizer.zero_grad()
        scan(cell, x)[0].square().sum().backward()
        optimizer.step()


def test_weights_that_are_edited_replaced_or_loaded_are_seen(x):
    cell = GRU(3, 4).double()
    assert_current(cell, x)

    cell.weight_hh.data.mul_(2)
    assert_current(cell, x)
    cell.weight_ih.data = torch.randn(3, 12).double().t()
    assert_current(cell, x)
    cell.bias_hh = torch.nn.Parameter(torch.randn(12).double())
    assert_current(cell, x)
    cell.load_state_dict(GRU(3, 4).double().state_dict())
    assert_current(cell, x)


def test_weights_that_lie_elsewhere_after_a_move_are_seen(x):
    cell = GRU(3, 4).double()
    assert_current(cell, x)
    cell.float().double()
    assert_current(cell, x)


def test_settings_that_are_changed_after_a_scan_are_seen(x):
    cell = Elman(3, 4).double()
    assert_current(cell, x)

    cell.activation = "relu"
    assert_current(cell, x)
    cell.activation = "tanh"
    assert_current(cell, x)


class Gain:
    def __init__(self, value) -> None:
        self.value = value


ATTRIBUTES = {
    "a number": (0.5, lambda cell: setattr(cell, "part", 3), lambda part: part),
    "a number in a list": ([0.5], lambda cell: cell.part.__setitem__(0, 3), lambda part: part[0]),
    "a number in a dict": ({"gain": 0.5}, lambda cell: cell.part.update(gain=3), lambda part: part["gain"]),
    "a function": (torch.tanh, lambda cell: setattr(cell, "part", torch.sin), lambda part: part(torch.ones(4))),
    "an object's": (Gain(0.5), lambda cell: setattr(cell.part, "value", 3), lambda part: part.value),
    "another object": (Gain(0.5), lambda cell: setattr(cell, "part", Gain(3)), lambda part: part.value),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_that_is_changed_after_a_scan_is_seen(x, name):
    part, change, gain = ATTRIBUTES[name]

    def step(c, x, h):
        return torch.tanh(F.linear(x, c.w) * gain(c.part) + h * c.v)

    cell = StepCell(step, part=part).double()
    assert_current(cell, x)
    change(cell)
    assert_current(cell, x)


@pytest.mark.filterwarnings("ignore:.*changes between scans")  # it does, three times
def test_a_part_that_is_changed_replaced_or_trained_is_seen(x):
    cell = StepCell(lambda c, x, h: c.inner(F.linear(x, c.w) + h * c.v))
    cell.inner = torch.nn.LeakyReLU(0.1)
    cell.double()
    assert_current(cell, x)

    cell.inner.negative_slope = 0.9
    assert_current(cell, x)
    cell.inner = torch.nn.Tanh()
    assert_current(cell, x)
    cell.inner = torch.nn.Identity() if cell.inner.training else None
    assert_current(cell, x)


def test_training_and_evaluation_are_told_apart(x):
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h * c.v * (2 if c.training else 1))).double()

    assert_current(cell.train(), x)
    assert_current(cell.eval(), x)


def test_a_subclass_with_a_forward_of_its_own_is_another_cell(x):
    class Doubled(IndRNN):
        def forward(self, x, state):
            return super().forward(2 * x, state)

    assert_current(IndRNN(3, 4).double(), x)
    assert_current(Doubled(3, 4).double(), x)


def test_a_cell_whose_forward_was_replaced_is_another_cell(x):
    def forward(cell, x, state):
        return IndRNN.forward(cell, 2 * x, state)

    cell = IndRNN(3, 4).double()
    assert_current(cell, x)
    cell.forward = types.MethodType(forward, cell)
    assert_current(cell, x)


def test_a_class_that_was_written_anew_is_another_cell(x):
    for sign in (1, -1):

        class Written(IndRNN):
            def forward(self, x, state, sign=sign):
                return super().forward(sign * x, state)

        assert_current(Written(3, 4).double(), x)


def test_a_buffer_that_is_changed_is_seen(x):
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h * c.scale))
    cell.register_buffer("scale", torch.rand(4))
    cell.double()

    assert_current(cell, x)
    cell.scale.mul_(3)
    assert_current(cell, x)


# Many at once


def in_threads(count, work):
    errors, start = [], threading.Barrier(count)

    def guarded():
        try:
            start.wait()
            work()
        except BaseException as error:
            errors.append(error)
            raise

    workers = [threading.Thread(target=guarded) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []


def test_threads_may_run_one_layer_at_once_from_the_first_call_on(x):
    layer, gradients = Recurrent(LSTM, 3, 4, bidirectional=True).double(), []

    def work():
        for _ in range(20):
            y, _ = layer(x)
            gradients.append((y, *torch.autograd.grad(y.square().sum(), [*layer.parameters()])))

    in_threads(4, work)

    assert len(gradients) == 80
    for found in gradients[1:]:
        torch.testing.assert_close(found, gradients[0], rtol=0, atol=1e-12)


def test_a_thread_may_run_a_cell_while_another_makes_programs_of_it(x):
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h * c.v), tag=0).double()
    weights, expected = [*cell.parameters()], reference(cell, x)[0]
    made = threading.Event()

    def work():
        if not roles.pop():
            while not made.is_set():
                torch.testing.assert_close(reference(cell, x)[0], expected, rtol=0, atol=0)
        else:
            try:
                for cell.tag in range(6):
                    explain(cell, x)
            finally:
                made.set()

    roles = [False, True]
    in_threads(2, work)

    assert all(now is before for now, before in zip(cell.parameters(), weights, strict=True))


# What a person may look at


def test_the_debug_folder_gets_every_stage_of_a_cell(tmp_path, monkeypatch):
    class Watched(Elman):
        pass

    monkeypatch.setenv("OSTINATO_DEBUG", str(tmp_path))
    assert explain(Watched(3, 4).double(), torch.zeros(1, 1, 3).double()).backend == "cpp"

    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert folder.name.startswith("Watched-")
    texts = {path.stem: path.read_text() for path in folder.iterdir()}
    assert "matmul(" in texts["graph"]
    assert "tanh(" in texts["graph"]
    for word in ("forward", "backward", "early:", "every step:", "late:"):
        assert word in texts["schedule"]
    sources = "\n".join([*texts.values(), *(path.read_text() for path in tmp_path.glob("Watched*.cpp"))])
    assert "#pragma omp simd" in sources
