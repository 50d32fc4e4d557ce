"""The contract of every verb: settings, fit, predict, evaluate, examine, save, load."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import pandas as pd
from rich.console import RenderableType
from torch import Tensor

from ostinato.bundle import load_bundle, save_bundle
from ostinato.cells import CELLS, Cell
from ostinato.data.folds import Foldable
from ostinato.errors import OstinatoError
from ostinato.modalities import WordSplitSettings
from ostinato.storage import written_whole
from ostinato.tasks.configured import Configured
from ostinato.tasks.fold_scores import FoldScores
from ostinato.tasks.model import Model
from ostinato.tasks.place import alone_in, checkpoints_of, cut_short
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import (
    DistributedContext,
    History,
    Interrupted,
    Trainer,
    TrainingLogger,
    clear_checkpoints,
    moved,
    random_numbers_kept,
    seed_everything,
)

if TYPE_CHECKING:  # imported where it looks: a model that only predicts does without
    from ostinato.diagnostics import Examination

S = TypeVar("S", bound=NetworkSettings)
R = TypeVar("R")
M = TypeVar("M", bound=Model[Any])

CONLL = ".conll"
"""How the name of a file of tagged words ends, which taggers of words write."""


class NextStep(NamedTuple):
    """A command to go on with, once a model is saved.

    Attributes:
        label: What it is for.
        arguments: What stands after ``ostinato``.
    """

    label: str
    arguments: tuple[str | Path, ...]


class Estimator(Configured[S], ABC, Generic[S, R, M]):
    """A verb, from data to a saved model: ``Estimator(**settings).fit(data)``, then predict, evaluate, save.

    A subclass gives its settings, `read`, `split`, `prepare`, `predict`, `evaluate`, `summary` and a sample of the loss
    for `examine`; all else is written here, once. It keeps scikit-learn's manners, too: `get_params`, `set_params`,
    cloning, `score`, and ``fit(data, y)``.

    Args:
        settings: See the verb's settings class, `settings_class`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None.
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range, naming both.
    """

    model_class: ClassVar[type[Model[Any]]]

    fit_help: ClassVar[str] = "Train a model, score it on data it has not seen, save it."
    """What ``ostinato fit`` says of the verb, with an example."""

    data_help: ClassVar[str] = "Data to train on."
    """What it says of its DATA."""

    validation_help: ClassVar[str] = "Data that choose when to stop; without it a share of DATA does."
    """What it says of other data to choose when to stop."""

    test_help: ClassVar[str] = "Data for the score table"
    """What it says of other data to score on."""

    files: ClassVar[int] = 1
    """How many files may stand for one source of data: 2 where their lines correspond."""

    held_out_of: ClassVar[str] = ""
    """Of what a share is held out, as a title ends: "of the pairs"."""

    scores_title: ClassVar[str] = "Scores"
    """What a table of scores is called."""

    refits: ClassVar[bool] = False
    """Whether it has a `refit`, which trains anew on all data once the scores are known."""

    evaluated_on: ClassVar[str] = "on {data}"
    """What ``ostinato evaluate`` scores, as the title goes on."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.metrics: ScoreTable | None = None
        self.notes: tuple[str, ...] = ()
        self._model: M | None = None
        self._history: History | None = None

    @property
    def model(self) -> M:
        """What `fit` left: the network, and all that belongs to it.

        Raises:
            OstinatoError: Nothing is fitted yet.
        """
        if self._model is None:
            name = type(self).__name__
            raise OstinatoError(f"this {name} is not fitted: call fit(data), or {name}.load(folder)")
        return self._model

    # What a verb gives.

    @abstractmethod
    def read(self, data: Any) -> R:
        """Checked records, as `fit` and `evaluate` read them.

        Raises:
            OstinatoError: For anything wrong with the data, with file, line and column.
        """

    @abstractmethod
    def split(self, records: R, share: float) -> tuple[R, R]:
        """Parts records in two: the rest, and about `share` of them, of which the rest tells nothing."""

    @abstractmethod
    def prepare(self, training: R, validation: R, *, folder: Path | None, start: M | None) -> Prepared[Any, M]:
        """A network, untrained, and all that it takes to train it.

        The generators of random numbers are seeded already.

        Args:
            training: Of these everything is learned.
            validation: Others, which choose when to stop.
            folder: Where the model is trained, for what is too large to be held in memory; None for nowhere.
            start: A model whose weights training goes on from: what they depend on (vocabulary, labels) is taken from
                it and not learned anew; None for none.

        Raises:
            OstinatoError: For too few records, or settings that do not fit them.
        """

    @abstractmethod
    def predict(self, data: Any) -> pd.DataFrame:
        """Applies the trained model to a file or an in-memory object; the table that `ostinato predict` writes."""

    def write(self, predictions: pd.DataFrame, path: str | Path) -> None:
        """Writes what `predict` gave as a CSV file, in full precision.

        Raises:
            OstinatoError: It cannot be written.
        """
        with written_whole(Path(path)) as temporary:
            predictions.to_csv(temporary, index=False)

    def check_output(self, path: str | Path) -> None:
        """Makes sure, before any work, that `write` can write to a file of this name.

        Raises:
            OstinatoError: It cannot.
        """
        if Path(path).suffix.lower() == CONLL:
            raise OstinatoError(f"{path}: a {CONLL} file holds tagged words: give a .csv file")

    @abstractmethod
    def evaluate(self, data: Any) -> ScoreTable:
        """Scores the trained model on data it has not seen, next to trivial baselines."""

    @abstractmethod
    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""

    @abstractmethod
    def sample_loss(self, data: Any) -> Callable[[], Tensor]:
        """What takes the network's loss on a sample of some data, evenly spread, for `examine`."""

    def read_validation(self, data: Any, training: R) -> R:
        """Validation data, read as the training data were."""
        return self.read(data)

    def read_test(self, data: Any, training: R, start: M | None = None) -> R:
        """Data to score on, which ``ostinato fit`` reads before training.

        Args:
            data: To read.
            training: What is trained on.
            start: The model that training goes on from, whose labels, languages and the like are then what is known.

        Raises:
            OstinatoError: For anything wrong with them, a label that the trained model will not know among it.
        """
        return self.read_validation(data, training)

    def overlap(self, training: R, validation: R) -> tuple[str, ...]:
        """What to say of validation data that were given, and stand in the training data too."""
        return ()

    @classmethod
    def holdout_share(cls, *, validation: bool) -> float:
        """The share of the data that ``ostinato fit`` keeps for the scores, with or without validation data."""
        return 0.1

    def hold_out(self, records: R, share: float) -> tuple[Any, Any]:
        """What to fit on, and what to score on, `share` of the records or so."""
        return self.split(records, share)

    def held_out(self, records: R, share: float) -> str:
        """What `hold_out` scores on."""
        return f"the held-out {share:.0%} {self.held_out_of}".rstrip()

    def refit(self, data: Any = None, *, logger: TrainingLogger | None = None) -> Self:
        """Trains anew on all data, for as many epochs as were best; the scores stay.

        Raises:
            OstinatoError: This verb does not.
        """
        raise OstinatoError(f"refit: a {type(self).__name__} is used as it was fitted")

    def check_scoring(self) -> None:
        """Makes sure, before any work, that `evaluate` has all it needs.

        Raises:
            OstinatoError: A library is not installed.
        """

    def details(self, data: Any) -> RenderableType | None:
        """What to show beside the scores on some data; None for nothing."""
        return None

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Commands to go on with, once the model is saved.

        Args:
            out: Where it is saved.
            data: The file it was trained on, or several that correspond.
        """
        files = (data,) if isinstance(data, Path) else data
        return (NextStep("Use it with", ("predict", out, *files[:1])),)

    def with_targets(self, data: Any, y: Any) -> Any:
        """Data whose targets come apart from them, as scikit-learn gives them, as `read` takes them.

        Raises:
            OstinatoError: The data of this verb hold their own targets.
        """
        raise OstinatoError(
            f"{type(self).__name__} takes no y: its data hold what it learns. Other data to choose when to stop are "
            "given as validation=..."
        )

    def losses(self, data: Any) -> pd.DataFrame:
        """One row a record, with "loss": how unlikely what is true of it seemed. Verbs without such rows refuse it."""
        raise OstinatoError(f"worst is for classifiers and taggers; this is a {type(self).__name__}")

    # What follows from it.

    def worst(self, data: Any, n: int = 20) -> pd.DataFrame:
        """The n records with the greatest loss, the greatest first: where to look for mistakes, the data's or its own.

        Raises:
            OstinatoError: For n below 1, anything wrong with the data, or a verb that ranks no records.
        """
        if n < 1:
            raise OstinatoError(f"n must be at least 1, got {n}")
        return self.losses(data).nlargest(n, "loss").reset_index(drop=True)

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        validation: Any = None,
        warm_start: Self | None = None,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains on a file or an in-memory object.

        The global random generators and the number of threads are afterwards what they were before.

        Args:
            data: To train on.
            y: Labels, tags or other targets of `data`, one for each, where they do not stand in it.
            validation: To choose when to stop; a part of `data` unless given.
            warm_start: A fitted estimator, perhaps this one, whose weights training goes on from. Its vocabulary,
                labels and whatever else the weights depend on stay; so do its settings, where this one was given none.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.

        Returns:
            This estimator, with the best weights found.

        Raises:
            OstinatoError: For anything wrong with the data (file, line and how to mend it), or too little of it; for
                settings that the weights of `warm_start` do not fit.
            TrainingDiverged: The loss or a gradient is not finite.
            Interrupted: Ctrl-C; a checkpoint was written where there is a folder. From the first epoch on this
                estimator then has the best weights so far.
        """
        start = None
        if warm_start is not None:
            self.adopt_settings(warm_start)
            start = warm_start.model
        place = None if folder is None else Path(folder)
        with alone_in(place), random_numbers_kept(), self._given.on_threads():
            whole = self.read(data if y is None else self.with_targets(data, y))
            if validation is None:
                training, validating = self.split(whole, self._given.validation_share)
                overlap: tuple[str, ...] = ()
            else:
                training, validating = whole, self.read_validation(validation, whole)
                overlap = self.overlap(training, validating)
            seed_everything(self._given.seed)
            prepared = self.prepare(training, validating, folder=place, start=start)
            if start is not None:
                start.give_weights(prepared.network)
            try:
                history = self._train(prepared, place, resume, logger)
            except Interrupted as interrupted:
                if interrupted.usable:
                    self._keep(prepared, None, overlap)
                raise
            to_be_continued = cut_short(history, prepared.settings, place)
            self._keep(prepared, history, (*overlap, *to_be_continued))
            if place is not None and not to_be_continued and DistributedContext.from_environment().main:
                clear_checkpoints(checkpoints_of(place))
        return self

    def _keep(self, prepared: Prepared[Any, M], history: History | None, further_notes: tuple[str, ...]) -> None:
        """Makes the model of a network that was trained; None: not to the end."""
        self._model, self._history = prepared.model(), history
        self.settings, self.metrics = self._model.settings, None
        self.notes = (*prepared.notes, *further_notes)

    def adopt_settings(self, other: Self) -> None:
        """Takes another's settings for those that this one was given none of, as `fit` does with `warm_start`.

        Args:
            other: A fitted estimator of the same verb.

        Raises:
            OstinatoError: It is of another verb, not fitted, or was trained with another tokenizer than was given here.
        """
        if type(other) is not type(self):
            raise OstinatoError(f"warm_start: a {type(other).__name__}, where a {type(self).__name__} is trained")
        theirs = dict(other.model.settings)
        for name in sorted(WordSplitSettings.model_fields.keys() & self._params.keys()):
            if self._params[name] != theirs[name]:
                raise OstinatoError(
                    f"{name} = {self._params[name]!r}: the model to go on from was trained with {theirs[name]!r}: "
                    "leave it out"
                )
        merged = self._settings(theirs | self._params)
        self._given = type(merged).model_construct(set(self._params), **dict(merged))

    def _train(
        self,
        prepared: Prepared[Any, M],
        folder: Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
        last_epoch: int | None = None,
    ) -> History:
        """Trains the network in place."""
        from ostinato.diagnostics import Doctor

        settings = prepared.settings
        device = settings.on_device
        network = prepared.network.to(device)
        trainer = Trainer(
            network,
            lambda model, batch, state: prepared.loss(model, moved(batch, device), state),
            settings,
            folder=None if folder is None else checkpoints_of(folder),
            logger=logger,
            monitor=Doctor(network, settings),
        )
        return trainer.fit(prepared.batches, prepared.scoring(logger), resume=resume, last_epoch=last_epoch)

    def score(self, data: Any, y: Any = None) -> float:
        """The first figure of `evaluate` that a verdict speaks of, negative where less is better: higher is better.

        `data` are as for `evaluate`, and `y` is as for `fit`.
        """
        return self.evaluate(data if y is None else self.with_targets(data, y)).main

    def cross_validate(self, data: Any, y: Any = None, *, folds: int = 5) -> FoldScores:
        """Scores these settings on every part of some data, by models fitted on the other parts; itself is not fitted.

        Args:
            data: As for `fit`.
            y: As for `fit`.
            folds: Parts, at least 2; records that are equal are in one part.

        Raises:
            OstinatoError: As `fit` and `evaluate`; the data are too few, or cannot be dealt out, as a text or a series.
        """
        records = self.read(data if y is None else self.with_targets(data, y))
        if not isinstance(records, Foldable):
            raise OstinatoError(f"folds: the data of a {type(self).__name__} are one sequence, which is not dealt out")
        parts = records.folds(folds, self._given.seed)
        return FoldScores(tuple(self.__sklearn_clone__().fit(rest).evaluate(part) for rest, part in parts))

    def examine(self, data: Any) -> "Examination":
        """Looks into the trained network as it works on some data: gradients through time, dynamics, memory, a verdict.

        Args:
            data: A file or an in-memory object, as for `evaluate`; some of it is taken, evenly spread.

        Returns:
            What was found; `print` it, or write it as a page with ``ostinato.diagnostics.write_page``.

        Raises:
            OstinatoError: Nothing is fitted yet, or anything is wrong with the data.
        """
        from ostinato.diagnostics import TrainingContext, examine

        network, loss = self.model.network, self.sample_loss(data)
        beaten = "" if self.metrics is None or self.metrics.beats else self.metrics.verdict()
        with random_numbers_kept(), self.settings.on_threads():
            return examine(network, loss, TrainingContext.of(self.settings, beaten=beaten))

    def save(self, folder: str | Path) -> None:
        """Writes the trained model as a bundle: `bundle.json` and a safetensors file.

        Raises:
            OstinatoError: Nothing is fitted yet, or the folder holds other things.
        """
        tensors, content = self.model.saved()
        save_bundle(
            Path(folder),
            kind=type(self).__name__,
            settings=self.settings.model_dump(mode="json"),
            tensors=tensors,
            metrics=None if self.metrics is None else self.metrics.to_dict(),
            model=content,
            notes=self.notes,
        )

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        cell: type[Cell[Any]] | None = None,
        device: str = "auto",
        **files: str | None,
    ) -> Self:
        """Reads what `save` wrote.

        Args:
            folder: The bundle.
            cell: Your own Cell class, where the model was trained with one: a bundle holds weights, never code.
            device: Where it predicts, see the setting; not where it was trained.
            files: How files it is used on are written, where not as the training data: `encoding`, `quoting`,
                `decimal`, `thousands`, as in the settings.

        Raises:
            OstinatoError: For a folder that is no such bundle, is damaged, or needs `cell`.
        """
        bundle = load_bundle(Path(folder), {cls.__name__})
        settings = (
            bundle.settings | {"device": device} | {name: value for name, value in files.items() if value is not None}
        )
        trained_with = settings.get("cell")
        if not isinstance(trained_with, str) or trained_with not in CELLS:
            if cell is None:
                raise OstinatoError(
                    f"{folder} was trained with the cell {trained_with}: "
                    f"{cls.__name__}.load(folder, cell=<that class>) loads it"
                )
            settings["cell"] = cell
        self = cls(**settings)
        model = self.model_class.restored(bundle, self.settings)
        model.network.to(self.settings.on_device)
        self._model = model  # type: ignore[assignment]
        self.notes = bundle.notes
        self.metrics = ScoreTable.from_dict(bundle.metrics) if bundle.metrics else None
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self._model is not None
