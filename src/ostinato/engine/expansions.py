"""What only torch's own kernels do, in operations that a loop has: choosing by index, order, running sums.

Every choice is a comparison of indices and a sum of what was chosen, so that infinity and NaN stay where they are. Each
function takes what torch's operation takes, and gives NotImplemented for what it does not know.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


@torch.library.custom_op("ostinato::checked_index", mutates_args=())
def _checked(index: Tensor, size: int) -> Tensor:
    """An index into `size` features, those from the end counted from the front."""
    if index.numel() and not (-size <= int(index.min()) and int(index.max()) < size):
        raise IndexError(f"an index of a step must lie between {-size} and {size - 1}, got {index.tolist()}")
    return index % size


@_checked.register_fake
def _(index: Tensor, size: int) -> Tensor:
    return torch.empty_like(index)


def _places(like: Tensor, dim: int, size: int) -> Tensor:
    """0, 1, .. along one dimension."""
    return torch.arange(size, device=like.device).view([size if d == dim else 1 for d in range(like.dim())])


def _hits(index: Tensor, dim: int, size: int) -> Tensor:
    """Whether each place of `size`, in a new dimension behind `dim`, is the one that the index chooses."""
    across = index.unsqueeze(dim + 1)
    return across == _places(across, dim + 1, size)


def _gather(x: Tensor, dim: int, index: Tensor, sparse_grad: bool = False) -> Any:
    if x.dim() != index.dim() or x.dtype == torch.bool:
        return NotImplemented
    dim %= x.dim()
    if not _as_wide(x, dim, index):
        return NotImplemented
    return torch.where(_hits(index, dim, x.shape[dim]), x.unsqueeze(dim), 0).sum(dim + 1)


def _as_wide(x: Tensor, dim: int, index: Tensor) -> bool:
    """Whether an index along one dimension covers all the others."""
    return all(d == dim or index.shape[d] == size for d, size in enumerate(x.shape))


def _along(x: Tensor, index: Tensor, dim: int) -> Tensor:
    """An index of features, checked, as an index along a dimension of x."""
    checked: Tensor = _checked(index.flatten(), x.shape[dim])
    return checked.view([-1 if d == dim else 1 for d in range(x.dim())])


def _index(x: Tensor, indices: Sequence[Tensor | None]) -> Any:
    given = [(dim, index) for dim, index in enumerate(indices) if index is not None]
    if len(given) != 1 or given[0][1].dtype == torch.bool:
        return NotImplemented
    ((dim, index),) = given
    if dim == 0:  # a negative index counts from the last row
        return _embedding(x, torch.where(index < 0, index + x.shape[0], index))
    chosen = torch.where(_hits(_along(x, index, dim), dim, x.shape[dim]), x.unsqueeze(dim), 0).sum(dim + 1)
    return chosen.view([*x.shape[:dim], *index.shape, *x.shape[dim + 1 :]])


def _embedding(weight: Tensor, index: Tensor, *_: Any) -> Any:
    if index.dim() != 1 or weight.dim() != 2:
        return NotImplemented
    hits = index.view(-1, 1, 1) == torch.arange(weight.shape[0]).view(1, -1, 1)
    return torch.where(hits, weight, 0).sum(1)


def _index_select(x: Tensor, dim: int, index: Tensor) -> Any:
    return _index(x, [None] * (dim % x.dim()) + [index]) if dim % x.dim() else NotImplemented


def _added(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """What an index sends to each feature of x, added up."""
    return torch.where(_hits(index, dim, x.shape[dim]), source.unsqueeze(dim + 1), 0).sum(dim)


def _put(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Puts what an index sends in the place of features of x: the last of what is sent to one."""
    hits = _hits(index, dim, x.shape[dim])
    if index.shape[dim] > 1:
        order = _places(hits, dim, index.shape[dim])
        hits = hits & (order == torch.where(hits, order, -1).amax(dim, True))
    return torch.where(hits.any(dim), torch.where(hits, source.unsqueeze(dim + 1), 0).sum(dim), x)


def _index_put(x: Tensor, indices: Sequence[Tensor | None], source: Tensor, accumulate: bool = False) -> Any:
    given = [(dim, index) for dim, index in enumerate(indices) if index is not None]
    if len(given) != 1 or given[0][0] == 0 or given[0][1].dim() != 1 or given[0][1].dtype == torch.bool:
        return NotImplemented
    ((dim, index),) = given
    index = _along(x, index, dim)
    source = source.expand([*x.shape[:dim], index.numel(), *x.shape[dim + 1 :]])
    return x + _added(x, dim, index, source) if accumulate else _put(x, dim, index, source)


def _index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, alpha: float = 1) -> Any:
    if dim % x.dim() == 0:
        return NotImplemented
    return x + alpha * _added(x, dim % x.dim(), _along(x, index, dim % x.dim()), source)


