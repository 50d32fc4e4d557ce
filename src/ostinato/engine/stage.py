"""What torch runs for all steps at once: a part of a captured graph as a function."""

from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import Any

from torch import Tensor, fx

from ostinato.engine.capture import ROWS, VIEWS, is_check, operation

_TOTAL = {*VIEWS, "getitem", "mm", "bmm", "add", "sub", "rsub", "mul", "neg", "sum", "full", "clone", "_to_copy", "cat"}
_TOTAL |= {"tanh", "sigmoid", "where", "relu", "threshold_backward"}
"""Operations that make finite numbers of all that are not large."""


class Stage:
    """A part of the captured graph as a function of all rows of all steps, run by torch.

    Attributes:
        inputs: The nodes whose tensors it takes.
        outputs: The nodes whose tensors it makes.
        total: Whether it makes finite tensors of all that are not large, of zeros too.
    """

    def __init__(self, outputs: Iterable[fx.Node], ready: Iterable[fx.Node]) -> None:
        """What makes `outputs` of those of the nodes `ready` that are needed for it."""
        self.outputs = tuple(dict.fromkeys(outputs))
        self.inputs = tuple(sorted(frontier(self.outputs, frozenset(ready)), key=lambda node: node.name))
        self.total = all(operation(node) in _TOTAL for node in _between(self.inputs, self.outputs))
        # The method itself: calling the module costs more than a small multiplication.
        self._run = _extract(self.inputs, self.outputs).forward

    def __call__(self, rows: int, tensors: Mapping[fx.Node, Tensor]) -> dict[fx.Node, Tensor]:
        """The tensors of the outputs, in the shapes of the captured graph with `rows` rows."""
        made = self._run(rows, *(tensors[node] for node in self.inputs)) if self.outputs else ()
        return dict(zip(self.outputs, made, strict=True))

    def __str__(self) -> str:
        return str(_extract(self.inputs, self.outputs).code).strip() if self.outputs else "nothing"


def frontier(nodes: Iterable[fx.Node], ready: frozenset[fx.Node]) -> set[fx.Node]:
    """The nodes of `ready` that are needed to compute `nodes`."""
    found: set[fx.Node] = set()
    seen: set[fx.Node] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in ready:
            found.add(node)
        else:
            stack += node.all_input_nodes
    return found


def _extract(inputs: Sequence[fx.Node], outputs: Sequence[fx.Node]) -> fx.GraphModule:
    """The operations between two sets of nodes as a module of ``(rows, *inputs)``."""
    graph = fx.Graph()
    rows = graph.placeholder("rows")
    copied: dict[fx.Node, fx.Node] = {node: graph.placeholder(node.name) for node in inputs}
    needed = _between(inputs, outputs)

    def resized(argument: Any) -> Any:
        if isinstance(argument, int) and argument and argument % ROWS == 0 and not isinstance(argument, bool):
            return rows if argument == ROWS else graph.call_function(mul, (rows, argument // ROWS))
        return argument

    for node in needed:
        copied[node] = copy = graph.node_copy(node, lambda n: copied[n])
        with graph.inserting_before(copy):
            copy.args, copy.kwargs = fx.node.map_aggregate((copy.args, copy.kwargs), resized)
    graph.output(tuple(copied[node] for node in outputs))
    return fx.GraphModule({}, graph)


def _between(inputs: Sequence[fx.Node], outputs: Sequence[fx.Node]) -> list[fx.Node]:
    """The nodes that make `outputs` from `inputs`, in order."""
    wanted: set[fx.Node] = set()
    stack = [node for node in outputs if node not in inputs]
    while stack:
        node = stack.pop()
        if node not in wanted:
            wanted.add(node)
            stack += [n for n in node.all_input_nodes if n not in inputs]
    if not wanted:
        return []
    nodes = list(outputs[0].graph.nodes)
    for node in nodes:
        if is_check(node):  # of a second result of an operation, which nobody else reads
            (info,) = node.all_input_nodes
            wanted |= {node, info} if info.all_input_nodes[0] in wanted else set()
    return [node for node in nodes if node in wanted]
