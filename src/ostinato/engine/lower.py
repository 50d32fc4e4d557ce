"""Stage 4, second half: one step as C++ source, with sizes and numbers left open: one library serves all sizes."""

from collections.abc import Iterable
from typing import NamedTuple

import torch

from ostinato.engine import layout
from ostinato.engine.nests import Nest, Place, Step, nest_shape, squeezed
from ostinato.engine.operations import POINTWISE, REDUCTIONS
from ostinato.engine.schedule import Loop
from ostinato.engine.values import Ref, Value, contiguous

_OVER_TIME = ("given", "previous", "stream")
_AT_ONCE = ("initial", "start", "final", "total", "constant")
_WRITTEN = ("stream", "final", "total")
"""Arrays of a call (see `ostinato.engine.layout.Call`): those of all steps, the others, and which the pass writes."""
_CONVERSIONS = {"copy": "{0}", "single": "real(float({0}))"}

Index = dict[str, int]
"""An index into features: a number of features for each loop variable, and for "" the constant part."""


class Source(NamedTuple):
    """The generated source of one pass's loop, and what to call it with.

    Attributes:
        text: C++.
        step: The step it was made from: says in what order its arrays are passed.
        sizes: The sizes that the source leaves open.
        numbers: The numbers that the source leaves open.
    """

    text: str
    step: Step
    sizes: tuple[int, ...]
    numbers: tuple[float, ...]


def lower(loop: Loop, name: str) -> Source:
    """The C++ source of a loop, to stand among others in one file (see `whole`).

    Args:
        loop: What every step does.
        name: Of the loop: the functions are called ``{name}_workspace`` and ``{name}_run``.
    """
    step = Step(loop)
    writer = _Writer(step)
    text = writer.source(name)
    return Source(text, step, tuple(writer.sizes), tuple(writer.numbers))


def whole(sources: Iterable[Source], dtype: torch.dtype, name: str) -> str:
    """A file of generated loops that are compiled together.

    Args:
        sources: The loops.
        dtype: float32 or float64.
        name: The cell's, for the first line.
    """
    real = "float" if dtype == torch.float32 else "double"
    lines = [f"// {name}", "#include <limits>", '#include "driver.hpp"', "namespace m = ostinato;"]
    return "\n".join([*lines, f"using real = {real};", "", layout.records(), "", *(source.text for source in sources)])


