"""Stage 2, graph: a captured step as typed values."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor, fx

from ostinato.engine.capture import VIEWS, Capture, is_check, operation
from ostinato.engine.independence import refuse_mixed_rows
from ostinato.engine.operations import POINTWISE, REDUCTIONS
from ostinato.engine.precision import is_rounded, keeps_numbers, number, refusal
from ostinato.engine.values import Kind, Ref, Value, all_of, contiguous
from ostinato.engine.views import (
    feature_dimension,
    grouped,
    has_plain_rows,
    layout_of,
    narrowed,
    row_dimension,
    segments,
    within,
    without_rows,
)

_SAME = {"clone", "_to_copy", "contiguous", "positive"}
_FILLS = {"full": None, "zeros": 0.0, "ones": 1.0}
_OF_TRUTHS = {"add": "logical_or", "mul": "logical_and"}
_OF_BITS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "ne", "bitwise_not": "logical_not"}


@dataclass(frozen=True, eq=False)
class StepGraph:
    """Every value of a captured step.

    Attributes:
        capture: What was captured.
        refs: The reference that each node of the captured graph stands for.
        values: All values, operands before what uses them.
        with_gradient: The values that depend on a gradient: those of the backward pass.
    """

    capture: Capture
    refs: dict[fx.Node, Ref]
    values: list[Value]
    with_gradient: set[Value]

    @property
    def inputs(self) -> list[fx.Node]:
        """The placeholders of rows: x, state, gradient of y, gradients of the new state."""
        return self._placeholders[len(self.capture.parameters) :]

    @property
    def parameters(self) -> list[fx.Node]:
        """The placeholders of parameters and buffers."""
        return self._placeholders[: len(self.capture.parameters)]

    @property
    def _placeholders(self) -> list[fx.Node]:
        return [node for node in self.capture.graph.nodes if node.op == "placeholder"]

    @property
    def outputs(self) -> list[fx.Node]:
        """The outputs of the captured graph, in its order."""
        return list(self.capture.graph.output_node().args[0])  # type: ignore[arg-type]

    def primary(self, value: Value) -> bool:
        """Whether this is what its node stands for, and not a part on the way to it."""
        ref = self.refs.get(value.node)
        return ref is not None and ref.value is value

    def __str__(self) -> str:
        lines = []
        for value in self.values:
            operands = ", ".join(_shown(operand) for operand in value.operands)
            lines.append(f"{value!r:<16} {'x'.join(map(str, value.shape)):<9} {value.kind}: {value.op}({operands})")
        return "\n".join(lines)


def _shown(operand: Ref | float) -> str:
    if not isinstance(operand, Ref):
        return repr(operand)
    if operand.whole:
        return repr(operand.value)
    return f"{operand.value!r}[{operand.offset}: {operand.shape} by {operand.strides}]"


def build_graph(capture: Capture) -> StepGraph:
    """The typed graph of a captured step."""
    refuse_mixed_rows(capture)
    return _Builder(capture).graph()


class _Builder:
    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.values: list[Value] = []
        self.with_gradient: set[Value] = set()
        self.layouts: dict[fx.Node, tuple[Value, Any]] = {}
        """For each node its value, and a meta tensor (or several) laid out as the node lies in the value's storage."""

    def graph(self) -> StepGraph:
        first_gradient = len(self.capture.parameters) + 1 + len(self.capture.state)
        placeholders = 0
        for node in self.capture.graph.nodes:
            if node.op == "placeholder":
                value = self._new(node, "input" if row_dimension(node) is not None else "constant", node.name, ())
                if placeholders >= first_gradient:
                    self.with_gradient.add(value)
                placeholders += 1
            elif node.op == "call_function" and not is_check(node):
                self._add(node)
        outputs: Any = self.capture.graph.output_node().args[0]
        states = len(self.capture.state)
        for node in (*outputs[: 1 + states], *outputs[len(outputs) - states :]):
            self._own_output(node)
        refs = {n: self._ref(n) for n, (_, layout) in self.layouts.items() if isinstance(layout, Tensor)}
        return StepGraph(self.capture, refs, self.values, self.with_gradient)

    def _own_output(self, node: fx.Node) -> None:
        """Makes y, a new state or its gradient a value of its own where it is a view of something else."""
        if node.op == "call_function" and isinstance(self.layouts[node][1], Tensor):
            ref = self._ref(node)
            if not ref.whole or ref.value.kind in ("input", "constant"):
                value = self._part(node, ref, ref.shape)
                self.layouts[node] = (value, layout_of(value.shape, value.batch))

    def _new(self, node: fx.Node, kind: Kind, op: str, operands: tuple[Ref | float, ...]) -> Value:
        """The value that a node makes."""
        batch = row_dimension(node)
        value = self._value(Value(node, kind, op, operands, self._features(node), batch))
        self.layouts[node] = (value, layout_of(value.shape, batch))
        return value

    def _part(self, node: fx.Node, operand: Ref | float, shape: tuple[int, ...]) -> Value:
        """A value that is needed on the way to a node's: a copy, or zeros."""
        return self._value(Value(node, "pointwise", "copy", (operand,), shape, row_dimension(node)))

    def _inner(self, node: fx.Node, op: str, operands: Iterable[Ref | float]) -> Value:
        """A pointwise value on the way to a node's, of the node's shape."""
        return Value(node, "pointwise", op, tuple(operands), self._features(node), row_dimension(node))

    def _value(self, value: Value) -> Value:
        node, kind = value.node, value.kind
        self.values.append(value)
        used = {ref.value for ref in value.refs}
        used |= {self.layouts[n][0] for n in node.all_input_nodes if kind in ("outside", "constant")}
        if used & self.with_gradient:
            self.with_gradient.add(value)
        return value

    def _features(self, node: fx.Node) -> tuple[int, ...]:
        if not isinstance(node.meta["val"], Tensor):
            return ()
        return tuple(size for i, size in enumerate(node.meta["val"].shape) if i != row_dimension(node))

    def _add(self, node: fx.Node) -> None:
        name = operation(node)
        if name == "getitem":
            value, layouts = self.layouts[node.args[0]]  # type: ignore[index]
            # Of an operation with several results that is no view, each result is a value of its own.
            if value.kind == "constant":
                self._new(node, "constant", name, ())
            elif isinstance(layouts, Tensor):
                self._new(node, "outside", operation(node.args[0]), ())  # type: ignore[arg-type]
            else:
                self._seen(node, value, layouts[node.args[1]])
        elif all(self.layouts[n][0].kind == "constant" for n in node.all_input_nodes) and row_dimension(node) is None:
            self._new(node, "constant", name, ())
        elif not has_plain_rows(node) or any(self._is_outside(n) for n in node.all_input_nodes):
            self._other(node)
        elif name in VIEWS:
            self._view(node)
        elif name in _SAME and self._keeps_type(node):
            self._same(node)
        elif name in _FILLS:
            fill: Any = node.args[1] if _FILLS[name] is None else _FILLS[name]
            self._new(node, "pointwise", "copy", (number(fill, node),))
        elif why := refusal(node, self.capture.dtype):
            self._new(node, "outside", f"{name} {why}", ())
        elif rule := getattr(self, f"op_{name}", None):
            rule(node)
        elif (name in POINTWISE and not node.kwargs) or (name in _OF_BITS and node.meta["val"].dtype == torch.bool):
            self._pointwise(node, name, *node.args)
        elif name in REDUCTIONS:
            self._reduce(node, name)
        else:
            self._other(node)
        made, _ = self.layouts[node]
        if made.kind in ("pointwise", "cat") and is_rounded(node, self.capture.dtype):
            self._then(node, "single", made)

    def _other(self, node: fx.Node) -> None:
        self._new(node, "outside", operation(node), ())

    def _is_outside(self, node: fx.Node) -> bool:
        value = self.layouts[node][0]
        return value.kind == "outside" and (value.batch is None or not has_plain_rows(node))

    def _keeps_type(self, node: fx.Node) -> bool:
        before: Any = node.args[0]
        return keeps_numbers(before.meta["val"].dtype, node.meta["val"].dtype, self.capture.dtype)

    def _same(self, node: fx.Node) -> None:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        ref = self._ref(source)
        if ref.whole:
            self.layouts[node] = self.layouts[source]
        else:  # features put in order
            self._new(node, "pointwise", "copy", (ref,))

    def _view(self, node: fx.Node) -> None:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        value, layout = self.layouts[source]
        try:
            self._seen(node, value, node.target(layout, *node.args[1:], **node.kwargs))  # type: ignore[operator]
        except RuntimeError:  # features that do not lie so that they could be seen in this shape
            self._other(node)

    def _seen(self, node: fx.Node, value: Value, layout: Any) -> None:
        """Notes a view. A part of what a step computes is a value: it can be kept without the rest."""
        self.layouts[node] = (value, layout)
        if isinstance(layout, Tensor) and value.kind not in ("input", "constant"):
            ref = self._ref(node)
            if prod(ref.shape) < value.size:
                self._new(node, "pointwise", "copy", (ref,))

    def _ref(self, node: fx.Node) -> Ref:
        value, layout = self.layouts[node]
        return without_rows(value, layout, row_dimension(node))

    def _operand(self, argument: Any, like: fx.Node) -> Ref | float:
        """An argument of a pointwise operation, broadcast to the shape of its result."""
        if not isinstance(argument, fx.Node):
            return number(argument, like)
        value, layout = self.layouts[argument]
        return without_rows(value, layout.expand(like.meta["val"].shape), row_dimension(like))

    def _pointwise(self, node: fx.Node, op: str, *arguments: Any) -> Value:
        if node.meta["val"].dtype == torch.bool:
            op = _OF_TRUTHS.get(op, op)
        return self._new(node, "pointwise", _OF_BITS.get(op, op), tuple(self._operand(a, node) for a in arguments))

    def _then(self, node: fx.Node, op: str, *operands: Any) -> Value:
        """A pointwise operation on values already broadcast to the shape of `node`."""
        return self._new(node, "pointwise", op, tuple(all_of(o) if isinstance(o, Value) else o for o in operands))

    def _add_scaled(self, node: fx.Node, op: str, a: Any, b: Any) -> None:
        alpha = node.kwargs.get("alpha", 1)
        right: Any = self._operand(b, node)
        if alpha != 1:
            right = self._then(node, "mul", right, float(alpha))  # type: ignore[arg-type]
        self._then(node, op, self._operand(a, node), right)

    def op_add(self, node: fx.Node) -> None:
        joined = None if node.kwargs else self._joined(*node.args)
        if joined:
            self._new(node, "cat", "0", joined)
        elif node.meta["val"].dtype == torch.bool:
            self._pointwise(node, "add", *node.args)
        else:
            self._add_scaled(node, "add", *node.args)

    def _joined(self, a: Any, b: Any) -> tuple[Ref, ...] | None:
        """The pieces of a sum of pieces among zeros, which is how the gradient of several slices is written."""
        if not (isinstance(a, fx.Node) and isinstance(b, fx.Node) and a.meta["val"].shape == b.meta["val"].shape):
            return None
        values = [self.layouts[node][0] for node in (a, b)]
        if any(value.kind != "cat" or len(value.shape) != 1 for value in values):
            return None
        parts = [segments(value) for value in values]
        ends = sorted({end for part in parts for _, end, _ in part})
        pieces: list[Ref] = []
        for start, end in zip([0, *ends], ends, strict=False):
            over = [within(part, start, end) for part in parts]
            filled = [ref for ref in over if ref.value.operands != (0.0,)]
            if len(filled) > 1:
                return None
            pieces.append((filled or over)[0])
        return tuple(pieces)

    def op_sub(self, node: fx.Node) -> None:
        self._add_scaled(node, "sub", *node.args)

    def op_rsub(self, node: fx.Node) -> None:
        self._add_scaled(node, "sub", node.args[1], node.args[0])

    def op_div(self, node: fx.Node) -> None:
        rounding = node.kwargs.get("rounding_mode")
        if rounding == "trunc":
            quotient = self._value(self._inner(node, "div", (self._operand(a, node) for a in node.args)))
            self._then(node, "trunc", quotient)
        else:
            self._pointwise(node, "floor_divide" if rounding else "div", *node.args)

    def op_clamp(self, node: fx.Node) -> None:
        value, low, high = (*node.args, None, None)[:3]
        kept: Any = self._operand(value, node)
        if low is not None:
            kept = self._then(node, "maximum", kept, self._operand(low, node))
        if high is not None:
            self._then(node, "minimum", kept, self._operand(high, node))

    def op_clamp_min(self, node: fx.Node) -> None:
        self._pointwise(node, "maximum", *node.args)

    def op_clamp_max(self, node: fx.Node) -> None:
        self._pointwise(node, "minimum", *node.args)

    def op_pow(self, node: fx.Node) -> None:
        base, exponent = node.args
        simple = {2: "square", 0.5: "sqrt", -1: "reciprocal", -0.5: "rsqrt"}
        if isinstance(exponent, int | float) and exponent in simple:
            self._pointwise(node, simple[exponent], base)
        else:
            self._pointwise(node, "pow", base, exponent)

    def _reduce(self, node: fx.Node, op: str) -> None:
        summed = self._summed(node)
        if summed is None:
            self._other(node)
        elif prod(summed.shape) == prod(self._features(node)):  # of one feature each
            kept = self._features(node)
            strides = iter(stride for size, stride in zip(summed.shape, summed.strides, strict=True) if size != 1)
            seen = replace(summed, shape=kept, strides=tuple(0 if size == 1 else next(strides) for size in kept))
            self._new(node, "pointwise", "copy", (seen,))
        else:
            self._new(node, "reduce", op, (summed,))

    def _reduce_flags(self, node: fx.Node, op: str) -> None:
        if node.args[0].meta["val"].dtype == torch.bool:  # type: ignore[union-attr]
            self._reduce(node, op)
        else:
            self._other(node)

    def op_any(self, node: fx.Node) -> None:
        self._reduce_flags(node, "amax")

    def op_all(self, node: fx.Node) -> None:
        self._reduce_flags(node, "amin")

    def op_var(self, node: fx.Node) -> None:
        """The mean square of the distance from the mean."""
        summed = self._summed(node)
        correction: Any = node.args[2] if len(node.args) > 2 else node.kwargs.get("correction", 1)
        kept = self._features(node)
        count = 0 if summed is None else prod(summed.shape) // prod(kept)
        if summed is None or correction is None or count <= correction:  # the deviation of one number is none
            self._other(node)
            return
        mean = self._value(Value(node, "reduce", "mean", (summed,), kept, row_dimension(node)))
        outer = summed.shape[: len(summed.shape) - len(node.args[1])]  # type: ignore[arg-type]
        strides = (*contiguous(outer), *(0 for _ in summed.shape[len(outer) :]))
        far = (summed, Ref(mean, 0, summed.shape, strides))
        distance = self._value(Value(node, "pointwise", "sub", far, summed.shape, row_dimension(node)))
        square = self._value(Value(node, "pointwise", "square", (all_of(distance),), summed.shape, row_dimension(node)))
        total = self._value(Value(node, "reduce", "sum", (all_of(square),), kept, row_dimension(node)))
        self._new(node, "pointwise", "div", (all_of(total), float(count - correction)))

    def _summed(self, node: fx.Node) -> Ref | None:
        """What a reduction reads, the features that it sums last; None where it sums over rows."""
        source = node.args[0]
        assert isinstance(source, fx.Node)
        batch, rank = row_dimension(source), source.meta["val"].dim()
        given: Any = node.args[1] if len(node.args) > 1 else None
        dims = [d % rank for d in (range(rank) if not given else [given] if isinstance(given, int) else given)]
        if batch in dims:
            return None
        ref = self._ref(source)
        features = [d for d in range(rank) if d != batch]
        place = [features.index(d) for d in (*(d for d in features if d not in dims), *dims)]
        return Ref(ref.value, ref.offset, *(tuple(part[p] for p in place) for part in (ref.shape, ref.strides)))

    def op_cat(self, node: fx.Node) -> None:
        pieces: Any = node.args[0]
        dim = (node.args[1] if len(node.args) > 1 else 0) % node.meta["val"].dim()
        batch = row_dimension(node)
        if batch is None or dim == batch:
            self._other(node)
            return
        self._new(node, "cat", str(dim - (dim > batch)), tuple(self._piece(piece, batch) for piece in pieces))

    def _piece(self, piece: fx.Node, batch: int) -> Ref:
        value, layout = self.layouts[piece]
        return without_rows(value, layout, batch)

    def op_flip(self, node: fx.Node) -> None:
        """Features in the opposite order: a reference that begins at the end."""
        source, dims = node.args
        turned = [feature_dimension(node, dim) for dim in dims]  # type: ignore[union-attr, arg-type]
        ref = self._ref(source)  # type: ignore[arg-type]
        offset, strides = ref.offset, list(ref.strides)
        for place in turned:
            if place is None:
                self._other(node)
                return
            offset += (ref.shape[place] - 1) * strides[place]
            strides[place] = -strides[place]
        self._new(node, "pointwise", "copy", (Ref(ref.value, offset, ref.shape, tuple(strides)),))

    def op_copy(self, node: fx.Node) -> None:
        self._pointwise(node, "copy", node.args[1])

    def op_slice_scatter(self, node: fx.Node) -> None:
        """Features put among others: how a change through a slice is written, and among zeros its gradient."""
        defaults: list[Any] = [0, None, None, 1]
        arguments: list[Any] = [*node.args, *defaults[len(node.args) - 2 :]]
        into, piece, dim, start, end, step = arguments
        place = feature_dimension(node, dim)
        if place is None:
            self._other(node)
            return
        batch, size = row_dimension(node), self._features(node)[place]
        taken = range(*slice(start, end, step).indices(size))
        if not taken:
            self.layouts[node] = self.layouts[into]
            return
        whole, inner = self._ref(into), self._ref(piece)
        groups = len(taken) if step == 1 else min(len(taken), (size - taken.start) // step)
        after = taken.start + groups * step
        middle = [narrowed(inner, place, 0, groups)]
        if step > 1:
            between = grouped(narrowed(whole, place, taken.start + 1, groups * step), place, step)
            between = replace(between, shape=tuple(n - (d == place + 1) for d, n in enumerate(between.shape)))
            pieces = grouped(middle[0], place, 1), between
            shape = tuple(n if d != place + 1 else step for d, n in enumerate(between.shape))
            mixed = self._value(Value(node, "cat", str(place + 1), pieces, shape, batch))
            flat = (*shape[:place], groups * step, *shape[place + 2 :])
            middle = [Ref(mixed, 0, flat, contiguous(flat))]
            if groups < len(taken):
                middle.append(narrowed(inner, place, groups, 1))
                after += 1
        parts = [narrowed(whole, place, 0, taken.start), *middle, narrowed(whole, place, after, size - after)]
        parts = [part for part in parts if prod(part.shape)]
        if whole.value.operands == (0.0,):  # zeros are not read from anywhere
            zeros = [part.value is whole.value for part in parts]
            parts = [all_of(self._part(node, 0.0, p.shape)) if z else p for p, z in zip(parts, zeros, strict=True)]
        self._new(node, "cat", str(place), tuple(parts))

    def op_select_scatter(self, node: fx.Node) -> None:
        """One feature put among others."""
        arguments: list[Any] = [*node.args]
        into, piece, dim, index = arguments
        place, shape = feature_dimension(node, dim), self._features(node)
        if place is None:
            self._other(node)
            return
        whole, inner = self._ref(into), self._ref(piece)
        index %= shape[place]
        column = replace(
            inner,
            shape=(*inner.shape[:place], 1, *inner.shape[place:]),
            strides=(*inner.strides[:place], 0, *inner.strides[place:]),
        )
        parts = narrowed(whole, place, 0, index), column, narrowed(whole, place, index + 1, shape[place] - index - 1)
        self._new(node, "cat", str(place), tuple(part for part in parts if prod(part.shape)))

    def op_mm(self, node: fx.Node) -> None:
        self._product(node, *node.args)

    def op_bmm(self, node: fx.Node) -> None:
        if row_dimension(node) == 0:
            self._product_of_rows(node, *node.args)
        else:
            self._product(node, *node.args)

    def _product_of_rows(self, node: fx.Node, a: Any, b: Any) -> None:
        """A product of two matrices that every row has: it is a sum of products in one go, which lie nowhere."""
        left, right = self._ref(a), self._ref(b)
        (n, k), (_, m) = left.shape, right.shape
        factors = (
            Ref(left.value, left.offset, (n, m, k), (left.strides[0], 0, left.strides[1])),
            Ref(right.value, right.offset, (n, m, k), (0, right.strides[1], right.strides[0])),
        )
        if k == 1:
            self._new(
                node, "pointwise", "mul", tuple(replace(f, shape=f.shape[:2], strides=f.strides[:2]) for f in factors)
            )
            return
        terms = self._value(Value(node, "pointwise", "mul", factors, (n, m, k), 0))
        self._new(node, "reduce", "sum", (all_of(terms),))

    def _product(self, node: fx.Node, a: Any, b: Any) -> Value:
        """Rows by a constant matrix, in either order; with a first dimension of heads, one matrix per head."""
        rows, constant = (a, b) if self.layouts[b][0].kind == "constant" else (b, a)
        value = self.layouts[constant][0]
        alike = row_dimension(constant) is None and row_dimension(rows) == row_dimension(node)
        if value.kind != "constant" or not alike:
            return self._new(node, "outside", operation(node), ())
        ref = self._ref(rows)
        if ref.strides[-1] != 1 and ref.shape[-1] != 1:
            ref = all_of(self._part(rows, ref, ref.shape))
        matrix = Ref(value, 0, value.shape, contiguous(value.shape))
        # (W x^T)^T is x W^T
        return self._new(node, "matmul", "matmul" if constant is b else "matmul_transposed", (ref, matrix))
