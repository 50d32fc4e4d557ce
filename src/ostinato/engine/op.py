"""Stage 6, last part: a program as an operation of torch, with its gradient.

`torch.compile` and `torch.export` see one operation, whose gradient is another. A gradient that is itself to be
differentiated is computed by the plain loop over the cell, whose operations torch can differentiate again.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ostinato.cells import Cell, State
from ostinato.engine import execute, reference
from ostinato.engine.cache import program_by_name, program_of
from ostinato.engine.capture import with_weights
from ostinato.engine.execute import Rows
from ostinato.engine.lengths import check_range
from ostinato.engine.program import Program


@torch.library.custom_op("ostinato::scan", mutates_args=())
def scan_op(
    x: Tensor,
    parameters: list[Tensor],
    state: list[Tensor],
    lengths: Tensor | None,
    program: str,
    reverse: bool,
    time_major: bool,
    training: bool,
) -> list[Tensor]:
    """The outputs, the final state, and if `training` what the gradient needs; see `execute.forward`."""
    if lengths is not None:
        check_range(lengths, x.shape[1])
    return execute.forward(
        program_by_name(program, check=len(parameters)), x, parameters, state, lengths, reverse, time_major, training
    )


@torch.library.custom_op("ostinato::scan_backward", mutates_args=())
def scan_backward_op(
    gradients: list[Tensor],
    x: Tensor,
    parameters: list[Tensor],
    state: list[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    kept: list[Tensor],
    wanted: list[bool],
    program: str,
    reverse: bool,
    time_major: bool,
) -> list[Tensor]:
    """The gradients of what is wanted of parameters and x, and of the state; see `execute.backward`."""
    return execute.backward(
        program_by_name(program),
        gradients,
        x,
        parameters,
        state,
        lengths,
        y,
        kept,
        wanted,
        reverse,
        time_major,
    )


@scan_op.register_fake
def _(
    x: Tensor,
    parameters: list[Tensor],
    state: list[Tensor],
    lengths: Tensor | None,
    program: str,
    reverse: bool,
    time_major: bool,
    training: bool,
) -> list[Tensor]:
    made = program_by_name(program)
    rows = Rows(x.shape[0], x.shape[1], time_major)
    widths = [made.graph.capture.output, *(value.size for value in made.kept if training)]
    y, *kept = (rows.batched(x.new_empty(rows.number, width)) for width in widths)
    return [y, *(torch.empty_like(tensor) for tensor in state), *kept]


@scan_backward_op.register_fake
def _(
    gradients: list[Tensor],
    x: Tensor,
    parameters: list[Tensor],
    state: list[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    kept: list[Tensor],
    wanted: list[bool],
    program: str,
    reverse: bool,
    time_major: bool,
) -> list[Tensor]:
    rows = Rows(x.shape[0], x.shape[1], time_major)
    weights = [w.new_empty(w.shape) for w, want in zip(parameters, wanted, strict=False) if want]
    inputs = [rows.batched(x.new_empty(rows.number, x.shape[2]))] if wanted[-1] else []
    return [*weights, *inputs, *(tensor.new_empty(tensor.shape) for tensor in state)]


class _Scan(torch.autograd.Function):
    """The same where nobody traces: torch's way to an operation of its own takes longer than a short scan."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell[Any],
        state_type: type[Any],
        program: Program,
        reverse: bool,
        time_major: bool,
        lengths: Tensor | None,
        parameters: int,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        x, weights, state = tensors[0], tensors[1 : 1 + parameters], tensors[1 + parameters :]
        y, *others = execute.forward(program, x, weights, state, lengths, reverse, time_major, True)
        if y._is_view():  # what a Function returns may be changed in place, unless it is a view
            y = y.detach()
        ctx.cell = cell, state_type
        ctx.settings = program, reverse, time_major, parameters
        # Users may add to the output in place, as to that of torch's layers. So it is saved without its version, which
        # is watched in a tensor of its own that holds no memory.
        ctx.output = y.detach()
        ctx.output.data = y.new_empty(0)
        ctx.version = ctx.output._version
        ctx.save_for_backward(lengths, y.data, *tensors, *others[len(state) :])
        ctx.set_materialize_grads(False)
        return (y, *others[: len(state)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        program, reverse, time_major, parameters = ctx.settings
        lengths, y, x, *rest = ctx.saved_tensors
        at = parameters + len(program.state)
        weights, state, kept = rest[:parameters], rest[parameters:at], rest[at:]
        given = _given(gradients, [y, *state])
        # The gradient may itself be to be differentiated, or be many at once: the plain loop can do both.
        if torch.is_grad_enabled() or any(_batched(gradient) for gradient in given):
            cell, state_type = ctx.cell
            if program_of(cell, x.shape[2], x.dtype, weights)[0] is not program:
                raise RuntimeError(
                    f"{type(cell).__name__} has changed since the scan that this gradient goes through: a second "
                    "derivative, or many gradients at once, would be another step's"
                )
            made = _differentiable(cell, given, x, weights, state_type(*state), lengths, reverse)
        else:
            if ctx.output._version != ctx.version:  # what was there is computed again
                again = execute.forward(program, x, weights, state, lengths, reverse, time_major, True)
                y, kept = again[0], again[1 + len(state) :]
            needs_x, *needs = ctx.needs_input_grad[7 : 8 + parameters]
            wanted = [*needs, needs_x]
            found = execute.backward(program, given, x, weights, state, lengths, y, kept, wanted, reverse, time_major)
            made = _every(found, wanted)
        return None, None, None, None, None, None, None, *made


def _batched(gradient: Tensor) -> bool:
    """Whether this stands for many gradients at once (`is_grads_batched`)."""
    functorch = torch._C._functorch
    return bool(functorch.is_batchedtensor(gradient) or functorch.is_legacy_batchedtensor(gradient))


def scan_eagerly(
    cell: Cell[Any],
    program: Program,
    x: Tensor,
    parameters: Sequence[Tensor],
    state: State,
    lengths: Tensor | None,
    reverse: bool,
    time_major: bool,
) -> tuple[Tensor, ...]:
    """The outputs and the final state, to be differentiated."""
    made: tuple[Tensor, ...] = _Scan.apply(  # type: ignore[no-untyped-call]
        cell, type(state), program, reverse, time_major, lengths, len(parameters), x, *parameters, *state
    )
    return made


def _given(gradients: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of the outputs and the final state, zeros for what took no part."""
    pairs = zip(gradients, outputs, strict=False)
    return [torch.zeros_like(like) if gradient is None else gradient for gradient, like in pairs]


def _every(made: Sequence[Tensor], wanted: Sequence[bool]) -> list[Tensor | None]:
    """The gradients of x, all parameters and the state, in this order, of those that were wanted."""
    rest = iter(made)
    *weights, x = (next(rest) if want else None for want in wanted)
    return [x, *weights, *rest]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    x, parameters, state, lengths, ctx.program, ctx.reverse, ctx.time_major, _ = inputs
    y, *others = output
    ctx.counts = len(parameters), len(state)
    ctx.save_for_backward(x, *parameters, *state, lengths, y, *others[len(state) :])
    ctx.set_materialize_grads(False)


def _gradient(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    parameters, states = ctx.counts
    x, *rest = ctx.saved_tensors
    weights, rest = rest[:parameters], rest[parameters:]
    state, (lengths, y, *kept) = rest[:states], rest[states:]
    given = _given(gradients, [y, *state])
    if torch.is_grad_enabled():
        raise RuntimeError("a scan that torch.compile or torch.export has traced has no second derivative")
    needs_x, needs_weights, *_ = ctx.needs_input_grad
    wanted = [*(needs_weights if isinstance(needs_weights, Sequence) else [True] * parameters), bool(needs_x)]
    found = scan_backward_op(
        given, x, weights, state, lengths, y, kept, wanted, ctx.program, ctx.reverse, ctx.time_major
    )
    made = _every(found, wanted)
    return made[0], made[1 : 1 + parameters], made[1 + parameters :], None, None, None, None, None


scan_op.register_autograd(_gradient, setup_context=_setup)


def _differentiable(
    cell: Cell[Any],
    gradients: Sequence[Tensor],
    x: Tensor,
    weights: Sequence[Tensor],
    state: State,
    lengths: Tensor | None,
    reverse: bool,
) -> list[Tensor | None]:
    """The gradients of x, weights and state by the plain loop, which torch can differentiate again, and in batches."""
    inputs, further = [x, *weights, *state], torch.is_grad_enabled()
    with torch.enable_grad():
        y, final = reference.run(with_weights(cell, weights), x, state, lengths, reverse)
    outputs = [(out, g) for out, g in zip((y, *final), gradients, strict=True) if out.requires_grad]
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    found = torch.autograd.grad(
        [out for out, _ in outputs], wanted, [g for _, g in outputs], create_graph=further, allow_unused=True
    )
    rest = iter(found)
    return [next(rest) if tensor.requires_grad else None for tensor in inputs]
