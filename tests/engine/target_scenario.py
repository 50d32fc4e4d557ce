"""The core of the engine's numerical tests, for one target: run as a program with OSTINATO_MARCH set.

A few cells, and a step with functions that they lack: outputs, final states and every gradient against the plain loop
in float64, with lengths and without, forwards and backwards, for several numbers of rows; single steps; some in
float32, some on two threads. For this processor's own target test_compiled_cells.py tries all named cells.
"""

import sys

import torch
from scan_scenario import EVERY_CELL, SIZES, StepCell, assert_compiled, compiled, made_case, reference

from ostinato.engine import build

CORE = ["gru", "layer_norm_lstm", "slstm_with_heads"]


def softly(cell, x, h):
    """Functions, reductions and products that the cells lack."""
    mixed = torch.softmax(x @ cell.w.mT, -1) + torch.logsumexp(h @ cell.u.mT, -1, keepdim=True)
    return (
        torch.erf(mixed) * torch.sin(h)
        + torch.log1p(h.square())
        + (h - h.mean(-1, keepdim=True)).norm(dim=-1, keepdim=True)
    )


def check_cell(cell, dtype):
    cell = cell.to(dtype)
    for rows, reverse, ragged in ((1, False, False), (3, True, True), (17, False, True)):
        case = made_case(cell, batch=rows, reverse=reverse)
        assert_compiled(case if ragged else case._replace(lengths=None))
    step = made_case(cell, batch=1, time=1, lengths=None)
    with torch.no_grad():
        torch.testing.assert_close(compiled(cell, step.x, step.state), reference(cell, step.x, step.state))


def main():
    torch.use_deterministic_algorithms(True)  # uninitialised memory is NaN
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name in CORE:
        check_cell(EVERY_CELL[name](*SIZES), torch.float64)
    check_cell(StepCell(softly, hidden=19), torch.float64)
    check_cell(EVERY_CELL["gru"](*SIZES), torch.float32)
    torch.set_num_threads(2)
    assert_compiled(made_case(EVERY_CELL["gru"](5, 130).double(), batch=3))  # columns shared
    assert_compiled(made_case(EVERY_CELL["gru"](5, 34).double(), batch=17))  # rows shared
    print(build.in_use().target.name)


if __name__ == "__main__":
    sys.exit(main())