class _Writer:
    def __init__(self, step: Step) -> None:
        self.step = step
        self.sizes: dict[int, str] = {}
        self.numbers: dict[float, str] = {}
        self.names: dict[Value, str] = {}

    def size(self, size: int) -> str:
        return str(size) if size in (0, 1) else self.sizes.setdefault(size, f"n{len(self.sizes)}")

    def number(self, number: float) -> str:
        if number in (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0):
            return f"real({number:g})"
        return self.numbers.setdefault(number, f"x{len(self.numbers)}")

    def name(self, value: Value) -> str:
        return self.names.setdefault(value, f"v{len(self.names)}")

    def source(self, name: str) -> str:
        step, loop = self.step, self.step.loop
        bodies = [self._stage(i, nests) for i, nests in enumerate(step.stages)]
        products = [self._products(i, values) for i, values in enumerate(step.products)]
        matrices = self._matrices()
        widths = [self.size(after.size) for _, after in step.carried]
        sums = [self.size(value.size) for value in loop.sums]
        scratch = [self.size(size) for size in step.scratch]
        shapes = [[self.size(n) for n in _heads(v)] for v in matrices]
        counts = self._counts(len(matrices))
        members, reading = self._arrays(counts)
        for i, size in enumerate(self.sizes.values()):
            members.append(f"  long {size};")
            reading.append(f"{size}(call.size{i}.value)")
        for i, number in enumerate(self.numbers.values()):
            members.append(f"  real {number};")
            reading.append(f"{number}(real(numbers[{i}]))")
        for i, shape in enumerate(shapes):
            members.append(f"  m::Matrix<real> matrix{i};")
            reading.append(f"matrix{i}(call.matrix{i}, {', '.join(shape)})")
        members += [f"  real* carry{k}[2];" for k in range(len(widths))]
        members += [f"  real* scratch{k};" for k in range(len(scratch))]
        members += [f"  real* sum{k};" for k in range(len(sums))]
        packed = " + ".join(f"matrix{i}.size()" for i in range(len(matrices)))
        lines = [
            f"namespace {name} {{",
            layout.call(counts),
            "",
            "struct Step {",
            "  using real = ::real;",
            f"  static constexpr int stages = {2 * len(bodies) - 1};",
            f"  static constexpr int matrices = {len(matrices)};",
            "  m::Scan scan;",
            *members,
            "  long from = 0;  // the first row of the chunk",
            "  int now = 0;    // which of two arrays holds the carried state",
            "",
            f"  Step(const Call& call, [[maybe_unused]] const double* numbers) : {', '.join(reading)} {{}}",
            "",
            f"  long width() const {{ return {self._sum([*widths, *widths, *scratch])}; }}",
            f"  long packed_size() const {{ return {packed or '0'}; }}",
            "",
            "  real* place_packed(real* at) {",
            *(f"    at = matrix{i}.place(at, scan.round);" for i in range(len(matrices))),
            "    return at;",
            "  }",
            "",
            "  void pack([[maybe_unused]] long part, [[maybe_unused]] long parts) const {",
            *(f"    matrix{i}.pack(part, parts);" for i in range(len(matrices))),
            "  }",
            "",
            "  void place(real* at, long rows, long first) {",
            "    from = first, now = 0;",
            *(f"    carry{k}[{p}] = at, at += m::padded({w}) * rows;" for k, w in enumerate(widths) for p in (0, 1)),
            *(f"    scratch{k} = at, at += m::padded({w}) * rows;" for k, w in enumerate(scratch)),
            "  }",
            "",
            f"  long sum_size() const {{ return {self._sum(sums)}; }}",
            "",
            "  void place_sums([[maybe_unused]] real* at) {",
            *(f"    sum{k} = at, at += m::padded({w});" for k, w in enumerate(sums)),
            "  }",
            "",
            "  void write_sums([[maybe_unused]] const double* at) const {",
            *(f"    at = m::write_sum(at, {w}, total{k});" for k, w in enumerate(sums)),
            "  }",
            "",
            *self._ends(widths),
            "",
            "  void pointwise(int stage, [[maybe_unused]] long t, long begin, long end) {",
            *(f"    if (stage == {2 * i}) rows{i}(t, begin, end);" for i in range(len(bodies))),
            "  }",
            "",
            "  void multiply([[maybe_unused]] int stage, [[maybe_unused]] long t, [[maybe_unused]] long rows,",
            "                [[maybe_unused]] long part, [[maybe_unused]] long parts) {",
            *(line for product in products for line in product),
            "  }",
            "",
            *(line for body in bodies for line in body),
            "};",
            f"}}  // namespace {name}",
            "",
            f'extern "C" int64_t {name}_workspace(const {name}::Call* call, const double* numbers) {{',
            f"  return m::workspace_size({name}::Step(*call, numbers));",
            "}",
            f'extern "C" void {name}_run(const {name}::Call* call, const double* numbers, void* workspace) {{',
            f"  m::run({name}::Step(*call, numbers), static_cast<real*>(workspace));",
            "}",
            "",
        ]
        return "\n".join(lines)

    def _counts(self, matrices: int) -> dict[str, int]:
        """How many records of each kind the pass is called with."""
        loop = self.step.loop
        counts = {"scan": 1, "given": len(loop.given), "previous": len(loop.previous), "initial": len(loop.previous)}
        counts |= {"stream": len(loop.streams), "start": len(loop.carried), "final": len(loop.carried)}
        counts |= {"total": len(loop.sums), "constant": len(self.step.constants)}
        return {**counts, "matrix": matrices, "size": len(self.sizes)}

    def _arrays(self, counts: dict[str, int]) -> tuple[list[str], list[str]]:
        """The members that are arrays, and how they are read from the call."""
        members, reading = [], ["scan(call.scan0)"]
        for array, count in counts.items():
            kind = "real" if array in _WRITTEN else "const real"
            for i in range(count):
                member, record = f"{array}{i}", f"call.{array}{i}"
                if array in _OVER_TIME:
                    members.append(f"  m::Stream<{kind}> {member};")
                    reading.append(f"{member}({record})")
                elif array in _AT_ONCE:
                    members.append(f"  {kind}* {member};")
                    reading.append(f"{member}(m::address<{kind}>({record}.data))")
        return members, reading

    def _sum(self, widths: list[str]) -> str:
        return " + ".join(f"m::padded({width})" for width in widths) or "0"

    def _matrices(self) -> list[Value]:
        return [value for values in self.step.products for value in values]

    def _ends(self, widths: list[str]) -> list[str]:
        """The first state comes from memory into the workspace, the last goes back."""
        lines = ["  void begin(long begin, long end) {", "    for (long r = begin; r < end; ++r) {"]
        for k, w in enumerate(widths):
            source = f"start{k} + (from + r) * {w}"
            lines.append(f"      std::copy_n({source}, {w}, carry{k}[0] + r * m::padded({w}));")
        lines += ["    }", "  }", "", "  void finish(long begin, long end) {"]
        lines += ["    for (long r = begin; r < end; ++r) {"]
        for k, w in enumerate(widths):
            lines.append(f"      std::copy_n(carry{k}[now] + r * m::padded({w}), {w}, final{k} + (from + r) * {w});")
        return [*lines, "    }", "  }"]

    def _products(self, stage: int, values: list[Value]) -> list[str]:
        lines = [f"    if (stage == {2 * stage + 1}) {{"]
        for value in values:
            rows, _ = value.refs
            place, scratch = self.step.places[rows.value], self.step.places[value]
            at = self.size(place.offset + rows.offset)
            start, leading = self._rows(place, rows.value)
            head = self.size(rows.strides[0]) if len(rows.shape) == 2 else "0"
            number = self._matrices().index(value)
            out = f"scratch{scratch.number}, m::padded({self.size(value.size)})"
            lines.append(f"      matrix{number}.multiply({start} + {at}, {leading}, {head}, {out}, rows, part, parts);")
        return [*lines, "    }"]

    def _rows(self, place: Place, value: Value) -> tuple[str, str]:
        """Where the chunk's rows of a value begin, and how far they lie apart."""
        if place.array in ("given", "stream"):
            return f"{place.array}{place.number}.at(t, from)", f"{place.array}{place.number}.row"
        if place.array == "scratch":
            return f"scratch{place.number}", f"m::padded({self.size(self.step.scratch[place.number])})"
        if place.array in ("carry", "next"):
            side = "now" if place.array == "carry" else "now ^ 1"
            size = self.step.carried[place.number][0].size
            return f"carry{place.number}[{side}]", f"m::padded({self.size(size)})"
        raise AssertionError(f"no rows of {value!r} to multiply in {place.array}")

    def _stage(self, number: int, nests: list[Nest]) -> list[str]:
        body = [line for nest in nests for line in self._nest(nest)]
        used = self._pointers("\n".join(body))
        lines = [f"  void rows{number}([[maybe_unused]] long t, long begin, long end) const {{"]
        lines += ["    for (long r = begin; r < end; ++r) {", "      const long b = from + r;"]
        lines += [
            "      if (!scan.valid(t, b)) {",
            *(self._keep() if number == 0 else []),
            "        continue;",
            "      }",
        ]
        return [*lines, *used, *body, "    }", "  }", ""]

    def _keep(self) -> list[str]:
        """A row past its length: the state stays, what is written is zero."""
        lines = []
        for k, (before, _) in enumerate(self.step.carried):
            w = self.size(before.size)
            row = f"r * m::padded({w})"
            lines.append(f"        std::copy_n(carry{k}[now] + {row}, {w}, carry{k}[now ^ 1] + {row});")
        for i, value in enumerate(self.step.loop.streams):
            lines.append(f"        std::fill_n(stream{i}.at(t, b), {self.size(value.size)}, real(0));")
        return lines

    def _pointers(self, body: str) -> list[str]:
        """The rows of the arrays that a stage's body names."""
        step, loop, lines = self.step, self.step.loop, []
        rows: dict[str, str] = {}
        for i in range(len(loop.given)):
            rows[f"g{i}_"] = f"given{i}.at(t, b)"
        for i, value in enumerate(loop.previous):
            first = f"initial{i} + b * {self.size(value.size)}"
            rows[f"p{i}_"] = f"scan.first(t, b) ? {first} : previous{i}.at(scan.before(t), b)"
        for k, (before, _) in enumerate(step.carried):
            row = f"r * m::padded({self.size(before.size)})"
            rows[f"c{k}_"], rows[f"d{k}_"] = f"carry{k}[now] + {row}", f"carry{k}[now ^ 1] + {row}"
        for i in range(len(loop.streams)):
            rows[f"o{i}_"] = f"stream{i}.at(t, b)"
        for i, size in enumerate(step.scratch):
            rows[f"s{i}_"] = f"scratch{i} + r * m::padded({self.size(size)})"
        for i in range(len(step.constants)):
            rows[f"k{i}_"] = f"constant{i}"
        for i in range(len(loop.sums)):
            rows[f"a{i}_"] = f"sum{i}"
        for name, value_at in rows.items():
            if name in body:
                kind = "real*" if name[0] in "adso" else "const real*"
                lines.append(f"      {kind} __restrict__ {name} = {value_at};")
        return lines

    def _nest(self, nest: Nest) -> list[str]:
        return _NestWriter(self, nest).lines()

    def memory(self, place: Place, index: Index) -> str:
        letter = {"given": "g", "previous": "p", "carry": "c", "next": "d", "stream": "o", "scratch": "s", "sum": "a"}
        shifted = {**index, "": index.get("", 0) + place.offset}
        return f"{letter.get(place.array, 'k')}{place.number}_[{self.index(shifted)}]"

    def index(self, index: Index) -> str:
        terms = [self.size(index[""])] if index.get("") else []
        for variable, stride in index.items():
            if variable and stride:
                terms.append(variable if stride == 1 else f"{self.size(stride)} * {variable}")
        return " + ".join(terms) or "0"


