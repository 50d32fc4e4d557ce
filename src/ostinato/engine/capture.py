"""Stage 1, capture: one step of a cell and its gradient as one graph of torch operations."""

import linecache
import os
import re
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import MethodType
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, fx, nn
from torch._decomp import core_aten_decompositions, decomposition_table
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.func import functionalize, vjp
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.traceback import preserve_node_meta
from torch.nn.attention import SDPBackend, sdpa_kernel

from ostinato.cells import Cell
from ostinato.engine.expansions import IN_STEP
from ostinato.engine.operations import ALSO_DECOMPOSED, DECOMPOSED
from ostinato.engine.rewrites import EXPANDED, Rewriting, UnknownTensorError
from ostinato.engine.separate import Separation, joins_rows, needed_in_loop

_HERE = Path(__file__).parent

ROWS = 1_000_003
"""The number of rows in a captured step: a prime that no feature size equals, so that it marks the batch dimension."""
OTHER_ROWS = 7
"""Another, small one: what differs in the graph was made of the number of rows, or chosen by it."""

LOCK = threading.RLock()
"""Held by who captures, and by who forks: a child must not begin in the middle of a capture, which nobody would end."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)

_VIEW_NAMES = """
view _unsafe_view reshape slice select split split_with_sizes unbind t transpose permute expand unsqueeze squeeze alias
detach lift_fresh_copy broadcast_in_dim
"""
VIEWS = frozenset(_VIEW_NAMES.split())
"""Operations that only look at a tensor in another way."""


_FILLS_LIKE = {"full_like": None, "zeros_like": 0, "ones_like": 1}


class CaptureError(RuntimeError):
    """A cell that cannot be compiled: the message names the operation and the line of the cell."""


class Capture(NamedTuple):
    """A step and its gradient.

    Attributes:
        graph: Placeholders ``parameters.., x, state.., gradient of y, gradient of the new state..``; its output is the
            flat list ``y, new state.., gradients of parameters.., of x, of state..``.
        cell: The cell's name, for people.
        parameters: Names of the parameters and buffers, in order.
        state: Feature sizes of the state's tensors.
        output: Features of y.
        features: Features of x.
        dtype: Floating-point type of everything.
        alone: The step without its gradient, traced with `ROWS` rows and with `OTHER_ROWS`.
    """

    graph: fx.Graph
    cell: str
    parameters: tuple[str, ...]
    state: tuple[int, ...]
    output: int
    features: int
    dtype: torch.dtype
    alone: tuple[fx.Graph, fx.Graph]


def weights_of(cell: Cell[Any]) -> list[tuple[str, Tensor]]:
    """Names and tensors of all parameters and then all buffers of a cell, in the order in which programs take them."""
    if cell._modules:
        return [*cell.named_parameters(), *cell.named_buffers()]
    # The same for a cell without parts, ten times faster: streams ask for it at every step.
    named: list[tuple[str, Tensor]] = []
    for own in (cell._parameters, cell._buffers):
        found = [(name, weight) for name, weight in own.items() if weight is not None]
        if len({id(weight) for _, weight in found}) < len(found):  # one under two names counts once
            return [*cell.named_parameters(), *cell.named_buffers()]
        named += found
    return named


def capture(cell: Cell[Any], features: int, dtype: torch.dtype) -> Capture:
    """Traces one step of `cell` and its vector-Jacobian product.

    Args:
        cell: One time step.
        features: Features of x, with any masks that stand behind the cell's own.
        dtype: float32 or float64.

    Raises:
        CaptureError: If the step branches on data or cannot be traced.
    """
    weights = dict(weights_of(cell))
    for module in cell.modules():
        for attribute, value in vars(module).items():
            if isinstance(value, Tensor):
                raise CaptureError(
                    f"{type(cell).__name__}.{attribute} is a tensor that is neither a parameter nor a buffer: "
                    "give it to register_buffer"
                )
    first = cell.initial_state(1)
    count, states = len(weights), len(first)

    def step(parameters: tuple[Tensor, ...], x: Tensor, state: tuple[Tensor, ...]) -> list[Tensor]:
        stand_ins = {id(weight): other for weight, other in zip(weights.values(), parameters, strict=True)}
        with Rewriting(cell, stand_ins):
            made = with_weights(cell, parameters)(x, type(first)(*state))
        if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], type(first))):
            raise CaptureError(f"{type(cell).__name__} must return (y, state), the state a {type(first).__name__}")
        y, new = made
        # An output that is the state before the step is no operation of it yet.
        return [y * 1 if any(y is tensor for tensor in state) else y, *new]

    def joint(*inputs: Tensor) -> list[Tensor]:
        parameters, x = inputs[:count], inputs[count]
        state, gradients = inputs[count + 1 : count + 1 + states], inputs[count + 1 + states :]
        learned = tuple(p for p in parameters if p.is_floating_point())

        def of_numbers(some: tuple[Tensor, ...], x: Tensor, state: tuple[Tensor, ...]) -> list[Tensor]:
            numbers = iter(some)
            return step(tuple(next(numbers) if p.is_floating_point() else p for p in parameters), x, state)

        outputs, back = vjp(of_numbers, learned, x, state)  # type: ignore[misc]  # its type says three results
        by_learned, by_x, by_state = back(list(gradients))
        found = iter(by_learned)
        by_parameter = [next(found) if p.is_floating_point() else torch.zeros_like(p) for p in parameters]
        return [*outputs, *by_parameter, by_x, *by_state]

    def forward(*inputs: Tensor) -> list[Tensor]:
        return step(inputs[:count], inputs[count], inputs[count + 1 :])

    sizes = [s.shape[1] for s in first]
    with FakeTensorMode():
        types = [dtype if weight.is_floating_point() else weight.dtype for weight in weights.values()]
        parameters = [torch.empty(w.shape, dtype=type_) for w, type_ in zip(weights.values(), types, strict=True)]
        inputs = parameters + [torch.empty(ROWS, size, dtype=dtype) for size in (features, *sizes)]
        others = parameters + [torch.empty(OTHER_ROWS, size, dtype=dtype) for size in (features, *sizes)]
        given = [torch.empty(ROWS, size, dtype=dtype) for size in (cell.output_size, *sizes)]
        # Some of torch's own cells change what they have just made, and so may a step: then it is traced without that.
        graph = _trace([joint, functionalize(joint)], [*inputs, *given], type(cell).__name__, count, states)
        one, other = (_traced(forward, rows, type(cell).__name__).graph for rows in (inputs, others))
    name = type(cell).__name__
    return Capture(graph, name, tuple(weights), tuple(sizes), cell.output_size, features, dtype, (one, other))


def with_weights(cell: Cell[Any], others: Sequence[Tensor]) -> Cell[Any]:
    """A cell like this with other tensors in the place of its weights.

    All else is shared; the cell itself stays as it is, for other threads may run it.

    Args:
        cell: One time step.
        others: Its weights, in the order of `weights_of`.
    """
    weights = [weight for _, weight in weights_of(cell)]
    put = {id(weight): other for weight, other in zip(weights, others, strict=True)}
    made: dict[int, nn.Module] = {}

    def copied(module: nn.Module) -> nn.Module:
        if id(module) not in made:
            made[id(module)] = copy = object.__new__(type(module))
            copy.__dict__ = {
                **{name: _rebound(value, module, copy) for name, value in module.__dict__.items()},
                "_parameters": {name: put.get(id(weight), weight) for name, weight in module._parameters.items()},
                "_buffers": {name: put.get(id(weight), weight) for name, weight in module._buffers.items()},
                "_modules": {name: None if child is None else copied(child) for name, child in module._modules.items()},
            }
        return made[id(module)]

    return cast(Cell[Any], copied(cell))


def _rebound(value: Any, module: nn.Module, copy: nn.Module) -> Any:
    """An attribute of a module's copy: a method that was set on the module is to be the copy's."""
    own = isinstance(value, MethodType) and value.__self__ is module
    return MethodType(value.__func__, copy) if own else value


def _trace(ways: Sequence[Callable[..., Any]], inputs: list[Tensor], name: str, weights: int, states: int) -> fx.Graph:
    """The graph of the first of several functions that changes nothing in place, or else of the last."""
    for way in ways:
        module = _traced(way, inputs, name)
        if not any(_in_place(node) and not _replaceable(node) for node in module.graph.nodes):
            break
    for node in module.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            raise CaptureError(f"{name} draws random numbers inside the step ({where(node)}): masks come in as inputs")
        if operation(node) == "embedding" and True in node.args[3:4]:
            raise CaptureError(
                f"{name} scales gradients by how often an index comes ({where(node)}): rows must be independent"
            )
        if is_check(node) and operation(node) != "_linalg_check_errors":
            raise CaptureError(f"{name} checks values inside the step ({where(node)})")
        if node.op == "get_attr":
            raise CaptureError(
                f"{name} uses a tensor that is neither a parameter nor a buffer ({where(node)}): "
                "give it to register_buffer"
            )
    _simplify(module.graph, name)
    module.graph.eliminate_dead_code()
    stepwise = needed_in_loop(module.graph, weights, 1 + states)
    if joins_rows(module.graph, ROWS) or any(operation(node) in IN_STEP for node in stepwise):
        module.recompile()
        with preserve_node_meta():
            module = _traced(Separation(module, ROWS, stepwise, 1 + states).run, inputs, name)
        _simplify(module.graph, name)
        module.graph.eliminate_dead_code()
    return module.graph


def _traced(function: Callable[..., Any], inputs: list[Tensor], name: str) -> fx.GraphModule:
    tracer = make_fx(
        function, decomposition_table=_decompositions(), record_stack_traces=True, _allow_non_fake_inputs=False
    )
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            return tracer(*inputs)
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        raise CaptureError(f"{name} branches on data, or makes shapes from it ({_line(error)})") from error
    except CaptureError:
        raise
    except UnknownTensorError as error:
        raise CaptureError(f"{error} ({_line(error)})") from error
    except (RuntimeError, TypeError, AssertionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CaptureError(f"{name} cannot be traced: {reason} ({_line(error)})") from error


def _simplify(graph: fx.Graph, name: str) -> None:
    """Computes once what is computed twice, such as the gradients of two biases that are added; drops factors of 1."""
    first: dict[Any, fx.Node] = {}
    for node in graph.nodes:
        if _in_place(node):
            _replace_in_place(node, name)
        if operation(node) in _FILLS_LIKE:
            _fill_of_nothing(node)
        if operation(node) == "mul" and node.args[1] == 1 and not _input(node.args[0]):
            node.replace_all_uses_with(node.args[0])
        elif node.op == "call_function":
            same = first.setdefault((node.target, repr(node.args), repr(node.kwargs)), node)
            if same is not node:
                node.replace_all_uses_with(same)


def _fill_of_nothing(node: fx.Node) -> None:
    """Has a tensor filled with a number, such as the gradient of what has no part, not need the one that it is like."""
    value, fill = node.meta["val"], _FILLS_LIKE[operation(node)]
    node.args = (list(value.shape), node.args[1] if fill is None else fill)
    node.kwargs = {"dtype": value.dtype, "device": value.device}
    node.target = torch.ops.aten.full.default


def _in_place(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _functional(node: fx.Node) -> Any:
    """The operation that gives what this one would leave behind in place; None if torch has none."""
    same = getattr(torch.ops.aten, operation(node).rstrip("_"), None)
    return getattr(same, getattr(node.target, "_overloadname", "default"), None)


def _replaceable(node: fx.Node) -> bool:
    """Whether nobody else can see the change."""
    into = node.args[0]
    assert isinstance(into, fx.Node)
    seen = any(operation(user) == "getitem" or _is_view(user) for user in (into, *into.users))
    return not seen and into.op != "placeholder" and _functional(node) is not None


def _replace_in_place(node: fx.Node, name: str) -> None:
    """Has an operation give what it would leave behind in place, where nobody else can see the change."""
    if not _replaceable(node):
        raise CaptureError(f"{name} changes in place what it was given ({where(node)})")
    node.target = _functional(node)


def _is_view(node: fx.Node) -> bool:
    """Whether what a node makes shares memory with what it is given, by what its schema says."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    return any(made.alias_info and not made.alias_info.is_write for made in node.target._schema.returns)


