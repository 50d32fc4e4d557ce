"""Stage 4, first half: the order of one step's work as loop nests over features, and where each value lives."""

from collections import defaultdict
from dataclasses import dataclass, field
from math import prod
from typing import Literal, NamedTuple

from ostinato.engine.schedule import Loop
from ostinato.engine.values import Ref, Value, all_of, contiguous

Array = Literal["given", "previous", "carry", "next", "stream", "scratch", "constant", "sum"]


class Place(NamedTuple):
    """Where a value lies in memory: the array's kind and number, the first feature in it, and how far others lie apart.

    Strides are given for what is written between other pieces; else the features lie in order.
    """

    array: Array
    number: int
    offset: int = 0
    strides: tuple[int, ...] | None = None


@dataclass(eq=False)
class Nest:
    """A loop nest over the features of one row and the values it computes, in order; dimensions of size 1 left out."""

    shape: tuple[int, ...]
    values: list[Value] = field(default_factory=list)


class Step:
    """How one step is computed: pointwise stages of loop nests, multiplications between them, places in memory.

    Attributes:
        loop: The step as it was scheduled.
        constants: Those of the loop's that are read feature by feature; the others are matrices.
        carried: What is carried: the value before the step, and after it.
        stages: The pointwise stages.
        products: The multiplications after each pointwise stage but the last.
        places: Where a value is read from by other nests, stages and steps.
        stores: Where a value is written when it is computed.
        inlined: Values that are computed wherever they are read: nobody reads them whole.
        scratch: Sizes of the arrays of the workspace.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        read = {ref.value for value in loop.values if value.kind != "matmul" for ref in value.refs}
        read |= {after.value for _, after in loop.carried}
        self.constants = [value for value in loop.constants if value in read]
        self.values: list[Value] = []
        self.places: dict[Value, Place] = {}
        self.stores: dict[Value, list[Place]] = defaultdict(list)
        self.scratch: list[int] = []
        self._place_inputs()
        streams = {value: Place("stream", i) for i, value in enumerate(loop.streams)}
        sums = {value: Place("sum", i) for i, value in enumerate(loop.sums)}
        for value in loop.values:
            if value.kind == "cat":
                self._place_cat(value, streams.get(value), sums.get(value))
            self.values.append(value)
            if value.kind == "matmul":
                self.places[value] = self._new_scratch(value.size)
        for value, place in (*streams.items(), *sums.items()):
            if value.kind != "cat":
                self._store(all_of(value), place)
        self.carried = [(before, after.value) for before, after in loop.carried]
        for k, (_, after) in enumerate(loop.carried):
            self._store(after, Place("next", k))
        for value in self.values:
            if value.kind == "matmul":
                self._keep(next(value.refs).value)
        self._uses = self._find_uses()
        self.inlined = self._find_inlined()
        self.level = self._find_levels()
        self.stages, self.nest = self._find_nests()
        self.products = [
            [v for v in self.values if v.kind == "matmul" and self.level[v] == stage + 1]
            for stage in range(len(self.stages) - 1)
        ]
        self._place_shared()

    def _place_inputs(self) -> None:
        for i, value in enumerate(self.loop.given):
            self.places[value] = Place("given", i)
        for i, value in enumerate(self.loop.previous):
            self.places[value] = Place("previous", i)
        for i, value in enumerate(self.constants):
            self.places[value] = Place("constant", i)
        for i, (value, _) in enumerate(self.loop.carried):
            self.places[value] = Place("carry", i)

    def _new_scratch(self, size: int) -> Place:
        self.scratch.append(size)
        return Place("scratch", len(self.scratch) - 1)

    def _place_cat(self, cat: Value, stream: Place | None, total: Place | None) -> None:
        """A concatenation is no work: its pieces are written side by side when they are computed."""
        place = self.places[cat] = stream or self._new_scratch(cat.size)
        dim, offset, strides = int(cat.op), 0, contiguous(cat.shape)
        for piece in cat.refs:
            kept = tuple(stride for size, stride in zip(piece.shape, strides, strict=True) if size != 1)
            for target in (place, total) if total else (place,):
                self._store(piece, target._replace(offset=offset, strides=kept if dim else None))
            offset += piece.shape[dim] * strides[dim]

    def _store(self, ref: Ref, place: Place) -> None:
        """Has what a reference stands for written to one more place, through a copy if it is not computed here."""
        value = ref.value
        alike = place.strides is None or squeezed(ref.shape) == squeezed(value.shape)
        if not (alike and ref.whole and value.kind == "pointwise" and value in self.values):
            value = Value(value.node, "pointwise", "copy", (ref,), ref.shape, value.batch)
            self.values.append(value)
        self.stores[value].append(place)

    def _keep(self, value: Value) -> Place:
        """Where a value can be read from memory; it is written there when it is computed."""
        if value not in self.places:
            readable = [p for p in self.stores[value] if p.strides is None and p.array != "sum"]
            if not readable:
                readable = [self._new_scratch(value.size)]
                self.stores[value] += readable
            self.places[value] = readable[0]
        return self.places[value]

    def _find_uses(self) -> dict[Value, list[tuple[Value, Ref]]]:
        uses: dict[Value, list[tuple[Value, Ref]]] = defaultdict(list)
        for value in self.values:
            if value.kind in ("pointwise", "reduce"):
                for ref in value.refs:
                    uses[ref.value].append((value, ref))
        return uses

    def _find_inlined(self) -> set[Value]:
        """Values that are only read piece by piece, each piece once: a sum of gates, say, that is split into gates."""
        inlined: set[Value] = set()
        read: dict[Value, float] = {}
        for value in reversed(self.values):
            uses = self._uses[value]
            if value.kind != "pointwise" or value in self.stores or not uses or len(squeezed(value.shape)) != 1:
                continue
            parts = all(user in inlined or prod(ref.shape) < value.size for user, ref in uses)
            sizes = (prod(r.shape) * (read[u] / u.size if u in inlined else 1) for u, r in uses)
            read[value] = sum(sizes)
            if parts and read[value] <= value.size:
                inlined.add(value)
        return inlined

    def reads(self, value: Value) -> list[tuple[Value, bool]]:
        """What is read to compute a value, looking through what is inlined; and whether feature by feature."""
        found: list[tuple[Value, bool]] = []
        for ref in value.refs:
            if ref.value in self.inlined:
                found += [(source, False) for source, _ in self.reads(ref.value)]
            else:
                found.append((ref.value, ref.whole and squeezed(ref.shape) == squeezed(ref.value.shape)))
        return found

    def _find_levels(self) -> dict[Value, int]:
        """The stage in which each value can be read: one more after each multiplication."""
        level: dict[Value, int] = defaultdict(int)
        for value in self.values:
            if value.kind == "cat":
                level[value] = max(level[writer] for writer in self._writers(value))
            else:
                below = max((level[source] for source, _ in self.reads(value)), default=0)
                level[value] = below + (value.kind == "matmul")
        # What only inputs and what nobody else reads make is computed where it is wanted, not earlier.
        for value in reversed(self.values):
            users = [user for user, _ in self._uses[value] if user not in self.inlined]
            movable = value.kind == "pointwise" and value not in self.stores and users and value not in self.inlined
            if movable and all(
                source not in self.values or len(self._uses[source]) == 1 for source, _ in self.reads(value)
            ):
                level[value] = min(level[user] for user in users)
        return level

    def _writers(self, cat: Value) -> list[Value]:
        place = self.places[cat]
        return [v for v, stores in self.stores.items() if any(s[:2] == place[:2] for s in stores)]

    def _find_nests(self) -> tuple[list[list[Nest]], dict[Value, int]]:
        stages: list[list[Nest]] = [[] for _ in range(max(self.level.values(), default=0) + 1)]
        nest: dict[Value, int] = {}
        for value in self.values:
            stage = stages[self.level[value]]
            if value.kind == "cat":
                nest[value] = max(nest[w] for w in self._writers(value) if self.level[w] == self.level[value])
            if value.kind not in ("pointwise", "reduce") or value in self.inlined:
                continue
            shape = nest_shape(value)
            first = 0
            for source, alike in self.reads(value):
                if source in nest and self.level[source] == self.level[value]:
                    fused = alike and source.kind == "pointwise" and squeezed(source.shape) == shape
                    first = max(first, nest[source] + (not fused))
            index = next((i for i in range(first, len(stage)) if stage[i].shape == shape), len(stage))
            if index == len(stage):
                stage.append(Nest(shape))
            stage[index].values.append(value)
            nest[value] = index
        return stages, nest

    def in_register(self, source: Value, alike: bool, reader: Value) -> bool:
        """Whether a value that another reads is still at hand when that is computed."""
        if source not in self.nest or source.kind == "cat" or self.level[source] != self.level[reader]:
            return False
        if squeezed(source.shape) == ():
            return True
        return alike and source.kind == "pointwise" and self.nest[source] == self.nest[reader]

    def _place_shared(self) -> None:
        """Gives memory to what is read in another nest or stage than its own."""
        for value in self.values:
            if value in self.nest and value.kind != "cat":
                for source, alike in self.reads(value):
                    if source in self.values and not self.in_register(source, alike, value):
                        self._keep(source)


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its dimensions of size 1."""
    return tuple(size for size in shape if size != 1)


def nest_shape(value: Value) -> tuple[int, ...]:
    """The shape of the nest that computes a value: of what it sums, for a reduction."""
    return squeezed(next(value.refs).shape if value.kind == "reduce" else value.shape)
