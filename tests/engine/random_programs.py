"""Random cells: steps of the operations that the engine knows, written as text, to be compared with the plain loop.

`python tests/engine/random_programs.py --count 2000 --seed 0` tries as many as one likes. It prints a line for each
that fails, with the source of the step, and counts at the end.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from math import inf, isfinite
from random import Random
from typing import NamedTuple
from unittest import mock

import torch
from scan_scenario import LAYOUTS, Case, Results, assert_same, reference, results
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from ostinato.cells import Cell
from ostinato.engine import cpp, execute, toolchain
from ostinato.engine.build import BuildError, library
from ostinato.engine.capture import CaptureError, weights_of
from ostinato.engine.lengths import mask_steps, sequence_mask
from ostinato.engine.lower import lower, whole
from ostinato.engine.operations import DECOMPOSED, POINTWISE, Operation
from ostinato.engine.program import Kernel, Program, load
from ostinato.engine.schedule import all_inside

TABLE = {**POINTWISE, **DECOMPOSED}
OVER_SEVERAL = {"var", "std", "var_mean"}  # one feature has no variance
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 17)
Dict = dict[str, tuple[int, ...]]


class One(NamedTuple):
    a: Tensor


class Two(NamedTuple):
    a: Tensor
    b: Tensor


class Three(NamedTuple):
    a: Tensor
    b: Tensor
    c: Tensor


WRONG = (AssertionError, RuntimeError, LookupError, TypeError, ValueError, NameError, AttributeError)
"""What a step raises that is neither refused nor run as it should be."""

STATES = {1: One, 2: Two, 3: Three}


class Text(NamedTuple):
    """A step as text.

    Attributes:
        source: A function ``forward(self, x, state)``.
        parameters: The shape of each.
        features: Of x.
        output: Features of y.
        state: Features of each state.
    """

    source: str
    parameters: Dict
    features: int
    output: int
    state: tuple[int, ...]


class RandomCell(Cell):
    """A step that was written by chance."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.features, text.output)
        self.sizes = text.state
        for name, shape in text.parameters.items():
            setattr(self, name, nn.Parameter(torch.randn(shape) / (shape[0] ** 0.5 if len(shape) > 1 else 1)))

    def initial_state(self, batch_size, device=None, dtype=None):
        zeros = (torch.zeros(batch_size, size, device=device, dtype=dtype) for size in self.sizes)
        return STATES[len(self.sizes)](*zeros)


def cell_of(text: Text) -> RandomCell:
    """The cell that a text describes, of a class of its own, in float64."""
    names = {"torch": torch, "F": F, "OP": {name: op.call for name, op in TABLE.items()}}
    exec(compile(text.source, "<random program>", "exec"), names)
    return type("Random", (RandomCell,), {"forward": names["forward"]})(text).double()


