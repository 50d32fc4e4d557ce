"""Types of numbers: a loop has one, the cell's; a step may compute in others, with whole numbers among them."""

from typing import Any

import torch
from torch import Tensor, fx

from ostinato.engine.capture import operation

_TESTS = {"eq", "ne", "lt", "le", "gt", "ge"}
_ROUNDED = {"add", "sub", "rsub", "mul", "div"}
"""What may be computed in double and then rounded to single: to round twice is here to round once (Figueroa 1995)."""
_IN_SINGLE = _TESTS | _ROUNDED | {"neg", "abs", "where", "maximum", "minimum", "clamp", "cat", "flip", "amax", "amin"}
_NARROW = {torch.uint8, torch.int8, torch.int16}


def keeps_numbers(before: torch.dtype, after: torch.dtype, own: torch.dtype) -> bool:
    """Whether a conversion changes no number, in a loop of the type `own`."""
    if before.is_floating_point:
        return before == after or (before == torch.float32 and after == own)
    return before == after or after in (own, torch.float32, torch.int64)


def computed_in(node: fx.Node) -> torch.dtype:
    """The type in which torch computes: for a comparison, that of what is compared."""
    if operation(node) in _TESTS:
        compared: list[Any] = [n.meta["val"] if isinstance(n, fx.Node) else n for n in node.args]
        return torch.result_type(*compared)
    return node.meta["val"].dtype  # type: ignore[no-any-return]


def number(value: float, like: fx.Node) -> float:
    """A number as torch takes it in an operation."""
    return float(torch.full((), value, dtype=computed_in(like)))


def is_rounded(node: fx.Node, own: torch.dtype) -> bool:
    """Whether a result has to be rounded: torch computes `truth * 0.1` in float32, in a cell of float64 too."""
    return operation(node) in _ROUNDED and computed_in(node) == torch.float32 != own


def refusal(node: fx.Node, own: torch.dtype) -> str | None:
    """Why a loop of the type `own` would make something else of an operation; None if it would not."""
    name = operation(node)
    if not isinstance(node.meta["val"], Tensor):
        return None
    type_ = computed_in(node)
    if type_ in _NARROW or (type_.is_floating_point and type_ != own):
        single = (type_, own) == (torch.float32, torch.float64) and name in _IN_SINGLE and not node.kwargs
        return None if single else f"in {type_}"
    if name == "copy" and not keeps_numbers(node.args[1].meta["val"].dtype, type_, own):  # type: ignore[union-attr]
        return f"into {type_}"
    return None if type_.is_floating_point else _undefined(node, name)


def _undefined(node: fx.Node, name: str) -> str | None:
    """What torch has no whole number for."""
    if name in ("mm", "bmm"):
        return "of whole numbers"
    by = node.args[1] if len(node.args) > 1 else None
    if name in ("floor_divide", "remainder", "fmod", "div") and (isinstance(by, fx.Node) or by == 0):
        return "of whole numbers by what may be 0"
    if name == "pow" and (not isinstance(by, int) or by < 0):
        return "of whole numbers by an exponent that may be negative"
    return None
