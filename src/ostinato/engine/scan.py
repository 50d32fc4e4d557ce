"""The one door of the engine: a cell over time."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeVar, cast, get_args

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call

from ostinato.cells import Cell, State
from ostinato.engine import aten, cache, cpp, reference
from ostinato.engine.capture import weights_of, with_weights
from ostinato.engine.constant import assumed_constant
from ostinato.engine.interception import current_interceptor, intercept_scans
from ostinato.engine.lengths import as_lengths, mask_steps, sequence_mask
from ostinato.engine.program import Failure

BackendName = Literal["auto", "reference", "aten", "cpp"]
"""What can run a scan; "auto" picks the fastest that applies."""

S = TypeVar("S", bound=State)


class Explanation(NamedTuple):
    """Which backend a scan uses, and why.

    Attributes:
        backend: The backend that runs.
        reason: Why it is the one.
        rejected: Why each backend that cannot run this scan cannot, by name.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.engine import explain
        >>> explanation = explain(GRU(8, 32).bfloat16(), torch.randn(4, 20, 8, dtype=torch.bfloat16))
        >>> explanation.backend
        'aten'
        >>> list(explanation.rejected)
        ['cpp']
    """

    backend: str
    reason: str
    rejected: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{self.backend}: {self.reason}"]
        return "\n".join(lines + [f"  not {name}: {why}" for name, why in self.rejected.items()])


class _Choice(NamedTuple):
    """The backend of one scan.

    Attributes:
        backend: Its name.
        rejected: Why each backend that cannot run this scan cannot, by name.
        ready: The compiled cell, for "cpp".
        refused: Why the step itself cannot be compiled, if it is that.
    """

    backend: str
    rejected: dict[str, str]
    ready: cpp.Ready | None = None
    refused: str = ""


def scan(
    cell: Cell[S],
    x: Tensor,
    state: S | None = None,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    backend: BackendName = "auto",
    weights: Sequence[Tensor] | None = None,
) -> tuple[Tensor, S]:
    """Runs a cell over time, the same weights at every step.

    Rows end at their own length: outputs past it are zero, and the final state is the state at the last valid step.
    A row of length 0 keeps the initial state. A reversed scan starts at each row's last valid step and ends at step 0.
    A final state, detached, is a valid initial state for the steps that follow: truncated backpropagation through time
    (see `detach`). Without any step the state stays as it is, and the outputs have no steps either.

    Args:
        cell: One time step.
        x: Input ``(batch, time, cell.input_size)``; a recurrent dropout mask may stand behind it
            (`Cell.apply_recurrent_dropout`).
        state: State before the first step, tensors ``(batch, size)``; ``cell.initial_state`` unless given.
        lengths: Valid steps of each row, integers ``(batch,)`` between 0 and time, a tensor or a list; all steps unless
            given.
        reverse: Whether to run from the last step to the first; outputs stay in the order of the input.
        backend: "auto" picks the fastest that applies (see `explain`), "cpp" is the cell compiled here, "aten" torch's
            own kernels, "reference" the plain loop.
        weights: Tensors in the place of the cell's own: of all its parameters and then all its buffers, in the order of
            ``named_parameters()`` and ``named_buffers()``.

    Returns:
        The outputs ``(batch, time, cell.output_size)`` and the final state.

    Raises:
        ValueError: For shapes that do not fit, an input of whole numbers, lengths out of range, or a backend that
            cannot run this cell.
        RuntimeError: For a state of another type than `x`, and tensors on several devices.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.engine import scan
        >>> y, state = scan(GRU(8, 32), torch.randn(4, 20, 8), lengths=[20, 7, 1, 0])
        >>> y.shape, state.h.shape
        (torch.Size([4, 20, 32]), torch.Size([4, 32]))
        >>> torch.equal(y[1, 6], state.h[1])  # the final state is that of the last valid step
        True
    """
    _check(cell, x, state)
    lengths = as_lengths(lengths, x)
    first: Any = cell.initial_state(x.shape[0], x.device, x.dtype) if state is None else _of_type(state, x)
    tracing = torch.compiler.is_compiling()
    if not tracing and (interceptor := current_interceptor()) is not None:
        with intercept_scans(None):
            return cast(tuple[Tensor, S], interceptor(_lent(cell, weights), x, first, lengths, reverse, backend))
    if lengths is not None:
        # Whatever stands in the padding, NaN too, must not reach a gradient.
        x = mask_steps(x, sequence_mask(lengths, x.shape[1]))
    features = _features(cell, x)
    if tracing:
        return cast(tuple[Tensor, S], _trace(cell, features, x, first, lengths, reverse, backend, weights))
    foreign = next(filter(None, map(cpp.foreign_tensor, (x, *first))), None)
    choice = _choose(cell, features, x.dtype, x.device, backend, weights, foreign)
    given = choice.ready.weights if choice.ready else _weights(cell, weights)
    _check_devices(x, first, given)
    if x.shape[1] == 0:
        return cast(tuple[Tensor, S], _without_steps(_lent(cell, weights), x, first))
    if choice.ready:
        return cpp.run(choice.ready, cell, x, first, lengths, reverse)  # type: ignore[return-value]
    if choice.backend == "aten":
        return aten.run(cell, given, x, first, lengths, reverse)  # type: ignore[return-value]
    if backend == "auto" and choice.refused:
        cpp.warn_once(f"not compiled, and run in the plain loop: {choice.refused}", stacklevel=3)
    return reference.run(_lent(cell, weights), x, first, lengths, reverse)  # type: ignore[return-value]


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

    Example:
        >>> import torch
        >>> from ostinato.cells import LEM
        >>> from ostinato.engine import explain
        >>> print(explain(LEM(8, 32), torch.randn(4, 20, 8)))
        cpp: LEM compiled for this processor
          not aten: torch has no kernel for LEM
    """
    chosen = _choose(cell, x.shape[-1], x.dtype, x.device, backend, None)
    name, kind, rejected = chosen.backend, type(cell).__name__, dict(chosen.rejected)
    if backend != "auto":
        return Explanation(name, "asked for by name", rejected)
    if name == "cpp" and (obstacle := aten.why_not(cell, x.shape[-1])):
        rejected["aten"] = obstacle
    reason = {
        "cpp": f"{kind} compiled for this processor",
        "aten": f"torch's own kernel for {kind}",
        "reference": "the plain loop runs every cell, and no faster backend applies",
    }
    return Explanation(name, reason[name], rejected)