class _Writer:
    """Writes one step, line by line."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.parameters: Dict = {}
        self.widths: dict[str, int] = {}
        self.lines: list[str] = []

    def text(self) -> Text:
        random = self.random
        features = random.choice(WIDTHS)
        state = tuple(random.choice(WIDTHS) for _ in range(random.randint(1, 3)))
        names = [f"s{i}" for i in range(len(state))]
        self.widths = {"x": features, **dict(zip(names, state, strict=True))}
        for _ in range(random.randint(3, 12)):
            self.add(*random.choice(KINDS)(self))
        new = ", ".join(self.new_state(name) for name in names)
        y = random.choice([*self.widths][-4:])
        lines = [f"{', '.join(names)}, = state", *self.lines, f"return {y}, type(state)({new})"]
        source = "def forward(self, x, state):\n" + "".join(f"    {line}\n" for line in lines)
        return Text(source, self.parameters, features, self.widths[y], state)

    def add(self, expression: str, width: int) -> None:
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {expression}")
        self.widths[name] = width

    def value(self) -> str:
        """Any value; what was made last and the states more often than the rest."""
        names = [*self.widths]
        return self.random.choice([*names, *names[-3:], *(name for name in names if name[0] == "s")])

    def parameter(self, *shape: int) -> str:
        known = [name for name, other in self.parameters.items() if other == shape]
        if known and self.random.random() < 0.3:
            return f"self.{self.random.choice(known)}"
        name = f"p{len(self.parameters)}"
        self.parameters[name] = shape
        return f"self.{name}"

    def fit(self, name: str, width: int) -> str:
        """A value in another width: a part of it, a product, or what repeats it."""
        own = self.widths[name]
        if own == width:
            return name
        ways = [f"({name} @ {self.parameter(own, width)})"]
        if own > width:
            first = self.random.randint(0, own - width)
            ways.append(f"{name}[:, {first}:{first + width}]")
        elif own == 1:
            ways.append(f"{name}.expand(-1, {width})")
        else:
            ways.append(f"torch.cat([{name}] * {-(-width // own)}, -1)[:, :{width}]")
            ways.append(f"F.pad({name}, (0, {width - own}))")
        return self.random.choice(ways)

    def new_state(self, name: str) -> str:
        width = self.widths[name]
        ways = [lambda: f"torch.tanh({self.fit(self.value(), width)})"] * 6
        ways += [lambda: f"0.5 * {name} + torch.sigmoid({self.fit(self.value(), width)})"] * 2
        ways += [lambda: self.fit("x", width), lambda: name, lambda: f"{self.parameter(width)}.expand_as({name})"]
        ways += [lambda: f"torch.tanh({self.fit('s0', width)})"]
        return self.random.choice(ways)()


def within(operand: str, domain: tuple[float, float]) -> str:
    """An operand put where an operation and its derivative are defined and not large."""
    low, high = domain
    if isfinite(low) and isfinite(high):
        return f"({(low + high) / 2:g} + {0.4 * (high - low):g} * torch.tanh({operand}))"
    if low != -inf:
        return f"({low + 0.3:g} + F.softplus({operand}))"
    return operand


def _operation(w: _Writer) -> tuple[str, int]:
    operation: Operation = w.random.choice([*TABLE.values()])
    first = w.value()
    width = w.widths[first]
    if operation.name in OVER_SEVERAL and width == 1:
        return f"2 * torch.tanh({first})", width
    operands = [first, *(w.fit(w.value(), width) for _ in operation.domains[1:])]
    given = [within(f"torch.tanh({o})", domain) for o, domain in zip(operands, operation.domains, strict=True)]
    expression = f"OP[{operation.name!r}]({', '.join(given)})"
    return (f"({expression}).to(x.dtype)" if operation.flag else expression), width


def _product(w: _Writer) -> tuple[str, int]:
    name, out = w.value(), w.random.choice(WIDTHS)
    width = w.widths[name]
    if w.random.random() < 0.3:
        start = w.random.randint(0, width - 1)
        return f"{name}[:, {start}:] @ {w.parameter(width - start, out)}", out
    if w.random.random() < 0.3:
        return f"F.linear(torch.tanh({name}), {w.parameter(out, width)}, {w.parameter(out)})", out
    return f"{name} @ {w.parameter(width, out)}", out


def _heads(w: _Writer) -> tuple[str, int]:
    name = w.value()
    width = w.widths[name]
    heads = w.random.choice([n for n in range(1, width + 1) if width % n == 0])
    size = width // heads
    seen = f"{name}.reshape(-1, {heads}, {size})"
    ways: list[Callable[[], tuple[str, int]]] = [
        lambda: (f"{seen}.transpose(1, 2).flatten(1)", width),
        lambda: (f"{seen}.softmax(-1).flatten(1)", width),
        lambda: (f"{seen}.sum(1)", size),
        lambda: (f"{seen}.mean(2)", heads),
        lambda: (f"({seen} * {w.parameter(heads, 1)}).flatten(1)", width),
        lambda: (f"torch.einsum('bhi,hij->bhj', {seen}, {w.parameter(heads, size, size)}).reshape(-1, {width})", width),
        lambda: (f"({seen} @ {w.parameter(size, size)}).reshape(-1, {width})", width),
        lambda: (f"F.normalize({seen}, dim=-1).flatten(1)", width),
    ]
    return w.random.choice(ways)()


def _reduced(w: _Writer) -> tuple[str, int]:
    name = w.value()
    how = ["sum", "mean", "amax", "amin", "logsumexp", "norm"]
    return f"{name}.{w.random.choice(how)}(dim=-1, keepdim=True)", 1


def _pieces(w: _Writer) -> tuple[str, int]:
    a, b = w.value(), w.value()
    width = w.widths[a]
    if w.random.random() < 0.5:
        return f"torch.cat([{a}, {b}], -1)", width + w.widths[b]
    if w.random.random() < 0.5:
        first = w.random.randint(0, width - 1)
        last = w.random.randint(first + 1, width)
        return f"{a}[:, {first}:{last}]", last - first
    return f"torch.stack([{a}, {w.fit(b, width)}], 2).flatten(1)", 2 * width


def _gated(w: _Writer) -> tuple[str, int]:
    a, b = w.value(), w.value()
    width = w.widths[a]
    if w.random.random() < 0.5:
        return f"{a} * {w.parameter(width)} + torch.tanh({w.fit(b, width)})", width
    return f"torch.sigmoid({a}) * {w.fit(b, width)}", width


def _detached(w: _Writer) -> tuple[str, int]:
    name = w.value()
    return w.random.choice([f"{name}.detach()", f"{name} - 0.5 * {name}.detach()"]), w.widths[name]


def _chosen(w: _Writer) -> tuple[str, int]:
    a, b, c = w.value(), w.value(), w.value()
    width = w.widths[a]
    test = w.random.choice([f"{a} > {w.fit(b, width)}", f"({a} > 0.1) & ({w.fit(b, width)} <= 0.3)", f"{a} != {a}"])
    return f"torch.where({test}, {a}, {w.fit(c, width)})", width


def _normalised(w: _Writer) -> tuple[str, int]:
    name = w.value()
    width = w.widths[name]
    ways = [f"F.normalize({name}, dim=-1)", f"torch.softmax({name}, -1)"]
    ways += [f"F.layer_norm({name}, ({width},))"] if width > 1 else []
    return w.random.choice(ways), width


KINDS = [_operation] * 6 + [_product] * 3 + [_gated] * 2
KINDS += [_heads, _reduced, _pieces, _detached, _chosen, _normalised]


def write(random: Random) -> Text:
    """A step written by chance."""
    return _Writer(random).text()


# Compiled together


class Ready(NamedTuple):
    """A random cell with its program, compiled."""

    text: Text
    cell: RandomCell
    program: Program


@contextmanager
def compiled_quickly():
    """The compiler optimises little."""
    flags = tuple("-O1" if flag == "-O3" else flag for flag in toolchain._FLAGS)
    with mock.patch.object(toolchain, "_FLAGS", flags):
        yield


def program_of_text(text: Text) -> Ready | str:
    """The program of a step, not compiled yet; or why it is refused."""
    torch.manual_seed(0)
    cell = cell_of(text)
    reference(cell, torch.randn(2, 1, text.features, dtype=torch.float64))  # it is a step
    try:
        return Ready(text, cell, Program(cell, cell.input_size, torch.float64))
    except CaptureError as error:
        return str(error)


def compile_together(ready: Sequence[Ready]) -> None:
    """Compiles programs into one library."""
    named: dict[str, Kernel] = {}
    for i, (_, _, program) in enumerate(ready):
        named |= {f"{kernel.name}{i}": kernel for kernel in program._kernels}
        program.__dict__["build_failure"] = None
        try:
            part = all_inside(program.graph)
        except CaptureError:
            program.__dict__["single"] = None
        else:
            program.__dict__["single"] = Kernel(program.graph, part, "single", program.forward.new)
            named[f"single{i}"] = program.__dict__["single"]
    sources = [lower(kernel.part.loop, name) for name, kernel in named.items()]
    with compiled_quickly():
        made = library(whole(sources, torch.float64, "random"), "random")
    for name, kernel in named.items():
        load(kernel, made, name)


# Compared with the plain loop


LAYOUTS_HERE: dict[str, Callable[[Tensor], Tensor]] = {
    **LAYOUTS,
    "one row expanded": lambda x: x[:1].expand_as(x),
    "one step expanded": lambda x: x[:, :1].expand_as(x),
}


def case_of(cell: RandomCell, random: Random) -> tuple[Case, int]:
    """A scan of a random cell, and the bytes of a block of steps."""
    torch.manual_seed(random.randrange(1000))
    batch, time = random.choice([1, 2, 3, 5, 9, 13]), random.choice([1, 2, 3, 6, 11])
    lengths = None
    if random.random() < 0.5:
        lengths = torch.tensor([random.choice([0, 1, time, random.randint(0, time)]) for _ in range(batch)])
    state = cell.initial_state(batch, dtype=torch.float64)
    state = type(state)(*(torch.rand_like(s) - 0.5 for s in state)) if random.random() < 0.7 else None
    x = torch.randn(batch, time, cell.input_size, dtype=torch.float64)
    loss = random.choice(["all", "all", "sum of outputs", "outputs transposed", "final state"])
    case = Case(cell, x, state, lengths, random.random() < 0.5, random.choice([*LAYOUTS_HERE]), loss)
    return case, random.choice([2 << 20, 2 << 20, 64, 600])


def differences(ready: Ready, case: Case, block: int, counts: Counter[str]) -> str | None:
    """In what the compiled scan differs from the plain loop; None if in nothing that counts."""

    def run(cell, x, state, *, lengths, reverse):
        state = cell.initial_state(x.shape[0], dtype=x.dtype) if state is None else state
        x = x if lengths is None else mask_steps(x, sequence_mask(lengths, x.shape[1]))
        weights = [weight for _, weight in weights_of(cell)]
        return cpp.run(cpp.Ready(ready.program, weights), cell, x, state, lengths, reverse)

    def moved() -> list[float]:
        counts["ill-conditioned"] += 1
        return moved_by_rounding(case, expected)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(LAYOUTS, LAYOUTS_HERE))
        stack.enter_context(mock.patch.object(execute, "_BLOCK", block))
        stack.enter_context(mock.patch.object(execute, "_WEIGHTS", 2 if block > 600 else 0))
        expected = results(reference, case)
        try:
            _assert_alike(results(run, case), expected, case.lengths is not None, moved)
            with torch.no_grad():
                laid_out = LAYOUTS[case.layout](case.x)
                settings = {"lengths": case.lengths, "reverse": case.reverse}
                y, final = run(case.cell, laid_out, case.state, **settings)
            _assert_alike(Results(y, tuple(final), {}), expected._replace(gradients={}), False, moved)
        except WRONG as error:
            return _told(error)
    return None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _assert_alike(found: Results, expected: Results, padded: bool, moved: Callable[[], list[float]]) -> None:
    """The same numbers where the plain loop has numbers, and none where it has none, but for gradients of padding.

    What is further off than usual is compared with how far rounding moves the plain loop itself.
    """
    seen, known = _known(found, expected), _known(expected, expected)
    try:
        assert_same(seen, known, 1e-7)
    except AssertionError:
        if any(far > max(2e-7, 10 * by) for far, by in zip(distances(seen, known), moved(), strict=False)):
            raise
    both = [(found.y, expected.y), *zip(found.final, expected.final, strict=True)]
    both += [] if padded else [(found.gradients[name], like) for name, like in expected.gradients.items()]
    for tensor, like in both:
        assert torch.equal(tensor.isfinite(), like.isfinite()), "numbers where the plain loop has none"


class OtherRounding(TorchDispatchMode):
    """Moves what each operation computes by a random rounding, as in Monte Carlo arithmetic (Parker 1997)."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        computed = not any(result.alias_info for result in func._schema.returns)
        return tree_map_only(Tensor, self._moved, made) if computed else made

    def _moved(self, tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        by = torch.rand(tensor.shape, generator=self.generator, dtype=tensor.dtype) - 0.5
        return tensor * (1 + 2 * torch.finfo(tensor.dtype).eps * by)


def moved_by_rounding(case: Case, expected: Results) -> list[float]:
    """How far each result of the plain loop moves when all its operations are rounded in other ways."""
    moved = []
    for seed in range(4):
        with OtherRounding(seed):
            other = results(reference, case)
        moved.append(distances(_known(other, expected), _known(expected, expected)))
    return [max(by) for by in zip(*moved, strict=True)]


def distances(some: Results, others: Results) -> list[float]:
    """The largest difference in each result, relative to the largest number there, or 1."""
    pairs = [(some.y, others.y), *zip(some.final, others.final, strict=True)]
    pairs += [(some.gradients[name], other) for name, other in others.gradients.items()]
    return [_largest(a - b) / max(1.0, _largest(b)) for a, b in pairs]


def _largest(tensor: Tensor) -> float:
    return float(tensor.detach().abs().max()) if tensor.numel() else 0.0


def _known(some: Results, expected: Results) -> Results:
    def known(tensor: Tensor, like: Tensor) -> Tensor:
        return torch.where(like.isfinite(), tensor, 0)

    gradients = {name: known(some.gradients[name], like) for name, like in expected.gradients.items()}
    final = tuple(known(a, b) for a, b in zip(some.final, expected.final, strict=True))
    return Results(known(some.y, expected.y), final, gradients)


def tried(texts: Iterable[Text], random: Random, cases: int) -> tuple[Counter[str], list[str]]:
    """Compiles some steps into one library and runs each in several ways; what came out of it, and the failures."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    ready: list[Ready] = []
    for text in texts:
        counts["written"] += 1
        try:
            made = program_of_text(text)
        except WRONG as error:
            failures.append(f"{_told(error)} | {text}")
            continue
        if isinstance(made, str):
            counts["refused"] += 1
            counts[f"refused: {made.split(' (')[0]}"] += 1
        else:
            ready.append(made)
    counts["compiled"] += len(ready)
    try:
        compile_together(ready)
    except BuildError as error:
        failures.append(f"{_told(error)} | {[one.text for one in ready]}")
        ready = []
    for one in ready:
        for case, block in (case_of(one.cell, random) for _ in range(cases)):
            counts["runs"] += 1
            if difference := differences(one, case, block, counts):
                shown = case._replace(cell=None, x=tuple(case.x.shape), state=case.state is not None)
                failures.append(f"{difference} | {shown}, block {block} | {one.text}")
                break
    return counts, failures


def main() -> int:
    """Tries as many programs as the command asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="programs")
    parser.add_argument("--seed", type=int, default=0, help="of the first program; each has the next number")
    parser.add_argument("--cases", type=int, default=6, help="scans of each program")
    parser.add_argument("--together", type=int, default=10, help="programs in one library")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)  # uninitialised memory is NaN
    total: Counter[str] = Counter()
    failed, so_far = 0, "none written"
    seeds = iter(range(asked.seed, asked.seed + asked.count))
    while group := list(islice(seeds, asked.together)):
        counts, failures = tried((write(Random(seed)) for seed in group), Random(group[0]), asked.cases)
        total += counts
        failed += len(failures)
        for failure in failures:
            print("FAILED", repr(failure), flush=True)
        so_far = f"{total['written']} written, {total['compiled']} compiled, {total['runs']} runs, "
        so_far += f"{total['ill-conditioned']} ill-conditioned, {failed} failed"
        print("...", so_far, file=sys.stderr, flush=True)
    for reason, count in total.most_common():
        if reason.startswith("refused: "):
            print(f"{count:6} {reason}")
    print(so_far)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
