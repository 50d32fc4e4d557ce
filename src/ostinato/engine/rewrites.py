"""What a step calls, put in terms that its graph knows, while the step is traced."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

_MOST_PARTS = 100_000
"""Parts that a tensor may be taken apart into: rows are more."""


class UnknownTensorError(RuntimeError):
    """A tensor that the step did not get and that is no weight of the cell."""


class Rewriting(TorchFunctionMode):
    """Sees every function of torch that a step calls.

    A weight of the cell that the step has in its hands by another way than its name, out of a dict or a closure, is
    replaced by what stands for it; some functions are written in others.

    Args:
        cell: The cell, for the names of its tensors.
        stand_ins: What stands for each weight, by the weight's id.
    """

    def __init__(self, cell: nn.Module, stand_ins: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.cell = cell
        self.stand_ins = stand_ins

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given, named = tree_map_only(Tensor, self._known, (args, kwargs or {}))
        if func in (Tensor.unbind, torch.unbind):
            dim = given[1] if len(given) > 1 else named.get("dim", 0)
            self._check_parts(given[0].shape[dim])
        return _REWRITTEN.get(func, func)(*given, **named)

    def _check_parts(self, count: int) -> None:
        if count > _MOST_PARTS:
            raise UnknownTensorError("the step goes through its rows one by one: let one operation work on all")

    def _known(self, tensor: Tensor) -> Tensor:
        if id(tensor) in self.stand_ins:
            return self.stand_ins[id(tensor)]
        if _has_data(tensor):
            name = next(_names_of(self.cell, tensor), "a tensor that the step got from outside")
            raise UnknownTensorError(f"{name} is neither a parameter nor a buffer: give it to register_buffer")
        return tensor


def _has_data(tensor: Tensor) -> bool:
    """Whether a tensor is one of the user's, and not one that a trace has made."""
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(tensor) or torch._is_functional_tensor(tensor)
    return not (wrapped or isinstance(tensor, FakeTensor) or tensor.is_meta)


def _names_of(cell: nn.Module, tensor: Tensor) -> Iterator[str]:
    """Where a cell holds a tensor: in attributes, in containers that are attributes, in what its forward refers to."""
    for path, module in cell.named_modules():
        owner = ".".join(filter(None, (type(cell).__name__, path)))
        for name, value in vars(module).items():
            yield from (f"{owner}.{name}{place}" for place in _places(value, tensor))
    forward = type(cell).forward
    if isinstance(forward, FunctionType):
        cells = zip(forward.__code__.co_freevars, forward.__closure__ or (), strict=True)
        scope = {name: forward.__globals__.get(name) for name in forward.__code__.co_names}
        for name, value in (scope | {name: held.cell_contents for name, held in cells}).items():
            yield from (f"{name}{place}, which {type(cell).__name__} refers to," for place in _places(value, tensor))


