"""The operations that a step may contain, each declared once: what it is in C++, and where it can be tried.

Capture, graph and lowering read their names here, and so do the tests, which compile every one of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

Interval = tuple[float, float]
"""Numbers strictly between two bounds."""

ANY: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)


@dataclass(frozen=True)
class Operation:
    """An operation of torch.

    Attributes:
        name: Torch's, as it stands in a captured graph.
        cpp: A C++ expression of the operands ``{0}``, ``{1}``, ..; empty where torch writes it in
            simpler operations.
        domains: For each operand, between which numbers value and derivative are defined.
        call: What a step writes for it.
        flag: Whether it gives true or false.
    """

    name: str
    cpp: str
    domains: tuple[Interval, ...]
    call: Callable[..., Any]
    flag: bool = False


class Reduction(NamedTuple):
    """A reduction over the features of a row.

    Attributes:
        first: The value before the first feature, in C++.
        clause: OpenMP's name for it; None where it has none that keeps NaN.
        more: How one more feature is taken in.
    """

    first: str
    clause: str | None
    more: str


def _pointwise(
    names: str, *domains: Interval, cpp: str | None = None, call: Callable[..., Any] | None = None, flag: bool = False
) -> Iterable[Operation]:
    """Operations of one kind; those without an expression are functions of ``kernels/math.hpp``."""
    domains = domains or (ANY,)
    arguments = ", ".join(f"{{{i}}}" for i in range(len(domains)))
    for name in names.split():
        torch_name = call or getattr(torch.special, name.removeprefix("special_"), None) or getattr(torch, name)
        yield Operation(name, cpp or f"m::{name}({arguments})", domains, torch_name, flag)


def _tests(**expressions: str) -> Iterable[Operation]:
    for name, cpp in expressions.items():
        yield Operation(name, cpp, (ANY, ANY) if "{1}" in cpp else (ANY,), getattr(torch, name), True)


_POINTWISE = (
    *_pointwise("add", ANY, ANY, cpp="({0} + {1})"),
    *_pointwise("sub", ANY, ANY, cpp="({0} - {1})"),
    *_pointwise("mul", ANY, ANY, cpp="({0} * {1})"),
    *_pointwise("div", ANY, POSITIVE, cpp="({0} / {1})"),
    *_pointwise("neg", cpp="(-{0})"),
    *_pointwise("square", cpp="({0} * {0})"),
    *_pointwise("where", ANY, ANY, ANY, cpp="({0} != 0 ? {1} : {2})", call=lambda a, b, c: torch.where(a > 0, b, c)),
    *_tests(
        eq="real({0} == {1})",
        ne="real({0} != {1})",
        lt="real({0} < {1})",
        le="real({0} <= {1})",
        gt="real({0} > {1})",
        ge="real({0} >= {1})",
        logical_and="real({0} != 0 && {1} != 0)",
        logical_or="real({0} != 0 || {1} != 0)",
        logical_xor="real(({0} != 0) != ({1} != 0))",
        logical_not="real({0} == 0)",
        isnan="real({0} != {0})",
    ),
    *_pointwise("isinf", flag=True),
    *_pointwise("abs sign exp exp2 expm1 sigmoid tanh relu sin cos atan sinh cosh erf erfc asinh"),
    *_pointwise("tan", (-1.5, 1.5)),
    *_pointwise("floor ceil trunc round"),
    *_pointwise("log log2 log10 sqrt rsqrt reciprocal", POSITIVE),
    *_pointwise("log1p", (-1.0, inf)),
    *_pointwise("asin acos atanh", (-1.0, 1.0)),
    *_pointwise("acosh", (1.0, inf)),
    *_pointwise("maximum minimum copysign hypot atan2", ANY, ANY),
    *_pointwise("pow", POSITIVE, ANY),
    *_pointwise("fmod remainder", ANY, POSITIVE),
    *_pointwise("erfinv", (-1.0, 1.0)),
    *_pointwise("lgamma", POSITIVE),
    *_pointwise("digamma", POSITIVE, call=lambda z: torch.digamma(z.detach())),
    *_pointwise("floor_divide", ANY, POSITIVE, call=lambda a, b: torch.div(a, b, rounding_mode="floor")),
    *_pointwise("i0 special_i0e special_i1 special_i1e"),
)

POINTWISE: dict[str, Operation] = {operation.name: operation for operation in _POINTWISE}
"""Operations that work feature by feature."""

REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction("0", "+", "{0} + {1}"),
    "mean": Reduction("0", "+", "{0} + {1}"),
    "amax": Reduction("-std::numeric_limits<real>::infinity()", None, "m::maximum({0}, {1})"),
    "amin": Reduction("std::numeric_limits<real>::infinity()", None, "m::minimum({0}, {1})"),
}
"""Operations over the features of a row."""


def _decomposed(name: str, call: Callable[..., Any], *domains: Interval) -> Operation:
    return Operation(name, "", domains or (ANY,), call)


_DECOMPOSED = (
    _decomposed("gelu", F.gelu),
    _decomposed("leaky_relu", F.leaky_relu),
    _decomposed("elu", F.elu),
    _decomposed("celu", F.celu),
    _decomposed("selu", F.selu),
    _decomposed("hardtanh", F.hardtanh),
    _decomposed("hardswish", F.hardswish),
    # The slope of torch's own gradient is 1/6 in float32 whatever the type.
    _decomposed("hardsigmoid", lambda z: F.hardsigmoid(z.detach())),
    _decomposed("softshrink", F.softshrink),
    _decomposed("hardshrink", F.hardshrink),
    _decomposed("silu", F.silu),
    _decomposed("mish", F.mish),
    _decomposed("softplus", F.softplus),
    _decomposed("log_sigmoid_forward", F.logsigmoid),
    _decomposed("glu", lambda z: F.glu(torch.cat([z, -z], -1), -1)),
    _decomposed("addcmul", torch.addcmul, ANY, ANY, ANY),
    _decomposed("addcdiv", torch.addcdiv, ANY, ANY, POSITIVE),
    _decomposed("lerp", torch.lerp, ANY, ANY, ANY),
    _decomposed("logaddexp", torch.logaddexp, ANY, ANY),
    _decomposed("logaddexp2", torch.logaddexp2, ANY, ANY),
    _decomposed("frac", torch.frac),
    _decomposed("sinc", torch.sinc),
    _decomposed("logit", torch.logit, (0.0, 1.0)),
    _decomposed("xlogy", torch.xlogy, ANY, POSITIVE),
    _decomposed("special_xlog1py", torch.special.xlog1py, ANY, (-1.0, inf)),
    _decomposed("nan_to_num", torch.nan_to_num),
    _decomposed("threshold", lambda z: F.threshold(z, 0.1, -0.2)),
    _decomposed("isfinite", lambda z: torch.where(torch.isfinite(z), z, 0)),
    _decomposed("special_ndtr", torch.special.ndtr),
    _decomposed("special_entr", torch.special.entr, POSITIVE),
    _decomposed("prelu", lambda z: F.prelu(z, torch.full((1,), 0.2, dtype=z.dtype))),
    _decomposed("cosine_similarity", lambda a, b: a * F.cosine_similarity(a, b, dim=-1).unsqueeze(-1), ANY, ANY),
    _decomposed("dist", lambda a, b: a * F.pairwise_distance(a, b, keepdim=True), ANY, ANY),
    _decomposed("deg2rad", torch.deg2rad),
    _decomposed("ldexp", torch.ldexp, ANY, ANY),
    _decomposed("float_power", lambda z: torch.float_power(z, 2.0).to(z.dtype), ANY),
    _decomposed("_softmax", lambda z: torch.softmax(z, -1)),
    _decomposed("_log_softmax", lambda z: torch.log_softmax(z, -1)),
    _decomposed("logsumexp", lambda z: z - z.logsumexp(-1, keepdim=True)),
    _decomposed("native_layer_norm", lambda z: F.layer_norm(z, z.shape[-1:])),
    _decomposed("_fused_rms_norm", lambda z: F.rms_norm(z, z.shape[-1:])),
    _decomposed("linalg_vector_norm", lambda z: z / (1 + torch.linalg.vector_norm(z, dim=-1, keepdim=True))),
    _decomposed("var", lambda z: z * z.var(-1, keepdim=True)),
    _decomposed("std", lambda z: z / (1 + z.std(-1, keepdim=True))),
    _decomposed("var_mean", lambda z: sum(torch.var_mean(z, -1, keepdim=True)) * z),
)

DECOMPOSED: dict[str, Operation] = {operation.name: operation for operation in _DECOMPOSED}
"""Operations that torch can write in simpler ones, and does when a step is captured."""

_ALSO_NAMES = """
gelu_backward softshrink_backward hardshrink_backward slice_backward select_backward baddbmm addmm
"""
ALSO_DECOMPOSED = frozenset(_ALSO_NAMES.split())
"""What else is written in simpler operations: parts of gradients, and products with something added."""
