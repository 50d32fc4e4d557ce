"""Every function of one or two features, compiled: values, gradients, and what is no number."""

import torch
from scan_scenario import StepCell, assert_compiled, compiled, made_case, reference
from torch.nn import functional as F

from ostinato.engine.capture import capture, operation
from ostinato.engine.graph import POINTWISE

UNARY = "neg abs sign exp expm1 exp2 sigmoid tanh relu sin cos tan atan sinh cosh erf erfc floor ceil trunc round"
POSITIVE = "log log1p log2 log10 sqrt rsqrt reciprocal"
BELOW_ONE = "asin acos"
BINARY = "maximum minimum atan2 copysign hypot add sub mul div"
TESTS = "eq ne lt le gt ge logical_and logical_or logical_xor"


def every_function(c, x, h):
    z, other = F.linear(x, c.w), h * c.v
    positive, below_one = z.abs() + 0.1, 0.9 * torch.tanh(z)
    made = [getattr(torch, name)(z + other) for name in UNARY.split()]
    made += [getattr(torch, name)(positive) for name in POSITIVE.split()]
    made += [getattr(torch, name)(below_one) for name in BELOW_ONE.split()]
    made += [getattr(torch, name)(z, other) for name in BINARY.split()]
    made += [torch.pow(positive, other), torch.where(z > other, z, other)]
    flags = [getattr(torch, name)(z, other) for name in TESTS.split()]
    flags += [torch.isnan(z), torch.isinf(other), torch.logical_not(z), ~(z > 0), (z > 0) & (other > 0)]
    flags += [(z > 0) | (other > 0), (z > 0) ^ (other > 0)]
    made += [torch.where(flag, z, other) for flag in flags]
    return torch.cat(made, -1), torch.tanh(z + other)


class EveryFunction(StepCell):
    def __init__(self) -> None:
        super().__init__(every_function)
        self.output_size = 4 * 57

    def initial_state(self, batch_size, device=None, dtype=None):
        return super().initial_state(batch_size, device, dtype)._replace(h=torch.zeros(batch_size, 4, dtype=dtype))


def test_every_function_is_compiled():
    torch.manual_seed(0)
    cell = EveryFunction()

    assert_compiled(made_case(cell.double()))
    called = {operation(n) for n in capture(cell, 3, torch.float64).graph.nodes if n.op == "call_function"}
    assert POINTWISE - called == {"fmod", "remainder", "square"}  # only torch has their gradients; a square is a power


def test_every_function_treats_what_is_no_number_as_torch_does():
    torch.manual_seed(0)
    cell = EveryFunction().double()
    with torch.no_grad():
        cell.w.copy_(torch.eye(4, 3))
    special = torch.tensor([0.0, -0.0, 1.0, -2.5, torch.inf, -torch.inf, torch.nan, 1e300, 5e-324, -750.0]).double()
    x = torch.cartesian_prod(special, special)[:, None]
    x = torch.cat([x, x[..., :1]], -1)
    state = cell.initial_state(len(x))._replace(h=special.repeat(len(x) * 4)[: 4 * len(x)].view(-1, 4))

    torch.testing.assert_close(
        compiled(cell, x, state), reference(cell, x, state), rtol=1e-11, atol=1e-300, equal_nan=True
    )
