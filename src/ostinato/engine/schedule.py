"""Stage 3, schedule: what runs inside the loop over time, and what leaves it as one operation over all steps.

A pass (forward, or backward, which is a loop too: the other way) has three parts. *Early*: multiplications that do not
need the carried state, such as the input's, done for all steps at once before the loop. The *loop*: what the carried
state needs. *Late*: multiplications and sums over rows that the carried state does not need, such as the gradients of
the weights, done for all steps at once after the loop.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import fx

from ostinato.engine.capture import CaptureError, where
from ostinato.engine.graph import StepGraph
from ostinato.engine.stage import Stage, frontier
from ostinato.engine.values import Ref, Value


@dataclass(frozen=True, eq=False)
class Loop:
    """One step as the compiled code runs it.

    Attributes:
        carried: What is carried from step to step: each value before the step, and the reference to it after.
        given: Row values that stand ready for every step, in memory.
        previous: States before each step of the forward pass, which are those after the step before it.
        constants: Values made of the parameters alone.
        values: What each step computes, operands first.
        streams: Those of the values, or values given, that are written out at every step.
        sums: Values that are added up over all rows and steps: gradients of biases and the like.
    """

    carried: tuple[tuple[Value, Ref], ...]
    given: tuple[Value, ...]
    previous: tuple[Value, ...]
    constants: tuple[Value, ...]
    values: tuple[Value, ...]
    streams: tuple[Value, ...]
    sums: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class Pass:
    """The forward or the backward pass of a scan.

    Attributes:
        early: Makes what the loop takes and can be had before it.
        loop: The loop.
        sums: The nodes that are sums over all rows, and what they add up inside the loop.
        results: The nodes of the results.
        ready: The nodes that results made after the loop can be made of.
        kept: Which of what is carried the loop carries.
        detached: The others, which need no loop: they are what was made a step before.
        shifted: Makes those of the latter that are neither ready nor made in another stage.
    """

    early: Stage
    loop: Loop
    sums: dict[fx.Node, Value]
    results: tuple[fx.Node, ...]
    ready: frozenset[fx.Node]
    kept: tuple[int, ...]
    detached: dict[Value, int]
    shifted: dict[fx.Node, Stage]

    def late(self, results: Iterable[fx.Node]) -> Stage:
        """What makes these results after the loop."""
        return Stage(results, self.ready)

    def __str__(self) -> str:
        loop = self.loop
        lines = ["early:", str(self.early), "", "every step:"]
        lines += [f"  given    {', '.join(map(repr, loop.given))}"]
        lines += [f"  previous {', '.join(map(repr, loop.previous))}"]
        lines += [f"  {value!r:<12} {value.kind}: {value.op}" for value in loop.values]
        lines += [f"  written  {', '.join(map(repr, loop.streams))}"]
        lines += [f"  added up {', '.join(map(repr, loop.sums))}"]
        lines += [f"  carried  {', '.join(f'{before!r} <- {after.value!r}' for before, after in loop.carried)}"]
        return "\n".join([*lines, "", "late:", str(self.late(self.results))])


@dataclass(frozen=True, eq=False)
class Schedule:
    """Both passes of a scan.

    Attributes:
        graph: The step.
        forward: The pass without anything saved, for inference.
        training: The forward pass that also writes what the backward pass takes.
        backward: The backward pass.
        saved: Values of the forward pass that are kept for the backward pass.
        traced: Which tensors of the state are kept of every step.
    """

    graph: StepGraph
    forward: Pass
    training: Pass
    backward: Pass
    saved: tuple[Value, ...]
    traced: tuple[int, ...]


def build_schedule(graph: StepGraph) -> Schedule:
    """Divides a step's graph into what runs inside the loops and what runs outside.

    Raises:
        CaptureError: If an operation that cannot run inside the loop is needed there.
    """
    states = len(graph.capture.state)
    x, state, gy, gradients = _split(graph.inputs, states)
    y, new = graph.outputs[0], graph.outputs[1 : 1 + states]
    before = graph.outputs[-states:] if states else []
    others = graph.outputs[1 + states : len(graph.outputs) - states]
    saved, traced = _choose_saved(graph, state, [y, *new])
    kept = [graph.refs[new[k]].value for k in traced]
    free = [y] if graph.refs[y].whole else []
    forward = _Division(graph, [x], state, new).divide([y], [])
    training = _Division(graph, [x], state, new).divide([y], [*kept, *saved])
    ready = [x, *free, *state, gy, *(value.node for value in (*kept, *saved))]
    backward = _Division(graph, ready, gradients, before, state).divide(others, [])
    return Schedule(graph, forward, training, backward, saved, traced)


def all_inside(graph: StepGraph) -> Pass:
    """A forward pass in which even what could leave the loop stays: for scans too short to gain by it.

    Raises:
        CaptureError: If an operation that cannot run inside the loop is needed there.
    """
    states = len(graph.capture.state)
    x, state, *_ = _split(graph.inputs, states)
    return _Division(graph, [x], state, graph.outputs[1 : 1 + states], hoist=False).divide(graph.outputs[:1], [])


def _split(inputs: list[fx.Node], states: int) -> tuple[fx.Node, list[fx.Node], fx.Node, list[fx.Node]]:
    return inputs[0], inputs[1 : 1 + states], inputs[1 + states], inputs[2 + states :]


class _Division:
    """Where each value of one pass is made."""

    def __init__(
        self,
        graph: StepGraph,
        ready: list[fx.Node],
        carried: list[fx.Node],
        new: list[fx.Node],
        previous: Sequence[fx.Node] = (),
        hoist: bool = True,
    ) -> None:
        self.hoist = hoist
        self.graph = graph
        self.ready = {graph.refs[node].value for node in ready}
        self.previous = tuple(graph.refs[node].value for node in previous)
        self.carried = [graph.refs[node].value for node in carried]
        self.nodes = [graph.refs[node].value.node for node in new]  # the same but for the names of views
        self.new = [graph.refs[node] for node in new]
        self.place: dict[Value, str] = {}
        self.delays: set[int] = set()
        self.echoes: set[int] = set()
        self.kept: tuple[int, ...] = ()

    def divide(self, results: list[fx.Node], written: list[Value]) -> Pass:
        graph = self.graph
        operands = {value: self._operands(value) for value in graph.values}
        self._detach(operands)
        feeding = self._ancestors((self.new[k].value for k in self.kept), operands)
        needs_carried = {value for k, value in enumerate(self.carried) if k not in self.delays}
        late_known = {self.carried[k] for k in self.echoes}
        heavy_nodes = {self.new[k].value.node for k in self.delays}
        for value in graph.values:
            if value in self.ready or value in needs_carried or value.kind in ("constant", "input"):
                continue
            from_carried = any(operand in needs_carried for operand in operands[value])
            if from_carried:
                needs_carried.add(value)
            heavy = self.hoist and value.kind in ("matmul", "outside")
            useful = value.batch is not None or value in feeding
            if not from_carried and useful and (heavy or value.node in heavy_nodes):
                self.place[value] = "early"
                heavy_nodes.add(value.node)
            elif value not in feeding and (
                heavy or any(self.place.get(o) == "late" or o in late_known for o in operands[value])
            ):
                self.place[value] = "late"
            else:
                self.place[value] = "loop"
        return self._pass(results, written)

    def _detach(self, operands: Mapping[Value, list[Value]]) -> None:
        """Finds what is carried and needs no loop.

        A *delay* is carried to what is made of no other carried value, such as the input of the step before: all of its
        values are known early. An *echo* is needed by no other carried value, as the gradient of a delay: all of them
        are wanted late.
        """
        count = range(len(self.carried)) if self.hoist else range(0)
        needs = [self._ancestors([self.new[k].value], operands) for k in count]
        needed = [{j for j in count if self.carried[j] in needs[k]} for k in count]
        delays: set[int] = set()
        while more := {k for k in count if needed[k] <= delays} - delays:
            delays |= more
        echoes: set[int] = set()
        while more := {k for k in count if all(j in echoes for j in count if k in needed[j])} - delays - echoes:
            echoes |= more
        if len(delays | echoes) < len(self.carried):  # else the loop would carry nothing
            self.delays, self.echoes = delays, echoes
        self.kept = tuple(k for k in range(len(self.carried)) if k not in self.delays | self.echoes)

    def _operands(self, value: Value) -> list[Value]:
        if value.kind == "outside":
            return [self._of(node) for node in value.node.all_input_nodes]
        return [ref.value for ref in value.refs]

    def _of(self, node: fx.Node) -> Value:
        ref = self.graph.refs.get(node)
        return ref.value if ref else next(v for v in self.graph.values if v.node is node)

    def _ancestors(self, values: Iterable[Value], operands: Mapping[Value, list[Value]]) -> set[Value]:
        found: set[Value] = set()
        stack = list(values)
        while stack:
            value = stack.pop()
            if value not in found and value not in self.ready:
                found.add(value)
                stack += operands[value]
        return found

    def _pass(self, results: list[fx.Node], written: list[Value]) -> Pass:
        made = {v.node for v, p in self.place.items() if p in ("loop", "early") and self.graph.primary(v)}
        delayed = {self.carried[k].node for k in self.delays}
        start = frozenset({v.node for v in self.ready} | set(self.graph.parameters) | delayed)
        sums = self._sums()
        ready = start | made | sums.keys() | {v.node for v in self.carried}
        echoed = [self.nodes[k] for k in sorted(self.echoes)]
        late = [v.node for v in written if self.place.get(v) == "late"]
        reached = sorted(frontier([*results, *echoed, *late], ready), key=lambda node: node.name)
        sums = {node: sums[node] for node in reached if node in sums}
        wanted = [self._of(node) for node in reached if node not in sums]
        looped = [(self.carried[k], self.new[k]) for k in self.kept]
        before = [value for value, _ in looped]
        streams = [v for v in dict.fromkeys([*wanted, *written]) if self.place.get(v) == "loop" or v in before]
        added = tuple(dict.fromkeys(sums.values()))
        after = [ref.value for _, ref in looped]
        inside = self._ancestors([*streams, *added, *after], self._inside_operands())
        values = tuple(v for v in self.graph.values if v in inside and self.place.get(v) == "loop")
        for value in values:
            if value.kind == "outside":
                raise CaptureError(
                    f"{self.graph.capture.cell}: {value.op} cannot run inside the loop ({where(value.node)})"
                )
        read = dict.fromkeys(ref.value for v in values for ref in v.refs)
        read |= dict.fromkeys(after)
        outside = [v for v in read if v not in values and v not in before]
        constants = [v for v in outside if v.kind == "constant"]
        given = [v for v in outside if v.kind != "constant" and v not in self.previous]
        early = [v for v in dict.fromkeys([*given, *wanted, *written]) if self.place.get(v) == "early"]
        loop = Loop(
            tuple(looped),
            tuple(given),
            tuple(v for v in self.previous if v in outside),
            tuple(constants),
            values,
            tuple(streams),
            added,
        )
        return Pass(
            Stage((v.node for v in early), start),
            loop,
            sums,
            tuple(results),
            ready,
            self.kept,
            {self.carried[k]: k for k in sorted(self.delays | self.echoes)},
            {
                self.nodes[k]: Stage([self.nodes[k]], start if k in self.delays else ready)
                for k in sorted(self.delays | self.echoes)
                if self.nodes[k] not in (start if k in self.delays else ready)
            },
        )

    def _sums(self) -> dict[fx.Node, Value]:
        """The sums over rows of what the loop computes: it can as well add it up."""
        found = {}
        for value in self.graph.values:
            node = value.node
            if value.kind == "outside" and value.op == "sum" and self.place.get(value) == "late":
                source = node.all_input_nodes[0]
                ref = self.graph.refs.get(source)
                dims = node.args[1] if len(node.args) > 1 else None
                if ref and ref.whole and dims == [ref.value.batch] and self.place.get(ref.value) == "loop":
                    found[node] = ref.value
        return found

    def _inside_operands(self) -> dict[Value, list[Value]]:
        return {v: [ref.value for ref in v.refs] if self.place.get(v) == "loop" else [] for v in self.graph.values}


def _choose_saved(
    graph: StepGraph, state: list[fx.Node], results: list[fx.Node]
) -> tuple[tuple[Value, ...], tuple[int, ...]]:
    """What the forward pass keeps for the backward pass: the least memory, and then the least work.

    A minimum cut between what each step begins with and what its gradient reads. The result of a multiplication is
    never computed twice; pointwise work is, where that saves memory, but for what a largest feature is taken of.
    """
    import networkx as nx  # what compiles nothing does without: it takes as long to import as the rest of the engine

    before = [graph.refs[node].value for node in state]
    after = [graph.refs[node] for node in results[1:]]
    read = _read_by_gradient(graph)
    traced = {k for k, value in enumerate(before) if value in read}
    # Kept in any case: the input, the output, and the states that the gradient reads.
    free = {graph.refs[graph.inputs[0]].value}
    free |= {before[k] for k in traced} | {after[k].value for k in traced if after[k].whole}
    y = graph.refs[results[0]]
    if y.whole:
        free |= {y.value} | {value for k, value in enumerate(before) if after[k].value is y.value}
    # The gradient of a largest feature looks for what is equal to it: computed again, nothing might be, by rounding.
    compared = {ref.value for v in graph.values if v.kind == "reduce" and v.op in ("amax", "amin") for ref in v.refs}
    network = nx.DiGraph()
    network.add_nodes_from(["inputs", "gradient"])
    for value in _forward_ancestors(read):
        size = {"capacity": 0 if value in free else value.size} if graph.primary(value) else {}
        network.add_edge((value, "in"), (value, "out"), **size)
        if value.kind in ("matmul", "outside", "input") or value in compared:
            network.add_edge("inputs", (value, "in"))
        for ref in value.refs:
            if ref.value.batch is not None:
                network.add_edge((ref.value, "out"), (value, "in"))
    for value in read:
        network.add_edge((value, "out"), "gradient")
    # Of several cuts of one size this is the one nearest to the gradient.
    _, (far, near) = nx.minimum_cut(network, "inputs", "gradient")
    cut = [v for v in graph.values if (v, "in") in far and (v, "out") in near]
    traced |= {before.index(v) for v in cut if v in before}
    kept = {before[k] for k in traced} | {after[k].value for k in traced}
    x = graph.refs[graph.inputs[0]].value
    saved = tuple(v for v in cut if v not in kept and v not in before and v is not x)
    return saved, tuple(sorted(traced))


def _read_by_gradient(graph: StepGraph) -> set[Value]:
    """The row values of the forward pass that those of the backward pass are made of.

    Gradients of what is cut off need none: they are zeros, and what is made of zeros and of the forward pass.
    """
    results = graph.outputs[1 + len(graph.capture.state) :]
    made = graph.with_gradient | {v for v in graph.values if v.kind == "outside" and v.batch is None}
    read = {ref.value for value in made for ref in value.refs} | {graph.refs[node].value for node in results}
    for value in made:
        if value.kind == "outside":
            read |= {graph.refs[node].value for node in value.node.all_input_nodes if node in graph.refs}
    return {value for value in read - graph.with_gradient if value.batch is not None}


def _forward_ancestors(values: Iterable[Value]) -> set[Value]:
    found: set[Value] = set()
    stack = list(values)
    while stack:
        value = stack.pop()
        if value not in found:
            found.add(value)
            stack += [ref.value for ref in value.refs if ref.value.batch is not None]
    return found
