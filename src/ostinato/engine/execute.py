"""Stage 6, second part: a program run on tensors."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, fx

from ostinato.engine.call import Arguments, call_pass
from ostinato.engine.lazy import lazy
from ostinato.engine.lengths import mask_steps, sequence_mask
from ostinato.engine.program import Constant, Kernel, Program
from ostinato.engine.stage import Stage
from ostinato.engine.values import Value

_BLOCK = 2 << 20
"""Bytes of the widest array of a block of steps, at least."""
_WEIGHTS = 2
"""The same, as a multiple of the weights' bytes: every block packs them, and adds to their gradients."""
_FEW = 4
"""Rows up to which nothing is taken out of the loop: there is nothing to share a multiplication."""


class Rows(NamedTuple):
    """How the rows of all steps lie in memory: every array of a scan has the same order.

    Arrays are ``(rows, features)``; a row is a step of a sequence.
    """

    batch: int
    steps: int
    time_major: bool

    @property
    def number(self) -> int:
        """Rows of all steps."""
        return self.batch * self.steps

    def flat(self, x: Tensor) -> Tensor:
        """``(batch, time, features)`` as ``(rows, features)``."""
        return (x.transpose(0, 1) if self.time_major else x).reshape(self.number, x.shape[2])

    def batched(self, rows: Tensor) -> Tensor:
        """``(rows, features)`` as ``(batch, time, features)``, without a copy."""
        if self.time_major:
            return rows.view(self.steps, self.batch, rows.shape[1]).transpose(0, 1)
        return rows.view(self.batch, self.steps, rows.shape[1])

    def empty(self, features: int, like: Tensor) -> Tensor:
        """A new ``(batch, time, features)``."""
        if self.time_major:
            return like.new_empty(self.steps, self.batch, features).transpose(0, 1)
        return like.new_empty(self.batch, self.steps, features)


class _Before(NamedTuple):
    """What is known before each step: what was made in the step before it, and something before the first."""

    after: Value
    initial: Tensor
    descending: bool  # whether the first step is the last in time


def _bfloat16_allowed() -> bool:
    """Whether torch may round float32 numbers to bfloat16 to multiply them on the CPU, whichever way it was told."""
    return bool(torch.backends.mkldnn.matmul.fp32_precision == "bf16")  # type: ignore[attr-defined]