def _places(value: Any, tensor: Tensor) -> Iterator[str]:
    if value is tensor:
        yield ""
    elif isinstance(value, dict | list | tuple):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from (f"[{key!r}]{place}" for place in _places(part, tensor))


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """A convolution as one product of all windows: of a slice of the padded input for each element of the kernel."""
    kernel = weight.shape[2:]
    every = range(len(kernel))
    steps, apart = _each(stride, len(kernel)), _each(dilation, len(kernel))
    spans = [apart[d] * (kernel[d] - 1) for d in every]
    x = F.pad(x, _padding(padding, spans))
    sizes = [(x.shape[2 + d] - spans[d] - 1) // steps[d] + 1 for d in every]
    windows = []
    for place in itertools.product(*map(range, kernel)):
        window = x
        for d in every:
            first = place[d] * apart[d]
            window = window.narrow(2 + d, first, steps[d] * (sizes[d] - 1) + 1)
            if steps[d] > 1:
                window = torch.ops.aten.slice(window, 2 + d, 0, None, steps[d])
        windows.append(window.flatten(2))
    # (rows, groups, channels and kernel, places) by (groups, outputs, channels and kernel)
    seen = torch.unflatten(torch.stack(windows, 2), 1, (groups, -1)).flatten(2, 3)
    by = torch.unflatten(weight.flatten(1), 0, (groups, -1))
    made = torch.einsum("bgkp,gok->bgop", seen, by).flatten(1, 2)
    return torch.unflatten(made if bias is None else made + bias[:, None], 2, sizes)


def _each(value: int | Sequence[int], dimensions: int) -> Sequence[int]:
    if isinstance(value, int):
        return [value] * dimensions
    return value if len(value) == dimensions else [value[0]] * dimensions


def _padding(padding: int | Sequence[int] | str, spans: Sequence[int]) -> list[int]:
    """How much is added before and after each dimension, the last one first, as `F.pad` takes it."""
    if isinstance(padding, str):
        around = [(span // 2, span - span // 2) if padding == "same" else (0, 0) for span in spans]
    else:
        around = [(size, size) for size in _each(padding, len(spans))]
    return [size for pair in reversed(around) for size in pair]


def _bilinear(a: Tensor, b: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    made = (torch.einsum("...i,oij->...oj", a, weight) * b.unsqueeze(-2)).sum(-1)
    return made if bias is None else made + bias


def _group_norm(
    x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5, *_: Any
) -> Tensor:
    grouped = torch.unflatten(x, 1, (groups, -1))
    normed = F.layer_norm(grouped, grouped.shape[2:], eps=eps).reshape(x.shape)
    each = [-1, *[1] * (x.dim() - 2)]
    scaled = normed if weight is None else normed * weight.view(each)
    return scaled if bias is None else scaled + bias.view(each)


def _one_hot(index: Tensor, classes: int = -1) -> Tensor:
    if classes < 0:  # as many as the data has
        return F.one_hot(index)
    # Unlike a comparison, this raises where an index is out of range.
    return index.new_zeros(*index.shape, classes, dtype=torch.int64).scatter(-1, index.unsqueeze(-1), 1)


def _pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    if mode == "constant":
        return F.pad(x, pad, mode, value)
    for i in range(len(pad) // 2):
        dim, (before, after) = x.dim() - 1 - i, pad[2 * i : 2 * i + 2]
        size = x.shape[dim]
        places = list(range(-before, size + after))
        if mode == "circular":
            places = [place % size for place in places]
        elif mode == "replicate":
            places = [min(max(place, 0), size - 1) for place in places]
        else:
            places = [size - 1 - abs(size - 1 - abs(place)) for place in places]
        x = torch.cat([x.narrow(dim, place, 1) for place in places], dim)
    return x


_REWRITTEN: dict[Any, Callable[..., Any]] = {
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    torch.conv3d: _convolution,
    torch.bilinear: _bilinear,
    F.bilinear: _bilinear,
    F.group_norm: _group_norm,
    F.one_hot: _one_hot,
    F.pad: _pad,
}


def _padded(x: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    for i in range(len(pad) // 2):
        dim, (before, after) = x.dim() - 1 - i, pad[2 * i : 2 * i + 2]
        x = x.narrow(dim, max(-before, 0), x.shape[dim] + min(before, 0) + min(after, 0))
        sizes = [max(before, 0), max(after, 0)]
        ends = [x.new_full([*x.shape[:dim], size, *x.shape[dim + 1 :]], value) for size in sizes]
        parts = [part for part in (ends[0], x, ends[1]) if part.shape[dim]]
        x = torch.cat(parts, dim) if len(parts) > 1 else x
    return x


def _taken(x: Tensor, size: Sequence[int], stride: Sequence[int], offset: int) -> tuple[int, int, int, int] | None:
    """Which features strides over whole rows take, as dimension, first, end and step; None for anything else."""
    rows = x.dim() == len(size) == 2 and x.is_contiguous() and size[0] == x.shape[0] and stride[0] == x.shape[1]
    end = offset + stride[-1] * (size[-1] - 1) + 1
    return (1, offset, end, stride[-1]) if rows and 0 < end <= x.shape[1] else None


def _strided(x: Tensor, size: Sequence[int], stride: Sequence[int], offset: int | None = None) -> Any:
    if (tuple(size), tuple(stride), offset or 0) == (x.shape, x.stride(), x.storage_offset()):
        return torch.ops.aten.alias(x)
    taken = _taken(x, size, stride, offset or 0)
    return torch.ops.aten.slice(x, *taken) if taken else NotImplemented


def _strided_scatter(
    x: Tensor, piece: Tensor, size: Sequence[int], stride: Sequence[int], offset: int | None = None
) -> Any:
    taken = _taken(x, size, stride, offset or 0)
    return torch.slice_scatter(x, piece, *taken) if taken else NotImplemented


EXPANDED: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.constant_pad_nd.default: _padded,
    torch.ops.aten.as_strided.default: _strided,
    torch.ops.aten.as_strided_scatter.default: _strided_scatter,
}
"""Operations that are written in others once the gradient is there."""
