"""The figures and pictures of docs/gradients.md, all measured here: python docs/gradients.py.

Only docs/images/memory.png is not drawn here: it is `memory.png` of ``ostinato demo memory``, made smaller.
"""

import json
import math
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ostinato.cells import CELLS, LSTM, CellFactory
from ostinato.demos.memory.starts import open_lstm
from ostinato.demos.memory.tasks import MEMORY_TASKS, MemoryBatches
from ostinato.demos.memory.trial import Reader, loss_of, score_of
from ostinato.diagnostics import Doctor, GradientFlow, QuickCheck, examine, quick_check
from ostinato.diagnostics.plot import plot_activity, plot_flow, plot_memory, plot_steps
from ostinato.training import Trainer, TrainingDiverged, TrainingLogger, TrainingSettings

IMAGES = Path(__file__).parent / "images"
LAG, UNITS = 100, 32
GREY, BLUE, RED = "#999999", "#0072B2", "#D55E00"

FRESH: dict[str, CellFactory] = {
    "elman": CELLS["elman"],
    "elman, orthogonal": CELLS["orthogonal"],
    "elman, relu, identity (irnn)": CELLS["irnn"],
    "gru": CELLS["gru"],
    "lstm": LSTM,
    "lstm, forget_bias=0": partial(LSTM, forget_bias=0.0),
    "lstm, forget_bias=1": partial(LSTM, forget_bias=1.0),
    "lstm, forget_bias=2": partial(LSTM, forget_bias=2.0),
    "lstm, forget_bias=3": partial(LSTM, forget_bias=3.0),
    "lstm, forget_bias=4.6": partial(LSTM, forget_bias=math.log(LAG)),
    "lstm, open for 100 steps": partial(open_lstm, lag=LAG),
    "lstm, layer norm": CELLS["layer_norm_lstm"],
    "indrnn": CELLS["indrnn"],
    "cornn": CELLS["cornn"],
    "lru": CELLS["lru"],
}


def network(make: CellFactory, task: str = "recall", grown: float = 1.0, inputs: float = 1.0) -> Reader:
    """A fresh one; its recurrent weights and its inputs may be made larger."""
    torch.manual_seed(0)
    model = Reader(make, MEMORY_TASKS[task], UNITS)
    with torch.no_grad():
        model.input.weight.mul_(inputs)
        if grown != 1:
            model.recurrent.cells[0].weight_hh.mul_(grown)
    return model


def look(model: Reader, task: str = "recall", lag: int = LAG) -> QuickCheck:
    """The doctor's quick look at a network."""
    batch = MEMORY_TASKS[task].batch(32, lag, seed=3)
    return quick_check(model, lambda: loss_of(model, batch, None).mean)


def named(flow: GradientFlow, name: str) -> GradientFlow:
    """A flow that a picture calls by another name."""
    return GradientFlow(flow.layer._replace(stack=name), flow.state, flow.norms)


def tell(name: str, flow: GradientFlow) -> None:
    """Prints a flow's figures."""
    print(f"  {name:30}  x{math.exp(flow.rate):.3f} a step  reach {flow.reach:3}  last/first lag {flow.growth:.2g}")


def fresh() -> None:
    """How gradients fare in networks that have learned nothing yet."""
    print(f"Fresh networks, {UNITS} units, delayed recall at lag {LAG}:")
    flows = {name: look(network(make)).flows[0] for name, make in FRESH.items()}
    for name, flow in flows.items():
        tell(name, flow)
    shown = ("elman", "elman, orthogonal", "lstm", "lstm, open for 100 steps")
    save(plot_flow([named(flows[name], name) for name in shown]), "flow")
    print("Orthogonal recurrent weights made larger:")
    for grown in (1.0, 1.2, 1.5):
        tell(f"times {grown:g}", look(network(CELLS["orthogonal"], grown=grown)).flows[0])
    print("Inputs a hundred times as large:")
    for name in ("lstm", "layer_norm_lstm"):
        tell(name, look(network(CELLS[name], inputs=100.0)).flows[0])


