"""The contract of every task: settings, fit, predict, evaluate, save, load."""

from abc import ABC, abstractmethod
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ValidationError

from ostinato.errors import OstinatoError

M = TypeVar("M", bound=BaseModel)


class Estimator(ABC, Generic[M]):
    """A task from data to a saved model: ``Estimator(**settings).fit(data)``, then predict, evaluate, save.

    Args:
        settings: See the task's settings class, `settings_class`.

    Raises:
        OstinatoError: For an unknown setting or a value out of range, naming both.
    """

    settings_class: ClassVar[type[BaseModel]]
    settings: M

    def __init__(self, **settings: Any) -> None:
        try:
            self.settings = self.settings_class(**settings)  # type: ignore[assignment]
        except ValidationError as error:
            raise OstinatoError(_one_line(type(self).__name__, self.settings_class, error)) from None

    @abstractmethod
    def fit(self, data: Any, validation: Any = None) -> Self:
        """Trains on a file or an in-memory object; returns the estimator itself."""

    @abstractmethod
    def predict(self, data: Any) -> Any:
        """Applies the trained model."""

    @abstractmethod
    def evaluate(self, data: Any) -> Any:
        """Scores the trained model on data it has not seen, next to trivial baselines."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Writes the trained model as a bundle (see `ostinato.bundle`)."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path) -> Self:
        """Reads what `save` wrote."""


def _one_line(owner: str, settings: type[BaseModel], error: ValidationError) -> str:
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
