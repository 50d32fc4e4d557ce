"""What `scan` takes and refuses: one clear error before anything runs, or the plain loop's result."""

import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scan_scenario import EVERY_CELL, Over, StepCell, compiled, reference
from torch.nn import functional as F

from ostinato.cells import GRU, LSTM, Cell
from ostinato.engine import scan

EXACT = {"rtol": 1e-11, "atol": 1e-11}


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


@pytest.fixture
def x():
    return torch.randn(2, 5, 3)


# Devices, types, layouts, classes


ELSEWHERE = {
    "weights": lambda x: scan(GRU(3, 4).to("meta"), x),
    "one weight": lambda x: scan(_with(GRU(3, 4), bias_hh=torch.nn.Parameter(torch.zeros(12, device="meta"))), x),
    "a buffer": lambda x: scan(_buffered(torch.ones(4, device="meta")), x),
    "the state": lambda x: scan(GRU(3, 4), x, GRU(3, 4).initial_state(2, device="meta")),
    "one of the state": lambda x: scan(
        LSTM(3, 4), x, LSTM(3, 4).initial_state(2)._replace(c=torch.zeros(2, 4, device="meta"))
    ),
    "the input": lambda x: scan(GRU(3, 4), x.to("meta")),
    "lent weights": lambda x: scan(GRU(3, 4), x, weights=[w.to("meta") for w in GRU(3, 4).parameters()]),
}


def _with(cell, **weights):
    for name, weight in weights.items():
        setattr(cell, name, weight)
    return cell


def _buffered(scale):
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h * c.scale))
    cell.register_buffer("scale", scale)
    return cell


@pytest.mark.parametrize("what", ELSEWHERE)
@pytest.mark.parametrize("steps", [0, 5])
def test_tensors_on_several_devices_are_refused_before_any_memory_is_read(what, steps):
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        ELSEWHERE[what](torch.randn(2, steps, 3))


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
def test_whole_numbers_are_refused(dtype):
    with pytest.raises(ValueError, match="x must be of a floating-point type, got torch"):
        scan(GRU(3, 4), torch.zeros(2, 5, 3, dtype=dtype))


def test_what_is_no_dense_tensor_is_refused(x):
    with pytest.raises(TypeError, match="x must be a tensor"):
        scan(GRU(3, 4), x.numpy())
    with pytest.raises(ValueError, match="x must be a dense tensor"):
        scan(GRU(3, 4), x.to_sparse())


def test_a_subclass_of_tensor_goes_through_torchs_operations_and_stays_one(x):
    class Own(torch.Tensor):
        pass

    cell = GRU(3, 4)
    y, _ = scan(cell, x.as_subclass(Own))

    assert isinstance(y, Own)
    torch.testing.assert_close(y.as_subclass(torch.Tensor), reference(cell, x)[0])
    with pytest.raises(ValueError, match="tensors of a class of their own"):
        compiled(cell, x.as_subclass(Own))


@pytest.mark.parametrize("register", ["forward", "forward_pre"])
def test_hooks_on_all_modules_are_called_too(x, register):
    calls = []
    handle = getattr(torch.nn.modules.module, f"register_module_{register}_hook")(lambda *_: calls.append(1))
    try:
        scan(GRU(3, 4), x)
    finally:
        handle.remove()
    assert len(calls) == 5


# Lengths


@pytest.mark.parametrize("lengths", [[5, 2], (5, 2), [np.int64(5), 2], torch.tensor([5, 2], dtype=torch.uint8)])
def test_lengths_may_be_a_list(x, lengths):
    cell = GRU(3, 4)
    expected = reference(cell, x, lengths=torch.tensor([5, 2]))

    torch.testing.assert_close(scan(cell, x, lengths=lengths), expected)
    assert bool((expected[0][1, 2:] == 0).all())


@pytest.mark.parametrize(
    "lengths",
    [[5.0, 2], [True, False], "52", 5, [5], [[5], [2]], torch.tensor([5.0, 2.0]), torch.tensor([True, False])],
)
def test_other_lengths_are_refused(x, lengths):
    with pytest.raises(ValueError, match="lengths must be 2 integers"):
        scan(GRU(3, 4), x, lengths=lengths)


@pytest.mark.parametrize("lengths", [[6, 2], [-1, 2]])
@pytest.mark.parametrize("backend", ["auto", "reference", "aten"])
def test_lengths_out_of_range_are_refused(x, lengths, backend):
    with pytest.raises(ValueError, match="lengths must lie between 0 and 5"):
        scan(GRU(3, 4), x, lengths=lengths, backend=backend)


# No steps, no state


