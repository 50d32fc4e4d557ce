"""Rows are independent: what mixes them in the step cannot be run for the rows of all steps at once."""

from typing import Any

import torch
from torch import Tensor, fx

from ostinato.engine.capture import OTHER_ROWS, ROWS, VIEWS, Capture, CaptureError, operation, where

_MADE_OF_NOTHING = {"full", "zeros", "ones", "empty"}
_TAKES_SIZES = VIEWS | _MADE_OF_NOTHING | {"new_zeros", "new_ones", "new_full", "new_empty", "arange"}
"""Operations that may be told the number of rows."""


def refuse_mixed_rows(capture: Capture) -> None:
    """Refuses a step in which what is made of one row depends on others, or on how many there are.

    Only what the shapes and arguments of the captured operations tell is seen here: first of each operation, and then
    from how the step differs when there are other rows.

    Raises:
        CaptureError: With the operation and the line.
    """
    outputs: Any = capture.graph.output_node().args[0]
    forward = _ancestors(outputs[: 1 + len(capture.state)])
    for node in capture.graph.nodes:
        if node in forward and node.op == "call_function" and (how := _mixes(node)):
            raise CaptureError(f"{capture.cell} {how} ({operation(node)}, {where(node)}): rows do not see each other")
    _compare(*capture.alone, capture.cell)


def _ancestors(nodes: list[fx.Node]) -> set[fx.Node]:
    found: set[fx.Node] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += node.all_input_nodes
    return found


def _mixes(node: fx.Node) -> str | None:
    """What a node does to rows that it must not."""
    made = [_row_dims(tensor) for tensor in _tensors(node) if tensor.numel()]
    if any(len(dims) > 1 for dims in made):
        return "pairs rows with rows"
    if not any(_row_dims(tensor) for source in node.all_input_nodes for tensor in _tensors(source)):
        fresh = not node.all_input_nodes and operation(node) not in _MADE_OF_NOTHING
        return "counts rows" if fresh and any(made) else None
    if not all(made):
        return "mixes rows"
    return "mixes rows" if operation(node) not in (*VIEWS, "getitem") and _works_along_rows(node) else None


def _works_along_rows(node: fx.Node) -> bool:
    """Whether an operation that works along dimensions is told to work along the rows, or along all."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    schema = node.target._schema.arguments
    given: dict[str, Any] = {argument.name: argument.default_value for argument in schema}
    given |= dict(zip((argument.name for argument in schema), node.args, strict=False)) | dict(node.kwargs)
    source = node.all_input_nodes[0]
    tensor = _tensors(source)[0]
    rank, rows = tensor.dim(), _row_dims(tensor)
    if operation(node) in ("index", "index_put"):
        return any(given["indices"][dim] is not None for dim in rows if dim < len(given["indices"]))
    if "dim" not in given and "dims" not in given:
        return False
    dims = given.get("dims", given.get("dim"))
    if dims is None or dims == []:
        return True
    return any(dim % rank in rows for dim in ([dims] if isinstance(dims, int) else dims))


def _tensors(node: fx.Node) -> list[Tensor]:
    value = node.meta.get("val")
    return [t for t in (value if isinstance(value, list | tuple) else [value]) if isinstance(t, Tensor)]


def _row_dims(tensor: Tensor) -> list[int]:
    return [dim for dim, size in enumerate(tensor.shape) if size and size % ROWS == 0]


def _compare(graph: fx.Graph, other: fx.Graph, name: str) -> None:
    """Refuses a step that computes with the number of rows, of which these graphs have different ones."""
    nodes, others = list(graph.nodes), list(other.nodes)
    for node, twin in zip(nodes, others, strict=False):
        shapes_only = operation(node) in _TAKES_SIZES
        pairs = zip(_leaves((node.args, node.kwargs)), _leaves((twin.args, twin.kwargs)), strict=False)
        alike = all(repr(one) == repr(two) or (shapes_only and _rows_alike(one, two)) for one, two in pairs)
        if node.target != twin.target or not alike:
            raise CaptureError(f"{name} computes with the number of rows ({where(node)}): rows must be independent")
    if len(nodes) != len(others):
        raise CaptureError(f"{name} computes something else for another number of rows: rows must be independent")


def _leaves(arguments: Any) -> list[Any]:
    found: list[Any] = []
    fx.node.map_aggregate(arguments, lambda leaf: found.append(leaf.name if isinstance(leaf, fx.Node) else leaf))
    return found


def _rows_alike(one: Any, two: Any) -> bool:
    """Whether two sizes are as many times the number of rows."""
    whole = isinstance(one, int) and isinstance(two, int) and one % ROWS == two % OTHER_ROWS == 0
    return whole and one // ROWS == two // OTHER_ROWS