def exploding() -> None:
    """A network whose gradient explodes, and its training without and with clipping."""
    grown, lag = 1.05, 60
    print(f"An IRNN whose recurrent weights are {grown} times the identity, adding at lag {lag}, plain SGD:")
    measured = named(look(network(CELLS["irnn"], "adding", grown), "adding", lag).flows[0], "irnn x 1.05")
    tell("before training", measured)
    tell("on the last 15 steps alone", look(network(CELLS["irnn"], "adding", grown), "adding", 15).flows[0])
    save(plot_flow([measured]), "exploding")
    picture = Figure(figsize=(8, 3.6), layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.add_subplot()
    for clip, colour in ((None, RED), (1.0, BLUE)):
        steps, end = trained(network(CELLS["irnn"], "adding", grown), lag, clip)
        print(f"  clip_norm={clip}: loss {steps[0]['loss']:.3g} first, {steps[-1]['loss']:.3g} last; {end}")
        for name, dashes, what in (("gradient_norm", (0, (1, 1)), "norm of the gradient"), ("loss", "-", "loss")):
            label = f"{what}, {'not clipped' if clip is None else f'clip_norm={clip:g}'}"
            values = [step[name] for step in steps]
            number = range(1, len(values) + 1)
            marker = "o" if len(values) < 3 else None
            axes.plot(number, values, color=colour, linestyle=dashes, marker=marker, lw=1.4, label=label)
    axes.annotate("not clipped: stopped at step 2, the loss is not a number", (8, 9.7e4), va="center", fontsize=8)
    axes.set(yscale="log", xlabel="optimiser step", ylabel="loss; norm of the gradient before clipping", xlim=(0, 300))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False, fontsize=8)
    save(picture, "clipping")


def trained(model: Reader, lag: int, clip: float | None) -> tuple[list[dict[str, float]], str]:
    """The steps of a training, and how it ended."""
    task = MEMORY_TASKS["adding"]
    settings = TrainingSettings(epochs=1, optimizer="sgd", learning_rate=1e-3, clip_norm=clip)
    batches = MemoryBatches(task, lag, batch_size=32, length=300, seed=1)
    with TemporaryDirectory() as folder:
        logger = TrainingLogger(Path(folder), every=1, progress=False)
        try:
            Trainer(model, loss_of, settings, logger=logger, monitor=Doctor(model, settings)).fit(batches)
            end = f"trained to the end, score {score_of(model, task.batch(512, lag, seed=2)):.2f}"
        except TrainingDiverged as diverged:
            end = str(diverged)
        lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "step"], end


def inside() -> None:
    """The other pictures of the report: an LSTM that has learned to recall over thirty steps."""
    task, lag = MEMORY_TASKS["recall"], 30
    model = network(partial(open_lstm, lag=lag))
    settings = TrainingSettings(epochs=1, optimizer="adam", learning_rate=1e-2)
    Trainer(model, loss_of, settings).fit(MemoryBatches(task, lag, batch_size=32, length=200, seed=1))
    batch = task.batch(32, lag, seed=3)
    found = examine(model, lambda: loss_of(model, batch, None).mean)
    print(f"An LSTM after 200 steps of recall at lag {lag}: {score_of(model, task.batch(512, lag, seed=2)):.0%} right")
    print("\n".join(f"  {line}" for line in str(found).splitlines()))
    (span,) = found.memory_spans
    print(f"  span {span.span_by_perturbation} by perturbation, {span.span_by_gradient} by gradient")
    save(plot_memory(span), "memory_span")
    save(plot_activity(found.gates, found.units), "activity")
    save(plot_steps(found.steps, found.exponents), "dynamics")


def save(picture: Figure, name: str) -> None:
    """Writes a picture."""
    picture.savefig(IMAGES / f"{name}.png", dpi=100)


def main() -> None:
    """Measures all, in half a minute."""
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    fresh()
    exploding()
    inside()


if __name__ == "__main__":
    main()
