"""The contract of every task: settings, fit, predict, evaluate, save, load."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import pandas as pd
from pydantic import ValidationError
from torch import Tensor, nn

from ostinato.bundle import Bundle, load_bundle, save_bundle
from ostinato.cells import CELLS, Cell
from ostinato.diagnostics import Examination, TrainingContext, examine
from ostinato.errors import OstinatoError
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import TrainingLogger


class Trained(Protocol):
    """What fitting leaves: all that predicts, and that a bundle must hold."""

    def tensors(self) -> dict[str, Tensor]:
        """Every number that was learned, by name."""
        ...

    def extras(self) -> dict[str, Any]:
        """Everything else, fit for JSON."""
        ...


M = TypeVar("M", bound=NetworkSettings)
F = TypeVar("F", bound=Trained)


class Estimator(ABC, Generic[M, F]):
    """A task from data to a saved model: ``Estimator(**settings).fit(data)``, then predict, evaluate, save.

    Args:
        settings: See the task's settings class, `settings_class`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None.
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range, naming both.
    """

    settings_class: ClassVar[type[NetworkSettings]]
    settings: M

    def __init__(self, **settings: Any) -> None:
        try:
            self.settings = self.settings_class(**settings)  # type: ignore[assignment]
        except ValidationError as error:
            raise OstinatoError(_one_line(type(self).__name__, self.settings_class, error)) from None
        self.metrics: ScoreTable | None = None
        self.notes: tuple[str, ...] = ()
        self._fitted: F | None = None

    @abstractmethod
    def fit(
        self,
        data: Any,
        validation: Any = None,
        *,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains on a file or an in-memory object; returns the estimator itself.

        Args:
            data: To train on.
            validation: To choose when to stop; a part of `data` unless given.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.
        """

    @abstractmethod
    def predict(self, data: Any) -> pd.DataFrame:
        """Applies the trained model to a file or an in-memory object; the table that `ostinato predict` writes."""

    @abstractmethod
    def evaluate(self, data: Any) -> ScoreTable:
        """Scores the trained model on data it has not seen, next to trivial baselines."""

    def details(self, data: Any) -> None:
        """Nothing to show beside the scores."""

    def examine(self, data: Any) -> Examination:
        """Looks into the trained network as it works on some data: gradients through time, dynamics, memory, a verdict.

        Args:
            data: A file or an in-memory object, as for `evaluate`; some of it is taken, evenly spread.

        Returns:
            What was found; `print` it, or write it as a page with ``ostinato.diagnostics.write_page``.

        Raises:
            OstinatoError: Nothing is fitted yet, or anything is wrong with the data.
        """
        network, loss = self._case(data)
        with self.settings.on_threads():
            return examine(network, loss, self._training_context())

    def _training_context(self) -> TrainingContext:
        """What advice depends on."""
        beaten = "" if self.metrics is None or self.metrics.beats else self.metrics.verdict()
        return TrainingContext.of(self.settings, beaten=beaten)

    @abstractmethod
    def _case(self, data: Any) -> tuple[nn.Module, Callable[[], Tensor]]:
        """The network, and what takes its loss on a sample of some data, for the doctor."""

    @abstractmethod
    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""

    @abstractmethod
    def _restored(self, bundle: Bundle) -> F:
        """What `tensors` and `extras` of a trained model gave, from the bundle they were saved in."""

    def save(self, folder: str | Path) -> None:
        """Writes the trained model as a bundle: `bundle.json` and a safetensors file.

        Raises:
            OstinatoError: Nothing is fitted yet, or the folder holds other things.
        """
        fitted = self._need()
        save_bundle(
            Path(folder),
            kind=type(self).__name__,
            settings=self.settings.model_dump(mode="json"),
            tensors=fitted.tensors(),
            metrics=None if self.metrics is None else self.metrics.to_dict(),
            model=fitted.extras(),
            notes=self.notes,
        )

    @classmethod
    def load(cls, folder: str | Path, *, cell: type[Cell[Any]] | None = None) -> Self:
        """Reads what `save` wrote.

        Args:
            folder: The bundle.
            cell: Your own Cell class, where the model was trained with one: a bundle holds weights, never code.

        Raises:
            OstinatoError: For a folder that is no such bundle, is damaged, or needs `cell`.
        """
        bundle = load_bundle(Path(folder), {cls.__name__})
        settings = dict(bundle.settings)
        if settings["cell"] not in CELLS:
            if cell is None:
                raise OstinatoError(
                    f"{folder} was trained with the cell {settings['cell']}: "
                    f"{cls.__name__}.load(folder, cell=<that class>) loads it"
                )
            settings["cell"] = cell
        self = cls(**settings)
        self._fitted = self._restored(bundle)
        self.notes = bundle.notes
        self.metrics = ScoreTable.from_dict(bundle.metrics) if bundle.metrics else None
        return self

    def _need(self) -> F:
        if self._fitted is None:
            name = type(self).__name__
            raise OstinatoError(f"this {name} is not fitted: call fit(data), or {name}.load(folder)")
        return self._fitted


def _one_line(owner: str, settings: type[NetworkSettings], error: ValidationError) -> str:
    """What pydantic found, in one line a person can act on."""
    problems = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"][:1])
        if problem["type"] == "extra_forbidden":
            near = get_close_matches(name, settings.model_fields, 1)
            there = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(settings.model_fields))}"
            problems.append(f"no setting {name!r} ({there})")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{name} = {problem['input']!r}: {message}" if name else message)
    return f"{owner}: " + "; ".join(problems)