def _choose(
    cell: Cell[Any],
    features: int,
    dtype: torch.dtype,
    device: torch.device,
    backend: BackendName,
    weights: Sequence[Tensor] | None,
    obstacle: str | None = None,
) -> _Choice:
    """The backend of a scan, the one place where that is decided; an `obstacle` leaves the plain loop."""
    rejected: dict[str, str] = {}
    obstacle, refused = obstacle or _transform(), ""
    if backend in ("auto", "cpp"):
        ready = obstacle or cpp.prepare(cell, features, dtype, device, weights)
        if isinstance(ready, cpp.Ready):
            return _Choice("cpp", rejected, ready)
        if isinstance(ready, Failure):
            refused = rejected["cpp"] = ready.message
        else:
            rejected["cpp"] = ready
    if backend in ("auto", "aten"):
        why_not = (obstacle if backend == "auto" else None) or aten.why_not(cell, features)
        if why_not is None:
            return _Choice("aten", rejected)
        rejected["aten"] = why_not
    if backend in ("auto", "reference"):
        return _Choice("reference", rejected, refused=refused)
    if backend not in rejected:
        raise ValueError(f"backend must be one of {', '.join(get_args(BackendName))}, got {backend!r}")
    raise ValueError(
        f"backend {backend!r} cannot run this scan: {rejected[backend]}; use backend='auto' or 'reference'"
    )


def _trace(
    cell: Cell[Any],
    features: int,
    x: Tensor,
    first: Any,
    lengths: Tensor | None,
    reverse: bool,
    backend: BackendName,
    weights: Sequence[Tensor] | None,
) -> Any:
    """A scan as torch.compile is to see it: one operation for a compiled cell, else the operations of the backend."""
    kinds = None if weights is None else tuple((tuple(w.shape), w.dtype, w.device) for w in weights)
    name, key = _constant_choice(cell, features, x.dtype, x.device, backend, kinds)
    given = _weights(cell, weights)
    if x.shape[1] > 0 and name == "cpp":
        return cpp.trace(key, x, given, first, lengths, reverse)
    if weights is not None and name != "aten":
        values = dict(zip(_names(cell), given, strict=True))
        return functional_call(_Plain(cell), values, (x, first, lengths, reverse))
    if x.shape[1] == 0:
        return _without_steps(cell, x, first)
    if name == "aten":
        return aten.run(cell, given, x, first, lengths, reverse)
    return reference.run(cell, x, first, lengths, reverse)


class _Plain(torch.nn.Module):
    """The plain loop as a module, whose cell `functional_call` can lend weights."""

    def __init__(self, cell: Cell[Any]) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, first: State, lengths: Tensor | None, reverse: bool) -> Any:
        if x.shape[1] == 0:
            return _without_steps(self.cell, x, first)
        return reference.run(self.cell, x, first, lengths, reverse)


@assumed_constant
def _constant_choice(
    cell: Cell[Any], features: int, dtype: torch.dtype, device: torch.device, backend: BackendName, kinds: Any
) -> tuple[str, str]:
    lent = None
    if kinds is not None:
        lent = [torch.empty(shape, dtype=kind, device="meta") for shape, kind, _ in kinds]
    choice = _choose(cell, features, dtype, device, backend, lent)
    return choice.backend, cache.trace(cell, features, dtype) if choice.ready else ""


