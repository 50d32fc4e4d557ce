"""The compiled engine beside torch's layers and beside its own multiplications, in one run.

    python benchmarks/engine.py --cells gru lstm --sizes 100,32,64,64 1,1,256,256
    python benchmarks/run.py engine_gru engine_lstm

The first tells more, and compares it with what the engine promises; the second keeps the figures as JSON. Every result
is compared with the plain loop in float64 before it is measured; a wrong one has no speed, and the exit code is then 1.
Times are medians of interleaved repeats. The floor is the multiplications alone, each one call of torch for all steps,
and three times that for forward + backward. The loss is the sum of the outputs times random numbers; gradients go to
the input, all weights and the initial state.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # torch's profiler would tell of itself

import benchmark
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ostinato.nn
from ostinato import OstinatoError
from ostinato.cells import CELLS, Cell, CellFactory
from ostinato.engine import scan
from ostinato.engine.measure import BUSY, Speed, compare, interleaved, peak_bytes
from ostinato.engine.workload import Contender, Workload, torch_layer


class Size(NamedTuple):
    steps: int
    batch: int
    inputs: int
    hidden: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


MIDDLE = Size(100, 32, 64, 64)
LONG = Size(1000, 8, 32, 32)
STREAM = Size(1, 1, 256, 256)
LARGE = [Size(100, 32, 256, 256), Size(100, 64, 256, 512), Size(35, 20, 650, 650)]
SMALL = [Size(100, 1, 64, 64), LONG, STREAM, Size(512, 256, 16, 24)]
SIZES = [SMALL[0], MIDDLE, Size(100, 32, 128, 128), *LARGE, *SMALL[1:]]
QUICK = [SMALL[0], MIDDLE, LONG, STREAM]


class LeakyState(NamedTuple):
    h: Tensor


class LeakyGate(Cell[LeakyState]):
    """What a user may write: a gate, and for each unit a speed of its own that is learned."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.inputs = nn.Linear(input_size, 2 * hidden_size)
        self.weight_hh, self.speed = self.new_weight(2 * hidden_size, hidden_size), self.new_bias(hidden_size)

    def initial_state(self, batch_size: int, device: Any = None, dtype: Any = None) -> LeakyState:
        return LeakyState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x: Tensor, state: LeakyState) -> tuple[Tensor, LeakyState]:
        gate, new = (self.inputs(x) + F.linear(state.h, self.weight_hh)).chunk(2, dim=-1)
        h = state.h + torch.sigmoid(self.speed) * torch.sigmoid(gate) * (torch.tanh(new) - state.h)
        return h, LeakyState(h)


def layer_norm_lstm(input_size: int, hidden_size: int) -> Cell[Any]:
    """With the small gain that is used in practice; with a gain of 1 the cell is chaotic, and no rounding is small."""
    cell = CELLS["layer_norm_lstm"](input_size, hidden_size)
    with torch.no_grad():
        for norm in (cell.norm_ih, cell.norm_hh):
            norm.weight.fill_(0.1)
    return cell


DENSE: dict[str, CellFactory] = {
    name: CELLS[name] for name in ("gru", "elman", "lstm", "janet", "coupled_lstm", "peephole_lstm")
} | {"leaky_gate": LeakyGate}
"""The cells with one dense recurrent matrix."""
ALL = DENSE | {"layer_norm_lstm": layer_norm_lstm}
DROP_IN: dict[str, Any] = {"gru": ostinato.nn.GRU, "elman": ostinato.nn.RNN, "lstm": ostinato.nn.LSTM}


@dataclass
class Row:
    """What was measured of one cell at one size: seconds and bytes."""

    wrong: dict[str, str]
    floor: float = 0.0
    busy: str = ""
    ours: Speed | None = None
    torch: Speed | None = None
    loop: Speed | None = None
    bytes: int = 0
    torch_bytes: int | None = None
    over_plain: dict[str, float] = field(default_factory=dict)
    stream: tuple[float, float] | None = None


def workload(name: str, size: Size) -> Workload:
    torch.manual_seed(0)
    return Workload.drawn(ALL[name](size.inputs, size.hidden), size.steps, size.batch)


def ours(name: str, work: Workload) -> Contender:
    """The drop-in layer where there is one, else the scan."""
    theirs = torch_layer(work.cell)
    if theirs is None:
        return work.on("cpp")
    layer = DROP_IN[name](theirs.input_size, theirs.hidden_size, backend="cpp")
    layer.load_state_dict(theirs.state_dict())
    return work.layer(layer)


