"""Scans under torch's matmul precision "medium": products of bfloat16 where the processor has units for them."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_scenario import EVERY_CELL, StepCell, compiled, in_double, made_case, reference, results

from ostinato.engine.target import chosen

law = settings(deadline=None, derandomize=True, max_examples=60)


@pytest.fixture(autouse=True)
def float32_afterwards():
    torch.use_deterministic_algorithms(True)  # uninitialised memory is NaN
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("highest")


def under(precision, run, case):
    torch.set_float32_matmul_precision(precision)
    try:
        return results(run, case)
    finally:
        torch.set_float32_matmul_precision("highest")


def every_tensor(made):
    return {"y": made.y} | {f"final {k}": t for k, t in enumerate(made.final)} | made.gradients


def distance(one, other):
    """The largest of all results' relative distances."""
    truth = every_tensor(other)
    pairs = [(a.detach().double(), truth[name].detach().double()) for name, a in every_tensor(one).items()]
    return max(float((a - b).norm() / b.norm().clamp(min=1e-6)) for a, b in pairs)


@pytest.mark.parametrize("name", ["lstm", "gru", "elman", "layer_norm_lstm", "lstm_with_projection"])
@pytest.mark.parametrize("batch", [3, 37])
def test_states_outputs_and_gradients_stay_near_those_of_float64(name, batch):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL[name](5, 34), batch=batch, reverse=batch == 3)

    assert distance(under("medium", compiled, case), results(reference, in_double(case))) < 0.03


def signs(cell, x, h):
    return torch.sign(x @ cell.w.mT + h @ cell.u.mT + 0.5)


def signs_of_two_heads(cell, x, h):
    half = h.shape[1] // 2
    own = h.reshape(h.shape[0], 2, half).transpose(0, 1)
    mixed = torch.bmm(own, cell.u[:, :half].reshape(2, half, half)).transpose(0, 1).flatten(1)
    return torch.sign(x @ cell.w.mT + mixed + 0.5)


@law
@given(
    function=st.sampled_from([signs, signs_of_two_heads]),
    batch=st.integers(1, 70),
    steps=st.integers(5, 9),
    half=st.integers(16, 35),
    seed=st.integers(0, 99),
)
def test_numbers_that_bfloat16_has_are_multiplied_exactly(function, batch, steps, half, seed):
    torch.manual_seed(seed)
    cell = StepCell(function, hidden=2 * half)
    for weight in (cell.w, cell.u):
        weight.data = torch.randint(-9, 9, weight.shape).float()
    x = torch.randint(-9, 9, (batch, steps, 3)).float()
    lengths = torch.randint(0, steps + 1, (batch,))
    made = {}
    for precision in ("highest", "medium"):
        torch.set_float32_matmul_precision(precision)
        made[precision] = compiled(cell, x, lengths=lengths)[0]

    assert torch.equal(made["medium"], made["highest"])


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize(("hidden", "batch"), [(34, 37), (130, 3)], ids=["rows shared", "columns shared"])
def test_threads_do_not_matter(hidden, batch, threads):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL["gru"](5, hidden), batch=batch)
    alone = under("medium", compiled, case)
    torch.set_num_threads(threads)
    try:
        shared = under("medium", compiled, case)
    finally:
        torch.set_num_threads(1)

    assert distance(shared, alone) < 1e-6


def test_nothing_is_rounded_unless_bfloat16_is_allowed():
    torch.manual_seed(0)
    case = made_case(EVERY_CELL["lstm"](5, 34), batch=7)
    exact = under("highest", compiled, case)

    assert distance(under("high", compiled, case), exact) == 0
    double = in_double(copy.deepcopy(case))
    assert distance(under("medium", compiled, double), under("highest", compiled, double)) == 0


@pytest.mark.skipif(
    not torch.cpu._is_amx_tile_supported() or chosen().name not in ("native", "x86-64-amx"),
    reason="no matrix units, or compiled for processors that have none: that scans use them, and how near their results"
    " are, is left unproven",
)
def test_the_matrix_units_are_used():
    torch.manual_seed(0)
    case = made_case(EVERY_CELL["lstm"](5, 34), batch=7)

    assert 1e-5 < distance(under("medium", compiled, case), under("highest", compiled, case)) < 0.03
