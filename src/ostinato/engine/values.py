"""The typed values of a step's graph: one row of features each.

A row value is a vector of features for every row of the batch, stored without gaps. Views (slices, permutations, heads)
are references to values with an offset and strides, as in torch. Booleans are 0 and 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from torch import fx

from ostinato.engine.lazy import lazy

Kind = Literal["input", "constant", "pointwise", "reduce", "matmul", "cat", "outside"]


@dataclass(frozen=True, eq=False)
class Value:
    """One value of a step.

    Attributes:
        node: The operation of the captured graph that makes it.
        kind: "input" (x, state, gradient), "constant" (made of parameters alone), "pointwise", "reduce" (over the
            features of a row), "matmul" (by a constant matrix, one for each head), "cat" (along the features), or
            "outside" (anything else: it cannot run inside the loop).
        op: Name of a pointwise operation or reduction, the dimension of a cat.
        operands: What it is made of: references, and numbers for pointwise operations. A matmul's are the rows and the
            constant, a cat's its pieces in order.
        shape: Features of one row; for a constant or a parameter's gradient, the whole shape.
        batch: Which dimension of the node's shape counts the rows; None for what has no rows.
    """

    node: fx.Node
    kind: Kind
    op: str
    operands: tuple["Ref | float", ...]
    shape: tuple[int, ...]
    batch: int | None

    @property
    def size(self) -> int:
        """Features of one row."""
        return prod(self.shape)

    @property
    def refs(self) -> Iterator["Ref"]:
        """The operands that are values."""
        return (operand for operand in self.operands if isinstance(operand, Ref))

    def __repr__(self) -> str:
        return self.node.name


@dataclass(frozen=True)
class Ref:
    """A view of a value: element ``i, j, ..`` is ``offset + i * strides[0] + j * strides[1] ..``."""

    value: Value
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @lazy
    def whole(self) -> bool:
        """Whether this is all of the value, in order."""
        return self.offset == 0 and prod(self.shape) == self.value.size and self.dense

    @lazy
    def dense(self) -> bool:
        """Whether the elements lie without gaps, in order."""
        return self.strides == contiguous(self.shape) or _squeezed(self) == ((prod(self.shape),), (1,))


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of features that lie in order, without gaps."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def _squeezed(ref: Ref) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape and strides with the dimensions joined that can be joined."""
    joined: list[tuple[int, int]] = []
    for size, stride in zip(ref.shape, ref.strides, strict=True):
        if size == 1:
            continue
        if joined and joined[-1][1] == size * stride:
            joined[-1] = (joined[-1][0] * size, stride)
        else:
            joined.append((size, stride))
    return tuple(size for size, _ in joined), tuple(stride for _, stride in joined)


def all_of(value: Value) -> Ref:
    """The reference to all of a value."""
    return Ref(value, 0, value.shape, contiguous(value.shape))
