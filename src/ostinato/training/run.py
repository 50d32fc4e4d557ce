"""All that changes during training, which is all that a checkpoint holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from ostinato.errors import OstinatoError
from ostinato.storage import misfits
from ostinato.training.averaging import moving_average, plain_average
from ostinato.training.carried import State, leaves, pack, structure
from ostinato.training.checkpoint import load_checkpoint
from ostinato.training.distributed import DistributedContext
from ostinato.training.monitor import Monitor
from ostinato.training.optimizer import build_optimizer
from ostinato.training.progress import History, Progress
from ostinato.training.schedule import Schedule
from ostinato.training.seeds import random_state, restore_random_state
from ostinato.training.settings import TrainingSettings


class Run:
    """The moving parts of one training: weights, optimiser, schedule, average, best weights, carried state, progress.

    Args:
        model: trained in place.
        settings: how.
        process: this process among those that train together.
        batches: in an epoch.
        monitor: who looks on; None for nobody.
        last_epoch: the epoch, counted from 1, after which to stop; None for the last.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        process: DistributedContext,
        batches: int,
        monitor: Monitor | None = None,
        last_epoch: int | None = None,
    ) -> None:
        self.model, self.settings, self.process, self.batches = model, settings, process, batches
        self.last_epoch = settings.epochs if last_epoch is None else last_epoch
        self.device = next(model.parameters()).device
        self.wrapped = process.wrap(model)
        self.steps = settings.epochs * -(-batches // settings.accumulation_steps)
        model.zero_grad()
        self.optimizer = build_optimizer(model, settings)
        self.schedule = Schedule(self.optimizer, settings, self.steps)
        self.average = moving_average(model, settings.ema_decay) if settings.ema_decay is not None else None
        self.progress = Progress()
        self.carried: State = None
        self.best: dict[str, Tensor] | None = None
        self.monitor = monitor

    @property
    def scored(self) -> nn.Module:
        """The model whose weights are scored and kept: the average where there is one."""
        return self.model if self.average is None else self.average.module

    @property
    def learning_rate(self) -> float:
        """That of the next optimiser step."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def clip_norm(self) -> float | None:
        """The clipping threshold: that of the settings, or of the monitor's remedy."""
        return self.settings.clip_norm if self.monitor is None else self.monitor.clip_norm

    @property
    def patience_lost(self) -> bool:
        """Whether the score has not become better for too long."""
        return self.settings.patience is not None and self.progress.epochs_without_improvement >= self.settings.patience

    @property
    def finished(self) -> bool:
        """Whether no epoch is left to do."""
        return self.progress.epoch >= self.last_epoch or self.patience_lost

    def step(self, lr_scale: float) -> None:
        """Update the weights with the gradients there are, at `lr_scale` times the learning rate."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * lr_scale
        self.optimizer.step()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.optimizer.zero_grad()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def begin_averaging(self) -> None:
        """From the next step on, when the score has not become better for so long; patience then starts anew."""
        trigger = self.settings.averaging_trigger
        if self.average is None and trigger is not None and self.progress.epochs_without_improvement >= trigger:
            self.average, self.progress.epochs_without_improvement = plain_average(self.model), 0

    def remember_best(self) -> None:
        """Keep the weights that were just scored."""
        self.best = {name: tensor.detach().clone() for name, tensor in self.scored.state_dict().items()}

    def give_best(self) -> None:
        """Leave the best weights in the model; without validation the last ones."""
        self.model.load_state_dict(self.best if self.best is not None else self.scored.state_dict())

    def history(self, overtime: bool) -> History:
        """What the training gave."""
        progress = self.progress
        stopped: Literal["epochs", "patience", "seconds"] = (
            "seconds" if overtime else "patience" if self.patience_lost else "epochs"
        )
        return History(tuple(progress.records), progress.best_epoch, progress.best_score, stopped)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The tensors and facts of a checkpoint. All processes call it, as states of all of them are in it."""
        carried = {f"carried.{i}": leaf for i, leaf in enumerate(leaves(self.carried))}
        generators = {f"generator.{name}": state for name, state in random_state(self.device).items()}
        tensors = {
            **_prefixed("model", self.model.state_dict()),
            **_prefixed("average", self.average.state_dict() if self.average is not None else {}),
            **_prefixed("best", self.best or {}),
            **_prefixed("optimizer", self._optimizer_tensors()),
            **{
                f"process.{rank}.{name}": tensor
                for name, own in {**carried, **generators}.items()
                for rank, tensor in enumerate(self.process.gather(own))
            },
        }
        facts = {
            "settings": self.settings.trajectory(),
            "data": self._data(),
            "progress": self.progress.to_json(),
            "schedule": self.schedule.state_dict(),
            "learning_rates": [group["lr"] for group in self.optimizer.param_groups],
            "carried": structure(self.carried),
            "monitor": None if self.monitor is None else self.monitor.state_dict(),
        }
        return tensors, facts

    def load_state_dict(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            OstinatoError: it is damaged, or of other settings, another model or other data.
        """
        tensors, facts = load_checkpoint(path)
        _refuse_changes(path, "settings", facts["settings"], self.settings.trajectory())
        _refuse_changes(path, "data", facts["data"], self._data())
        weights = _under("model", tensors)
        if wrong := misfits(weights, self.model.state_dict()):
            raise OstinatoError(
                f"{path} is of another model: {'; '.join(wrong)}. Resume with the model it was made with"
            )
        self.model.load_state_dict(weights)
        if average := _under("average", tensors):
            if self.average is None:
                self.average = plain_average(self.model)
            self.average.load_state_dict(average)
        best = _under("best", tensors)
        self.best = {name: tensor.to(self.device) for name, tensor in best.items()} or None
        self._restore_optimizer(_under("optimizer", tensors), facts["learning_rates"])
        self.schedule.load_state_dict(facts["schedule"])
        self.progress = Progress.from_json(facts["progress"])
        if self.monitor is not None and (known := facts.get("monitor")) is not None:
            self.monitor.load_state_dict(known)
        own = _under(f"process.{self.process.rank}", tensors)
        carried = _under("carried", own)
        self.carried = pack(facts["carried"], (carried[str(i)].to(self.device) for i in range(len(carried))))
        restore_random_state(_under("generator", own), self.device)

    def _data(self) -> dict[str, int]:
        return {"batches in an epoch": self.batches, "processes": self.process.world_size}

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        state = self.optimizer.state_dict()["state"]
        return {f"{index}.{name}": tensor for index, entry in state.items() for name, tensor in entry.items()}

    def _restore_optimizer(self, tensors: Mapping[str, Tensor], rates: list[float]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def _refuse_changes(path: Path, what: str, then: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [
        f"{name} was {then.get(name)} and is {now.get(name)}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    if changed:
        raise OstinatoError(
            f"{path} was made with other {what}: {'; '.join(changed)}. Resume as begun, or train in another folder"
        )