class _Run:
    """One pass over one batch."""

    def __init__(
        self,
        program: Program,
        kernel: Kernel,
        rows: Rows,
        parameters: Sequence[Tensor],
        lengths: Tensor | None,
        reverse: bool,
        out: dict[Value, Tensor],
    ) -> None:
        self.out = out  # where the loop is to write
        self.program = program
        self.kernel = kernel
        self.rows = rows
        self.parameters = parameters
        self.lengths = lengths
        self.descending = reverse != (kernel is program.backward)
        self.tensors: dict[fx.Node, Tensor] = {}
        """Tensors in the shapes of the captured graph."""
        self.streams: dict[Value, Tensor] = {}
        """Tensors ``(batch, time, features)``."""
        self.before: dict[Value, _Before] = {}
        """Values that are those made a step before."""
        self.filled: dict[fx.Node, Tensor] = {}
        """Tensors with their padded rows filled."""

    def node(self, node: fx.Node) -> Tensor:
        """The tensor of a node, in the shape of the captured graph."""
        if node not in self.tensors:
            index = self.program.parameter_index.get(node)
            self.tensors[node] = self._rows_of(node) if index is None else self.parameters[index]
        return self.tensors[node]

    def _rows_of(self, node: fx.Node) -> Tensor:
        if stage := self.kernel.part.shifted.get(node):
            return self._run(stage)[node]
        value = self.program.graph.refs[node].value
        rows = self.rows.flat(self.stream(value))
        if len(value.shape) != 1:
            rows = rows.view(self.rows.number, *value.shape)
        rows = rows.movedim(0, value.batch) if value.batch else rows
        return rows.to(node.meta["val"].dtype)  # booleans and indices were kept as numbers

    def stream(self, value: Value) -> Tensor:
        """The tensor of a row value, ``(batch, time, features)``."""
        if value not in self.streams:
            self.streams[value] = self._shifted(self.before[value]) if value in self.before else self._batched(value)
        return self.streams[value]

    def _batched(self, value: Value) -> Tensor:
        rows = self.node(value.node)
        rows = rows.movedim(value.batch, 0) if value.batch else rows
        rows = rows.to(self.program.graph.capture.dtype)
        return self.rows.batched(rows.reshape(self.rows.number, value.size))

    def early(self) -> None:
        """What torch makes before the loop."""
        for stage in self.kernel.stages:
            self.tensors |= self._run(stage)

    def _run(self, stage: Stage) -> dict[fx.Node, Tensor]:
        """Runs a stage on all rows of all steps.

        What is kept of padded steps is zero, and a stage need not be defined there: it gets the values of some valid
        step for them. Gradients stay zero there, and so does all that is made of them.
        """
        given = self.node if stage.total or self._padding is None else self._filled
        return stage(self.rows.number, {node: given(node) for node in stage.inputs})

    def _filled(self, node: fx.Node) -> Tensor:
        ref, tensor = self.program.graph.refs.get(node), self.node(node)
        dim = None if ref is None or ref.value in self.program.graph.with_gradient else ref.value.batch
        if dim is None or self._padding is None:
            return tensor
        if node not in self.filled:
            valid, some = self._padding
            shape = [-1 if i == dim else 1 for i in range(tensor.dim())]
            self.filled[node] = torch.where(valid.view(shape), tensor, tensor.narrow(dim, some, 1))
        return self.filled[node]

    @lazy
    def _padding(self) -> tuple[Tensor, int] | None:
        """Which of the rows of all steps are valid, and one that is; None if all are, or none."""
        if self.lengths is None or not self.lengths.any():
            return None
        row = int(self.lengths.argmax())
        valid = self.rows.flat(sequence_mask(self.lengths, self.rows.steps)[:, :, None])
        return valid, row if self.rows.time_major else row * self.rows.steps

    def over_time(self, start: Sequence[Tensor]) -> list[Tensor]:
        """What is carried after the last step; `late` comes next."""
        part, refs, nodes = self.kernel.part, self.program.graph.refs, self.kernel.new
        if not part.detached:
            self.early()
            return self.loop(start)
        for value, k in part.detached.items():
            self.before[value] = _Before(refs[nodes[k]].value, start[k], self.descending)
        self.early()
        last = dict(zip(part.kept, self.loop([start[k] for k in part.kept]), strict=True))
        last |= {k: self._last(self.before[value]) for value, k in part.detached.items()}
        return [last[k] for k in range(len(start))]

    def loop(self, start: Sequence[Tensor]) -> list[Tensor]:
        """Runs the compiled loop; gives what it carries after the last step."""
        kernel, rows, like = self.kernel, self.rows, start[0]
        loop = kernel.part.loop
        before = [self.before[value] for value in loop.previous]
        given = [self.stream(value) for value in loop.given]
        for value in loop.streams:
            self.streams[value] = self.out[value] if value in self.out else rows.empty(value.size, like)
        totals = {value: like.new_empty(value.size) for value in loop.sums}
        for node, value in kernel.part.sums.items():
            self.tensors[node] = totals[value].view(node.meta["val"].shape)
        final = [like.new_empty(rows.batch, size) for size in kernel.carried]
        arguments = Arguments(
            given,
            [self.stream(state.after) for state in before],
            [state.initial for state in before],
            [self.streams[value] for value in loop.streams],
            [*start],
            final,
            [*totals.values()],
            [self._constant(constant) for constant in kernel.constants],
        )
        # For few rows no weight is packed, so none is rounded; and a step of a stream is too short to ask.
        rounded = rows.number > _FEW and _bfloat16_allowed()
        call_pass(kernel, rows.steps, rows.batch, self.lengths, self.descending, rounded, arguments)
        return final

    def _constant(self, constant: Constant) -> Tensor:
        if constant.parameter is None:
            return self.tensors[constant.node].to(self.program.graph.capture.dtype)
        return self.parameters[constant.parameter]

    def _shifted(self, value: _Before) -> Tensor:
        trace, initial, descending = self.stream(value.after), value.initial, value.descending
        before = self.rows.empty(trace.shape[2], trace)
        if not descending:
            before[:, 1:], before[:, 0] = trace[:, :-1], initial
        else:
            before[:, :-1], before[:, -1] = trace[:, 1:], initial
        if self.lengths is None:
            return before
        if descending:  # each row begins at a last step of its own
            before[torch.arange(self.rows.batch), (self.lengths - 1).clamp(min=0)] = initial
        return mask_steps(before, sequence_mask(self.lengths, self.rows.steps))

    def _last(self, value: _Before) -> Tensor:
        """What was made in the last step."""
        trace = self.stream(value.after)
        if self.lengths is None:
            return (trace[:, 0] if value.descending else trace[:, -1]).clone()
        last = torch.zeros_like(self.lengths) if value.descending else (self.lengths - 1).clamp(min=0)
        made = trace[torch.arange(self.rows.batch), last]
        return torch.where((self.lengths > 0)[:, None], made, value.initial)

    def late_in_two(self, results: tuple[fx.Node, ...]) -> dict[fx.Node, Tensor]:
        """The sums over all rows that read the state before each step, without making an array of it.

        They are sums over the first step, which reads the initial state, and over all others, which read what was kept
        of the step before them.
        """
        rows, refs, states = self.rows, self.program.graph.refs, self.program.state
        if rows.steps == 1 or not rows.time_major or self.lengths is not None:
            return {}
        found = tuple(
            node
            for node in dict.fromkeys(results)
            if refs[node].value.batch is None and self._divisible(self.kernel.late((node,)).inputs)
        )
        if not found:
            return {}
        stage, step = self.kernel.late(found), rows.batch
        reverse = not self.descending  # of the forward pass
        first, others = slice(0, step), slice(step, None)
        if reverse:
            first, others = slice(-step, None), slice(0, -step)
        made: list[dict[fx.Node, Tensor]] = []
        for own in (first, others):
            given = {}
            for node in stage.inputs:
                value = refs[node].value
                if value in states:
                    trace = rows.flat(self.stream(self.before[value].after))
                    before = trace[step:] if reverse else trace[:-step]
                    given[node] = self.before[value].initial if own is first else before
                else:
                    given[node] = self.node(node)[own] if value.batch == 0 else self.node(node)
            made.append(stage(step if own is first else rows.number - step, given))
        return {node: made[1][node] + made[0][node] for node in found}

    def _divisible(self, inputs: Sequence[fx.Node]) -> bool:
        """Whether what sums are made of can be divided by rows, and the state before each step is part of it."""
        refs = self.program.graph.refs
        values = [refs[node].value for node in inputs if node in refs and node not in self.kernel.part.sums]
        by_rows = all(value.batch == 0 or value.kind == "constant" for value in values)
        return by_rows and len(values) == len(inputs) and any(value in self.program.state for value in values)

    def late(self, results: tuple[fx.Node, ...]) -> list[Tensor]:
        """What torch makes after the loop."""
        if not results:
            return []
        stage = self.kernel.late(results)
        self.tensors |= self._run(stage)
        # An operation of torch returns no tensor that it was given.
        return [self.tensors[n].clone() if n.op == "placeholder" else self.tensors[n] for n in results]