def _sent(index: Tensor, source: Tensor) -> Tensor:
    """The part of a source that an index sends."""
    for dim, size in enumerate(index.shape):
        source = source.narrow(dim, 0, size) if size < source.shape[dim] else source
    return source


def _scatter_add(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Any:
    dim %= x.dim()
    return x + _added(x, dim, index, _sent(index, source)) if _as_wide(x, dim, index) else NotImplemented


def _scatter(x: Tensor, dim: int, index: Tensor, source: Tensor | float) -> Any:
    dim %= x.dim()
    if not _as_wide(x, dim, index):
        return NotImplemented
    if isinstance(source, Tensor):
        return _put(x, dim, index, _sent(index, source))
    return torch.where(_hits(index, dim, x.shape[dim]).any(dim), source, x)


def _argmax(x: Tensor, dim: int | None = None, keepdim: bool = False, greatest: bool = True) -> Any:
    """The first place of the greatest; NaN is greater than all, and less."""
    if dim is None:
        return NotImplemented
    dim %= x.dim()
    best = x.amax(dim, True) if greatest else x.amin(dim, True)
    return torch.where((x == best) | x.isnan(), _places(x, dim, x.shape[dim]), x.shape[dim]).amin(dim, keepdim)


def _argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    return _argmax(x, dim, keepdim, False)


def _max(x: Tensor, *given: Any, greatest: bool = True) -> Any:
    if not given or not isinstance(given[0], int):
        return NotImplemented
    dim, keepdim = (*given, False)[:2]
    values = x.amax(dim, keepdim) if greatest else x.amin(dim, keepdim)
    return values, _argmax(x, dim, keepdim, greatest)


def _min(x: Tensor, *given: Any) -> Any:
    return _max(x, *given, greatest=False)


def _ranked(x: Tensor, dim: int, descending: bool, count: int) -> tuple[Tensor, Tensor]:
    """The first of the features in order, and where they stood: each has as many before it as its rank says."""
    dim %= x.dim()
    size = x.shape[dim]
    one, other = x.unsqueeze(dim + 1), x.unsqueeze(dim)
    places, others = _places(one, dim, size), _places(one, dim + 1, size)
    greater = (other > one) | (other.isnan() & ~one.isnan())
    less = (other < one) | (one.isnan() & ~other.isnan())
    first = (greater if descending else less) | (~greater & ~less & (others < places))
    rank = first.sum(dim + 1)
    chosen = rank.unsqueeze(dim) == _places(one, dim, count)
    values = torch.where(chosen, x.unsqueeze(dim), 0).sum(dim + 1)
    return values, torch.where(chosen, _places(one, dim + 1, size), 0).sum(dim + 1)


def _topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, ordered: bool = True) -> Any:
    return _ranked(x, dim, largest, k)


def _sort(x: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
    return _ranked(x, dim, descending, x.shape[dim])


def _cumsum(x: Tensor, dim: int, **_: Any) -> Any:
    dim %= x.dim()
    one = x.unsqueeze(dim)
    upto = _places(one, dim + 1, x.shape[dim]) <= _places(one, dim, x.shape[dim])
    return torch.where(upto, one, 0).sum(dim + 1)


def _roll(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Any:
    if not dims:
        return NotImplemented
    for shift, dim in zip(shifts, dims, strict=True):
        size = x.shape[dim]
        kept = size - shift % size
        x = torch.cat([x.narrow(dim, kept, size - kept), x.narrow(dim, 0, kept)], dim) if kept < size else x
    return x


IN_STEP: dict[str, Callable[..., Any]] = {
    "gather": _gather,
    "index": _index,
    "embedding": _embedding,
    "index_select": _index_select,
    "index_put": _index_put,
    "_index_put_impl": _index_put,
    "_unsafe_index": _index,
    "_unsafe_index_put": _index_put,
    "index_add": _index_add,
    "scatter_add": _scatter_add,
    "scatter": _scatter,
    "argmax": _argmax,
    "argmin": _argmin,
    "max": _max,
    "min": _min,
    "topk": _topk,
    "sort": _sort,
    "cumsum": _cumsum,
    "roll": _roll,
}
"""What is written so where a loop needs it, by the name of torch's operation."""


def chosen_by(name: str, args: Sequence[Any]) -> tuple[Any, int, int] | None:
    """The index by which an operation chooses, if only its values say whether it is in range, and the range.

    Args:
        name: Of torch's operation.
        args: What it is given: tensors, or the nodes that stand for them, but for the first.
    """
    if name in ("gather", "scatter", "scatter_add"):
        x, dim, index = args[:3]
        return index, 0, x.shape[dim]
    if name == "embedding":
        return args[1], 0, args[0].shape[0]
    if name in ("index", "_unsafe_index") and args[1][0] is not None:
        return args[1][0], -args[0].shape[0], args[0].shape[0]
    return None