def measure(name: str, size: Size, repeats: int) -> Row:
    work = workload(name, size)
    if why := work.obstacles().get("cpp"):
        return Row(wrong={"ostinato": why})
    contenders = {"ostinato": ours(name, work)}
    if layer := torch_layer(work.cell):
        contenders["torch"] = work.layer(layer)
    if name == "layer_norm_lstm" and size.hidden <= 128:
        contenders["loop"] = work.on("reference")
    result = compare(work, contenders, repeats, truth=work.truth())
    assert result.floor is not None  # every cell here multiplies
    busy, speeds = "~" if result.swing > BUSY else "", map(result.speeds.get, ("ostinato", "torch", "loop"))
    row = Row(result.wrong, result.floor, busy, *speeds)
    if row.ours:
        row.bytes = peak_bytes(contenders["ostinato"].train)
        if name == "layer_norm_lstm":
            row.over_plain = over_plain(contenders["ostinato"], size, repeats)
        if name in DENSE and size == STREAM:
            row.stream = stream(work.cell, repeats)
    if row.torch:
        row.torch_bytes = peak_bytes(contenders["torch"].train)
    return row


def over_plain(contender: Contender, size: Size, repeats: int) -> dict[str, float]:
    """Times the plain LSTM, forward and forward + backward."""
    plain = workload("lstm", size).on("cpp")
    calls = {"forward": contender.forward, "training": contender.train}
    seconds = interleaved(calls | {"plain forward": plain.forward, "plain training": plain.train}, repeats)
    return {kind: seconds[kind] / seconds[f"plain {kind}"] for kind in calls}


def stream(cell: Cell[Any], repeats: int) -> tuple[float, float]:
    """Seconds of one step with carried state, and of reading as many bytes as the weights have."""
    x, state = torch.randn(1, 1, cell.input_size), cell.initial_state(1)
    memory = torch.randn(sum(weight.numel() for weight in cell.parameters()))

    def step() -> None:
        nonlocal state
        _, state = scan(cell, x, state, backend="cpp")

    with torch.no_grad():
        seconds = interleaved({"step": step, "read": memory.sum}, repeats)
    return seconds["step"], seconds["read"]


_TIMES = f"{'ms':>9}{'/floor':>7}{'xtorch':>7}"
HEAD = f"""{"":15}{"forward":^23}{"forward + backward":^23}{"peak":>7}
{"T,B,I,H":15}{_TIMES}{_TIMES}{"MB":>7}{"/torch":>7}{"error":>6}"""


def line(size: Size, row: Row) -> str:
    """Our times, times the floor, times as fast as torch; our memory, and over torch's; error."""
    if row.ours is None:
        return f"{size!s:15}FAILED"
    text = f"{f'{size}{row.busy}':15}"
    for kind, floor in (("forward", row.floor), ("training", 3 * row.floor)):
        seconds = getattr(row.ours, kind)
        faster = f"{getattr(row.torch, kind) / seconds:.2f}" if row.torch else "-"
        text += f"{seconds * 1e3:9.3f}{seconds / floor:7.2f}{faster:>7}"
    memory = f"{row.bytes / row.torch_bytes:.2f}" if row.torch_bytes else "-"
    return f"{text}{row.bytes / 1e6:7.2f}{memory:>7}{row.ours.error:6.0e}"


def figures(row: Row) -> dict[str, float]:
    """What is kept of a row; times as multiples of torch's and of the floor, where there is one."""
    ours = row.ours
    assert ours is not None  # wrong ones have no figures
    told = {"error": ours.error, "training_mb": row.bytes / 1e6}
    for kind, floor in (("forward", row.floor), ("training", 3 * row.floor)):
        seconds = getattr(ours, kind)
        told |= {f"{kind}_ms": seconds * 1e3, f"{kind}_over_floor": seconds / floor}
        others = {"torch": row.torch, "loop": row.loop}
        told |= {f"{kind}_x_{who}": getattr(their, kind) / seconds for who, their in others.items() if their}
        if kind in row.over_plain:
            told[f"{kind}_over_plain_lstm"] = row.over_plain[kind]
    if row.torch_bytes:
        told["memory_over_torch"] = row.bytes / row.torch_bytes
    if row.stream:
        told |= {"stream_step_us": row.stream[0] * 1e6, "stream_step_over_reading": row.stream[0] / row.stream[1]}
    return told


def speed(run: benchmark.Run) -> Iterator[benchmark.Row]:
    """A cell at every size; `sizes` are texts such as 100,32,64,64, none for all."""
    name, repeats = run.options["cell"], run.options["repeats"]
    if name not in ALL:
        raise OstinatoError(f"--set cell={name}: choose one of {', '.join(ALL)}")
    try:
        sizes = [size_named(text) for text in run.options["sizes"]] or SIZES
    except argparse.ArgumentTypeError as error:
        raise OstinatoError(f"--set sizes: {error}") from None
    for size in sizes:
        row = measure(name, size, repeats)
        if row.busy:
            run.say(f"{size}: times swung between repeats: the machine was busy, and they mean little")
        if row.ours:
            yield benchmark.Row(str(size), figures(row))
        for who, why in row.wrong.items():
            yield benchmark.Row(f"{size}, {who}", {}, why)


Rows = dict[tuple[str, Size], Row]