@pytest.mark.parametrize("name", EVERY_CELL)
def test_without_steps_the_graph_is_kept_and_the_state_as_it_is(name):
    cell = EVERY_CELL[name](3, 4)
    x = torch.randn(2, 0, 3 if cell.input_size == 3 else cell.input_size, requires_grad=True)
    first = cell.initial_state(2)

    y, state = scan(cell, x, first)
    gradients = torch.autograd.grad(y.sum(), [x, *cell.parameters()], allow_unused=True)

    assert y.shape == (2, 0, cell.output_size)
    assert y.requires_grad
    assert all(now is before for now, before in zip(state, first, strict=True))
    assert all(g is None or not g.any() for g in gradients)


class Nothing(NamedTuple):
    pass


class Stateless(Cell[Nothing]):
    def __init__(self) -> None:
        super().__init__(3, 4)
        self.w = self.new_weight(4, 3)

    def initial_state(self, batch_size, device=None, dtype=None):
        return Nothing()

    def forward(self, x, state):
        return torch.tanh(F.linear(x, self.w)), state


def test_a_cell_without_state_runs_in_the_plain_loop_and_says_so(x):
    cell = Stateless()
    with pytest.warns(UserWarning, match="Stateless carries no state"):
        y, state = scan(cell, x)
    assert state == Nothing()
    torch.testing.assert_close(y, torch.tanh(F.linear(x, cell.w)))


# Tracing, batches of gradients, processes


@pytest.mark.parametrize("grad", [True, False])
def test_torch_jit_trace_gets_the_plain_loop(x, grad):
    layer, other = Over(GRU(3, 4), lambda cell, x, state: scan(cell, x)[0]), torch.randn(2, 5, 3)
    with torch.set_grad_enabled(grad):
        traced = torch.jit.trace(layer, (x,))
        torch.testing.assert_close(traced(other), layer(other))


@pytest.mark.parametrize("vectorize", [True, False])
def test_a_jacobian_may_be_computed_in_one_batch(vectorize):
    cell, x = LSTM(3, 4).double(), torch.randn(2, 3, 3).double()

    def jacobian(run):
        return torch.autograd.functional.jacobian(lambda x: run(cell, x)[0], x, vectorize=vectorize)

    torch.testing.assert_close(jacobian(compiled), jacobian(reference), **EXACT)


def test_many_gradients_at_once_are_those_one_by_one():
    cell, x = GRU(3, 4).double(), torch.randn(2, 3, 3).double().requires_grad_()
    y, _ = compiled(cell, x, lengths=[3, 1])
    given = torch.randn(5, *y.shape).double()

    together = torch.autograd.grad(y, [x, *cell.parameters()], given, is_grads_batched=True, retain_graph=True)
    for i in range(5):
        alone = torch.autograd.grad(y, [x, *cell.parameters()], given[i], retain_graph=True)
        torch.testing.assert_close([g[i] for g in together], list(alone), **EXACT)


CAPTURING = """
import os, signal, threading, time
import torch
from ostinato.cells import GRU
from ostinato.engine import explain, scan

class Slow(GRU):
    def forward(self, x, state):
        time.sleep(0.3)
        return super().forward(x, state)

x = torch.randn(2, 5, 3)
thread = threading.Thread(target=lambda: scan(Slow(3, 4), x))
thread.start()
time.sleep(0.5)  # the capture is under way
"""


COMPILING = """
import os, signal, threading, time
import torch
from ostinato.cells import GRU
from ostinato.engine import explain, program, scan

x, begun, compiled = torch.randn(2, 5, 3), threading.Event(), program._compile

def slow(*arguments):
    begun.set()
    time.sleep(2)
    return compiled(*arguments)

program._compile = slow
thread = threading.Thread(target=lambda: scan(GRU(3, 4), x))
thread.start()
begun.wait()
program._compile = compiled
"""


FORKED = """
pid = os.fork()
if pid == 0:
    signal.alarm(120)
    os._exit(explain(GRU(3, 5), x).backend != "cpp")
thread.join()
raise SystemExit(os.waitpid(pid, 0)[1])
"""


@pytest.mark.parametrize("meanwhile", [CAPTURING, COMPILING], ids=["captures", "compiles"])
def test_a_process_may_be_forked_while_another_thread_works(meanwhile):
    # In a process of its own: a child of one that has used OpenMP cannot use it, with torch's own layers either.
    assert subprocess.run([sys.executable, "-c", meanwhile + FORKED], timeout=300).returncode == 0


# What is said


def test_a_cell_that_runs_in_the_plain_loop_says_so_once_with_the_line(x):
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h * float(c.v.sum())))

    def scan_again():
        for _ in range(3):
            scan(cell, x)

    with pytest.warns(UserWarning, match=r"not compiled, and run in the plain loop: .*test_door\.py:\d+") as caught:
        scan_again()
    (warning,) = (w for w in caught if "plain loop" in str(w.message))
    assert warning.filename == __file__
