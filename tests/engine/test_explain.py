"""Which backend runs a scan, and why."""

from functools import partial

import pytest
import torch
from scan_scenario import StepCell

from ostinato.cells import CELLS, GRU, LSTM, Chain, CoupledLSTM, Elman, LayerNormLSTM, PeepholeLSTM, Zoneout
from ostinato.engine import explain, probe, scan

NOT_TORCHS = {
    "peephole": (PeepholeLSTM, "torch has no kernel for PeepholeLSTM"),
    "coupled": (CoupledLSTM, "torch has no kernel for CoupledLSTM"),
    "layer norm": (LayerNormLSTM, "torch has no kernel for LayerNormLSTM"),
    "reset before": (partial(GRU, reset_after=False), "torch's GRU resets after the recurrent multiplication"),
    "identity": (partial(Elman, activation="identity"), "torch's RNN has no activation 'identity'"),
    "binary": (partial(Elman, activation="binary"), "torch's RNN has no activation 'binary'"),
    "jordan": (CELLS["jordan"], "torch has no kernel for Jordan"),
    "mgu": (CELLS["mgu"], "torch has no kernel for MGU"),
    "chain": (lambda inputs, hidden: Chain(GRU(inputs, hidden)), "torch has no kernel for Chain"),
    "zoneout": (lambda inputs, hidden: Zoneout(GRU(inputs, hidden)), "torch has no kernel for Zoneout"),
}
ON_BFLOAT16 = "it computes in float32 and float64, not in bfloat16"


@pytest.mark.parametrize("cell", [LSTM, GRU, CELLS["mgu"], lambda i, h: Chain(LSTM(i, h), GRU(h, h))])
def test_cells_are_compiled_torchs_or_not(cell):
    cell = cell(3, 4).double()
    explanation = explain(cell, torch.zeros(2, 5, 3).double())

    assert explanation[:2] == ("cpp", f"{type(cell).__name__} compiled for this processor")
    assert str(explanation).splitlines()[0] == f"cpp: {type(cell).__name__} compiled for this processor"
    assert ("aten" in explanation.rejected) == (type(cell) not in (LSTM, GRU, Elman))


@pytest.mark.parametrize("cell", [Elman(3, 4), LSTM(3, 4, proj_size=2), GRU(3, 4, bias=False)])
def test_torchs_kernels_are_chosen_where_nothing_can_be_compiled_and_torch_has_one(cell):
    cell = cell.bfloat16()
    explanation = explain(cell, torch.zeros(2, 5, 3).bfloat16())

    assert str(explanation).splitlines() == [
        f"aten: torch's own kernel for {type(cell).__name__}",
        f"  not cpp: {ON_BFLOAT16}",
    ]


@pytest.mark.parametrize("name", NOT_TORCHS)
def test_the_plain_loop_is_chosen_where_nothing_else_applies_and_says_why_not(name):
    make, why = NOT_TORCHS[name]
    cell = make(3, 4).bfloat16()

    explanation = explain(cell, torch.zeros(2, 5, cell.input_size).bfloat16())

    assert explanation.backend == "reference"
    assert str(explanation).splitlines() == [
        "reference: the plain loop runs every cell, and no faster backend applies",
        f"  not cpp: {ON_BFLOAT16}",
        f"  not aten: {why}",
    ]


def test_a_dropout_mask_is_compiled_too_but_torchs_kernels_take_none():
    cell, x = LSTM(3, 4).double(), torch.zeros(2, 5, 7).double()

    assert explain(cell, x).backend == "cpp"
    with pytest.raises(ValueError, match="torch's kernels take no recurrent dropout mask"):
        explain(cell, x, backend="aten")


def test_a_subclass_of_a_cell_torch_has_may_compute_anything_so_it_is_not_torchs():
    class Doubled(GRU):
        def forward(self, x, state):
            return super().forward(2 * x, state)

    with pytest.raises(ValueError, match="torch has no kernel for Doubled"):
        explain(Doubled(3, 4), torch.zeros(2, 5, 3), backend="aten")


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
@pytest.mark.parametrize("of", ["the cell", "a part of it"])
def test_a_cell_with_hooks_takes_the_plain_loop_and_they_are_called_at_every_step(register, of):
    cell, calls = Chain(GRU(3, 4)), []
    getattr(cell if of == "the cell" else cell.cells[0], register)(lambda *_: calls.append(1))

    y, _ = scan(cell, torch.randn(2, 5, 3, requires_grad=True))
    y.sum().backward()

    assert explain(cell, torch.zeros(2, 5, 3)).rejected == {
        "cpp": "compiled steps call no hooks, and the cell has some",
        "aten": "torch has no kernel for Chain",
    }
    assert len(calls) == 5