@dataclass
class Bar:
    """A promise: figures by size, all of them at least or at most a limit."""

    text: str
    figures: dict[str, float]
    least: float | None = None
    most: float | None = None

    def short(self, size: str) -> float:
        """By how much of the limit the figure of a size misses it."""
        figure = self.figures[size]
        return 1 - figure / self.least if self.least is not None else figure / (self.most or 1) - 1

    def __str__(self) -> str:
        missed = [size for size in self.figures if self.short(size) > 0]
        told = [f"{self.figures[size]:.2f} at {size}, by {self.short(size):.1%}" for size in missed]
        if not missed:
            worst = max(self.figures, key=self.short)
            told = [f"worst {self.figures[worst]:.2f} at {worst}"]
        status = f"MISSED {len(missed)}/{len(self.figures)}" if missed else "met"
        limit = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{status:<10} {self.text} {limit}: {'; '.join(told)}"


def bars(rows: Rows) -> Iterator[Bar]:
    for kind, title in (("forward", "forward"), ("training", "forward + backward")):
        yield from _against_torch(rows, kind, title)
        yield from _against_floor(rows, kind, title)
        yield from _layer_norm(rows, kind, title)
    for name in DROP_IN:
        figures = _figures(rows, name, SIZES, lambda row: row.torch_bytes and row.bytes / row.torch_bytes)
        yield Bar(f"{name}, training memory / torch,", figures, most=1)
    for name in DENSE:
        figures = _figures(rows, name, [STREAM], lambda row: row.stream and row.stream[0] / row.stream[1])
        if figures:
            step = f"{rows[name, STREAM].stream[0] * 1e6:.1f} us"
            yield Bar(f"{name}, a streaming step ({step}) / reading its weights,", figures, most=3)


def _against_torch(rows: Rows, kind: str, title: str) -> Iterator[Bar]:
    def faster(row: Row) -> float | None:
        return getattr(row.torch, kind) / getattr(row.ours, kind) if row.torch else None

    for name in ("gru", "elman"):
        yield Bar(f"{name}, {title}, x torch,", _figures(rows, name, SIZES, faster), least=1)
        long = [size for size in SIZES if size.batch == 1 or size == LONG]
        yield Bar(f"{name}, {title}, x torch,", _figures(rows, name, long, faster), least=5)
    yield Bar(f"lstm, {title}, x torch,", _figures(rows, "lstm", SIZES, faster), least=0.95)
    yield Bar(f"lstm, {title}, small, x torch,", _figures(rows, "lstm", SMALL, faster), least=2)


def _against_floor(rows: Rows, kind: str, title: str) -> Iterator[Bar]:
    times = {"forward": 1, "training": 3}[kind]

    def over(row: Row) -> float:
        return getattr(row.ours, kind) / (times * row.floor)

    for name in DENSE:
        yield Bar(f"{name}, {title}, / floor,", _figures(rows, name, LARGE, over), most=1.5)
        yield Bar(f"{name}, {title}, / floor,", _figures(rows, name, [MIDDLE], over), most=3)


def _layer_norm(rows: Rows, kind: str, title: str) -> Iterator[Bar]:
    def faster(row: Row) -> float | None:
        return getattr(row.loop, kind) / getattr(row.ours, kind) if row.loop else None

    name = "layer_norm_lstm"
    yield Bar(
        f"{name}, {title}, / plain lstm,",
        _figures(rows, name, SIZES[1:6], lambda row: row.over_plain.get(kind)),
        most=1.4,
    )
    yield Bar(f"{name}, {title}, x reference loop,", _figures(rows, name, SIZES, faster), least=10)


def _figures(rows: Rows, name: str, sizes: list[Size], figure: Callable[[Row], float | None]) -> dict[str, float]:
    measured = [(size, rows[name, size]) for size in sizes if (name, size) in rows and rows[name, size].ours]
    found = {f"{size}{row.busy}": figure(row) for size, row in measured}
    return {size: value for size, value in found.items() if value is not None}


def size_named(text: str) -> Size:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.isdigit() and int(number) for number in numbers):
        raise argparse.ArgumentTypeError(f"{text}: write a size as steps,batch,inputs,hidden, such as 100,32,64,64")
    return Size(*map(int, numbers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", choices=ALL, default=list(ALL), metavar="CELL", help=", ".join(ALL))
    parser.add_argument("--sizes", nargs="+", type=size_named, metavar="T,B,I,H")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--num-threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="four small sizes, three repeats")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.num_threads)
    repeats = 3 if arguments.quick else arguments.repeats
    sizes = arguments.sizes or (QUICK if arguments.quick else SIZES)
    print(
        f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, float32, "
        f"threads: {arguments.num_threads}"
    )
    print("~ marks times that swung between repeats: the machine was busy, and they mean little")
    rows: Rows = {}
    for name in arguments.cells:
        print(f"\n{name}\n{HEAD}", flush=True)
        for size in sizes:
            row = rows[name, size] = measure(name, size, repeats)
            print(line(size, row), flush=True)
            for who, why in row.wrong.items():
                print(f"  FAILED {who}: {why}", flush=True)
    print("\nBars")
    for bar in bars(rows):
        if bar.figures:
            print(bar)
    if any(row.wrong for row in rows.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
