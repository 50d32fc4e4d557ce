"""Between capture and graph: rows in a dimension of their own.

Much of torch joins the rows of a batch with something else: a linear map of ``(rows, slots, features)`` multiplies
``rows * slots`` rows, attention works on ``rows * heads`` matrices. Here a captured graph is run once more, with each
such dimension kept as three: what stands outside the rows, the rows, what stands inside.
"""

from collections.abc import Callable, Collection, Sequence
from math import inf, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_map_only

from ostinato.engine.expansions import IN_STEP, chosen_by


class Split(NamedTuple):
    """A tensor one of whose dimensions is kept as three.

    Attributes:
        tensor: With the three.
        at: Where they stand.
    """

    tensor: Tensor
    at: int

    @property
    def three(self) -> tuple[int, ...]:
        """Their sizes."""
        return tuple(self.tensor.shape[self.at : self.at + 3])

    @property
    def dim(self) -> int:
        """Dimensions, the three counted as one."""
        return self.tensor.dim() - 2

    def place(self, dim: int) -> int:
        """Where a dimension other than the three stands."""
        dim %= self.dim
        if dim == self.at:
            raise _Joined
        return dim if dim < self.at else dim + 2

    def joined(self) -> Tensor:
        """The tensor as torch would have it."""
        return self.tensor.flatten(self.at, self.at + 2)


class _Joined(Exception):  # noqa: N818  # not an error: there is another way
    """An operation for which the three must be one."""


def joins_rows(graph: fx.Graph, rows: int) -> bool:
    """Whether a dimension of anything in the graph is a multiple of the number of rows."""
    return any(
        isinstance(value, Tensor) and any(size > rows and size % rows == 0 for size in value.shape)
        for value in (node.meta.get("val") for node in graph.nodes)
    )


def needed_in_loop(graph: fx.Graph, weights: int, results: int) -> set[fx.Node]:
    """The nodes between what is carried, either way, and what is carried on.

    Args:
        graph: A captured graph.
        weights: How many parameters and buffers it takes.
        results: How many outputs a step has: y and the new state.
    """
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    after: set[fx.Node] = set(placeholders[weights + 1 :])
    for node in graph.nodes:
        if any(source in after for source in node.all_input_nodes):
            after.add(node)
    outputs: Any = graph.output_node().args[0]
    before: set[fx.Node] = set()
    stack = [node for node in (*outputs[1:results], *outputs[len(outputs) - results + 1 :]) if node is not None]
    while stack:
        node = stack.pop()
        if node not in before:
            before.add(node)
            stack += node.all_input_nodes
    return after & before


_SAME_NUMBERS = frozenset(["view", "unsqueeze", "squeeze", "expand", "slice", "select", "permute", "clone", "alias"])


def _name(node: fx.Node) -> str:
    return str(getattr(getattr(node.target, "overloadpacket", node.target), "__name__", ""))


def _found_among(index: Any) -> float:
    """Among how many features the step has itself found what an index says, the greatest or the next in order."""
    while _name(index) in _SAME_NUMBERS:
        index = index.args[0]
    alone = _name(index) != "getitem"
    if not alone and index.args[1] == 1:  # beside the values
        index = index.args[0]
    if _name(index) not in (["argmax", "argmin"] if alone else ["max", "min", "topk", "sort"]):
        return inf
    given = dict(zip((argument.name for argument in index.target._schema.arguments), index.args, strict=False))
    dim = (given | index.kwargs).get("dim", -1)
    return inf if dim is None else float(given["self"].meta["val"].shape[dim])