def _input(node: fx.Node) -> bool:
    return node.op == "placeholder" and node.meta["val"].shape[0] == ROWS


def operation(node: fx.Node) -> str:
    """The name of a node's operation, without its overload."""
    if isinstance(node.target, torch._ops.OpOverload):
        return str(node.target.overloadpacket.__name__)
    return str(getattr(node.target, "__name__", node.target))


@cache
def _decompositions() -> dict[Any, Callable[..., Any]]:
    names = {op: str(op).removeprefix("aten.").split(".")[0] for op in decomposition_table}
    more = {op: rule for op, rule in decomposition_table.items() if names[op] in DECOMPOSED.keys() | ALSO_DECOMPOSED}
    return {**core_aten_decompositions(), **more, **EXPANDED}


def _line(error: Exception) -> str:
    """The innermost line outside torch and this engine that an error went through."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if "/torch/" not in f.filename and f.filename[0] != "<"
    ]
    frame = next((f for f in reversed(frames) if Path(f.filename).parent != _HERE), frames[-1])
    return f"{frame.filename}:{frame.lineno}: {frame.line}"


def is_check(node: fx.Node) -> bool:
    """Whether a node makes nothing, but raises: that no matrix was singular, say."""
    return node.op == "call_function" and "val" not in node.meta


def where(node: fx.Node) -> str:
    """The line of the user's code that made a node, as ``file:line: code``; says so when it is not known."""
    frames = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', node.stack_trace or "")
    inner = [frame for frame in frames if Path(frame[0]).parent != _HERE]
    if not inner:
        return "in the gradient of the step"
    file, line, _ = next((f for f in reversed(inner) if "/torch/" not in f[0]), inner[-1])
    return f"{file}:{line}: {linecache.getline(file, int(line)).strip()}"
