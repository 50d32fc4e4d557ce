"""Which backend runs a scan, and why."""

from functools import partial

import pytest
import torch

from ostinato.cells import CELLS, GRU, LSTM, Chain, Elman, Zoneout
from ostinato.engine import explain, scan

ONLY_REFERENCE = {
    "peephole": (partial(LSTM, peephole=True), "torch's LSTM has no peephole, coupled gates or layer norm"),
    "coupled": (partial(LSTM, coupled=True), "torch's LSTM has no peephole, coupled gates or layer norm"),
    "layer norm": (partial(LSTM, layer_norm=True), "torch's LSTM has no peephole, coupled gates or layer norm"),
    "reset before": (partial(GRU, reset_after=False), "torch's GRU resets after the recurrent multiplication"),
    "identity": (partial(Elman, activation="identity"), "torch's RNN has no activation 'identity'"),
    "binary": (partial(Elman, activation="binary"), "torch's RNN has no activation 'binary'"),
    "jordan": (CELLS["jordan"], "torch has no kernel for Jordan"),
    "mgu": (CELLS["mgu"], "torch has no kernel for MGU"),
    "chain": (lambda inputs, hidden: Chain(GRU(inputs, hidden)), "torch has no kernel for Chain"),
    "zoneout": (lambda inputs, hidden: Zoneout(GRU(inputs, hidden)), "torch has no kernel for Zoneout"),
}


@pytest.mark.parametrize("cell", [Elman(3, 4), LSTM(3, 4, proj_size=2), GRU(3, 4, bias=False)])
def test_torchs_kernels_are_chosen_for_the_cells_torch_has(cell):
    explanation = explain(cell, torch.zeros(2, 5, 3))

    assert explanation == ("aten", f"torch's own kernel for {type(cell).__name__}", {})
    assert str(explanation) == f"aten: torch's own kernel for {type(cell).__name__}"


@pytest.mark.parametrize("name", ONLY_REFERENCE)
def test_the_plain_loop_is_chosen_for_every_other_cell_and_says_why_not_torchs(name):
    make, why = ONLY_REFERENCE[name]
    cell = make(3, 4)

    explanation = explain(cell, torch.zeros(2, 5, cell.input_size))

    assert explanation.backend == "reference"
    assert str(explanation).splitlines() == [
        "reference: the plain loop runs every cell, and no faster backend applies",
        f"  not aten: {why}",
    ]


def test_a_dropout_mask_takes_the_plain_loop():
    assert explain(GRU(3, 4), torch.zeros(2, 5, 3)).backend == "aten"
    explanation = explain(GRU(3, 4), torch.zeros(2, 5, 7))

    assert explanation.backend == "reference"
    assert explanation.others == {"aten": "torch's kernels take no recurrent dropout mask"}


def test_a_subclass_of_a_cell_torch_has_may_compute_anything_so_it_takes_the_plain_loop():
    class Doubled(GRU):
        def forward(self, x, state):
            return super().forward(2 * x, state)

    cell, x = Doubled(3, 4), torch.randn(2, 5, 3)

    assert explain(cell, x).others == {"aten": "torch has no kernel for Doubled"}
    torch.testing.assert_close(scan(cell, x), scan(cell, x, backend="reference"), rtol=0, atol=0)


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
def test_a_cell_with_hooks_takes_the_plain_loop_and_they_are_called_at_every_step(register):
    cell, calls = GRU(3, 4), []
    getattr(cell, register)(lambda *_: calls.append(1))

    y, _ = scan(cell, torch.randn(2, 5, 3, requires_grad=True))
    y.sum().backward()

    assert explain(cell, torch.zeros(2, 5, 3)).others == {
        "aten": "torch's kernels call no hooks, and the cell has some"
    }
    assert len(calls) == 5


def test_a_weight_that_a_hook_computes_is_never_stale():
    torch.manual_seed(0)
    cell, x = torch.nn.utils.spectral_norm(GRU(3, 4), "weight_hh").eval(), torch.randn(2, 5, 3)
    before = scan(cell, x)[0]

    with torch.no_grad():
        cell.weight_hh_orig[0].mul_(10)

    assert not torch.allclose(scan(cell, x)[0], before)


def test_a_parametrised_weight_takes_the_plain_loop():
    cell = torch.nn.utils.parametrizations.weight_norm(LSTM(3, 4), "weight_hh")

    assert explain(cell, torch.zeros(2, 5, 3)).backend == "reference"


@pytest.mark.parametrize("backend", ["reference", "aten"])
def test_a_backend_asked_for_by_name_is_the_one(backend):
    assert explain(GRU(3, 4), torch.zeros(2, 5, 3), backend=backend)[:2] == (backend, "asked for by name")


@pytest.mark.parametrize("name", ONLY_REFERENCE)
@pytest.mark.parametrize("ask", [explain, scan])
@pytest.mark.parametrize("time", [0, 5])
def test_a_backend_asked_for_by_name_that_cannot_run_raises_and_says_what_can(name, ask, time):
    make, why = ONLY_REFERENCE[name]
    cell = make(3, 4)

    with pytest.raises(ValueError, match=r"backend 'aten' cannot run this scan: .*; use backend='auto' or 'reference'"):
        ask(cell, torch.zeros(2, time, cell.input_size), backend="aten")
    with pytest.raises(ValueError, match=why):
        ask(cell, torch.zeros(2, time, cell.input_size), backend="aten")


@pytest.mark.parametrize("ask", [explain, scan])
def test_an_unknown_backend_is_refused_and_the_known_ones_named(ask):
    with pytest.raises(ValueError, match=r"backend must be one of auto, .*reference.*, got 'cudnn'"):
        ask(GRU(3, 4), torch.zeros(2, 5, 3), backend="cudnn")