class Separation(fx.Interpreter):
    """Runs a captured graph; what it makes has rows in a dimension of their own wherever that can be.

    Args:
        module: The graph.
        rows: The number of rows, by which their dimension is recognised.
        stepwise: The nodes that a loop needs: what only torch has is written there in simpler operations. A row in
            which an index of theirs is out of range, for which torch raises and a loop cannot, is NaN in all results.
        results: How many outputs a step has: y and the new state.
    """

    def __init__(self, module: fx.GraphModule, rows: int, stepwise: Collection[fx.Node], results: int) -> None:
        super().__init__(module)
        self.rows = rows
        self.stepwise = stepwise
        self.results = results
        self.now: Any = None
        self.gradients = [node for node in module.graph.nodes if node.op == "placeholder"][-results:]
        self.outside: Tensor | None = None

    def run_node(self, n: fx.Node) -> Any:
        """One node, remembered. With the first that takes a gradient the step itself is done."""
        self.now = n
        if any(source in self.gradients for source in n.all_input_nodes):
            self.env |= {node: self._without_numbers(self.env[node]) for node in self.gradients}
            self.gradients = []
        return super().run_node(n)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One operation, by a rule for its kind where one of its operands is split."""
        rule = self._rule(target, args)
        if rule is not None:
            try:
                return rule(target, *args, **kwargs)
            except _Joined:
                pass
        args, kwargs = tree_map_only(Split, Split.joined, (args, kwargs), is_leaf=lambda x: isinstance(x, Split))
        if self.now in self.stepwise and isinstance(target, torch._ops.OpOverload):
            name = str(target.overloadpacket.__name__)
            made = IN_STEP[name](*args, **kwargs) if name in IN_STEP and self._in_range(name, args) else NotImplemented
            type_ = made.dtype if isinstance(made, Tensor) else None
            if made is not NotImplemented and type_ in (None, getattr(self.now.meta["val"], "dtype", None)):
                return made
        return super().call_function(target, args, kwargs)

    def output(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The results, joined as they were."""
        made = tree_map_only(Split, Split.joined, args[0], is_leaf=lambda x: isinstance(x, Split))
        return [*map(self._without_numbers, made[: self.results]), *made[self.results :]]

    def _without_numbers(self, result: Tensor) -> Tensor:
        """NaN for the rows in which an index was out of range."""
        return result if self.outside is None else torch.where(self.outside, torch.nan, result)

    def _in_range(self, name: str, args: tuple[Any, ...]) -> bool:
        """Whether an index is in range, or the rows in which it is not are noted."""
        chosen = chosen_by(name, args)
        if chosen is None or not self.gradients:
            return True
        index, first, end = chosen
        node, _, _ = chosen_by(name, (args[0], *self.now.args[1:]))  # type: ignore[misc]
        if _found_among(node) <= end:
            return True
        if [size for size in index.shape if size % self.rows == 0] != [self.rows]:
            return False
        outside = (index < first) | (index >= end)
        around = [dim for dim, size in enumerate(index.shape) if size != self.rows]
        outside = (outside.any(around) if around else outside).view(-1, 1)
        self.outside = outside if self.outside is None else self.outside | outside
        return True

    def _rule(self, target: Any, args: tuple[Any, ...]) -> Callable[..., Any] | None:
        name = target.overloadpacket.__name__ if isinstance(target, torch._ops.OpOverload) else ""
        flat = [arg for given in args for arg in (given if isinstance(given, list) else [given])]
        if name in _RESHAPES:
            return self._reshape
        if not any(isinstance(arg, Split) for arg in flat):
            return None
        if torch.Tag.pointwise in target.tags or name in _ALIKE:
            return self._pointwise
        return getattr(self, f"_{name}", None)

    def _reshape(self, target: Any, x: Tensor | Split, shape: Sequence[int]) -> Tensor | Split:
        own = x.tensor if isinstance(x, Split) else x
        if self.rows not in own.shape:
            raise _Joined
        shape = [own.numel() // -prod(shape) if size == -1 else size for size in shape]
        at = next((i for i, size in enumerate(shape) if size and size % self.rows == 0), None)
        if at is None:
            raise _Joined
        outer, over = divmod(prod(own.shape[: own.shape.index(self.rows)]), prod(shape[:at]))
        if over or (shape[at] // self.rows) % max(outer, 1):
            raise _Joined
        if shape[at] == self.rows:
            return own.reshape(shape)
        return Split(
            own.reshape([*shape[:at], outer, self.rows, shape[at] // self.rows // outer, *shape[at + 1 :]]), at
        )

    def _pointwise(self, target: Any, *args: Any, **kwargs: Any) -> Split:
        first = next(arg for arg in args if isinstance(arg, Split))
        dim = max(arg.dim if isinstance(arg, Split) else arg.dim() for arg in args if isinstance(arg, Split | Tensor))
        from_end = first.dim - first.at

        def alike(arg: Any) -> Any:
            if isinstance(arg, Split):
                if (arg.dim - arg.at, arg.three) != (from_end, first.three):
                    raise _Joined
                return arg.tensor
            if isinstance(arg, Tensor) and arg.dim() >= from_end:
                at = arg.dim() - from_end
                three = first.three if arg.shape[at] != 1 else (1, 1, 1)
                return arg.reshape(*arg.shape[:at], *three, *arg.shape[at + 1 :])
            return arg

        return Split(target(*map(alike, args), **kwargs), dim - from_end)

    def _permute(self, target: Any, x: Split, dims: Sequence[int]) -> Split:
        dims = [d % x.dim for d in dims]
        own = [place for d in dims for place in (range(d, d + 3) if d == x.at else [x.place(d)])]
        return Split(x.tensor.permute(own), dims.index(x.at))

    def _transpose(self, target: Any, x: Split, a: int, b: int) -> Split:
        dims = list(range(x.dim))
        dims[a], dims[b] = dims[b], dims[a]
        return self._permute(target, x, dims)

    def _t(self, target: Any, x: Split) -> Split:
        return self._permute(target, x, [1, 0])

    def _unsqueeze(self, target: Any, x: Split, dim: int) -> Split:
        dim %= x.dim + 1
        before = dim <= x.at
        return Split(x.tensor.unsqueeze(dim if before else dim + 2), x.at + before)

    def _squeeze(self, target: Any, x: Split, dims: int | Sequence[int]) -> Split:
        dims = [dims] if isinstance(dims, int) else dims
        own = [place for place in map(x.place, dims) if x.tensor.shape[place] == 1]
        return Split(x.tensor.squeeze(own), x.at - sum(place < x.at for place in own))

    def _expand(self, target: Any, x: Split, shape: Sequence[int], **_: Any) -> Split:
        at = x.at + len(shape) - x.dim
        return Split(x.tensor.expand([*shape[:at], -1, -1, -1, *shape[at + 1 :]]), at)

    def _slice(self, target: Any, x: Split, dim: int = 0, *rest: Any) -> Split:
        return Split(target(x.tensor, x.place(dim), *rest), x.at)

    def _select(self, target: Any, x: Split, dim: int, index: int) -> Split:
        place = x.place(dim)
        return Split(x.tensor.select(place, index), x.at - (place < x.at))

    def _split(self, target: Any, x: Split, sizes: Any, dim: int = 0) -> list[Split]:
        return [Split(part, x.at) for part in target(x.tensor, sizes, x.place(dim))]

    _split_with_sizes = _split

    def _cat(self, target: Any, parts: Sequence[Any], dim: int = 0) -> Split:
        first = next(part for part in parts if isinstance(part, Split))
        own = []
        for part in parts:
            if not isinstance(part, Split) or (part.at, part.three) != (first.at, first.three):
                raise _Joined
            own.append(part.tensor)
        return Split(torch.cat(own, first.place(dim)), first.at)

    def _reduced(self, target: Any, x: Split, dims: Any = None, keepdim: bool = False, **kwargs: Any) -> Split:
        if dims is None or (not isinstance(dims, int) and not dims):
            raise _Joined
        places = [x.place(d) for d in ([dims] if isinstance(dims, int) else dims)]
        return Split(
            target(x.tensor, places, keepdim, **kwargs), x.at - (0 if keepdim else sum(p < x.at for p in places))
        )

    _mean = _amax = _amin = _any = _all = _reduced

    def _sum(self, target: Any, x: Split, dims: Any = None, keepdim: bool = False, **kwargs: Any) -> Tensor | Split:
        given = [dims] if isinstance(dims, int) else dims
        if not given or x.at not in [d % x.dim for d in given]:
            return self._reduced(target, x, dims, keepdim, **kwargs)
        # First what each row has, then over the rows: a loop can add that up.
        others = [x.place(d) for d in given if d % x.dim != x.at]
        total = x.tensor.sum([*others, x.at, x.at + 2], True).sum([x.at + 1], True).flatten(x.at, x.at + 2)
        return total if keepdim else total.squeeze([d % x.dim for d in given])

    def _mm(self, target: Any, a: Any, b: Any) -> Any:
        if isinstance(a, Split) and isinstance(b, Split):
            return self._over_rows(self._unsqueeze(target, a, 0), self._unsqueeze(target, b, 0)).squeeze(0)
        if isinstance(b, Split):
            if b.at != 1:
                raise _Joined
            return self._t(target, self._mm(target, self._t(target, b), a.t()))
        if a.at != 0:
            raise _Joined
        made = self._bmm(target, Split(a.tensor.unsqueeze(0), 1), b.unsqueeze(0))
        return Split(made.tensor.squeeze(0), 0)

    def _bmm(self, target: Any, a: Any, b: Any) -> Any:
        if isinstance(a, Split) and isinstance(b, Split) and a.at == 2:
            return self._over_rows(a, b)
        if any(isinstance(x, Split) and x.at == 0 for x in (a, b)):
            return self._matrices_of_rows(a, b)
        if isinstance(b, Split):
            if isinstance(a, Split) or b.at != 2:
                raise _Joined
            made = self._bmm(target, self._transpose(target, b, 1, 2), a.transpose(1, 2))
            return self._transpose(target, made, 1, 2)
        if a.at != 1:
            raise _Joined
        # What stands around the rows is so many heads that share a matrix.
        heads, outer, rows, inner, features = a.tensor.shape
        around = heads * outer * inner
        each = a.tensor.permute(0, 1, 3, 2, 4).reshape(around, rows, features)
        by = b.unsqueeze(1).expand(heads, outer * inner, features, b.shape[2]).reshape(around, features, b.shape[2])
        made = torch.unflatten(torch.bmm(each, by), 0, (heads, outer, inner))
        return Split(made.permute(0, 1, 3, 2, 4), 1)

    def _matrices_of_rows(self, a: Any, b: Any) -> Split:
        """Products of matrices of which each row of the batch has its own."""
        three = next(x.three for x in (a, b) if isinstance(x, Split))
        left, right = (self._as(x, three) for x in (a, b))
        right = right.transpose(-1, -2)
        return Split((left.unsqueeze(-2) * right.unsqueeze(-3)).sum(-1), 0)

    def _over_rows(self, a: Split, b: Split) -> Tensor:
        """Products that add up what all rows have, as the gradient of a weight does."""
        if (a.at, b.at, a.three) != (2, 1, b.three):
            raise _Joined
        heads, m, outer, rows, inner = a.tensor.shape
        left = a.tensor.permute(0, 2, 4, 1, 3).reshape(heads * outer * inner, m, rows)
        right = b.tensor.permute(0, 1, 3, 2, 4).reshape(heads * outer * inner, rows, -1)
        return torch.unflatten(torch.bmm(left, right), 0, (heads, outer * inner)).sum(1)

    def _as(self, x: Tensor | Split, three: tuple[int, ...]) -> Tensor:
        """A tensor whose first dimension is split so."""
        if not isinstance(x, Split):
            return torch.unflatten(x, 0, three)
        if (x.at, x.three) != (0, three):
            raise _Joined
        return x.tensor


_RESHAPES = frozenset(["view", "_unsafe_view", "reshape"])
_ALIKE = frozenset(["clone", "detach", "alias", "_to_copy", "full_like", "zeros_like", "ones_like"])