def test_torchs_kernels_call_no_hooks():
    cell = GRU(3, 4)
    cell.register_forward_hook(lambda *_: None)

    assert explain(cell, torch.zeros(2, 5, 3)).rejected == {
        "cpp": "compiled steps call no hooks, and the cell has some",
        "aten": "torch's kernels call no hooks, and the cell has some",
    }


def test_a_weight_that_a_hook_computes_is_never_stale():
    torch.manual_seed(0)
    cell, x = torch.nn.utils.spectral_norm(GRU(3, 4), "weight_hh").eval(), torch.randn(2, 5, 3)
    before = scan(cell, x)[0]

    with torch.no_grad():
        cell.weight_hh_orig[0].mul_(10)

    assert not torch.allclose(scan(cell, x)[0], before)


@pytest.mark.parametrize(
    ("cell", "x", "why"),
    [
        (GRU(3, 4), torch.zeros(2, 5, 3, device="meta"), "it compiles for the CPU, and the input is on meta"),
        (GRU(3, 4), torch.zeros(2, 5, 3).half(), "it computes in float32 and float64, not in float16"),
        (GRU(3, 4).double(), torch.zeros(2, 5, 3), "the weights are of another type than the input"),
        (StepCell(lambda c, x, h: h.cumprod(1)), torch.zeros(2, 5, 3), "cumprod cannot run inside the loop"),
    ],
)
def test_a_cell_that_cannot_be_compiled_says_why(cell, x, why):
    explanation = explain(cell, x)

    assert explanation.backend != "cpp"
    assert why in explanation.rejected["cpp"]


def test_under_autocast_nothing_is_compiled():
    cell, x = GRU(3, 4), torch.randn(2, 5, 3)

    with torch.autocast("cpu", torch.bfloat16):
        explanation = explain(cell, x)
        y, _ = scan(cell, x)

    assert explanation.rejected["cpp"] == "it knows no autocast"
    torch.testing.assert_close(y.float(), scan(cell, x)[0], rtol=0, atol=0.05)


def test_without_a_compiler_the_next_best_backend_runs_and_its_absence_is_the_reason(monkeypatch):
    monkeypatch.setattr(probe, "obstacle", lambda: "no compiler is on PATH; install one")

    with pytest.warns(UserWarning, match="cells are not compiled, and slow: no compiler is on PATH; install one"):
        explanation = explain(GRU(3, 4), torch.zeros(2, 5, 3))

    assert explanation[0] == "aten"
    assert explanation.rejected == {"cpp": "no compiler is on PATH; install one"}


@pytest.mark.parametrize("backend", ["reference", "aten", "cpp"])
def test_a_backend_asked_for_by_name_is_the_one(backend):
    cell, x = GRU(3, 4).double(), torch.zeros(2, 5, 3).double()

    assert explain(cell, x, backend=backend) == (backend, "asked for by name", {})


@pytest.mark.parametrize("name", NOT_TORCHS)
@pytest.mark.parametrize("ask", [explain, scan])
@pytest.mark.parametrize("time", [0, 5])
def test_a_backend_asked_for_by_name_that_cannot_run_raises_and_says_what_can(name, ask, time):
    make, why = NOT_TORCHS[name]
    cell = make(3, 4).bfloat16()
    x = torch.zeros(2, time, cell.input_size).bfloat16()

    for backend, reason in (("aten", why), ("cpp", ON_BFLOAT16)):
        with pytest.raises(ValueError, match=f"backend '{backend}' cannot run this scan: .*{reason}; use backend='aut"):
            ask(cell, x, backend=backend)


@pytest.mark.parametrize("ask", [explain, scan])
@pytest.mark.parametrize("time", [0, 5])
def test_an_unknown_backend_is_refused_and_the_known_ones_named(ask, time):
    with pytest.raises(ValueError, match=r"backend must be one of auto, reference, aten, cpp, got 'cudnn'"):
        ask(GRU(3, 4), torch.zeros(2, time, 3), backend="cudnn")