class _NestWriter:
    """One loop nest: loads, work, and then the stores."""

    def __init__(self, writer: _Writer, nest: Nest) -> None:
        self.writer = writer
        self.step = writer.step
        self.nest = nest
        self.variables = ["jklmn"[i] for i in range(len(nest.shape))]
        self.work: list[str] = []
        self.stores: list[str] = []
        self.known: dict[tuple[Value, tuple[tuple[str, int], ...]], str] = {}

    def lines(self) -> list[str]:
        reduced = [v for v in self.nest.values if v.kind == "reduce"]
        for value in self.nest.values:
            self._reduce(value) if value.kind == "reduce" else self._compute(value)
        if self.nest.shape:
            return self._loops(reduced)
        before = [f"real {self.writer.name(v)}_ = {REDUCTIONS[v.op].first};" for v in reduced]
        after = [line for value in reduced for line in self._reduced(value)]
        return [f"      {line}" for line in (*before, *self.work, *after, *self.stores)]

    def _loops(self, reduced: list[Value]) -> list[str]:
        rank, lines = len(self.nest.shape), []
        outer = {v: rank - _reduced_rank(v) for v in reduced}
        clauses = [
            f"reduction({REDUCTIONS[v.op].clause}:{self.writer.name(v)}_)" for v in reduced if REDUCTIONS[v.op].clause
        ]
        vectorised = len(clauses) == len(reduced)
        for depth in range(rank):
            pad = "  " * (depth + 3)
            starting = [value for value in reduced if outer[value] == depth]
            lines += [f"{pad}real {self.writer.name(v)}_ = {REDUCTIONS[v.op].first};" for v in starting]
            if depth == rank - 1 and vectorised:
                lines.append(f"#pragma omp simd {' '.join(clauses)}".rstrip())
            j, size = self.variables[depth], self.writer.size(self.nest.shape[depth])
            lines.append(f"{pad}for (long {j} = 0; {j} < {size}; ++{j}) {{")
        lines += [f"{'  ' * (rank + 3)}{line}" for line in (*self.work, *self.stores)]
        for depth in reversed(range(rank)):
            pad = "  " * (depth + 3)
            lines.append(f"{pad}}}")
            for value in reduced:
                if outer[value] == depth:
                    lines += [f"{pad}{line}" for line in self._reduced(value)]
        return lines

    def _compute(self, value: Value) -> None:
        operands = [self._operand(o, self._indices(o.shape)) if isinstance(o, Ref) else o for o in value.operands]
        name = self.writer.name(value)
        self.work.append(f"const real {name} = {self._expression(value, operands)};")
        self.stores += self._stores(value, self.nest.shape)

    def _reduce(self, value: Value) -> None:
        ref = next(value.refs)
        name = self.writer.name(value)
        element = self._operand(ref, self._indices(ref.shape))
        self.work.append(f"{name}_ = {REDUCTIONS[value.op].more.format(f'{name}_', element)};")

    def _reduced(self, value: Value) -> list[str]:
        name = self.writer.name(value)
        count = 1
        for size in self.nest.shape[len(self.nest.shape) - _reduced_rank(value) :]:
            count *= size
        total = f"{name}_ / {self.writer.size(count)}" if value.op == "mean" else f"{name}_"
        outer = self.nest.shape[: len(self.nest.shape) - _reduced_rank(value)]
        return [f"const real {name} = {total};", *self._stores(value, outer)]

    def _stores(self, value: Value, shape: tuple[int, ...]) -> list[str]:
        lines = []
        for place in self.step.stores.get(value, []):
            strides = contiguous(shape) if place.strides is None else place.strides
            memory = self.writer.memory(place, dict(zip(self.variables, strides, strict=False)))
            sign = "+=" if place.array == "sum" else "="
            lines.append(f"{memory} {sign} {self.writer.name(value)};")
        return lines

    def _expression(self, value: Value, operands: Iterable[str | float]) -> str:
        texts = [self.writer.number(o) if isinstance(o, float) else o for o in operands]
        return (_CONVERSIONS.get(value.op) or POINTWISE[value.op].cpp).format(*texts)

    def _indices(self, shape: tuple[int, ...]) -> list[Index]:
        """The index along each dimension of a shape that is the nest's, with dimensions of size 1."""
        variables = iter(self.variables)
        return [{} if size == 1 else {next(variables): 1} for size in shape]

    def _operand(self, ref: Ref, indices: list[Index]) -> str:
        """The element of a reference at these indices."""
        index: Index = {"": ref.offset}
        for stride, part in zip(ref.strides, indices, strict=True):
            for variable, factor in part.items():
                index[variable] = index.get(variable, 0) + stride * factor
        value = ref.value
        if value in self.step.inlined:
            return self._inline(value, index)
        own = dict(zip(self.variables, contiguous(self.nest.shape), strict=True))
        same = value in self.nest.values and value.kind == "pointwise" and _terms(index) == _terms(own)
        computed = value in self.step.nest and value.kind != "cat"
        scalar = squeezed(value.shape) == () and computed and self._here(value)
        if same or scalar:
            return self.writer.name(value)
        return self._load(value, index)

    def _here(self, value: Value) -> bool:
        reader = self.nest.values[0]
        return self.step.level[value] == self.step.level[reader]

    def _inline(self, value: Value, index: Index) -> str:
        key = (value, _terms(index))
        if key not in self.known:
            operands: list[str | float] = []
            for operand in value.operands:
                if isinstance(operand, Ref):
                    indices = [{} if size == 1 else index for size in operand.shape]
                    operands.append(self._operand(operand, indices))
                else:
                    operands.append(operand)
            self._bind(key, self._expression(value, operands))
        return self.known[key]

    def _load(self, value: Value, index: Index) -> str:
        key = (value, _terms(index))
        if key not in self.known:
            self._bind(key, self.writer.memory(self.step.places[value], index))
        return self.known[key]

    def _bind(self, key: tuple[Value, tuple[tuple[str, int], ...]], expression: str) -> None:
        self.known[key] = f"e{len(self.known)}"
        if not self.nest.shape:  # several such nests share the row's scope
            self.known[key] = f"{self.known[key]}_{self.writer.name(self.nest.values[0])}"
        self.work.append(f"const real {self.known[key]} = {expression};")


def _terms(index: Index) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((variable, factor) for variable, factor in index.items() if factor))


def _reduced_rank(value: Value) -> int:
    return len(nest_shape(value)) - len(squeezed(value.shape))


def _heads(product: Value) -> tuple[int, int, int]:
    """Heads, rows and columns of a multiplication's matrix, as it is used."""
    _, matrix = product.refs
    *heads, k, n = matrix.shape
    if product.op == "matmul_transposed":
        k, n = n, k
    return (heads[0] if heads else 1), k, n
