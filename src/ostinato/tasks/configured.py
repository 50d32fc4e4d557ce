"""What is made from settings by keyword, and keeps scikit-learn's manners about them."""

from difflib import get_close_matches
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import ValidationError

from ostinato.errors import OstinatoError
from ostinato.tasks.settings import NetworkSettings

S = TypeVar("S", bound=NetworkSettings)


class Configured(Generic[S]):
    """Settings as they were given, and as data have completed them.

    Args:
        settings: See `settings_class`.

    Attributes:
        settings: As given, or with what data decided in place of None.

    Raises:
        OstinatoError: For an unknown setting or a value out of range, naming both.
    """

    settings_class: ClassVar[type[NetworkSettings]]
    settings: S

    def __init__(self, **settings: Any) -> None:
        self._params = settings
        self._given: S = self._settings(settings)
        self.settings = self._given

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every setting by name, before data have decided any. `deep` is for scikit-learn; there is nothing below."""
        return {name: self._params.get(name, getattr(self._given, name)) for name in type(self._given).model_fields}

    def set_params(self, **params: Any) -> Self:
        """Changes settings; those of the network count from the next `fit` on.

        Raises:
            OstinatoError: As the constructor.
        """
        changed, decided = self._params | params, self.settings is not self._given
        self._given, self._params = self._settings(changed), changed
        own = {name: getattr(self._given, name) for name in params}
        self.settings = self.settings.model_copy(update=own) if decided else self._given
        return self

    def __sklearn_clone__(self) -> Self:
        """Another with the same settings, not fitted: those that were left to the data are left to them again."""
        return type(self)(**self._params)

    def __repr__(self) -> str:
        """The settings that were given."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._params.items())})"

    def _settings(self, values: dict[str, Any]) -> S:
        try:
            return self.settings_class(**values)  # type: ignore[return-value]
        except ValidationError as error:
            raise OstinatoError(_one_line(type(self).__name__, self.settings_class, error)) from None


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
