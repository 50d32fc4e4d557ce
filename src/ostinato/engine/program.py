"""A cell compiled: the stages in a row."""

import ctypes
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import fx

from ostinato.cells import Cell
from ostinato.engine.build import BuildError, library
from ostinato.engine.capture import VIEWS, CaptureError, capture, operation
from ostinato.engine.graph import StepGraph, build_graph
from ostinato.engine.layout import Size
from ostinato.engine.lazy import lazy
from ostinato.engine.lower import Source, lower, whole
from ostinato.engine.schedule import Pass, Schedule, all_inside, build_schedule
from ostinato.engine.stage import Stage
from ostinato.engine.values import Value


class Constant(NamedTuple):
    """A constant of a loop, and how its values lie.

    Attributes:
        node: What makes it.
        parameter: The parameter that it is a view of; None if it is computed.
        offset: The first element in that parameter, or in what is computed.
        strides: For a matrix, strides over heads, rows and columns; empty for what is read in order.
    """

    node: fx.Node
    parameter: int | None
    offset: int
    strides: tuple[int, ...]


class Kernel:
    """One pass: its generated source, the functions compiled from it, and how they are called.

    Attributes:
        part: The pass.
        source: What was generated for it.
        y: The output as a value that the loop writes; None if it is made after the loop.
        new: The nodes of what is carried, after a step.
        carried: Sizes of what the loop carries.
        width: Features of the widest array of all steps.
        constants: The arrays and then the matrices that the loop reads, as it takes them.
        stages: What torch runs before the loop.
        sizes: What the source leaves open, to be passed.
        numbers: The same of numbers.
        late_results: The nodes of what a forward pass makes after the loop, y first.
        workspace: The compiled function that says how much memory a run takes.
        run: The compiled pass.
        workspaces: The workspace's size for each number of steps, rows and threads.
    """

    workspace: Any
    run: Any

    def __init__(
        self, graph: StepGraph, part: Pass, name: str, new: Sequence[fx.Node], kept: Sequence[Value] = ()
    ) -> None:
        self.part = part
        self.name = name
        self.new = new
        self.source: Source = lower(part.loop, name)
        y = graph.refs[graph.outputs[0]]
        self.y: Value | None = y.value if y.whole and y.value in part.loop.streams else None
        late = [v.node for v in kept if v not in part.loop.streams and v.node not in part.early.outputs]
        self.late_results: tuple[fx.Node, ...] = (*(() if self.y else graph.outputs[:1]), *late)
        loop = part.loop
        self.width = max((value.size for value in (*loop.given, *loop.streams)), default=1)
        self.carried = [after.size for _, after in self.source.step.carried]
        index = {node: i for i, node in enumerate(graph.parameters)}
        products = [value for values in self.source.step.products for value in values]
        self.constants = [_constant(value.node, index) for value in self.source.step.constants]
        self.constants += [_matrix(value, index) for value in products]
        computed = [constant.node for constant in self.constants if constant.parameter is None]
        stages = (Stage(computed, graph.parameters), part.early)
        self.stages = [stage for stage in stages if stage.outputs]
        self.sizes = [Size(size) for size in self.source.sizes]
        self.numbers = (ctypes.c_double * len(self.source.numbers))(*self.source.numbers)
        self.workspaces: dict[tuple[int, int, int], int] = {}
        self._late: dict[tuple[fx.Node, ...], Stage] = {}

    def late(self, results: tuple[fx.Node, ...]) -> Stage:
        """What makes these results after the loop."""
        if results not in self._late:
            self._late[results] = self.part.late(results)
        return self._late[results]


def _compile(kernels: Sequence[Kernel], dtype: torch.dtype, name: str) -> None:
    """Compiles passes into one library; see `ostinato.engine.build.library` for what it raises."""
    compiled = library(whole((kernel.source for kernel in kernels), dtype, name), name)
    for kernel in kernels:
        load(kernel, compiled, kernel.name)


def load(kernel: Kernel, compiled: ctypes.CDLL, name: str) -> None:
    """Takes a pass's functions from a library in which they have this name."""
    kernel.workspace, kernel.run = compiled[f"{name}_workspace"], compiled[f"{name}_run"]
    kernel.workspace.argtypes, kernel.workspace.restype = (ctypes.c_void_p,) * 2, ctypes.c_int64
    kernel.run.argtypes, kernel.run.restype = (ctypes.c_void_p,) * 3, None


def _constant(node: fx.Node, index: dict[fx.Node, int]) -> Constant:
    layout = _layout(node)
    if layout is None or not layout.is_contiguous() or not node.meta["val"].is_floating_point():
        return Constant(node, None, 0, ())
    return Constant(node, index[_origin(node)], int(layout.storage_offset()), ())


def _matrix(product: Value, index: dict[fx.Node, int]) -> Constant:
    _, matrix = product.refs
    node = matrix.value.node
    layout = _layout(node)
    found = torch.empty(matrix.shape, device="meta") if layout is None else layout
    if product.op == "matmul_transposed":
        found = found.transpose(-1, -2)
    strides = (found.stride(0) if found.dim() == 3 else 0, found.stride(-2), found.stride(-1))
    parameter = None if layout is None else index[_origin(node)]
    return Constant(node, parameter, int(found.storage_offset()), strides)


