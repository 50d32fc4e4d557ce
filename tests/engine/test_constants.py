"""What is made of parameters alone is made once a scan by torch, whatever it is; gradients included."""

import pytest
import torch
from scan_scenario import StepCell, assert_same, compiled, made_case, reference, results
from torch.nn import functional as F

from ostinato.engine import scan


def shifted(c):
    return c.u + 3 * torch.eye(4, dtype=c.u.dtype)


def cayley(c):
    skew, one = c.u - c.u.T, torch.eye(4, dtype=c.u.dtype)
    return torch.linalg.solve(one + skew, one - skew)


MATRICES = {
    "inverse": lambda c: torch.linalg.inv(shifted(c)),
    "torch.inverse": lambda c: torch.inverse(shifted(c)),
    "solved": lambda c: torch.linalg.solve(shifted(c), c.u),
    "cayley": cayley,
    "cholesky": lambda c: torch.linalg.cholesky(shifted(c) @ shifted(c).T),
    "determinant": lambda c: c.u / torch.linalg.det(shifted(c)),
    "spectral norm": lambda c: c.u / torch.linalg.matrix_norm(c.u, 2),
    "exponential": lambda c: torch.matrix_exp(c.u - c.u.T),
    "triangle": lambda c: torch.linalg.solve_triangular(shifted(c).tril(), c.u, upper=False),
    "power": lambda c: torch.linalg.matrix_power(c.u, 3),
    "sorted": lambda c: c.u.sort(-1).values,
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_is_any_function_of_parameters(name):
    torch.manual_seed(0)
    case = made_case(StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h @ MATRICES[name](c))).double())

    assert_same(results(compiled, case), results(reference, case), 1e-9)


def test_a_gradient_that_writes_through_a_view_is_not_lost():
    """The gradient of the QR decomposition halves a diagonal in place."""
    torch.manual_seed(0)
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h @ torch.linalg.qr(shifted(c)).Q))
    case = made_case(cell.double())

    assert_same(results(scan, case), results(reference, case), 1e-9)


def test_a_singular_matrix_is_told_as_torch_tells_it():
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h @ torch.linalg.inv(c.u)))
    torch.nn.init.zeros_(cell.u)

    for run in (compiled, reference):
        with pytest.raises(torch.linalg.LinAlgError, match="singular"):
            run(cell, torch.randn(2, 3, 3))
