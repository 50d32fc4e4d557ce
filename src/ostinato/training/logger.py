"""What training shows and writes down: a progress bar, metrics as JSON lines, TensorBoard."""

import json
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ostinato.errors import OstinatoError
from ostinato.storage import naming, write_durably
from ostinato.training.monitor import Observation
from ostinato.training.progress import MetricsRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

METRICS = "metrics.jsonl"

LINE_SECONDS = 60.0
"""Between the lines that tell a log how far training is."""


class TrainingLogger:
    """Tells of a training as it goes. A resumed training continues its files as if it had not been interrupted.

    Args:
        folder: where `metrics.jsonl` is written, and `tensorboard/`; None to write nothing.
        every: optimiser steps between the lines of steps; every epoch has a line besides.
        progress: whether to show on stderr how far it is, as a bar where that is a terminal, else as a line every
            minute, and tell there what the doctor finds.
        tensorboard: whether to write for TensorBoard too.

    Raises:
        OstinatoError: TensorBoard is asked for without a folder, or is not installed.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> import torch
        >>> from ostinato.data import StreamBatches
        >>> from ostinato.training import LossSum, Trainer, TrainingLogger, TrainingSettings
        >>> def loss(model, batch, state):
        ...     return LossSum(model(batch[0]).square().sum(), batch[0].shape[0])
        >>> logger = TrainingLogger(Path("run"), progress=False)
        >>> trainer = Trainer(torch.nn.Linear(3, 1), loss, TrainingSettings(epochs=1), logger=logger)
        >>> history = trainer.fit(StreamBatches(torch.randn(4, 10, 3), chunk=5))
        >>> [json.loads(line)["kind"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
        ['epoch']
    """

    def __init__(
        self, folder: Path | None = None, *, every: int = 50, progress: bool = True, tensorboard: bool = False
    ) -> None:
        self.folder, self.every, self.progress, self.tensorboard = folder, every, progress, tensorboard
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (progress and console.is_terminal),
        )
        self._task = self._bar.add_task("")
        self._lines = progress and not console.is_terminal
        self._steps, self._told = 0, 0.0
        self._last_look = ""
        self._verdict = ""
        self._score = ""  # the last one, shown until the next
        self._writer: SummaryWriter | None = None
        if tensorboard:
            if folder is None:
                raise OstinatoError("TensorBoard needs a folder to write to: give the logger one")
            _summary_writer_class()

    def begin(self, steps: int, step: int, epoch: int) -> None:
        """Before the first step of a training of `steps` steps, of which `step`, and `epoch` epochs, are done."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            metrics = self.folder / METRICS
            kept = _lines_until(metrics, step, epoch) if step and metrics.exists() else []
            write_durably(metrics, "".join(kept).encode())
            if self.tensorboard:
                self._writer = _summary_writer_class()(str(self.folder / "tensorboard"), purge_step=step + 1)
        self._steps, self._told = steps, monotonic()
        self._bar.update(self._task, total=steps, completed=step)
        self._bar.start()

    def record(self, record: MetricsRecord) -> None:
        """After an optimiser step or an epoch."""
        self._show(record)
        if record.kind == "step" and record.step % self.every:
            return
        self._write(asdict(record))
        if self._writer is not None:
            for name in ("loss", "score", "learning_rate", "gradient_norm"):
                if (value := getattr(record, name)) is not None:
                    self._writer.add_scalar(f"{record.kind}/{name}", value, record.step)

    def observed(self, step: int, epoch: int, observation: Observation) -> None:
        """After an optimiser step that somebody looked at, or not."""
        if not observation.seen:
            return
        self._write({"kind": "doctor", "step": step, "epoch": epoch} | observation.seen)
        if self._writer is not None:
            for layer, figures in observation.seen["layers"].items():
                for name, value in figures.items():
                    if value is not None:
                        self._writer.add_scalar(f"doctor/{layer}/{name}", value, step)
        self._last_look = f"doctor, last look at step {step}: {'; '.join(observation.seen['findings'])}"
        for words in observation.said:
            self._tell(f"doctor, step {step}: {words}")

    def say(self, verdict: str) -> None:
        """Something to know of the training, told once until it is something else; "" for nothing new."""
        if verdict and verdict != self._verdict:
            self._tell(verdict)
            self._verdict = verdict

    def end(self) -> None:
        """After the last step, or when training breaks off."""
        self._bar.stop()
        if self._last_look:
            self._tell(self._last_look)
        if self._writer is not None:
            self._writer.close()

    def _write(self, entry: dict[str, Any]) -> None:
        if self.folder is not None:
            path = self.folder / METRICS
            with naming(path), path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def _tell(self, words: str) -> None:
        if self.progress:
            self._bar.console.print(words, markup=False, highlight=False, soft_wrap=True)

    def _show(self, record: MetricsRecord) -> None:
        if record.score is not None:
            self._score = f"  score {record.score:.4g}"
        text = f"epoch {record.epoch}  loss {record.loss:.4g}{self._score}"
        self._bar.update(self._task, completed=record.step, description=text)
        if self._lines and monotonic() - self._told >= LINE_SECONDS:
            self._told = monotonic()
            left = (self._steps - record.step) / record.steps_per_second
            self._tell(f"{text}  step {record.step:,} of {self._steps:,}, {_minutes(left)} left at most")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _lines_until(metrics: Path, step: int, epoch: int) -> list[str]:
    """The lines of the steps and epochs done; those of a killed run that came after its checkpoint are left out."""
    kept = []
    lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            done = entry["epoch"] <= epoch if entry["kind"] == "epoch" else entry["step"] <= step
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            if number == len(lines):  # torn by the kill
                break
            raise OstinatoError(f"{metrics}, line {number} is not a line of metrics: move the file away") from error
        if done and line.endswith("\n"):
            kept.append(line)
    return kept


def _summary_writer_class() -> "type[SummaryWriter]":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        raise OstinatoError("TensorBoard is not installed: pip install 'ostinato[tensorboard]'") from error
    return SummaryWriter
