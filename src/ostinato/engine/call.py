"""Stage 6, first part: the call of a compiled pass, with the addresses of the tensors that it reads and writes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.engine.layout import Array, Call, Matrix, Scan, Stream
from ostinato.engine.program import Kernel


class Arguments(NamedTuple):
    """The tensors of one call, in the order of the loop that was compiled.

    Arrays of all steps are ``(batch, time, features)``, in any order of memory; constants are as their parameters lie.

    Attributes:
        given: What stands ready for every step.
        previous: States after every step of the forward pass.
        initial: The same before its first step, ``(batch, size)``.
        streams: Where the loop writes what it gives of every step; their features lie in order.
        start: What is carried, before the first step.
        final: Where it is written after the last step.
        totals: Where sums over rows and steps are written.
        constants: What the arrays and then the matrices that the loop reads are views of.
    """

    given: list[Tensor]
    previous: list[Tensor]
    initial: list[Tensor]
    streams: list[Tensor]
    start: list[Tensor]
    final: list[Tensor]
    totals: list[Tensor]
    constants: list[Tensor]


def call_pass(
    kernel: Kernel, steps: int, batch: int, lengths: Tensor | None, descending: bool, rounded: bool, own: Arguments
) -> None:
    """Runs a compiled pass.

    Args:
        kernel: The pass.
        steps: Time steps.
        batch: Rows.
        lengths: Valid steps of each row, int64; None for all.
        descending: Whether the last step comes first.
        rounded: Whether products of floats may be rounded to bfloat16.
        own: What it reads and writes.
    """
    threads = torch.get_num_threads()
    # What had to be copied is held until the call is over.
    lengths = None if lengths is None else lengths.contiguous()
    given, previous = _readable(own.given), _readable(own.previous)
    initial, start, constants = _dense(own.initial), _dense(own.start), _dense(own.constants)
    arrays, matrices = _constants(kernel, constants)
    words = Call(
        scan=(Scan(steps, batch, descending, threads, 0 if lengths is None else lengths.data_ptr(), rounded),),
        given=_streams(given),
        previous=_streams(previous),
        initial=_arrays(initial),
        stream=_streams(own.streams),
        start=_arrays(start),
        final=_arrays(own.final),
        total=_arrays(own.totals),
        constant=arrays,
        matrix=matrices,
        size=kernel.sizes,
    ).words()
    address, _ = words.buffer_info()
    shape = (steps, batch, threads)
    size = kernel.workspaces.get(shape)
    if size is None:
        size = kernel.workspaces[shape] = kernel.workspace(address, kernel.numbers)
    workspace = own.start[0].new_empty(size)
    kernel.run(address, kernel.numbers, workspace.data_ptr())


def _readable(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same with the features of a row in order."""
    return [x if x.stride(2) == 1 or x.shape[2] == 1 else x.contiguous() for x in tensors]


def _dense(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [x if x.is_contiguous() else x.contiguous() for x in tensors]


def _streams(tensors: Sequence[Tensor]) -> list[Stream]:
    return [Stream(x.data_ptr(), x.stride(1), x.stride(0)) for x in tensors]


def _arrays(tensors: Sequence[Tensor]) -> list[Array]:
    return [Array(x.data_ptr()) for x in tensors]


def _constants(kernel: Kernel, tensors: Sequence[Tensor]) -> tuple[list[Array], list[Matrix]]:
    arrays, matrices = [], []
    for constant, tensor in zip(kernel.constants, tensors, strict=True):
        data = tensor.data_ptr() + constant.offset * tensor.element_size()
        if constant.strides:
            matrices.append(Matrix(data, *constant.strides))
        else:
            arrays.append(Array(data))
    return arrays, matrices