def _blocks(rows: Rows, kernel: Kernel, parameters: Sequence[Tensor], itemsize: int, descending: bool) -> list[slice]:
    """Steps in blocks whose arrays stay in the cache between the loop and what comes before and after it."""
    bytes_of_a_step = rows.batch * kernel.width * itemsize
    size = max(_BLOCK, _WEIGHTS * itemsize * sum(weight.numel() for weight in parameters))
    if rows.steps * bytes_of_a_step <= size:
        return [slice(0, rows.steps)]
    steps = max(size // bytes_of_a_step, 1)
    blocks = [slice(first, min(first + steps, rows.steps)) for first in range(0, rows.steps, steps)]
    return blocks[::-1] if descending else blocks


def _within(lengths: Tensor | None, block: slice) -> Tensor | None:
    """How many of a block's steps are valid in each row."""
    return None if lengths is None else (lengths - block.start).clamp(0, block.stop - block.start)


def forward(
    program: Program,
    x: Tensor,
    parameters: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
    time_major: bool,
    training: bool,
) -> list[Tensor]:
    """The outputs, the final state, and if `training` what the backward pass takes."""
    rows = Rows(x.shape[0], x.shape[1], time_major)
    kernel = program.training if training else program.forward
    if rows.number <= _FEW and not training:
        kernel = program.single or kernel
    blocks = _blocks(rows, kernel, parameters, x.element_size(), reverse)
    if len(blocks) == 1:
        return _forward(program, kernel, x, parameters, state, lengths, reverse, time_major, {})
    kept = program.kept if training else ()
    y, *others = (rows.empty(size, x) for size in (program.graph.capture.output, *(v.size for v in kept)))
    for block in blocks:
        out = dict(zip(kept, (tensor[:, block] for tensor in others), strict=True))
        within = _within(lengths, block)
        if kernel.y:
            out[kernel.y] = y[:, block]
        made = _forward(program, kernel, x[:, block], parameters, state, within, reverse, time_major, out)
        state = made[1 : 1 + len(state)]
        if not kernel.y:
            y[:, block] = made[0]
        for tensor, part, value in zip(others, made[1 + len(state) :], kept, strict=True):
            if value not in kernel.part.loop.streams:
                tensor[:, block] = part
    return [y, *state, *others]


def _forward(
    program: Program,
    kernel: Kernel,
    x: Tensor,
    parameters: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Tensor | None,
    reverse: bool,
    time_major: bool,
    out: dict[Value, Tensor],
) -> list[Tensor]:
    rows = Rows(x.shape[0], x.shape[1], time_major)
    run = _Run(program, kernel, rows, parameters, lengths, reverse, out)
    run.streams[program.x] = x
    final = run.over_time(state)
    made = run.late(kernel.late_results)
    y = run.streams[kernel.y] if kernel.y else rows.batched(made[0].reshape(rows.number, program.graph.capture.output))
    if kernel.y is None and lengths is not None:
        y = mask_steps(y, sequence_mask(lengths, rows.steps))
    return [y, *final, *(run.stream(value) for value in (program.kept if kernel is program.training else ()))]


def backward(
    program: Program,
    gradients: Sequence[Tensor],
    x: Tensor,
    parameters: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    kept: Sequence[Tensor],
    wanted: Sequence[bool],
    reverse: bool,
    time_major: bool,
) -> list[Tensor]:
    """The gradients of the wanted ones of parameters and x, and those of the state."""
    rows = Rows(x.shape[0], x.shape[1], time_major)
    gy, *carried = gradients
    if lengths is not None:
        gy = mask_steps(gy, sequence_mask(lengths, rows.steps))
    blocks = _blocks(rows, program.backward, parameters, x.element_size(), not reverse)
    settings = wanted, reverse, time_major
    if len(blocks) == 1:
        weights, by_x, last = _backward(program, gy, carried, x, parameters, state, lengths, y, kept, *settings)
        return [*weights, *by_x, *last]
    traces = _traces(program, x, y, kept)
    total: list[Tensor] = []
    whole = [rows.empty(x.shape[2], x)] if wanted[-1] else []
    for block in blocks:
        before = [
            _state_before(traces[k], first, lengths, block, reverse) if k in traces else first
            for k, first in enumerate(state)
        ]
        weights, by_x, carried = _backward(
            program,
            gy[:, block],
            carried,
            x[:, block],
            parameters,
            before,
            _within(lengths, block),
            y[:, block],
            [tensor[:, block] for tensor in kept],
            *settings,
        )
        total = [sum_.add_(more) for sum_, more in zip(total, weights, strict=True)] if total else weights
        for tensor, part in zip(whole, by_x, strict=True):
            tensor[:, block] = part
    return [*total, *whole, *carried]


def _traces(program: Program, x: Tensor, y: Tensor, kept: Sequence[Tensor]) -> dict[int, Tensor]:
    """The states after every step, of those that are kept."""
    known = {program.x: x, **dict(zip(program.kept, kept, strict=True))}
    if program.training.y is not None:
        known[program.training.y] = y
    return {k: known[after] for k, after in program.traces.items()}


def _state_before(trace: Tensor, initial: Tensor, lengths: Tensor | None, block: slice, reverse: bool) -> Tensor:
    """The state with which the forward pass came to a block."""
    if not reverse:
        return trace[:, block.start - 1] if block.start else initial
    if block.stop == trace.shape[1]:
        return initial
    after = trace[:, block.stop]
    return after if lengths is None else torch.where((lengths > block.stop)[:, None], after, initial)


def _backward(
    program: Program,
    gy: Tensor,
    carried: Sequence[Tensor],
    x: Tensor,
    parameters: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    kept: Sequence[Tensor],
    wanted: Sequence[bool],
    reverse: bool,
    time_major: bool,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """The gradients of the wanted parameters, of x if that is wanted, and of the state."""
    rows = Rows(x.shape[0], x.shape[1], time_major)
    if lengths is not None and not lengths.any():  # nothing happened in these steps
        weights = [torch.zeros_like(w) for w, want in zip(parameters, wanted, strict=False) if want]
        return weights, [rows.empty(x.shape[2], x).zero_()] if wanted[-1] else [], [g.clone() for g in carried]
    run = _Run(program, program.backward, rows, parameters, lengths, reverse, {})
    run.streams[program.x] = x
    run.streams[program.gy] = gy
    run.streams.update(zip(program.kept, kept, strict=True))
    if program.training.y is not None:
        run.streams[program.training.y] = y
    for k, after in program.traces.items():
        run.before[program.state[k]] = _Before(after, state[k], reverse)
    last = run.over_time(carried)
    results = tuple(node for node, want in zip(program.gradients, wanted, strict=True) if want)
    made = run.late_in_two(results)
    made |= zip(rest, run.late(rest), strict=True) if (rest := tuple(n for n in results if n not in made)) else ()
    # What is the gradient of two weights is two tensors: they may be changed in place.
    twice = [node in results[:i] for i, node in enumerate(results)]
    weights = [made[n].clone() if again else made[n].contiguous() for n, again in zip(results, twice, strict=True)]
    by_x = [rows.batched(weights.pop().reshape(rows.number, x.shape[2]))] if wanted[-1] else []
    return weights, by_x, last
