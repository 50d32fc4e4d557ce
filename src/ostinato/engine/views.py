"""How features lie: parts of references, and the layout of what a node of a captured graph makes."""

from math import prod

import torch
from torch import Tensor, fx

from ostinato.engine.capture import ROWS
from ostinato.engine.values import Ref, Value, contiguous


def narrowed(ref: Ref, dim: int, first: int, size: int) -> Ref:
    """Some of a reference's features along a dimension."""
    shape = (*ref.shape[:dim], size, *ref.shape[dim + 1 :])
    return Ref(ref.value, ref.offset + first * ref.strides[dim], shape, ref.strides)


def grouped(ref: Ref, dim: int, size: int) -> Ref:
    """A reference with one dimension as two: groups of a size, which may reach beyond its end."""
    shape = (*ref.shape[:dim], ref.shape[dim] // size, size, *ref.shape[dim + 1 :])
    stride = ref.strides[dim]
    return Ref(ref.value, ref.offset, shape, (*ref.strides[:dim], stride * size, stride, *ref.strides[dim + 1 :]))


def segments(cat: Value) -> list[tuple[int, int, Ref]]:
    """Where each piece of a concatenation begins and ends."""
    segments, start = [], 0
    for piece in cat.refs:
        segments.append((start, start + piece.shape[0], piece))
        start += piece.shape[0]
    return segments


def within(segments: list[tuple[int, int, Ref]], start: int, end: int) -> Ref:
    """The part of a concatenation between two features that lie in one piece."""
    first, _, ref = next(s for s in segments if s[0] <= start and end <= s[1])
    return Ref(ref.value, ref.offset + (start - first) * ref.strides[0], (end - start,), ref.strides)


def row_dimension(node: fx.Node) -> int | None:
    """Which dimension of what a node makes counts the rows; None for what has no rows."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor):
        return None
    return next((i for i, size in enumerate(value.shape) if size == ROWS), None)


def feature_dimension(node: fx.Node, dim: int) -> int | None:
    """Which of the features' dimensions a dimension of what a node makes is; None for that of the rows."""
    batch = row_dimension(node)
    dim %= node.meta["val"].dim()
    return None if dim == batch else dim - (batch is not None and dim > batch)


def has_plain_rows(node: fx.Node) -> bool:
    """Whether a node and its tensors have rows in one dimension of their own, and one type."""
    tensors = [n.meta["val"] for n in (node, *node.all_input_nodes)]
    flat = [t for value in tensors for t in (value if isinstance(value, list | tuple) else [value]) if t is not None]
    return all(sum(size % ROWS == 0 for size in t.shape if size) <= 1 and _own(t) for t in flat)


def _own(tensor: Tensor) -> bool:
    return all(size == ROWS or size < ROWS for size in tensor.shape) and (
        tensor.is_floating_point() or tensor.dtype in (torch.bool, torch.int64)
    )


def layout_of(features: tuple[int, ...], batch: int | None) -> Tensor:
    """A meta tensor of features that lie in order, with the rows in dimension `batch`."""
    sizes, strides = list(features), list(contiguous(features))
    if batch is not None:
        sizes.insert(batch, ROWS)
        strides.insert(batch, max(prod(features), 1))
    return torch.empty_strided(sizes, strides, device="meta")


def without_rows(value: Value, layout: Tensor, batch: int | None) -> Ref:
    """The reference to a value that a layout describes, whose rows are in dimension `batch`."""
    kept = [i for i in range(layout.dim()) if i != batch]
    strides = layout.stride()
    return Ref(
        value, int(layout.storage_offset()), tuple(layout.shape[i] for i in kept), tuple(strides[i] for i in kept)
    )