def _origin(node: fx.Node) -> fx.Node:
    return node if node.op == "placeholder" else _origin(node.all_input_nodes[0])


def _layout(node: fx.Node) -> Any:
    """How a view of a parameter lies in it, as a meta tensor (or several); None for what is no view."""
    if node.op == "placeholder":
        return torch.empty(node.meta["val"].shape, device="meta")
    if len(node.all_input_nodes) != 1 or operation(node) not in (*VIEWS, "getitem"):
        return None
    layout = _layout(node.all_input_nodes[0])
    if layout is None:
        return None
    try:
        return node.target(layout, *node.args[1:], **node.kwargs)  # type: ignore[operator]
    except RuntimeError:  # no view in this shape
        return None


class Program:
    """A cell's step, scheduled and lowered.

    Attributes:
        key: Names the program within this process.
        graph: The typed step.
        schedule: What runs in the loops and what outside.
        x: The input, as a value of the graph.
        gy: The gradient of the output.
        state: The state before the step.
        parameter_index: The place of each parameter's node among the parameters.
        forward: The forward pass for inference.
        training: The forward pass that keeps what the backward pass takes.
        backward: The backward pass.
        traces: The states that are kept of every step: the value after the step, by its place in the state.
        kept: What the forward pass keeps for the backward pass, besides its arguments and y.
        gradients: The nodes of the gradients of the parameters and of x.
    """

    def __init__(self, cell: Cell[Any], features: int, dtype: torch.dtype) -> None:
        self.graph: StepGraph = build_graph(capture(cell, features, dtype))
        self.schedule: Schedule = build_schedule(self.graph)
        graph, states = self.graph, len(self.graph.capture.state)
        self.name = type(cell).__name__
        inputs = [graph.refs[node].value for node in graph.inputs]
        self.x, self.state, self.gy = inputs[0], inputs[1 : 1 + states], inputs[1 + states]
        self.parameter_index = {node: i for i, node in enumerate(graph.parameters)}
        y, new = graph.refs[graph.outputs[0]], graph.outputs[1 : 1 + states]
        self.traces: dict[int, Value] = {k: graph.refs[new[k]].value for k in self.schedule.traced}
        kept = (*self.traces.values(), *self.schedule.saved)
        written = y.value if y.whole and y.value in self.schedule.training.loop.streams else None
        self.kept: tuple[Value, ...] = tuple(v for v in dict.fromkeys(kept) if v not in (self.x, written))
        self.forward = Kernel(graph, self.schedule.forward, "forward", new)
        self.training = Kernel(graph, self.schedule.training, "training", new, self.kept)
        self.backward = Kernel(graph, self.schedule.backward, "backward", graph.outputs[len(graph.outputs) - states :])
        self.gradients: tuple[fx.Node, ...] = tuple(graph.outputs[1 + states : len(graph.outputs) - states])
        # The operations with their arguments, and the shapes.
        text = f"{graph.capture.graph}{graph}{graph.capture.dtype}"
        self.key = f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @lazy
    def single(self) -> Kernel | None:
        """A forward pass that leaves nothing to torch, for one step of one stream; None if that cannot be."""
        try:
            kernel = Kernel(self.graph, all_inside(self.graph), "single", self.forward.new)
        except CaptureError:
            return None
        _compile([kernel], self.graph.capture.dtype, f"{self.name}-single")
        return kernel

    @property
    def _kernels(self) -> tuple[Kernel, ...]:
        return (self.forward, self.training, self.backward)

    @lazy
    def build_failure(self) -> str | None:
        """Why the passes could not be compiled, tried at the first call; None if all is well."""
        try:
            _compile(self._kernels, self.graph.capture.dtype, self.name)
        except BuildError as error:
            return str(error)
        return None

    def describe(self) -> dict[str, str]:
        """The stages as texts, by the names of the files that ``OSTINATO_DEBUG`` gets."""
        return {
            "graph.txt": str(self.graph),
            "schedule.txt": f"forward\n\n{self.schedule.training}\n\n\nbackward\n\n{self.schedule.backward}",
            "source.cpp": whole((k.source for k in self._kernels), self.graph.capture.dtype, self.name),
        }


class Failure(NamedTuple):
    """Why a cell has no program."""

    message: str


def made_program(cell: Cell[Any], features: int, dtype: torch.dtype) -> Program | Failure:
    """Captures, schedules and lowers a cell's step; says why where that cannot be.

    Args:
        cell: One time step.
        features: Features of x, with any masks that stand behind the cell's own.
        dtype: float32 or float64.
    """
    try:
        program = Program(cell, features, dtype)
    except CaptureError as error:
        return Failure(str(error))
    if folder := os.environ.get("OSTINATO_DEBUG"):
        _write(program, Path(folder))
    return program


def _write(program: Program, folder: Path) -> None:
    folder = folder / program.key
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in program.describe().items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
