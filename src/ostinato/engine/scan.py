"""The one door of the engine: a cell over time."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ostinato.cells import Cell, State
from ostinato.engine import aten, cpp, reference
from ostinato.engine.lengths import cleared, valid_steps
from ostinato.engine.watch import watch_of_now, watching

BackendName = Literal["auto", "reference", "aten", "cpp"]
S = TypeVar("S", bound=State)

_RUNS: dict[str, Callable[..., tuple[Tensor, State]]] = {
    "cpp": cpp.trace,
    "aten": aten.run,
    "reference": reference.run,
}


class Explanation(NamedTuple):
    """Which backend a scan uses, and why.

    Attributes:
        backend: The backend that runs.
        because: Why it is the one.
        others: Why each backend that cannot run this scan cannot, by name.
    """

    backend: str
    because: str
    others: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{self.backend}: {self.because}"]
        return "\n".join(lines + [f"  not {name}: {why}" for name, why in self.others.items()])


def scan(
    cell: Cell[S],
    x: Tensor,
    state: S | None = None,
    *,
    lengths: Tensor | None = None,
    reverse: bool = False,
    backend: BackendName = "auto",
) -> tuple[Tensor, S]:
    """Runs a cell over time, the same weights at every step.

    Rows end at their own length: outputs past it are zero, and the final state is the state at the last valid step.
    A row of length 0 keeps the initial state. A reversed scan starts at each row's last valid step and ends at step 0.
    A final state, detached, is a valid initial state for the steps that follow: truncated backpropagation through time
    (see `detach`).

    Args:
        cell: One time step.
        x: Input ``(batch, time, cell.input_size)``; a recurrent dropout mask may stand behind it (`Cell.drop`).
        state: State before the first step, tensors ``(batch, size)``; ``cell.initial_state`` unless given.
        lengths: Valid steps of each row, integers ``(batch,)`` between 0 and time; all steps unless given.
        reverse: Whether to run from the last step to the first; outputs stay in the order of the input.
        backend: "auto" picks the fastest that applies (see `explain`), "cpp" is the cell compiled here, "aten" torch's
            own kernels, "reference" the plain loop.

    Returns:
        The outputs ``(batch, time, cell.output_size)`` and the final state.

    Raises:
        ValueError: For shapes that do not fit, lengths out of range, or a backend that cannot run this cell.
    """
    _check(cell, x, state, lengths)
    features = _features(cell, x)
    first = cell.initial_state(x.shape[0], x.device, x.dtype) if state is None else state
    if not torch.compiler.is_compiling() and (watch := watch_of_now()) is not None:
        with watching(None):
            return watch(cell, x, first, lengths, reverse, backend)  # type: ignore[return-value]
    if x.shape[1] == 0:
        if backend != "auto":
            _choose(cell, features, x.dtype, x.device, backend)  # it must be one that could run
        return x.new_zeros(x.shape[0], x.shape[1], cell.output_size), first
    if lengths is not None:
        lengths = lengths.to(x.device, torch.int64)  # in uint8, one step before 0 would be 255
        # Whatever stands in the padding, NaN too, must not reach a gradient.
        x = cleared(x, valid_steps(lengths, x.shape[1]))
    if backend in ("auto", "cpp") and not torch.compiler.is_compiling() and _transform() is None:
        ready = cpp.prepare(cell, features, x.dtype, x.device)
        if not isinstance(ready, str):
            return cpp.run(ready, cell, x, first, lengths, reverse)  # type: ignore[return-value]
    chosen = _choose(cell, features, x.dtype, x.device, backend)
    return _RUNS[chosen](cell, x, first, lengths, reverse)  # type: ignore[return-value]


def explain(cell: Cell[Any], x: Tensor, *, backend: BackendName = "auto") -> Explanation:
    """Says which backend `scan` uses for this cell and input, and why.

    Args:
        cell: One time step.
        x: Input ``(batch, time, features)`` as `scan` would get it.
        backend: As for `scan`.

    Returns:
        The backend, the reason, and why each other backend cannot run; `print` it.

    Raises:
        ValueError: For an unknown backend, or one asked for by name that cannot run.
    """
    return _explain(cell, x.shape[-1], x.dtype, x.device, backend)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]  # torch.compile asks, and does not trace it
def _choose(cell: Cell[Any], features: int, dtype: torch.dtype, device: torch.device, backend: BackendName) -> str:
    return _explain(cell, features, dtype, device, backend).backend


def _explain(
    cell: Cell[Any], features: int, dtype: torch.dtype, device: torch.device, backend: BackendName
) -> Explanation:
    if backend not in get_args(BackendName):
        raise ValueError(f"backend must be one of {', '.join(get_args(BackendName))}, got {backend!r}")
    if backend == "reference":
        return Explanation(backend, "asked for by name", {})
    others: dict[str, str] = {}
    if backend in ("auto", "cpp") and (transform := _transform()):
        others = {"cpp": transform, "aten": transform}
    elif backend in ("auto", "cpp"):
        ready = cpp.prepare(cell, features, dtype, device)
        if isinstance(ready, cpp.Ready):
            if obstacle := aten.why_not(cell, features):
                others["aten"] = obstacle
            because = f"{type(cell).__name__} compiled for this processor" if backend == "auto" else "asked for by name"
            return Explanation("cpp", because, others)
        others["cpp"] = ready
    if backend in ("auto", "aten") and "aten" not in others:
        obstacle = aten.why_not(cell, features)
        if obstacle is None:
            because = f"torch's own kernel for {type(cell).__name__}" if backend == "auto" else "asked for by name"
            return Explanation("aten", because, others)
        others["aten"] = obstacle
    if backend != "auto":
        raise ValueError(
            f"backend {backend!r} cannot run this scan: {others[backend]}; use backend='auto' or 'reference'"
        )
    return Explanation("reference", "the plain loop runs every cell, and no faster backend applies", others)


def _features(cell: Cell[Any], x: Tensor) -> int:
    """The features of a checked x, in numbers of the cell: those of a shape may be symbols when torch.compile asks."""
    return cell.input_size if x.shape[2] == cell.input_size else cell.input_size + cell.output_size


def _transform() -> str | None:
    """What is done with gradients that only operations of torch one by one can follow."""
    if torch._C._are_functorch_transforms_active():
        return "transforms of torch.func go through the plain loop"
    if forward_ad._current_level >= 0:
        return "forward-mode derivatives go through the plain loop"
    return None


def detach(state: Any) -> Any:
    """A state (or a nested tuple of states) cut off from its history: the start of the next chunk.

    Args:
        state: Tensors in tuples, NamedTuples and lists, or None.

    Returns:
        The same structure; values are shared, gradients stop here.

    Raises:
        TypeError: For anything else in the state.
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple | list):
        parts = [detach(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    raise TypeError(f"a carried state is nested tuples of tensors; this one holds a {type(state).__name__}")


def _check(cell: Cell[Any], x: Tensor, state: State | None, lengths: Tensor | None) -> None:
    if x.dim() != 3:
        raise ValueError(f"x must be (batch, time, features), got shape {tuple(x.shape)}")
    widths = [cell.input_size] + ([cell.input_size + cell.output_size] if cell.drops_state else [])
    if x.shape[2] not in widths:
        raise ValueError(f"x has {x.shape[2]} features, {type(cell).__name__} takes {cell.input_size}")
    if state is not None:
        _check_state(cell, x, state)
    if lengths is not None:
        _check_lengths(x, lengths)


def _check_state(cell: Cell[Any], x: Tensor, state: State) -> None:
    expected = cell.initial_state(x.shape[0], torch.device("meta"), x.dtype)
    if type(state) is not type(expected):
        raise ValueError(f"state must be a {type(expected).__name__}, got {type(state).__name__}")
    names: tuple[str, ...] = expected._fields  # type: ignore[attr-defined]
    for name, tensor, model in zip(names, state, expected, strict=True):
        if tensor.shape != model.shape:
            raise ValueError(f"state.{name} must be {tuple(model.shape)}, got {tuple(tensor.shape)}")
        if tensor.dtype != x.dtype:
            raise RuntimeError(f"state.{name} must be of x's type, {x.dtype}, got {tensor.dtype}")


def _check_lengths(x: Tensor, lengths: Tensor) -> None:
    if lengths.shape != x.shape[:1] or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(f"lengths must be {x.shape[0]} integers, got {lengths.dtype} {tuple(lengths.shape)}")
    if torch.compiler.is_compiling():  # a traced graph cannot ask for values; eager runs have checked them
        return
    if x.shape[0] and not (int(lengths.min()) >= 0 and int(lengths.max()) <= x.shape[1]):
        raise ValueError(f"lengths must lie between 0 and {x.shape[1]}, got {int(lengths.min())}..{int(lengths.max())}")