@assumed_constant
def _names(cell: Cell[Any]) -> tuple[str, ...]:
    return tuple(f"cell.{name}" for name, _ in weights_of(cell))


def _weights(cell: Cell[Any], weights: Sequence[Tensor] | None) -> Sequence[Tensor]:
    return [weight for _, weight in weights_of(cell)] if weights is None else weights


def _lent(cell: Cell[Any], weights: Sequence[Tensor] | None) -> Cell[Any]:
    return cell if weights is None else with_weights(cell, weights)


def _without_steps(cell: Cell[Any], x: Tensor, first: Any) -> Any:
    """No outputs, made of a step of no rows: they belong to the graph of x, the state and the weights as any others."""
    y, _ = cell(x.reshape(0, x.shape[2]), type(first)(*(tensor[:0] for tensor in first)))
    return y.reshape(x.shape[0], 0, cell.output_size), first


def _features(cell: Cell[Any], x: Tensor) -> int:
    """The features of a checked x, in numbers of the cell: those of a shape may be symbols when torch.compile asks."""
    return cell.input_size if x.shape[2] == cell.input_size else cell.input_size + cell.output_size


def _transform() -> str | None:
    """What is done with a scan that only operations of torch one by one can follow."""
    if torch._C._are_functorch_transforms_active():
        return "transforms of torch.func go through the plain loop"
    if forward_ad._current_level >= 0:
        return "forward-mode derivatives go through the plain loop"
    if torch._C._get_tracing_state() is not None:
        return "torch.jit.trace goes through the plain loop"
    return None


def detach(state: Any) -> Any:
    """A state (or a nested tuple of states) cut off from its history: the start of the next chunk.

    Args:
        state: Tensors in tuples, NamedTuples and lists, or None.

    Returns:
        The same structure; values are shared, gradients stop here.

    Raises:
        TypeError: For anything else in the state.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.engine import detach
        >>> from ostinato.nn import Recurrent
        >>> net, state = Recurrent(GRU, 3, 16, num_layers=2), None
        >>> for chunk in torch.randn(4, 60, 3).split(20, dim=1):
        ...     y, state = net(chunk, state)
        ...     y.square().mean().backward()
        ...     state = detach(state)  # carried on, without the gradient
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple | list):
        parts = [detach(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    raise TypeError(f"a carried state is nested tuples of tensors; this one holds a {type(state).__name__}")


def _check(cell: Cell[Any], x: Tensor, state: State | None) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor (batch, time, features), got a {type(x).__name__}")
    if x.dim() != 3:
        raise ValueError(f"x must be (batch, time, features), got shape {tuple(x.shape)}")
    if not x.is_floating_point() and not x.is_complex():
        raise ValueError(f"x must be of a floating-point type, got {x.dtype}: embed whole numbers, or convert them")
    if x.layout is not torch.strided:
        raise ValueError(f"x must be a dense tensor, got {x.layout}: call to_dense() first")
    widths = [cell.input_size] + ([cell.input_size + cell.output_size] if cell.supports_recurrent_dropout else [])
    if x.shape[2] not in widths:
        raise ValueError(f"x has {x.shape[2]} features, {type(cell).__name__} takes {cell.input_size}")
    if state is not None:
        _check_state(cell, x, state)


def _check_state(cell: Cell[Any], x: Tensor, state: State) -> None:
    expected = cell.initial_state(1, torch.device("cpu"), x.dtype)  # of one row: made faster than any on "meta"
    if type(state) is not type(expected):
        raise ValueError(f"state must be a {type(expected).__name__}, got {type(state).__name__}")
    names: tuple[str, ...] = expected._fields  # type: ignore[attr-defined]
    for name, tensor, model in zip(names, state, expected, strict=True):
        if tensor.shape != (x.shape[0], *model.shape[1:]):
            raise ValueError(f"state.{name} must be {(x.shape[0], *model.shape[1:])}, got {tuple(tensor.shape)}")
        if tensor.dtype != x.dtype and not _autocast(x):
            raise RuntimeError(f"state.{name} must be of x's type, {x.dtype}, got {tensor.dtype}")


def _autocast(x: Tensor) -> bool:
    return torch.is_autocast_enabled(x.device.type)


def _of_type(state: Any, x: Tensor) -> Any:
    """Under autocast, a state that a scan gave is of the lower precision; the next one takes it."""
    if all(tensor.dtype == x.dtype for tensor in state):
        return state
    return type(state)(*(tensor.to(x.dtype) for tensor in state))


def _check_devices(x: Tensor, state: State, weights: Sequence[Tensor]) -> None:
    """That everything lies where x lies: compiled code reads memory without asking whose it is."""
    for what, tensors in (("the state is", state), ("the weights are", weights)):
        for tensor in tensors:
            if tensor.device != x.device:
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but x is on {x.device} and {what} on "
                    f"{tensor.device}; move them with .to()"
                )
