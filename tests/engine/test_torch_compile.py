"""The compiled scan inside torch.compile and torch.export: one operation, and no graph break."""

import io

import pytest
import torch
from scan_scenario import Over, made_case, reference
from torch.utils._python_dispatch import TorchDispatchMode

from ostinato.cells import GRU, LSTM, Elman
from ostinato.engine import explain, scan
from ostinato.engine.constant import assumed_constant
from ostinato.nn import Recurrent

EXACT = {"rtol": 1e-11, "atol": 1e-11}


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


@pytest.fixture
def dynamo():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize(("backend", "directions"), [("aot_eager", 2), ("inductor", 1)])
def test_torch_compile_sees_no_graph_break_and_gives_the_same(dynamo, backend, directions):
    layer = Recurrent(LSTM, 3, 4, bidirectional=directions == 2)
    x, lengths = torch.randn(3, 5, 3), torch.tensor([5, 0, 2])
    fast = torch.compile(layer, fullgraph=True, backend=backend)

    def run(layer):
        y, final = layer(x, lengths=lengths)
        return y, final, torch.autograd.grad(y.square().sum() + final[0].c.sum(), [*layer.parameters()])

    with torch._dynamo.config.patch(allow_rnn=True):
        torch.testing.assert_close(run(fast), run(layer))
        with torch.no_grad():
            torch.testing.assert_close(fast(x, lengths=lengths), layer(x, lengths=lengths))


def test_layers_of_one_kind_and_different_sizes_compile_one_after_the_other(dynamo):
    for inputs, hidden in ((3, 4), (5, 6), (7, 4)):
        cell, x = GRU(inputs, hidden).double(), torch.randn(2, 4, inputs).double()
        fast = torch.compile(Over(cell, scan), fullgraph=True, backend="eager")

        torch.testing.assert_close(fast(x)[0], reference(cell, x)[0], **EXACT)


def test_cells_whose_steps_read_alike_and_differ_in_size_are_told_apart(dynamo):
    cells = [Elman(inputs, hidden, bias=False).double() for inputs, hidden in ((3, 4), (5, 6))]
    inputs = [torch.randn(2, 4, cell.input_size).double() for cell in cells]
    assert all(explain(cell, x).backend == "cpp" for cell, x in zip(cells, inputs, strict=True))

    for cell, x in zip(cells, inputs, strict=True):
        torch._dynamo.reset()
        fast = torch.compile(Over(cell, scan), fullgraph=True, backend="eager")
        torch.testing.assert_close(fast(x)[0], reference(cell, x)[0], **EXACT)


def test_a_compiled_layer_takes_batches_of_any_size(dynamo):
    layer = Over(GRU(3, 4).double(), scan)
    fast = torch.compile(layer, fullgraph=True, backend="aot_eager", dynamic=True)

    for batch, time in ((2, 5), (7, 3), (3, 9)):
        x = torch.randn(batch, time, 3).double().requires_grad_()
        y, _ = fast(x)
        torch.testing.assert_close(y, layer(x)[0], **EXACT)
        torch.testing.assert_close(
            torch.autograd.grad(y.sum(), [x]), torch.autograd.grad(layer(x)[0].sum(), [x]), **EXACT
        )


@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_layer_gives_the_same_at_any_batch_and_length(strict):
    layer = Recurrent(GRU, 3, 4, bidirectional=True).double().eval()
    dynamic = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)

    exported = torch.export.export(layer, (torch.randn(2, 5, 3).double(),), dynamic_shapes=dynamic, strict=strict)

    x = torch.randn(7, 9, 3).double()
    torch.testing.assert_close(exported.module()(x)[0], layer(x)[0], **EXACT)
    operations = [node.target for node in exported.graph.nodes if node.op == "call_function"]
    assert operations.count(torch.ops.ostinato.scan.default) == 2


def test_an_exported_scan_can_be_saved_and_loaded():
    layer = Over(GRU(3, 4).double(), lambda cell, x, state: scan(cell, x, state)[0])
    x, file = torch.randn(2, 5, 3).double(), io.BytesIO()

    torch.export.save(torch.export.export(layer, (x,)), file)
    file.seek(0)

    torch.testing.assert_close(torch.export.load(file).module()(x), layer(x), **EXACT)


def test_the_operation_keeps_torchs_rules():
    cell = LSTM(3, 4).double()
    case = made_case(cell, batch=3)
    weights = [weight.detach().requires_grad_() for weight in cell.parameters()]
    assert explain(cell, case.x).backend == "cpp"
    calls = []
    with Recording(calls):
        scan(cell, case.x, case.state, lengths=case.lengths)
    (arguments,) = calls

    x, _, state, *rest = arguments
    torch.library.opcheck(torch.ops.ostinato.scan.default, (x.requires_grad_(), weights, state, *rest))


class Recording(TorchDispatchMode):
    """Notes the arguments of compiled scans."""

    def __init__(self, calls) -> None:
        super().__init__()
        self.calls = calls

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.ostinato.scan.default:
            self.calls.append(args)
        return function(*args, **(kwargs or {}))


def test_a_constant_is_marked_as_torch_marks_it():
    def plain():
        return 1

    def ours():
        return 1

    assert vars(assumed_constant(ours)) == vars(torch.compiler.assume_constant_result(plain)) != {}
